/** The page's side of reading run and sweep directories: everything heavy happens in a worker. */
import { type MeanInterval, meanInterval } from '../../lab/stats/interval.ts';
import type { LoadedSweep, SensitivityFile } from '../../lab/stats/sweep-analysis.ts';
import type { RunJson } from '../../sim/summary.ts';

export type ToRuns =
  | { kind: 'load'; id: number; files: { path: string; file: File }[] }
  /** Pairs the jobs of run `base` with those of every run of its seed that differs otherwise. */
  | { kind: 'pair'; id: number; base: number };

export interface LoadedRun {
  dir: string;
  name: string;
  seed: number;
  /** The same for runs that differ in their seed only. */
  variant: string;
  /** Where its scenario differs from that of the first run, in a few words; empty for the first. */
  differs: string;
  result: RunJson;
  jobs: number;
  machines: Machines | null;
}

/** Machines by the share of their time up that they were busy. */
export interface Machines {
  count: number;
  idle: number;
  /** Machines in each twentieth, from 0 to 5 % up to 95 to 100 %. */
  twentieths: number[];
}

/** Waits of the same jobs in two runs, seconds: second minus first. */
export interface Pair {
  run: number;
  jobs: number;
  /** Shares of the jobs that start more than a second sooner or later. */
  sooner: number;
  later: number;
  /** Histogram over the middle 98 %. */
  bins: { from: number; to: number; jobs: number }[];
}

export type FromRuns =
  | { id: number; kind: 'progress'; share: number }
  | { id: number; kind: 'result'; loaded: Omit<Loaded, 'share'> }
  | { id: number; kind: 'pairs'; pairs: Pair[] };

export interface Loaded {
  share: number;
  runs: LoadedRun[];
  sweeps: LoadedSweep[];
  sensitivities: SensitivityFile[];
  faults: string[];
}

let worker: Worker | null = null;
let last = 0;
const theWorker = (): Worker =>
  (worker ??= new Worker(new URL('./runs.worker.ts', import.meta.url), { type: 'module' }));

const nothing: Loaded = { share: 1, runs: [], sweeps: [], sensitivities: [], faults: [] };

export function load(files: Iterable<File>): (notify: (x: Loaded) => void) => () => void {
  return (notify) => {
    const list = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    if (list.length === 0) {
      notify(nothing);
      return () => {};
    }
    const id = ++last;
    notify({ ...nothing, share: 0 });
    const hear = (e: MessageEvent<FromRuns>): void => {
      if (e.data.id !== id) return;
      if (e.data.kind === 'progress') notify({ ...nothing, share: Math.min(0.99, e.data.share) });
      else if (e.data.kind === 'result') notify({ share: 1, ...e.data.loaded });
    };
    theWorker().addEventListener('message', hear);
    theWorker().postMessage({ kind: 'load', id, files: list } satisfies ToRuns);
    return () => worker?.removeEventListener('message', hear);
  };
}

/** The same jobs in other runs of the base's seed. */
export function pairsOf(base: number): Promise<Pair[]> {
  const id = ++last;
  return new Promise((resolve) => {
    const hear = (e: MessageEvent<FromRuns>): void => {
      if (e.data.id !== id || e.data.kind !== 'pairs') return;
      worker?.removeEventListener('message', hear);
      resolve(e.data.pairs);
    };
    theWorker().addEventListener('message', hear);
    theWorker().postMessage({ kind: 'pair', id, base } satisfies ToRuns);
  });
}

export interface SeedDifference {
  variant: string;
  pairs: number;
  x: MeanInterval;
  y: MeanInterval;
}

/** Each variant minus the base variant in two figures, paired by seed. */
export function bySeed(runs: readonly LoadedRun[], base: string, x: string, y: string): SeedDifference[] {
  const first = new Map(runs.filter((r) => r.variant === base).map((r) => [r.seed, r.result]));
  return [...new Set(runs.map((r) => r.variant))].flatMap((variant) => {
    if (variant === base) return [];
    const pairs = runs.flatMap((r) => {
      const a = first.get(r.seed);
      return r.variant === variant && a !== undefined ? [[a, r.result] as const] : [];
    });
    const of = (figure: string): MeanInterval =>
      meanInterval(
        pairs.flatMap(([a, b]) => {
          const [u, v] = [metrics[figure]!(a), metrics[figure]!(b)];
          return u === null || v === null ? [] : [v - u];
        }),
      );
    return pairs.length === 0 ? [] : [{ variant, pairs: pairs.length, x: of(x), y: of(y) }];
  });
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
