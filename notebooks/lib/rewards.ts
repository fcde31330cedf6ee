/** A year of daily rewards under each weight rule. Who is present on which day is the same draw for every rule. */
import { chanceInt, pow, rat, ratToNumber } from '../../core/num/index.ts';
import { gini, nakamoto } from '../../mechanisms/elections/index.ts';
import { sharesBy, sybilShare, type WeightRule } from '../../mechanisms/rewards/index.ts';

export interface Setup {
  stakers: number;
  /** Pareto exponent of the first stakes, in hundredths: the lower, the more unequal. */
  tail: number;
  /** Rewards of a year as a share of all stake at the start, percent. */
  yearly: number;
  /** Part of its rewards that a staker stakes again, percent. */
  restake: number;
  /** Chance that a staker is present on a day, percent. */
  present: number;
  seed: number;
}

export interface Year {
  rule: string;
  days: { day: number; gini: number; largest: number }[];
  /** Fewest stakers that hold more than half. */
  nakamoto: number;
  /** What the largest would get of a day's rewards if it split into ten, over what it gets as one. */
  split: number;
}

const MICRO = 1_000_000n;
const DAYS = 365;

export const rules: readonly { name: string; rule: WeightRule }[] = [
  { name: 'linear', rule: { rule: 'linear' } },
  { name: 'sqrt', rule: { rule: 'sqrt' } },
  { name: 'capped', rule: { rule: 'capped', cap: 0n } },
  { name: 'square', rule: { rule: 'square' } },
];

/** First stakes, in millionths of a token: Pareto from 1,000 tokens. */
function firstStakes(s: Setup): bigint[] {
  return Array.from({ length: s.stakers }, (_, i) => {
    const u = (1 + chanceInt([s.seed, 0x57a6e], 'stake', i, 999_999)) / 1_000_001;
    return BigInt(Math.round(1000 * Math.min(1e6, pow(u, -100 / s.tail)))) * MICRO;
  });
}

export function year(s: Setup, name: string): Year {
  const first = firstStakes(s);
  const sum = (list: readonly bigint[]): bigint => list.reduce((a, b) => a + b, 0n);
  const mean = sum(first) / BigInt(s.stakers);
  const found = rules.find((r) => r.name === name)!;
  // The cap is three times the mean stake at the start.
  const rule: WeightRule = found.rule.rule === 'capped' ? { rule: 'capped', cap: 3n * mean } : found.rule;
  const pot = (sum(first) * BigInt(s.yearly)) / (100n * BigInt(DAYS));
  const stakes = [...first];
  const days: Year['days'] = [];
  const look = (day: number): void => {
    const top = stakes.reduce((a, b) => (b > a ? b : a));
    days.push({ day, gini: gini(stakes), largest: Number((top * 1_000_000n) / sum(stakes)) / 1_000_000 });
  };
  look(0);
  for (let day = 1; day <= DAYS; day++) {
    const here = stakes.map((_, i) => chanceInt([s.seed, 0xda7], 'present', day * 1000 + i, 100) < s.present);
    const weighed = stakes.map((x, i) => (here[i] ? x : 0n));
    if (weighed.some((w) => w > 0n))
      sharesBy(rule, pot, weighed).forEach((r, i) => {
        stakes[i]! += (r * BigInt(s.restake)) / 100n;
      });
    if (day % 5 === 0) look(day);
  }
  const top = stakes.reduce((a, b) => (b > a ? b : a));
  const others = [...stakes];
  others.splice(stakes.indexOf(top), 1);
  const part = (n: bigint): number => {
    const [mine, all] = sybilShare(rule, top, n, others);
    return ratToNumber(rat(mine, all));
  };
  return { rule: name, days, nakamoto: nakamoto(stakes, 1n, 2n), split: part(10n) / part(1n) };
}

export const years = (s: Setup): Year[] => rules.map((r) => year(s, r.name));
