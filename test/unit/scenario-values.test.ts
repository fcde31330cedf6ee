/** Values that a scenario can get wrong, with the exact line that a person reads. */
import { expect, test } from 'vitest';
import { added, bent, group, minimal, persona, refusal, traced } from '../support/scenario-text.ts';

test.each([
  [
    'of another kind',
    bent('1 day', '5 GiB'),
    '2:10: horizon: "5 GiB" is an amount of memory, not a duration; write a duration such as "90 minute"',
  ],
  ['without a unit', bent('1 day', '5'), '2:10: horizon: 5 has no unit; write a duration such as "90 minute"'],
  [
    'that is a list',
    bent('1 day', '[1 day]'),
    '2:10: horizon: "[\\"1 day\\"]" is not a duration; write a duration such as "90 minute"',
  ],
  ['unknown unit', bent('24 GiB', '24 Gib'), '5:33: memory: unknown unit "Gib" in "24 Gib"; did you mean "GiB"?'],
  [
    'not a number',
    bent('1 day', '.nan'),
    '2:10: horizon: NaN is not a finite number; write a duration such as "90 minute"',
  ],
  [
    'infinite',
    bent('1 day', '.inf'),
    '2:10: horizon: Infinity is not a finite number; write a duration such as "90 minute"',
  ],
  [
    'negative',
    bent('0.4 USD/hour', '-0.4 USD/hour'),
    '15:22: rtx-4090: "-0.4 USD/hour" is negative; take the minus away',
  ],
  ['too large', bent('1 day', '1e30 day'), '2:10: horizon: "1e30 day" is too large; write at most "100 year"'],
  ['zero providers', bent('providers: 4', 'providers: 0'), '7:31: providers: 0 is too small; write at least 1'],
  [
    'half a provider',
    bent('providers: 4', 'providers: 1.5'),
    '7:31: providers: 1.5 is not a whole number; write a whole number',
  ],
  [
    'many providers',
    bent('providers: 4', 'providers: many'),
    '7:31: providers: "many" is not a number; write a number',
  ],
  [
    'more providers than a whole number can be exactly',
    bent('providers: 4', 'providers: 1e30'),
    '7:31: providers: 1e+30 is too large; write at most 1000000',
  ],
  [
    'far too few providers',
    bent('providers: 4', 'providers: -1e30'),
    '7:31: providers: -1e+30 is too small; write at least 1',
  ],
  [
    'more providers than a network has hosts',
    added('network: { loss: 1 % }\n').replace('providers: 4', 'providers: 99999'),
    '16:10: network: 100001 hosts (the chain, 1 of pools, 99999 of providers) are over the limit of 100000 of a network; write at most 99998 providers, or leave network out',
  ],
  ['negative providers', bent('providers: 4', 'providers: -4'), '7:31: providers: -4 is too small; write at least 1'],
  [
    'too many machines',
    bent('providers: 4', 'providers: 2000, nodes: 1000'),
    '7:7: groups: 2000000 machines in all, 2000000 of them in "lab"; lower its providers or nodes until they are at most 1000000',
  ],
  ['no GPU at all', group('gpus: 0'), '7:5: groups: no machine has a GPU; give a group some'],
  [
    'speed of zero',
    bent('24 GiB', '24 GiB, speed: 0'),
    '5:48: speed: "0" is out of range; write 0.001 to 1000, or a percentage',
  ],
  ['an epoch of 0', added('  epoch: 0 hour\n'), '16:10: epoch: no length; write a duration above zero'],
  ['a horizon of 0', bent('1 day', '0 day'), '2:10: horizon: no length; write a duration above zero'],
  [
    'a warm-up over everything',
    added('warmup: 1 day\n'),
    '16:9: warmup: not shorter than the horizon; write a shorter one',
  ],
  [
    'personas without end',
    bent('1 day', 'until done'),
    '2:10: horizon: personas submit jobs without end; write a duration such as "1 day"',
  ],
  [
    'sample of nothing',
    added('output: { sample: 0 s }\n'),
    '16:19: sample: no time at all; write a duration above zero, or "none"',
  ],
  [
    'shares that do not sum to 1',
    added('billing: { shares: { provider: 90 %, treasury: 5 % } }\n'),
    '16:20: shares: sum to 95 %, not 100 %; change one of them',
  ],
  [
    'a negative share',
    added('billing: { shares: { provider: -90 % } }\n'),
    '16:32: provider: "-90 %" is out of range; write 0 to 1, or a percentage',
  ],
  [
    'a share too fine',
    added('billing: { shares: { provider: 0.12345 } }\n'),
    '16:32: provider: 0.12345 is finer than 1/10000; round it',
  ],
  [
    'a grace of nothing',
    added('billing: { graces: { pool: 0 s } }\n'),
    '16:28: pool: no time at all; write at least "1 us"',
  ],
  [
    'a budget of nothing',
    added('billing: { budgets: [{ persona: users, amount: 0 USD }] }\n'),
    '16:48: amount: nothing; write an amount above zero',
  ],
  [
    'a budget of nobody',
    added('billing: { budgets: [{ amount: 5 USD }] }\n'),
    '16:22: budgets: wants either "persona" or "user"; write one of them',
  ],
  [
    'a budget in another currency',
    added('billing: { budgets: [{ persona: users, amount: 5 JCT }] }\n'),
    '16:48: amount: "users-1" pays in USD; write it in that',
  ],
  [
    'two budgets',
    added('billing: { budgets: [{ persona: users, amount: 5 USD }, { user: users-1, amount: 6 USD }] }\n'),
    '16:57: budgets: "users-1" has a budget already; remove one',
  ],
  [
    'an unknown user of a budget',
    added('billing: { budgets: [{ user: user-1, amount: 5 USD }] }\n'),
    '16:30: user: unknown user "user-1"; did you mean "users-1"?',
  ],
  [
    'a window of nothing',
    added('billing: { disputes: { window: 0 s } }\n'),
    '16:32: window: no time at all; write a duration above zero',
  ],
  [
    'a dispute by nobody',
    added('billing: { disputes: { filers: [{ persona: user }] } }\n'),
    '16:44: persona: unknown persona "user"; did you mean "users"?',
  ],
  [
    'a dispute after its window',
    added('billing: { disputes: { window: 1 hour, filers: [{ persona: users, after: 1 hour }] } }\n'),
    '16:74: after: not before the window is over, so nothing could be disputed; write a shorter time',
  ],
  [
    'an answer too late',
    added('billing: { disputes: { answer: 1 hour, providers: { after: 2 hour } } }\n'),
    '16:60: after: longer than billing.disputes.answer, so nobody could answer; shorten it',
  ],
  [
    'a bond above the amount',
    added('billing: { disputes: { bond: 120 % } }\n'),
    '16:30: bond: "120 %" is out of range; write 0 to 1, or a percentage',
  ],
  [
    'a start longer than its grace',
    bent('demand:', '  processes: { start: 2 minute }\ndemand:'),
    '8:23: start: longer than billing.graces.startAllowance, so no process could start in time; shorten it',
  ],
  [
    'processes in no time',
    bent('demand:', '  processes: { kill: 0 s }\ndemand:'),
    '8:14: processes: a process takes at least 1 us to come and to go; write a longer time',
  ],
  [
    'a class without a rate',
    bent('rates: { rtx-4090: 0.4 USD/hour }', 'epoch: 1 hour'),
    '14:1: rates: no rate for GPU class "rtx-4090"; add one such as "rtx-4090: 0.35 USD/hour", or "rtx-4090: none"',
  ],
  [
    'weights all zero',
    persona('shapes: [{ weight: 0 }, { weight: 0 }]'),
    '12:15: shapes: all weights are zero; give at least one shape a weight above zero',
  ],
  [
    'a negative weight',
    persona('shapes: [{ weight: -1 }]'),
    '12:26: weight: "-1" is out of range; write 0 to 1000000, or a percentage',
  ],
  [
    'shapes that fit nowhere',
    persona('shapes: [{ gpus: 2 }, { memory: 48 GiB }, { ram: 40 GiB }, { cpu: 9 cores }]'),
    '12:24: gpus: 2 GPUs for one task, and no machine it may use has more than 1; write fewer, or several tasks, or ' +
      '"neverFits: reject" under demand, to have such jobs rejected when they come (and 3 more)',
  ],
  [
    'a weight of nobody',
    added('scheduling: { queueing: { name: fair-share, weights: { users-1: 2, userss-1: 2 } } }\n'),
    '16:68: userss-1: unknown user "userss-1"; did you mean "users-1"?',
  ],
  [
    'a weight of a persona',
    added('scheduling: { queueing: { name: fair-share, weights: { users: 2 } } }\n'),
    '16:56: users: unknown user "users"; its users are users-1',
  ],
  [
    'more tasks than a gang',
    persona('shapes: [{ tasks: 5000 }]'),
    '12:25: tasks: 5000 is too large; write at most 4096',
  ],
  [
    'a limit below the work',
    persona('limitFactor: 0.5'),
    '12:20: limitFactor: "0.5" is out of range; write 1 to 1000000, or a percentage',
  ],
  [
    'work out of order',
    bent('{ median: 20 minute }', '{ median: 20 minute, max: 10 minute }'),
    '12:13: work: min, median and max are out of order; write min <= median <= max',
  ],
  [
    'no work',
    bent('{ median: 20 minute }', '{ median: 0 s, min: 0 s }'),
    '12:23: median: no work at all; write a duration above zero (and 1 more)',
  ],
  [
    'a rate of something else',
    bent('10 jobs/hour', '10 hour'),
    '11:25: rate: "10 hour" is a duration, not a rate of jobs; write a rate of jobs such as "20 jobs/hour"',
  ],
  [
    'a swing beyond 1',
    bent('10 jobs/hour }', '10 jobs/hour, swing: 120 % }'),
    '11:46: swing: "120 %" is out of range; write 0 to 1, or a percentage',
  ],
  [
    'an hour after midnight',
    bent('10 jobs/hour }', '10 jobs/hour, peak: 25:00 }'),
    '11:45: peak: "25:00" is no time of day; write 00:00 to 23:59',
  ],
  ['an availability', group('availability: alwys'), '7:65: availability: unknown "alwys"; did you mean "always"?'],
  [
    'an availability that is a number',
    group('availability: 3'),
    '7:65: availability: neither "always" nor "volunteer-hosts" nor a mapping with "daily" or "sessions"; write one of these',
  ],
  [
    'hours of no length',
    group('availability: { daily: { from: 07:00, to: 7 hour } }'),
    '7:93: to: the same time as "from"; write "availability: always" or another time',
  ],
  [
    'a jitter over all hours',
    group('availability: { daily: { from: 07:00, to: 09:00, jitter: 1 hour } }'),
    '7:108: jitter: longer than half the time there or away; write a shorter one',
  ],
  [
    'tokens without a price',
    persona('currency: JCT'),
    '12:17: currency: JCT has no price; add billing.tokenPrice, for example 0.05 USD/JCT',
  ],
  [
    'a token for nothing',
    added('billing: { tokenPrice: 0 USD/JCT }\n'),
    '16:24: tokenPrice: a token that costs nothing; write a price above zero',
  ],
  [
    'a deposit in another currency',
    persona('deposit: 5 JCT'),
    '12:16: deposit: not in USD, which the users pay in; write it in USD',
  ],
  [
    'prepaid and poor',
    persona('postpaid: false'),
    '10:7: personas: users who may not owe and have no deposit can buy nothing; add a deposit or "postpaid: true"',
  ],
  [
    'a stake of nothing',
    added('stake: { resources: [{ staker: s, group: lab, amount: 0 JCT }] }\n'),
    '16:55: amount: a stake of nothing; write an amount above zero',
  ],
  [
    'a stake on nobody',
    added('stake: { resources: [{ staker: s, amount: 1 JCT }] }\n'),
    '16:22: resources: wants either "provider" or "group"; write one of them',
  ],
  [
    'no demand',
    minimal.replace(/ {2}personas[\s\S]*(?=pricing)/, '  {}\n'),
    '9:3: demand: wants one of "personas", "trace" and "jobs"; write one of them',
  ],
  [
    'both demands',
    bent('  personas', '  trace: { format: philly, path: x }\n  personas'),
    '9:3: demand: wants one of "personas", "trace" and "jobs"; write one of them',
  ],
  [
    'a trace that is not named',
    traced('format: philly'),
    '9:3: path: no trace given; give a job list with --set demand.trace.path=FILE (public ones: docs/traces.md; Philly, reduced: github.com/shuoshuc/RFold, WorkloadGen/data/philly_trace.csv)',
  ],
  [
    'a trace on slow GPUs',
    traced('format: philly, path: x').replace('24 GiB', '24 GiB, speed: 0.5'),
    '9:3: limitFactor: too small for GPUs of speed 0.5: jobs would end at their limit; write at least 2',
  ],
])('%s', (_, source, message) => {
  expect(refusal(source)).toBe(`f.yaml:${message}`);
});
