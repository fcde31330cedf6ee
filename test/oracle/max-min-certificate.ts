/**
 * An upper bound of what the worst-off job can have, by weak duality: whatever prices it is worked out from, no assignment does
 * better, so an assignment that reaches it is optimal. Prices come from a plain simplex of its own; were they wrong, the bound would
 * only be too high.
 */
import type { Kind } from '../../mechanisms/queueing/lib/allocation.ts';

const EPS = 1e-11;

/** Whom any class that is there can hold: the others bound nobody. */
export const able = (k: Kind, capacity: readonly number[]): boolean =>
  k.worth.some((w, c) => w > 0 && capacity[c]! >= k.gpus);

/** Least worth over the kinds that can run at all; 0 when there is none. */
export function leastWorth(
  kinds: readonly Kind[],
  capacity: readonly number[],
  parts: readonly (readonly number[])[],
): number {
  const worths = kinds.flatMap((k, i) =>
    able(k, capacity) ? [k.worth.reduce((sum, w, c) => sum + w * parts[i]![c]!, 0)] : [],
  );
  return worths.length === 0 ? 0 : Math.min(...worths);
}

/** No assignment of parts gives the worst-off job more than this. */
export function upperBound(all: readonly Kind[], capacity: readonly number[]): number {
  const there = all.filter((k) => able(k, capacity));
  if (there.length === 0) return 0;
  // In units of what any one of them could have at most: worths may be tiny.
  const unit = Math.min(...there.map((k) => Math.max(...k.worth.filter((_, c) => capacity[c]! >= k.gpus))));
  // Whoever needs next to nothing of its time would only spoil the figures of the others: it is left out, its price nought.
  const kinds = there
    .map((k) => ({ ...k, worth: k.worth.map((w) => w / unit) }))
    .filter((k) => k.worth.every((w, c) => capacity[c]! < k.gpus || w < 1e6));
  const { ofWorth, ofClass } = prices(kinds, capacity);
  const total = ofWorth.reduce((a, b) => a + b, 0);
  const w = total > 0 ? ofWorth.map((y) => y / total) : kinds.map(() => 1 / kinds.length);
  const price = ofClass.map((y) => (total > 0 ? y / total : y));
  // The price of a job's own time is the least that leaves no class a bargain.
  const own = kinds.map((k, i) =>
    Math.max(
      0,
      ...k.worth.map((worth, c) =>
        worth > 0 && capacity[c]! >= k.gpus ? w[i]! * worth - k.jobs * k.gpus * price[c]! : 0,
      ),
    ),
  );
  return unit * (own.reduce((a, b) => a + b, 0) + capacity.reduce((sum, c, j) => sum + c * price[j]!, 0));
}

/** Shadow prices of "at least the least worth" by kind and of the classes' GPUs, by the simplex on a dense tableau. */
function prices(kinds: readonly Kind[], capacity: readonly number[]): { ofWorth: number[]; ofClass: number[] } {
  const [n, m] = [kinds.length, capacity.length];
  const columns: { kind: number; at: number; scale: number }[] = [];
  kinds.forEach((k, kind) => {
    k.worth.forEach((w, at) => {
      if (w > 0 && capacity[at]! >= k.gpus) columns.push({ kind, at, scale: w });
    });
  });
  const rows = 2 * n + m;
  const z = columns.length;
  const width = z + 1 + rows + 1;
  const t = Array.from({ length: rows + 1 }, () => new Float64Array(width));
  columns.forEach(({ kind, at, scale }, j) => {
    t[kind]![j] = -scale;
    t[n + kind]![j] = 1;
    t[2 * n + at]![j] = kinds[kind]!.jobs * kinds[kind]!.gpus;
  });
  for (let i = 0; i < n; i++) {
    t[i]![z] = 1;
    t[n + i]![width - 1] = 1;
  }
  capacity.forEach((c, j) => {
    t[2 * n + j]![width - 1] = c;
  });
  const basis = Array.from({ length: rows }, (_, i) => z + 1 + i);
  for (let i = 0; i < rows; i++) t[i]![z + 1 + i] = 1;
  const goal = t[rows]!;
  goal[z] = -1;
  for (let pivots = 0; pivots < 20_000; pivots++) {
    // Bland's rule: the first column that helps, the first row that binds; it does not cycle.
    let enter = 0;
    while (enter < width - 1 && goal[enter]! > -EPS) enter++;
    if (enter === width - 1) break;
    let leave = -1;
    let ratio = Number.POSITIVE_INFINITY;
    for (let i = 0; i < rows; i++) {
      const a = t[i]![enter]!;
      if (a <= EPS) continue;
      const r = t[i]![width - 1]! / a;
      if (r < ratio - EPS || (r < ratio + EPS && (leave < 0 || basis[i]! < basis[leave]!))) {
        ratio = Math.min(r, ratio);
        leave = i;
      }
    }
    if (leave < 0) break;
    const row = t[leave]!;
    const by = row[enter]!;
    for (let j = 0; j < width; j++) row[j]! /= by;
    for (const other of t) {
      const f = other[enter]!;
      if (other === row || f === 0) continue;
      for (let j = 0; j < width; j++) other[j]! -= f * row[j]!;
    }
    basis[leave] = enter;
  }
  const price = (row: number): number => Math.max(0, goal[z + 1 + row]!);
  return { ofWorth: kinds.map((_, i) => price(i)), ofClass: capacity.map((_, j) => price(2 * n + j)) };
}
