/** What the tables of stake amount to, gathered while rows pass. */
import type { Row, TableName } from '../core/record/schema.ts';
import { HOUR_US, type TimeUs } from '../core/types.ts';
import { gini, hhi, nakamoto } from '../mechanisms/elections/index.ts';
import type { ResolvedScenario } from '../scenarios/resolved.ts';
import { AggregatorBooks, costOf, inUsd } from './world/aggregator-books.ts';
import type { VerificationCounts } from './world/verification.ts';

export interface StakeJson {
  elections: number;
  /** Elections after which another pool held some seat, and seats handed on because an aggregator failed. */
  changedCommittees: number;
  failedSeats: number;
  /** Offences that were punished; those whose slash reached stake on its way out; those an appeal reversed. */
  slashes: number;
  slashesOfUnbonding: number;
  reversed: number;
  refusedActs: number;
  /** Seats times stake epochs that each pool was elected to. */
  seatEpochs: Record<string, number>;
  /** Mean commission of those with a seat after the first and the last election of an epoch, shares of one; null = no election. */
  commission: { first: number; last: number } | null;
  /** Of each pool's aggregator, USD: commission and fees that reached it, what running the pool cost it, and the difference. */
  aggregators: Record<string, { seatHours: number; earned: number; cost: number; profit: number }>;
  aggregatorProfit: number;
  verification: VerificationCounts | null;
  /** Who has bonded what at the end: stakers, Gini and Herfindahl-Hirschman indices, least number of them with over a third and a half. */
  holders: { count: number; bondedMicro: string; gini: number; hhi: number; forThird: number; forHalf: number };
}

export class StakeSummary {
  readonly #scenario: ResolvedScenario;
  readonly #books: AggregatorBooks;
  #elections = 0;
  #changed = 0;
  #failed = 0;
  readonly #slashes = new Set<number>();
  readonly #unbonding = new Set<number>();
  readonly #reversed = new Set<number>();
  #refused = 0;
  readonly #bonded = new Map<string, bigint>();
  readonly #seatEpochs = new Map<string, number>();
  /** Seats after the last election that is complete, and of the one whose rows are passing. */
  #before = '';
  #seats: string[] = [];
  #at = '';
  /** Commissions of the seats of the election whose rows pass; their mean after the first and the last that is complete. */
  #asked: number[] = [];
  #commission: { first: number; last: number } | null = null;

  constructor(scenario: ResolvedScenario) {
    this.#scenario = scenario;
    this.#books = new AggregatorBooks(scenario.market);
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    this.#books.row(table, row);
    if (table === 'stakes') this.#act(row as Row<'stakes'>);
    else if (table === 'elections') this.#election(row as Row<'elections'>);
    else if (table === 'accounts') this.#account(row as Row<'accounts'>);
  }

  #account(a: Row<'accounts'>): void {
    if (!a.account.startsWith('bonded:')) return;
    const staker = a.account.slice('bonded:'.length).split('@')[0]!;
    this.#bonded.set(staker, (this.#bonded.get(staker) ?? 0n) + a.credits_posted_micro - a.debits_posted_micro);
  }

  #act(s: Row<'stakes'>): void {
    if (s.code !== 'ok') this.#refused++;
    else if (s.act === 'slash-bonded') this.#slashes.add(s.offence_id);
    else if (s.act === 'slash-unbonding') {
      this.#slashes.add(s.offence_id);
      this.#unbonding.add(s.offence_id);
    } else if (s.act === 'slash-returned') this.#reversed.add(s.offence_id);
  }

  #election(e: Row<'elections'>): void {
    if (e.voter !== '') return;
    const at = `${e.occasion} ${e.time_us}`;
    if (at !== this.#at) {
      this.#close();
      this.#at = at;
      if (e.occasion === 'epoch') this.#elections++;
      else this.#failed++;
    }
    if (e.seat < 0) return;
    this.#seats.push(`${e.pool}@${e.seat}`);
    if (e.occasion !== 'epoch') return;
    this.#asked.push(e.commission_bps);
    this.#seatEpochs.set(e.pool, (this.#seatEpochs.get(e.pool) ?? 0) + 1);
  }

  #close(): void {
    if (this.#at === '') return;
    const seats = this.#seats.join(' ');
    if (this.#before !== '' && seats !== this.#before && this.#at.startsWith('epoch')) this.#changed++;
    this.#before = seats;
    this.#seats = [];
    if (this.#asked.length === 0) return;
    const last = round6(this.#asked.reduce((a, b) => a + b, 0) / this.#asked.length / 10_000);
    this.#commission = { first: this.#commission?.first ?? last, last };
    this.#asked = [];
  }

  toJson(verification: VerificationCounts | null, endUs: TimeUs): StakeJson {
    this.#close();
    this.#at = '';
    const { aggregators, total } = this.#aggregators(endUs);
    return {
      elections: this.#elections,
      changedCommittees: this.#changed,
      failedSeats: this.#failed,
      slashes: this.#slashes.size,
      slashesOfUnbonding: this.#unbonding.size,
      reversed: this.#reversed.size,
      refusedActs: this.#refused,
      seatEpochs: Object.fromEntries([...this.#seatEpochs].sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      commission: this.#commission,
      aggregators,
      aggregatorProfit: Number(total) / 1e6,
      verification,
      holders: this.#holders(),
    };
  }

  #aggregators(endUs: TimeUs): { aggregators: StakeJson['aggregators']; total: bigint } {
    const { market, stakers } = this.#scenario;
    let total = 0n;
    const figures = this.#books.totals(endUs).map((t, p) => {
      const cost = stakers?.aggregators.find((a) => a.pool === p)?.cost;
      const spent = cost === undefined ? 0n : costOf(cost, t);
      const earned = inUsd(t.earned, market.tokenPriceMicro);
      total += earned - spent;
      const [e, c, profit] = [earned, spent, earned - spent].map((x) => Number(x) / 1e6) as [number, number, number];
      return [market.pools[p]!.id, { seatHours: round6(t.seatUs / HOUR_US), earned: e, cost: c, profit }] as const;
    });
    return { aggregators: Object.fromEntries(figures), total };
  }

  #holders(): StakeJson['holders'] {
    const stakes = [...this.#bonded.values()].filter((x) => x > 0n);
    return {
      count: stakes.length,
      bondedMicro: String(stakes.reduce((a, b) => a + b, 0n)),
      gini: round6(gini(stakes)),
      hhi: round6(hhi(stakes)),
      forThird: nakamoto(stakes, 1n, 3n),
      forHalf: nakamoto(stakes, 1n, 2n),
    };
  }
}

const round6 = (x: number): number => Math.round(x * 1e6) / 1e6;
