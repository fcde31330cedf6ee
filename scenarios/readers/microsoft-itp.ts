/**
 * Microsoft's ITP clusters of 2021 (github.com/microsoft/elasticflow-traces): one CSV per cluster in a tar archive, `raw-traces` or
 * `elasticflow-traces`. Times are seconds from the start of the collection. The models, iterations and deadlines of the
 * elasticflow files were drawn at random by their authors and are not used.
 */
import type { TraceJob } from '../resolved.ts';
import { atLeastOne, gpuCount, idText, plainJob, readRows, seconds } from './row.ts';

export const ITP_HEADER = 'job_id,submission_time,duration,num_gpu';

/** Every job of one cluster, in its order. */
export function readMicrosoftItp(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'microsoft-itp',
    header: { example: ITP_HEADER, needs: ['job_id', 'submission_time', 'duration', 'num_gpu'] },
    id: (at) => at('job_id'),
    row: (csv, at) =>
      plainJob(
        idText(csv, at('job_id')),
        seconds(csv, at('submission_time'), 'submission time'),
        gpuCount(csv, at('num_gpu'), 'num_gpu', 1),
        atLeastOne(seconds(csv, at('duration'), 'duration')),
      ),
  });
}
