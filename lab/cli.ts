#!/usr/bin/env node
/**
 * The command line: flags in, one document on stdout, one line of error on stderr. Exit 0 done, 1 the finding is bad, 2 the
 * input or usage is wrong.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ENGINE_VERSION } from '../core/version.ts';
import { auditCommand, readableAudit } from './commands/audit.ts';
import { doctorCommand, readableDoctor } from './commands/doctor.ts';
import { type RunFlags, runCommand } from './commands/run.ts';
import { schemaCommand, schemaNames } from './commands/schema.ts';
import { Finding, oneLine, UsageError } from './errors.ts';

function seedOf(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n))
    throw new InvalidArgumentError('want a whole number from 0 to 9007199254740991');
  return n;
}

const append = (value: string, list: string[]): string[] => [...list, value];
const print = (text: string): void => {
  process.stdout.write(text);
};

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

  program
    .command('run')
    .description('simulate one scenario')
    .argument('<scenario>', 'scenario file (YAML)')
    .option('--seed <n>', 'seed of every random stream (default: the scenario’s, or 1)', seedOf)
    .option(
      '--set <path=value>',
      'change one value of the scenario, for example demand.trace.path=FILE (repeatable)',
      append,
      [],
    )
    .option('--out <dir>', 'write tables, journal and manifest there (must be absent or empty)')
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress and no wall time on stderr')
    .option('--dry-run', 'load and check the scenario, run nothing')
    .addOption(
      new Option('--check <when>', 'when to check every law of the market')
        .choices(['end', 'every-event'])
        .default('end'),
    )
    .addHelpText(
      'after',
      `
The same scenario, seed and version print the same bytes on any machine.

Examples:
  janction run scenarios/quickstart/scenario.yaml --seed 7 --json
  janction run scenarios/quickstart/scenario.yaml --check every-event
  janction run scenarios/replay-philly/scenario.yaml --set demand.trace.path=philly_trace.csv --out runs/philly`,
    )
    .action(async (path: string, flags: RunFlags) => {
      print((await runCommand(path, flags)).text);
    });

  program
    .command('audit')
    .description('replay a run through core and recompute every balance independently; exit 1 on any difference')
    .argument('<rundir>', 'directory written by run --out')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText('after', '\nExample:\n  janction audit runs/q7 --json')
    .action(async (dir: string, flags: { json?: boolean }) => {
      const result = await auditCommand(dir);
      print(flags.json === true ? `${JSON.stringify(result)}\n` : readableAudit(dir, result));
      if (result.firstDifference !== null) throw new Finding('');
    });

  program
    .command('schema')
    .description(`print a JSON schema: ${schemaNames.join(', ')}`)
    .argument('[name]', 'which schema', 'scenario')
    .option('--dictionary', 'print the data dictionary of a run’s tables (Markdown) instead')
    .addHelpText(
      'after',
      '\nExamples:\n  janction schema scenario > scenario.schema.json\n  janction schema --dictionary',
    )
    .action((name: string, flags: { dictionary?: boolean }) => {
      print(schemaCommand(name, flags.dictionary === true));
    });

  program
    .command('doctor')
    .description('say what this machine offers (GPUs, Slurm, isolation) and what is missing')
    .option('--json', 'print one JSON document instead of text')
    .action((flags: { json?: boolean }) => {
      const d = doctorCommand();
      print(flags.json === true ? `${JSON.stringify(d)}\n` : readableDoctor(d));
    });

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
      process.stderr.write(
        `${e.message.startsWith('error:') ? e.message : `error: ${e.message}`}; see janction help\n`,
      );
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
