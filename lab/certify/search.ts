/**
 * The search for a violation. Markets come from boundary cases, styled draws and fast-check; every agent's lies are tried on
 * doubles; what looks like a gain is decided again on exact rationals; fast-check shrinks the market, and of the lies that gain on it
 * the one that is easiest to read is printed.
 */
import fc from 'fast-check';
import { type Rational, ratCmp, ratNeg, ratParse, ratSub } from '../../core/num/index.ts';
import {
  doubles,
  type ExchangeMarket,
  type Field,
  type Market,
  rationals,
} from '../../mechanisms/pricing/one-shot-index.ts';
import { type Deviation, withdrawals } from './deviations.ts';
import { type Family, type Gene, Random, styles } from './families.ts';
import { decimal6, isHeld, type NumberReader, readDouble, readExact } from './market-json.ts';
import {
  bestWelfare,
  budgetOf,
  exactMarket,
  jsonMarket,
  type Outcome,
  type Own,
  run,
  type Setting,
  utility,
  welfareOf,
} from './outcomes.ts';
import { lies, type PropertyName } from './properties.ts';

/** A gain of at most this many units of money is none (2 micro-units). */
const TOLERANCE = 2e-6;
const EXACT_TOLERANCE = ratParse('0.000002');

export interface CounterExample {
  market: Record<string, unknown>;
  /** Who deviates; null where the market as a whole fails. */
  agent: string | null;
  /** The market as reported, for `clear`; null where nobody lies. */
  deviation: Record<string, unknown> | null;
  about: string;
  truthfulUtility: string;
  deviantUtility: string;
  /** `bic`: the rivals over whom utilities are means; the agent's report replaces that of the first agent in each. */
  profiles?: { weight: number; market: Record<string, unknown> }[];
}

export interface Certificate {
  mechanism: string;
  property: PropertyName;
  /** procurement, exchange, combinatorial or gang, as --kind says. */
  kind: string;
  /** The family of markets that was searched, as in docs/mechanisms.md. */
  class: string;
  markets: number;
  pairs: number;
  nearCriticalShare: number;
  verdict: 'no violation found' | 'violated' | 'exhausted';
  grid?: string;
  largestGain: string;
  counterexample: CounterExample | null;
  seed: number;
}

/** What a search of one family finds. */
export type Searched = Omit<Certificate, 'kind'>;

export interface SearchOptions {
  markets: number;
  seed: number;
  /** Try every market of the family's grid of this size instead of drawing. */
  exhaust?: number;
  onProgress?: (share: number, pairs: number) => void;
}

/** A violation on one market, before it is made small and exact. */
interface Found {
  gain: number;
  deviation: Deviation | null;
  agent: string | null;
  about: string;
}

class Prober {
  readonly setting: Setting;
  readonly property: PropertyName;
  readonly family: Family;
  pairs = 0;
  near = 0;
  largest = 0;

  constructor(setting: Setting, property: PropertyName, family: Family) {
    this.setting = setting;
    this.property = property;
    this.family = family;
  }

  /** The worst violation on the market, or null. */
  probe(m: Market<number>, first: boolean): Found | null {
    const tries = lies[this.property];
    let worst: Found | null = null;
    const take = (gain: number, deviation: Deviation | null, agent: string | null, about: string): void => {
      if (gain > this.largest) this.largest = gain;
      if (gain > TOLERANCE && (worst === null || gain > worst.gain)) worst = { gain, deviation, agent, about };
    };
    if (tries === null) {
      for (const c of statements(doubles, readDouble, this.setting, this.property, m)) {
        this.pairs++;
        take(c.gain, c.deviation, c.agent, c.about);
      }
      return worst;
    }
    const holder = isHeld(this.setting.fee);
    let truth = holder ? null : run(doubles, readDouble, this.setting, m);
    let truthful = 0;
    let last = '';
    for (const d of tries(m)) {
      this.pairs++;
      if (d.near) this.near++;
      const setting = settingFor(this.setting, d.agent, m);
      if (d.agent !== last) {
        last = d.agent;
        if (holder) truth = run(doubles, readDouble, setting, m);
        truthful = measure(doubles, setting, this.property, m, m, truth!, trueSelf(d.own));
      }
      const lied = run(doubles, readDouble, setting, d.market);
      take(gainOf(doubles, this.property, setting, m, d, truthful, lied), d, d.agent, d.about);
      if (first && worst !== null) return worst;
    }
    return worst;
  }

  /** The same verdict on exact numbers. */
  exact(m: Market<number>, found: Found): { truthful: Rational; deviant: Rational } | null {
    const truth = exactMarket(m);
    let pair: { truthful: Rational; deviant: Rational };
    if (lies[this.property] === null) {
      const c = [...statements(rationals, readExact, this.setting, this.property, truth)].find(
        (x) => x.agent === found.agent && (x.agent !== null || x.about === found.about),
      );
      if (c === undefined) return null;
      pair = { truthful: c.truthful, deviant: c.deviant };
    } else {
      const d = found.deviation!;
      const setting = settingFor(this.setting, d.agent, m);
      const said = exactMarket(d.market);
      const before = run(rationals, readExact, setting, truth);
      const after = run(rationals, readExact, setting, said);
      const u = (reported: Market<Rational>, outcome: Outcome<Rational>, own: readonly Own[]): Rational =>
        measure(rationals, setting, this.property, truth, reported, outcome, own);
      pair = { truthful: u(truth, before, trueSelf(d.own)), deviant: u(said, after, d.own) };
      if (this.property === 'monotone') {
        const sign = costOf(d.market, d.own) > costOf(m, d.own) ? 1 : -1;
        const rise = sign > 0 ? ratSub(pair.deviant, pair.truthful) : ratSub(pair.truthful, pair.deviant);
        return ratCmp(rise, EXACT_TOLERANCE) > 0 ? pair : null;
      }
    }
    return ratCmp(ratSub(pair.deviant, pair.truthful), EXACT_TOLERANCE) > 0 ? pair : null;
  }
}

/** Whoever is being examined holds the share, and has staked on itself or on the first of the others. */
function settingFor(s: Setting, agent: string, m: Market<number>): Setting {
  if (!isHeld(s.fee)) return s;
  const fee = { ...s.fee, holder: agent };
  if (s.fee.backs !== undefined && m.kind === 'procurement')
    fee.backs = s.fee.backs === 'self' ? agent : (m.suppliers.find((x) => x.id !== agent)?.id ?? agent);
  return { ...s, fee };
}

const trueSelf = (own: readonly Own[]): Own[] => {
  const first = own.filter((o, i) => own.findIndex((x) => x.truth === o.truth) === i);
  return first.map((o) => ({ ...o, at: o.truth }));
};

/** Utility, or for `monotone` the quantity. */
function measure<T>(
  f: Field<T>,
  s: Setting,
  property: PropertyName,
  truth: Market<T>,
  reported: Market<T>,
  outcome: Outcome<T>,
  own: readonly Own[],
): T {
  if (property !== 'monotone') return utility(f, s, truth, reported, outcome, own);
  const o = own[0]!;
  if (outcome.kind === 'procurement') return outcome.out.quantity[o.at]!;
  if (outcome.kind === 'exchange') return (o.side === 'buyer' ? outcome.out.bought : outcome.out.sold)[o.at]!;
  return outcome.out.won[o.at]! < 0 ? f.zero : f.one;
}

function gainOf(
  f: Field<number>,
  property: PropertyName,
  s: Setting,
  truth: Market<number>,
  d: Deviation,
  truthful: number,
  lied: Outcome<number>,
): number {
  const after = measure(f, s, property, truth, d.market, lied, d.own);
  if (property !== 'monotone') return after - truthful;
  return costOf(d.market, d.own) > costOf(truth, d.own) ? after - truthful : truthful - after;
}

function costOf(m: Market<number>, own: readonly Own[]): number {
  const { at } = own[0]!;
  return m.kind === 'procurement'
    ? m.suppliers[at]!.unitCost
    : m.kind === 'exchange'
      ? m.sellers[at]!.steps[0]!.price
      : 0;
}

interface Statement<T> {
  gain: number;
  truthful: T;
  deviant: T;
  deviation: Deviation | null;
  agent: string | null;
  about: string;
}

/** Properties of the truthful outcome: what is, and what would have to be. */
function* statements<T>(
  f: Field<T>,
  read: NumberReader<T>,
  s: Setting,
  property: PropertyName,
  m: Market<T>,
): Generator<Statement<T>> {
  const say = (truthful: T, deviant: T, agent: string | null, about: string): Statement<T> => ({
    gain: f.number(deviant) - f.number(truthful),
    truthful,
    deviant,
    deviation: null,
    agent,
    about,
  });
  const outcome = run(f, read, s, m);
  switch (property) {
    case 'wbb':
      yield say(budgetOf(f, outcome), f.zero, null, 'the budget, which should not be negative');
      return;
    case 'sbb': {
      const b = budgetOf(f, outcome);
      yield say(
        f.cmp(b, f.zero) > 0 ? f.sub(f.zero, b) : b,
        f.zero,
        null,
        'minus the size of the budget, which should be 0',
      );
      return;
    }
    case 'efficient':
      yield say(welfareOf(f, m, outcome), bestWelfare(f, m), null, 'the surplus reached, and the best one');
      return;
    case 'ir-interim': {
      const x = m as ExchangeMarket<T>;
      if (m.kind !== 'exchange' || x.prior === undefined) return;
      for (const [i, b] of x.buyers.entries()) {
        // Expected over the rival's types, given the own one.
        const t = x.prior.values.findIndex((v) => f.cmp(v, b.steps[0]!.price) === 0);
        const row = x.prior.probability[t]!;
        let mass = f.zero;
        let expected = f.zero;
        for (const [j, v] of x.prior.values.entries()) {
          const buyers = x.buyers.map((y, k) => (k === i ? y : { ...y, steps: [{ ...y.steps[0]!, price: v }] }));
          const market = { ...x, buyers };
          const u = utility(f, s, market, market, run(f, read, s, market), [{ side: 'buyer', at: i, truth: i }]);
          mass = f.add(mass, row[j]!);
          expected = f.add(expected, f.mul(row[j]!, u));
        }
        yield say(f.div(expected, mass), f.zero, b.id, 'expects a loss, given its own type');
      }
      return;
    }
    case 'ir':
      for (const [id, own] of agents(m))
        yield say(utility(f, s, m, m, outcome, [own]), f.zero, id, 'loses by taking part truthfully');
      return;
    default:
      return;
  }
}

function agents<T>(m: Market<T>): [string, Own][] {
  if (m.kind === 'procurement') return m.suppliers.map((x, i) => [x.id, { side: 'supplier', at: i, truth: i }]);
  if (m.kind === 'combinatorial') return m.bidders.map((x, i) => [x.id, { side: 'bidder', at: i, truth: i }]);
  return [
    ...m.buyers.map((x, i): [string, Own] => [x.id, { side: 'buyer', at: i, truth: i }]),
    // The seller of a market with a prior is the auctioneer.
    ...(m.prior === undefined
      ? m.sellers.map((x, i): [string, Own] => [x.id, { side: 'seller', at: i, truth: i }])
      : []),
  ];
}

/** Searches until a violation is found or the markets are spent. */
export function certify(setting: Setting, property: PropertyName, family: Family, o: SearchOptions): Searched {
  const p = new Prober(setting, property, family);
  const base = { mechanism: setting.mechanism.name, property, class: family.name };
  let markets = 0;
  let hit: Gene | null = null;
  const look = (gene: Gene): boolean => {
    markets++;
    const m = family.decode(gene);
    const found = p.probe(m, false);
    return found !== null && p.exact(m, found) !== null;
  };
  const done = (c: CounterExample | null, verdict: Certificate['verdict'], gain: number, grid?: string): Searched => ({
    ...base,
    markets,
    pairs: p.pairs,
    nearCriticalShare: p.pairs === 0 ? 0 : Math.round((p.near / p.pairs) * 1e6) / 1e6,
    verdict,
    ...(grid === undefined ? {} : { grid }),
    largestGain: Math.max(0, gain).toFixed(6),
    counterexample: c,
    seed: o.seed,
  });
  if (o.exhaust !== undefined) {
    for (const gene of family.grid(o.exhaust)) {
      if (!look(gene)) continue;
      hit = gene;
      break;
    }
    const grid = `every market of the family's grid with values 0..${o.exhaust}, and every lie of the property's list`;
    if (hit === null) return done(null, 'exhausted', p.largest, grid);
  } else {
    // Boundary cases: the start of the small grid; then styled draws; then fast-check.
    const boundary = Math.floor(o.markets / 10);
    for (const gene of family.grid(3)) {
      if (hit !== null || markets >= boundary) break;
      if (look(gene)) hit = gene;
    }
    const styled = Math.floor((o.markets * 6) / 10);
    for (let n = 0; hit === null && n < styled; n++) {
      const gene = family.draw(new Random(o.seed, n), styles[n % styles.length]!);
      if (look(gene)) hit = gene;
      if (n % 64 === 0) o.onProgress?.(markets / o.markets, p.pairs);
    }
    if (hit === null) {
      const rest = Math.max(0, o.markets - markets);
      const check = fc.check(
        fc.property(family.arbitrary, (gene) => !look(gene)),
        {
          numRuns: rest,
          seed: o.seed | 0,
          endOnFailure: true,
        },
      );
      if (check.failed && check.counterexample !== null) hit = check.counterexample[0];
    }
  }
  if (hit === null) return done(null, 'no violation found', p.largest);
  const small = shrink(p, hit);
  return done(small.example, 'violated', small.gain);
}

/** Fast-check shrinks the market from the one found; then the clearest lie on it is chosen. */
function shrink(p: Prober, hit: Gene): { example: CounterExample; gain: number } {
  const fails = (gene: Gene): boolean => {
    const m = p.family.decode(gene);
    const found = p.probe(m, true);
    return found !== null && p.exact(m, found) !== null;
  };
  const { pairs, near, largest } = p;
  const check = fc.check(
    fc.property(p.family.arbitrary, (gene) => !fails(gene)),
    {
      examples: [[hit]],
      numRuns: 1,
      seed: 1,
      maxSkipsPerRun: 0,
    },
  );
  const gene = fewer(check.failed && check.counterexample !== null ? check.counterexample[0]! : hit, fails);
  const m = p.family.decode(gene);
  const found = clearest(p, m);
  Object.assign(p, { pairs, near, largest });
  // Only a mechanism that does not answer the same market alike twice fails here and not before.
  const pair = p.exact(m, found);
  if (pair === null) found.about += '; but the mechanism does not answer the same market alike twice';
  const { fee } = found.agent === null ? p.setting : settingFor(p.setting, found.agent, m);
  const gain = found.gain;
  let { deviation } = found;
  if (p.property === 'ir') deviation = [...withdrawals(m)].find((d) => d.agent === found.agent) ?? null;
  const prior = m.kind === 'exchange' && m.prior !== undefined && p.property === 'ir';
  return {
    gain,
    example: {
      market: jsonMarket(m, fee),
      agent: found.agent,
      deviation: deviation === null || prior ? null : jsonMarket(deviation.market, fee),
      about: found.about,
      truthfulUtility: pair === null ? '0.000000' : signed(pair.truthful),
      deviantUtility: pair === null ? found.gain.toFixed(6) : signed(pair.deviant),
    },
  };
}

/** Drops agents one by one as long as the violation stays: fast-check stops at a local minimum of its own order. */
function fewer(gene: Gene, fails: (g: Gene) => boolean): Gene {
  let best = gene;
  for (let again = true; again; ) {
    again = false;
    for (const side of [1, 2] as const)
      for (let i = 0; i < best[side].length && best[side].length > 1; i++) {
        const next: Gene = [best[0], best[1], best[2]];
        next[side] = best[side].filter((_, k) => k !== i);
        if (!fails(next)) continue;
        best = next;
        again = true;
        break;
      }
  }
  return best;
}

/** Among lies that gain at least half of the most, the one with the shortest numbers. */
function clearest(p: Prober, m: Market<number>): Found {
  const worst = p.probe(m, false) ?? { gain: 0, deviation: null, agent: null, about: 'gained once' };
  const tries = lies[p.property];
  if (tries === null) return worst;
  let best = worst;
  let size = Number.POSITIVE_INFINITY;
  for (const d of tries(m)) {
    const setting = settingFor(p.setting, d.agent, m);
    const truth = run(doubles, readDouble, setting, m);
    const lied = run(doubles, readDouble, setting, d.market);
    const gain = gainOf(
      doubles,
      p.property,
      setting,
      m,
      d,
      measure(doubles, setting, p.property, m, m, truth, trueSelf(d.own)),
      lied,
    );
    if (gain < worst.gain / 2) continue;
    const length = JSON.stringify(jsonMarket(d.market, p.setting.fee)).length;
    if (length < size) {
      size = length;
      best = { gain, deviation: d, agent: d.agent, about: d.about };
    }
  }
  return best;
}

const signed = (x: Rational): string =>
  x.num < 0n ? `-${decimal6(ratNeg(x), 'half-even')}` : decimal6(x, 'half-even');
