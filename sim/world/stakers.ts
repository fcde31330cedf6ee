/**
 * Those who have stake, as they behave: voters look at service or commission, aggregators raise their commission while they sit and fail
 * now and then; what verification finds (`verification.ts`) is reported and appealed. What they do reaches core as facts at their stamps.
 *
 * Service of a pool = mean over its jobs that ended of turnaround over run time, at least `LEAST_RUN_US` of run time (bounded slowdown,
 * Feitelson 2001); a job that was rejected or gave up counts as `LOST`. Voters remember by halves per epoch.
 */
import { type Fact, FactKind, type StakeAct } from '../../core/facts.ts';
import { chance, exp } from '../../core/num/index.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import type { Staking } from '../../core/settlement/staking.ts';
import { type MarketConfig, NEVER, type TimeUs } from '../../core/types.ts';
import type { StakeWorldSpec } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import { AggregatorBooks, type AggregatorBooksState } from './aggregator-books.ts';
import { Phase, WorldEvent } from './events.ts';
import { TokenPrice } from './token.ts';
import { noCounts, Verification, type VerificationCounts, type VerificationState } from './verification.ts';

const LEAST_RUN_US = 600_000_000;
/** Slowdown that a job without service counts as. */
const LOST = 20;
/** How fast what voters know of a pool that serves nobody fades towards the mean, per epoch. */
const FADE = 0.1;

const Kind = { round: 0, down: 1, up: 2, report: 3, verdict: 4, exit: 5, claim: 6 } as const;

interface Case {
  provider: string;
  guilty: boolean;
}

export interface StakeWorldState {
  seq: number;
  cases: [number, Case][];
  nextCase: number;
  reports: [number, StakeAct[]][];
  nextReport: number;
  /** Per pool: slowdown remembered (-1 = never seen), and the sum and count of this epoch. */
  service: [number, number, number][];
  price: number;
  verification: VerificationState | null;
  /** null = no aggregator has a cost. */
  books: AggregatorBooksState | null;
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
  readonly #verification: Verification | null;
  readonly #token: TokenPrice;
  #seq = 0;
  readonly #cases = new Map<number, Case>();
  #nextCase = 1;
  /** Acts that a finding brings about, until they reach the chain. */
  readonly #reports = new Map<number, StakeAct[]>();
  #nextReport = 1;
  #service: [number, number, number][];
  readonly #books: AggregatorBooks | null;

  constructor(options: StakeWorldOptions) {
    this.#o = options;
    const { config, spec } = options;
    this.#poolOf = new Map(config.pools.map((p, i) => [p.id, i]));
    this.#verification =
      spec.verification === null
        ? null
        : new Verification(spec.verification, config, options.costMicro, options.staking);
    this.#token = new TokenPrice(spec.token);
    this.#service = config.pools.map(() => [-1, 0, 0]);
    this.#books = spec.aggregators.some((a) => a.cost !== undefined) ? new AggregatorBooks(config) : null;
  }

  get counts(): VerificationCounts {
    return this.#verification?.counts ?? noCounts();
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
    spec.claims.forEach((c, i) => {
      this.#at(c.everyUs, Kind.claim, i);
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
        const acts = this.#reports.get(id)!;
        this.#reports.delete(id);
        for (const act of acts) {
          if (act.do !== 'offence') continue;
          if (this.#cases.get(act.offence)!.guilty) this.#cases.delete(act.offence);
          else this.#at(t + this.#o.spec.verification!.appealUs, Kind.verdict, act.offence);
        }
        return acts.map((act) => this.#fact(act));
      }
      case Kind.claim: {
        const c = this.#o.spec.claims[id]!;
        this.#at(t + c.everyUs, Kind.claim, id);
        const mine = [...this.#o.staking().book.positions()].filter((p) => p.staker === c.staker && p.provider !== '');
        return mine.map((p) => this.#fact({ do: 'claim', staker: p.staker, provider: p.provider }));
      }
      case Kind.verdict: {
        this.#cases.delete(id);
        const v = this.#o.spec.verification!;
        const reversed = chance(this.#o.config.key, 'appeal', id) < v.appealSucceeds;
        if (reversed) this.counts.reversed++;
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
    this.#token.move(t, config.staking!.epochUs, streams.get('token', 'price'));
    const facts: Fact[] = [];
    const holders = committee.holders();
    const commission = config.pools.map((_, p) => committee.commissionOf(p));
    for (const a of spec.aggregators) {
      const covers = a.cost === undefined ? null : this.#books!.floorBps(a.pool, a.cost);
      // Who does not try for more asks what it must.
      if (a.raisesBps === 0 && covers === null) continue;
      const step = a.raisesBps === 0 ? -10_000 : holders.includes(a.pool) ? a.raisesBps : -a.raisesBps;
      const bps = Math.max(a.floorBps, covers ?? 0, Math.min(10_000, commission[a.pool]! + step));
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
    this.#verification?.epoch(this.#token.micro);
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

  /** Was the result of a lease that has ended made up? */
  madeUp(p: Row<'placements'>): boolean {
    return this.#verification?.madeUp(p) ?? false;
  }

  row<T extends TableName>(now: TimeUs, table: T, row: Row<T>): void {
    this.#verification?.row(table, row);
    this.#books?.row(table, row);
    if (table === 'jobs') this.#job(row as Row<'jobs'>);
    else if (table === 'placements') this.#placement(now, row as Row<'placements'>);
  }

  #job(j: Row<'jobs'>): void {
    const s = this.#service[this.#poolOf.get(j.pool)!]!;
    const served = j.final_state === 'completed' || j.starting_time_us >= 0;
    s[1] += served ? Math.max(1, j.turnaround_time_us / Math.max(LEAST_RUN_US, j.execution_time_us)) : LOST;
    s[2]++;
  }

  #placement(now: TimeUs, p: Row<'placements'>): void {
    if (this.#verification === null || p.outcome !== 'completed' || p.start_us < 0) return;
    const finding = this.#verification.result(p);
    if (finding === null) return;
    const acts: StakeAct[] = [...finding.attests];
    for (const { provider, verifier, guilty } of finding.offences) {
      const offence = this.#nextCase++;
      this.#cases.set(offence, { provider, guilty });
      acts.push({ do: 'offence', offence, provider, atUs: p.end_us, ...(verifier === '' ? {} : { verifier }) });
    }
    const id = this.#nextReport++;
    this.#reports.set(id, acts);
    // The chain may hear late that it has ended.
    this.#at(Math.max(now + 1, p.end_us + this.#o.spec.verification!.delayUs), Kind.report, id);
  }

  snapshot(): StakeWorldState {
    return {
      seq: this.#seq,
      cases: [...this.#cases].map(([id, c]) => [id, { ...c }]),
      nextCase: this.#nextCase,
      reports: [...this.#reports].map(([id, acts]) => [id, acts.map((a) => ({ ...a }))]),
      nextReport: this.#nextReport,
      service: this.#service.map((s) => [...s] as [number, number, number]),
      price: this.#token.micro,
      verification: this.#verification?.snapshot() ?? null,
      books: this.#books?.snapshot() ?? null,
    };
  }

  restore(s: StakeWorldState): void {
    this.#seq = s.seq;
    for (const [id, c] of s.cases) this.#cases.set(id, { ...c });
    this.#nextCase = s.nextCase;
    for (const [id, acts] of s.reports)
      this.#reports.set(
        id,
        acts.map((a) => ({ ...a })),
      );
    this.#nextReport = s.nextReport;
    this.#service = s.service.map((x) => [...x] as [number, number, number]);
    this.#token.micro = s.price;
    if (s.verification !== null) this.#verification?.restore(s.verification);
    if (s.books !== null) this.#books?.restore(s.books);
  }
}

/** Numbers of the `n` least values; ties to the lower number. */
function best(values: readonly number[], n: number): number[] {
  const order = values.map((_, i) => i);
  order.sort((a, b) => (values[a]! === values[b]! ? a - b : values[a]! < values[b]! ? -1 : 1));
  return order.slice(0, n);
}
