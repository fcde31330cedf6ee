/** The page's side of *Failures and checkpoints*: one market run per interval and seed, in a worker; the newest request wins. */
import type { RunJson } from '../../sim/summary.ts';

export {
  dalyInterval,
  expectedCompletion,
  optimalInterval,
  youngInterval,
} from '../../lab/stats/checkpoint-interval.ts';

/** What the scenario leaves to the reader; times in hours. */
export interface Setup {
  mtbf: number;
  checkpoint: number;
  restore: number;
}

/** Hours of work of each of its jobs, and hours that an attempt takes to come up. */
export const WORK = 24;
export const START = 1 / 3600;

export interface ToCheckpoints {
  id: number;
  runs: { interval: number; sets: string[] }[];
}

/** A run: what its jobs went through, in hours. */
export interface CheckpointRun {
  interval: number;
  seed: number;
  json: RunJson;
  /** From submission to end, of each completed job, ascending. */
  completion: number[];
  /** Of all attempts together, over the number of jobs. */
  attempts: number;
}

export type FromCheckpoints =
  | { id: number; kind: 'run'; run: CheckpointRun; done: number }
  | { id: number; kind: 'error'; message: string };

export interface Series {
  runs: CheckpointRun[];
  share: number;
  failed: string | null;
}

const minutes = (hours: number): number => Math.round(hours * 60 * 100) / 100;

/** Overrides as `--set` takes them. */
export const setsOf = (setup: Setup, interval: number, seed: number): string[] => [
  `failures.groups.machines.mtbf=${setup.mtbf} hour`,
  `fleet.processes.checkpoint.every=${minutes(interval)} minute`,
  `fleet.processes.checkpoint.write=${minutes(setup.checkpoint)} minute`,
  `fleet.processes.checkpoint.restore=${minutes(setup.restore)} minute`,
  `seed=${seed}`,
];

export const command = (setup: Setup, interval: number, seed: number): string =>
  [
    'npx janction run scenarios/checkpoint-interval/scenario.yaml',
    ...setsOf(setup, interval, seed).map((s) => (s.includes(' ') ? `--set '${s}'` : `--set ${s}`)),
  ].join(' ');

/** Intervals around the optimum on a log scale, in whole minutes, never longer than the work. */
export function intervals(best: number, own: number): number[] {
  const mine = Math.round(own * 60);
  const list = [0.2, 0.33, 0.5, 0.7, 1, 1.4, 2, 3, 4.5].map((f) => Math.max(1, Math.round(best * f * 60)));
  return [...new Set([...list.filter((m) => Math.abs(m / mine - 1) > 0.1), mine])]
    .sort((a, b) => a - b)
    .map((m) => m / 60)
    .filter((h) => h <= WORK);
}

let worker: Worker | null = null;
let last = 0;

/** For a cell: the runs as they come. */
export function simulate(
  setup: Setup,
  list: readonly number[],
  seeds: readonly number[],
): (notify: (x: Series) => void) => () => void {
  return (notify) => {
    worker ??= new Worker(new URL('./checkpoints.worker.ts', import.meta.url), { type: 'module' });
    const id = ++last;
    const runs: CheckpointRun[] = [];
    // Seed by seed: a first curve is there early and grows narrower.
    const asked = seeds.flatMap((seed) => list.map((interval) => ({ interval, sets: setsOf(setup, interval, seed) })));
    notify({ runs, share: 0, failed: null });
    const hear = (e: MessageEvent<FromCheckpoints>): void => {
      if (e.data.id !== id) return;
      if (e.data.kind === 'error') return notify({ runs, share: 1, failed: e.data.message });
      runs.push(e.data.run);
      // A curve is redrawn when it has changed as a whole, not at each of its points.
      if (runs.length % list.length === 0 || runs.length === asked.length)
        notify({ runs: [...runs], share: e.data.done / asked.length, failed: null });
    };
    worker.addEventListener('message', hear);
    worker.postMessage({ id, runs: asked } satisfies ToCheckpoints);
    return () => worker?.removeEventListener('message', hear);
  };
}
