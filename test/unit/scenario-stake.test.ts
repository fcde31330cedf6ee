/** What a scenario may not say of stake and verification: one line with the place, and how to mend it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveScenario } from '../../scenarios/index.ts';
import { root } from '../support/cli.ts';

const text = (name: string) => readFileSync(join(root, `scenarios/${name}/scenario.yaml`), 'utf8');
const resolve = (name: string, ...sets: string[]) => resolveScenario(Buffer.from(text(name)), 'x.yaml', sets);

test.each<[string, string, RegExp]>([
  ['stake-year', 'stake.rules.emission={perEpoch: 1 JCT, providers: 20 %}', /parts above 100 % together/],
  ['stake-year', 'stake.rules.emission={perEpoch: 1 USD}', /JCT/],
  ['stake-year', 'stake.rules.emission={perEpoch: 1 JCT, halving: 0 s}', /no time at all/],
  ['stake-year', 'stake.rules.saturation={pools: 0}', /saturation/],
  ['stake-year', 'stake.rules={payout: f1, weight: sqrt}', /f1 pays by stake alone/],
  ['stake-year', 'stake.stakers.0.claims=1 day', /nothing is kept/],
  ['stake-year', 'stake.stakers.0.vesting={amount: 1 JCT, from: 2 day, to: 1 day}', /ends before it begins/],
  [
    'stake-year',
    'stake.resources.0={pledge: true, staker: a, group: farm, amount: 1 JCT}',
    /either a staker or "pledge: true"/,
  ],
  ['stake-year', 'stake.resources.0={group: farm, amount: 1 JCT}', /either a staker or "pledge: true"/],
  ['stake-year', 'stake.resources.0={staker: a, group: farm, amount: 1 JCT, identities: 0}', /identities/],
  ['stake-year', 'stake.rules.pot={base: gross, share: 10 %}', /no supply is bought/],
  ['stake-year', 'stake.rules.quality=true', /no supply is bought/],
  ['lazy-verifiers', 'verification.policy=quorums', /policy/],
  ['lazy-verifiers', 'verification.policy={name: quorum, copies: 3, quorum: 7}', /cannot reach/],
  ['lazy-verifiers', 'verification.policy={name: quorum, copies: 50}', /only 8 providers/],
  ['lazy-verifiers', 'verification.policy={name: reputation, least: 50 %}', /least lies above/],
  ['lazy-verifiers', 'verification.policy=./mine.ts', /no module of your own/],
  ['lazy-verifiers', 'verification.verifiers=[{name: a}, {name: a}]', /a second "a"/],
  ['lazy-verifiers', 'verification.verifiers=[{name: farm-001}]', /a second "farm-001"/],
  ['lazy-verifiers', 'verification.planted=120 %', /planted/],
  [
    'lazy-verifiers',
    'verification.token.trace=[{at: 2 day, price: 1 USD/JCT}, {at: 1 day, price: 2 USD/JCT}]',
    /put them in order/,
  ],
  ['token-crash', 'verification.token.trace=[{at: 0 s, price: 1 USD/JCT}]', /keep one of the two/],
  ['lazy-verifiers', 'verification.cheats=[{group: farm, share: 5 %, kind: sly}]', /kind/],
  ['lazy-verifiers', 'verification.cheats=[{group: farm, share: 5 %, kind: spoofing}]', /makes every result up/],
])('%s --set %s', (name, set, message) => {
  let said = '';
  try {
    resolve(name, set);
  } catch (e) {
    said = (e as Error).message;
  }
  expect(said).toMatch(message);
  expect(said.split('\n')).toHaveLength(1);
});

test('a name that poses as many keeps its tokens to the unit', () => {
  const yaml = text('stake-year').replace('amount: 10000 JCT', 'amount: 10000 JCT, identities: 7');
  const { stakes, staking } = resolveScenario(Buffer.from(yaml), 'x.yaml').market;
  const parts = stakes.filter((k) => k.staker.startsWith('rank-1~'));
  expect(parts).toHaveLength(7);
  expect(parts.reduce((n, k) => n + BigInt(k.amount), 0n)).toBe(10_000_000_000n);
  expect(staking!.stakers.filter((s) => s.id.startsWith('rank-1~'))).toHaveLength(7);
});
