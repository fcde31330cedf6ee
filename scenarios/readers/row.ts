/** What the readers of job lists share: the row they fill, checks of fields with their messages, ids met so far. */
import { quoted, TraceError } from '../input-error.ts';
import type { TraceFormat, TraceJob } from '../resolved.ts';
import { advice } from '../suggest.ts';
import { CsvReader } from './csv.ts';
import { recognise } from './formats.ts';

export const MAX_GPUS = 1_000_000;
const MAX_TOKENS = 100_000_000;

/** A row of whole GPUs that says nothing else; readers fill in what their format knows. All rows have the same shape. */
export function plainJob(id: string, submitUs: number, gpus: number, durationUs: number): TraceJob {
  return {
    id,
    submitUs,
    gpus,
    gpuMilli: 1000,
    cpuMilli: 0,
    ramMiB: 0,
    models: '',
    durationUs,
    limitUs: 0,
    inputTokens: 0,
    outputTokens: 0,
    user: '',
    fails: false,
  };
}

/** A run of length zero takes 1 us, the shortest time there is. */
export const atLeastOne = (us: number): number => (us > 0 ? us : 1);

/** How one format lays its rows out. */
export interface Layout {
  format: TraceFormat;
  /** Byte between fields; default a comma. */
  separator?: number;
  /** First line of the file; absent = the file has none. */
  header?: {
    /** What the message asks for. */
    example: string;
    /** The whole line must be this … */
    exact?: boolean;
    /** … or hold these names, in any order … */
    needs?: readonly string[];
    /** … and no others than these, if given. */
    takes?: readonly string[];
  };
  /** Fields of every line; default as many as the header. */
  columns?: number;
  /** Names the columns of the header: position, or -1. */
  row(csv: CsvReader, at: (name: string) => number): TraceJob;
  /** Column of the id; -1 = the line number is the id. */
  id: (at: (name: string) => number) => number;
}

/** Every job of a file of that layout, in its order. Throws TraceError at the first line that is wrong. */
export function* readRows(chunks: Iterable<Uint8Array>, file: string, layout: Layout): Generator<TraceJob> {
  const csv = new CsvReader(chunks, file, layout.separator);
  const { header } = layout;
  let at: (name: string) => number = () => -1;
  let columns = layout.columns ?? 0;
  let first = true;
  if (header !== undefined) {
    if (!csv.next()) throw new TraceError(file, 1, 1, `the file is empty; its first line must be "${header.example}"`);
    at = headerOf(csv, layout);
    columns = csv.fields;
    first = false;
  }
  const id = layout.id(at);
  const seen = new SeenIds();
  let jobs = 0;
  while (csv.next()) {
    if (first) checkFirst(csv, layout);
    first = false;
    if (csv.fields !== columns) throw badColumns(csv, columns);
    if (id >= 0) seen.check(csv, id);
    yield layout.row(csv, at);
    jobs++;
  }
  if (jobs > 0) return;
  if (header === undefined) throw new TraceError(file, 1, 1, 'the file is empty; was it cut off?');
  throw new TraceError(file, 1, 1, 'a header and no jobs; was the file cut off?');
}

function headerOf(csv: CsvReader, layout: Layout): (name: string) => number {
  const { example, exact, needs, takes } = layout.header!;
  const text = csv.text();
  if (exact === true) {
    if (text !== example) throw wrongHeader(csv, text, layout, example);
    return () => -1;
  }
  const found = recognise(text);
  // The CSV of this project is told by little: it does not overrule what the user says.
  if (found !== null && found.format !== layout.format && found.format !== 'csv')
    throw wrongHeader(csv, text, layout, example);
  const names = text.split(',');
  const lacking = (needs ?? []).find((n) => !names.includes(n));
  if (lacking !== undefined) {
    if (found === null || found.format === 'csv') throw wrongHeader(csv, text, layout, example);
    throw csv.fault(`no column "${lacking}"; the first line must be like "${example}"`);
  }
  names.forEach((n, i) => {
    if (names.indexOf(n) !== i) throw csv.fault(`a second column ${quoted(n)}; remove one`, i);
    if (takes !== undefined && !takes.includes(n))
      throw csv.fault(`unknown column ${quoted(n)}; ${advice(n, takes, 'have')}`, i);
  });
  return (name) => names.indexOf(name);
}

function wrongHeader(csv: CsvReader, text: string, layout: Layout, example: string): TraceError {
  const found = recognise(text);
  if (found !== null && found.format !== layout.format)
    return csv.fault(`this is ${found.what}; give a file that begins with "${example}"`);
  return csv.fault(`the header is missing; the first line must be "${example}"`);
}

/** The first line of a format without a header. */
function checkFirst(csv: CsvReader, layout: Layout): void {
  const found = recognise(csv.text());
  if (found !== null && found.format !== layout.format)
    throw csv.fault(`this is ${found.what}; name that format, or give a file of format ${layout.format}`);
}

function badColumns(csv: CsvReader, columns: number): TraceError {
  if (csv.size === 0) return csv.fault('an empty line; remove it');
  const how = csv.fields < columns ? 'was the file cut off?' : 'remove what is too much';
  return csv.fault(`${csv.fields} columns, not ${columns}; ${how}`);
}

/** Field as microseconds, from a plain decimal number of seconds. */
export function seconds(csv: CsvReader, column: number, what: string): number {
  const us = csv.micros(column);
  if (us >= 0 && us < Number.POSITIVE_INFINITY) return us;
  const text = csv.field(column);
  if (us > 0) throw csv.fault(`${what} ${quoted(text)} is too large; write less than 9007199254 seconds`, column);
  if (/^-[0-9.]+$/.test(text))
    throw csv.fault(`${what} ${quoted(text)} is negative; write zero or more seconds`, column);
  throw csv.fault(`${what} ${quoted(text)} is no plain number; write seconds such as 64.0`, column);
}

/** Field as microseconds, from a plain number of milliseconds; parts of a microsecond are rounded. */
export function milliseconds(csv: CsvReader, column: number, what: string): number {
  const whole = csv.whole(column);
  const text = csv.field(column);
  if (whole < 0 && !/^\d{1,15}(\.\d+)?$/.test(text))
    throw csv.fault(`${what} ${quoted(text)} is no plain number of milliseconds; write one from 0`, column);
  const us = whole >= 0 ? whole * 1000 : Math.round(Number(text) * 1000);
  if (us < Number.MAX_SAFE_INTEGER) return us;
  throw csv.fault(`${what} ${quoted(text)} is too large; write less than 9007199254740 milliseconds`, column);
}

/** Field as a whole number from `least` to `most`. */
export function wholeNumber(csv: CsvReader, column: number, what: string, least: number, most: number): number {
  const n = csv.whole(column);
  if (n >= least && n <= most) return n;
  const text = quoted(csv.field(column));
  if (n > most) throw csv.fault(`${what} ${text} is too large; write at most ${most}`, column);
  throw csv.fault(`${what} ${text} is no whole number; write one from ${least}`, column);
}

/** Field as GPUs of a job, at least `least`. */
export function gpuCount(csv: CsvReader, column: number, what: string, least: 0 | 1): number {
  const gpus = csv.whole(column);
  if (gpus >= least && gpus <= MAX_GPUS) return gpus;
  const text = quoted(csv.field(column));
  if (gpus > MAX_GPUS) throw csv.fault(`${what} ${text} is too large; write at most ${MAX_GPUS} GPUs`, column);
  if (gpus === 0) throw csv.fault(`${what} 0; write at least 1 GPU, or leave the job out`, column);
  throw csv.fault(`${what} ${text} is no whole number of GPUs; write one from ${least}`, column);
}

/** Field as tokens of a request. */
export const tokens = (csv: CsvReader, column: number, what: string): number =>
  wholeNumber(csv, column, what, 0, MAX_TOKENS);

/** Ids met so far. Traces mostly number their jobs one by one, and such a run of numbers needs no memory. */
export class SeenIds {
  #first = 0;
  #next = -1;
  readonly #others = new Set<string>();

  /** Throws when the id in that column was there before or is empty. */
  check(csv: CsvReader, column: number, noun = 'job'): void {
    const number = csv.whole(column);
    const id = number >= 0 ? '' : csv.field(column);
    if (number < 0 && id === '') throw csv.fault(`a ${noun} without an id; give it one`, column);
    if (!this.add(number, id)) {
      const text = number >= 0 ? String(number) : id;
      throw csv.fault(`a second ${noun} ${quoted(text)}; give each ${noun} its own id`, column);
    }
  }

  /** `number` is the id as a whole number, or -1. False when the id was there before. */
  add(number: number, id: string): boolean {
    const others = this.#others;
    const text = number >= 0 ? String(number) : id;
    if (number >= 0) {
      if (this.#next < 0) this.#first = this.#next = number;
      if (number === this.#next && (others.size === 0 || !others.has(text))) {
        this.#next++;
        return true;
      }
      if (number >= this.#first && number < this.#next) return false;
    }
    if (others.has(text)) return false;
    others.add(text);
    return true;
  }
}

/** The id in that column as text. */
export function idText(csv: CsvReader, column: number): string {
  const number = csv.whole(column);
  return number >= 0 ? String(number) : csv.field(column);
}
