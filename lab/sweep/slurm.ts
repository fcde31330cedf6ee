/**
 * A sweep as a Slurm job array: every task runs one shard of the same command on the shared directory; tasks that are lost are
 * submitted again. Slurm's own word is never trusted for results: what counts is on disk.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { Progress, pause } from '../progress.ts';
import { mostRuns, type Plan } from './plan.ts';
import { statusOf } from './run.ts';
import type { SweepStore } from './store.ts';

export interface SlurmOptions {
  tasks: number;
  quiet: boolean;
}

const POLL_MS = 500;
const TRIES = 3;

/** A usage error where Slurm's commands cannot be called. */
export function needSlurm(): void {
  call('sbatch', ['--version']);
}

export async function runOnSlurm(study: string, plan: Plan, store: SweepStore, o: SlurmOptions): Promise<void> {
  const dir = join(store.dir, 'slurm');
  mkdirSync(dir, { recursive: true });
  const tasks = Math.min(o.tasks, plan.points.length);
  store.place(join('slurm', 'shard.sh'), script(study, store.dir, tasks));
  const progress = new Progress(`sweep ${plan.study} on Slurm`, o.quiet);
  let missing = shardsMissing(plan, store, tasks);
  for (let attempt = 0; attempt < TRIES && missing.length > 0; attempt++) {
    const job = call('sbatch', [
      '--parsable',
      `--array=${missing.join(',')}`,
      `--output=${resolve(dir)}/%a.log`,
      join(dir, 'shard.sh'),
    ])
      .trim()
      .split(';')[0]!;
    for (;;) {
      await pause(POLL_MS);
      const s = statusOf(plan, store.read(plan.tables).records);
      progress.update(
        s.done / Math.max(1, mostRuns(plan.replications, plan.points.length)),
        `${s.done} runs, job ${job}`,
      );
      if (call('squeue', ['--noheader', '--jobs', job], true).trim() === '') break;
    }
    missing = shardsMissing(plan, store, tasks);
  }
  progress.done('', true);
  if (missing.length > 0)
    throw new UsageError(`shards ${missing.join(', ')} did not finish in ${TRIES} tries; their logs are in ${dir}`);
}

/** Shards with a point that still needs runs. */
function shardsMissing(plan: Plan, store: SweepStore, tasks: number): number[] {
  const { records } = store.read(plan.tables);
  return Array.from({ length: tasks }, (_, i) => i).filter((i) => {
    const points = plan.points.filter((p) => p.index % tasks === i);
    return !statusOf({ ...plan, points }, records).complete;
  });
}

function script(study: string, out: string, tasks: number): string {
  const quote = (s: string) => `'${s.replaceAll("'", `'\\''`)}'`;
  const cli = realpathSync(process.argv[1]!);
  return `#!/bin/sh
#SBATCH --ntasks=1 --cpus-per-task=1
exec ${quote(process.execPath)} ${quote(cli)} sweep run ${quote(resolve(study))} --out ${quote(resolve(out))} --shard "$SLURM_ARRAY_TASK_ID/${tasks}" --workers 1 --quiet
`;
}

function call(program: string, args: string[], lenient = false): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (e) {
    // squeue fails once it has forgotten the job: it is over.
    if (lenient) return '';
    const err = e as NodeJS.ErrnoException & { stderr?: string };
    if (err.code === 'ENOENT')
      throw new UsageError(`${program} is not on PATH: --engine slurm needs Slurm; leave it out to run here`);
    throw new UsageError(`${program} failed: ${(err.stderr ?? err.message).trim().split('\n')[0]}`);
  }
}
