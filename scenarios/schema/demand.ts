/** Schema of the demand side: personas that draw jobs, or a trace that is replayed. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { traceFormats } from '../resolved.ts';
import { type Fields, modulePath, name, names, whole } from './fields.ts';
import { jobsSchema } from './jobs.ts';
import { imageSchema, isolationSchema, performanceSchema } from './performance.ts';

export const MAX_USERS = 1_000_000;
const attempts = (about: string) => whole(about, 1, 255).prefault(3);
const currency = z
  .enum(['USD', 'JCT'])
  .describe('What the users pay in. JCT needs billing.tokenPrice. Default USD.')
  .prefault('USD');

export function demandSchema(f: Fields) {
  return z
    .strictObject({
      personas: z.array(persona(f)).min(1).describe('Kinds of users whose jobs are drawn at random.').optional(),
      trace: trace(f).optional(),
      jobs: jobsSchema(f, taskFields(f)).optional(),
      values: f
        .spread(
          'What an hour of a GPU of speed 1 is worth to each job of the trace, drawn at random because traces carry no bids; the ' +
            'result says that it was imputed. Default: jobs pay any price and their worth is not known.',
        )
        .optional(),
      neverFits: z
        .enum(['error', 'reject'])
        .describe(
          'Shapes of personas and written jobs that no machine could take even if all were idle: an error of the scenario, or rejected ' +
            'when they come, as jobs of a trace always are. Default error.',
        )
        .prefault('error'),
    })
    .describe('Who wants GPUs: personas, a trace or a list of jobs.');
}

const limitFactor = (f: Fields, about: string) => f.number(about, rat(1), rat(1_000_000));
const deposit = (f: Fields) =>
  f.deposit('Opening deposit of each user. Default: nothing, which only postpaid users can live with.');
const postpaid = z.boolean().describe('Users may owe. Default: billing.postpaid, or false where a deposit is given.');

function taskFields(f: Fields) {
  return {
    tasks: whole('Equal tasks that start together, each on one machine. Default 1.', 1, 4096).prefault(1),
    least: whole(
      'Elastic: the job may start with as few tasks as this and take longer in proportion; the queueing policy elastic also lets it grow and shrink.',
      1,
      4096,
    ).optional(),
    gpus: whole('GPUs of one task. Default 1.', 0, 1024).prefault(1),
    share: f.parts('Share of each of those GPUs. Default 1.', 1000, rat(1, 1000), rat(1)).prefault(1),
    memory: f.memoryNeed('GPU memory needed on each GPU. Default 0 GiB: any.').prefault('0 GiB'),
    mig: z
      .string()
      .min(1)
      .max(64)
      .describe(
        'MIG profile, for example 1g.10gb: the task takes one such instance of a GPU of a class that is divided on demand.',
      )
      .optional(),
    cpu: f.cores('CPU cores of one task. Default 1 core.').prefault('1 core'),
    ram: f.memoryNeed('Main memory of one task. Default 1 GiB.').prefault('1 GiB'),
  };
}

function persona(f: Fields) {
  const shape = z.strictObject({
    weight: f.number('How often it is drawn, relative to the others. Default 1.', rat(0), rat(1_000_000)).prefault(1),
    ...taskFields(f),
    with: z
      .array(z.strictObject(taskFields(f)))
      .min(1)
      .describe('Further tasks of another size that start together with these.')
      .optional(),
  });
  const weights = (about: string, n: number) =>
    z
      .array(f.number('Relative rate.', rat(0), rat(1_000_000)))
      .length(n)
      .describe(about);
  const bursts = z
    .strictObject({
      every: f.duration('Mean time from the beginning of a burst to that of the next.'),
      last: f.duration('Mean length of a burst.'),
      factor: f.number('How many times more jobs come than between bursts.', rat(1), rat(10_000)),
    })
    .describe('Spells in which more jobs come; their lengths and the times between them are exponential.');
  const arrivals = z
    .strictObject({
      rate: f.rate('Mean rate over a day, all users of the persona together.'),
      swing: f
        .share('Daily swing: the rate is the mean times 1 + swing cos(2 pi (t - peak) / day). Default 0.')
        .prefault(0),
      peak: f.timeOfDay('Time of day at which the rate is highest. Default 14:00.').prefault('14:00'),
      hours: weights('Weights of the 24 hours of a day from midnight, instead of a swing.', 24).optional(),
      days: weights('Weights of the 7 days of a week; the run begins on the first, a Monday.', 7).optional(),
      batch: f
        .number(
          'Mean number of jobs that are submitted at once, geometric. The rate counts jobs. Default 1.',
          rat(1),
          rat(10_000),
        )
        .prefault(1),
      bursts: bursts.optional(),
    })
    .describe('A Poisson process whose rate follows the hour of the day.');
  const shapeOf = (about: string) => f.number(about, rat(1, 100), rat(100));
  const phase = z.strictObject({
    share: f.share('Share of the jobs.'),
    mean: f.duration('Mean work of these jobs.'),
  });
  const work = z
    .strictObject({
      median: f.duration('Median work of a job, as time on a GPU of speed 1: lognormal.').optional(),
      sigma: f.number('Standard deviation of the logarithm. Default 0.8.', rat(0), rat(10)).prefault(0.8),
      exponential: z
        .strictObject({ mean: f.duration('Mean.') })
        .describe('Instead of a median: exponential.')
        .optional(),
      weibull: z
        .strictObject({ scale: f.duration('Scale.'), shape: shapeOf('Shape; below 1 = heavy tail.') })
        .describe('Instead of a median: Weibull.')
        .optional(),
      gamma: z
        .strictObject({ mean: f.duration('Mean.'), shape: shapeOf('Shape.') })
        .describe('Instead of a median: gamma.')
        .optional(),
      pareto: z
        .strictObject({ least: f.duration('Least work.'), shape: shapeOf('Tail exponent.') })
        .describe('Instead of a median: Pareto.')
        .optional(),
      hyperexponential: z
        .array(phase)
        .min(2)
        .describe('Instead of a median: a mixture of exponentials; the shares must sum to 1.')
        .optional(),
      min: f.duration('Least work. Default 1 second.').prefault('1 second'),
      max: f.duration('Most work. Default 7 day.').prefault('7 day'),
    })
    .describe('Work of a job, cut to min..max.');
  const value = z
    .strictObject({
      median: f.price('Median worth of one GPU-hour at speed 1.'),
      sigma: f.number('Standard deviation of the logarithm. Default 0.5.', rat(0), rat(10)).prefault(0.5),
      deadline: f
        .duration(
          'A job that ends later than this after its submission is worth nothing. Default 0 hour: never too late.',
        )
        .prefault('0 hour'),
      halfLife: f
        .duration('Time of waiting in which the worth of a job halves. Default 0 hour: it keeps.')
        .prefault('0 hour'),
    })
    .describe('What an hour of GPU is worth to a job: lognormal. A job whose price lies above its worth is not run.');
  return z.strictObject({
    name: name('Name of the persona. Its users are called NAME-1, NAME-2, ….'),
    users: whole('Number of users; each job draws one. Default 1.', 1, MAX_USERS).prefault(1),
    arrivals,
    work,
    value,
    shapes: z.array(shape).min(1).describe('What jobs ask for. Default: one GPU.').prefault([{}]),
    limitFactor: limitFactor(
      f,
      'Wall limit of an attempt as a multiple of the work on the slowest allowed GPU. Default 2.',
    ).prefault(2),
    patience: f.durationOr('never', 'Longest wait before a user gives up. Default never.').prefault('never'),
    classes: names('GPU classes the jobs may run on. Default: any.').optional(),
    pools: names('Pools the users may enter; each user keeps to one. Default: all.').optional(),
    currency,
    deposit: deposit(f).optional(),
    postpaid: postpaid.optional(),
    retry: z
      .strictObject({
        on: z
          .array(z.enum(['refused', 'gave-up', 'failed']))
          .min(1)
          .describe(
            'After what: a refusal, lost patience, or a failure that the market does not retry. Default all three.',
          )
          .prefault(['refused', 'gave-up', 'failed']),
        times: whole('How often at most. Default 3.', 1, 100).prefault(3),
        after: f.duration('Mean wait before the first time, exponential. Default 1 hour.').prefault('1 hour'),
        backoff: f.number('By what each further wait is longer. Default 2.', rat(1), rat(100)).prefault(2),
      })
      .describe('Users submit a job that came to nothing again, as a new job. Default: they do not.')
      .optional(),
    performance: performanceSchema(f).optional(),
    image: imageSchema(f).optional(),
    isolation: isolationSchema().optional(),
    failChance: f.share("Chance that a job's own command fails. Default 0.").prefault(0),
    attempts: attempts('Attempts in all when machines fail under a job. Default 3.'),
    bidder: z
      .union([modulePath(), z.looseObject({ name: modulePath() })])
      .transform((v) => {
        const { name: path, ...params } = typeof v === 'string' ? { name: v } : v;
        return { name: path, params: params as Record<string, unknown> };
      })
      .describe(
        'A module of your own that decides what each job bids, or that it is not submitted. Default: bids are true.',
      )
      .optional(),
    deadline: f
      .duration('When a job should be done, from its submission; a wish that the scheduler edf follows.')
      .optional(),
    priority: whole('Rank for schedulers that know ranks; higher goes first. Default 0.', -1000, 1000).prefault(0),
  });
}

export const TRACE_PATH_HELP =
  'give a job list with --set demand.trace.path=FILE (public ones: docs/traces.md; Philly, reduced: ' +
  'github.com/shuoshuc/RFold, WorkloadGen/data/philly_trace.csv)';

function imputation(f: Fields) {
  const tokenRate = (about: string) => f.number(about, rat(1, 1000), rat(1_000_000_000));
  const duration = z
    .strictObject({
      median: f.duration('Median. Default 1 hour.').prefault('1 hour'),
      sigma: f.number('Standard deviation of the logarithm. Default 1.5.', rat(0), rat(10)).prefault(1.5),
    })
    .describe('Run times that the trace does not know: lognormal.');
  const request = z
    .strictObject({
      prefill: tokenRate('Input tokens per second. Default 8000.').prefault(8000),
      decode: tokenRate('Output tokens per second of one request. Default 40.').prefault(40),
      gpus: whole('GPUs that serve a request. Default 1.', 1, 1024).prefault(1),
      share: f
        .parts(
          'Share of each of those GPUs that one request takes. Default 5 %: twenty at once.',
          1000,
          rat(1, 1000),
          rat(1),
        )
        .prefault('5 %'),
    })
    .describe('What an LLM request takes: input over prefill plus output over decode seconds of a share of GPUs.');
  const replicas = z
    .strictObject({
      window: f.duration('How long a replica is held. Default 10 minute.').prefault('10 minute'),
      load: f.number('Highest load of a replica. Default 60 %.', rat(1, 100), rat(1)).prefault('60 %'),
    })
    .describe(
      'Turns requests into replicas: as many per window as keep each below its load. Default: a job per request.',
    );
  return z
    .strictObject({
      gap: f
        .duration('Mean gap between arrivals, exponential, where the trace has no times. Default 1 minute.')
        .prefault('1 minute'),
      duration: duration.prefault({}),
      request: request.prefault({}),
      replicas: replicas.optional(),
    })
    .describe('What is put in where the trace does not say; the result names what was used, and for how many jobs.');
}

function trace(f: Fields) {
  return z
    .strictObject({
      format: z
        .enum(['detect', ...traceFormats])
        .describe(`Format of the trace: ${traceFormats.join(', ')}. Default detect: told by the first line.`)
        .prefault('detect'),
      member: z
        .string()
        .describe('The one file of a tar archive that is replayed. Default: every job list in it.')
        .prefault(''),
      impute: imputation(f).prefault({}),
      path: z
        .string({ error: (i) => (i.input === undefined ? `no trace given; ${TRACE_PATH_HELP}` : undefined) })
        .min(1, { error: `no trace given; ${TRACE_PATH_HELP}` })
        .describe('File of the trace, relative to the working directory. No trace is shipped: bring a public one.'),
      user: name('User who submits and pays every job. Default tenant.').prefault('tenant'),
      currency,
      deposit: deposit(f).optional(),
      postpaid: postpaid.optional(),
      pools: names('Pools that take the jobs in turn. Default: all.').optional(),
      classes: names('GPU classes the jobs may run on. Default: any.').optional(),
      gpusPerNode: whole(
        'A job of more GPUs becomes a gang of machines with this many and a rest. Default: the GPUs of the largest machine.',
        1,
        1024,
      ).optional(),
      limitFactor: limitFactor(
        f,
        'Wall limit of an attempt as a multiple of the duration in the trace. Default 1.',
      ).prefault(1),
      attempts: attempts('Attempts in all when machines fail under a job. Default 3.'),
      firstRows: whole(
        'Take only this many jobs from the start of the trace. Default 0: all.',
        0,
        Number.MAX_SAFE_INTEGER,
      ).prefault(0),
    })
    .describe('Jobs of a public trace, replayed as they came.');
}
