/**
 * Disputes about charges, decided inside the market. What a part of an attempt has earned is not divided until its window is over: its line
 * lies in the pool's revenue account. Until then its user may file, once; the amount is reserved back to the user and a bond from the user
 * to the provider. The provider concedes, contests (and lodges the same bond) or lets the time pass; who contests is judged by a named rule,
 * from what the chain has heard anyway: whether the part's final reading came, and what checks found.
 *
 * - `metered`: a final reading proves delivery; without one the user is right.
 * - `checked`: a check that found the result wrong refutes it, one that found it right proves it; without a check the meter decides.
 * - `proven`: only a check that found the result right proves delivery.
 *
 * Who is right gets the amount and keeps its bond; the other's bond is lost to it. After its window a line is divided and final.
 */
import { Deadlines } from '../deadlines.ts';
import type { DisputeAct, StakeAct } from '../facts.ts';
import type { Port } from '../machine.ts';
import { attemptOfHold, type DisputeRules, jobOfHold, type MarketConfig, NEVER, type TimeUs } from '../types.ts';
import type { Contract } from './contract.ts';
import type { Distribution } from './distribution.ts';
import { type Ledger, LedgerCode } from './ledger.ts';
import { SeenIds } from './meter.ts';

/** Acts of one party among which a repeated one is known. */
const ACTS_REMEMBERED = 1024;

/** What checks have said of a result: one that found it wrong outweighs any other, so that their order does not matter. */
const Word = { none: 0, right: 1, wrong: 2 } as const;
type Word = (typeof Word)[keyof typeof Word];

interface Case {
  /** Transfers that reserve the amount and the bonds; 0 = none. */
  pending: number;
  userBond: number;
  providerBond: number;
  bond: bigint;
  contested: boolean;
  /** When it is decided unless something happens before. */
  deadlineUs: TimeUs;
}

/** What one part of an attempt has earned and was not yet divided. */
interface Line {
  lease: number;
  hold: number;
  part: number;
  pot: number;
  currency: number;
  user: string;
  provider: string;
  amount: bigint;
  /** End of the window; NEVER while the attempt runs. */
  untilUs: TimeUs;
  metered: boolean;
  word: Word;
  case: Case | null;
}

export interface DisputesState {
  lines: Line[];
  closed: number[];
  seen: [string, number, number[]][];
}

export class Disputes {
  readonly #config: MarketConfig;
  readonly #rules: DisputeRules | undefined;
  readonly #ledger: Ledger;
  readonly #distribution: Distribution;
  readonly #port: Port;
  readonly #owes: (user: string, currency: number) => boolean;
  /** By lease. */
  readonly #lines = new Map<number, Line>();
  /** Leases whose attempt is over and that nobody disputes, in the order in which their windows end. */
  #closed: number[] = [];
  /** Cases that what came in this pulse may have decided. */
  #ready: number[] = [];
  readonly #deadlines: Deadlines;
  readonly #seen = new SeenIds(ACTS_REMEMBERED);

  /** `owes`: has the user debts in the currency? */
  constructor(
    config: MarketConfig,
    ledger: Ledger,
    distribution: Distribution,
    port: Port,
    owes: (user: string, currency: number) => boolean,
  ) {
    this.#config = config;
    this.#rules = config.disputes;
    this.#ledger = ledger;
    this.#distribution = distribution;
    this.#port = port;
    this.#owes = owes;
    this.#deadlines = new Deadlines((lease, at) => this.#lines.get(lease)?.case?.deadlineUs === at);
  }

  nextWakeup(): TimeUs {
    return this.#deadlines.next();
  }

  // ---- what is earned ----

  /** A part of an attempt has earned an amount, which lies in the revenue account. */
  earn(c: Contract, claim: number, amount: bigint): void {
    const p = c.claims[claim]!;
    const { provider } = this.#config.nodes[p.node]!;
    const { currency } = c.quote;
    if (this.#rules === undefined) return this.#distribution.accrue(c.pot, currency, provider, amount);
    const lease = c.lease + p.part;
    const known = this.#lines.get(lease);
    if (known !== undefined) {
      known.amount += amount;
      return;
    }
    this.#lines.set(lease, {
      lease,
      hold: c.hold,
      part: p.part,
      pot: c.pot,
      currency,
      user: c.spec.user,
      provider,
      amount,
      untilUs: NEVER,
      metered: false,
      word: Word.none,
      case: null,
    });
  }

  /** Takes up to `amount` back: from what the part itself has earned, then from what its provider may be paid; answers how much. */
  takeBack(c: Contract, claim: number, amount: bigint): bigint {
    const p = c.claims[claim]!;
    const line = this.#rules === undefined ? undefined : this.#lines.get(c.lease + p.part);
    let own = 0n;
    if (line !== undefined) {
      own = amount < line.amount ? amount : line.amount;
      line.amount -= own;
    }
    const { provider } = this.#config.nodes[p.node]!;
    return own + this.#distribution.takeBack(c.pot, c.quote.currency, provider, amount - own);
  }

  /** The attempt is settled: from now on its charges may be disputed. */
  opened(now: TimeUs, c: Contract): void {
    const rules = this.#rules;
    if (rules === undefined) return;
    for (const p of c.claims) {
      const line = this.#lines.get(c.lease + p.part);
      if (line === undefined) continue;
      if (line.amount === 0n) {
        this.#lines.delete(line.lease);
        continue;
      }
      line.untilUs = now + rules.windowUs;
      line.metered = p.read;
      this.#closed.push(line.lease);
    }
  }

  /** Before revenue is divided: what can no longer be disputed is the provider's. `all`: the market closes, and every window with it. */
  ripen(now: TimeUs, all = false): void {
    if (this.#rules === undefined) return;
    if (all) {
      for (const line of [...this.#lines.values()]) if (line.case !== null) this.#decide(now, line, true, true);
      for (const line of this.#lines.values()) this.#accrue(line);
      this.#lines.clear();
      this.#closed = [];
      return;
    }
    let ripe = 0;
    for (; ripe < this.#closed.length; ripe++) {
      const line = this.#lines.get(this.#closed[ripe]!);
      if (line === undefined || line.case !== null) continue;
      if (line.untilUs > now) break;
      this.#accrue(line);
      this.#lines.delete(line.lease);
    }
    this.#closed.splice(0, ripe);
  }

  #accrue(line: Line): void {
    if (line.amount > 0n) this.#distribution.accrue(line.pot, line.currency, line.provider, line.amount);
  }

  // ---- acts ----

  /** A verifier's word on a result, for the record of its provider; here it counts if it names the provider of the line. */
  attested(a: Extract<StakeAct, { do: 'attest' }>): void {
    const line = this.#lines.get(a.lease);
    if (line?.provider === a.provider) this.#word(line, a.verifier, a.good);
  }

  /** A check says whether the result of a lease is right. Nobody is heard who is no arbiter, or judges in its own cause. */
  #word(line: Line, by: string, good: boolean): void {
    if (this.#rules?.arbiters.includes(by) !== true || by === line.provider || by === line.user) return;
    if (!good) line.word = Word.wrong;
    else if (line.word === Word.none) line.word = Word.right;
    if (line.case !== null) this.#ready.push(line.lease);
  }

  act(now: TimeUs, act: DisputeAct, seq: number): void {
    const rules = this.#rules;
    if (rules === undefined) throw new Error('settlement: a dispute in a market that has no rules for them');
    // An act that is reported again is the same act.
    if (this.#seen.take(act.by, seq) !== 'new') return;
    const line = this.#lines.get(act.lease);
    if (act.do === 'check') {
      if (line !== undefined) this.#word(line, act.by, act.good);
      return;
    }
    if (line === undefined) return this.#refuse(now, act, 'no-such-line');
    if (act.do === 'file') return this.#file(now, rules, line, act);
    if (line.case === null || act.by !== line.provider) return this.#refuse(now, act, 'not-yours', line);
    if (act.do === 'concede') return this.#end(now, line, true, 'conceded');
    this.#contest(now, rules, line, line.case, act);
  }

  #file(now: TimeUs, rules: DisputeRules, line: Line, act: DisputeAct): void {
    if (act.by !== line.user) return this.#refuse(now, act, 'not-yours', line);
    // Whoever repeats what is being judged says nothing new.
    if (line.case !== null) return;
    if (line.untilUs === NEVER) return this.#refuse(now, act, 'not-billed-yet', line);
    if (now >= line.untilUs || line.amount === 0n) return this.#refuse(now, act, 'window-over', line);
    if (this.#owes(line.user, line.currency)) return this.#refuse(now, act, 'owing', line);
    const user = this.#ledger.find(`user:${line.user}`, line.currency)!;
    const bond = (line.amount * BigInt(rules.bondBps)) / 10_000n;
    let userBond = 0;
    if (bond > 0n) {
      const income = this.#ledger.open(`provider:${line.provider}`, line.currency, true);
      const code = this.#ledger.reserve(now, user, income, bond, line.hold, 'dispute-bond');
      if (code !== LedgerCode.ok) return this.#refuse(now, act, 'insufficient-funds', line);
      userBond = this.#ledger.lastId;
    }
    const revenue = this.#distribution.revenue(line.pot, line.currency);
    this.#must(this.#ledger.reserve(now, revenue, user, line.amount, line.hold, 'dispute'));
    const pending = this.#ledger.lastId;
    const deadlineUs = now + rules.answerUs;
    line.case = { pending, userBond, providerBond: 0, bond, contested: false, deadlineUs };
    this.#deadlines.add(line.lease, deadlineUs);
    this.#row(now, line, 'filed', 'ok');
  }

  /** The provider answers that it has delivered, and lodges a bond out of its deposit or else of its income. */
  #contest(now: TimeUs, rules: DisputeRules, line: Line, open: Case, act: DisputeAct): void {
    if (open.contested) return;
    if (open.bond > 0n) {
      const user = this.#ledger.find(`user:${line.user}`, line.currency)!;
      for (const party of ['deposit', 'provider']) {
        const from = this.#ledger.find(`${party}:${line.provider}`, line.currency);
        if (from === undefined) continue;
        const code = this.#ledger.reserve(now, from, user, open.bond, line.hold, 'dispute-bond');
        if (code !== LedgerCode.ok) continue;
        open.providerBond = this.#ledger.lastId;
        break;
      }
      if (open.providerBond === 0) return this.#refuse(now, act, 'insufficient-funds', line);
    }
    open.contested = true;
    open.deadlineUs = now + rules.decideUs;
    this.#deadlines.add(line.lease, open.deadlineUs);
    this.#row(now, line, 'contested', 'ok');
    this.#ready.push(line.lease);
  }

  /** What is decided by what this pulse has heard, and what is due. */
  due(now: TimeUs): void {
    for (const lease of this.#ready) {
      const line = this.#lines.get(lease);
      if (line?.case?.contested !== true) continue;
      if (this.#rules!.rule === 'metered' || line.word !== Word.none) this.#decide(now, line, true);
    }
    this.#ready = [];
    for (let lease = this.#deadlines.take(now); lease >= 0; lease = this.#deadlines.take(now)) {
      const line = this.#lines.get(lease)!;
      this.#decide(now, line, line.case!.contested);
    }
  }

  // ---- the decision ----

  /** `early`: the market closes before the time to answer or to prove was over, so that the lack of either says nothing. */
  #decide(now: TimeUs, line: Line, answered: boolean, early = false): void {
    if (!answered) return this.#end(now, line, true, 'no-answer');
    const { rule } = this.#rules!;
    if (rule !== 'metered' && line.word !== Word.none) {
      const wrong = line.word === Word.wrong;
      return this.#end(now, line, wrong, wrong ? 'found-wrong' : 'found-right');
    }
    if (rule === 'proven' && !early) return this.#end(now, line, true, 'unproven');
    this.#end(now, line, !line.metered, line.metered ? 'metered' : 'not-metered');
  }

  #end(now: TimeUs, line: Line, upheld: boolean, why: string): void {
    const open = line.case!;
    if (upheld) this.#must(this.#ledger.post(now, open.pending, line.amount, 'dispute-upheld'));
    else this.#must(this.#ledger.void(now, open.pending, 'dispute-rejected'));
    this.#settleBond(now, open.userBond, open.bond, !upheld);
    this.#settleBond(now, open.providerBond, open.bond, upheld);
    this.#row(now, line, upheld ? 'upheld' : 'rejected', why);
    if (!upheld) this.#accrue(line);
    this.#lines.delete(line.lease);
  }

  #settleBond(now: TimeUs, pending: number, bond: bigint, lost: boolean): void {
    if (pending === 0) return;
    if (lost) this.#must(this.#ledger.post(now, pending, bond, 'bond-lost'));
    else this.#must(this.#ledger.void(now, pending, 'bond-returned'));
  }

  #refuse(now: TimeUs, act: DisputeAct, why: string, line?: Line): void {
    const by = act.do === 'file' ? { user: act.by, provider: '' } : { user: '', provider: act.by };
    const event = act.do === 'file' ? 'file-refused' : 'answer-refused';
    const none = { currency: '', amount_micro: 0n, bond_micro: 0n, provider_bond_micro: 0n, until_us: -1 };
    this.#port.row('disputes', { time_us: now, ...this.#named(act.lease, line), ...by, event, reason: why, ...none });
  }

  #named(lease: number, line: Line | undefined) {
    return line === undefined
      ? { lease_id: lease, job_id: 0, attempt: 0, part: 0, pool: '' }
      : {
          lease_id: lease,
          job_id: jobOfHold(line.hold),
          attempt: attemptOfHold(line.hold),
          part: line.part,
          pool: this.#config.pools[line.pot]!.id,
        };
  }

  #row(now: TimeUs, line: Line, event: string, reason: string): void {
    const open = line.case!;
    this.#port.decide(line.lease, Number(line.amount & 0xfffffffffffffn), open.deadlineUs);
    this.#port.row('disputes', {
      time_us: now,
      ...this.#named(line.lease, line),
      user: line.user,
      provider: line.provider,
      event,
      reason,
      currency: this.#config.currencies[line.currency]!.code,
      amount_micro: line.amount,
      bond_micro: open.bond,
      provider_bond_micro: open.providerBond === 0 ? 0n : open.bond,
      until_us: event === 'filed' || event === 'contested' ? open.deadlineUs : -1,
    });
  }

  #must(code: LedgerCode): void {
    if (code !== LedgerCode.ok) throw new Error(`disputes: a line is not covered (code ${code})`);
  }

  /** Open reservations. */
  get pendingCount(): number {
    let n = 0;
    for (const { case: open } of this.#lines.values())
      if (open !== null) n += 1 + (open.userBond === 0 ? 0 : 1) + (open.providerBond === 0 ? 0 : 1);
    return n;
  }

  /** First broken law, or null: what is disputed is reserved to the unit, and what may be disputed is there. */
  fault(): string | null {
    const left = new Map<string, { pot: number; currency: number; lines: bigint; disputed: bigint }>();
    for (const l of this.#lines.values()) {
      if (l.amount < 0n) return `lease ${l.lease} has earned ${l.amount}`;
      if (l.case !== null && this.#ledger.pendingAmount(l.case.pending) !== l.amount)
        return `lease ${l.lease} is disputed, and ${this.#ledger.pendingAmount(l.case.pending)} of ${l.amount} held`;
      const key = `${l.pot}|${l.currency}`;
      const sum = left.get(key) ?? { pot: l.pot, currency: l.currency, lines: 0n, disputed: 0n };
      sum.lines += l.amount;
      if (l.case !== null) sum.disputed += l.amount;
      left.set(key, sum);
    }
    for (const { pot, currency, lines, disputed } of left.values()) {
      const account = this.#distribution.revenue(pot, currency);
      if (account.debitsPending !== disputed)
        return `${account.party} has ${account.debitsPending} held for disputes about ${disputed}`;
      if (this.#ledger.balance(account) < lines)
        return `${account.party} holds ${this.#ledger.balance(account)} of ${lines} that may be disputed`;
    }
    return null;
  }

  snapshot(): DisputesState {
    return { lines: [...this.#lines.values()], closed: this.#closed, seen: this.#seen.snapshot() };
  }

  /** Takes ownership of the state. */
  restore(state: DisputesState): void {
    for (const line of state.lines) {
      this.#lines.set(line.lease, line);
      if (line.case !== null) this.#deadlines.add(line.lease, line.case.deadlineUs);
    }
    this.#closed = state.closed;
    this.#seen.restore(state.seen);
  }
}
