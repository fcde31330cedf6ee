/**
 * What a scenario can be made of, as factors with levels, and rows of levels: chosen so that every two levels of two factors that can stand
 * in one scenario soon do (a cover of strength 2, greedily as AETG does: Cohen and others, IEEE TSE 23(7), 1997), then by chance.
 */
import { generator } from './market.ts';

/** The first level of each is the plainest, and goes with everything. */
export const factors = {
  demand: ['personas', 'jobs', 'csv', 'swf', 'philly', 'mooncake'],
  horizon: ['fixed', 'until-done'],
  tasks: ['one', 'gang', 'mixed-gang', 'shares', 'elastic', 'cpu-only', 'memory'],
  neverFits: ['reject', 'error'],
  classes: ['one', 'two', 'models', 'three'],
  mig: ['none', 'fixed', 'on-demand'],
  sharing: ['none', 'time-slice', 'mps', 'interference'],
  machines: ['single', 'racks', 'nvlink', 'large'],
  list: ['none', 'openb-nodes', 'cluster-spec'],
  availability: ['always', 'daily', 'sessions', 'volunteer-hosts'],
  notice: ['no', 'yes'],
  nodeFailures: ['none', 'mtbf', 'between', 'causes', 'preset', 'trace'],
  shared: ['none', 'rack', 'provider', 'site', 'gpu'],
  cards: ['none', 'errors', 'replaced', 'preset'],
  checkpoint: ['none', 'save', 'every', 'write'],
  processes: ['quick', 'slow'],
  costs: ['none', 'group', 'drawn', 'energy'],
  lies: ['none', 'speed', 'copies'],
  entry: ['no', 'yes'],
  pools: ['one', 'two', 'three', 'spare'],
  poolRules: ['same', 'own'],
  routing: ['none', 'random', 'least-loaded', 'power-of-two', 'price-then-load', 'locality'],
  stealing: ['no', 'yes'],
  network: ['none', 'plain', 'lossy', 'regions'],
  cut: ['none', 'both', 'out', 'in', 'repeated'],
  crash: ['none', 'once', 'repeated'],
  takeover: ['no', 'yes'],
  queueing: [
    'fifo',
    'sjf',
    'easy',
    'fifo-skip',
    'conservative',
    'srtf',
    'srtf-migrate',
    'srsf',
    'las',
    'las-migrate',
    'priority',
    'priority-preempt',
    'edf',
    'edf-preempt',
    'fair-share',
    'fair-share-weights',
    'heterogeneity',
    'makespan',
    'elastic',
    'elastic-settle',
    'module',
  ],
  placement: [
    'first-fit',
    'best-fit',
    'worst-fit',
    'random',
    'dot-product',
    'best-fit-2d',
    'gpu-packing',
    'gpu-clustering',
    'fgd',
    'fgd-typical',
    'topology-aware',
    'price-aware',
    'reliability-aware',
    'cache-aware',
    'module',
  ],
  pricing: ['posted', 'adjusted', 'surge', 'pvcg', 'pay-as-bid', 'uniform-price', 'module'],
  rates: ['same', 'by-pool', 'unsold'],
  pay: ['standard', 'use', 'availability'],
  feeBase: ['standard', 'gross', 'surplus', 'price', 'gross-up', 'residual', 'leave-one-out'],
  reserve: ['no', 'yes'],
  asks: ['no', 'yes'],
  epoch: ['hour', 'short'],
  shares: ['standard', 'all-provider', 'mixed'],
  money: ['postpaid', 'deposit', 'small-deposit', 'JCT', 'JCT-deposit'],
  contract: ['none', 'hold', 'prepaid', 'escrow', 'escrow-once', 'notes'],
  loss: ['provider-bears', 'fault-bears', 'whole-periods', 'user-pays'],
  credit: ['none', 'credit', 'deposits'],
  payers: ['none', 'deposit', 'silent'],
  disputes: ['none', 'metered', 'checked', 'proven'],
  budgets: ['none', 'refuse', 'shorten', 'per-job', 'period'],
  graces: ['standard', 'short', 'short-quote'],
  stake: ['none', 'resources', 'rules'],
  election: ['phragmen', 'phragmms', 'mes', 'top-k'],
  weight: ['linear', 'sqrt', 'capped', 'lock-weighted'],
  payout: ['epoch', 'f1'],
  saturation: ['no', 'yes'],
  quality: ['no', 'yes'],
  pot: ['none', 'gross', 'surplus', 'residual', 'leave-one-out'],
  emission: ['none', 'plain', 'halving', 'lottery'],
  stakers: ['few', 'exits', 'compounds', 'vesting', 'sybil', 'claims'],
  voters: ['apathetic', 'retrospective', 'commission-seeking', 'bribed', 'self-voting'],
  aggregators: ['plain', 'raises', 'cost', 'outages'],
  tombstone: ['no', 'yes'],
  verification: ['none', 'spot-check', 'quorum', 'adaptive', 'consensus', 'challenge', 'reputation'],
  cheats: ['none', 'lazy', 'spoofing', 'colluding', 'rational'],
  verifiers: ['standard', 'diligent', 'lazy', 'rational', 'planted'],
  token: ['none', 'crash', 'volatile', 'trace'],
  leavers: ['no', 'yes', 'honest'],
  overbillers: ['no', 'yes', 'noticed', 'honest'],
  squatters: ['no', 'yes', 'noticed', 'honest'],
  deadRequestors: ['no', 'yes', 'identities', 'uncollected', 'honest'],
  ring: ['no', 'asks', 'withhold', 'honest'],
  performance: ['none', 'roofline', 'throughput', 'scaling'],
  image: ['none', 'fits', 'crowded'],
  isolation: ['none', 'time-slice', 'mps', 'whole'],
  retry: ['no', 'yes'],
  bidder: ['no', 'yes'],
  arrivals: ['poisson', 'swing', 'hours', 'batch', 'bursts'],
  work: ['lognormal', 'exponential', 'weibull', 'gamma', 'pareto', 'hyperexponential'],
  urgency: ['none', 'deadline', 'halfLife', 'edf'],
  patience: ['never', 'short', 'long'],
  limits: ['standard', 'tight', 'wide'],
  fails: ['no', 'yes'],
  attempts: ['three', 'one', 'many'],
  values: ['no', 'yes'],
  warmup: ['none', 'some'],
  sample: ['hour', 'none', 'often'],
} as const satisfies Record<string, readonly string[]>;

export type Factor = keyof typeof factors;
/** '-' = the factor has no place in this scenario. */
export type Row = Record<Factor, string>;

export const names = Object.keys(factors) as Factor[];
const levelsOf = (f: Factor): readonly string[] => factors[f];

/** A factor that has a place only beside these levels of another. */
const under: [Factor, Factor, readonly string[]][] = [];
const only = (of: Factor, levels: readonly string[], ...children: Factor[]): void => {
  for (const c of children) under.push([c, of, levels]);
};
const auctions = ['pvcg', 'pay-as-bid', 'uniform-price'];
const traces = ['csv', 'swf', 'philly', 'mooncake'];
only('demand', ['personas'], 'performance', 'image', 'isolation', 'retry', 'bidder', 'arrivals', 'work', 'urgency');
only('demand', ['personas'], 'squatters', 'deadRequestors');
only('demand', ['personas', 'jobs'], 'neverFits', 'fails');
only('demand', ['personas', ...traces], 'money');
only('demand', traces, 'values');
only('pools', ['two', 'three', 'spare'], 'poolRules', 'routing', 'stealing', 'takeover');
only('network', ['plain', 'lossy', 'regions'], 'cut', 'crash', 'takeover');
only('availability', ['daily', 'sessions', 'volunteer-hosts'], 'notice');
only('pricing', auctions, 'pay', 'feeBase', 'reserve', 'asks');
only('contract', ['hold', 'prepaid', 'escrow', 'escrow-once', 'notes'], 'loss', 'credit');
only('stake', ['rules'], 'election', 'weight', 'payout', 'saturation', 'quality', 'pot', 'emission', 'stakers');
only('stake', ['rules'], 'voters', 'aggregators', 'tombstone', 'verification');
only('verification', ['spot-check', 'quorum', 'adaptive', 'consensus', 'challenge', 'reputation'], 'cheats', 'token');
only('verification', ['spot-check', 'challenge', 'reputation'], 'verifiers');

export interface Clash {
  factor: Factor;
  levels: readonly string[];
  with: Factor;
  and: readonly string[];
  /** With what line both together are refused; absent = they are not, but together they make no scenario worth playing. */
  says?: RegExp;
}

const except = (f: Factor, ...levels: string[]): string[] => levelsOf(f).filter((l) => !levels.includes(l));
const clash = (
  factor: Factor,
  levels: readonly string[],
  other: Factor,
  and: readonly string[],
  says?: RegExp,
): Clash => ({
  factor,
  levels,
  with: other,
  and,
  ...(says === undefined ? {} : { says }),
});

/** What does not go together, each with the documented refusal. */
export const clashes: readonly Clash[] = [
  clash('demand', ['personas'], 'horizon', ['until-done'], /horizon: personas submit jobs without end; /),
  clash('cut', ['repeated'], 'horizon', ['until-done'], /every: repeats without end in a run/),
  clash('crash', ['repeated'], 'horizon', ['until-done'], /every: repeats without end in a run/),
  clash('tasks', ['shares'], 'isolation', ['whole']),
  clash('sharing', ['interference'], 'checkpoint', ['write']),
  clash(
    'contract',
    ['prepaid', 'escrow', 'escrow-once', 'notes'],
    'pricing',
    auctions,
    /kind: \w+ pays while jobs run, and supply auctions pay by the end/,
  ),
  clash('disputes', except('disputes', 'none'), 'pricing', auctions, /disputes: charges that a supply auction divides/),
  clash('stealing', ['yes'], 'pricing', auctions, /stealing: a job keeps the price of the pool it came to/),
  clash(
    'feeBase',
    ['surplus', 'leave-one-out'],
    'pay',
    ['availability'],
    /feeBase: (surplus|leave-one-out) is reckoned on what use/,
  ),
  clash(
    'feeBase',
    ['leave-one-out'],
    'reserve',
    ['yes'],
    /feeBase: leave-one-out needs markets that can be cleared again/,
  ),
  clash(
    'feeBase',
    ['leave-one-out'],
    'pricing',
    ['pay-as-bid', 'uniform-price'],
    /feeBase: leave-one-out needs markets/,
  ),
  clash('pot', except('pot', 'none'), 'pricing', except('pricing', ...auctions), /pot: no supply is bought/),
  clash('quality', ['yes'], 'pricing', except('pricing', ...auctions), /quality: no supply is bought/),
  clash('pot', except('pot', 'none'), 'pay', ['standard'], /pot: no supply is bought/),
  clash('quality', ['yes'], 'pay', ['standard'], /quality: no supply is bought/),
  clash('pot', ['surplus'], 'pay', ['availability'], /pot: a surplus over what was asked for use/),
  clash(
    'pot',
    ['leave-one-out'],
    'pricing',
    ['pay-as-bid', 'uniform-price'],
    /pot: leave-one-out is worked out for pvcg/,
  ),
  clash('pot', ['leave-one-out'], 'reserve', ['yes'], /pot: leave-one-out is worked out for pvcg without reserve/),
  clash('pot', ['leave-one-out'], 'quality', ['yes'], /pot: leave-one-out is worked out where GPU-hours count alike/),
  clash('payout', ['f1'], 'weight', except('weight', 'linear'), /payout: f1 pays by stake alone/),
  clash('payout', ['epoch'], 'stakers', ['claims'], /claims: nothing is kept; add "payout: f1"/),
  clash('cheats', ['rational'], 'token', ['none'], /a rational cheat weighs the token’s price/),
  clash('ring', ['asks'], 'pricing', except('pricing', ...auctions), /asks: nobody asks where/),
  clash('money', ['JCT', 'JCT-deposit'], 'demand', ['jobs']),
  clash('budgets', except('budgets', 'none'), 'demand', ['jobs']),
  // A run until all is done may not wait for what never comes.
  ...(
    [
      ['pricing', auctions],
      ['rates', ['unsold']],
      ['entry', ['yes']],
      ['ring', ['withhold']],
      ['cut', ['both', 'out', 'in']],
      ['crash', ['once']],
      ['availability', ['volunteer-hosts']],
    ] as const
  ).map(([f, levels]) => clash(f, levels, 'horizon', ['until-done'])),
  // Standard pay: nothing is said of supply at all.
  clash('pay', ['standard'], 'feeBase', except('feeBase', 'standard')),
  clash('pay', ['standard'], 'reserve', ['yes']),
  // Every machine has a class that its jobs may use.
  clash('isolation', ['whole', 'mps'], 'tasks', ['shares']),
  clash('isolation', ['mps'], 'sharing', ['time-slice', 'none', 'interference']),
  clash('performance', ['roofline'], 'classes', except('classes', 'models')),
  clash('list', ['cluster-spec', 'openb-nodes'], 'shared', ['rack']),
];

/** What the audit of a run with wires cannot follow yet: found by this fuzz, and to be mended. */
const unmended: readonly Clash[] = [
  // When the chain heard over a wire that a machine went down stands in no table and in no frame.
  clash('pay', ['availability'], 'network', except('network', 'none')),
];

type Pins = ReadonlyMap<Factor, string>;

/** The row with what does not go together taken apart; null when that cannot be without what is pinned. `leave` may stay. */
export function mended(row: Row, pins: Pins, r: () => number, leave: Clash | null = null): Row | null {
  const out = { ...row };
  const pick = (list: readonly string[]): string => list[Math.floor(r() * list.length)]!;
  for (const [f, level] of pins) out[f] = level;
  for (let round = 0; round < 60; round++) {
    let changed = false;
    const put = (f: Factor, level: string | undefined): boolean => {
      if (level === undefined || pins.has(f)) return false;
      out[f] = level;
      changed = true;
      return true;
    };
    for (const [child, parent, levels] of under) {
      const open = levels.includes(out[parent]);
      if (open && out[child] === '-' && !put(child, pick(levelsOf(child)))) return null;
      if (!open && out[child] !== '-' && !put(pins.has(child) ? parent : child, pins.has(child) ? pick(levels) : '-'))
        return null;
    }
    for (const c of [...clashes, ...unmended]) {
      if (c === leave || !c.levels.includes(out[c.factor]) || !c.and.includes(out[c.with])) continue;
      const here = except(c.factor, ...c.levels);
      const there = except(c.with, ...c.and);
      const first = r() < 0.5;
      const ways: [Factor, string[]][] = [
        [c.factor, here],
        [c.with, there],
      ];
      if (first) ways.reverse();
      if (!ways.some(([f, left]) => left.length > 0 && put(f, pick(left)))) return null;
    }
    if (!changed) return out;
  }
  return null;
}

const anyRow = (r: () => number): Row =>
  Object.fromEntries(names.map((f) => [f, levelsOf(f)[Math.floor(r() * levelsOf(f).length)]!])) as Row;

/** The plainest level of everything. */
export const plainRow = (): Row => {
  const row = Object.fromEntries(names.map((f) => [f, factors[f][0]])) as Row;
  for (const [child, parent, levels] of under) if (!levels.includes(row[parent])) row[child] = '-';
  return row;
};

/** Every level of every factor has a number; a pair of levels is one number too. */
const firstOf = new Map<Factor, number>();
let levelCount = 0;
for (const f of names) {
  firstOf.set(f, levelCount);
  levelCount += levelsOf(f).length;
}
const numberOf = (f: Factor, level: string): number => firstOf.get(f)! + levelsOf(f).indexOf(level);

/** The pairs of levels that stand together in a row. */
export function pairsOf(row: Row): number[] {
  const at = names.flatMap((f) => (row[f] === '-' ? [] : [numberOf(f, row[f])]));
  return at.flatMap((a, i) => at.slice(i + 1).map((b) => a * levelCount + b));
}

type Pair = [Factor, string, Factor, string];

function allPairs(): Pair[] {
  const list: Pair[] = [];
  names.forEach((f, i) => {
    for (const g of names.slice(i + 1))
      for (const a of levelsOf(f)) for (const b of levelsOf(g)) list.push([f, a, g, b]);
  });
  return list;
}

const pinsOf = ([f, a, g, b]: Pair): Pins =>
  new Map([
    [f, a],
    [g, b],
  ]);

/** Rows in order, each for pairs that have not met yet; by chance when all that can meet have. */
export class Plan {
  readonly #r = generator(4242);
  readonly #met = new Set<number>();
  readonly #open: Pair[];

  constructor() {
    this.#open = allPairs();
    for (let i = this.#open.length - 1; i > 0; i--) {
      const j = Math.floor(this.#r() * (i + 1));
      [this.#open[i], this.#open[j]] = [this.#open[j]!, this.#open[i]!];
    }
  }

  next(): Row {
    const row = this.#choose();
    for (const p of pairsOf(row)) this.#met.add(p);
    return row;
  }

  #choose(): Row {
    for (let pair = this.#open.at(-1); pair !== undefined; pair = this.#open.at(-1)) {
      const [f, a, g, b] = pair;
      let best: Row | null = null;
      if (!this.#met.has(numberOf(f, a) * levelCount + numberOf(g, b))) {
        let most = -1;
        for (let k = 0; k < 12; k++) {
          const row = mended(anyRow(this.#r), pinsOf(pair), this.#r);
          if (row === null) continue;
          const news = pairsOf(row).filter((p) => !this.#met.has(p)).length;
          if (news > most) {
            best = row;
            most = news;
          }
        }
      }
      if (best !== null) return best;
      // They have met, or exclude each other.
      this.#open.pop();
    }
    return chanceRow(this.#r);
  }
}

/** Pairs that can meet at all, as far as a few tries for each of the others tell. */
export function possiblePairs(met: ReadonlySet<number>): number {
  const r = generator(1);
  return allPairs().filter((pair) => {
    const [f, a, g, b] = pair;
    if (met.has(numberOf(f, a) * levelCount + numberOf(g, b))) return true;
    for (let k = 0; k < 12; k++) if (mended(anyRow(r), pinsOf(pair), r) !== null) return true;
    return false;
  }).length;
}

function chanceRow(r: () => number): Row {
  for (;;) {
    const row = mended(anyRow(r), new Map(), r);
    if (row !== null) return row;
  }
}

/** Both sides of a clash in one row, all else in order; null when it cannot be. */
export function clashingRow(c: Clash, r: () => number): Row | null {
  const pick = (list: readonly string[]): string => list[Math.floor(r() * list.length)]!;
  for (let k = 0; k < 40; k++) {
    const row = mended(
      anyRow(r),
      new Map([
        [c.factor, pick(c.levels)],
        [c.with, pick(c.and)],
      ]),
      r,
      c,
    );
    if (row !== null) return row;
  }
  return null;
}
