/** The page's side of reading run directories. */
import type { RunJson } from '../../sim/summary.ts';

export interface ToRuns {
  id: number;
  files: { path: string; file: File }[];
}

export interface LoadedRun {
  dir: string;
  name: string;
  seed: number;
  /** The same for runs that differ in their seed only. */
  variant: string;
  result: RunJson;
  waits: { job: Float64Array; submitted: Float64Array; wait: Float64Array };
}

export type FromRuns =
  | { id: number; kind: 'progress'; share: number }
  | { id: number; kind: 'result'; runs: LoadedRun[]; faults: string[] };

export interface Loaded {
  share: number;
  runs: LoadedRun[];
  faults: string[];
}

let worker: Worker | null = null;
let last = 0;

export function load(files: Iterable<File>): (notify: (x: Loaded) => void) => () => void {
  return (notify) => {
    const list = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    if (list.length === 0) {
      notify({ share: 1, runs: [], faults: [] });
      return () => {};
    }
    worker ??= new Worker(new URL('./runs.worker.ts', import.meta.url), { type: 'module' });
    const id = ++last;
    notify({ share: 0, runs: [], faults: [] });
    const hear = (e: MessageEvent<FromRuns>): void => {
      if (e.data.id !== id) return;
      if (e.data.kind === 'progress') notify({ share: Math.min(0.99, e.data.share), runs: [], faults: [] });
      else notify({ share: 1, runs: e.data.runs, faults: e.data.faults });
    };
    worker.addEventListener('message', hear);
    worker.postMessage({ id, files: list } satisfies ToRuns);
    return () => worker?.removeEventListener('message', hear);
  };
}

export const metrics: Record<string, (r: RunJson) => number | null> = {
  'mean wait, s': (r) => r.waitSeconds.mean,
  'p95 wait, s': (r) => r.waitSeconds.p95,
  'mean time to completion, s': (r) => r.jctSeconds.mean,
  'jobs completed': (r) => r.jobs.completed,
  utilisation: (r) => r.gpu.utilisation,
  'users paid, USD': (r) => Number(r.money.charged) / 1e6,
  'providers got, USD': (r) => Number(r.money.providers) / 1e6,
  'welfare, USD': (r) => r.economics.welfare,
  'paid per useful GPU-hour, USD': (r) => r.economics.costPerUsefulGpuHour,
};

/** Waits of the same jobs in two runs: second minus first, seconds. */
export function pairedWaits(a: LoadedRun, b: LoadedRun): number[] {
  const other = new Map<number, number>();
  for (let i = 0; i < b.waits.job.length; i++) other.set(b.waits.job[i]!, i);
  const out: number[] = [];
  for (let i = 0; i < a.waits.job.length; i++) {
    const k = other.get(a.waits.job[i]!);
    if (k === undefined || a.waits.submitted[i] !== b.waits.submitted[k]) continue;
    if (a.waits.wait[i]! < 0 || b.waits.wait[k]! < 0) continue;
    out.push((b.waits.wait[k]! - a.waits.wait[i]!) / 1e6);
  }
  return out;
}

/** Runs that no other run beats in both figures. */
export function paretoFront<T>(
  list: readonly T[],
  x: (t: T) => number,
  y: (t: T) => number,
  xLess: boolean,
  yLess: boolean,
): T[] {
  const better = (a: number, b: number, less: boolean): boolean => (less ? a < b : a > b);
  return list.filter(
    (t) =>
      !list.some(
        (o) =>
          !better(x(t), x(o), xLess) &&
          !better(y(t), y(o), yLess) &&
          (better(x(o), x(t), xLess) || better(y(o), y(t), yLess)),
      ),
  );
}
