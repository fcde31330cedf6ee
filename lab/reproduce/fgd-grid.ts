/** The whole grid of the FGD study: 17 traces x 10 seeds x 6 policies through worker threads, means beside the published ones. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  type FgdInput,
  type FgdPolicy,
  type FgdSeries,
  fgdPolicies,
  fgdSeeds,
  fgdTraces,
  isExact,
  type Published,
  reproduceFgd,
} from './fgd.ts';

export interface GridTask {
  index: number;
  trace: string;
  seed: number;
  policy: FgdPolicy;
}

/** The figures that the study reports: GPUs allocated with 100 and 130 % asked for, and what of the idle is fragmented at 90 %. */
export interface GridFigures {
  allocatedPercent100: number;
  allocatedPercent130: number;
  fragRatioPercent90: number;
}

export interface GridRun {
  index: number;
  obtained: GridFigures;
  failedPods: number;
  published: GridFigures | null;
  agreement: { columns: number; equal: number; largestDifference: number } | null;
}

export interface GridRow {
  trace: string;
  policy: FgdPolicy;
  /** Means over the seeds 42 to 51. */
  obtained: GridFigures;
  /** Means over the seeds that are published here, theirs and ours; null where there are none. */
  published: { seeds: number[]; theirs: GridFigures; ours: GridFigures } | null;
  /** Published values compared and equal, over those seeds; random draws cannot be compared one by one. */
  values: { compared: number; equal: number } | null;
}

export interface GridResult {
  study: 'fgd';
  runs: number;
  rows: GridRow[];
  /** Over the deterministic policies. */
  values: { compared: number; equal: number };
}

const figures = (s: FgdSeries): GridFigures => ({
  allocatedPercent100: s.allocatedPercent['100'] ?? 0,
  allocatedPercent130: s.allocatedPercent['130'] ?? 0,
  fragRatioPercent90: s.fragRatioPercent['90'] ?? 0,
});

export function gridRun(input: FgdInput, tables: Published, task: GridTask): GridRun {
  const r = reproduceFgd(input, tables, task.trace, task.seed, task.policy);
  return {
    index: task.index,
    obtained: figures(r.obtained),
    failedPods: r.obtained.failedPods,
    published: r.published === null ? null : figures(r.published),
    agreement: r.agreement,
  };
}

export function gridTasks(traces: readonly string[] = fgdTraces, seeds: readonly number[] = fgdSeeds): GridTask[] {
  return traces
    .flatMap((trace) =>
      (Object.keys(fgdPolicies) as FgdPolicy[]).flatMap((policy) => seeds.map((seed) => ({ trace, seed, policy }))),
    )
    .map((t, index) => ({ index, ...t }));
}

/** Runs the tasks on `workers` threads; the answer does not depend on their number. */
export async function runGrid(
  data: string,
  tasks: readonly GridTask[],
  workers = availableParallelism(),
  onProgress?: (done: number) => void,
): Promise<GridRun[]> {
  const runs: GridRun[] = [];
  let next = 0;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./fgd-worker.js', import.meta.url), { workerData: { data } });
      const feed = () => worker.postMessage(next < tasks.length ? tasks[next++]! : null);
      worker.on('message', (run: GridRun) => {
        runs.push(run);
        onProgress?.(runs.length);
        feed();
      });
      worker.on('error', reject);
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      feed();
    });
  await Promise.all(Array.from({ length: Math.max(1, Math.min(workers, tasks.length)) }, one));
  return runs.sort((a, b) => a.index - b.index);
}

const mean = (list: readonly GridFigures[]): GridFigures => {
  const of = (k: keyof GridFigures) => Math.round((100 * list.reduce((n, f) => n + f[k], 0)) / list.length) / 100;
  return {
    allocatedPercent100: of('allocatedPercent100'),
    allocatedPercent130: of('allocatedPercent130'),
    fragRatioPercent90: of('fragRatioPercent90'),
  };
};

export function gridResult(tasks: readonly GridTask[], runs: readonly GridRun[]): GridResult {
  const groups = new Map<string, { task: GridTask; seeds: number[]; runs: GridRun[] }>();
  for (const task of tasks) {
    const key = `${task.trace}/${task.policy}`;
    const g = groups.get(key) ?? { task, seeds: [], runs: [] };
    g.seeds.push(task.seed);
    g.runs.push(runs[task.index]!);
    groups.set(key, g);
  }
  const values = { compared: 0, equal: 0 };
  const rows = [...groups.values()].map((g): GridRow => {
    const { trace, policy } = g.task;
    const known = g.runs.map((run, i) => ({ run, seed: g.seeds[i]! })).filter((x) => x.run.published !== null);
    const own = { compared: 0, equal: 0 };
    for (const { run } of known) {
      own.compared += run.agreement!.columns;
      own.equal += run.agreement!.equal;
    }
    if (isExact(policy)) {
      values.compared += own.compared;
      values.equal += own.equal;
    }
    return {
      trace,
      policy,
      obtained: mean(g.runs.map((r) => r.obtained)),
      published:
        known.length === 0
          ? null
          : {
              seeds: known.map((x) => x.seed),
              theirs: mean(known.map((x) => x.run.published!)),
              ours: mean(known.map((x) => x.run.obtained)),
            },
      values: known.length === 0 || !isExact(policy) ? null : own,
    };
  });
  return { study: 'fgd', runs: runs.length, rows, values };
}

export function readableGrid(r: GridResult): string {
  const lines = [
    `fgd: ${r.runs} runs; GPUs allocated with 130 % asked for, mean over seeds (in brackets: over the published seeds, theirs beside ours)`,
  ];
  for (const row of r.rows) {
    const p = row.published;
    const beside =
      p === null
        ? ''
        : `  (${p.seeds.length} seeds: ${p.theirs.allocatedPercent130.toFixed(2)} ${p.ours.allocatedPercent130.toFixed(2)})`;
    const equal = row.values === null ? '' : `  ${row.values.equal} of ${row.values.compared} values equal`;
    lines.push(
      `  ${row.trace.padEnd(12)} ${row.policy.padEnd(14)} ${row.obtained.allocatedPercent130.toFixed(2)}${beside}${equal}`,
    );
  }
  lines.push(`${r.values.equal} of ${r.values.compared} published values of the deterministic policies equal`);
  return `${lines.join('\n')}\n`;
}
