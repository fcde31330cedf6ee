/**
 * The reduced Philly trace (github.com/shuoshuc/RFold, derived from github.com/msr-fiddle/philly-traces): one job per line with
 * arrival, size in GPUs and duration; no users, no failures, no queueing times. Jobs come in order of arrival. Zero-length jobs
 * are valid and take 1 us, the shortest time there is.
 */
import { quoted, TraceError } from '../input-error.ts';
import type { TraceJob } from '../resolved.ts';
import { CsvReader } from './csv.ts';
import { recognise } from './formats.ts';

const HEADER = '#job id,arrival time (sec),topology,shape,size,duration (sec)';
const COLUMNS = 6;
const Column = { id: 0, arrival: 1, size: 4, duration: 5 } as const;
const MAX_GPUS = 1_000_000;

/** Every job of the trace, in order. Throws TraceError at the first line that is wrong. */
export function* readPhilly(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  const csv = new CsvReader(chunks, file);
  if (!csv.next()) throw new TraceError(file, 1, 1, `the file is empty; its first line must be "${HEADER}"`);
  checkHeader(csv);
  const seen = new SeenIds();
  let lastUs = 0;
  while (csv.next()) {
    if (csv.fields !== COLUMNS) throw badColumns(csv);
    const number = csv.whole(Column.id);
    const id = number >= 0 ? String(number) : csv.field(Column.id);
    if (id === '') throw csv.fault('a job without an id; give it one', Column.id);
    if (!seen.add(number, id)) throw csv.fault(`a second job ${quoted(id)}; give each job its own id`, Column.id);
    const submitUs = csv.micros(Column.arrival);
    if (!(submitUs >= 0 && submitUs < Number.POSITIVE_INFINITY)) throw badSeconds(csv, Column.arrival, 'arrival time');
    if (submitUs < lastUs)
      throw csv.fault('arrives before the job above it; sort the file by arrival time', Column.arrival);
    lastUs = submitUs;
    const gpus = csv.whole(Column.size);
    if (gpus < 1 || gpus > MAX_GPUS) throw badSize(csv, gpus);
    const durationUs = csv.micros(Column.duration);
    if (!(durationUs >= 0 && durationUs < Number.POSITIVE_INFINITY)) throw badSeconds(csv, Column.duration, 'duration');
    yield { id, submitUs, gpus, durationUs: durationUs > 0 ? durationUs : 1, user: '', fails: false };
  }
  if (csv.line === 1) throw new TraceError(file, 1, 1, 'a header and no jobs; was the file cut off?');
}

function checkHeader(csv: CsvReader): void {
  const text = csv.text();
  if (text === HEADER) return;
  const found = recognise(text);
  if (found !== null) throw csv.fault(`this is ${found}; give a file that begins with "${HEADER}"`);
  throw csv.fault(`the header is missing; the first line must be "${HEADER}"`);
}

function badColumns(csv: CsvReader): TraceError {
  if (csv.size === 0) return csv.fault('an empty line; remove it');
  const how = csv.fields < COLUMNS ? 'was the file cut off?' : 'remove what is too much';
  return csv.fault(`${csv.fields} columns, not ${COLUMNS}; ${how}`);
}

function badSeconds(csv: CsvReader, column: number, what: string): TraceError {
  const text = csv.field(column);
  if (csv.micros(column) > 0)
    return csv.fault(`${what} ${quoted(text)} is too large; write less than 9007199254 seconds`, column);
  if (/^-[0-9.]+$/.test(text))
    return csv.fault(`${what} ${quoted(text)} is negative; write zero or more seconds`, column);
  return csv.fault(`${what} ${quoted(text)} is no plain number; write seconds such as 64.0`, column);
}

function badSize(csv: CsvReader, gpus: number): TraceError {
  const text = quoted(csv.field(Column.size));
  if (gpus > MAX_GPUS) return csv.fault(`size ${text} is too large; write at most ${MAX_GPUS} GPUs`, Column.size);
  if (gpus === 0) return csv.fault('size 0; write at least 1 GPU, or leave the job out', Column.size);
  return csv.fault(`size ${text} is no whole number of GPUs; write one from 1`, Column.size);
}

/** Ids met so far. The trace numbers its jobs one by one, and such a run of numbers needs no memory. */
class SeenIds {
  #first = 0;
  #next = -1;
  readonly #others = new Set<string>();

  /** `number` is the id as a whole number, or -1. False when the id was there before. */
  add(number: number, id: string): boolean {
    const others = this.#others;
    if (number >= 0) {
      if (this.#next < 0) this.#first = this.#next = number;
      if (number === this.#next && (others.size === 0 || !others.has(id))) {
        this.#next++;
        return true;
      }
      if (number >= this.#first && number < this.#next) return false;
    }
    if (others.has(id)) return false;
    others.add(id);
    return true;
  }
}
