/** Amounts as shown: what the parties are shown to get adds up to what users are shown to pay. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { centsOf, centsText, moneyRows } from '../../lab/money-text.ts';
import { amount } from '../../lab/report/numbers.ts';
import { headOf, unitOf } from '../../lab/sweep/figures.ts';
import type { MoneyJson } from '../../sim/summary.ts';
import { root } from '../support/cli.ts';

const money = (parts: readonly bigint[], subsidy = 0n): MoneyJson => {
  const [providers, stakers, aggregators, verifiers, treasury] = parts.map(String) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const charged = parts.reduce((a, b) => a + b, 0n) - subsidy;
  return {
    unit: 'microUSD',
    charged: String(charged),
    ...{ providers, stakers, aggregators, verifiers, treasury },
    dust: '0',
    memo: { subsidy: String(subsidy), refunded: '0', credits: '0', held: '459139150', slashed: '0' },
  };
};
const cents = (rows: readonly { cents: bigint }[]): bigint => rows.reduce((n, r) => n + r.cents, 0n);

test('both sides add up as shown, and nothing is shown a hundredth or more off', () => {
  const part = fc.bigInt({ min: 0n, max: 10n ** 13n });
  fc.assert(
    fc.property(fc.array(part, { minLength: 5, maxLength: 5 }), part, (parts, extra) => {
      const subsidy = extra % parts.reduce((a, b) => a + b, 1n);
      const { paid, got } = moneyRows(money(parts, subsidy));
      expect(cents(got)).toBe(cents(paid));
      for (const r of [...paid, ...got]) {
        const off = r.cents * 10_000n - r.micro;
        expect(off > -10_100n && off < 10_100n, `${r.name} ${r.micro} shown as ${r.cents}`).toBe(true);
      }
    }),
    { seed: 20, numRuns: 500 },
  );
});

test('the quickstart of README: truncated parts fell a hundredth short of their whole', () => {
  const { paid, got } = moneyRows(money([893_891_396n, 46_146_370n, 52_581_812n, 0n, 59_017_198n]));
  expect(paid.map((r) => centsText(r.cents))).toEqual(['1,051.64']);
  expect(got.map((r) => centsText(r.cents))).toEqual(['893.89', '46.15', '52.58', '0.00', '59.02']);
  const shown = [
    ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(
      /^ {2}(users paid|providers|stakers|aggregators|verifiers|treasury) +([\d,.]+)$/gm,
    ),
  ];
  expect(shown.map((m) => m[2])).toEqual(['1,051.64', '893.89', '46.15', '52.58', '0.00', '59.02']);
});

test('what is owed', () => {
  const owed = moneyRows(money([-15_000n, 0n, 0n, 0n, 0n]));
  expect(owed.got[0]!.cents).toBe(-2n);
  expect([centsOf(4_999n), centsOf(5_000n), centsOf(-5_000n)]).toEqual([0n, 1n, -1n]);
  expect([centsText(-2n), centsText(123_456_789n)]).toEqual(['-0.02', '1,234,567.89']);
  expect([amount(46_146_370, 'USD'), amount(1_051_636_776n, 'USD'), amount(2_300, 'USD'), amount(0, 'USD')]).toEqual([
    '46.15 USD',
    '1,051.64 USD',
    '0.0023 USD',
    '0 USD',
  ]);
});

test('figures of money have their unit in the head of their column', () => {
  expect(
    ['money_charged', 'money_jct_stakers', 'stakers_paid_holder', 'economics_welfare', 'jobs_completed'].map(headOf),
  ).toEqual([
    'money_charged (USD)',
    'money_jct_stakers (JCT)',
    'stakers_paid_holder (USD)',
    'economics_welfare (USD)',
    'jobs_completed',
  ]);
  expect(unitOf('money_charged').per).toBe(1e6);
  expect(unitOf('economics_clearing_price_mean')).toEqual({ unit: 'USD per GPU-hour', per: 1 });
});
