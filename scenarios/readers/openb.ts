/**
 * Alibaba's GPU trace of 2023 ("openb"; github.com/hkust-adsl/kubernetes-scheduler-simulator): lists of pods and of nodes.
 *
 * A pod ran from `scheduled_time` to `deletion_time` (seconds from the start of the trace). One that was never scheduled or never
 * deleted has an unknown run time. The `multigpu` lists have no times at all. Pods without GPUs are jobs of CPU alone. `qos` and
 * `pod_phase` are not used.
 */
import { quoted } from '../input-error.ts';
import type { TraceJob } from '../resolved.ts';
import type { CsvReader } from './csv.ts';
import { atLeastOne, gpuCount, idText, plainJob, readRows, seconds, wholeNumber } from './row.ts';

export const PODS_HEADER =
  'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time';
const MAX_CPU_MILLI = 1_000_000_000;
const MAX_RAM_MIB = 1_000_000_000;

const absent = (csv: CsvReader, column: number): boolean => column < 0 || csv.field(column) === '';

/** Every pod of a list, in its order. */
export function readOpenbPods(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'openb-pods',
    header: { example: PODS_HEADER, needs: ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli'] },
    id: (at) => at('name'),
    row: (csv, at) => {
      const created = at('creation_time');
      const job = plainJob(
        idText(csv, at('name')),
        created < 0 ? -1 : seconds(csv, created, 'creation time'),
        gpuCount(csv, at('num_gpu'), 'num_gpu', 0),
        created < 0 ? -1 : runTime(csv, at('scheduled_time'), at('deletion_time')),
      );
      job.cpuMilli = wholeNumber(csv, at('cpu_milli'), 'cpu_milli', 0, MAX_CPU_MILLI);
      job.ramMiB = wholeNumber(csv, at('memory_mib'), 'memory_mib', 0, MAX_RAM_MIB);
      const share = wholeNumber(csv, at('gpu_milli'), 'gpu_milli', job.gpus > 0 ? 1 : 0, 1000);
      job.gpuMilli = job.gpus > 0 ? share : 1000;
      if (job.gpus > 1 && share < 1000)
        throw csv.fault(`gpu_milli ${share} with ${job.gpus} GPUs; only a single GPU can be shared`, at('gpu_milli'));
      const spec = at('gpu_spec');
      if (spec >= 0) job.models = csv.field(spec);
      return job;
    },
  });
}

function runTime(csv: CsvReader, scheduled: number, deleted: number): number {
  if (absent(csv, scheduled) || absent(csv, deleted)) return -1;
  const from = seconds(csv, scheduled, 'scheduled time');
  const to = seconds(csv, deleted, 'deletion time');
  if (to < from)
    throw csv.fault(
      `deletion time ${quoted(csv.field(deleted))} lies before the scheduled time; put the two in order`,
      deleted,
    );
  return atLeastOne(to - from);
}
