import type { Command } from 'commander';
import { JournalError } from '../../core/journal/journal.ts';
import { type TableName, tableNames } from '../../core/record/schema.ts';
import { Finding, UsageError } from '../errors.ts';
import { type ClosedLoopJson, closedLoop, recordedRun } from '../execution/closed-loop.ts';
import { print } from '../flags.ts';
import type { TableData } from '../rundir/parquet.ts';
import { readJournalBytes, readManifest, readRunTable } from '../rundir/reader.ts';

export interface ValidateJson {
  schema: 'janction.validate/1';
  scenario: string;
  seed: number;
  executed: boolean;
  closedLoop: ClosedLoopJson;
}

export async function validateCommand(dir: string): Promise<ValidateJson> {
  const manifest = readManifest(dir);
  const journal = readJournalBytes(dir);
  const published = {} as Record<TableName, TableData>;
  for (const t of tableNames) published[t] = await readRunTable(dir, t);
  try {
    const run = recordedRun(journal);
    return {
      schema: 'janction.validate/1',
      scenario: manifest.scenario.name,
      seed: manifest.seed,
      executed: manifest.execution !== undefined,
      closedLoop: closedLoop(run, published),
    };
  } catch (e) {
    if (e instanceof JournalError) throw new UsageError(`${dir}/journal: ${e.message}; see janction audit`);
    throw e;
  }
}

export function readableValidate(dir: string, v: ValidateJson): string {
  const c = v.closedLoop;
  const agree = isGood(c);
  const lines = [
    `${dir}: ${v.scenario}, ${v.executed ? 'executed' : 'simulated'}, seed ${v.seed}`,
    `  closed loop: ${agree ? 'the simulator decides and bills alike' : 'DIFFERS'}`,
    `    ${c.decisions} decisions compared (${c.actions} of them actions), ${c.decisionMismatches} differ`,
    `    ${c.invoices} invoices compared, ${c.invoiceMismatches} differ`,
  ];
  if (c.unansweredActions > 0) lines.push(`    ${c.unansweredActions} actions that the run never took`);
  if (c.unusedAnswers > 0) lines.push(`    ${c.unusedAnswers} answers that nothing asked for`);
  if (c.firstMismatch !== null) lines.push(`    first: ${c.firstMismatch}`);
  return `${lines.join('\n')}\n`;
}

export const isGood = (c: ClosedLoopJson): boolean =>
  c.decisionMismatches === 0 &&
  c.invoiceMismatches === 0 &&
  c.unansweredActions === 0 &&
  c.unusedAnswers === 0 &&
  c.digest.recorded === c.digest.simulated;

export function addValidate(program: Command): void {
  program
    .command('validate')
    .description('hold an executed run against the simulator; exit 1 when decisions or bills differ')
    .argument('<rundir>', 'directory written by execute --out (or run --out)')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
Closed loop: the simulator takes from the run only what was submitted and every answer of the world with its delay; each decision
and each bill must come out the same.

Example:
  janction validate runs/x1 --json`,
    )
    .action(async (dir: string, flags: { json?: boolean }) => {
      const result = await validateCommand(dir);
      print(flags.json === true ? `${JSON.stringify(result)}\n` : readableValidate(dir, result));
      if (!isGood(result.closedLoop)) throw new Finding('');
    });
}
