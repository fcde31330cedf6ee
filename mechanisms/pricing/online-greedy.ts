/** One job of one slot: available from `arrival` to `departure`, both included. */
export interface UnitJob {
  id: string;
  arrival: number;
  departure: number;
  value: number;
}

/** Slot of each job, -1 = none, with `machines` slots at a time: the most valuable present job first, ties to the lower id. */
export function greedySlots(jobs: readonly UnitJob[], machines: number): number[] {
  const slot: number[] = jobs.map(() => -1);
  const first = jobs.reduce((a, j) => Math.min(a, j.arrival), Number.MAX_SAFE_INTEGER);
  const last = jobs.reduce((a, j) => Math.max(a, j.departure), Number.MIN_SAFE_INTEGER);
  const order = jobs.map((_, i) => i);
  order.sort((a, b) => jobs[b]!.value - jobs[a]!.value || (jobs[a]!.id < jobs[b]!.id ? -1 : 1));
  for (let t = first; t <= last; t++) {
    let free = machines;
    for (const i of order) {
      const j = jobs[i]!;
      if (free === 0) break;
      if (slot[i] !== -1 || j.arrival > t || j.departure < t || j.value <= 0) continue;
      slot[i] = t;
      free--;
    }
  }
  return slot;
}

/** What each served job pays: the least value with which it would still be served in its window; 0 for the others. */
export function criticalPayments(jobs: readonly UnitJob[], machines: number): number[] {
  const slot = greedySlots(jobs, machines);
  return jobs.map((_, i) => {
    if (slot[i] === -1) return 0;
    // Being served changes only where the own value passes another's, and is monotone: the least passed value counts.
    const levels = [0, ...jobs.filter((_j, k) => k !== i).map((j) => j.value)].sort((a, b) => a - b);
    const above = (v: number): boolean => {
      const probe = jobs.map((j, k) => (k === i ? { ...j, value: v } : j));
      return greedySlots(probe, machines)[i] !== -1;
    };
    for (let k = 0; k < levels.length; k++) {
      const next = levels[k + 1] ?? levels[k]! + 2;
      if (next > levels[k]! && above((levels[k]! + next) / 2)) return levels[k]!;
    }
    return levels.at(-1)!;
  });
}
