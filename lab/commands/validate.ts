import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { JournalError } from '../../core/journal/journal.ts';
import { type TableName, tableNames } from '../../core/record/schema.ts';
import { Finding, oneLine, UsageError } from '../errors.ts';
import { readCalibration } from '../execution/calibration.ts';
import { type ClosedLoopJson, closedLoop, recordedRun } from '../execution/closed-loop.ts';
import { BILL_LIMIT, type Gate, gates, LIMITS } from '../execution/gates.ts';
import {
  type CalibrationInput,
  compareRuns,
  type Errors,
  figuresOf,
  measured,
  type OpenLoopJson,
  type Outcomes,
  type Prediction,
  predicted,
} from '../execution/open-loop.ts';
import { fidelityPage } from '../execution/page.ts';
import { print } from '../flags.ts';
import type { TableData } from '../rundir/parquet.ts';
import { readJournalBytes, readManifest, readRunTable } from '../rundir/reader.ts';
import type { Manifest } from '../rundir/writer.ts';

export interface ValidateJson {
  schema: 'janction.validate/1';
  scenario: string;
  seed: number;
  executed: boolean;
  runs: number;
  /** All runs together. */
  closedLoop: ClosedLoopJson;
  /** One entry for each scenario, its runs being repeats; empty when no run was executed. */
  openLoop: OpenLoopJson[];
  gates: Gate[];
  /** Largest errors that the gates let pass. */
  limits: Errors;
}

interface Group {
  manifest: Manifest;
  runs: Outcomes[];
}

export async function validateCommand(
  dirs: readonly string[],
  calibration: CalibrationInput | null = null,
): Promise<ValidateJson> {
  let closed: ClosedLoopJson | null = null;
  let first: Manifest | null = null;
  const groups = new Map<string, Group>();
  for (const dir of dirs) {
    const manifest = readManifest(dir);
    const published = {} as Record<TableName, TableData>;
    for (const t of tableNames) published[t] = await readRunTable(dir, t);
    const one = closedLoopOf(dir, published);
    closed = closed === null ? one : together(closed, one);
    first ??= manifest;
    if (manifest.execution === undefined) continue;
    const { timeScale, work } = manifest.execution;
    const key = `${manifest.scenarioSha256} ${timeScale} ${JSON.stringify(work)}`;
    const group = groups.get(key) ?? { manifest, runs: [] };
    group.runs.push(measured(published.jobs, published.devices));
    groups.set(key, group);
  }
  const openLoop = [...groups.values()].map((g) => openLoopOf(g, calibration));
  return {
    schema: 'janction.validate/1',
    scenario: first!.scenario.name,
    seed: first!.seed,
    executed: first!.execution !== undefined,
    runs: dirs.length,
    closedLoop: closed!,
    openLoop,
    gates: gates(closed!, openLoop),
    limits: { ...LIMITS, bill: BILL_LIMIT },
  };
}

function closedLoopOf(dir: string, published: Record<TableName, TableData>): ClosedLoopJson {
  try {
    return closedLoop(recordedRun(readJournalBytes(dir)), published);
  } catch (e) {
    if (e instanceof JournalError) throw new UsageError(`${dir}/journal: ${e.message}; see janction audit`);
    throw e;
  }
}

/** Sums; the digests are those of the first run that differs, else of the last. */
function together(a: ClosedLoopJson, b: ClosedLoopJson): ClosedLoopJson {
  const differs = a.digest.recorded !== a.digest.simulated;
  return {
    decisionMismatches: a.decisionMismatches + b.decisionMismatches,
    invoiceMismatches: a.invoiceMismatches + b.invoiceMismatches,
    firstMismatch: a.firstMismatch ?? b.firstMismatch,
    unansweredActions: a.unansweredActions + b.unansweredActions,
    unusedAnswers: a.unusedAnswers + b.unusedAnswers,
    actions: a.actions + b.actions,
    decisions: a.decisions + b.decisions,
    invoices: a.invoices + b.invoices,
    digest: differs ? a.digest : b.digest,
  };
}

function openLoopOf({ manifest, runs }: Group, calibration: CalibrationInput | null): OpenLoopJson {
  const { scenario } = manifest;
  const { allowanceUs, timeScale, load } = manifest.execution!;
  const guess = (c: CalibrationInput | null) => compareRuns(runs, predicted(scenario, allowanceUs, timeScale, c));
  const plain = guess(null);
  return {
    scenario: scenario.name,
    scenarioSha256: manifest.scenarioSha256,
    queueing: [...new Set(scenario.market.pools.map((p) => p.queueing.name))].join('+'),
    load,
    repeats: runs.length,
    measured: plain.measured,
    eachRun: runs.map(figuresOf),
    noise: plain.noise,
    uncalibrated: plain.prediction,
    calibrated: calibration === null ? null : guess(calibration).prediction,
  };
}

export function readableValidate(dirs: readonly string[], v: ValidateJson): string {
  const c = v.closedLoop;
  const what = dirs.length === 1 ? dirs[0]! : `${dirs.length} runs`;
  const lines = [
    `${what}: ${v.scenario}, ${v.executed ? 'executed' : 'simulated'}, seed ${v.seed}`,
    `Closed loop: ${isGood(c) ? 'the simulator decides and bills alike' : 'DIFFERS'}`,
    `  ${c.decisions} decisions compared (${c.actions} of them actions), ${c.decisionMismatches} differ`,
    `  ${c.invoices} invoices compared, ${c.invoiceMismatches} differ`,
  ];
  if (c.unansweredActions > 0) lines.push(`  ${c.unansweredActions} actions that the run never took`);
  if (c.unusedAnswers > 0) lines.push(`  ${c.unusedAnswers} answers that nothing asked for`);
  if (c.firstMismatch !== null) lines.push(`  first: ${c.firstMismatch}`);
  for (const o of v.openLoop) lines.push(...readableOpenLoop(o));
  lines.push('Gates');
  for (const g of v.gates) lines.push(`  ${g.pass === null ? 'open' : g.pass ? 'pass' : 'FAIL'}  ${g.name}: ${g.why}`);
  return `${lines.join('\n')}\n`;
}

function readableOpenLoop(o: OpenLoopJson): string[] {
  const lines = [
    `Open loop: ${o.scenario}, ${o.queueing}, load ${o.load}, ${o.repeats} ${o.repeats === 1 ? 'run' : 'runs'}`,
    '                         measured     spread   predicted      error',
  ];
  const show = (p: Prediction, about: string): void => {
    lines.push(`  ${about}`);
    const row = (
      name: string,
      key: keyof Prediction['metrics'],
      error: keyof Prediction['errors'],
      unit: string,
    ): void => {
      const m = o.measured[key];
      const spread = m.spread === null ? '-' : `${(100 * m.spread).toFixed(2)} %`;
      const e = unit === 'pp' ? `${p.errors[error].toFixed(2)} pp` : `${(100 * p.errors[error]).toFixed(2)} %`;
      const noise = p.indistinguishable.includes(error) ? '  within the noise' : '';
      const cells = [m.mean.toFixed(unit === 'pp' ? 3 : 0), spread, p.metrics[key].toFixed(unit === 'pp' ? 3 : 0), e];
      lines.push(`    ${name.padEnd(18)} ${cells.map((x) => x.padStart(10)).join(' ')}${noise}`);
    };
    row('makespan, s', 'makespanSeconds', 'makespan', '%');
    row('mean completion, s', 'meanCompletionSeconds', 'meanCompletion', '%');
    row('p95 completion, s', 'p95CompletionSeconds', 'p95Completion', '%');
    row('utilisation', 'utilisation', 'utilisationPoints', 'pp');
    lines.push(
      `    KS distance ${p.errors.ks.toFixed(3)}; largest error of a user's bill ${(100 * p.errors.bill).toFixed(2)} %`,
    );
  };
  show(o.uncalibrated, 'uncalibrated');
  if (o.calibrated !== null) show(o.calibrated, 'calibrated');
  return lines;
}

export const isGood = (c: ClosedLoopJson): boolean =>
  c.decisionMismatches === 0 &&
  c.invoiceMismatches === 0 &&
  c.unansweredActions === 0 &&
  c.unusedAnswers === 0 &&
  c.digest.recorded === c.digest.simulated;

function writePage(path: string, page: string): void {
  try {
    writeFileSync(path, page);
  } catch (e) {
    throw new UsageError(`${path}: cannot be written (${oneLine(e)}); give --report another file`);
  }
}

export function addValidate(program: Command): void {
  program
    .command('validate')
    .description('hold executed runs against the simulator; exit 1 when decisions or bills differ')
    .argument('<rundir...>', 'directories written by execute --out (or run --out)')
    .option('--calibration <file>', 'what janction calibrate --json measured on the machine')
    .option('--report <file>', 'also write one page of HTML there, opened offline')
    .option('--gates', 'exit 1 also when a gate of fidelity fails or is left open')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
Closed loop: the simulator takes from the run only what was submitted and every answer of the world with its delay; each decision
and each bill must come out the same. Open loop: what the simulator predicts without having seen the run, beside what was measured
and what repeats of the run differ by. Runs of the same scenario are repeats; give several for a noise floor.

Examples:
  janction validate runs/x1 --json
  janction validate runs/slice-* --calibration machine.json`,
    )
    .action(
      async (dirs: string[], flags: { json?: boolean; calibration?: string; report?: string; gates?: boolean }) => {
        const result = await validateCommand(
          dirs,
          flags.calibration === undefined ? null : readCalibration(flags.calibration),
        );
        if (flags.report !== undefined) writePage(flags.report, fidelityPage(result));
        print(flags.json === true ? `${JSON.stringify(result)}\n` : readableValidate(dirs, result));
        if (!isGood(result.closedLoop)) throw new Finding('');
        if (flags.gates === true && result.gates.some((g) => g.pass !== true)) throw new Finding('');
      },
    );
}
