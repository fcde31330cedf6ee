/** Schema of how long jobs take on which GPUs, what they fetch before they work, and how tenants of one card are kept apart. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { isolationLevels } from '../resolved.ts';
import { type Fields, name } from './fields.ts';

/** A persona's `performance`. */
export function performanceSchema(f: Fields) {
  const roofline = z
    .strictObject({
      intensity: f.number(
        'Floating-point operations per byte of GPU memory that is moved.',
        rat(1, 1000),
        rat(1_000_000),
      ),
      precision: z.enum(['half', 'fp32']).describe('Whose peak counts. Default half.').prefault('half'),
    })
    .describe(
      'Speed of a class relative to an RTX 4090 by the roofline: the smaller of its peak and of intensity times its memory bandwidth. ' +
        'The classes must name models.',
    );
  const throughput = z
    .strictObject({
      of: z
        .record(
          name('GPU class.'),
          f.number('Measured work per time on one GPU, in any unit.', rat(1, 1_000_000), rat(1_000_000_000)),
        )
        .refine((v) => Object.keys(v).length > 0, { error: 'names no class; write one such as { rtx-4090: 100 }' })
        .describe('Work per time of each class.'),
      reference: name('Class on which the work of the persona is counted: there the speed is 1.'),
    })
    .describe('Speeds from measurements; jobs run on the classes named and no others.');
  const scaling = z
    .strictObject({
      parallel: f.share('Share of the work that spreads over the GPUs of a job (Amdahl). Default 100 %.').prefault(1),
      step: f.duration('Time of one step of the work on one GPU of speed 1.'),
      sync: f.memoryNeed('What its GPUs exchange at the end of a step. Default 0 GiB.').prefault('0 GiB'),
    })
    .describe(
      'Work is then the time that one GPU of speed 1 would take, whatever the job asks for. N GPUs take step x (1 - parallel + ' +
        'parallel / N) / speed + 2 (N - 1) / N x sync / bandwidth a step: a ring all-reduce over the slowest wire between them.',
    );
  return z
    .strictObject({ roofline: roofline.optional(), throughput: throughput.optional(), scaling: scaling.optional() })
    .refine((v) => v.roofline === undefined || v.throughput === undefined, {
      error: 'gives both a roofline and a throughput; write one of them',
    })
    .describe(
      'How long jobs take on which GPUs (docs/models/performance.md). Default: work over the speed of the GPU.',
    );
}

export function imageSchema(f: Fields) {
  return z
    .strictObject({
      name: name('Jobs that name the same image share it on a machine. Default: the name of the persona.').optional(),
      size: f.memoryNeed('Container image and model together.'),
    })
    .describe('What a machine must have fetched before a job works. It is run time of the attempt. Default: nothing.');
}

export const isolationSchema = () =>
  z
    .enum(isolationLevels)
    .describe(
      `Least isolation from other tenants of a card that users accept: ${isolationLevels.join(', ')}. Default: any.`,
    );

export function sharingSchema(f: Fields) {
  return z
    .strictObject({
      isolation: z
        .enum(['time-slice', 'mps', 'mig'])
        .describe('How jobs that take a share of a GPU of the class are kept apart.'),
      interference: f
        .parts(
          'By what share of its time without them each further tenant of the card prolongs a job. Default 0 %; none under mig.',
          1000,
          rat(0),
          rat(100),
        )
        .prefault(0),
    })
    .describe('What sharing a card means. Default: time-slice, without interference.');
}
