#!/usr/bin/env node
/**
 * The command line: flags in, one document on stdout, one line of error on stderr. Exit 0 done, 1 the finding is bad, 2 the
 * input or usage is wrong.
 */
import { Command, CommanderError } from 'commander';
import { ENGINE_VERSION } from '../core/version.ts';
import { Finding, oneLine, UsageError } from './errors.ts';
import { print } from './flags.ts';

type Add = (program: Command) => void;

/** Where each command lives, in the order in which help lists them; a file is loaded when one of its commands is called, or for help. */
// biome-ignore format: one file a line
const files: [names: string[], load: () => Promise<Add>][] = [
  [['run'], async () => (await import('./commands/run.ts')).addRun],
  [['execute'], async () => (await import('./commands/execute.ts')).addExecute],
  [['audit'], async () => (await import('./commands/audit.ts')).addAudit],
  [['validate'], async () => (await import('./commands/validate.ts')).addValidate],
  [['calibrate'], async () => (await import('./commands/calibrate.ts')).addCalibrate],
  [['invoice', 'statement'], async () => (await import('./commands/invoice.ts')).addInvoice],
  [['report'], async () => (await import('./commands/report.ts')).addReport],
  [['explain'], async () => (await import('./commands/explain.ts')).addExplain],
  [['timeline'], async () => (await import('./commands/timeline.ts')).addTimeline],
  [['check-module'], async () => (await import('./commands/check-module.ts')).addCheckModule],
  [['notebook'], async () => (await import('./commands/notebook.ts')).addNotebook],
  [['reproduce'], async () => (await import('./commands/reproduce.ts')).addReproduce],
  [['clear'], async () => (await import('./commands/clear.ts')).addClear],
  [['certify'], async () => (await import('./commands/certify.ts')).addCertify],
  [['elect'], async () => (await import('./commands/elect.ts')).addElect],
  [['rewards'], async () => (await import('./commands/rewards.ts')).addRewards],
  [['sweep'], async () => (await import('./commands/sweep.ts')).addSweep],
  [['compare'], async () => (await import('./commands/compare.ts')).addCompare],
  [['tune', 'sensitivity'], async () => (await import('./commands/tune.ts')).addTune],
  [['schema'], async () => (await import('./commands/schema.ts')).addSchema],
  [['convert'], async () => (await import('./commands/convert.ts')).addConvert],
  [['doctor'], async () => (await import('./commands/doctor.ts')).addDoctor],
];

/** The program with the command that is called, or with all of them when that is no command's name. */
export async function buildProgram(called?: string): Promise<Command> {
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

  const wanted = files.filter(([names]) => called !== undefined && names.includes(called));
  for (const [, load] of wanted.length > 0 ? wanted : files) (await load())(program);

  const quiet = (c: Command): void => {
    c.exitOverride().configureOutput({ outputError: () => {} });
    for (const sub of c.commands) quiet(sub);
  };
  quiet(program);
  return program;
}

/** Runs the command line and answers the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const versionOnly = argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V');
    const program = await buildProgram(versionOnly ? 'doctor' : argv[0]);
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
