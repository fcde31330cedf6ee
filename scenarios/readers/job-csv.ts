/**
 * The CSV of this project, for job lists of your own. The first line names the columns, in any order; only the run time (or the
 * tokens of a request) must be there. Fields may not be quoted; an empty field is not known.
 *
 * | column | holds | if it is missing |
 * |---|---|---|
 * | `duration_seconds` (or `duration`) | run time on the reference GPU | imputed, or from the tokens |
 * | `submit_seconds` | time since the start | imputed for all |
 * | `id` | name of the job | the line number |
 * | `gpus` | GPUs, 0 = CPU alone | 1 |
 * | `gpu_milli` | thousandths of each GPU | 1000 |
 * | `cpu_milli`, `ram_mib` | thousandths of a core, MiB, of the whole job | 0 |
 * | `models` | allowed GPU classes joined by `|` | any |
 * | `limit_seconds` | wall limit the user asks for | from the run time |
 * | `input_tokens`, `output_tokens` | of an LLM request | 0 |
 * | `user` | label for reports | none |
 * | `fails` | 1 = its own command fails in the end | 0 |
 */
import type { TraceJob } from '../resolved.ts';
import type { CsvReader } from './csv.ts';
import { atLeastOne, gpuCount, idText, plainJob, readRows, seconds, tokens, wholeNumber } from './row.ts';

export const csvColumns = [
  'id',
  'submit_seconds',
  'gpus',
  'duration_seconds',
  'gpu_milli',
  'cpu_milli',
  'ram_mib',
  'models',
  'limit_seconds',
  'input_tokens',
  'output_tokens',
  'user',
  'fails',
] as const;
const MOST = 1_000_000_000;

/** Every job of the file, in its order. */
export function readJobCsv(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'csv',
    header: { example: 'id,submit_seconds,gpus,duration_seconds', needs: [], takes: [...csvColumns, 'duration'] },
    id: (at) => at('id'),
    row: (csv, at) => {
      const has = (name: string): number => {
        const i = at(name);
        return i >= 0 && !csv.empty(i) ? i : -1;
      };
      const whole = (name: string, least: number, most: number, absent: number): number => {
        const i = has(name);
        return i < 0 ? absent : wholeNumber(csv, i, name, least, most);
      };
      const time = (name: string, absent: number): number => {
        const i = has(name);
        return i < 0 ? absent : seconds(csv, i, name);
      };
      // Times must be there for all jobs or for none, or their order would be lost.
      const submit = at('submit_seconds');
      const gpus = has('gpus');
      const run = time('duration_seconds', time('duration', -1));
      const job = plainJob(
        at('id') < 0 ? String(csv.line - 1) : idText(csv, at('id')),
        submit < 0 ? -1 : seconds(csv, submit, 'submit_seconds'),
        gpus < 0 ? 1 : gpuCount(csv, gpus, 'gpus', 0),
        run < 0 ? -1 : atLeastOne(run),
      );
      job.gpuMilli = whole('gpu_milli', 1, 1000, 1000);
      job.cpuMilli = whole('cpu_milli', 0, MOST, 0);
      job.ramMiB = whole('ram_mib', 0, MOST, 0);
      job.models = text(csv, has('models'));
      job.limitUs = time('limit_seconds', 0);
      job.inputTokens = at('input_tokens') < 0 ? 0 : tokens(csv, at('input_tokens'), 'input_tokens');
      job.outputTokens = at('output_tokens') < 0 ? 0 : tokens(csv, at('output_tokens'), 'output_tokens');
      job.user = text(csv, has('user'));
      job.fails = whole('fails', 0, 1, 0) === 1;
      return job;
    },
  });
}

function text(csv: CsvReader, i: number): string {
  if (i < 0) return '';
  const t = csv.field(i);
  if (t.includes('"')) throw csv.fault('a quoted field; leave out the quotation marks', i);
  return t;
}
