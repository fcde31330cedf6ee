/** What a scenario says of stake and of verification: rules of the chain, who holds tokens and how they vote, who cheats and who audits. */
import { z } from 'zod';
import { rat } from '../../core/num/index.ts';
import { electionNames, stakeWeightNames, verificationNames } from '../../mechanisms/names.ts';
import { type Fields, mechanism, name, names, whole } from './fields.ts';

/** How a staker casts its vote. */
export const voterKinds = ['retrospective', 'commission-seeking', 'apathetic', 'bribed', 'self-voting'] as const;

function rulesSchema(f: Fields) {
  const percent = (about: string, standard: string) =>
    f.parts(`${about} Default ${standard}.`, 10_000, rat(0), rat(1)).prefault(standard);
  const weight = mechanism(
    'weight of stake',
    stakeWeightNames,
    {
      capped: { cap: f.tokens('Most stake that counts.') },
      'lock-weighted': { maxLock: f.duration('The longest lock: stake counts by time left over this.') },
    },
    `How stake on a provider counts in its staker share: ${stakeWeightNames.join(', ')}. Default linear.`,
  );
  const balance = z.boolean().describe('Spread voters’ stake evenly over the pools elected. Default true.').optional();
  const rule = mechanism(
    'election rule',
    electionNames,
    Object.fromEntries(electionNames.map((n) => [n, { balance }])),
    `How pools are elected: ${electionNames.join(', ')}. Default phragmen.`,
  );
  return z
    .strictObject({
      epoch: f.duration('How long a committee sits, and how often stakers are paid. Default 1 day.').prefault('1 day'),
      unbonding: f.duration('How long stake that leaves can still be slashed. Default 14 day.').prefault('14 day'),
      minBond: f.tokens('Least stake in one position. Default 1 JCT.').prefault('1 JCT'),
      maxUnbonding: whole('Most entries of a position’s unbonding queue. Default 32.', 1, 1000).prefault(32),
      maxNominations: whole('Most pools one staker may nominate. Default 16.', 1, 1000).prefault(16),
      weight: weight.prefault('linear'),
      election: rule.prefault('phragmen'),
      minSupport: f.tokens('Least support that wins a seat. Default 1 JCT.').prefault('1 JCT'),
      slash: percent('Share of the stake behind a wrong result that is taken.', '10 %'),
      bounty: percent('Share of a final slash for whoever reported it.', '10 %'),
      appeal: f.duration('How long a slash waits for an appeal. Default 3 day.').prefault('3 day'),
      jail: f
        .duration('For how long a provider’s stakers earn nothing after an offence. Default 1 day.')
        .prefault('1 day'),
      payout: z
        .enum(['epoch', 'f1'])
        .describe(
          'How a provider’s pot reaches those who staked on it: at every epoch’s end, or kept by F1 until their stake changes or they ' +
            'claim (linear weight only). Default epoch.',
        )
        .prefault('epoch'),
      saturation: z
        .strictObject({
          pools: whole('A provider with more than 1/pools of all stake on providers earns no more.', 1, 100_000),
          influence: f
            .number(
              'How much a provider’s own stake raises what it earns (Cardano’s a0). Default 0.3.',
              rat(0),
              rat(10),
            )
            .prefault(0.3),
        })
        .describe(
          'Pots of all providers are one and are divided by Cardano’s rule; what that leaves is the treasury’s.',
        )
        .optional(),
      quality: z
        .boolean()
        .describe(
          'Supply auctions buy effective GPU-hours: a supplier’s count by the speed of its machines, and by their uptime and its share of ' +
            'right results in the last stake epoch. Default false.',
        )
        .prefault(false),
      pot: z
        .strictObject({
          base: z
            .enum(['gross', 'surplus', 'residual', 'leave-one-out'])
            .describe(
              'gross, surplus: from each supplier’s payment, or what it is above what was asked, for those who staked on it; residual: from ' +
                'charges that no award claims, for all stakes by weight; leave-one-out: the same, but each staker by what the market would have ' +
                'left without the suppliers it is or backs.',
            ),
          share: f.parts('Share of it.', 10_000, rat(0), rat(1)),
        })
        .describe('Where supply is bought in an auction (pricing.supply): what stakers are paid from. Default nothing.')
        .optional(),
      jackpot: percent('Part of the verifiers’ pot for those who exposed planted wrong results.', '0 %'),
      emission: z
        .strictObject({
          perEpoch: f.tokens('New tokens at the end of each stake epoch, at first.'),
          halving: f.durationOr('never', 'Halved after every such time. Default never.').prefault('never'),
          providers: percent('Part for providers, by contribution.', '0 %'),
          verifiers: percent('Part for verifiers, by work.', '0 %'),
          stakers: percent('Part for stakes on providers, by weight; the treasury has the rest.', '100 %'),
          lottery: z
            .boolean()
            .describe('The stakers’ part goes to one of them, drawn by weight, instead of to all. Default false.')
            .prefault(false),
        })
        .describe('New tokens.')
        .optional(),
      tombstoneAfter: whole('Offences after which the jail is for ever; 0 = never. Default 0.', 0, 1_000_000).prefault(
        0,
      ),
    })
    .describe('Rules of the chain. With them, stakers elect who runs the pools; without, stakes stand still.');
}

export function stakeSchema(f: Fields) {
  const resource = z.strictObject({
    staker: name('Who stakes.').optional(),
    pledge: z.boolean().describe('Instead of a staker: each provider on itself.').optional(),
    provider: name('Provider whose GPUs are backed, for example gamers-017.').optional(),
    group: name('Instead of a provider: every provider of the group, each with the full amount.').optional(),
    amount: f.tokens('Stake on each provider.'),
    identities: whole(
      'Poses as that many stakers, NAME~1 .. NAME~m, each with an equal part (a Sybil). Default 1: none.',
      1,
      1000,
    ).prefault(1),
    lock: f.duration('Under rules: how long it cannot be unbonded from the start. Default none.').optional(),
  });
  const staker = z.strictObject({
    name: name('Who stakes; with a count, the first part of their names.'),
    count: whole('That many stakers alike, NAME-1 .. NAME-n. Default: one, called NAME.', 1, 10_000).optional(),
    bonded: f.tokens('Bonded to vote with, each. Default 0 JCT.').prefault('0 JCT'),
    free: f.tokens('Tokens that are not staked at the start, each. Default 0 JCT.').prefault('0 JCT'),
    nominates: names('Pools it nominates at the start. Default none.').optional(),
    votes: z
      .enum(voterKinds)
      .describe(
        'retrospective: the pools that served best lately; commission-seeking: those that keep least; apathetic: as at the ' +
          'start; bribed and self-voting: the pool named in `pool`. Default apathetic.',
      )
      .prefault('apathetic'),
    pool: name('Pool that bribes it, or that it runs itself.').optional(),
    choices: whole('How many pools it nominates. Default 2.', 1, 1000).prefault(2),
    turnout: f.share('Chance that it looks at its vote at all in an epoch. Default 100 %.').prefault('100 %'),
    noise: f
      .number('Retrospective: standard deviation of the logarithm of what it sees. Default 0.', rat(0), rat(10))
      .prefault(0),
    compounds: z
      .boolean()
      .describe('What it earns in JCT on a position is bonded there at once. Default false.')
      .prefault(false),
    vesting: z
      .strictObject({
        amount: f.tokens('Tokens beside the others, each.'),
        from: f.duration('From when. Default 0 s.').prefault('0 s'),
        to: f.duration('Until when.'),
      })
      .describe('Tokens that come free evenly over a time.')
      .optional(),
    claims: f.duration('Under payout f1: how often it asks for what is kept. Default at the end only.').optional(),
    exits: z
      .strictObject({
        every: f.duration('How often.'),
        share: f.parts('Share of each position.', 10_000, rat(0), rat(1)),
      })
      .describe('It unbonds a share of every position now and then, and bonds again what has come free.')
      .optional(),
  });
  const aggregator = z.strictObject({
    pool: name('Pool that it operates.'),
    commission: f.parts('What it keeps of its share. Default 10 %.', 10_000, rat(0), rat(1)).prefault('10 %'),
    raises: f
      .parts(
        'By how much it raises its commission in each epoch with a seat, and lowers it without one. Default 0 %.',
        10_000,
        rat(0),
        rat(1),
      )
      .prefault('0 %'),
    least: f
      .parts(
        'It asks no less than this, and no less than what covers its cost. Default: commission.',
        10_000,
        rat(0),
        rat(1),
      )
      .optional(),
    cost: z
      .strictObject({
        seat: f.price('For every hour in which it has a seat. Default 0 USD/hour.').prefault('0 USD/hour'),
        gpu: f.price('For every GPU-hour that it placed. Default 0 USD/hour.').prefault('0 USD/hour'),
      })
      .describe(
        'What running the pool costs it: its own affair, no money moves. It asks at least the commission that would have covered it in the ' +
          'last epoch.',
      )
      .prefault({}),
    outages: z
      .array(z.strictObject({ from: f.duration('From.'), to: f.durationOr('never', 'Until.') }))
      .describe('When it does not answer; its seat goes to another at once.')
      .prefault([]),
  });
  return z
    .strictObject({
      resources: z.array(resource).describe("Stakes on providers' GPUs: weights in the stakers' share.").prefault([]),
      rules: rulesSchema(f).optional(),
      stakers: z.array(staker).describe('Who holds tokens and how they vote; needs rules.').prefault([]),
      aggregators: z.array(aggregator).describe('How aggregators behave; needs rules.').prefault([]),
    })
    .describe('Who has staked on what.');
}

export function verificationSchema(f: Fields) {
  const share = (about: string, standard: string) => f.share(`${about} Default ${standard}.`).prefault(standard);
  const cheat = z.strictObject({
    group: names('Groups of providers that cheat.'),
    share: f.share('Share of results that are made up.').optional(),
    rational: z
      .boolean()
      .describe('Instead of a share: cheats always while that pays at the token’s price, and never otherwise.')
      .optional(),
    kind: z
      .enum(['lazy', 'spoofing', 'colluding'])
      .describe(
        'lazy: every made-up answer is its own; spoofing: the same, and there is no device that could answer a challenge; colluding: ' +
          'all who collude give the same answer. Default lazy.',
      )
      .prefault('lazy'),
  });
  const verifier = z.strictObject({
    name: name('Who verifies; with a count, the first part of their names.'),
    count: whole('That many alike, NAME-1 .. NAME-n. Default: one, called NAME.', 1, 1000).optional(),
    behaves: z
      .enum(['diligent', 'lazy', 'rational'])
      .describe(
        'diligent: looks; lazy: says "right" without looking; rational: whichever paid better lately. Default diligent.',
      )
      .prefault('diligent'),
    cost: share('What a check costs it, as a share of what the work cost.', '100 %'),
  });
  const policy = mechanism(
    'verification policy',
    verificationNames,
    {
      quorum: {
        copies: whole('Providers that compute each result, its own among them. Default 3.', 2, 99).prefault(3),
        quorum: whole('How many must agree. Default 2.', 2, 99).prefault(2),
      },
      consensus: {
        trust: whole(
          'Stake behind an answer must be over 1 - 1/trust of the stake behind all. Default 3.',
          2,
          1_000_000,
        ).prefault(3),
        most: whole('Most providers that compute one result. Default 5.', 2, 99).prefault(5),
      },
      challenge: {
        side: whole('Side of the matrices. Default 8.', 2, 256).prefault(8),
        bits: whole('A wrong answer passes with chance 2^-bits at most. Default 24.', 1, 128).prefault(24),
      },
      reputation: { least: share('The audit rate falls no lower. Default 1 %.', '1 %') },
    },
    `How completed results are checked: ${verificationNames.join(', ')}. Default spot-check.`,
  );
  const token = z
    .strictObject({
      price: f.tokenPrice('Price of one JCT at the start.'),
      trace: z
        .array(z.strictObject({ at: f.duration('From when.'), price: f.tokenPrice('Price of one JCT.') }))
        .describe('Prices that it follows instead, at the ends of stake epochs.')
        .prefault([]),
      crash: z
        .strictObject({ at: f.duration('When.'), to: f.share('Share of the price that is left.') })
        .describe('The price falls once.')
        .optional(),
      volatility: f
        .number(
          'Standard deviation of the logarithm over a year (geometric Brownian motion). Default 0.',
          rat(0),
          rat(10),
        )
        .prefault(0),
      drift: f.number('Mean growth of the logarithm over a year. Default 0.', rat(-10), rat(10)).prefault(0),
    })
    .describe('What a token is worth to those who decide whether to cheat; payments in JCT keep billing.tokenPrice.');
  return z
    .strictObject({
      policy: policy.prefault('spot-check'),
      audit: share(
        'Chance that a completed lease is audited: spot-check, challenge; reputation at its highest.',
        '0 %',
      ),
      detection: share('Chance that an audit of a made-up result finds it.', '100 %'),
      falseAlarm: share('Chance that an audit of an honest result calls it wrong.', '0 %'),
      delay: f.duration('From the end of the lease to the report. Default 1 hour.').prefault('1 hour'),
      appeals: z
        .strictObject({
          delay: f.duration('From the report to the verdict. Default 1 day.').prefault('1 day'),
          succeed: share('Chance that an innocent provider wins.', '100 %'),
        })
        .describe('The innocent appeal; the guilty do not.')
        .prefault({}),
      verifiers: z
        .array(verifier)
        .describe(
          'Who checks under spot-check, reputation and challenge. Default one, called auditor, whom checks cost nothing.',
        )
        .prefault([]),
      planted: share('Chance that a check comes with a planted wrong result beside it.', '0 %'),
      cheats: z.array(cheat).describe('Who cheats. Default nobody.').prefault([]),
      token: token.optional(),
    })
    .describe('Audits drawn by chance, and who has reason to fear them; needs stake.rules.');
}
