/** Runs a list of tasks on worker threads and keeps what each came to, by point and replication. */
import { UsageError } from '../errors.ts';
import { Progress } from '../progress.ts';
import type { Figures } from './figures.ts';
import { openPool } from './pool.ts';
import type { Task } from './task.ts';

/**
 * Figures of every task; a run that fails is a usage error that names it. Tasks of one point are run one after the other: a worker keeps
 * what it has loaded. `first` sees the figures of the first run; what it throws ends the work.
 */
export async function runAll(
  given: readonly Task[],
  workers: number,
  label: { doing: string; done: string; quiet: boolean },
  first?: (figures: Figures) => void,
): Promise<Figures[][]> {
  const tasks = [...given].sort((x, y) => x.point - y.point || x.replication - y.replication);
  const results: Figures[][] = [];
  const progress = new Progress(label.doing, label.quiet);
  const pool = openPool(Math.min(workers, tasks.length));
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (next < tasks.length) {
      const task = tasks[next++]!;
      const a = await pool.run(task);
      if (a.figures === null) throw new UsageError(`${task.scenario}: replication ${a.replication} fails: ${a.error}`);
      if (done === 0) first?.(a.figures);
      results[a.point] ??= [];
      results[a.point]![a.replication] = a.figures;
      progress.update(++done / tasks.length, `${done}/${tasks.length} runs`);
    }
  };
  try {
    await Promise.all(Array.from({ length: pool.size }, lane));
    progress.done(label.done, label.quiet);
  } finally {
    await pool.close();
    progress.done('', true);
  }
  return results;
}
