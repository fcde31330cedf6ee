/**
 * Transfers from outside: requests that carry an id of their own, may come twice, late or in linked chains, and are answered with a code.
 * Semantics follow TigerBeetle's documented ones (reference/transfer, coding/two-phase-transfers, coding/linked-events): a request is
 * carried out at most once; the same id with the same fields answers `exists`, with others `exists_with_different_…`; an id that failed for
 * a reason that may pass stays failed, so that a retry never flips a result; a linked chain is carried out whole or not at all.
 *
 * What was changed: ids are (source, number) with numbers that grow; per source a high-water mark and a window of the last numbers are
 * kept, so memory does not grow with history. A number below the window is refused (`id_before_window`): it was answered long ago.
 * Amounts are 0 .. 2^63-1, where AMOUNT_MAX means "as much as there is" for posts and balancing transfers.
 */
import { Deadlines } from '../deadlines.ts';
import { NEVER, type TimeUs } from '../types.ts';
import { type Account, type Ledger, LedgerCode, MAX_AMOUNT } from './ledger.ts';

export const AMOUNT_MAX = MAX_AMOUNT;

export const DeskCode = {
  created: 0,
  exists: 1,
  existsWithDifferentFlags: 2,
  existsWithDifferentPendingId: 3,
  existsWithDifferentTimeout: 4,
  existsWithDifferentDebitAccount: 5,
  existsWithDifferentCreditAccount: 6,
  existsWithDifferentAmount: 7,
  idAlreadyFailed: 8,
  idBeforeWindow: 9,
  idMustBePositive: 10,
  linkedEventFailed: 11,
  linkedEventChainOpen: 12,
  flagsAreMutuallyExclusive: 13,
  debitAccountNotFound: 14,
  creditAccountNotFound: 15,
  accountsMustBeDifferent: 16,
  accountsMustHaveTheSameLedger: 17,
  amountOutOfRange: 18,
  timeoutReservedForPendingTransfer: 19,
  timeoutOutOfRange: 20,
  pendingIdMustBeZero: 21,
  pendingIdMustNotBeZero: 22,
  pendingTransferNotFound: 23,
  pendingTransferNotPending: 24,
  pendingTransferHasDifferentDebitAccount: 25,
  pendingTransferHasDifferentCreditAccount: 26,
  exceedsPendingTransferAmount: 27,
  pendingTransferHasDifferentAmount: 28,
  pendingTransferAlreadyPosted: 29,
  pendingTransferAlreadyVoided: 30,
  pendingTransferExpired: 31,
  overflowsDebits: 32,
  overflowsCredits: 33,
  exceedsCredits: 34,
  exceedsDebits: 35,
} as const;
export type DeskCode = (typeof DeskCode)[keyof typeof DeskCode];

/** `exists_with_different_amount` and so on, as they are documented. */
export const deskCodeNames: readonly string[] = Object.keys(DeskCode).map((k) =>
  k.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
);

export const Flag = { linked: 1, pending: 2, post: 4, void: 8, balancingDebit: 16, balancingCredit: 32 } as const;

export interface TransferRequest {
  /** Who numbers its requests; from 0. */
  source: number;
  /** Grows within the source; from 1. */
  id: number;
  flags: number;
  /** Account numbers in the ledger; for post and void -1 = those of the pending transfer. */
  debit: number;
  credit: number;
  amount: bigint;
  /** Number, in the same source, of the pending transfer that a post or void resolves; 0 otherwise. */
  pendingId: number;
  /** Pending transfers: length after which it expires; 0 = never. */
  timeoutUs: TimeUs;
}

/** Reasons that may pass by themselves: an id that met one of them stays failed. */
const TRANSIENT: ReadonlySet<number> = new Set([
  DeskCode.debitAccountNotFound,
  DeskCode.creditAccountNotFound,
  DeskCode.pendingTransferNotFound,
  DeskCode.exceedsCredits,
  DeskCode.exceedsDebits,
]);

const Resolution = { none: 0, posted: 1, voided: 2, expired: 3 } as const;

/** The last numbers of one source, by number modulo the window. */
class Window {
  readonly size: number;
  high = 0;
  readonly ids: Float64Array;
  /** Fields of the request, to tell a repetition from another one. */
  readonly flags: Uint8Array;
  readonly failed: Uint8Array;
  readonly resolution: Uint8Array;
  readonly debit: Int32Array;
  readonly credit: Int32Array;
  readonly amount: BigInt64Array;
  readonly pendingId: Float64Array;
  readonly timeoutUs: Float64Array;

  constructor(size: number) {
    this.size = size;
    this.ids = new Float64Array(size);
    this.flags = new Uint8Array(size);
    this.failed = new Uint8Array(size);
    this.resolution = new Uint8Array(size);
    this.debit = new Int32Array(size);
    this.credit = new Int32Array(size);
    this.amount = new BigInt64Array(size);
    this.pendingId = new Float64Array(size);
    this.timeoutUs = new Float64Array(size);
  }

  slot(id: number): number {
    return id % this.size;
  }
  has(id: number): boolean {
    return id > this.high - this.size && this.ids[id % this.size] === id;
  }
  put(r: TransferRequest, failed: boolean): void {
    const s = this.slot(r.id);
    this.ids[s] = r.id;
    this.flags[s] = r.flags;
    this.failed[s] = failed ? 1 : 0;
    this.resolution[s] = Resolution.none;
    this.debit[s] = r.debit;
    this.credit[s] = r.credit;
    this.amount[s] = r.amount;
    this.pendingId[s] = r.pendingId;
    this.timeoutUs[s] = r.timeoutUs;
    if (r.id > this.high) this.high = r.id;
  }
}

interface Open {
  source: number;
  id: number;
  ledgerId: number;
  amount: bigint;
  debit: Account;
  credit: Account;
  expiresUs: TimeUs;
}

export interface DeskState {
  now: TimeUs;
  sources: { high: number; entries: [number, number, number, number, number, number, bigint, number, number][] }[];
  open: [number, number, number, bigint, number, number, TimeUs][];
}

export class TransferDesk {
  readonly ledger: Ledger;
  readonly #window: number;
  readonly #sources: Window[] = [];
  /** Open pending transfers by the ledger's number, and the same by (source, id). */
  readonly #open = new Map<number, Open>();
  readonly #openById: Map<number, Open>[] = [];
  readonly #deadlines: Deadlines;
  #now: TimeUs = 0;
  /** Windows' entries made inside an open chain, to be forgotten with it. */
  #trail: (() => void)[] | null = null;

  /** `window` = how many of its last numbers each source may repeat or fill in. */
  constructor(ledger: Ledger, window = 65_536) {
    if (!Number.isSafeInteger(window) || window < 1) throw new Error(`transfer desk: a window of ${window}`);
    this.ledger = ledger;
    this.#window = window;
    this.#deadlines = new Deadlines((id, at) => this.#open.get(id)?.expiresUs === at);
  }

  nextWakeup(): TimeUs {
    return this.#deadlines.next();
  }

  /** Moves the clock on and lets go what has expired, in order of expiry. */
  advance(now: TimeUs): void {
    if (now < this.#now) throw new Error(`transfer desk: time goes back from ${this.#now} to ${now}`);
    this.#now = now;
    for (let id = this.#deadlines.take(now); id >= 0; id = this.#deadlines.take(now)) {
      const p = this.#open.get(id)!;
      this.ledger.void(p.expiresUs, p.ledgerId, 'expired');
      this.#close(p, Resolution.expired);
    }
  }

  /** Carries requests out in order; one code each. */
  submit(requests: readonly TransferRequest[]): DeskCode[] {
    const codes: DeskCode[] = [];
    for (let i = 0; i < requests.length; ) {
      if ((requests[i]!.flags & Flag.linked) === 0) {
        codes.push(this.one(requests[i]!));
        i++;
        continue;
      }
      let end = i;
      while (end < requests.length && (requests[end]!.flags & Flag.linked) !== 0) end++;
      if (end === requests.length) {
        // The chain has no last link.
        for (let k = i; k < end; k++)
          codes.push(k === end - 1 ? DeskCode.linkedEventChainOpen : DeskCode.linkedEventFailed);
        return codes;
      }
      this.#chain(requests.slice(i, end + 1), codes);
      i = end + 1;
    }
    return codes;
  }

  #chain(links: readonly TransferRequest[], codes: DeskCode[]): void {
    this.ledger.begin();
    this.#trail = [];
    let broken = -1;
    let code: DeskCode = DeskCode.created;
    for (let k = 0; k < links.length && broken < 0; k++) {
      code = this.#carryOut(links[k]!);
      if (code !== DeskCode.created) broken = k;
    }
    const trail = this.#trail;
    this.#trail = null;
    if (broken < 0) {
      this.ledger.commit();
      for (let k = 0; k < links.length; k++) codes.push(DeskCode.created);
      return;
    }
    this.ledger.rollback();
    for (let k = trail.length - 1; k >= 0; k--) trail[k]!();
    if (TRANSIENT.has(code)) this.#fail(links[broken]!);
    for (let k = 0; k < links.length; k++) codes.push(k === broken ? code : DeskCode.linkedEventFailed);
  }

  /** One request that is not part of a chain. */
  one(r: TransferRequest): DeskCode {
    const code = this.#carryOut(r);
    if (TRANSIENT.has(code)) this.#fail(r);
    return code;
  }

  #fail(r: TransferRequest): void {
    // An amount outside 64 bits never gets here: it is refused before any reason that may pass.
    this.#windowOf(r.source).put(r, true);
  }

  #windowOf(source: number): Window {
    let w = this.#sources[source];
    if (w === undefined) {
      for (let s = this.#sources.length; s <= source; s++) {
        this.#sources.push(new Window(this.#window));
        this.#openById.push(new Map());
      }
      w = this.#sources[source]!;
    }
    return w;
  }

  #carryOut(r: TransferRequest): DeskCode {
    if (!Number.isSafeInteger(r.id) || r.id < 1 || !Number.isSafeInteger(r.source) || r.source < 0)
      return DeskCode.idMustBePositive;
    const w = this.#windowOf(r.source);
    if (w.has(r.id)) return this.#repeated(w, r);
    if (r.id <= w.high - w.size) return DeskCode.idBeforeWindow;
    if (r.amount < 0n || r.amount > MAX_AMOUNT) return DeskCode.amountOutOfRange;
    const kind = r.flags & (Flag.pending | Flag.post | Flag.void);
    const balancing = r.flags & (Flag.balancingDebit | Flag.balancingCredit);
    if ((kind & (kind - 1)) !== 0 || (balancing !== 0 && (kind & (Flag.post | Flag.void)) !== 0))
      return DeskCode.flagsAreMutuallyExclusive;
    if (!Number.isSafeInteger(r.timeoutUs) || r.timeoutUs < 0 || r.timeoutUs > NEVER - this.#now)
      return DeskCode.timeoutOutOfRange;
    if (r.timeoutUs > 0 && kind !== Flag.pending) return DeskCode.timeoutReservedForPendingTransfer;
    if (kind === Flag.post || kind === Flag.void) return this.#resolve(w, r, kind);
    if (r.pendingId !== 0) return DeskCode.pendingIdMustBeZero;
    const debit = this.ledger.accounts[r.debit];
    if (debit === undefined) return DeskCode.debitAccountNotFound;
    const credit = this.ledger.accounts[r.credit];
    if (credit === undefined) return DeskCode.creditAccountNotFound;
    if (debit === credit) return DeskCode.accountsMustBeDifferent;
    if (debit.currency !== credit.currency) return DeskCode.accountsMustHaveTheSameLedger;
    const amount = balancing === 0 ? r.amount : clamp(r.amount, balancing, debit, credit);
    if (debit.debitsPending + debit.debitsPosted + amount > MAX_AMOUNT) return DeskCode.overflowsDebits;
    if (credit.creditsPending + credit.creditsPosted + amount > MAX_AMOUNT) return DeskCode.overflowsCredits;
    const code =
      kind === Flag.pending
        ? this.ledger.reserve(this.#now, debit, credit, amount, 0, 'pending')
        : this.ledger.transfer(this.#now, debit, credit, amount, 0, 'transfer');
    if (code === LedgerCode.exceedsCredits) return DeskCode.exceedsCredits;
    if (code === LedgerCode.exceedsDebits) return DeskCode.exceedsDebits;
    if (code !== LedgerCode.ok) throw new Error(`transfer desk: the ledger refuses with ${code} what was checked`);
    this.#done(w, r);
    if (kind === Flag.pending) this.#hold(r, this.ledger.lastId, amount, debit, credit);
    return DeskCode.created;
  }

  /** A number that was answered before. */
  #repeated(w: Window, r: TransferRequest): DeskCode {
    const s = w.slot(r.id);
    if (w.flags[s] !== r.flags) return DeskCode.existsWithDifferentFlags;
    if (w.pendingId[s] !== r.pendingId) return DeskCode.existsWithDifferentPendingId;
    if (w.timeoutUs[s] !== r.timeoutUs) return DeskCode.existsWithDifferentTimeout;
    if (w.debit[s] !== r.debit) return DeskCode.existsWithDifferentDebitAccount;
    if (w.credit[s] !== r.credit) return DeskCode.existsWithDifferentCreditAccount;
    if (w.amount[s] !== r.amount) return DeskCode.existsWithDifferentAmount;
    return w.failed[s] === 1 ? DeskCode.idAlreadyFailed : DeskCode.exists;
  }

  #resolve(w: Window, r: TransferRequest, kind: number): DeskCode {
    if (r.pendingId === 0) return DeskCode.pendingIdMustNotBeZero;
    const p = this.#openById[r.source]!.get(r.pendingId);
    const slot = w.slot(r.pendingId);
    const known = w.has(r.pendingId) && w.failed[slot] === 0;
    if (p === undefined && !known) return DeskCode.pendingTransferNotFound;
    if (p === undefined && (w.flags[slot]! & Flag.pending) === 0) return DeskCode.pendingTransferNotPending;
    const debit = p?.debit.index ?? w.debit[slot]!;
    const credit = p?.credit.index ?? w.credit[slot]!;
    const held = p?.amount ?? w.amount[slot]!;
    if (r.debit !== -1 && r.debit !== debit) return DeskCode.pendingTransferHasDifferentDebitAccount;
    if (r.credit !== -1 && r.credit !== credit) return DeskCode.pendingTransferHasDifferentCreditAccount;
    if (r.amount > held && r.amount !== AMOUNT_MAX) return DeskCode.exceedsPendingTransferAmount;
    if (kind === Flag.void && r.amount !== 0n && r.amount < held) return DeskCode.pendingTransferHasDifferentAmount;
    if (p === undefined) {
      const was = w.resolution[slot];
      if (was === Resolution.posted) return DeskCode.pendingTransferAlreadyPosted;
      return was === Resolution.voided ? DeskCode.pendingTransferAlreadyVoided : DeskCode.pendingTransferExpired;
    }
    const code =
      kind === Flag.post
        ? this.ledger.post(this.#now, p.ledgerId, r.amount === AMOUNT_MAX ? p.amount : r.amount, 'post')
        : this.ledger.void(this.#now, p.ledgerId, 'void');
    if (code !== LedgerCode.ok) throw new Error(`transfer desk: the ledger refuses with ${code} what was checked`);
    this.#close(p, kind === Flag.post ? Resolution.posted : Resolution.voided);
    this.#done(w, r);
    return DeskCode.created;
  }

  #done(w: Window, r: TransferRequest): void {
    if (this.#trail !== null) {
      const s = w.slot(r.id);
      const before = [
        w.high,
        w.ids[s]!,
        w.flags[s]!,
        w.failed[s]!,
        w.resolution[s]!,
        w.debit[s]!,
        w.credit[s]!,
        w.pendingId[s]!,
        w.timeoutUs[s]!,
      ] as const;
      const amount = w.amount[s]!;
      this.#trail.push(() => {
        [
          w.high,
          w.ids[s],
          w.flags[s],
          w.failed[s],
          w.resolution[s],
          w.debit[s],
          w.credit[s],
          w.pendingId[s],
          w.timeoutUs[s],
        ] = before;
        w.amount[s] = amount;
      });
    }
    w.put(r, false);
  }

  #hold(r: TransferRequest, ledgerId: number, amount: bigint, debit: Account, credit: Account): void {
    const expiresUs = r.timeoutUs === 0 ? NEVER : this.#now + r.timeoutUs;
    const p: Open = { source: r.source, id: r.id, ledgerId, amount, debit, credit, expiresUs };
    this.#admit(p);
    this.#trail?.push(() => this.#forget(p));
  }

  #admit(p: Open): void {
    this.#open.set(p.ledgerId, p);
    this.#openById[p.source]!.set(p.id, p);
    this.#deadlines.add(p.ledgerId, p.expiresUs);
  }

  #forget(p: Open): void {
    this.#open.delete(p.ledgerId);
    this.#openById[p.source]!.delete(p.id);
  }

  #close(p: Open, resolution: number): void {
    this.#forget(p);
    const w = this.#sources[p.source]!;
    const s = w.slot(p.id);
    const known = w.has(p.id);
    if (known) w.resolution[s] = resolution;
    this.#trail?.push(() => {
      if (known) w.resolution[s] = Resolution.none;
      this.#admit(p);
    });
  }

  /** Plain data; between submissions only. */
  snapshot(): DeskState {
    return {
      now: this.#now,
      sources: this.#sources.map((w) => ({
        high: w.high,
        entries: [...w.ids.keys()]
          .filter((s) => w.ids[s] !== 0)
          .map((s) => [
            w.ids[s]!,
            w.flags[s]!,
            w.failed[s]!,
            w.resolution[s]!,
            w.debit[s]!,
            w.credit[s]!,
            w.amount[s]!,
            w.pendingId[s]!,
            w.timeoutUs[s]!,
          ]),
      })),
      open: [...this.#open.values()].map((p) => [
        p.source,
        p.id,
        p.ledgerId,
        p.amount,
        p.debit.index,
        p.credit.index,
        p.expiresUs,
      ]),
    };
  }

  /** Into a fresh desk over the restored ledger. */
  restore(state: DeskState): void {
    if (this.#sources.length > 0) throw new Error('transfer desk: restore needs a fresh instance');
    this.#now = state.now;
    state.sources.forEach((from, source) => {
      const w = this.#windowOf(source);
      w.high = from.high;
      for (const [id, flags, failed, resolution, debit, credit, amount, pendingId, timeoutUs] of from.entries) {
        w.put({ source, id, flags, debit, credit, amount, pendingId, timeoutUs }, failed === 1);
        w.resolution[w.slot(id)] = resolution;
      }
      w.high = from.high;
    });
    for (const [source, id, ledgerId, amount, debit, credit, expiresUs] of state.open)
      this.#admit({
        source,
        id,
        ledgerId,
        amount,
        debit: this.ledger.accounts[debit]!,
        credit: this.ledger.accounts[credit]!,
        expiresUs,
      });
  }
}

/** A balancing transfer moves at most what brings the account to its limit. */
function clamp(amount: bigint, balancing: number, debit: Account, credit: Account): bigint {
  let most = amount;
  if ((balancing & Flag.balancingDebit) !== 0) {
    const room = debit.creditsPosted - debit.debitsPosted - debit.debitsPending;
    if (room < most) most = room < 0n ? 0n : room;
  }
  if ((balancing & Flag.balancingCredit) !== 0) {
    const room = credit.debitsPosted - credit.creditsPosted - credit.creditsPending;
    if (room < most) most = room < 0n ? 0n : room;
  }
  return most;
}
