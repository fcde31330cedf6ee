/**
 * Bayesian incentive compatibility on finite priors: the gain of a lie in expectation over the rivals. The prior is the market's own
 * where it has one, else an explicit one: equal weight on a few profiles of rivals drawn for the search.
 */
import { type Rational, rat, ratAdd, ratCmp, ratDiv, ratMul, ratParse, ratSub } from '../../core/num/index.ts';
import { doubles, type Field, type Market, rationals } from '../../mechanisms/pricing/one-shot-index.ts';
import type { Deviation } from './deviations.ts';
import { type Family, type Gene, Random, styles } from './families.ts';
import { decimal6, type NumberReader, readDouble, readExact } from './market-json.ts';
import { exactMarket, jsonMarket, type Own, run, type Setting, utility } from './outcomes.ts';
import { lies } from './properties.ts';
import type { CounterExample, Searched, SearchOptions } from './search.ts';

const PROFILES = 8;

interface Profile {
  market: Market<number>;
  weight: number;
}

/** The first agent's report taken from one market into another. */
function withReport(into: Market<number>, from: Market<number>): Market<number> {
  if (into.kind === 'procurement' && from.kind === 'procurement')
    return { ...into, suppliers: [from.suppliers[0]!, ...into.suppliers.slice(1)] };
  if (into.kind === 'exchange' && from.kind === 'exchange')
    return { ...into, buyers: [from.buyers[0]!, ...into.buyers.slice(1)] };
  if (into.kind === 'combinatorial' && from.kind === 'combinatorial')
    return { ...into, bidders: [from.bidders[0]!, ...into.bidders.slice(1)] };
  return into;
}

function profilesOf(family: Family, gene: Gene, seed: number, n: number): Profile[] {
  const m = family.decode(gene);
  if (m.kind === 'exchange' && m.prior !== undefined) {
    const own = m.prior.values.indexOf(m.buyers[0]!.steps[0]!.price);
    return m.prior.values.map((price, j) => ({
      market: { ...m, buyers: [m.buyers[0]!, { ...m.buyers[1]!, steps: [{ quantity: 1, price }] }] },
      weight: m.prior!.probability[own]![j]!,
    }));
  }
  return Array.from({ length: PROFILES }, (_, k) => {
    const rivals = family.draw(new Random(seed + 1, n * PROFILES + k), styles[n % styles.length]!);
    return {
      market: withReport(family.decode([gene[0], [gene[1][0]!, ...rivals[1].slice(1)], rivals[2]]), m),
      weight: 1,
    };
  });
}

function expected<T>(
  f: Field<T>,
  read: NumberReader<T>,
  s: Setting,
  profiles: readonly { market: Market<T>; weight: T }[],
  report: (m: Market<T>) => Market<T>,
  own: readonly Own[],
): T {
  let sum = f.zero;
  let mass = f.zero;
  for (const p of profiles) {
    const said = report(p.market);
    const u = utility(f, s, p.market, said, run(f, read, s, said), own);
    sum = f.add(sum, f.mul(p.weight, u));
    mass = f.add(mass, p.weight);
  }
  return f.div(sum, mass);
}

export function certifyBic(setting: Setting, family: Family, o: SearchOptions): Searched {
  let pairs = 0;
  let near = 0;
  let largest = 0;
  const answer = (markets: number, c: CounterExample | null): Searched => ({
    mechanism: setting.mechanism.name,
    property: 'bic',
    class: family.name,
    markets,
    pairs,
    nearCriticalShare: pairs === 0 ? 0 : Math.round((near / pairs) * 1e6) / 1e6,
    verdict: c === null ? 'no violation found' : 'violated',
    largestGain: Math.max(0, largest).toFixed(6),
    counterexample: c,
    seed: o.seed,
  });
  for (let n = 0; n < o.markets; n++) {
    const gene = family.draw(new Random(o.seed, n), styles[n % styles.length]!);
    const profiles = profilesOf(family, gene, o.seed, n);
    const first = profiles[0]!.market;
    const all = [...lies.bic!(first)].filter((d) => d.own[0]!.at === 0);
    if (all.length === 0) continue;
    const truthful = expected(doubles, readDouble, setting, profiles, (m) => m, all[0]!.own);
    let best: { d: Deviation; gain: number } | null = null;
    for (const d of all) {
      pairs += profiles.length;
      if (d.near) near += profiles.length;
      const gain = expected(doubles, readDouble, setting, profiles, (m) => withReport(m, d.market), d.own) - truthful;
      largest = Math.max(largest, gain);
      if (gain > 2e-6 && (best === null || gain > best.gain)) best = { d, gain };
    }
    o.onProgress?.(n / o.markets, pairs);
    if (best === null) continue;
    const { d } = best;
    const exact = profiles.map((p) => ({
      truth: exactMarket(p.market),
      said: exactMarket(withReport(p.market, d.market)),
      weight: rat(p.weight),
    }));
    const mean = (pick: (x: (typeof exact)[number]) => Market<Rational>): Rational => {
      let sum = rationals.zero;
      let mass = rationals.zero;
      for (const x of exact) {
        const said = pick(x);
        const u = utility(rationals, setting, x.truth, said, run(rationals, readExact, setting, said), d.own);
        sum = ratAdd(sum, ratMul(x.weight, u));
        mass = ratAdd(mass, x.weight);
      }
      return ratDiv(sum, mass);
    };
    const before = mean((x) => x.truth);
    const after = mean((x) => x.said);
    if (ratCmp(ratSub(after, before), ratParse('0.000002')) <= 0) continue;
    return answer(n + 1, {
      market: jsonMarket(first, setting.fee),
      agent: d.agent,
      deviation: jsonMarket(withReport(first, d.market), setting.fee),
      about: `${d.about}; utilities are means over ${profiles.length} profiles of rivals`,
      truthfulUtility: decimal6(before, 'half-even'),
      deviantUtility: decimal6(after, 'half-even'),
      profiles: profiles.map((p) => ({ weight: p.weight, market: jsonMarket(p.market, setting.fee) })),
    });
  }
  return answer(o.markets, null);
}
