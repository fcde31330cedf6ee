/**
 * Job lists in every format that is read: a header and a line per job. What a format cannot say is lost and named; a job that it
 * cannot hold at all is left out and counted. Columns that a format needs and jobs do not have get neutral values that its reader
 * ignores; models that only give work as steps are written as ResNet-18 jobs whose run time is right to half a step.
 */
import type { TraceFormat, TraceJob } from '../resolved.ts';
import { AZURE_HEADER } from './azure-llm.ts';
import { gavelSpeed } from './gavel.ts';
import { csvColumns } from './job-csv.ts';
import { ITP_HEADER } from './microsoft-itp.ts';
import { PODS_HEADER } from './openb.ts';
import { PHILLY_HEADER } from './philly.ts';
import { ACME_HEADER, HELIOS_HEADER } from './slurm-log.ts';
import { timestampText } from './timestamp.ts';
import { MURI_HEADER, TIRESIAS_HEADER } from './tiresias.ts';

/** What a job may say beyond its name, time, size and run time. */
export const optionalFields = [
  'gpu share',
  'cpu',
  'memory',
  'models',
  'wall limit',
  'tokens',
  'label',
  'failure',
  'exact time',
] as const;
export type OptionalField = (typeof optionalFields)[number];

export interface TraceWriter {
  /** Lines before the jobs, without line ends. */
  header: readonly string[];
  keeps: readonly OptionalField[];
  /** The line of the n-th job (from 0), or null when the format cannot hold it. */
  line(job: TraceJob, n: number): string | null;
  /** Run times and times of arrival must be known. */
  needsTimes: boolean;
}

/** Wall-clock formats begin on this day: 2000-01-01. */
const EPOCH_US = 946_684_800_000_000;
const TYPE = 'ResNet-18 (batch size 128)';
const COMMAND = 'python3 main.py --batch_size 128';

/** Microseconds as seconds without rounding: 64, 64.5, 0.000001. */
export function secondsText(us: number): string {
  const whole = Math.floor(us / 1_000_000);
  const rest = us - whole * 1_000_000;
  return rest === 0 ? String(whole) : `${whole}.${String(rest).padStart(6, '0').replace(/0+$/, '')}`;
}

const millis = (us: number): string => String(Math.round(us) / 1000);
const wholeSeconds = (us: number): number => Math.round(us / 1e6);
const clock = (us: number): string => timestampText(EPOCH_US + us);
const hasTokens = (j: TraceJob): boolean => j.inputTokens > 0 || j.outputTokens > 0;
/** Separators and quotes have no place in a field. */
const plain = (text: string): string => text.replace(/[,"\t\r\n]/g, '_');
/** Formats that hold jobs of GPUs only. */
const gpuOnly =
  (line: (job: TraceJob, n: number) => string) =>
  (job: TraceJob, n: number): string | null =>
    job.gpus > 0 ? line(job, n) : null;

const stepsOf = (job: TraceJob): number => Math.round((job.durationUs / 1e6) * gavelSpeed(TYPE, job.gpus));

function slurmLine(j: TraceJob, order: (parts: Record<string, string | number>) => (string | number)[]): string {
  const known = j.durationUs >= 0;
  return order({
    id: plain(j.id),
    label: plain(j.user === '' ? 'none' : j.user),
    gpus: j.gpus,
    cpus: secondsText(j.cpuMilli * 1000),
    state: j.fails ? 'FAILED' : 'COMPLETED',
    submit: clock(j.submitUs),
    end: known ? clock(j.submitUs + j.durationUs) : '',
    duration: known ? secondsText(j.durationUs) : '',
    gpuTime: known ? secondsText(j.durationUs * j.gpus) : '',
  }).join(',');
}

export const traceWriters: Readonly<Record<TraceFormat, TraceWriter>> = {
  philly: {
    header: [PHILLY_HEADER],
    keeps: ['exact time'],
    needsTimes: true,
    line: gpuOnly((j) => `${plain(j.id)},${secondsText(j.submitUs)},CLOS,1,${j.gpus},${secondsText(j.durationUs)}`),
  },
  'openb-pods': {
    header: [PODS_HEADER],
    keeps: ['gpu share', 'cpu', 'memory', 'models', 'exact time'],
    needsTimes: false,
    line: (j) => {
      // Without times only the columns before them mean anything: such rows read as never scheduled.
      const submit = Math.max(0, j.submitUs);
      const known = j.durationUs >= 0;
      const phase = known ? 'Succeeded' : 'Pending';
      const end = secondsText(submit + Math.max(0, j.durationUs));
      const share = j.gpus > 0 ? j.gpuMilli : 0;
      if (j.gpus > 1 && j.gpuMilli < 1000) return null;
      return [
        plain(j.id),
        j.cpuMilli,
        j.ramMiB,
        j.gpus,
        share,
        plain(j.models),
        'LS',
        phase,
        secondsText(submit),
        end,
        known ? secondsText(submit) : '',
      ].join(',');
    },
  },
  'microsoft-itp': {
    header: [ITP_HEADER],
    keeps: ['exact time'],
    needsTimes: true,
    line: gpuOnly((j) => `${plain(j.id)},${secondsText(j.submitUs)},${secondsText(j.durationUs)},${j.gpus}`),
  },
  muri: {
    header: [MURI_HEADER],
    keeps: ['exact time'],
    needsTimes: true,
    // One iteration a second, all of it on the GPU.
    line: gpuOnly(
      (j) =>
        `${plain(j.id)},${j.gpus},${millis(j.submitUs)},${Math.max(1, wholeSeconds(j.durationUs))},resnet18,128,` +
        `${millis(j.durationUs)},0,1000,1000,0,0,0`,
    ),
  },
  tiresias: {
    header: [TIRESIAS_HEADER],
    keeps: ['exact time'],
    needsTimes: true,
    line: gpuOnly(
      (j) =>
        `${plain(j.id)},${j.gpus},${secondsText(j.submitUs)},${Math.max(1, wholeSeconds(j.durationUs))},resnet18,` +
        `${secondsText(j.durationUs)},0`,
    ),
  },
  gavel: {
    header: [],
    keeps: [],
    needsTimes: true,
    line: gpuOnly((j) => [TYPE, COMMAND, '--num_steps', 1, stepsOf(j), secondsText(j.submitUs), j.gpus].join('\t')),
  },
  shockwave: {
    header: [],
    keeps: ['exact time'],
    needsTimes: true,
    line: gpuOnly((j) =>
      [
        TYPE,
        COMMAND,
        'image_classification/cifar10',
        '--num_steps',
        1,
        stepsOf(j),
        j.gpus,
        'static',
        1,
        -1,
        secondsText(j.durationUs),
        secondsText(j.submitUs),
      ].join('\t'),
    ),
  },
  'azure-llm': {
    header: [AZURE_HEADER],
    keeps: ['tokens', 'exact time'],
    needsTimes: false,
    line: (j) => (hasTokens(j) && j.submitUs >= 0 ? `${clock(j.submitUs)},${j.inputTokens},${j.outputTokens}` : null),
  },
  mooncake: {
    header: [],
    keeps: ['tokens'],
    needsTimes: false,
    line: (j) =>
      hasTokens(j) && j.submitUs >= 0
        ? `{"timestamp": ${Math.round(j.submitUs / 1000)}, "input_length": ${j.inputTokens}, "output_length": ${j.outputTokens}, "hash_ids": []}`
        : null,
  },
  swf: {
    header: ['; Version: 2.2', '; Note: GPUs are written as processors'],
    keeps: ['wall limit', 'failure'],
    needsTimes: false,
    line: (j, n) => {
      if (j.submitUs < 0 || j.gpus === 0) return null;
      const run = j.durationUs < 0 ? -1 : wholeSeconds(j.durationUs);
      const limit = j.limitUs > 0 ? wholeSeconds(j.limitUs) : -1;
      const status = j.fails ? 0 : 1;
      return `${n + 1} ${wholeSeconds(j.submitUs)} -1 ${run} ${j.gpus} -1 -1 ${j.gpus} ${limit} -1 ${status} -1 -1 -1 -1 -1 -1 -1`;
    },
  },
  acme: {
    header: [ACME_HEADER],
    keeps: ['cpu', 'label', 'failure', 'exact time'],
    needsTimes: false,
    line: (j) =>
      j.submitUs < 0
        ? null
        : slurmLine(j, (p) => [
            p['id']!,
            'u0',
            1,
            p['gpus']!,
            p['cpus']!,
            p['label']!,
            p['state']!,
            p['submit']!,
            p['submit']!,
            p['end']!,
            p['duration']!,
            0,
            p['gpuTime']!,
          ]),
  },
  helios: {
    header: [HELIOS_HEADER],
    keeps: ['cpu', 'label', 'failure', 'exact time'],
    needsTimes: false,
    line: (j) =>
      j.submitUs < 0
        ? null
        : slurmLine(j, (p) => [
            p['id']!,
            'u0',
            p['label']!,
            p['gpus']!,
            p['cpus']!,
            1,
            p['state']!,
            p['submit']!,
            p['submit']!,
            p['end']!,
            p['duration']!,
            0,
          ]),
  },
  csv: {
    header: [csvColumns.join(',')],
    keeps: optionalFields,
    needsTimes: false,
    line: (j) =>
      [
        plain(j.id),
        j.submitUs < 0 ? '' : secondsText(j.submitUs),
        j.gpus,
        j.durationUs < 0 ? '' : secondsText(j.durationUs),
        j.gpuMilli === 1000 ? '' : j.gpuMilli,
        j.cpuMilli === 0 ? '' : j.cpuMilli,
        j.ramMiB === 0 ? '' : j.ramMiB,
        plain(j.models),
        j.limitUs === 0 ? '' : secondsText(j.limitUs),
        j.inputTokens,
        j.outputTokens,
        plain(j.user),
        j.fails ? 1 : '',
      ].join(','),
  },
};

/** Which of the things that a job says this writer cannot keep. */
export function lostFields(job: TraceJob, writer: TraceWriter): OptionalField[] {
  const says: Record<OptionalField, boolean> = {
    'gpu share': job.gpus > 0 && job.gpuMilli < 1000,
    cpu: job.cpuMilli > 0,
    memory: job.ramMiB > 0,
    models: job.models !== '',
    'wall limit': job.limitUs > 0,
    tokens: hasTokens(job),
    label: job.user !== '',
    failure: job.fails,
    'exact time': job.submitUs % 1_000_000 !== 0 || (job.durationUs >= 0 && job.durationUs % 1_000_000 !== 0),
  };
  return optionalFields.filter((f) => says[f] && !writer.keeps.includes(f));
}
