/** Schema of those who do not play by the rules, as agents in the market. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { type Fields, name, names, whole } from './fields.ts';

export function adversariesSchema(f: Fields) {
  const honest = z
    .boolean()
    .describe('true: they are the same agents and play by the rules, for a paired comparison. Default false.')
    .prefault(false);
  const share = (of: string) =>
    f.share(`Share of ${of} who are such; which ones is drawn by the seed. Default 20 %.`).prefault('20 %');
  const variants = z
    .record(
      z.string().regex(/^[^\p{Cc}]{1,60}$/u),
      z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()])),
      { error: 'no mapping of names to changes; write one such as { no credit: { billing.contract.credit: 0 % } }' },
    )
    .describe(
      'Other rules to try them under, as changes of the scenario by path, by name: `janction payoffs` runs each.',
    )
    .optional();
  const providers = {
    group: names('Group of the fleet, or list of groups.'),
    share: share('their providers'),
    honest,
    variants,
  };
  const users = { persona: name('Persona.'), share: share('its users'), honest, variants };
  const idle = (about: string) => f.durationOr('never', `${about} Default never.`).prefault('never');
  const leavers = z
    .strictObject({
      ...providers,
      every: f.duration('Mean time between two offers from elsewhere for one machine, exponential.'),
      lasts: f.timeFamily('For how long the machine is wanted there.'),
      pays: f.spread('What an hour of one of its GPUs brings there.'),
      above: f
        .number(
          'An offer is taken when it pays more than so many times what the market pays the provider. Default 1.',
          rat(0),
          rat(1000),
        )
        .prefault(1),
    })
    .describe(
      'Early leavers: providers who take a machine away from the job on it for a better offer. Honest ones take offers only while nothing ' +
        'runs there. Against them: billing.contract.loss, credit and providerDeposit, and reliability-aware placement.',
    );
  const overbillers = z
    .strictObject({
      ...providers,
      until: f
        .share('Share of what is left to the limit of a job that they add to its bill. Default 100 %.')
        .prefault(1),
      noticed: idle('How soon users see that their job is done and end the lease.'),
    })
    .describe(
      'Providers who never release: a job that is done is reported as running, and billed. Against them: limitFactor of a persona, and ' +
        'users who look (noticed).',
    );
  const squatters = z
    .strictObject({
      ...users,
      keep: f
        .durationOr('until limit', 'How long they keep a lease after their work is done. Default until its limit.')
        .prefault('until limit'),
      worth: f.price('What an hour of a GPU at hand is worth to them. Default 0 USD/hour.').prefault('0 USD/hour'),
      noticed: idle('How soon an idle lease is ended.'),
    })
    .describe(
      'Users who never release: they keep GPUs after their work is done. Against them: the price of the hours kept, and noticed.',
    );
  const deadRequestors = z
    .strictObject({
      ...users,
      identities: whole(
        'Names under which each of them comes, one after the other: the next when one owes or is refused for want of money. Default 1.',
        1,
        1000,
      ).prefault(1),
      brings: f.deposit('What each name has in its account. Default: what the users of the persona have.').optional(),
      after: f
        .duration('Since when they answer no debit note once their order is taken. Default 0 hour.')
        .prefault('0 hour'),
      collects: z
        .boolean()
        .describe(
          'false: they never come for results, which are worth nothing then, and leases stay until their limit. Default true.',
        )
        .prefault(true),
      noticed: idle('How soon a lease whose results nobody fetches is ended.'),
    })
    .describe(
      'Dead requestors: users who order and vanish, and pay no more than they have brought. Against them: billing.contract.kind, accept, and ' +
        'postpaid: false.',
    );
  const ring = z
    .strictObject({
      ...providers,
      asks: f
        .number('Multiple of their cost that they ask in supply auctions. Default 1.', rat(1), rat(1000))
        .prefault(1),
      withhold: f
        .share('Share of their machines, dearest first, that they keep off the market. Default 0 %.')
        .prefault(0),
    })
    .describe(
      'Providers who collude: they ask more than their cost, or hold machines back, to raise what the others of the ring are paid. Against ' +
        'them: pricing.supply.reserve, pricing.mechanism, and competition.',
    );
  return z
    .strictObject({
      leavers: leavers.optional(),
      overbillers: overbillers.optional(),
      squatters: squatters.optional(),
      deadRequestors: deadRequestors.optional(),
      ring: ring.optional(),
    })
    .describe(
      'Agents who do not play by the rules; the result says what it brought each of them (docs/models/adversaries.md). Default: none.',
    );
}
