/**
 * Sweeps: what they add to runs of about 10 ms, how two workers compare with one, and how long it takes to collect ten thousand results
 * and to find that a finished sweep has nothing to do. CPU time of this process, best of three. `parallelEfficiency2` is wall time of one
 * worker over twice that of two, on idle cores. One worker already keeps `coresBusy1` cores busy (V8 collects and compiles beside it), so
 * on two cores no pool can reach more than about 1 / coresBusy1, less what its own threads save; `coresBusy2`, the share of two cores that
 * two workers keep busy, says whether any are left idle.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sweepCollect, sweepRun } from '../lab/commands/sweep.ts';
import { makePlan, runId, substreamOf } from '../lab/sweep/plan.ts';
import { Runner } from '../lab/sweep/runner.ts';
import { SweepStore } from '../lab/sweep/store.ts';
import { loadStudy } from '../lab/sweep/study.ts';
import { atLeast, atMost, type BenchReport, plain } from './report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const scenario = join(root, 'scenarios/reserve-price/scenario.yaml');

async function wall<T>(body: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = process.hrtime.bigint();
  const value = await body();
  return { seconds: Number(process.hrtime.bigint() - start) / 1e9, value };
}

async function best(n: number, body: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const before = process.cpuUsage();
    await body();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
}

export async function sweep(): Promise<BenchReport> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-bench-'));
  try {
    const study = (name: string, points: number, replications: number, horizon: string): string => {
      const path = join(dir, `${name}.yaml`);
      writeFileSync(join(dir, 'scenario.yaml'), readFileSync(scenario));
      writeFileSync(
        path,
        `name: ${name}\nscenario: scenario.yaml\nset: { horizon: ${horizon}, warmup: 0 s }\nreplications: ${replications}\nlimit: 1000000\ndesign: { kind: grid, parameters: { pricing.adjust.floor: { from: 0.05, to: 1, steps: ${points} } } }\nmetrics: [gpu_utilisation]\n`,
      );
      return path;
    };
    const flags = (out: string, workers: number) => ({
      out: join(dir, out),
      workers,
      quiet: true,
      engine: 'local' as const,
    });

    // The same 400 runs bare and as a sweep, in one thread.
    const small = study('small', 20, 20, '2 hour');
    const plan = await makePlan(loadStudy(small));
    const bare = await best(3, async () => {
      const runner = new Runner();
      for (const p of plan.points)
        for (let r = 0; r < 20; r++) {
          const substream = substreamOf(plan, p.index, r);
          await runner.run({
            id: runId(p, substream),
            point: p.index,
            replication: r,
            substream,
            scenario: plan.scenario,
            sets: p.sets,
            seed: plan.seed,
          });
        }
    });
    let k = 0;
    const swept = await best(3, () => sweepRun(small, flags(`s${k++}`, 1)));
    const large = study('large', 10, 40, '2 day');
    const alone = process.cpuUsage();
    const one = (await wall(() => sweepRun(large, flags('one', 1)))).seconds;
    const spentAlone = process.cpuUsage(alone);
    const before = process.cpuUsage();
    const two = (await wall(() => sweepRun(large, flags('two', 2)))).seconds;
    const spent = process.cpuUsage(before);

    // Ten thousand results, as ten thousand runs leave them (one real run's figures, repeated).
    const many = study('many', 1000, 10, '10 minute');
    const store = new SweepStore(join(dir, 'many'));
    store.open();
    const planned = await wall(() => makePlan(loadStudy(many)));
    store.writePlan(planned.value);
    const first = planned.value.points[0]!;
    const figures = (
      await new Runner().run({
        id: '',
        point: 0,
        replication: 0,
        substream: 0,
        scenario: planned.value.scenario,
        sets: first.sets,
        seed: planned.value.seed,
      })
    ).figures!;
    for (const p of planned.value.points)
      for (let r = 0; r < 10; r++)
        store.append({ id: runId(p, substreamOf(planned.value, p.index, r)), point: p.index, replication: r, figures });
    store.close();
    const collected = await best(3, () => sweepCollect(many, flags('many', 1)));
    const warm = await best(3, () => sweepRun(many, flags('many', 2)));
    const table = createHash('sha256')
      .update(readFileSync(join(dir, 'many', 'table.parquet')))
      .digest('hex')
      .slice(0, 16);
    return {
      schema: 'janction.bench/1',
      bench: 'sweep',
      figures: [
        plain('runMs', (bare / 400) * 1000, 'ms'),
        atMost('overhead', (swept - bare) / bare, 0.1, 'share'),
        atLeast('parallelEfficiency2', one / (2 * two), 0.9, 'share'),
        plain('coresBusy1', (spentAlone.user + spentAlone.system) / 1e6 / one, 'cores'),
        plain('coresBusy2', (spent.user + spent.system) / 1e6 / (2 * two), 'share'),
        plain('cores', availableParallelism(), 'cores'),
        atMost('collect10000', collected, 5, 's'),
        atMost('warmRerun10000', warm, 2, 's'),
        plain('plan1000', planned.seconds, 's'),
      ],
      workHash: table,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
