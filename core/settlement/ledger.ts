/**
 * Double-entry ledger. Every movement is a transfer between two accounts of one currency; a balance is the fold of its
 * transfers and nothing else. A pending transfer reserves on both sides (the pessimistic rule of two-phase transfers) and is
 * resolved once, by a post of at most its amount or by a void.
 *
 * Money is integer micro-units; balances are BigInt; an amount outside 0 .. 2^63-1 is refused with a code.
 */
import { IdMap } from '../id-map.ts';
import type { Currency, TimeUs } from '../types.ts';

export const LedgerCode = {
  ok: 0,
  exceedsCredits: 1,
  pendingNotFound: 2,
  exceedsPending: 3,
  currencyMismatch: 4,
  sameAccount: 5,
  amountOutOfRange: 6,
  exceedsDebits: 7,
} as const;
export type LedgerCode = (typeof LedgerCode)[keyof typeof LedgerCode];

export const MAX_AMOUNT = 9_223_372_036_854_775_807n;

export interface Account {
  /** Position in the ledger, in order of opening. */
  readonly index: number;
  readonly party: string;
  readonly currency: number;
  /** Debits may not exceed credits: prepaid users, income and escrow. Off for the outside world and postpaid users. */
  limited: boolean;
  /** Credits may not exceed debits: what is owed to us, such as a credit line that can only be paid back. */
  creditsLimited: boolean;
  debitsPending: bigint;
  debitsPosted: bigint;
  creditsPending: bigint;
  creditsPosted: bigint;
}

export type TransferKind = 'single' | 'pending' | 'post' | 'void';

export interface TransferEntry {
  id: number;
  time: TimeUs;
  kind: TransferKind;
  debit: Account;
  credit: Account;
  amount: bigint;
  pending: number;
  hold: number;
  reason: string;
}

interface Pending {
  debit: Account;
  credit: Account;
  amount: bigint;
  hold: number;
}

export interface LedgerState {
  next: number;
  /** party, currency, limited, four balances, credits limited */
  accounts: [string, number, boolean, bigint, bigint, bigint, bigint, boolean][];
  pending: [number, number, number, bigint, number][];
}

export class Ledger {
  readonly currencies: readonly Currency[];
  readonly accounts: Account[] = [];
  readonly #byKey: Map<string, Account>[];
  readonly #pending = new IdMap<Pending>();
  #next = 1;
  readonly #booked: (entry: TransferEntry) => void;
  /** Reused for every transfer. */
  readonly #entry = {} as TransferEntry;
  /** Open chain: what it booked, and how to take it back. */
  #chain: { entries: TransferEntry[]; undo: (() => void)[]; next: number } | null = null;

  /** `booked` sees every transfer in order; it must not keep the entry. */
  constructor(currencies: readonly Currency[], booked: (entry: TransferEntry) => void) {
    this.currencies = currencies;
    this.#byKey = currencies.map(() => new Map());
    this.#booked = booked;
  }

  find(party: string, currency: number): Account | undefined {
    return this.#byKey[currency]?.get(party);
  }

  /** The account, opened when new. The limits count only at opening. */
  open(party: string, currency: number, limited: boolean, creditsLimited = false): Account {
    const byParty = this.#byKey[currency];
    if (byParty === undefined) throw new Error(`ledger: unknown currency ${currency}`);
    let account = byParty.get(party);
    if (account === undefined) {
      account = {
        index: this.accounts.length,
        party,
        currency,
        limited,
        creditsLimited,
        debitsPending: 0n,
        debitsPosted: 0n,
        creditsPending: 0n,
        creditsPosted: 0n,
      };
      byParty.set(party, account);
      this.accounts.push(account);
    }
    return account;
  }

  /** Credits minus debits that are posted. */
  balance(account: Account): bigint {
    return account.creditsPosted - account.debitsPosted;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  pendingAmount(id: number): bigint | undefined {
    return this.#pending.get(id)?.amount;
  }

  transfer(time: TimeUs, debit: Account, credit: Account, amount: bigint, hold: number, reason: string): LedgerCode {
    const code = this.#admit(debit, credit, amount);
    if (code !== LedgerCode.ok) return code;
    if (this.#chain !== null) this.#remember(debit, credit);
    debit.debitsPosted += amount;
    credit.creditsPosted += amount;
    this.#book(time, 'single', debit, credit, amount, 0, hold, reason);
    return LedgerCode.ok;
  }

  /** Reserves `amount`; on success `lastId` names the pending transfer. */
  reserve(time: TimeUs, debit: Account, credit: Account, amount: bigint, hold: number, reason: string): LedgerCode {
    const code = this.#admit(debit, credit, amount);
    if (code !== LedgerCode.ok) return code;
    if (this.#chain !== null) {
      this.#remember(debit, credit);
      const id = this.#next;
      this.#chain.undo.push(() => this.#pending.delete(id));
    }
    debit.debitsPending += amount;
    credit.creditsPending += amount;
    this.#pending.set(this.#next, { debit, credit, amount, hold });
    this.#book(time, 'pending', debit, credit, amount, 0, hold, reason);
    return LedgerCode.ok;
  }

  /** Moves `amount` of a reservation and lets the rest go. */
  post(time: TimeUs, pending: number, amount: bigint, reason: string): LedgerCode {
    const p = this.#pending.get(pending);
    if (p === undefined) return LedgerCode.pendingNotFound;
    if (amount < 0n) return LedgerCode.amountOutOfRange;
    if (amount > p.amount) return LedgerCode.exceedsPending;
    this.#letGo(pending, p);
    p.debit.debitsPosted += amount;
    p.credit.creditsPosted += amount;
    this.#book(time, 'post', p.debit, p.credit, amount, pending, p.hold, reason);
    return LedgerCode.ok;
  }

  void(time: TimeUs, pending: number, reason: string): LedgerCode {
    const p = this.#pending.get(pending);
    if (p === undefined) return LedgerCode.pendingNotFound;
    this.#letGo(pending, p);
    this.#book(time, 'void', p.debit, p.credit, p.amount, pending, p.hold, reason);
    return LedgerCode.ok;
  }

  /** Number of the last transfer booked. */
  get lastId(): number {
    return this.#next - 1;
  }

  #admit(debit: Account, credit: Account, amount: bigint): LedgerCode {
    if (debit.currency !== credit.currency) return LedgerCode.currencyMismatch;
    if (debit === credit) return LedgerCode.sameAccount;
    if (amount < 0n || amount > MAX_AMOUNT) return LedgerCode.amountOutOfRange;
    if (debit.limited && debit.debitsPending + debit.debitsPosted + amount > debit.creditsPosted)
      return LedgerCode.exceedsCredits;
    if (credit.creditsLimited && credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted)
      return LedgerCode.exceedsDebits;
    return LedgerCode.ok;
  }

  // ---- chains: all of their transfers or none ----

  /** Until `commit` or `rollback`, transfers are booked but not yet told to anybody. */
  begin(): void {
    if (this.#chain !== null) throw new Error('ledger: a chain is open already');
    this.#chain = { entries: [], undo: [], next: this.#next };
  }

  commit(): void {
    const chain = this.#chain;
    if (chain === null) throw new Error('ledger: no chain to commit');
    this.#chain = null;
    for (const e of chain.entries) this.#booked(e);
  }

  rollback(): void {
    const chain = this.#chain;
    if (chain === null) throw new Error('ledger: no chain to take back');
    this.#chain = null;
    for (let i = chain.undo.length - 1; i >= 0; i--) chain.undo[i]!();
    this.#next = chain.next;
  }

  #remember(...accounts: Account[]): void {
    for (const a of accounts) {
      const { debitsPending, debitsPosted, creditsPending, creditsPosted } = a;
      this.#chain!.undo.push(() => Object.assign(a, { debitsPending, debitsPosted, creditsPending, creditsPosted }));
    }
  }

  #letGo(id: number, p: Pending): void {
    if (this.#chain !== null) {
      this.#remember(p.debit, p.credit);
      this.#chain.undo.push(() => this.#pending.set(id, p));
    }
    this.#pending.delete(id);
    p.debit.debitsPending -= p.amount;
    p.credit.creditsPending -= p.amount;
  }

  #book(
    time: TimeUs,
    kind: TransferKind,
    debit: Account,
    credit: Account,
    amount: bigint,
    pending: number,
    hold: number,
    reason: string,
  ): void {
    const e = this.#entry;
    e.id = this.#next++;
    e.time = time;
    e.kind = kind;
    e.debit = debit;
    e.credit = credit;
    e.amount = amount;
    e.pending = pending;
    e.hold = hold;
    e.reason = reason;
    if (this.#chain === null) this.#booked(e);
    else this.#chain.entries.push({ ...e });
  }

  snapshot(): LedgerState {
    return {
      next: this.#next,
      accounts: this.accounts.map((a) => [
        a.party,
        a.currency,
        a.limited,
        a.debitsPending,
        a.debitsPosted,
        a.creditsPending,
        a.creditsPosted,
        a.creditsLimited,
      ]),
      pending: this.#pending.entries().map(([id, p]) => [id, p.debit.index, p.credit.index, p.amount, p.hold]),
    };
  }

  restore(state: LedgerState): void {
    if (this.accounts.length > 0) throw new Error('ledger: restore needs a fresh instance');
    this.#next = state.next;
    for (const [party, currency, limited, dp, d, cp, c, creditsLimited] of state.accounts) {
      const account = this.open(party, currency, limited, creditsLimited);
      account.debitsPending = dp;
      account.debitsPosted = d;
      account.creditsPending = cp;
      account.creditsPosted = c;
    }
    for (const [id, debit, credit, amount, hold] of state.pending) {
      this.#pending.set(id, { debit: this.accounts[debit]!, credit: this.accounts[credit]!, amount, hold });
    }
  }

  /** First broken law of the books, or null: both sides equal, pending sums match the open holds, limits kept. */
  fault(): string | null {
    const posted = this.currencies.map(() => 0n);
    const pending = this.currencies.map(() => 0n);
    let reserved = 0n;
    for (const a of this.accounts) {
      posted[a.currency]! += a.debitsPosted - a.creditsPosted;
      pending[a.currency]! += a.debitsPending - a.creditsPending;
      reserved += a.debitsPending;
      if (a.debitsPending < 0n || a.creditsPending < 0n) return `account ${a.party} reserves a negative amount`;
      if (a.limited && a.debitsPending + a.debitsPosted > a.creditsPosted)
        return `account ${a.party} owes more than it holds`;
      if (a.creditsLimited && a.creditsPending + a.creditsPosted > a.debitsPosted)
        return `account ${a.party} was paid back more than it lent`;
    }
    for (const [i, c] of this.currencies.entries()) {
      if (posted[i] !== 0n) return `debits minus credits in ${c.code} is ${posted[i]}, not 0`;
      if (pending[i] !== 0n) return `pending debits minus pending credits in ${c.code} is ${pending[i]}, not 0`;
    }
    for (const p of this.#pending.values()) reserved -= p.amount;
    if (reserved !== 0n) return `accounts reserve ${reserved} more than the open holds`;
    return null;
  }
}
