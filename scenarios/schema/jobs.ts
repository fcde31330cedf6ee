/** Schema of a list of jobs, each with what it runs: what an operator writes who wants something run. */
import { z } from 'zod';
import { type Fields, name, names, whole } from './fields.ts';

export const MAX_JOBS = 100_000;

const command = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
    error: 'neither a command line nor a list of a program and its arguments; write one of the two',
  })
  .transform((v) => (typeof v === 'string' ? ['/bin/sh', '-c', v] : v))
  .describe(
    'What `janction execute` runs: a command line for the shell, or a program and its arguments. Default: the built-in ' +
      'workload of the length of the work. A simulation runs nothing.',
  );

/** `tasks`: fields of a task, the same as for personas. */
export function jobsSchema<T extends z.ZodRawShape>(f: Fields, tasks: T) {
  const job = z.strictObject({
    name: name('Label of the job in tables. Default job.').prefault('job'),
    at: f.duration('When it is submitted, from the start of the run. Default 0 second.').prefault('0 second'),
    user: name('Who submits and pays it. Default tenant.').prefault('tenant'),
    command: command.optional(),
    challenge: whole(
      'Instead of a command, `janction execute` gives it the proof-of-contribution challenge: multiply two matrices of this ' +
        'side (a multiple of 64), derived from the key of the run; the job counts as completed only when the product passes ' +
        "Freivalds' check.",
      64,
      4096,
    ).optional(),
    work: f.duration('How long it runs on a GPU of speed 1, as far as is known: what a simulation takes it to be.'),
    limit: f.duration('Wall limit of one attempt. Default: twice the work.').optional(),
    fails: z.boolean().describe('It ends with an error. Default false.').prefault(false),
    ...tasks,
    patience: f.durationOr('never', 'Longest wait before the user gives up. Default never.').prefault('never'),
    classes: names('GPU classes it may run on. Default: any.').optional(),
    pool: name('Pool it is submitted to. Default: the first.').optional(),
    attempts: whole('Attempts in all when machines fail under it. Default 3.', 1, 255).prefault(3),
    priority: whole('Rank for schedulers that know ranks; higher goes first. Default 0.', -1000, 1000).prefault(0),
  });
  return z.array(job).min(1).max(MAX_JOBS).describe('Jobs one by one, each with what it runs. Their users may owe.');
}
