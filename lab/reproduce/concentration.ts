/** A year of rewards that compound: how concentrated stake becomes under each weight rule, what splitting pays, how commission drifts. */
import { gini, nakamoto } from '../../mechanisms/elections/index.ts';
import { sharesBy, sybilShare, type WeightRule } from '../../mechanisms/rewards/index.ts';
import { exactly, type Figure, simpleStudy, within } from './simple-study.ts';

const HOLDERS = 100;
const DAYS = 365;
/** Rewards of a year as a share of the stake at its start. */
const YEARLY = 0.2;
const UNIT = 1_000_000n;

/** Stakes that fall with rank as 1/rank (Zipf), smallest 1,000 tokens. */
const opening = (): bigint[] => Array.from({ length: HOLDERS }, (_, i) => (100_000n * UNIT) / BigInt(i + 1));

function afterYear(rule: WeightRule): bigint[] {
  let stakes = opening();
  const total = stakes.reduce((a, b) => a + b, 0n);
  const daily = (total * BigInt(Math.round(YEARLY * 100))) / 100n / BigInt(DAYS);
  for (let day = 0; day < DAYS; day++) {
    const shares = sharesBy(rule, daily, stakes);
    stakes = stakes.map((s, i) => s + shares[i]!);
  }
  return stakes;
}

const giniOf = (stakes: readonly number[]): number => gini(stakes.map((s) => BigInt(Math.round(s))));

/** Under sqrt, d sqrt(s_i) is the same for all, so sqrt(s_i) = sqrt(s_i(0)) + c with c from the total: a quadratic. */
function sqrtTheory(): number[] {
  const roots = opening().map((s) => Math.sqrt(Number(s)));
  const sum = roots.reduce((a, b) => a + b, 0);
  const paid = roots.reduce((a, r) => a + r * r, 0) * YEARLY;
  const c = (-sum + Math.sqrt(sum * sum + HOLDERS * paid)) / HOLDERS;
  return roots.map((r) => (r + c) * (r + c));
}

/** Where every stake lies above the cap, everybody gets the same. */
function cappedTheory(): number[] {
  const start = opening().map(Number);
  const each = (start.reduce((a, b) => a + b, 0) * YEARLY) / HOLDERS;
  return start.map((s) => s + each);
}

/** Commission c on rewards of growth g per epoch, all compounded: what is left of the delegators' share after t epochs. */
function delegatorsAfter(growth: number, commission: number, epochs: number): { simulated: number; theory: number } {
  let operator = 10_000_000_000_000n;
  let delegators = 90_000_000_000_000n;
  for (let t = 0; t < epochs; t++) {
    const reward = ((operator + delegators) * BigInt(Math.round(growth * 1e6))) / 1_000_000n;
    const [own, theirs] = sharesBy({ rule: 'linear' }, reward, [operator, delegators]) as [bigint, bigint];
    const fee = (theirs * BigInt(Math.round(commission * 1e6))) / 1_000_000n;
    operator += own + fee;
    delegators += theirs - fee;
  }
  let theory = 0.9;
  for (let t = 0; t < epochs; t++) theory *= (1 + growth * (1 - commission)) / (1 + growth);
  return { simulated: Number(delegators) / Number(operator + delegators), theory };
}

export const concentration = simpleStudy({
  name: 'concentration',
  about: 'a year of compounding staker revenue under each weight rule; Sybil profit; commission drift',
  source: 'derived: weights s^a make s^(1-a) grow alike for all; splitting into m multiplies a weight by m^(1-a)',
  run(): Figure[] {
    const start = opening();
    const figures: Figure[] = [
      within(
        'Gini after a year, linear (as at the start)',
        round(gini(start)),
        gini(afterYear({ rule: 'linear' })),
        1e-6,
      ),
      within('Gini after a year, sqrt', round(giniOf(sqrtTheory())), gini(afterYear({ rule: 'sqrt' })), 1e-3),
      within(
        'Gini after a year, capped below the least stake',
        round(giniOf(cappedTheory())),
        gini(afterYear({ rule: 'capped', cap: 500n * UNIT })),
        1e-6,
      ),
      exactly(
        'holders for a third of stake, linear',
        String(nakamoto(start, 1n, 3n)),
        String(nakamoto(afterYear({ rule: 'linear' }), 1n, 3n)),
      ),
    ];
    const rest = start.slice(1);
    const whole = (rule: WeightRule, m: bigint) => {
      const [mine, all] = sybilShare(rule, start[0]!, m, rest);
      return Number((mine * 1_000_000_000n) / all) / 1e9;
    };
    const others = rest.reduce((a, s) => a + Math.sqrt(Number(s)), 0);
    const mine = Math.sqrt(Number(start[0]!));
    for (const m of [4, 16])
      figures.push(
        within(
          `share of the largest under sqrt, posing as ${m}`,
          round((mine * Math.sqrt(m)) / (mine * Math.sqrt(m) + others)),
          whole({ rule: 'sqrt' }, BigInt(m)),
          1e-6,
        ),
        within(
          `share of the largest under linear, posing as ${m}`,
          round(whole({ rule: 'linear' }, 1n)),
          whole({ rule: 'linear' }, BigInt(m)),
          1e-6,
        ),
      );
    for (const [g, c, t] of [
      [0.1, 0.1, 10],
      [0.0005, 0.1, 365],
    ] as const) {
      const d = delegatorsAfter(g, c, t);
      figures.push(
        within(
          `delegators’ share of 90 % after ${t} epochs, growth ${g}, commission ${c}`,
          round(d.theory),
          d.simulated,
          1e-6,
        ),
      );
    }
    return figures;
  },
});

const round = (x: number): number => Number(x.toPrecision(7));
