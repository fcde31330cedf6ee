/** Scheduling: which policies, with which parameters. Each parses to the policy's own parameters in base units. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { placementNames, queueingNames, routingNames } from '../../mechanisms/names.ts';
import { type Fields, mechanism, name, names, whole } from './fields.ts';

/** Parameters of the shipped policies; one that is not named here takes none. */
function queueingParams(f: Fields): Record<string, z.ZodRawShape> {
  const skip = (standard: string) =>
    z
      .boolean()
      .describe(`Pass over a job that does not fit instead of waiting for it. Default ${standard}.`)
      .optional();
  const preempt = (standard: string) =>
    z.boolean().describe(`Running jobs of lower rank make room. Default ${standard}.`).optional();
  const minRun = f.duration('An attempt is left alone for this long after it came up. Default 0.').optional();
  const moving = {
    preempt: preempt('true'),
    minRun,
    skip: skip('true'),
    migrate: z
      .boolean()
      .describe('At every decision all jobs are placed afresh, moving running ones. Default false.')
      .optional(),
  };
  return {
    sjf: { skip: skip('false') },
    'fifo-skip': { hold: f.duration('From then on a waiting job is not passed over. Default 1 hour.').optional() },
    conservative: { depth: whole('Jobs that get a reservation. Default 64.', 1, 100_000).optional() },
    srtf: moving,
    srsf: moving,
    las: {
      ...moving,
      limits: z
        .array(f.duration('GPU-time.'))
        .min(1)
        .describe('GPU-time at which a job falls to the next queue, ascending. Default 3250 and 7200 seconds.')
        .optional(),
    },
    priority: {
      ageing: f.duration('Waiting for this long is worth one step of priority. Default: nothing.').optional(),
      preempt: preempt('false'),
      minRun,
      skip: skip('false'),
    },
    edf: { preempt: preempt('false'), minRun, skip: skip('false') },
    elastic: {
      settle: f
        .duration(
          'An attempt is left alone for this long after it came up before it grows or shrinks. Default 10 minutes.',
        )
        .optional(),
    },
    heterogeneity: {
      objective: z
        .enum(['max-min', 'makespan'])
        .describe('Nobody is slower than must be, or all end soonest. Default max-min.')
        .optional(),
      round: f.duration('Time between two plans. Default 6 minutes.').optional(),
      throughputs: z
        .record(
          name('Persona, or name of a job.'),
          z.record(name('GPU class.'), f.number('Work per time, in any unit of the row.', rat(0), rat(1_000_000_000))),
        )
        .describe('Work per time of each kind of job on each class. Default: as the personas’ performance says.')
        .optional(),
    },
    'fair-share': {
      weights: z
        .record(name('User.'), f.number('Weight.', rat(1, 1_000_000), rat(1_000_000)))
        .describe('Weights of users; 1 for those that are not named.')
        .optional(),
      share: z
        .enum(['dominant', 'gpu'])
        .describe('The largest of the shares of GPU, CPU and memory, or that of GPUs. Default dominant.')
        .optional(),
    },
  };
}

function placementParams(f: Fields): Record<string, z.ZodRawShape> {
  const kind = z.strictObject({
    weight: f.number('How often it is asked for, relative to the others. Default 1.', rat(0), rat(1e9)).prefault(1),
    gpus: whole('GPUs of one task. Default 1.', 0, 1024).prefault(1),
    share: f.parts('Share of each of those GPUs. Default 1.', 1000, rat(1, 1000), rat(1)).prefault(1),
    cpu: f.cores('CPU cores of one task. Default 1 core.').prefault('1 core'),
    classes: names('Allowed GPU classes. Default: any.').optional(),
  });
  return {
    fgd: {
      typical: z
        .array(kind)
        .min(1)
        .describe('The workload fragmentation is measured against. Default: the shapes of the personas.')
        .optional(),
    },
  };
}

/** How the edge chooses a pool for each job. */
function routingSchema(f: Fields) {
  return mechanism(
    'routing policy',
    routingNames,
    Object.fromEntries(
      routingNames.map((n) => [
        n,
        {
          advertise: f.duration('How often pools tell their load and prices. Default 30 second.').optional(),
          ...(n === 'price-then-load'
            ? {
                tolerance: f
                  .number('How much dearer than the cheapest a pool may be. Default 0.', rat(0), rat(100))
                  .optional(),
              }
            : {}),
          ...(n === 'price-then-load' || n === 'locality'
            ? {
                full: f
                  .number(
                    'Load (leased and waiting GPUs over those that are up) from which a pool is left for others. Default 1.',
                    rat(0),
                    rat(1000),
                  )
                  .optional(),
              }
            : {}),
        },
      ]),
    ),
    `Which pool a job enters, of those its user may use: ${routingNames.join(', ')}. Default: each user keeps to one pool, drawn once.`,
  );
}

export function schedulingSchema(f: Fields) {
  const queueing = () =>
    mechanism(
      'queueing policy',
      queueingNames,
      queueingParams(f),
      `Order of the queue: ${queueingNames.join(', ')}. Default easy.`,
    );
  const placement = () =>
    mechanism(
      'placement policy',
      placementNames,
      placementParams(f),
      `Which machine takes a task: ${placementNames.join(', ')}. Default best-fit.`,
    );
  const own = z.strictObject({ queueing: queueing().optional(), placement: placement().optional() });
  return z
    .strictObject({
      queueing: queueing().prefault('easy'),
      placement: placement().prefault('best-fit'),
      routing: routingSchema(f).optional(),
      stealing: z
        .strictObject({
          every: f
            .duration('How often an idle pool asks another, drawn by chance. Default 30 second.')
            .prefault('30 second'),
          batch: whole('Most jobs given at a time. Default 4.', 1, 1000).prefault(4),
        })
        .describe(
          'Pools with nothing waiting and room on their machines ask others for waiting jobs of one task. Default: none does.',
        )
        .optional(),
      pools: z.record(name('Pool.'), own).describe('What single pools do differently.').prefault({}),
    })
    .describe('Who goes first and where jobs run.');
}
