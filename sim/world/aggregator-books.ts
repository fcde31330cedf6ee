/**
 * What each pool's aggregator takes in and what running the pool costs it, read from rows: the commission and fees that reach its
 * account, time with a seat, and metered GPU time of what it placed. The cost is its own affair, like a provider's power: no ledger sees it.
 */
import { ExactSum } from '../../core/num/index.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { HOUR_US, type MarketConfig, type TimeUs } from '../../core/types.ts';
import type { AggregatorCost } from '../../scenarios/resolved.ts';

const MILLI_US_PER_GPU_HOUR = BigInt(1000 * HOUR_US);
const WHOLE_BPS = 10_000n;

export interface AggregatorTotals {
  /** Time with a seat. */
  seatUs: number;
  /** Metered GPU time of what it placed, milli-GPU x us. */
  milliUs: bigint;
  /** Its share before and after what its nominators get of it, micro-units by currency. */
  share: bigint[];
  earned: bigint[];
}

export interface AggregatorBooksState {
  seated: boolean[];
  sinceUs: TimeUs;
  epoch: number;
  running: AggregatorTotals[];
  opened: AggregatorTotals[];
  closed: AggregatorTotals[] | null;
}

/** Cost of so much time with a seat and so much GPU time, micro-USD, rounded up once. */
export function costOf(cost: AggregatorCost, totals: Pick<AggregatorTotals, 'seatUs' | 'milliUs'>): bigint {
  const exact = BigInt(cost.seatMicroPerHour) * 1000n * BigInt(totals.seatUs);
  const all = exact + BigInt(cost.gpuMicroPerGpuHour) * totals.milliUs;
  return (all + MILLI_US_PER_GPU_HOUR - 1n) / MILLI_US_PER_GPU_HOUR;
}

/**
 * Least commission, basis points, that would have paid `costMicro` out of a share of `shareMicro`; all of it where none would have, null
 * where there was no share to take it from.
 */
export function breakEvenBps(costMicro: bigint, shareMicro: bigint): number | null {
  if (shareMicro <= 0n) return null;
  const bps = (costMicro * WHOLE_BPS + shareMicro - 1n) / shareMicro;
  return Number(bps < WHOLE_BPS ? bps : WHOLE_BPS);
}

/** Amounts in USD; tokens at the run's fixed price, micro-USD. */
export const inUsd = (amounts: readonly bigint[], tokenPriceMicro: number): bigint =>
  amounts[0]! + ((amounts[1] ?? 0n) * BigInt(tokenPriceMicro)) / 1_000_000n;

const copy = (t: AggregatorTotals): AggregatorTotals => ({ ...t, share: [...t.share], earned: [...t.earned] });

const since = (now: AggregatorTotals, then: AggregatorTotals): AggregatorTotals => ({
  seatUs: now.seatUs - then.seatUs,
  milliUs: now.milliUs - then.milliUs,
  share: now.share.map((x, c) => x - then.share[c]!),
  earned: now.earned.map((x, c) => x - then.earned[c]!),
});

/** How many GPUs a list such as 0+3 names. */
export function gpusOf(list: string): number {
  if (list === '') return 0;
  let n = 1;
  for (let i = 0; i < list.length; i++) if (list.charCodeAt(i) === 43) n++;
  return n;
}

export class AggregatorBooks {
  readonly #config: Omit<MarketConfig, 'key'>;
  readonly #pools: Map<string, number>;
  readonly #currencies: Map<string, number>;
  /** GPU time that placements add up to, beside `#running`. */
  #used: ExactSum[];
  #seated: boolean[];
  #sinceUs: TimeUs = 0;
  #epoch = 0;
  #running: AggregatorTotals[];
  /** As they were when the running epoch began, and what the epoch before it added; null = none is over. */
  #opened: AggregatorTotals[];
  #closed: AggregatorTotals[] | null = null;

  constructor(config: Omit<MarketConfig, 'key'>) {
    this.#config = config;
    this.#pools = new Map(config.pools.map((p, i) => [p.id, i]));
    this.#currencies = new Map(config.currencies.map((c, i) => [c.code, i]));
    const homes = new Set(config.nodes.map((n) => n.pool));
    this.#seated = config.pools.map((_, p) => homes.has(p));
    this.#running = this.#none();
    this.#opened = this.#none();
    this.#used = this.#sums();
  }

  #none(): AggregatorTotals[] {
    const zeros = () => this.#config.currencies.map(() => 0n);
    return this.#config.pools.map(() => ({ seatUs: 0, milliUs: 0n, share: zeros(), earned: zeros() }));
  }
  #sums(): ExactSum[] {
    return this.#config.pools.map(() => new ExactSum());
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'transfers') this.#transfer(row as Row<'transfers'>);
    else if (table === 'placements') this.#placement(row as Row<'placements'>);
    else if (table === 'elections') this.#election(row as Row<'elections'>);
  }

  #transfer(t: Row<'transfers'>): void {
    const currency = this.#currencies.get(t.currency)!;
    if (t.reason === 'backer-rest') {
      // Set apart for nominators and owed to none; of several pools of one aggregator the first has it.
      const pool = this.#config.pools.findIndex((p) => `aggregator:${p.aggregator}` === t.credit);
      this.#running[pool]!.earned[currency]! += t.amount_micro;
      return;
    }
    const own = t.reason === 'aggregator-share';
    // Nominators are paid out of the pot under the same name later on.
    if (!own && !(t.reason === 'backer-share' && t.credit === 'staker-pot')) return;
    const totals = this.#running[this.#pools.get(t.debit.slice('revenue:'.length))!]!;
    totals.share[currency]! += t.amount_micro;
    if (own) totals.earned[currency]! += t.amount_micro;
  }

  #placement(p: Row<'placements'>): void {
    if (p.start_us < 0) return;
    this.#used[this.#pools.get(p.pool)!]!.addProduct(p.gpu_milli * gpusOf(p.gpus), p.end_us - p.start_us);
  }

  /** An election of an epoch closes the books of the one before: its money was divided just now. */
  #election(e: Row<'elections'>): void {
    if (e.voter !== '') return;
    if (e.occasion === 'epoch' && e.epoch > this.#epoch) {
      this.#epoch = e.epoch;
      const now = this.totals(e.time_us);
      this.#closed = now.map((t, p) => since(t, this.#opened[p]!));
      this.#opened = now;
    } else this.#pass(e.time_us);
    this.#seated[this.#pools.get(e.pool)!] = e.seat >= 0;
  }

  #pass(now: TimeUs): void {
    this.#running.forEach((r, p) => {
      if (this.#seated[p]!) r.seatUs += now - this.#sinceUs;
    });
    this.#sinceUs = now;
  }

  /** By pool, since the start. */
  totals(now: TimeUs): AggregatorTotals[] {
    this.#pass(now);
    return this.#running.map((r, p) => copy({ ...r, milliUs: r.milliUs + this.#used[p]!.value }));
  }

  /**
   * Least commission at which `pool` would have lost nothing in the last epoch whose money is divided: by its own figures where it had a
   * seat, otherwise by those of the mean seat. Null = nothing to go by.
   */
  floorBps(pool: number, cost: AggregatorCost): number | null {
    if (this.#closed === null) return null;
    const own = this.#closed[pool]!;
    const seats = own.seatUs > 0 ? [own] : this.#closed;
    const sum = { seatUs: 0, milliUs: 0n, share: this.#config.currencies.map(() => 0n) };
    for (const s of seats) {
      sum.seatUs += s.seatUs;
      sum.milliUs += s.milliUs;
      for (const [c, amount] of s.share.entries()) sum.share[c]! += amount;
    }
    return breakEvenBps(costOf(cost, sum), inUsd(sum.share, this.#config.tokenPriceMicro));
  }

  snapshot(): AggregatorBooksState {
    return {
      seated: [...this.#seated],
      sinceUs: this.#sinceUs,
      epoch: this.#epoch,
      running: this.#running.map((r, p) => copy({ ...r, milliUs: r.milliUs + this.#used[p]!.value })),
      opened: this.#opened.map(copy),
      closed: this.#closed?.map(copy) ?? null,
    };
  }

  /** Takes ownership of the state. */
  restore(s: AggregatorBooksState): void {
    this.#seated = s.seated;
    this.#sinceUs = s.sinceUs;
    this.#epoch = s.epoch;
    this.#running = s.running;
    this.#used = this.#sums();
    this.#opened = s.opened;
    this.#closed = s.closed;
  }
}
