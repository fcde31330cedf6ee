import { type JobSpec, type MarketConfig, NEVER, WHOLE_GPU } from '../types.ts';

/** Most tasks in one gang: keeps a malformed job from exhausting memory. */
export const MAX_TASKS = 4096;
/** Job numbers stay below 2^40, so that hold = job * 4096 + attempt is a safe integer. */
export const MAX_JOB = 1_099_511_627_776;

const whole = (v: number): boolean => Number.isSafeInteger(v) && v >= 0;

/** Why core cannot take the job, or null. Readers say the same earlier and with the line; this is the last guard. */
export function specFault(spec: JobSpec, config: MarketConfig): string | null {
  if (!whole(spec.job) || spec.job < 1 || spec.job >= MAX_JOB) return 'job number out of range';
  if (config.currencies[spec.currency] === undefined) return 'unknown currency';
  if (spec.currency > 0 && config.tokenPriceMicro <= 0) return 'the token has no price';
  if (spec.groups.length === 0) return 'no tasks';
  let tasks = 0;
  for (const g of spec.groups) {
    tasks += g.tasks;
    if (!whole(g.tasks) || g.tasks < 1 || tasks > MAX_TASKS) return 'task count out of range';
    if (!whole(g.gpus) || !whole(g.gpuMemoryMiB) || !whole(g.cpuMilli) || !whole(g.ramMiB))
      return 'demand is not a whole number';
    if (!whole(g.gpuMilli) || g.gpuMilli > WHOLE_GPU || (g.gpus > 0 && g.gpuMilli < 1))
      return 'milli-GPU out of 1..1000';
    if (g.least !== undefined && (!whole(g.least) || g.least < 1 || g.least > g.tasks || spec.groups.length > 1))
      return 'least tasks out of 1..tasks, or beside other tasks';
    if (g.image !== undefined && (g.image.name === '' || !whole(g.image.mib)))
      return 'an image without a name or a whole size';
    if (g.mig !== undefined && (g.gpus !== 1 || g.gpuMemoryMiB !== 0))
      return 'a MIG task takes one instance, whose memory is its own';
  }
  if (!whole(spec.limitUs) || spec.limitUs < 1) return 'limit must be at least 1 us';
  if (!whole(spec.estimateUs) || !whole(spec.patienceUs)) return 'estimate or patience is not a whole number';
  if (!whole(spec.maxAttempts) || spec.maxAttempts < 1 || spec.maxAttempts > 255) return 'attempts out of 1..255';
  if (!Number.isSafeInteger(spec.priority) || Math.abs(spec.priority) > 1_000_000) return 'priority out of range';
  if (spec.deadlineUs !== undefined && !(whole(spec.deadlineUs) && spec.deadlineUs < NEVER))
    return 'deadline is not a whole number';
  const classes = spec.classes;
  for (let i = 0; i < classes.length; i++) {
    if (config.classes[classes[i]!] === undefined || (i > 0 && classes[i]! <= classes[i - 1]!))
      return 'GPU classes unknown or out of order';
  }
  const priced = classes.length > 0 ? classes.length : config.classes.length;
  if (spec.bids.length > 0 && (spec.bids.length !== priced || spec.bids.some((b) => !whole(b))))
    return 'one whole bid per class';
  return null;
}
