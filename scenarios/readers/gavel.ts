/**
 * Gavel's job lists (github.com/stanford-futuredata/gavel, OSDI'20) and Shockwave's (github.com/uw-mad-dash/shockwave, NSDI'23): a line
 * per job, fields separated by tabs, no header.
 *
 * Gavel: job type, command, argument, steps, arrival (s), GPUs. It gives work as training steps; the run time here is steps over
 * the job type's speed on V100s, as Gavel measured it (`simulation_throughputs.json`, MIT, two decimals). GPU counts that were
 * not measured take the nearest lower one and are scaled in proportion.
 * Shockwave: type, command, directory, argument, needs data, steps, GPUs, mode, priority weight, SLO, duration (s), arrival (s).
 * The duration is that of the job running alone; changes of batch size on the way are not modelled.
 */
import { quoted } from '../input-error.ts';
import type { TraceJob } from '../resolved.ts';
import { advice } from '../suggest.ts';
import type { CsvReader } from './csv.ts';
import { atLeastOne, gpuCount, plainJob, readRows, seconds, wholeNumber } from './row.ts';

const TAB = 9;
const Gavel = { type: 0, steps: 4, arrival: 5, gpus: 6, columns: 7 } as const;
const Shockwave = { gpus: 6, duration: 10, arrival: 11, columns: 12 } as const;

/** Steps per second on 1, 2, 4 and 8 V100s, as far as measured. */
export const v100StepsPerSecond: ReadonlyMap<string, readonly number[]> = new Map([
  ['ResNet-18 (batch size 16)', [32.35, 100.14, 123.85, 382.6]],
  ['ResNet-18 (batch size 32)', [29.95, 94.25, 114.73, 340.04]],
  ['ResNet-18 (batch size 64)', [24.09, 74.14, 95.59, 255.83]],
  ['ResNet-18 (batch size 128)', [17.99, 23.99, 69.95, 162.09]],
  ['ResNet-18 (batch size 256)', [10.3, 15.88, 27.78, 81.51]],
  ['ResNet-50 (batch size 16)', [11.4, 13.86, 23.2, 27.8]],
  ['ResNet-50 (batch size 32)', [7.79, 10.83, 13.76, 24.07]],
  ['ResNet-50 (batch size 64)', [4.39, 7.92, 9.45, 17.3]],
  ['ResNet-50 (batch size 128)', [2.5, 4.22, 7.03, 10.29]],
  ['Transformer (batch size 16)', [11.06, 14.15, 20.08, 71.65]],
  ['Transformer (batch size 32)', [10.62, 13.33, 22.82, 63.98]],
  ['Transformer (batch size 64)', [8.62, 15.88, 19.66, 49.65]],
  ['Transformer (batch size 128)', [5.45, 10.07, 14.17, 30.88]],
  ['Transformer (batch size 256)', [1.6, 2.89, 4.76, 9.72]],
  ['A3C', [7.18]],
  ['LM (batch size 5)', [109.17, 185.72, 126.72, 698.77]],
  ['LM (batch size 10)', [81.65, 163.13, 121.48, 615.09]],
  ['LM (batch size 20)', [64.74, 132.17, 111, 497.3]],
  ['LM (batch size 40)', [45.24, 91.59, 96.03, 359.31]],
  ['LM (batch size 80)', [28.24, 58.09, 74.81, 231.18]],
  ['Recommendation (batch size 512)', [23.32]],
  ['Recommendation (batch size 1024)', [13.28]],
  ['Recommendation (batch size 2048)', [7.47]],
  ['Recommendation (batch size 4096)', [3.91]],
  ['Recommendation (batch size 8192)', [2.84]],
  ['CycleGAN', [4.43]],
]);

/** Steps per second of a job type on so many V100s; 0 when the type is not known. */
export function gavelSpeed(type: string, gpus: number): number {
  const measured = v100StepsPerSecond.get(type);
  if (measured === undefined) return 0;
  let i = 0;
  while (i + 1 < measured.length && 2 * (1 << i) <= gpus) i++;
  return (measured[i]! * gpus) / (1 << i);
}

/** Every job of a Gavel list, in its order. */
export function readGavel(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'gavel',
    separator: TAB,
    columns: Gavel.columns,
    id: () => -1,
    row: (csv) => {
      const gpus = gpuCount(csv, Gavel.gpus, 'scale factor', 1);
      return plainJob(String(csv.line - 1), seconds(csv, Gavel.arrival, 'arrival time'), gpus, gavelRunTime(csv, gpus));
    },
  });
}

function gavelRunTime(csv: CsvReader, gpus: number): number {
  const type = csv.field(Gavel.type);
  const speed = gavelSpeed(type, gpus);
  if (speed === 0)
    throw csv.fault(`unknown job type ${quoted(type)}; ${advice(type, [...v100StepsPerSecond.keys()], 'have')}`);
  const steps = wholeNumber(csv, Gavel.steps, 'steps', 0, Number.MAX_SAFE_INTEGER);
  const us = (steps / speed) * 1e6;
  if (us >= Number.MAX_SAFE_INTEGER) throw csv.fault(`${steps} steps are too many; write fewer`, Gavel.steps);
  return atLeastOne(Math.round(us));
}

/** Every job of a Shockwave list, in its order. */
export function readShockwave(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  return readRows(chunks, file, {
    format: 'shockwave',
    separator: TAB,
    columns: Shockwave.columns,
    id: () => -1,
    row: (csv) =>
      plainJob(
        String(csv.line - 1),
        seconds(csv, Shockwave.arrival, 'arrival time'),
        gpuCount(csv, Shockwave.gpus, 'scale factor', 1),
        atLeastOne(seconds(csv, Shockwave.duration, 'duration')),
      ),
  });
}
