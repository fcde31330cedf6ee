/**
 * The reduced Philly trace (github.com/shuoshuc/RFold, derived from github.com/msr-fiddle/philly-traces): one job per line with
 * arrival, size in GPUs and duration; no users, no failures, no queueing times.
 */
import type { TraceJob } from '../resolved.ts';
import { atLeastOne, gpuCount, idText, plainJob, readRows, seconds } from './row.ts';

export const PHILLY_HEADER = '#job id,arrival time (sec),topology,shape,size,duration (sec)';
const Column = { id: 0, arrival: 1, size: 4, duration: 5 } as const;

/** Every job of the trace, in its order. Throws TraceError at the first line that is wrong. */
export function readPhilly(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'philly',
    header: { example: PHILLY_HEADER, exact: true },
    id: () => Column.id,
    row: (csv) =>
      plainJob(
        idText(csv, Column.id),
        seconds(csv, Column.arrival, 'arrival time'),
        gpuCount(csv, Column.size, 'size', 1),
        atLeastOne(seconds(csv, Column.duration, 'duration')),
      ),
  });
}
