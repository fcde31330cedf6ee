/**
 * What the chain knows of supply auctions: the awards of each pool's present epoch, what a metered lease earns its provider under
 * them, and payment for availability at the epoch's end out of income first and a reserved subsidy second.
 */
import type { Awards, SupplyAward } from '../messages.ts';
import { HOUR_US, type MarketConfig, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { Distribution } from './distribution.ts';
import { type Ledger, LedgerCode } from './ledger.ts';

const HOUR = BigInt(HOUR_US);
const GPU_HOUR = HOUR * BigInt(WHOLE_GPU);

/** Supply terms of a lease, fixed when it is claimed; `of` 0 = none. */
export interface SupplyTerms {
  award: number;
  of: number;
  payMicro: number;
  /** Charged for the treasury beside it. */
  feeMicro: number;
  /** End of the epoch the award was made for. */
  untilUs: TimeUs;
}

export const noTerms: SupplyTerms = { award: 0, of: 0, payMicro: 0, feeMicro: 0, untilUs: 0 };

interface Book {
  epoch: number;
  sinceUs: TimeUs;
  untilUs: TimeUs;
  awards: Map<number, SupplyAward>;
  /** Reservation from the subsidy account; 0 = none. */
  pending: number;
  reserved: bigint;
}

export interface SupplyState {
  books: (Omit<Book, 'awards'> & { awards: SupplyAward[] })[];
  up: boolean[];
  upSinceUs: TimeUs[];
  availableUs: TimeUs[];
}

export class Supply {
  readonly #config: MarketConfig;
  readonly #ledger: Ledger;
  readonly #distribution: Distribution;
  /** Present book of each pool. */
  #books: (Book | null)[];
  #up: boolean[];
  #upSinceUs: TimeUs[];
  /** Time up since the machine's award was booked. */
  #availableUs: TimeUs[];

  constructor(config: MarketConfig, ledger: Ledger, distribution: Distribution) {
    this.#config = config;
    this.#ledger = ledger;
    this.#distribution = distribution;
    this.#books = config.pools.map(() => null);
    this.#up = config.nodes.map(() => true);
    this.#upSinceUs = config.nodes.map(() => 0);
    this.#availableUs = config.nodes.map(() => 0);
  }

  /** Opening balances of the subsidy accounts. */
  open(now: TimeUs): void {
    this.#config.pools.forEach((p, pool) => {
      const amount = BigInt(p.supply?.subsidy ?? '0');
      if (amount > 0n) {
        const world = this.#ledger.open('world', 0, false);
        this.#ledger.transfer(now, world, this.#account(pool), amount, 0, 'deposit');
      }
    });
  }

  #account(pool: number) {
    return this.#ledger.open(`subsidy:${this.#config.pools[pool]!.id}`, 0, true);
  }

  /** Are the awards such as this chain may book? Use must pay for itself: no GPU is paid more than users are charged for it. */
  sound(m: Awards, pool: number, nodePool: readonly number[]): boolean {
    const rules = this.#config.pools[pool]!.supply;
    if (rules === undefined) return m.supply === undefined;
    if (m.supply === undefined) return false;
    const rate = new Map(m.awards.map((a) => [a.gpuClass, a.rateMicro]));
    const seen = new Set<number>();
    return m.supply.every((a) => {
      const node = this.#config.nodes[a.node];
      if (node === undefined || nodePool[a.node] !== pool || seen.has(a.node)) return false;
      seen.add(a.node);
      if (a.feeMicro !== undefined && rules.feeBase !== 'leave-one-out') return false;
      const paid = a.payMicro + (a.feeMicro ?? 0);
      const whole = [a.gpus, a.of, a.payMicro, a.feeMicro ?? 0].every((x) => Number.isSafeInteger(x) && x >= 0);
      const dearest = rate.get(node.gpuClass) ?? 0;
      return whole && a.gpus >= 1 && a.gpus <= node.gpus && a.of >= a.gpus && paid <= dearest * a.of;
    });
  }

  /** Books the epoch's awards; false = the subsidy does not cover what availability may cost, and nothing is booked. */
  book(now: TimeUs, m: Awards, pool: number): boolean {
    const rules = this.#config.pools[pool]!.supply;
    if (rules === undefined || m.supply === undefined) return true;
    this.#close(now, pool);
    const untilUs = (m.epoch + 1) * this.#config.epochUs;
    const book: Book = { epoch: m.epoch, sinceUs: now, untilUs, awards: new Map(), pending: 0, reserved: 0n };
    for (const a of m.supply) book.awards.set(a.node, a);
    if (rules.pay === 'availability') {
      // A clearing may come over a wire when its epoch is over.
      const leftUs = Math.max(0, untilUs - now);
      for (const a of m.supply) book.reserved += availabilityPay(a, leftUs) + 1n;
      if (book.reserved > 0n) {
        const revenue = this.#distribution.revenue(pool, 0);
        const code = this.#ledger.reserve(now, this.#account(pool), revenue, book.reserved, 0, 'subsidy');
        if (code !== LedgerCode.ok) {
          this.#books[pool] = { ...book, awards: new Map(), reserved: 0n };
          return false;
        }
        book.pending = this.#ledger.lastId;
      }
      for (const a of m.supply) {
        this.#availableUs[a.node] = 0;
        this.#upSinceUs[a.node] = now;
      }
    }
    this.#books[pool] = book;
    return true;
  }

  /** Terms under which a lease on the node is paid now; null = the machine was not bought and sells nothing. */
  termsOf(pool: number, node: number): SupplyTerms | null {
    if (this.#config.pools[pool]!.supply === undefined) return noTerms;
    const book = this.#books[pool];
    const a = book?.awards.get(node);
    return book === null || book === undefined || a === undefined
      ? null
      : { award: a.award, of: a.of, payMicro: a.payMicro, feeMicro: a.feeMicro ?? 0, untilUs: book.untilUs };
  }

  /** What metered use earns beyond what availability has paid, at most `share`; rounded down. */
  earned(pool: number, t: SupplyTerms, milli: number, startUs: TimeUs, endUs: TimeUs, share: bigint): bigint {
    const from = this.#config.pools[pool]!.supply!.pay === 'use' ? startUs : Math.max(startUs, t.untilUs);
    if (endUs <= from) return 0n;
    const pay = (BigInt(t.payMicro) * BigInt(milli) * BigInt(endUs - from)) / (BigInt(t.of) * GPU_HOUR);
    return pay < share ? pay : share;
  }

  /** What the treasury takes of a charge of `share`, of which the provider is paid `pay`; never more than is left. */
  fee(pool: number, t: SupplyTerms, milli: number, startUs: TimeUs, endUs: TimeUs, share: bigint, pay: bigint): bigint {
    const { feeBase, feeBps } = this.#config.pools[pool]!.supply!;
    let fee = 0n;
    if (feeBase === 'price') fee = (share * BigInt(feeBps)) / 10_000n;
    else if (t.feeMicro > 0 && endUs > startUs)
      fee = (BigInt(t.feeMicro) * BigInt(milli) * BigInt(endUs - startUs)) / (BigInt(t.of) * GPU_HOUR);
    return fee < share - pay ? fee : share - pay;
  }

  /** What the machine's provider had asked for metered use under the award; rounded down. */
  asked(node: number, t: SupplyTerms, milli: number, startUs: TimeUs, endUs: TimeUs): bigint {
    const ask = this.#config.nodes[node]!.askMicro ?? 0;
    return t.of === 0 || endUs <= startUs ? 0n : (BigInt(ask) * BigInt(milli) * BigInt(endUs - startUs)) / GPU_HOUR;
  }

  health(now: TimeUs, node: number, up: boolean): void {
    if (this.#up[node] === up) return;
    if (this.#up[node]) this.#availableUs[node]! += now - this.#upSinceUs[node]!;
    this.#up[node] = up;
    this.#upSinceUs[node] = now;
  }

  /** End of an epoch, or of the run: what was available is paid for. */
  close(now: TimeUs): void {
    this.#config.pools.forEach((p, pool) => {
      const book = this.#books[pool];
      if (
        p.supply?.pay === 'availability' &&
        book !== null &&
        book !== undefined &&
        (book.untilUs <= now || book.pending !== 0)
      )
        this.#close(now, pool);
    });
  }

  #close(now: TimeUs, pool: number): void {
    const book = this.#books[pool];
    if (book === null || book === undefined || book.pending === 0) return;
    let due = 0n;
    const until = Math.min(now, book.untilUs);
    for (const a of book.awards.values()) {
      let us = this.#availableUs[a.node]!;
      if (this.#up[a.node]) us += Math.max(0, until - this.#upSinceUs[a.node]!);
      const pay = availabilityPay(a, us);
      due += pay;
      this.#distribution.accrueSupply(pool, this.#config.nodes[a.node]!.provider, pay, 0n);
      this.#availableUs[a.node] = 0;
      this.#upSinceUs[a.node] = now;
    }
    // Income that no award has claimed pays first; the subsidy what is missing.
    const missing = due - this.#distribution.takeRest(pool, due);
    if (missing > 0n) this.#ledger.post(now, book.pending, missing, 'subsidy');
    else this.#ledger.void(now, book.pending, 'subsidy');
    book.pending = 0;
    book.reserved = 0n;
  }

  /** Open reservations of subsidy. */
  get pendingCount(): number {
    let n = 0;
    for (const b of this.#books) if (b !== null && b.pending !== 0) n++;
    return n;
  }

  snapshot(): SupplyState {
    return {
      books: this.#books.map((b) =>
        b === null
          ? { epoch: -1, sinceUs: 0, untilUs: 0, awards: [], pending: 0, reserved: 0n }
          : { ...b, awards: [...b.awards.values()] },
      ),
      up: this.#up,
      upSinceUs: this.#upSinceUs,
      availableUs: this.#availableUs,
    };
  }

  /** Takes ownership of the state. */
  restore(s: SupplyState): void {
    this.#books = s.books.map((b) =>
      b.epoch < 0 ? null : { ...b, awards: new Map(b.awards.map((a) => [a.node, a])) },
    );
    this.#up = s.up;
    this.#upSinceUs = s.upSinceUs;
    this.#availableUs = s.availableUs;
  }
}

/** Pay of the machine's share of an award for so much time up, rounded down. */
function availabilityPay(a: SupplyAward, us: TimeUs): bigint {
  return (BigInt(a.payMicro) * BigInt(a.gpus) * BigInt(us)) / (BigInt(a.of) * HOUR);
}
