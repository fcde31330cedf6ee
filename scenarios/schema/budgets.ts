/** What users may spend, and when they are told how much is gone. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { type Fields, name } from './fields.ts';

export function budgetsSchema(f: Fields) {
  return z
    .array(
      z.strictObject({
        persona: name('Persona; each of its users has the budget.').optional(),
        user: name('User, such as "film-1".').optional(),
        amount: f.deposit('What may be spent in a period, in the currency that the user pays in.'),
        per: f
          .durationOr('run', 'Length of a period, counted from the start; or "run": the whole run. Default run.')
          .prefault('run'),
        perJob: f
          .deposit('What one job may cost at most, over all its attempts. Default: no limit of its own.')
          .optional(),
        over: z
          .enum(['refuse', 'shorten'])
          .describe(
            'What becomes of a job that could cost more than is left: refuse, or shorten its time limit to what is left, so that it is ended in time. Default refuse.',
          )
          .prefault('refuse'),
        least: f.duration('shorten: no limit is shortened below this. Default 1 minute.').prefault('1 minute'),
        alerts: z
          .array(f.parts('Share of the budget that is spent.', 10_000, rat(0), rat(1)))
          .describe('At which shares an alert is given. Default 50 %, 80 % and 100 %.')
          .prefault(['50 %', '80 %', '100 %']),
      }),
    )
    .describe('Budgets of users, kept by the market: no attempt is admitted that could exceed one. Default: none.')
    .prefault([]);
}
