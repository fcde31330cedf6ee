/**
 * Supply that answers prices: providers leave when what they earn falls below what their machines are worth elsewhere, and come back
 * when those of their class who are in earn more than that. See docs/models/supply.md.
 */
import { DownCause, type Fact } from '../../core/facts.ts';
import { log } from '../../core/num/index.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { HOUR_US, type MarketConfig, type TimeUs } from '../../core/types.ts';
import type { EntrySpec } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import { Phase, WorldEvent } from './events.ts';
import type { Fleet } from './fleet.ts';
import { drawPrice } from './imputation.ts';

/** One who has decided to go looks again after this whether its machines are idle, and goes whatever runs after so many looks. */
const LOOK_US = 600_000_000;
const LOOKS = 144;
/** Providers look a second after an epoch's end: what it brought has been paid out by then. */
const AFTER_US = 1_000_000;

interface Provider {
  name: string;
  rule: number;
  gpuClass: number;
  gpus: number;
  nodes: number[];
  /** Micro-USD per GPU-hour that its GPUs are worth elsewhere. */
  outsideMicro: number;
  inside: boolean;
  /** Has decided to go and waits for its jobs to end; looks so far. */
  leaving: number;
  /** This epoch, micro-USD. */
  earnedMicro: number;
  costMicro: number;
  /** What it expects per GPU-hour when in; null = it has not seen an epoch. */
  expectedMicro: number | null;
}

/** What the run reports. */
export interface SupplyFigures {
  providers: number;
  insideAtEnd: number;
  /** GPUs of those who were in, on average over epochs, of all GPUs of providers who may leave. */
  insideShare: number;
  entered: number;
  left: number;
  /** Slope of ln(GPUs in) on ln(price of the epoch before); null when prices or supply stood still. */
  elasticity: number | null;
}

export interface EntryState {
  providers: Omit<Provider, 'nodes'>[];
  entered: number;
  left: number;
  points: [number, number][];
  shares: number[];
  lastPrice: number | null;
  rates: [number, number][];
  waiting: [number, number][];
}

export class Entry {
  readonly #queue: EventQueue;
  readonly #streams: Streams;
  readonly #rules: readonly EntrySpec[];
  readonly #fleet: Fleet;
  readonly #busy: (node: number) => boolean;
  readonly #providers: Provider[] = [];
  readonly #byName = new Map<string, Provider>();
  readonly #byNode = new Map<string, { provider: Provider; costMicro: number }>();
  readonly #tokenMicro: number;
  readonly #currency: string;
  readonly #classNames: Map<string, number>;
  /** Latest posted rate of each class. */
  readonly #rates = new Map<number, number>();
  /** Milli-GPU that waited for each class at the last clearing. */
  readonly #waiting = new Map<number, number>();
  #entered = 0;
  #left = 0;
  /** ln of price and of GPUs in, epoch by epoch. */
  #points: [number, number][] = [];
  #shares: number[] = [];
  #lastPrice: number | null = null;

  /** `costMicro[node]`: what an hour of one of its GPUs costs its provider when leased; `groups[node]`: its fleet group. */
  constructor(options: {
    queue: EventQueue;
    streams: Streams;
    rules: readonly EntrySpec[];
    fleet: Fleet;
    config: MarketConfig;
    groups: readonly string[];
    costMicro: readonly number[];
    busy: (node: number) => boolean;
  }) {
    const { config, rules, groups, costMicro } = options;
    this.#queue = options.queue;
    this.#streams = options.streams;
    this.#rules = rules;
    this.#fleet = options.fleet;
    this.#busy = options.busy;
    this.#tokenMicro = config.tokenPriceMicro;
    this.#currency = config.currencies[0]!.code;
    this.#classNames = new Map(config.classes.map((c, i) => [c.name, i]));
    config.nodes.forEach((n, node) => {
      const rule = rules.findIndex((r) => r.group === groups[node]);
      if (rule < 0) return;
      let p = this.#byName.get(n.provider);
      if (p === undefined) {
        const stream = options.streams.fresh('outside', n.provider);
        p = {
          name: n.provider,
          rule,
          gpuClass: n.gpuClass,
          gpus: 0,
          nodes: [],
          outsideMicro: drawPrice(rules[rule]!.outside, stream),
          inside: stream.uniform() < rules[rule]!.inside,
          leaving: -1,
          earnedMicro: 0,
          costMicro: 0,
          expectedMicro: null,
        };
        this.#byName.set(n.provider, p);
        this.#providers.push(p);
      }
      p.gpus += n.gpus;
      p.nodes.push(node);
      this.#byNode.set(n.id, { provider: p, costMicro: costMicro[node]! });
    });
  }

  open(): void {
    this.#rules.forEach((r, i) => {
      this.#queue.push(r.everyUs + AFTER_US, Phase.failure, WorldEvent.entry, i, -1);
    });
    this.#providers.forEach((p, i) => {
      if (!p.inside) this.#queue.push(0, Phase.failure, WorldEvent.entry, i, 0);
    });
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (this.#providers.length === 0) return;
    if (table === 'transfers') {
      const t = row as Row<'transfers'>;
      if (!t.credit.startsWith('provider:') || t.kind === 'pending' || t.kind === 'void') return;
      const p = this.#byName.get(t.credit.slice(9));
      if (p === undefined) return;
      const amount = Number(t.amount_micro);
      p.earnedMicro += t.currency === this.#currency ? amount : (amount * this.#tokenMicro) / 1_000_000;
    } else if (table === 'placements') {
      const l = row as Row<'placements'>;
      const at = this.#byNode.get(l.node);
      if (at === undefined || l.start_us < 0) return;
      const gpus = l.gpus === '' ? 0 : l.gpus.split('+').length;
      at.provider.costMicro += (at.costMicro * gpus * l.gpu_milli * (l.end_us - l.start_us)) / (1000 * HOUR_US);
    } else if (table === 'prices') {
      const r = row as Row<'prices'>;
      this.#waiting.set(this.#classNames.get(r.gpu_class)!, r.waiting_milli);
      if (r.rate_micro_per_gpu_hour >= 0)
        this.#rates.set(this.#classNames.get(r.gpu_class)!, r.rate_micro_per_gpu_hour);
    }
  }

  /** An epoch of rule `a` ends (b = -1), or provider `a` looks again whether it can go. */
  happen(now: TimeUs, a: number, b: number, lost: (node: number) => void): Fact[] {
    if (b < 0) return this.#epoch(now, a, lost);
    const p = this.#providers[a]!;
    if (now === 0) return this.#move(p, false, lost);
    return p.leaving >= 0 ? this.#tryToLeave(now, p, a, lost) : [];
  }

  #epoch(now: TimeUs, rule: number, lost: (node: number) => void): Fact[] {
    const r = this.#rules[rule]!;
    this.#queue.push(now + r.everyUs, Phase.failure, WorldEvent.entry, rule, -1);
    const hours = r.everyUs / HOUR_US;
    const own = this.#providers.filter((p) => p.rule === rule);
    // What an hour of a GPU of the class brought those who were in; who is out reckons with that.
    let profit = 0;
    let gpus = 0;
    for (const p of own) {
      if (p.inside) {
        const perHour = (p.earnedMicro - p.costMicro) / (p.gpus * hours);
        p.expectedMicro = p.expectedMicro === null ? perHour : p.expectedMicro + r.weight * (perHour - p.expectedMicro);
        profit += p.earnedMicro - p.costMicro;
        gpus += p.gpus;
      }
      p.earnedMicro = 0;
      p.costMicro = 0;
    }
    const all = own.reduce((n, p) => n + p.gpus, 0);
    this.#note(own[0]?.gpuClass ?? 0, gpus, all);
    const typical = gpus > 0 ? profit / (gpus * hours) : this.#promise(own[0]?.gpuClass ?? 0);
    const facts: Fact[] = [];
    for (const p of own) {
      // Not everybody looks every epoch: else all would come and go at once.
      if (this.#streams.get('entry', p.name).uniform() >= r.attention) continue;
      if (p.inside && p.leaving < 0 && p.expectedMicro !== null && p.expectedMicro < p.outsideMicro) {
        p.leaving = 0;
        facts.push(...this.#tryToLeave(now, p, this.#providers.indexOf(p), lost));
      } else if (p.inside && p.leaving >= 0 && p.expectedMicro! >= p.outsideMicro) p.leaving = -1;
      else if (!p.inside && typical > p.outsideMicro) {
        p.expectedMicro = typical;
        this.#entered++;
        facts.push(...this.#move(p, true, lost));
      }
    }
    return facts;
  }

  /** What the market promises where nobody is in: its price, if anybody waits. */
  #promise(gpuClass: number): number {
    return (this.#waiting.get(gpuClass) ?? 0) > 0 ? (this.#rates.get(gpuClass) ?? 0) : 0;
  }

  #note(gpuClass: number, inside: number, all: number): void {
    this.#shares.push(all > 0 ? inside / all : 0);
    const price = this.#lastPrice;
    if (price !== null && price > 0 && inside > 0) this.#points.push([log(price), log(inside)]);
    this.#lastPrice = this.#rates.get(gpuClass) ?? null;
  }

  #tryToLeave(now: TimeUs, p: Provider, index: number, lost: (node: number) => void): Fact[] {
    if (p.leaving++ < LOOKS && p.nodes.some((n) => this.#busy(n))) {
      this.#queue.push(now + LOOK_US, Phase.failure, WorldEvent.entry, index, 1);
      return [];
    }
    this.#left++;
    return this.#move(p, false, lost);
  }

  #move(p: Provider, inside: boolean, lost: (node: number) => void): Fact[] {
    p.inside = inside;
    p.leaving = -1;
    return p.nodes.map((n) => this.#fleet.fault(n, inside ? -1 : 1, lost, DownCause.owner)).filter((f) => f !== null);
  }

  figures(): SupplyFigures {
    const mean = (xs: readonly number[]): number => xs.reduce((n, x) => n + x, 0) / Math.max(1, xs.length);
    const [mx, my] = [mean(this.#points.map((p) => p[0])), mean(this.#points.map((p) => p[1]))];
    let xx = 0;
    let xy = 0;
    for (const [x, y] of this.#points) {
      xx += (x - mx) * (x - mx);
      xy += (x - mx) * (y - my);
    }
    const round6 = (x: number): number => Math.round(x * 1e6) / 1e6;
    return {
      providers: this.#providers.length,
      insideAtEnd: this.#providers.filter((p) => p.inside).length,
      insideShare: round6(mean(this.#shares)),
      entered: this.#entered,
      left: this.#left,
      elasticity: xx > 1e-9 ? round6(xy / xx) : null,
    };
  }

  snapshot(): EntryState {
    return {
      providers: this.#providers.map(({ nodes: _, ...p }) => ({ ...p })),
      entered: this.#entered,
      left: this.#left,
      points: this.#points.map(([x, y]) => [x, y]),
      shares: [...this.#shares],
      lastPrice: this.#lastPrice,
      rates: [...this.#rates],
      waiting: [...this.#waiting],
    };
  }

  restore(s: EntryState): void {
    s.providers.forEach((p, i) => {
      Object.assign(this.#providers[i]!, p);
    });
    this.#entered = s.entered;
    this.#left = s.left;
    this.#points = s.points.map(([x, y]) => [x, y]);
    this.#shares = [...s.shares];
    this.#lastPrice = s.lastPrice;
    for (const [c, r] of s.rates) this.#rates.set(c, r);
    for (const [c, w] of s.waiting) this.#waiting.set(c, w);
  }
}
