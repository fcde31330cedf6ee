/**
 * Postpaid with escrow per block: a deposit is drained by payments at a rate per block; what it cannot cover is owed. As Akash's escrow
 * keeper settles: payments in stored order, first come first served, whole units per block. Changed: `pro-rata` divides a deposit that does
 * not suffice by rate (largest remainder) instead, and deposits are drained in order of arrival.
 */
import { largestRemainder } from '../num/index.ts';

export type ShortagePolicy = 'first-come' | 'pro-rata';

/** What each due amount gets of `left`: all of it, or as the policy says where it does not suffice. */
export function divideShortage(left: bigint, due: readonly bigint[], policy: ShortagePolicy): readonly bigint[] {
  const sum = due.reduce((a, b) => a + b, 0n);
  if (sum <= left) return due;
  if (policy === 'pro-rata') return largestRemainder(left, due);
  let rest = left;
  return due.map((d) => {
    const part = d < rest ? d : rest;
    rest -= part;
    return part;
  });
}

export interface EscrowPayment {
  readonly id: string;
  readonly ratePerBlock: bigint;
  transferred: bigint;
  /** Owed from blocks that the deposit did not cover. */
  unsettled: bigint;
}

export interface EscrowState {
  deposits: { from: string; left: bigint }[];
  payments: EscrowPayment[];
  settledAt: number;
  overdrawn: boolean;
}

export class BlockEscrow {
  readonly #policy: ShortagePolicy;
  readonly #deposits: { from: string; left: bigint }[] = [];
  readonly #payments: EscrowPayment[] = [];
  #settledAt: number;
  #overdrawn = false;

  constructor(openedAt: number, policy: ShortagePolicy = 'first-come') {
    this.#settledAt = openedAt;
    this.#policy = policy;
  }

  /** Money in hand, less what is owed: negative when overdrawn. */
  get funds(): bigint {
    return this.left - this.#payments.reduce((s, p) => s + p.unsettled, 0n);
  }
  /** Money in hand. */
  get left(): bigint {
    return this.#deposits.reduce((s, d) => s + d.left, 0n);
  }
  get overdrawn(): boolean {
    return this.#overdrawn;
  }
  get payments(): readonly Readonly<EscrowPayment>[] {
    return this.#payments;
  }
  /** What each depositor has left, in order of arrival. */
  get deposits(): readonly Readonly<{ from: string; left: bigint }>[] {
    return this.#deposits;
  }

  /** Adds money; an overdrawn account pays what it owes first, in order, and is open again when nothing is owed. */
  deposit(from: string, amount: bigint): void {
    if (amount <= 0n) throw new Error(`escrow: a deposit of ${amount}; give more than 0`);
    this.#deposits.push({ from, left: amount });
    for (const p of this.#payments) {
      const paid = this.#draw(p.unsettled);
      p.unsettled -= paid;
      p.transferred += paid;
    }
    this.#overdrawn = this.#payments.some((p) => p.unsettled > 0n);
  }

  open(id: string, ratePerBlock: bigint, at: number): void {
    if (ratePerBlock <= 0n) throw new Error(`escrow: a rate of ${ratePerBlock}; give more than 0`);
    if (this.#payments.some((p) => p.id === id)) throw new Error(`escrow: payment ${id} is open already`);
    this.settle(at);
    if (this.#overdrawn) throw new Error('escrow: overdrawn; deposit first');
    this.#payments.push({ id, ratePerBlock, transferred: 0n, unsettled: 0n });
  }

  /** Pays for all blocks since the last settlement. */
  settle(at: number): void {
    if (at < this.#settledAt) throw new Error(`escrow: block ${at} lies before ${this.#settledAt}`);
    const blocks = BigInt(at - this.#settledAt);
    this.#settledAt = at;
    if (blocks === 0n || this.#overdrawn || this.#payments.length === 0) return;
    this.pay(this.#payments.map((p) => p.ratePerBlock * blocks));
  }

  /** Pays what has become due for each payment, in order; what the deposits do not cover is owed. */
  pay(due: readonly bigint[]): void {
    const parts = divideShortage(this.left, due, this.#policy);
    this.#payments.forEach((p, i) => {
      const paid = this.#draw(parts[i]!);
      p.transferred += paid;
      p.unsettled += due[i]! - paid;
      if (paid < due[i]!) this.#overdrawn = true;
    });
  }

  /** Closes the account: nothing is owed to anybody any more, and what is left goes back. */
  close(): bigint {
    const { left } = this;
    this.#deposits.length = 0;
    for (const p of this.#payments) p.unsettled = 0n;
    this.#overdrawn = false;
    return left;
  }

  /** Up to `amount` from the deposits, the first one first. */
  #draw(amount: bigint): bigint {
    let drawn = 0n;
    for (const d of this.#deposits) {
      const part = d.left < amount - drawn ? d.left : amount - drawn;
      d.left -= part;
      drawn += part;
      if (drawn === amount) break;
    }
    return drawn;
  }

  static of(state: EscrowState, policy: ShortagePolicy): BlockEscrow {
    const escrow = new BlockEscrow(state.settledAt, policy);
    for (const d of state.deposits) escrow.#deposits.push({ ...d });
    for (const p of state.payments) escrow.#payments.push({ ...p });
    escrow.#overdrawn = state.overdrawn;
    return escrow;
  }

  snapshot(): EscrowState {
    return {
      deposits: this.#deposits.map((d) => ({ ...d })),
      payments: this.#payments.map((p) => ({ ...p })),
      settledAt: this.#settledAt,
      overdrawn: this.#overdrawn,
    };
  }
}
