/** What the tables of stake amount to, gathered while rows pass. */
import type { Row } from '../core/record/schema.ts';
import { gini, hhi, nakamoto } from '../mechanisms/elections/index.ts';
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
  verification: VerificationCounts | null;
  /** Who has bonded what at the end: stakers, Gini and Herfindahl-Hirschman indices, least number of them with over a third and a half. */
  holders: { count: number; bondedMicro: string; gini: number; hhi: number; forThird: number; forHalf: number };
}

export class StakeSummary {
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

  account(a: Row<'accounts'>): void {
    if (!a.account.startsWith('bonded:')) return;
    const staker = a.account.slice('bonded:'.length).split('@')[0]!;
    this.#bonded.set(staker, (this.#bonded.get(staker) ?? 0n) + a.credits_posted_micro - a.debits_posted_micro);
  }

  act(s: Row<'stakes'>): void {
    if (s.code !== 'ok') this.#refused++;
    else if (s.act === 'slash-bonded') this.#slashes.add(s.offence_id);
    else if (s.act === 'slash-unbonding') {
      this.#slashes.add(s.offence_id);
      this.#unbonding.add(s.offence_id);
    } else if (s.act === 'slash-returned') this.#reversed.add(s.offence_id);
  }

  election(e: Row<'elections'>): void {
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
    if (e.occasion === 'epoch') this.#seatEpochs.set(e.pool, (this.#seatEpochs.get(e.pool) ?? 0) + 1);
  }

  #close(): void {
    if (this.#at === '') return;
    const seats = this.#seats.join(' ');
    if (this.#before !== '' && seats !== this.#before && this.#at.startsWith('epoch')) this.#changed++;
    this.#before = seats;
    this.#seats = [];
  }

  toJson(verification: VerificationCounts | null): StakeJson {
    this.#close();
    this.#at = '';
    return {
      elections: this.#elections,
      changedCommittees: this.#changed,
      failedSeats: this.#failed,
      slashes: this.#slashes.size,
      slashesOfUnbonding: this.#unbonding.size,
      reversed: this.#reversed.size,
      refusedActs: this.#refused,
      seatEpochs: Object.fromEntries([...this.#seatEpochs].sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      verification,
      holders: this.#holders(),
    };
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
