import type { Command } from 'commander';
import { FrameType, JournalError, type JournalHeader, readJournal } from '../../core/journal/journal.ts';
import { InvariantViolation } from '../../core/market/invariants.ts';
import { type TableName, tableNames } from '../../core/record/schema.ts';
import { runScenario } from '../../sim/run.ts';
import { auditFigures, differenceOf } from '../audit/figures.ts';
import { auditIndependently } from '../audit/independent.ts';
import { replayCheck } from '../audit/replay-check.ts';
import { Finding, oneLine, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { traceRows } from '../load.ts';
import { keptModules, ModuleChanged, modulesOfRun, solversOf } from '../modules/registry.ts';
import { scenarioHash } from '../rundir/manifest.ts';
import type { TableData } from '../rundir/parquet.ts';
import { readJournalBytes, readManifestAsIs, readRunTable } from '../rundir/reader.ts';
import type { Manifest } from '../rundir/writer.ts';

export interface AuditResult {
  schema: 'janction.audit/1';
  verdict: 'agrees' | 'differs';
  replay: { facts: number; digests: number; rows: number; fingerprint: string | null };
  auditor: { submitted: number; transfers: number; accounts: number; holds: number; leases: number };
  /** Figures of run.json worked out again from the tables, and those that follow from no table. */
  figures: { checked: number; notRecomputed: string[] };
  /** It was simulated again, and every figure compared. */
  rerun?: true;
  /** The first place that does not add up, and who found it. */
  firstDifference: { by: 'journal' | 'replay' | 'auditor' | 'manifest' | 'module' | 'rerun'; what: string } | null;
}

/** Simulates the run again from its own manifest: every figure must come back, those included that no table holds. */
function rerun(dir: string, manifest: Manifest): string | null {
  if (manifest.execution !== undefined)
    throw new UsageError(`${dir}: was executed, not simulated, and cannot be made again; leave --rerun out`);
  const { scenario } = manifest;
  const rows = traceRows(scenario);
  const again = runScenario(scenario, {
    ...keptModules(dir, manifest),
    solvers: solversOf(manifest.modules ?? []),
    checkEveryEvent: manifest.result.invariants.checks > manifest.result.invariants.registered,
    ...(rows === undefined ? {} : { traceRows: rows }),
  });
  return differenceOf(again, manifest.result);
}

/** Replays a run through core and lets the independent auditor work out every balance again. */
export async function auditCommand(dir: string, flags: { rerun?: boolean } = {}): Promise<AuditResult> {
  const manifest = readManifestAsIs(dir);
  const ownScenario = manifest.scenarioSha256 === scenarioHash(manifest.scenario);
  const journal = readJournalBytes(dir);
  const tables = {} as Record<TableName, TableData>;
  for (const t of tableNames) tables[t] = await readRunTable(dir, t);
  const result: AuditResult = {
    schema: 'janction.audit/1',
    verdict: 'agrees',
    replay: { facts: 0, digests: 0, rows: 0, fingerprint: null },
    auditor: { submitted: 0, transfers: 0, accounts: 0, holds: 0, leases: 0 },
    figures: { checked: 0, notRecomputed: [] },
    firstDifference: null,
  };
  const differ = (by: NonNullable<AuditResult['firstDifference']>['by'], what: string) => {
    result.verdict = 'differs';
    result.firstDifference ??= { by, what };
  };
  try {
    const r = replayCheck(journal, modulesOfRun(dir, manifest), tables);
    result.replay = { facts: r.facts, digests: r.checks, rows: r.rows, fingerprint: r.fingerprint };
    if (r.difference !== null) differ('replay', r.difference);
    else if (r.fingerprint !== manifest.result.fingerprint) {
      differ('manifest', `run.json says fingerprint ${manifest.result.fingerprint}, the replay gives ${r.fingerprint}`);
    }
  } catch (e) {
    if (e instanceof ModuleChanged) differ('module', e.message);
    else if (e instanceof JournalError) differ('journal', e.message);
    else if (e instanceof InvariantViolation) differ('replay', e.message);
    else differ('replay', `the journal cannot be replayed: ${oneLine(e)}`);
  }
  // The bookkeeper is asked whatever the replay found: two opinions are the point.
  try {
    const { difference, ...counts } = auditIndependently({ journal, ...tables });
    result.auditor = counts;
    if (difference !== null) differ('auditor', difference);
  } catch (e) {
    differ('journal', oneLine(e));
  }
  const header = headerOf(journal);
  // A scenario that did not run may be anything.
  if (header !== null && ownScenario) {
    const { submitted } = result.auditor;
    const { difference, ...figures } = auditFigures({
      manifest,
      header,
      journalBytes: journal.length,
      submitted,
      tables,
    });
    result.figures = figures;
    if (difference !== null) differ('manifest', difference);
  }
  if (!ownScenario) differ('manifest', 'run.json says scenarioSha256 of another scenario than the one it holds');
  if (flags.rerun === true && result.firstDifference === null) {
    const difference = rerun(dir, manifest);
    result.rerun = true;
    if (difference !== null) differ('rerun', difference);
  }
  return result;
}

function headerOf(journal: Uint8Array): JournalHeader | null {
  try {
    for (const frame of readJournal(journal)) if (frame.type === FrameType.header) return frame.header;
  } catch {
    // The replay has said so.
  }
  return null;
}

export function readableAudit(dir: string, a: AuditResult): string {
  const lines = [
    `${dir}: ${a.verdict === 'agrees' ? `${a.rerun === true ? 'every figure' : 'every figure that was checked'} agrees` : 'DIFFERS'}`,
    `  replayed ${a.replay.facts} facts, compared ${a.replay.rows} rows and ${a.replay.digests} digests of decisions`,
    `  the independent auditor folded ${a.auditor.transfers} transfers into ${a.auditor.accounts} accounts, worked out ${a.auditor.holds} charges of ${a.auditor.leases} leases`,
    `  worked out ${a.figures.checked} figures of run.json from the tables${a.rerun === true ? '' : `; not checked without --rerun: ${a.figures.notRecomputed.join(', ')}`}`,
  ];
  if (a.rerun === true) lines.push('  simulated it again and compared every figure of run.json');
  if (a.firstDifference !== null)
    lines.push(`  first difference, found by the ${a.firstDifference.by}: ${a.firstDifference.what}`);
  return `${lines.join('\n')}\n`;
}

export function addAudit(program: Command): void {
  program
    .command('audit')
    .description('replay a run through core and recompute every balance independently; exit 1 on any difference')
    .argument('<rundir>', 'directory written by run --out')
    .option('--rerun', 'simulate it again as well and compare every figure, those included that no table holds')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText('after', '\nExample:\n  janction audit runs/q7 --rerun --json')
    .action(async (dir: string, flags: { json?: boolean; rerun?: boolean }) => {
      const result = await auditCommand(dir, flags);
      print(flags.json === true ? `${JSON.stringify(result)}\n` : readableAudit(dir, result));
      if (result.firstDifference !== null) throw new Finding('');
    });
}
