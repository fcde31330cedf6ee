#!/usr/bin/env node
/**
 * The command line: flags in, one document on stdout, one line of error on stderr. Exit 0 done, 1 the finding is bad, 2 the
 * input or usage is wrong.
 */
import { Command, CommanderError } from 'commander';
import { ENGINE_VERSION } from '../core/version.ts';
import { addAudit } from './commands/audit.ts';
import { addCalibrate } from './commands/calibrate.ts';
import { addCertify } from './commands/certify.ts';
import { addCheckModule } from './commands/check-module.ts';
import { addClear } from './commands/clear.ts';
import { addCompare } from './commands/compare.ts';
import { addConvert } from './commands/convert.ts';
import { addDoctor } from './commands/doctor.ts';
import { addElect } from './commands/elect.ts';
import { addExecute } from './commands/execute.ts';
import { addExplain } from './commands/explain.ts';
import { addInvoice } from './commands/invoice.ts';
import { addNotebook } from './commands/notebook.ts';
import { addReport } from './commands/report.ts';
import { addReproduce } from './commands/reproduce.ts';
import { addRewards } from './commands/rewards.ts';
import { addRun } from './commands/run.ts';
import { addSchema } from './commands/schema.ts';
import { addSweep } from './commands/sweep.ts';
import { addTimeline } from './commands/timeline.ts';
import { addTune } from './commands/tune.ts';
import { addValidate } from './commands/validate.ts';
import { Finding, oneLine, UsageError } from './errors.ts';
import { print } from './flags.ts';

/** Each command registers itself; help lists them in this order. */
// biome-ignore format: one command a line
const commands = [
  addRun,
  addExecute,
  addAudit,
  addValidate,
  addCalibrate,
  addInvoice,
  addReport,
  addExplain,
  addTimeline,
  addCheckModule,
  addNotebook,
  addReproduce,
  addClear,
  addCertify,
  addElect,
  addRewards,
  addSweep,
  addCompare,
  addTune,
  addSchema,
  addConvert,
  addDoctor,
];

export function buildProgram(): Command {
  const program = new Command('janction')
    .description('Deterministic simulator and economics lab of a decentralised GPU market.')
    .version(ENGINE_VERSION, '-V, --version', 'print the version')
    .showHelpAfterError(false)
    .helpCommand('help [command]', 'show help of a command')
    .addHelpText(
      'after',
      `
Examples:
  janction run scenarios/quickstart/scenario.yaml
  janction run scenarios/quickstart/scenario.yaml --seed 7 --out runs/q7
  janction audit runs/q7
  janction doctor`,
    );

  for (const add of commands) add(program);

  const quiet = (c: Command): void => {
    c.exitOverride().configureOutput({ outputError: () => {} });
    for (const sub of c.commands) quiet(sub);
  };
  quiet(program);
  return program;
}

/** Runs the command line and answers the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = buildProgram();
  try {
    if (argv.length === 0) {
      print(program.helpInformation());
      return 0;
    }
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (e) {
    if (e instanceof Finding) {
      if (e.message !== '') process.stderr.write(`${e.message}\n`);
      return 1;
    }
    if (e instanceof CommanderError) {
      if (e.exitCode === 0) return 0;
      // A suggestion comes on a line of its own.
      process.stderr.write(`error: ${oneLine(e).replace(/^error: /, '')}; see janction help\n`);
      return 2;
    }
    if (e instanceof UsageError) {
      process.stderr.write(`error: ${oneLine(e)}\n`);
      return 2;
    }
    process.stderr.write(`error: internal: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
    return 2;
  }
}

if (import.meta.filename === (await entryPath())) process.exitCode = await main(process.argv.slice(2));

/** The real path of the script that node was asked to run (npx links to it). */
async function entryPath(): Promise<string> {
  const { realpathSync } = await import('node:fs');
  try {
    return realpathSync(process.argv[1] ?? '');
  } catch {
    return '';
  }
}
