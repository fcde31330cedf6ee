import { closeSync, existsSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import {
  lostFields,
  readTrace,
  requireTrace,
  ScenarioError,
  standardImputation,
  type TraceFormat,
  type TraceJob,
  traceFormats,
  traceWriters,
} from '../../scenarios/index.ts';
import { Imputation, Streams } from '../../sim/index.ts';
import { UsageError } from '../errors.ts';
import { fitTrace } from '../fit/fit-trace.ts';
import { print, seedOf, wholeFrom } from '../flags.ts';
import { openPartial } from '../output-file.ts';
import { reason, traceFiles } from '../trace-files.ts';

export interface ConvertFlags {
  to?: TraceFormat;
  from?: TraceFormat;
  fit?: boolean;
  member?: string;
  firstRows?: number;
  seed: number;
  json?: boolean;
}

/** What a conversion did. */
export interface ConvertJson {
  schema: 'janction.convert/1';
  from: TraceFormat;
  to: TraceFormat;
  seed: number;
  jobs: number;
  /** Jobs that the target cannot hold. */
  leftOut: number;
  /** What the target cannot say, and of how many of the jobs written. */
  lost: Record<string, number>;
  imputed: string[];
}

/** The jobs of a trace with times of arrival; run times as they are unless `complete`. */
export function openJobs(
  path: string,
  flags: ConvertFlags,
  complete: boolean,
): { from: TraceFormat; rows: Iterable<TraceJob>; imputation: Imputation } {
  const files = traceFiles(path, flags.member);
  const from = flags.from ?? requireTrace(files[0]!);
  const imputation = new Imputation(standardImputation, new Streams(flags.seed));
  const raw = readTrace(from, files, flags.firstRows);
  const named = files.length > 1 ? withFile(raw) : raw;
  return { from, rows: complete ? imputation.rows(named) : imputation.times(named), imputation };
}

/** Names are unique in each file of an archive, not over all of them. */
function* withFile(rows: Iterable<TraceJob>): Generator<TraceJob> {
  for (const row of rows) {
    row.id = `${row.user}-${row.id}`;
    yield row;
  }
}

/** Writes a file as a whole or not at all. */
class WholeFile {
  readonly #path: string;
  readonly #fd: number;
  #text = '';

  constructor(path: string) {
    if (existsSync(path)) throw new UsageError(`${path}: is there already; name a new file`);
    this.#path = path;
    try {
      this.#fd = openPartial(path);
    } catch (e) {
      throw new UsageError(`${path}: ${reason(e)}; name a file that can be written`);
    }
  }

  line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length > 1 << 16) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text, 'utf8');
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    this.#text = '';
  }

  finish(): void {
    this.#flush();
    closeSync(this.#fd);
    renameSync(`${this.#path}.partial`, this.#path);
  }

  abandon(): void {
    closeSync(this.#fd);
    rmSync(`${this.#path}.partial`, { force: true });
  }
}

export function convertTrace(input: string, output: string, to: TraceFormat, flags: ConvertFlags): ConvertJson {
  const writer = traceWriters[to];
  const { from, rows, imputation } = openJobs(input, flags, writer.needsTimes);
  const out = new WholeFile(output);
  try {
    for (const line of writer.header) out.line(line);
    const lost = new Map<string, number>();
    let jobs = 0;
    let leftOut = 0;
    for (const job of rows) {
      const line = writer.line(job, jobs);
      if (line === null) {
        leftOut++;
        continue;
      }
      out.line(line);
      jobs++;
      for (const field of lostFields(job, writer)) lost.set(field, (lost.get(field) ?? 0) + 1);
    }
    if (jobs === 0)
      throw new UsageError(`${input}: none of its ${leftOut} jobs can be written as ${to}; choose another format`);
    out.finish();
    return {
      schema: 'janction.convert/1',
      from,
      to,
      seed: flags.seed,
      jobs,
      leftOut,
      lost: Object.fromEntries([...lost].sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      imputed: imputation.notes(),
    };
  } catch (e) {
    out.abandon();
    throw e;
  }
}

function readableConversion(r: ConvertJson): string {
  const lines = [`${r.jobs} jobs from ${r.from} to ${r.to}`];
  if (r.leftOut > 0) lines.push(`left out: ${r.leftOut} jobs that ${r.to} cannot hold`);
  for (const [field, n] of Object.entries(r.lost)) lines.push(`lost: ${field} of ${n} jobs`);
  for (const note of r.imputed) lines.push(`imputed: ${note}`);
  return `${lines.join('\n')}\n`;
}

export function convertCommand(input: string, output: string, flags: ConvertFlags): string {
  if ((flags.to === undefined) === (flags.fit !== true))
    throw new UsageError(`wants either --to FORMAT or --fit; have formats ${traceFormats.join(', ')}`);
  try {
    if (flags.to !== undefined) {
      const result = convertTrace(input, output, flags.to, flags);
      return flags.json === true ? `${JSON.stringify(result)}\n` : readableConversion(result);
    }
    const { from, rows, imputation } = openJobs(input, flags, true);
    const fit = fitTrace(rows, from);
    const out = new WholeFile(output);
    out.line(fit.scenario(imputation.notes()).trimEnd());
    out.finish();
    return flags.json === true ? `${JSON.stringify(fit.json(imputation.notes()))}\n` : fit.text(imputation.notes());
  } catch (e) {
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
}

const rowsOf = wholeFrom(1, Number.MAX_SAFE_INTEGER);

export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('turn a job list into another format, or fit a generator to it')
    .argument('<in>', 'job list: any format, gzip or tar')
    .argument('<out>', 'new file')
    .addOption(new Option('--to <format>', 'format to write').choices([...traceFormats]))
    .addOption(
      new Option('--from <format>', 'format to read (default: told by the first line)').choices([...traceFormats]),
    )
    .option('--fit', 'write a scenario whose persona generates such jobs instead')
    .option('--member <file>', 'the one file of a tar archive to take')
    .option('--first-rows <n>', 'take only this many jobs from the start', rowsOf)
    .option('--seed <n>', 'seed of what has to be imputed', seedOf, 1)
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
What the target cannot hold is named: columns lost, jobs left out, times imputed. docs/traces.md describes the formats.

Examples:
  janction convert philly_trace.csv philly.swf --to swf
  janction convert raw-traces.tar.gz itp.csv --to csv
  janction convert philly_trace.csv like-philly.yaml --fit && janction run like-philly.yaml`,
    )
    .action((input: string, output: string, flags: ConvertFlags) => {
      print(convertCommand(input, output, flags));
    });
}
