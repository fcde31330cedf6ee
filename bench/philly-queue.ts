/**
 * How many jobs of the Philly trace wait on 200 machines of 8 GPUs, by rule: a plain event simulation that shares no code with
 * the project, to check its queue against and to show what the rule is worth (scenarios/replay-philly/README.md).
 *
 * A head that does not fit gets the earliest time at which it will. Rules: fifo; easy (an overtaker ends by then, or uses what the
 * head does not need then); easy-strict (it ends by then). Machines: `pool` counts 8N interchangeable GPUs; otherwise a job is on
 * one machine, or on whole machines and a rest when larger than 8, and best, first or worst fit picks it.
 */
import { readFileSync } from 'node:fs';
import { type BenchReport, plain } from './report.ts';
import { hasShared, sharedPath } from './shared-data.ts';

const TRACE = 'traces/philly_rfold/philly_trace.csv';
const NODES = 200;

type Rule = 'fifo' | 'easy' | 'easy-strict';
type Fit = 'pool' | 'best' | 'first' | 'worst';

interface Job {
  at: number;
  gpus: number;
  run: number;
}

interface Running {
  end: number;
  gpus: number;
  /** Machine and GPUs taken there, in pairs. */
  took: number[];
}

const tasksOf = (gpus: number): number[] =>
  gpus <= 8 ? [gpus] : [...new Array<number>(Math.floor(gpus / 8)).fill(8), ...(gpus % 8 > 0 ? [gpus % 8] : [])];

class Machines {
  readonly fit: Fit;
  readonly free = new Int32Array(NODES).fill(8);
  total = 8 * NODES;
  /** In order of ends. */
  readonly running: Running[] = [];

  constructor(fit: Fit) {
    this.fit = fit;
  }

  #pick(gpus: number, avoid: Uint8Array | null): number {
    let found = -1;
    for (let n = 0; n < NODES; n++) {
      if (this.free[n]! < gpus || avoid?.[n] === 1) continue;
      if (found < 0) found = n;
      else if (this.fit === 'best' && this.free[n]! < this.free[found]!) found = n;
      else if (this.fit === 'worst' && this.free[n]! > this.free[found]!) found = n;
    }
    return found;
  }

  start(job: Job, now: number, avoid: Uint8Array | null): boolean {
    if (job.gpus > this.total) return false;
    const took: number[] = [];
    if (this.fit !== 'pool') {
      for (const gpus of tasksOf(job.gpus)) {
        const n = this.#pick(gpus, avoid);
        if (n < 0) {
          for (let i = 0; i < took.length; i += 2) this.free[took[i]!]! += took[i + 1]!;
          return false;
        }
        this.free[n]! -= gpus;
        took.push(n, gpus);
      }
    }
    this.total -= job.gpus;
    const end = now + job.run;
    let i = this.running.length;
    while (i > 0 && this.running[i - 1]!.end > end) i--;
    this.running.splice(i, 0, { end, gpus: job.gpus, took });
    return true;
  }

  release(): void {
    const r = this.running.shift()!;
    this.total += r.gpus;
    for (let i = 0; i < r.took.length; i += 2) this.free[r.took[i]!]! += r.took[i + 1]!;
  }

  /** When the job fits at the latest, the machines it would have then, and in a pool what it leaves free. */
  reserve(job: Job, now: number): { at: number; nodes: Uint8Array; spare: number } {
    const nodes = new Uint8Array(NODES);
    if (this.fit === 'pool') {
      let free = this.total;
      let at = -1;
      for (const r of this.running) {
        // All that ends at that time is counted.
        if (free >= job.gpus && r.end > at) break;
        free += r.gpus;
        at = r.end;
      }
      return { at, nodes, spare: free - job.gpus };
    }
    let at = now;
    const tasks = tasksOf(job.gpus);
    for (const gpus of new Set(tasks)) {
      const free = Int32Array.from(this.free);
      const seen = free.map((f) => Math.floor(f / gpus));
      const slots: number[][] = [];
      for (let n = 0; n < NODES; n++) for (let k = 0; k < seen[n]!; k++) slots.push([now, n]);
      for (const { end, took } of this.running) {
        for (let i = 0; i < took.length; i += 2) {
          const n = took[i]!;
          free[n]! += took[i + 1]!;
          for (; seen[n]! < Math.floor(free[n]! / gpus); seen[n]!++) slots.push([end, n]);
        }
      }
      const open = slots.filter(([, n]) => nodes[n!] === 0).sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!);
      for (const [end, n] of open.slice(0, tasks.filter((t) => t === gpus).length)) {
        nodes[n!] = 1;
        at = Math.max(at, end!);
      }
    }
    return { at, nodes, spare: 0 };
  }
}

function longestQueue(jobs: readonly Job[], rule: Rule, fit: Fit): { most: number; meanHours: number } {
  const machines = new Machines(fit);
  let queue: Job[] = [];
  let most = 0;
  let waited = 0;
  const schedule = (now: number): void => {
    let started = 0;
    while (started < queue.length && machines.start(queue[started]!, now, null)) waited += now - queue[started++]!.at;
    if (started > 0) queue = queue.slice(started);
    if (rule === 'fifo' || queue.length === 0 || machines.total === 0) return;
    const { at, nodes, spare } = machines.reserve(queue[0]!, now);
    let left = spare;
    const rest = [queue[0]!];
    // What failed once in this pass fails for every job of that size on the same terms.
    const failed = new Set<number>();
    let i = 1;
    for (; i < queue.length && machines.total > 0; i++) {
      const job = queue[i]!;
      const inTime = now + job.run <= at;
      const kind = 2 * job.gpus + (inTime ? 1 : 0);
      let goes = false;
      if (!failed.has(kind) && job.gpus <= machines.total) {
        if (inTime) goes = machines.start(job, now, null);
        else if (rule === 'easy')
          goes = fit === 'pool' ? job.gpus <= left && machines.start(job, now, null) : machines.start(job, now, nodes);
        if (!goes) failed.add(kind);
        else if (!inTime) left -= job.gpus;
      }
      if (goes) waited += now - job.at;
      else rest.push(job);
    }
    queue = rest.concat(queue.slice(i));
  };
  for (let next = 0; next < jobs.length || machines.running.length > 0; ) {
    const arrival = jobs[next]?.at ?? Infinity;
    const now = Math.min(arrival, machines.running[0]?.end ?? Infinity);
    while (machines.running[0]?.end === now) machines.release();
    while (jobs[next]?.at === now) queue.push(jobs[next++]!);
    schedule(now);
    most = Math.max(most, queue.length);
  }
  return { most, meanHours: waited / jobs.length / 3600 };
}

export function phillyQueue(): BenchReport {
  const bench = 'philly-queue';
  if (!hasShared(TRACE))
    return { schema: 'janction.bench/1', bench, figures: [], workHash: '', skipped: `no ${TRACE} in ../shared` };
  const lines = readFileSync(sharedPath(TRACE), 'latin1').trimEnd().split(/\r?\n/).slice(1);
  const jobs = lines.map((line): Job => {
    const f = line.split(',');
    return { at: Number(f[1]), gpus: Number(f[4]), run: Math.max(1e-6, Number(f[5])) };
  });
  const cases: [Rule, Fit][] = [
    ['easy', 'best'],
    ['easy', 'first'],
    ['easy', 'worst'],
    ['easy-strict', 'best'],
    ['easy', 'pool'],
    ['easy-strict', 'pool'],
    ['fifo', 'best'],
    ['fifo', 'pool'],
  ];
  const found = cases.map(([rule, fit]) => ({ name: `${rule}-${fit}`, ...longestQueue(jobs, rule, fit) }));
  const figures = found.flatMap(({ name, most, meanHours }) => [
    plain(`${name}-waiting`, most, 'jobs'),
    plain(`${name}-mean`, meanHours, 'h'),
  ]);
  return { schema: 'janction.bench/1', bench, figures, workHash: found.map((f) => f.most).join('.') };
}
