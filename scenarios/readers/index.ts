/** The readers by name, what each format does not say, and a whole trace in order from the files it consists of. */
import { TraceError } from '../input-error.ts';
import { type TraceFormat, type TraceJob, traceFormats } from '../resolved.ts';
import { readAzureLlm } from './azure-llm.ts';
import { CsvReader } from './csv.ts';
import { recognise } from './formats.ts';
import { readGavel, readShockwave } from './gavel.ts';
import { readJobCsv } from './job-csv.ts';
import { readMicrosoftItp } from './microsoft-itp.ts';
import { readMooncake } from './mooncake.ts';
import { readOpenbPods } from './openb.ts';
import { inOrder } from './order.ts';
import { readPhilly } from './philly.ts';
import { readAcme, readHelios } from './slurm-log.ts';
import { readSwf } from './swf.ts';
import { readMuri, readTiresias } from './tiresias.ts';

/** A generator over the jobs of one file, in the order of the file. Throws TraceError at the first line that is wrong. */
export type TraceReader = (chunks: Iterable<Uint8Array>, file: string) => Generator<TraceJob>;

interface Format {
  read: TraceReader;
  /** Times count from 1970: the trace begins with its first job. */
  absolute: boolean;
}

const format = (read: TraceReader, absolute = false): Format => ({ read, absolute });

export const traceReaders: Readonly<Record<TraceFormat, Format>> = {
  philly: format(readPhilly),
  'openb-pods': format(readOpenbPods),
  'microsoft-itp': format(readMicrosoftItp),
  muri: format(readMuri),
  tiresias: format(readTiresias),
  gavel: format(readGavel),
  shockwave: format(readShockwave),
  'azure-llm': format(readAzureLlm, true),
  mooncake: format(readMooncake),
  swf: format(readSwf),
  acme: format(readAcme, true),
  helios: format(readHelios, true),
  csv: format(readJobCsv),
};

/** One file of a trace; `open` gives its bytes from the start, as often as it is called. */
export interface TraceFile {
  /** For messages. */
  file: string;
  /** Label of its jobs where a trace has several files; empty otherwise. */
  label: string;
  open: () => Iterable<Uint8Array>;
}

/** What a file is by its first line: the name of its job format, or null and what it seems to be. */
export function detectTrace(file: TraceFile): { format: TraceFormat | null; what: string | null } {
  const lines = new CsvReader(file.open(), file.file, 10);
  if (!lines.next()) throw new TraceError(file.file, 1, 1, 'the file is empty; was it cut off?');
  const found = recognise(lines.text());
  const known = traceFormats.find((f) => f === found?.format) ?? null;
  return { format: known, what: found?.what ?? null };
}

/** The format of a file, or a TraceError that says what it is instead. */
export function requireTrace(file: TraceFile): TraceFormat {
  const { format: found, what } = detectTrace(file);
  if (found !== null) return found;
  const text = what === null ? 'no job list that is known here' : `this is ${what}, no job list`;
  throw new TraceError(file.file, 1, 1, `${text}; have: ${traceFormats.join(', ')}`);
}

/** The jobs of all files of a trace in order of submission; `firstRows` > 0 takes only that many from the start of the files. */
export function* readTrace(name: TraceFormat, files: readonly TraceFile[], firstRows = 0): Generator<TraceJob> {
  const { read, absolute } = traceReaders[name];
  const rows = function* (): Generator<TraceJob> {
    let n = 0;
    for (const f of files) {
      for (const job of read(f.open(), f.file)) {
        if (f.label !== '' && job.user === '') job.user = f.label;
        yield job;
        if (++n === firstRows) return;
      }
    }
  };
  let origin = absolute ? -1 : 0;
  for (const job of inOrder(rows)) {
    if (origin < 0) origin = job.submitUs;
    if (origin > 0) job.submitUs -= origin;
    yield job;
  }
}
