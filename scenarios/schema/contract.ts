/** Under which contract jobs are sold, and what users do with their accounts while the market runs. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { contractKinds, lossRules } from '../../core/types.ts';
import { type Fields, name } from './fields.ts';

export function contractSchema(f: Fields) {
  return z
    .strictObject({
      kind: z
        .enum(contractKinds)
        .describe(
          'hold: the dearest course is reserved, use is charged in the end. prepaid: it is paid into escrow, released each period, the rest refunded. escrow: a deposit is drained by whole blocks and topped up. notes: a debit note each period, an invoice in the end.',
        ),
      period: f
        .duration(
          'Time between two meter readings of a running job: release, settlement or debit note. Default 1 hour.',
        )
        .prefault('1 hour'),
      block: f.duration('escrow: length of a block; whole blocks are charged. Default 6 second.').prefault('6 second'),
      deposit: f
        .duration('escrow: use that the deposit and each top-up cover, at least a period. Default two periods.')
        .optional(),
      shortage: z
        .enum(['first-come', 'pro-rata'])
        .describe('escrow: who is paid when the deposit does not cover a gang: parts in order, or all in proportion.')
        .prefault('first-come'),
      topUp: z
        .boolean()
        .describe('escrow: topped up from the account of the user while it lasts. Default true.')
        .prefault(true),
      accept: f
        .duration('notes: how long a note may go unaccepted, at least 5 seconds. Default 4 minute.')
        .prefault('4 minute'),
      answer: f.duration('notes: how long a buyer that answers takes to do so. Default 0 second.').prefault('0 second'),
      loss: z
        .enum(lossRules)
        .describe(
          'Who pays for lost work. provider-bears: nobody is paid for a lost attempt. fault-bears: all but who failed are paid. whole-periods: paid up to the last full period. user-pays: paid up to the failure.',
        )
        .prefault('provider-bears'),
      credit: f
        .parts(
          'Credit to the user for an attempt its provider failed, as a share of what its use would have cost. Default 0 %.',
          10_000,
          rat(0),
          rat(1),
        )
        .prefault('0 %'),
      providerDeposit: f
        .deposit('What each provider lodges at the start; refunds and credits may seize it. Default 0 USD.')
        .prefault('0 USD'),
    })
    .describe('Under which contract jobs are sold. Default hold, where the provider bears its own failures.');
}

export function payersSchema(f: Fields) {
  return z
    .array(
      z.strictObject({
        user: name('User, such as "film-1".'),
        at: f.duration('When.'),
        deposit: f.deposit('Pays so much into its account.').optional(),
        answers: z
          .boolean()
          .describe('false: stops answering debit notes; true: answers again, and pays its debts.')
          .optional(),
      }),
    )
    .describe('What users do with their accounts while the market runs: deposits, and falling silent.')
    .prefault([]);
}
