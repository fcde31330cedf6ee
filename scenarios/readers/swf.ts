/**
 * Logs in the Standard Workload Format of the Parallel Workloads Archive (Chapin et al., JSSPP 1999; version 2.2): lines that
 * begin with `;` are comments, every other line has 18 numbers separated by blanks, -1 = unknown, times in seconds.
 *
 * Processors are taken as GPUs: those requested (field 8), else those allocated (5), else one. The run time is field 4, the wall
 * limit field 9, failed is status 0 (11), the user field 12. Lines of status 2, 3 and 4 describe parts of a job that has a line of
 * its own and are left out.
 */
import { quoted, TraceError } from '../input-error.ts';
import type { TraceJob } from '../resolved.ts';
import { CsvReader } from './csv.ts';
import { recognise } from './formats.ts';
import { atLeastOne, MAX_GPUS, plainJob, SeenIds } from './row.ts';

const FIELDS = 18;
const LF = 10;
const MAX_SECONDS = 9_007_199_254;
const Field = { job: 0, submit: 1, run: 3, allocated: 4, requested: 7, limit: 8, status: 10, user: 11 } as const;
const Status = { failed: 0, partial: [2, 3, 4] } as const;

/** Every job of the log, in its order. */
export function* readSwf(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  const lines = new CsvReader(chunks, file, LF);
  const seen = new SeenIds();
  let jobs = 0;
  while (lines.next()) {
    const text = lines.text().trim();
    if (lines.line === 1) {
      const found = recognise(lines.text());
      if (found !== null && found.format !== 'swf')
        throw lines.fault(`this is ${found.what}; name that format, or give a file of format swf`);
    }
    if (text === '' || text.startsWith(';')) continue;
    const f = text.split(/\s+/);
    if (f.length !== FIELDS)
      throw lines.fault(`${f.length} fields, not ${FIELDS}; give a log in the Standard Workload Format (cut off?)`);
    if (Status.partial.includes(Number(f[Field.status]) as 2)) continue;
    const number = integer(f, Field.job, 'job number', 0, Number.MAX_SAFE_INTEGER, lines);
    if (!seen.add(number, '')) throw lines.fault(`a second job ${number}; give each job its own number`);
    yield jobOf(f, String(number), lines);
    jobs++;
  }
  if (jobs === 0) throw new TraceError(file, 1, 1, 'no jobs; was the file cut off?');
}

function jobOf(f: readonly string[], id: string, lines: CsvReader): TraceJob {
  const run = time(f, Field.run, 'run time', -1, lines);
  const requested = integer(f, Field.requested, 'requested processors', -1, MAX_GPUS, lines);
  const allocated = integer(f, Field.allocated, 'allocated processors', -1, MAX_GPUS, lines);
  const gpus = requested > 0 ? requested : allocated > 0 ? allocated : 1;
  const job = plainJob(id, time(f, Field.submit, 'submit time', 0, lines), gpus, run < 0 ? -1 : atLeastOne(run));
  job.limitUs = Math.max(0, time(f, Field.limit, 'requested time', -1, lines));
  job.user = Number(f[Field.user]) >= 0 ? `user-${f[Field.user]}` : '';
  job.fails = Number(f[Field.status]) === Status.failed;
  return job;
}

/** Microseconds of a field in seconds; -1 = unknown. */
function time(f: readonly string[], i: number, what: string, least: number, lines: CsvReader): number {
  const s = numberOf(f, i, what, lines);
  if (s < least || s > MAX_SECONDS)
    throw lines.fault(`${what} ${quoted(f[i]!)} is out of range; write ${least} to ${MAX_SECONDS} seconds`);
  return s < 0 ? -1 : Math.round(s * 1_000_000);
}

function integer(f: readonly string[], i: number, what: string, least: number, most: number, lines: CsvReader): number {
  const n = numberOf(f, i, what, lines);
  if (Number.isInteger(n) && n >= least && n <= most) return n;
  throw lines.fault(`${what} ${quoted(f[i]!)} is no whole number from ${least} to ${most}; write one`);
}

function numberOf(f: readonly string[], i: number, what: string, lines: CsvReader): number {
  if (/^-?\d{1,15}(\.\d+)?$/.test(f[i]!)) return Number(f[i]);
  throw lines.fault(`${what} ${quoted(f[i]!)} is no plain number; write one, or -1 for unknown`);
}
