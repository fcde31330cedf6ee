/**
 * An executed run's journal becomes a run directory like any other: replayed through core, its rows are the tables. Whatever the
 * executor decided and a replay does not is found here first.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FactKind } from '../../core/facts.ts';
import { type Frame, FrameType, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { checkInvariants } from '../../core/market/invariants.ts';
import type { RowSink } from '../../core/market/market.ts';
import { Recorder } from '../../core/record/recorder.ts';
import type { Row } from '../../core/record/schema.ts';
import type { ExecutionResult } from '../../executor/index.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resultOf } from '../../sim/run.ts';
import { type RunJson, Summary } from '../../sim/summary.ts';
import { Finding } from '../errors.ts';
import { scenarioHash } from '../rundir/manifest.ts';
import { type ExecutionRecord, RunDirWriter } from '../rundir/writer.ts';
import { type ExecutionPlan, plannedArrivals } from './plan.ts';

/** What a finished run does not keep. Removed only after DIR has its name: until then a crash must find all of it. */
export const STATUS_FILE = 'status.json';
const SCAFFOLD = ['execution.json', 'snapshot', 'lock', STATUS_FILE] as const;

export function finishExecution(dir: string, plan: ExecutionPlan, executed: ExecutionRecord): RunJson {
  const partial = `${resolve(dir)}.partial`;
  const bytes = readFileSync(join(partial, 'journal'));
  const out = new RunDirWriter(dir, bytes.length);
  const recorder = new Recorder((chunk) => out.chunk(chunk));
  const summary = new Summary(plan.scenario);
  const values = new Map<number, number>();
  const planned = plannedArrivals(plan.scenario, plan.allowanceUs, (job, value) => values.set(job, value));
  let submitted = 0;
  const rows: RowSink = {
    row: (table, row) => {
      if (table === 'jobs') {
        const job = (row as Row<'jobs'>).job_id;
        summary.value(values.get(job) ?? -1);
        values.delete(job);
      }
      recorder.row(table, row);
      summary.row(table, row);
    },
  };
  const frames = (function* (): Generator<Frame, void, void> {
    for (const f of readJournal(bytes)) {
      if (f.type === FrameType.step) {
        for (const fact of f.facts) {
          if (fact.kind !== FactKind.submit) continue;
          submitted++;
          planned.next();
        }
      }
      yield f;
    }
  })();
  const result = replay(frames, shipped, rows);
  if (result.difference !== null) throw new Finding(`the executed journal is not its own replay: ${result.difference}`);
  const checks = checkInvariants(result.market, true);
  result.market.report();
  const json = resultOf([result.market], recorder, summary, { now: result.market.now, submitted, checks });
  out.finish({
    command: plan.command,
    seed: plan.scenario.seed,
    scenarioSha256: scenarioHash(plan.scenario),
    scenario: plan.scenario,
    result: json,
    execution: executed,
  });
  for (const name of SCAFFOLD) rmSync(join(resolve(dir), name), { force: true });
  return json;
}

export function executionRecord(plan: ExecutionPlan, r: ExecutionResult, isolation: string): ExecutionRecord {
  return {
    run: plan.run,
    timeScale: plan.timeScale,
    devices: plan.devices.map(({ node, gpu, device }) => ({
      node: plan.scenario.market.nodes[node]!.id,
      gpu,
      device: device.id,
      name: device.name,
    })),
    isolation,
    work: { ...plan.workload, percent: plan.utilisation },
    load: plan.load,
    allowanceUs: plan.allowanceUs,
    resumes: plan.resumes,
    lag: r.lag,
    syncs: r.syncs,
  };
}
