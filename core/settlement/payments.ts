/**
 * How the money of an attempt moves, by the contract it was sold under. `hold` reserves everything and posts the charge in the end; the others
 * open a stream when all parts are claimed, pay it from the nodes' meter readings, and settle the rest when the attempt is over:
 *
 * - `prepaid`: everything into escrow, released period by period (as Janction's PaymentImpl does by the hour), the rest refunded;
 * - `escrow`: a deposit drained by whole blocks, topped up a period ahead while its user has money (BlockEscrow; Akash);
 * - `notes`: a debit note each period, accepted by the user in time or the job is given up; an invoice in the end (DebitNotes; Golem).
 *
 * What is not paid in the end is a debt: whoever owes gets no new hold, and a deposit pays debts first. What was paid for work that the rule of
 * losses makes free is taken back: from what the provider has earned since the last distribution, then from its deposit; the rest is lost.
 */
import { Deadlines } from '../deadlines.ts';
import { IdMap } from '../id-map.ts';
import type { Port } from '../machine.ts';
import type { Metered } from '../messages.ts';
import { largestRemainder } from '../num/index.ts';
import {
  attemptOfHold,
  Code,
  type ContractRules,
  jobOfHold,
  type MarketConfig,
  NEVER,
  Outcome,
  outcomeNames,
  type TimeUs,
} from '../types.ts';
import { BlockEscrow, divideShortage, type EscrowState } from './block-escrow.ts';
import type { Contract } from './contract.ts';
import { DebitNotes, type DebitNotesState } from './debit-notes.ts';
import type { Disputes } from './disputes.ts';
import type { Distribution } from './distribution.ts';
import { type Account, type Ledger, LedgerCode, MAX_AMOUNT } from './ledger.ts';
import { billedUse, isAtFault } from './losses.ts';
import { chargeOf, isCharged } from './metering.ts';
import type { ClaimedPart } from './placement-row.ts';
import type { Supply } from './supply.ts';
import { blockPrice, chargeUnder, depositFor, dueSoFar, type PartUse } from './terms.ts';

/** Money of one running attempt. Lists follow the contract's claims. */
interface Stream {
  escrow: BlockEscrow | null;
  notes: DebitNotes | null;
  /** Taken from the user into escrow so far. */
  taken: bigint;
  /** Paid to the pool for each part so far. */
  paid: bigint[];
  /** When the buyer accepts the open note; NEVER = it does not, or none is open. */
  answerUs: TimeUs;
}

/** What a user owes for an attempt that is over. */
interface Debt {
  hold: number;
  part: number;
  /** Pool whose revenue account it is owed to. */
  pot: number;
  provider: string;
  amount: bigint;
}

export interface PaymentsState {
  streams: (Omit<Stream, 'escrow' | 'notes'> & {
    job: number;
    escrow: EscrowState | null;
    notes: DebitNotesState | null;
  })[];
  /** user, currency, its debts in order */
  debts: [string, number, Debt[]][];
  silent: string[];
}

const milliOf = (p: ClaimedPart): number => p.gpuMilli * p.gpus.length;
const sumOf = (list: readonly bigint[]): bigint => list.reduce((a, b) => a + b, 0n);
const nothingCharged: { charge: bigint; shares: readonly bigint[] } = { charge: 0n, shares: [] };

export class Payments {
  readonly #config: MarketConfig;
  readonly #rules: ContractRules | undefined;
  readonly #ledger: Ledger;
  readonly #distribution: Distribution;
  readonly #supply: Supply;
  readonly #disputes: Disputes;
  readonly #port: Port;
  readonly #contract: (job: number) => Contract | undefined;
  readonly #giveUp: (job: number, code: Code) => void;
  readonly #streams = new IdMap<Stream>();
  readonly #debts = new Map<string, { user: string; currency: number; list: Debt[] }>();
  readonly #silent = new Set<string>();
  /** Jobs whose meters were read in this pulse. */
  #read: number[] = [];
  readonly #deadlines: Deadlines;

  /** `giveUp` ends a job whose user does not pay. */
  constructor(
    config: MarketConfig,
    ledger: Ledger,
    distribution: Distribution,
    supply: Supply,
    disputes: Disputes,
    port: Port,
    contract: (job: number) => Contract | undefined,
    giveUp: (job: number, code: Code) => void,
  ) {
    this.#config = config;
    this.#rules = config.contract;
    this.#ledger = ledger;
    this.#distribution = distribution;
    this.#supply = supply;
    this.#disputes = disputes;
    this.#port = port;
    this.#contract = contract;
    this.#giveUp = giveUp;
    this.#deadlines = new Deadlines((job, at) => {
      const s = this.#streams.get(job);
      return s !== undefined && wakeOf(s) === at;
    });
  }

  get #streaming(): boolean {
    return this.#rules !== undefined && this.#rules.kind !== 'hold';
  }

  nextWakeup(): TimeUs {
    return this.#deadlines.next();
  }

  /** What providers lodge before the first job. */
  open(now: TimeUs): void {
    const lodged = BigInt(this.#rules?.providerDeposit ?? '0');
    if (lodged === 0n) return;
    const world = this.#ledger.open('world', 0, false);
    for (const provider of new Set(this.#config.nodes.map((n) => n.provider)))
      this.#ledger.transfer(now, world, this.#ledger.open(`deposit:${provider}`, 0, true), lodged, 0, 'deposit');
  }

  // ---- before the attempt runs ----

  /** Reserves what the contract takes beforehand; on success the ledger's `lastId` names the hold. */
  reserve(now: TimeUs, user: Account, c: Pick<Contract, 'spec' | 'quote' | 'hold'>, pool: number): Code {
    const { quote } = c;
    const rules = this.#rules;
    const deposit = rules === undefined ? quote.maxCharge : depositFor(c.spec, quote, rules);
    if (this.#debts.size > 0 && this.#debts.has(`${c.spec.user}|${quote.currency}`)) return Code.insufficientFunds;
    if (rules?.kind === 'notes' && this.#silent.has(c.spec.user)) return Code.insufficientFunds;
    const into = this.#streaming
      ? this.#escrowOf(pool, quote.currency)
      : this.#distribution.revenue(pool, quote.currency);
    const code = this.#ledger.reserve(now, user, into, deposit, c.hold, 'hold');
    if (code !== LedgerCode.ok)
      return code === LedgerCode.exceedsCredits ? Code.insufficientFunds : Code.amountOverflow;
    if (rules !== undefined) {
      this.#port.row('quotes', {
        time_us: now,
        job_id: jobOfHold(c.hold),
        attempt: attemptOfHold(c.hold),
        quote_id: quote.id,
        contract: rules.kind,
        user: c.spec.user,
        pool: this.#config.pools[pool]!.id,
        epoch: quote.epoch,
        limit_us: c.spec.limitUs,
        dearest_micro_per_gpu_hour: Math.max(...quote.rates),
        currency: this.#config.currencies[quote.currency]!.code,
        reserved_micro: deposit,
        most_micro: quote.maxCharge,
      });
    }
    return Code.ok;
  }

  #escrowOf(pool: number, currency: number): Account {
    return this.#ledger.open(`escrow:${this.#config.pools[pool]!.id}`, currency, true);
  }

  /** All parts are claimed: what was reserved goes into escrow. */
  begin(now: TimeUs, c: Contract): void {
    const rules = this.#rules;
    if (rules === undefined || rules.kind === 'hold') return;
    const taken = this.#ledger.pendingAmount(c.pending)!;
    if (taken > 0n) this.#must(this.#ledger.post(now, c.pending, taken, 'escrow'), 'escrow');
    else this.#ledger.void(now, c.pending, 'escrow');
    c.pending = 0;
    const payments = c.claims.map((p) => ({ id: String(p.part), ratePerBlock: 0n, transferred: 0n, unsettled: 0n }));
    const deposits = taken > 0n ? [{ from: c.spec.user, left: taken }] : [];
    this.#streams.set(c.job, {
      escrow:
        rules.kind === 'notes'
          ? null
          : BlockEscrow.of({ deposits, payments, settledAt: 0, overdrawn: false }, rules.shortage),
      notes:
        rules.kind === 'notes'
          ? new DebitNotes({ intervalUs: rules.periodUs, acceptWithinUs: rules.acceptUs }, now)
          : null,
      taken,
      paid: c.claims.map(() => 0n),
      answerUs: NEVER,
    });
  }

  // ---- while it runs ----

  /** A node has read a meter; money moves when the whole inbox was read. */
  metered(now: TimeUs, m: Metered): void {
    const job = jobOfHold(m.hold);
    const c = this.#contract(job);
    if (c === undefined || c.hold !== m.hold || !this.#streams.has(job)) return;
    const p = c.claims.find((x) => x.part === m.part && x.node === m.node);
    const possible =
      m.startUs >= 0 && m.untilUs > m.startUs && m.untilUs <= now && m.untilUs - m.startUs <= c.spec.limitUs;
    if (p === undefined || p.read || m.untilUs <= p.meteredUs || !possible) return;
    p.startUs = m.startUs;
    p.meteredUs = m.untilUs;
    this.#meterRow(now, c, p, p.meteredUs, 'running', dueSoFar(this.#rules!, soFar(p)));
    if (!this.#read.includes(job)) this.#read.push(job);
  }

  #meterRow(now: TimeUs, c: Contract, p: ClaimedPart, untilUs: TimeUs, reading: string, due: bigint): void {
    const node = this.#config.nodes[p.node]!;
    this.#port.row('meters', {
      time_us: now,
      lease_id: c.lease + p.part,
      job_id: c.job,
      attempt: attemptOfHold(c.hold),
      part: p.part,
      pool: this.#config.pools[c.pot]!.id,
      provider: node.provider,
      gpu_class: this.#config.classes[node.gpuClass]!.name,
      milli_gpu: milliOf(p),
      rate_micro_per_gpu_hour: p.rateMicro,
      start_us: p.startUs,
      until_us: untilUs,
      reading,
      currency: this.#config.currencies[c.quote.currency]!.code,
      due_micro: due,
    });
  }

  flush(now: TimeUs): void {
    if (this.#read.length === 0) return;
    const jobs = this.#read;
    this.#read = [];
    for (const job of jobs) {
      const c = this.#contract(job);
      const s = this.#streams.get(job);
      if (c !== undefined && s !== undefined) this.#pay(now, c, s);
    }
  }

  /** Pays what has become due by the meters. */
  #pay(now: TimeUs, c: Contract, s: Stream): void {
    const rules = this.#rules!;
    const due = c.claims.map((p) => dueSoFar(rules, soFar(p)));
    if (s.notes !== null) {
      if (sumOf(due) === sumOf(s.paid)) return;
      s.notes.issue(now, sumOf(due));
      if (rules.answerUs > 0) s.answerUs = Math.min(s.answerUs, now + rules.answerUs);
      else this.#accept(now, c, s);
      this.#deadlines.add(c.job, wakeOf(s));
      return;
    }
    const escrow = s.escrow!;
    const steps = escrow.payments.map((p, i) => due[i]! - p.transferred - p.unsettled);
    const lack = sumOf(steps) - escrow.left;
    if (lack > 0n) this.#topUp(now, c, s, lack);
    escrow.pay(steps);
    this.#release(now, c, s);
    if (escrow.overdrawn) return this.#giveUp(c.job, Code.unpaid);
    if (rules.kind !== 'escrow') return;
    // Standing orders look a period ahead, so that only a user without money runs dry.
    const blocks = BigInt(Math.ceil(rules.periodUs / rules.blockUs));
    let next = 0n;
    for (const p of c.claims) if (!p.read) next += blocks * blockPrice(p.rateMicro, milliOf(p), rules.blockUs);
    if (next > escrow.left) this.#topUp(now, c, s, next - escrow.left);
  }

  /** At least `lack` into escrow, and as much as a deposit; never more in all than the quote allows, nor than there is. */
  #topUp(now: TimeUs, c: Contract, s: Stream, lack: bigint): void {
    const rules = this.#rules!;
    if (rules.kind !== 'escrow' || !rules.topUp) return;
    const user = this.#ledger.find(`user:${c.spec.user}`, c.quote.currency)!;
    const deposit = depositFor(c.spec, c.quote, rules);
    let amount = lack > deposit ? lack : deposit;
    for (const most of [c.quote.maxCharge - s.taken, available(user)]) if (amount > most) amount = most;
    if (amount <= 0n) return;
    this.#must(
      this.#ledger.transfer(now, user, this.#escrowOf(c.pot, c.quote.currency), amount, c.hold, 'top-up'),
      'top-up',
    );
    s.taken += amount;
    s.escrow!.deposit(c.spec.user, amount);
  }

  /** Hands on what the escrow has paid for each part. */
  #release(now: TimeUs, c: Contract, s: Stream): void {
    const from = this.#escrowOf(c.pot, c.quote.currency);
    s.escrow!.payments.forEach((p, i) => {
      this.#toPool(now, c, i, from, p.transferred - s.paid[i]!, 'release');
      s.paid[i] = p.transferred;
    });
  }

  #toPool(now: TimeUs, c: Contract, claim: number, from: Account, amount: bigint, reason: string): void {
    if (amount === 0n) return;
    const revenue = this.#distribution.revenue(c.pot, c.quote.currency);
    this.#must(this.#ledger.transfer(now, from, revenue, amount, c.hold, reason), reason);
    this.#disputes.earn(c, claim, amount);
  }

  // ---- debit notes ----

  /** The buyer answers: the open note is paid whole, or stays open. */
  #accept(now: TimeUs, c: Contract, s: Stream): void {
    if (s.notes!.asked === null || s.notes!.broken) return;
    const due = c.claims.map((p) => dueSoFar(this.#rules!, soFar(p)));
    if (this.#payByUser(now, c, s, due, 'note')) {
      s.notes!.accept(sumOf(due));
      s.answerUs = NEVER;
    }
  }

  /** From the user's account, all of it or nothing. */
  #payByUser(now: TimeUs, c: Contract, s: Stream, due: readonly bigint[], reason: string): boolean {
    const steps = due.map((d, i) => (d > s.paid[i]! ? d - s.paid[i]! : 0n));
    const user = this.#ledger.find(`user:${c.spec.user}`, c.quote.currency)!;
    if (this.#silent.has(c.spec.user) || sumOf(steps) > available(user)) return false;
    steps.forEach((step, i) => {
      this.#toPool(now, c, i, user, step, reason);
      s.paid[i]! += step;
    });
    return true;
  }

  /** Answers that are due, and notes that nobody has accepted in time. */
  due(now: TimeUs): void {
    for (let job = this.#deadlines.take(now); job >= 0; job = this.#deadlines.take(now)) {
      const s = this.#streams.get(job)!;
      const c = this.#contract(job)!;
      if (s.answerUs <= now) {
        s.answerUs = NEVER;
        this.#accept(now, c, s);
      }
      if (s.notes!.dueUs < now && s.notes!.pulse(now, 0n) === 'broken') this.#giveUp(job, Code.unpaid);
      this.#deadlines.add(job, wakeOf(s));
    }
  }

  /** The user answers notes again, or stops. */
  payer(now: TimeUs, user: string, answers: boolean): void {
    if (!answers) {
      this.#silent.add(user);
      return;
    }
    this.#silent.delete(user);
    for (let currency = 0; currency < this.#config.currencies.length; currency++) this.deposited(now, user, currency);
  }

  /** The user has money: debts first, in order, then notes that wait. */
  deposited(now: TimeUs, user: string, currency: number): void {
    if (!this.#streaming || this.#silent.has(user)) return;
    const account = this.#ledger.find(`user:${user}`, currency);
    if (account === undefined) return;
    const key = `${user}|${currency}`;
    const owed = this.#debts.get(key);
    while (owed !== undefined && owed.list.length > 0) {
      const d = owed.list[0]!;
      const has = available(account);
      const paid = d.amount < has ? d.amount : has;
      if (paid <= 0n) break;
      const revenue = this.#distribution.revenue(d.pot, currency);
      this.#must(this.#ledger.transfer(now, account, revenue, paid, d.hold, 'debt'), 'debt');
      this.#distribution.accrue(d.pot, currency, d.provider, paid);
      this.#adjust(now, d.hold, d.part, 'debt-paid', user, d.provider, currency, paid);
      d.amount -= paid;
      if (d.amount === 0n) owed.list.shift();
    }
    if (owed?.list.length === 0) this.#debts.delete(key);
    for (const [job, s] of this.#streams.entries()) {
      const c = this.#contract(job)!;
      if (s.notes !== null && c.spec.user === user && c.quote.currency === currency) this.#accept(now, c, s);
    }
  }

  // ---- the end of an attempt ----

  /** Every part is read: settles the attempt, and answers its charge and each part's share of it. */
  end(now: TimeUs, c: Contract, outcome: Outcome): { charge: bigint; shares: readonly bigint[] } {
    const rules = this.#rules;
    let bill = nothingCharged;
    if (rules === undefined) {
      if (isCharged(outcome)) bill = chargeOf(c.claims.map(usageOf));
    } else bill = chargeUnder(rules, billedUse(rules.loss, outcome, c.claims.map(endedPart)));
    if (rules !== undefined)
      c.claims.forEach((p, i) => {
        this.#meterRow(now, c, p, p.endUs, p.read ? 'final' : 'unread', bill.shares[i]!);
      });
    const s = this.#streams.get(c.job);
    if (s === undefined) this.#post(now, c, bill, outcome);
    else {
      this.#streams.delete(c.job);
      this.#finish(now, c, s, bill.shares);
    }
    const failed = outcome === Outcome.nodeFailure || outcome === Outcome.gpuFailure;
    if (rules !== undefined && rules.creditBps > 0 && failed) this.#credit(now, c, rules);
    this.#disputes.opened(now, c);
    return bill;
  }

  #post(now: TimeUs, c: Contract, bill: { charge: bigint; shares: readonly bigint[] }, outcome: Outcome): void {
    if (bill.charge === 0n) {
      this.#ledger.void(now, c.pending, outcomeNames[outcome]);
      return;
    }
    this.#must(this.#ledger.post(now, c.pending, bill.charge, outcomeNames[outcome]), `hold ${c.hold}`);
    for (let i = 0; i < c.claims.length; i++) {
      const share = bill.shares[i]!;
      if (share > 0n) this.#accrue(c, i, share);
    }
  }

  #accrue(c: Contract, claim: number, share: bigint): void {
    const p = c.claims[claim]!;
    const { provider } = this.#config.nodes[p.node]!;
    const t = p.supply;
    if (t.of === 0) return this.#disputes.earn(c, claim, share);
    const pay = this.#supply.earned(c.pot, t, milliOf(p), p.startUs, p.endUs, share);
    const asked = this.#supply.asked(p.node, t, milliOf(p), p.startUs, p.endUs);
    const fee = this.#supply.fee(c.pot, t, milliOf(p), p.startUs, p.endUs, share, pay);
    this.#distribution.accrueSupply(c.pot, provider, pay, share - pay - fee, asked, fee);
  }

  /** The rest is paid, refunded, owed or taken back. */
  #finish(now: TimeUs, c: Contract, s: Stream, shares: readonly bigint[]): void {
    const rules = this.#rules!;
    const user = this.#ledger.find(`user:${c.spec.user}`, c.quote.currency)!;
    const want = shares.map((d, i) => (d > s.paid[i]! ? d - s.paid[i]! : 0n));
    if (s.escrow !== null) {
      const escrow = this.#escrowOf(c.pot, c.quote.currency);
      const before = s.taken;
      let left = s.escrow.close();
      if (sumOf(want) > left) this.#topUp(now, c, s, sumOf(want) - left);
      left += s.taken - before;
      divideShortage(left, want, rules.shortage).forEach((part, i) => {
        this.#toPool(now, c, i, escrow, part, 'release');
        s.paid[i]! += part;
        left -= part;
      });
      if (left > 0n) this.#must(this.#ledger.transfer(now, escrow, user, left, c.hold, 'refund'), 'refund');
    } else if (sumOf(want) > 0n) this.#payByUser(now, c, s, shares, 'invoice');
    shares.forEach((share, i) => {
      const owed = share - s.paid[i]!;
      if (owed > 0n) this.#owe(now, c, i, owed);
      if (owed < 0n) {
        const short = this.#collect(now, c, i, -owed, 'refund');
        if (short > 0n) this.#note(now, c, i, 'refund-short', short);
      }
    });
  }

  #owe(now: TimeUs, c: Contract, claim: number, amount: bigint): void {
    const p = c.claims[claim]!;
    const { user } = c.spec;
    const { currency } = c.quote;
    const key = `${user}|${currency}`;
    const owed = this.#debts.get(key) ?? { user, currency, list: [] };
    const { provider } = this.#config.nodes[p.node]!;
    owed.list.push({ hold: c.hold, part: p.part, pot: c.pot, provider, amount });
    this.#debts.set(key, owed);
    this.#note(now, c, claim, 'unpaid', amount);
  }

  /** Takes up to `amount` from a provider for the user: what it earned and was not yet paid, then its deposit. Answers what is missing. */
  #collect(now: TimeUs, c: Contract, claim: number, amount: bigint, reason: 'refund' | 'credit'): bigint {
    const { provider } = this.#config.nodes[c.claims[claim]!.node]!;
    const { currency } = c.quote;
    const user = this.#ledger.find(`user:${c.spec.user}`, currency)!;
    const back = this.#disputes.takeBack(c, claim, amount);
    if (back > 0n)
      this.#must(
        this.#ledger.transfer(now, this.#distribution.revenue(c.pot, currency), user, back, c.hold, reason),
        reason,
      );
    let short = amount - back;
    const deposit = this.#ledger.find(`deposit:${provider}`, currency);
    if (short > 0n && deposit !== undefined) {
      const has = available(deposit);
      const seized = short < has ? short : has;
      if (seized > 0n) {
        this.#must(this.#ledger.transfer(now, deposit, user, seized, c.hold, `seized-${reason}`), reason);
        short -= seized;
      }
    }
    return short;
  }

  /** The failed parts' providers owe the user a share of what the attempt's use would have cost. */
  #credit(now: TimeUs, c: Contract, rules: ContractRules): void {
    const use = c.claims.map((p) => ({
      rateMicro: p.rateMicro,
      milli: milliOf(p),
      startUs: Math.max(0, p.startUs),
      endUs: Math.max(0, p.endUs),
    }));
    const credit = (chargeUnder(rules, use).charge * BigInt(rules.creditBps)) / 10_000n;
    if (credit === 0n) return;
    const weights = c.claims.map((p) => (isAtFault(p.outcome) ? BigInt(milliOf(p)) : 0n));
    if (sumOf(weights) === 0n) return;
    largestRemainder(credit, weights).forEach((part, i) => {
      if (part === 0n) return;
      const short = this.#collect(now, c, i, part, 'credit');
      if (part > short) this.#note(now, c, i, 'credit', part - short);
      if (short > 0n) this.#note(now, c, i, 'credit-short', short);
    });
  }

  #note(now: TimeUs, c: Contract, claim: number, kind: string, amount: bigint): void {
    const p = c.claims[claim]!;
    const { provider } = this.#config.nodes[p.node]!;
    this.#adjust(now, c.hold, p.part, kind, c.spec.user, provider, c.quote.currency, amount);
  }

  #adjust(
    now: TimeUs,
    hold: number,
    part: number,
    kind: string,
    user: string,
    provider: string,
    currency: number,
    amount: bigint,
  ): void {
    this.#port.decide(hold, part, Number(amount & 0xfffffffffffffn));
    this.#port.row('adjustments', {
      time_us: now,
      job_id: jobOfHold(hold),
      attempt: attemptOfHold(hold),
      part,
      kind,
      user,
      provider,
      currency: this.#config.currencies[currency]!.code,
      amount_micro: amount,
    });
  }

  #must(code: LedgerCode, what: string): void {
    if (code !== LedgerCode.ok) throw new Error(`payments: ${what} is not covered (code ${code})`);
  }

  /** Has the user debts in the currency? */
  owes(user: string, currency: number): boolean {
    return this.#debts.has(`${user}|${currency}`);
  }

  /** Is the attempt's money in escrow or promised by notes, rather than held? */
  streams(job: number): boolean {
    return this.#streams.has(job);
  }

  /** First broken law of the streams, or null: what lies in escrow accounts is what the running attempts have there. */
  fault(): string | null {
    if (!this.#streaming) return null;
    const left = new Map<Account, bigint>();
    for (const [job, s] of this.#streams.entries()) {
      const c = this.#contract(job);
      if (c === undefined) return `job ${job} has a stream but no contract`;
      if (s.taken > c.quote.maxCharge) return `hold ${c.hold} took ${s.taken}, the quote says ${c.quote.maxCharge}`;
      const account = this.#ledger.find(`escrow:${this.#config.pools[c.pot]!.id}`, c.quote.currency)!;
      left.set(account, (left.get(account) ?? 0n) + (s.escrow?.left ?? 0n));
    }
    for (const a of this.#ledger.accounts) {
      if (!a.party.startsWith('escrow:')) continue;
      const want = left.get(a) ?? 0n;
      if (this.#ledger.balance(a) !== want)
        return `${a.party} holds ${this.#ledger.balance(a)}, its attempts have ${want} there`;
    }
    return null;
  }

  snapshot(): PaymentsState {
    return {
      streams: this.#streams.entries().map(([job, s]) => ({
        ...s,
        job,
        escrow: s.escrow?.snapshot() ?? null,
        notes: s.notes?.snapshot() ?? null,
      })),
      debts: [...this.#debts.values()].map((d) => [d.user, d.currency, d.list]),
      silent: [...this.#silent],
    };
  }

  /** Takes ownership of the state. */
  restore(state: PaymentsState): void {
    const rules = this.#rules;
    for (const { job, escrow, notes, ...rest } of state.streams) {
      const s: Stream = {
        ...rest,
        escrow: escrow === null ? null : BlockEscrow.of(escrow, rules!.shortage),
        notes:
          notes === null
            ? null
            : DebitNotes.of({ intervalUs: rules!.periodUs, acceptWithinUs: rules!.acceptUs }, notes),
      };
      this.#streams.set(job, s);
      this.#deadlines.add(job, wakeOf(s));
    }
    for (const [user, currency, list] of state.debts) this.#debts.set(`${user}|${currency}`, { user, currency, list });
    for (const user of state.silent) this.#silent.add(user);
  }
}

/** When something happens to a stream by itself: an answer, or the moment after a note's deadline. */
const wakeOf = (s: Stream): TimeUs =>
  s.notes === null || s.notes.broken ? NEVER : Math.min(s.answerUs, s.notes.dueUs >= NEVER ? NEVER : s.notes.dueUs + 1);

/** What a debit may still take. */
function available(a: Account): bigint {
  if (!a.limited) return MAX_AMOUNT;
  const left = a.creditsPosted - a.debitsPosted - a.debitsPending;
  return left > 0n ? left : 0n;
}

/** Metered use up to the last full period. */
const soFar = (p: ClaimedPart): PartUse => {
  const startUs = p.meteredUs < 0 ? 0 : p.startUs;
  return { rateMicro: p.rateMicro, milli: milliOf(p), startUs, endUs: Math.max(startUs, p.meteredUs) };
};

const usageOf = (p: ClaimedPart) => ({ rateMicro: p.rateMicro, milli: milliOf(p), us: p.endUs - p.startUs });
const endedPart = (p: ClaimedPart) => ({
  rateMicro: p.rateMicro,
  milli: milliOf(p),
  startUs: p.startUs,
  endUs: p.endUs,
  outcome: p.outcome,
  meteredUs: p.meteredUs,
});
