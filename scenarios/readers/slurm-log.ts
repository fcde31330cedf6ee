/**
 * Job logs of two Slurm data centres, by their documented columns: Helios (SenseTime 2020; github.com/S-Lab-System-Group/HeliosData)
 * and ACME (Shanghai AI Laboratory 2023, trace_seren.csv and trace_kalos.csv; github.com/InternLM/AcmeTrace).
 *
 * Submission is a wall-clock time, the run time is the column `duration` in seconds, CPUs are those of the whole job. A job of
 * state FAILED or NODE_FAIL fails at the end of its run time; one that was cancelled or timed out runs that long and completes,
 * because what it would have taken is not known. Virtual clusters become the label of jobs, users are not kept apart.
 */
import type { TraceFormat, TraceJob } from '../resolved.ts';
import { atLeastOne, gpuCount, idText, plainJob, readRows, seconds } from './row.ts';
import { timestamp } from './timestamp.ts';

export const HELIOS_HEADER =
  'job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue';
export const ACME_HEADER =
  'job_id,user,node_num,gpu_num,cpu_num,type,state,submit_time,start_time,end_time,duration,queue,gpu_time';
const failed = new Set(['FAILED', 'NODE_FAIL']);

function readLog(
  chunks: Iterable<Uint8Array>,
  file: string,
  format: TraceFormat,
  example: string,
  label: string,
): Generator<TraceJob> {
  return readRows(chunks, file, {
    format,
    header: { example, needs: ['job_id', label, 'gpu_num', 'cpu_num', 'state', 'submit_time', 'duration'] },
    id: (at) => at('job_id'),
    row: (csv, at) => {
      const job = plainJob(
        idText(csv, at('job_id')),
        timestamp(csv, at('submit_time'), 'submit_time'),
        gpuCount(csv, at('gpu_num'), 'gpu_num', 0),
        csv.field(at('duration')) === '' ? -1 : atLeastOne(seconds(csv, at('duration'), 'duration')),
      );
      // CPUs are written as whole numbers or with a decimal point.
      job.cpuMilli = Math.round(seconds(csv, at('cpu_num'), 'cpu_num') / 1000);
      job.user = csv.field(at(label));
      job.fails = failed.has(csv.field(at('state')));
      return job;
    },
  });
}

/** Every job of a Helios cluster log; times count from 1970. */
export const readHelios = (chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> =>
  readLog(chunks, file, 'helios', HELIOS_HEADER, 'vc');

/** Every job of an ACME log; times count from 1970. */
export const readAcme = (chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> =>
  readLog(chunks, file, 'acme', ACME_HEADER, 'type');
