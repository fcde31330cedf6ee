/**
 * Job lists of the Tiresias simulator (github.com/SymbioticLab/Tiresias), in seconds, and of the Muri simulator that grew from it
 * (github.com/Rivendile/Muri), in milliseconds. The run time is the column `duration`: not iterations times iteration time, which
 * the Muri simulator uses and which differs from it by up to a second in its trace files (more in `cluster_trace.csv`).
 * Resource times and priorities are not used.
 */
import type { TraceFormat, TraceJob } from '../resolved.ts';
import { atLeastOne, gpuCount, idText, milliseconds, plainJob, readRows, seconds } from './row.ts';

export const TIRESIAS_HEADER = 'job_id,num_gpu,submit_time,iterations,model_name,duration,interval';
export const MURI_HEADER =
  'job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,interval,iteration_time,' +
  'resource_time_0,resource_time_1,resource_time_2,priority';

function readJobList(
  chunks: Iterable<Uint8Array>,
  file: string,
  format: TraceFormat,
  example: string,
  needs: string[],
  time: typeof seconds,
): Generator<TraceJob> {
  return readRows(chunks, file, {
    format,
    header: { example, needs: ['job_id', 'num_gpu', 'submit_time', 'duration', ...needs] },
    id: (at) => at('job_id'),
    row: (csv, at) =>
      plainJob(
        idText(csv, at('job_id')),
        time(csv, at('submit_time'), 'submit time'),
        gpuCount(csv, at('num_gpu'), 'num_gpu', 1),
        atLeastOne(time(csv, at('duration'), 'duration')),
      ),
  });
}

/** Every job of a Tiresias list, in its order. */
export const readTiresias = (chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> =>
  readJobList(chunks, file, 'tiresias', TIRESIAS_HEADER, [], seconds);

/** Every job of a Muri list, in its order. */
export const readMuri = (chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> =>
  readJobList(chunks, file, 'muri', MURI_HEADER, ['batch_size', 'iteration_time'], milliseconds);
