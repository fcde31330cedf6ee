/**
 * Those who have stake, as they behave: voters look at service or commission, aggregators raise their commission while they sit and fail
 * now and then, providers make results up, and auditors drawn by chance find them. What they do reaches core as facts at their stamps.
 *
 * Service of a pool = mean over its jobs that ended of turnaround over run time, at least `LEAST_RUN_US` of run time (bounded slowdown,
 * Feitelson 2001); a job that was rejected or gave up counts as `LOST`. Voters remember by halves per epoch.
 *
 * A rational provider cheats while g (1 - p d) > p (d - phi) P: g = its mean cost of a lease, p = chance of an audit, d = detection,
 * phi = false alarms, P = stake behind it that a slash takes, at the token's price (inspection game with errors).
 */
import { type Fact, FactKind, type StakeAct } from '../../core/facts.ts';
import { chance, exp, sqrt } from '../../core/num/index.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import type { Staking } from '../../core/settlement/staking.ts';
import { HOUR_US, type MarketConfig, NEVER, type TimeUs } from '../../core/types.ts';
import type { StakeWorldSpec } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import { Phase, WorldEvent } from './events.ts';

const LEAST_RUN_US = 600_000_000;
/** Slowdown that a job without service counts as. */
const LOST = 20;
/** How fast what voters know of a pool that serves nobody fades towards the mean, per epoch. */
const FADE = 0.1;
const YEAR_US = 365 * 24 * HOUR_US;

const Kind = { round: 0, down: 1, up: 2, report: 3, verdict: 4, exit: 5 } as const;

interface Case {
  provider: string;
  atUs: TimeUs;
  guilty: boolean;
}

export interface VerificationCounts {
  /** Leases that ended well, and how many of them were made up. */
  results: number;
  madeUp: number;
  audits: number;
  found: number;
  falseAlarms: number;
  reversed: number;
}

export interface StakeWorldState {
  seq: number;
  cases: [number, Case][];
  nextCase: number;
  /** Per pool: slowdown remembered (-1 = never seen), and the sum and count of this epoch. */
  service: [number, number, number][];
  price: number;
  cheating: string[];
  cost: [string, number, number][];
  counts: VerificationCounts;
}

export interface StakeWorldOptions {
  spec: StakeWorldSpec;
  config: MarketConfig;
  /** Cost of a GPU-hour of each node, micro-USD. */
  costMicro: readonly number[];
  streams: Streams;
  queue: EventQueue;
  /** What stands on the chain. */
  staking: () => Staking;
}

export class StakeWorld {
  readonly #o: StakeWorldOptions;
  readonly #poolOf: Map<string, number>;
  readonly #cheats: Map<string, { share: number; rational: boolean }>;
  readonly #nodeCost: Map<string, number>;
  #seq = 0;
  readonly #cases = new Map<number, Case>();
  #nextCase = 1;
  #service: [number, number, number][];
  #price: number;
  /** Rational providers that cheat at present. */
  #cheating = new Set<string>();
  /** Cost of the leases of a provider so far, and their number. */
  readonly #cost = new Map<string, [number, number]>();
  #counts: VerificationCounts = { results: 0, madeUp: 0, audits: 0, found: 0, falseAlarms: 0, reversed: 0 };

  constructor(options: StakeWorldOptions) {
    this.#o = options;
    const { config, spec } = options;
    this.#poolOf = new Map(config.pools.map((p, i) => [p.id, i]));
    this.#cheats = new Map(spec.verification?.cheats.map((c) => [c.provider, c]) ?? []);
    this.#nodeCost = new Map(config.nodes.map((n, i) => [n.id, options.costMicro[i]!]));
    this.#service = config.pools.map(() => [-1, 0, 0]);
    this.#price = spec.verification?.token?.priceMicro ?? 0;
  }

  get counts(): VerificationCounts {
    return this.#counts;
  }

  open(): void {
    const { spec, config } = this.#o;
    this.#at(config.staking!.epochUs, Kind.round, 0);
    for (const a of spec.aggregators)
      for (const o of a.outages) {
        this.#at(o.fromUs, Kind.down, a.pool);
        if (o.toUs < NEVER) this.#at(o.toUs, Kind.up, a.pool);
      }
    spec.voters.forEach((v, i) => {
      if (v.exits !== null) this.#at(v.exits.everyUs, Kind.exit, i);
    });
  }

  #at(t: TimeUs, kind: number, id: number): void {
    this.#o.queue.push(t, Phase.arrival, WorldEvent.stake, kind, id);
  }

  #fact(act: StakeAct): Fact {
    return { kind: FactKind.stake, seq: ++this.#seq, act };
  }

  /** The chain is told that an aggregator has stopped answering, or is back. */
  aggregator(pool: number, up: boolean): Fact {
    return this.#fact({ do: 'aggregator', pool, up });
  }

  /** Facts of an event. */
  happen(t: TimeUs, kind: number, id: number): Fact[] {
    switch (kind) {
      case Kind.round:
        return this.#round(t);
      case Kind.down:
      case Kind.up:
        return [this.aggregator(id, kind === Kind.up)];
      case Kind.report: {
        const c = this.#cases.get(id)!;
        const v = this.#o.spec.verification!;
        if (c.guilty) this.#cases.delete(id);
        else this.#at(t + v.appealUs, Kind.verdict, id);
        return [this.#fact({ do: 'offence', offence: id, provider: c.provider, atUs: c.atUs })];
      }
      case Kind.verdict: {
        this.#cases.delete(id);
        const v = this.#o.spec.verification!;
        const reversed = chance(this.#o.config.key, 'appeal', id) < v.appealSucceeds;
        if (reversed) this.#counts.reversed++;
        return [this.#fact({ do: 'appeal', offence: id, reversed })];
      }
      default:
        return this.#exit(t, id);
    }
  }

  // ---- votes ----

  #round(t: TimeUs): Fact[] {
    const { spec, config, streams } = this.#o;
    const { committee } = this.#o.staking();
    this.#at(t + config.staking!.epochUs, Kind.round, 0);
    this.#remember();
    this.#movePrice(t);
    const facts: Fact[] = [];
    const holders = committee.holders();
    const commission = config.pools.map((_, p) => committee.commissionOf(p));
    for (const a of spec.aggregators) {
      if (a.raisesBps === 0) continue;
      const step = holders.includes(a.pool) ? a.raisesBps : -a.raisesBps;
      const bps = Math.max(a.floorBps, Math.min(10_000, commission[a.pool]! + step));
      if (bps !== commission[a.pool]) facts.push(this.#fact({ do: 'commission', pool: a.pool, bps }));
      commission[a.pool] = bps;
    }
    for (const v of spec.voters) {
      if (v.kind === 'apathetic') continue;
      const stream = streams.get('vote', v.staker);
      // Always the same draws, so that one voter's change of mind moves nobody else's.
      const looks = stream.uniform() < v.turnout;
      const seen = config.pools.map((_, p) => this.#service[p]![0] * exp(v.noise * stream.normal()));
      if (!looks) continue;
      const pools =
        v.kind === 'retrospective'
          ? best(seen, v.choices)
          : v.kind === 'commission-seeking'
            ? best(commission, v.choices)
            : [v.pool];
      const before = committee.nominationsOf(v.staker);
      if (pools.length === before.length && pools.every((p, i) => p === before[i])) continue;
      facts.push(this.#fact({ do: 'nominate', staker: v.staker, pools }));
    }
    this.#decideCheats();
    return facts;
  }

  /** Folds the epoch's service into what is remembered; pools nobody used drift towards the mean and get another chance. */
  #remember(): void {
    for (const s of this.#service) {
      if (s[2] > 0) s[0] = s[0] < 0 ? s[1] / s[2] : (s[0] + s[1] / s[2]) / 2;
    }
    const known = this.#service.filter((s) => s[0] >= 0);
    const mean = known.length === 0 ? 1 : known.reduce((n, s) => n + s[0], 0) / known.length;
    for (const s of this.#service) {
      if (s[0] < 0) s[0] = mean;
      else if (s[2] === 0) s[0] += FADE * (mean - s[0]);
      s[1] = 0;
      s[2] = 0;
    }
  }

  #exit(t: TimeUs, index: number): Fact[] {
    const v = this.#o.spec.voters[index]!;
    const { everyUs, shareBps } = v.exits!;
    const { book } = this.#o.staking();
    this.#at(t + everyUs, Kind.exit, index);
    const facts: Fact[] = [];
    const mine = [...book.positions()].filter((p) => p.staker === v.staker);
    // What has come free goes back to the largest position.
    const free = book.free(v.staker);
    let target = mine[0];
    for (const p of mine)
      if (target !== undefined && book.bonded(p.staker, p.provider) > book.bonded(target.staker, target.provider))
        target = p;
    if (free > 0n && target !== undefined)
      facts.push(
        this.#fact({ do: 'bond', staker: v.staker, provider: target.provider, amount: String(free), lockUs: 0 }),
      );
    for (const p of mine) {
      const bonded = book.bonded(p.staker, p.provider);
      const part = (bonded * BigInt(shareBps)) / 10_000n;
      // What would be left below the minimum goes too.
      const amount = bonded - part < BigInt(book.rules.minBond) ? bonded : part;
      if (amount > 0n)
        facts.push(this.#fact({ do: 'unbond', staker: v.staker, provider: p.provider, amount: String(amount) }));
    }
    return facts;
  }

  // ---- providers and audits ----

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'jobs') this.#job(row as Row<'jobs'>);
    else if (table === 'placements') this.#placement(row as Row<'placements'>);
  }

  #job(j: Row<'jobs'>): void {
    const s = this.#service[this.#poolOf.get(j.pool)!]!;
    const served = j.final_state === 'completed' || j.starting_time_us >= 0;
    s[1] += served ? Math.max(1, j.turnaround_time_us / Math.max(LEAST_RUN_US, j.execution_time_us)) : LOST;
    s[2]++;
  }

  #placement(p: Row<'placements'>): void {
    const v = this.#o.spec.verification;
    if (v === null || p.outcome !== 'completed' || p.start_us < 0) return;
    const { key } = this.#o.config;
    const cheat = this.#cheats.get(p.provider);
    const gpus = p.gpus === '' ? 0 : p.gpus.split('+').length;
    const cost = (this.#nodeCost.get(p.node)! * p.gpu_milli * gpus * (p.end_us - p.start_us)) / (1000 * HOUR_US);
    const sum = this.#cost.get(p.provider) ?? [0, 0];
    this.#cost.set(p.provider, [sum[0] + cost, sum[1] + 1]);
    const share = cheat === undefined ? 0 : cheat.rational ? (this.#cheating.has(p.provider) ? 1 : 0) : cheat.share;
    const madeUp = share > 0 && chance(key, 'made-up', p.lease_id) < share;
    const c = this.#counts;
    c.results++;
    if (madeUp) c.madeUp++;
    if (chance(key, 'audit', p.lease_id) >= v.audit) return;
    c.audits++;
    const called = chance(key, 'verdict', p.lease_id) < (madeUp ? v.detection : v.falseAlarm);
    if (!called) return;
    if (madeUp) c.found++;
    else c.falseAlarms++;
    const id = this.#nextCase++;
    this.#cases.set(id, { provider: p.provider, atUs: p.end_us, guilty: madeUp });
    this.#at(p.end_us + v.delayUs, Kind.report, id);
  }

  #movePrice(t: TimeUs): void {
    const token = this.#o.spec.verification?.token;
    if (token === null || token === undefined) return;
    const { epochUs } = this.#o.config.staking!;
    const years = epochUs / YEAR_US;
    const z = this.#o.streams.get('token', 'price').normal();
    this.#price *= exp(token.drift * years + token.volatility * sqrt(years) * z);
    if (token.crash !== null && token.crash.atUs <= t && token.crash.atUs > t - epochUs)
      this.#price *= token.crash.left;
  }

  #decideCheats(): void {
    const v = this.#o.spec.verification;
    if (v === null) return;
    const { book } = this.#o.staking();
    for (const [provider, c] of this.#cheats) {
      if (!c.rational) continue;
      const [whole, n] = this.#cost.get(provider) ?? [0, 0];
      if (n === 0) continue;
      let stake = 0n;
      for (const p of book.positions()) if (p.provider === provider) stake += book.bonded(p.staker, provider);
      const fraction = book.rules.slashing.fractionBps / 10_000;
      const loss = (Number(stake) / 1e6) * fraction * this.#price;
      const gain = whole / n;
      if (gain * (1 - v.audit * v.detection) > v.audit * (v.detection - v.falseAlarm) * loss)
        this.#cheating.add(provider);
      else this.#cheating.delete(provider);
    }
  }

  snapshot(): StakeWorldState {
    return {
      seq: this.#seq,
      cases: [...this.#cases].map(([id, c]) => [id, { ...c }]),
      nextCase: this.#nextCase,
      service: this.#service.map((s) => [...s] as [number, number, number]),
      price: this.#price,
      cheating: [...this.#cheating],
      cost: [...this.#cost].map(([id, [whole, n]]) => [id, whole, n]),
      counts: { ...this.#counts },
    };
  }

  restore(s: StakeWorldState): void {
    this.#seq = s.seq;
    for (const [id, c] of s.cases) this.#cases.set(id, { ...c });
    this.#nextCase = s.nextCase;
    this.#service = s.service.map((x) => [...x] as [number, number, number]);
    this.#price = s.price;
    this.#cheating = new Set(s.cheating);
    for (const [id, whole, n] of s.cost) this.#cost.set(id, [whole, n]);
    this.#counts = { ...s.counts };
  }
}

/** Numbers of the `n` least values; ties to the lower number. */
function best(values: readonly number[], n: number): number[] {
  const order = values.map((_, i) => i);
  order.sort((a, b) => (values[a]! === values[b]! ? a - b : values[a]! < values[b]! ? -1 : 1));
  return order.slice(0, n);
}
