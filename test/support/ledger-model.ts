/**
 * The same semantics the slow, obvious way, sharing no code with the ledger: every request ever made is kept, a chain works on a copy of
 * everything, balances are folded anew from the list of effects whenever they are asked for.
 */

export interface ModelRequest {
  source: number;
  id: number;
  flags: number;
  debit: number;
  credit: number;
  amount: bigint;
  pendingId: number;
  timeoutUs: number;
}

interface Made {
  request: ModelRequest;
  state: 'done' | 'failed';
}
interface Held {
  key: string;
  debit: number;
  credit: number;
  amount: bigint;
  expires: number;
  became: 'open' | 'posted' | 'voided' | 'expired';
}
interface World {
  made: Map<string, Made>;
  held: Map<string, Held>;
  /** [debit, credit, amount] that were posted. */
  posted: [number, number, bigint][];
}
export interface ModelAccount {
  ledger: number;
  debitsMustNotExceedCredits: boolean;
  creditsMustNotExceedDebits: boolean;
}

const LINKED = 1;
const PENDING = 2;
const POST = 4;
const VOID = 8;
const BALANCING_DEBIT = 16;
const BALANCING_CREDIT = 32;
const MAX = 9_223_372_036_854_775_807n;
const transient = [
  'debit_account_not_found',
  'credit_account_not_found',
  'pending_transfer_not_found',
  'exceeds_credits',
  'exceeds_debits',
];

export class LedgerModel {
  readonly accounts: ModelAccount[];
  readonly #window: number;
  #world: World = { made: new Map(), held: new Map(), posted: [] };
  #high = new Map<number, number>();
  #now = 0;

  constructor(accounts: ModelAccount[], window: number) {
    this.accounts = accounts;
    this.#window = window;
  }

  advance(now: number): void {
    this.#now = now;
    for (const h of this.#world.held.values()) if (h.became === 'open' && h.expires <= now) h.became = 'expired';
  }

  /** debits pending, debits posted, credits pending, credits posted. */
  balance(account: number, w: World = this.#world): [bigint, bigint, bigint, bigint] {
    const sum = (list: bigint[]) => list.reduce((a, b) => a + b, 0n);
    const open = [...w.held.values()].filter((h) => h.became === 'open');
    return [
      sum(open.filter((h) => h.debit === account).map((h) => h.amount)),
      sum(w.posted.filter((p) => p[0] === account).map((p) => p[2])),
      sum(open.filter((h) => h.credit === account).map((h) => h.amount)),
      sum(w.posted.filter((p) => p[1] === account).map((p) => p[2])),
    ];
  }

  submit(batch: readonly ModelRequest[]): string[] {
    const out: string[] = [];
    let i = 0;
    while (i < batch.length) {
      const chain: ModelRequest[] = [];
      while (i < batch.length && (batch[i]!.flags & LINKED) !== 0) chain.push(batch[i++]!);
      if (i === batch.length && chain.length > 0) {
        for (const k of chain.keys())
          out.push(k === chain.length - 1 ? 'linked_event_chain_open' : 'linked_event_failed');
        break;
      }
      chain.push(batch[i++]!);
      const copy: World = {
        made: new Map(this.#world.made),
        held: new Map([...this.#world.held].map(([k, h]) => [k, { ...h }])),
        posted: [...this.#world.posted],
      };
      const high = new Map(this.#high);
      let broken = -1;
      let why = '';
      for (let k = 0; k < chain.length && broken < 0; k++) {
        why = this.#apply(copy, high, chain[k]!);
        if (why !== 'created') broken = k;
      }
      if (broken < 0) {
        this.#world = copy;
        this.#high = high;
        for (const _ of chain) out.push('created');
        continue;
      }
      if (transient.includes(why)) this.#keep(this.#world, this.#high, chain[broken]!, 'failed');
      for (const k of chain.keys()) out.push(k === broken ? why : 'linked_event_failed');
    }
    return out;
  }

  #keep(w: World, high: Map<number, number>, r: ModelRequest, state: Made['state']): void {
    w.made.set(`${r.source}/${r.id}`, { request: r, state });
    high.set(r.source, Math.max(high.get(r.source) ?? 0, r.id));
  }

  #remembered(w: World, high: Map<number, number>, source: number, id: number): Made | undefined {
    // A number is forgotten when the source has come a whole window further.
    return id + this.#window <= (high.get(source) ?? 0) ? undefined : w.made.get(`${source}/${id}`);
  }

  #apply(w: World, high: Map<number, number>, r: ModelRequest): string {
    if (r.id < 1) return 'id_must_be_positive';
    const before = this.#remembered(w, high, r.source, r.id);
    if (before !== undefined) {
      const b = before.request;
      if (b.flags !== r.flags) return 'exists_with_different_flags';
      if (b.pendingId !== r.pendingId) return 'exists_with_different_pending_id';
      if (b.timeoutUs !== r.timeoutUs) return 'exists_with_different_timeout';
      if (b.debit !== r.debit) return 'exists_with_different_debit_account';
      if (b.credit !== r.credit) return 'exists_with_different_credit_account';
      if (b.amount !== r.amount) return 'exists_with_different_amount';
      return before.state === 'failed' ? 'id_already_failed' : 'exists';
    }
    if (r.id + this.#window <= (high.get(r.source) ?? 0)) return 'id_before_window';
    if (r.amount < 0n || r.amount > MAX) return 'amount_out_of_range';
    const two = [PENDING, POST, VOID].filter((f) => (r.flags & f) !== 0);
    const balancing = (r.flags & (BALANCING_DEBIT | BALANCING_CREDIT)) !== 0;
    if (two.length > 1 || (balancing && two[0] !== undefined && two[0] !== PENDING))
      return 'flags_are_mutually_exclusive';
    if (r.timeoutUs < 0) return 'timeout_out_of_range';
    if (r.timeoutUs > 0 && two[0] !== PENDING) return 'timeout_reserved_for_pending_transfer';
    if (two[0] === POST || two[0] === VOID) {
      if (r.pendingId === 0) return 'pending_id_must_not_be_zero';
      const h = w.held.get(`${r.source}/${r.pendingId}`);
      const known = this.#remembered(w, high, r.source, r.pendingId);
      if (h?.became !== 'open' && (known === undefined || known.state === 'failed'))
        return 'pending_transfer_not_found';
      if (h === undefined) return 'pending_transfer_not_pending';
      if (r.debit !== -1 && r.debit !== h.debit) return 'pending_transfer_has_different_debit_account';
      if (r.credit !== -1 && r.credit !== h.credit) return 'pending_transfer_has_different_credit_account';
      // A clamped reservation that is closed is remembered by what was asked for.
      const size = h.became === 'open' ? h.amount : known!.request.amount;
      if (r.amount > size && r.amount !== MAX) return 'exceeds_pending_transfer_amount';
      if (two[0] === VOID && r.amount !== 0n && r.amount < size) return 'pending_transfer_has_different_amount';
      if (h.became === 'posted') return 'pending_transfer_already_posted';
      if (h.became === 'voided') return 'pending_transfer_already_voided';
      if (h.became === 'expired') return 'pending_transfer_expired';
      if (two[0] === POST) {
        h.became = 'posted';
        w.posted.push([h.debit, h.credit, r.amount === MAX ? h.amount : r.amount]);
      } else h.became = 'voided';
      this.#keep(w, high, r, 'done');
      return 'created';
    }
    if (r.pendingId !== 0) return 'pending_id_must_be_zero';
    const [debit, credit] = [this.accounts[r.debit], this.accounts[r.credit]];
    if (debit === undefined) return 'debit_account_not_found';
    if (credit === undefined) return 'credit_account_not_found';
    if (r.debit === r.credit) return 'accounts_must_be_different';
    if (debit.ledger !== credit.ledger) return 'accounts_must_have_the_same_ledger';
    const [dp, d, , dc] = this.balance(r.debit, w);
    const [, cd, cp, c] = this.balance(r.credit, w);
    let amount = r.amount;
    const least = (x: bigint) => (x < 0n ? 0n : x < amount ? x : amount);
    if ((r.flags & BALANCING_DEBIT) !== 0) amount = least(dc - d - dp);
    if ((r.flags & BALANCING_CREDIT) !== 0) amount = least(cd - c - cp);
    if (dp + d + amount > MAX) return 'overflows_debits';
    if (cp + c + amount > MAX) return 'overflows_credits';
    if (debit.debitsMustNotExceedCredits && dp + d + amount > dc) return 'exceeds_credits';
    if (credit.creditsMustNotExceedDebits && cp + c + amount > cd) return 'exceeds_debits';
    if (two[0] === PENDING) {
      const key = `${r.source}/${r.id}`;
      w.held.set(key, {
        key,
        debit: r.debit,
        credit: r.credit,
        amount,
        expires: r.timeoutUs === 0 ? Number.POSITIVE_INFINITY : this.#now + r.timeoutUs,
        became: 'open',
      });
    } else w.posted.push([r.debit, r.credit, amount]);
    this.#keep(w, high, r, 'done');
    return 'created';
  }
}
