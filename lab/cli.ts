#!/usr/bin/env node
/**
 * The command line: flags in, one document on stdout, one line of error on stderr. Exit 0 done, 1 the finding is bad, 2 the
 * input or usage is wrong.
 */
import { Command, CommanderError } from 'commander';
import { ENGINE_VERSION } from '../core/version.ts';
import { advice } from '../scenarios/suggest.ts';
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
  [['challenge'], async () => (await import('./commands/challenge.ts')).addChallenge],
  [['invoice', 'statement'], async () => (await import('./commands/invoice.ts')).addInvoice],
  [['costs'], async () => (await import('./commands/costs.ts')).addCosts],
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
  [['payoffs'], async () => (await import('./commands/payoffs.ts')).addPayoffs],
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
    // An empty list is no default worth reading.
    for (const o of c.options)
      if (Array.isArray(o.defaultValue) && o.defaultValue.length === 0) o.defaultValueDescription = 'none';
    for (const sub of c.commands) quiet(sub);
  };
  quiet(program);
  return program;
}

/** An empty argument is an unset variable of a shell's: taken as a path it would mean the working directory. */
function refuseEmpty(argv: readonly string[]): void {
  const at = argv.findIndex((a) => a === '' || /^--[\w-]+=$/.test(a));
  if (at < 0) return;
  const after = argv[at] === '' ? argv[at - 1] : argv[at];
  throw new UsageError(`empty argument${after === undefined ? '' : ` after ${after}`}; is a variable unset?`);
}

const namesOf = (program: Command): string[] => program.commands.map((c) => c.name());

/** commander answers `help bogus` and `sweep` alone with pages of help, and `reproduce bogus` with a count of arguments. */
function refuseUnknownNames(program: Command, argv: readonly string[]): void {
  const [first, name] = argv;
  const group = first === 'help' ? program : program.commands.find((c) => c.name() === first && c.commands.length > 0);
  if (group === undefined || name?.startsWith('-') || name === 'help') return;
  const names = namesOf(group);
  if (name === undefined && first === 'sweep') throw new UsageError(`sweep: what? have: ${names.join(', ')}`);
  if (name !== undefined && !names.includes(name))
    throw new UsageError(`${first}: no "${name}"; ${advice(name, names, 'have')}`);
}

/** The page of help that says more: that of the command, or of its own command, when it is one. */
function helpPage(program: Command | null, [called, sub]: readonly string[]): string {
  const command = program?.commands.find((c) => c.name() === called);
  if (command === undefined) return '';
  return command.commands.some((c) => c.name() === sub) ? ` ${called} ${sub}` : ` ${called}`;
}

/** commander's own `help` knows only commands: `help sweep run` is `sweep run --help`. */
const withHelp = (argv: readonly string[]): readonly string[] =>
  argv[0] === 'help' && argv.length > 2 ? [...argv.slice(1), '--help'] : argv;

/** Runs the command line and answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const argv = withHelp(args);
  let program: Command | null = null;
  try {
    const versionOnly = argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V');
    program = await buildProgram(versionOnly ? 'doctor' : argv[0]);
    if (argv.length === 0) {
      print(program.helpInformation());
      return 0;
    }
    refuseEmpty(argv);
    for (const names of args === argv ? [argv] : [args, argv]) refuseUnknownNames(program, names);
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
      const what = oneLine(e)
        .replace(/^error: /, '')
        .replace(/\.$/, '');
      process.stderr.write(`error: ${what}; see janction help${helpPage(program, argv)}\n`);
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
