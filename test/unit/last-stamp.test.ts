/** What ends at the very stamp at which a run ends is charged and divided as anything before. */
import { expect, test } from 'vitest';
import { HOUR_US, type MarketConfig } from '../../core/types.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';

const stamps: [string, Partial<MarketConfig>][] = [
  ['charged in the end', {}],
  [
    'charged in the end, to be disputed',
    {
      disputes: { rule: 'metered', windowUs: HOUR_US, answerUs: HOUR_US, decideUs: HOUR_US, bondBps: 0, arbiters: [] },
    },
  ],
];

test.each(stamps)('a time limit that falls on the end: %s', (_, over) => {
  const c = config({ pools: [pool('east')], nodes: [node('n0')], ...over });
  // The node ends it at its limit, after the market was told to close.
  const job = arrival(0, 2 * HOUR_US, spec(1, { limitUs: HOUR_US - 10 * SECOND }));
  const { sim, rows } = simulation(c, [job], {
    horizonUs: HOUR_US,
    processes: { startUs: 10 * SECOND, killUs: SECOND },
  });
  sim.finish();
  const charged = rows.of('jobs')[0]!.charged_micro;
  expect(charged).toBe(997_222n);
  const accounts = new Map(rows.of('accounts').map((a) => [a.account, a]));
  expect(accounts.get('user:alice')!.debits_posted_micro).toBe(charged);
  const revenue = accounts.get('revenue:east')!;
  expect(revenue.credits_posted_micro).toBe(charged);
  expect(revenue.debits_posted_micro).toBe(charged);
  expect(accounts.get('provider:owner-n0')!.credits_posted_micro).toBeGreaterThan(0n);
});
