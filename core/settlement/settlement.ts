/**
 * The chain: decides which attempt is the paid one. Holds money before a job waits, accepts the claims of one attempt,
 * turns readings into a charge, divides revenue once per epoch, and issues the terms under which pools hold nodes.
 */
import { Deadlines } from '../deadlines.ts';
import { type Fact, FactKind } from '../facts.ts';
import type { MechanismRegistry } from '../interfaces.ts';
import { type Machine, nodeAddress, type Port, poolAddress } from '../machine.ts';
import type { Mail } from '../mail.ts';
import {
  type Awards,
  type Claim,
  type Give,
  type Message,
  MessageKind,
  type Reading,
  type Release,
  type Reserve,
  type Withdraw,
} from '../messages.ts';
import { clonePlain } from '../plain.ts';
import {
  attemptOfHold,
  Code,
  jobOfHold,
  LAST_ATTEMPT,
  type MarketConfig,
  NEVER,
  Outcome,
  type TimeUs,
} from '../types.ts';
import { AwardBooks, type AwardBooksState } from './award-books.ts';
import { Budgets, type BudgetsState } from './budgets.ts';
import { type Contract, ContractBook, type ContractData, ContractState, historyAfter, isPossible } from './contract.ts';
import { isTaskOf } from './demand.ts';
import { Disputes, type DisputesState } from './disputes.ts';
import { Distribution, type DistributionState } from './distribution.ts';
import { type Account, Ledger, type LedgerState } from './ledger.ts';
import { SeenIds } from './meter.ts';
import { gangOutcome, isCharged } from './metering.ts';
import { Payments, type PaymentsState } from './payments.ts';
import { type ClaimedPart, placementRow } from './placement-row.ts';
import { Staking, type StakingState } from './staking.ts';
import { noTerms, Supply, type SupplyState } from './supply.ts';

/** Deposits of one user among which a repeated one is known. */
const DEPOSITS_REMEMBERED = 1024;

export interface SettlementState {
  ledger: LedgerState;
  contracts: ContractData[];
  distribution: DistributionState;
  supply: SupplyState;
  staking: StakingState | null;
  books: AwardBooksState;
  payments: PaymentsState;
  disputes: DisputesState;
  budgets: BudgetsState;
  deposits: [string, number, number[]][];
  term: number;
  nodePool: number[];
  superseded: number[];
  nextEpochUs: TimeUs;
  opened: boolean;
  lateReadings: number;
  readUs: TimeUs[];
}

export class Settlement implements Machine {
  readonly address = 0;
  readonly config: MarketConfig;
  readonly ledger: Ledger;
  readonly #port: Port;
  readonly #distribution: Distribution;
  readonly #supply: Supply;
  /** Null when stakes stand still. */
  readonly staking: Staking | null;
  /** Accounts of users by name, so that no text is put together per job. */
  readonly #userAccounts: Map<string, Account>[];
  readonly #contracts = new ContractBook();
  readonly #deadlines: Deadlines;
  readonly #books: AwardBooks;
  readonly payments: Payments;
  readonly disputes: Disputes;
  readonly budgets: Budgets;
  readonly #deposits = new SeenIds(DEPOSITS_REMEMBERED);
  #term = 0;
  #nodePool: number[];
  /** Term at which each pool was last taken over: it is not heard for an older one. */
  #superseded: number[];
  #nextEpochUs: TimeUs = 0;
  #opened = false;
  #closing = false;
  #lateReadings = 0;
  /** Run time read of each machine, paid or not. */
  #readUs: TimeUs[];

  constructor(config: MarketConfig, port: Port, registry: MechanismRegistry) {
    this.config = config;
    this.#port = port;
    this.ledger = new Ledger(config.currencies, (t) =>
      port.row('transfers', {
        transfer_id: t.id,
        time_us: t.time,
        kind: t.kind,
        debit: t.debit.party,
        credit: t.credit.party,
        currency: config.currencies[t.debit.currency]!.code,
        amount_micro: t.amount,
        pending_id: t.pending,
        job_id: t.hold === 0 ? 0 : jobOfHold(t.hold),
        attempt: t.hold === 0 ? 0 : attemptOfHold(t.hold),
        reason: t.reason,
      }),
    );
    this.staking =
      config.staking === undefined
        ? null
        : new Staking(config, config.staking, this.ledger, port, registry, (now, from, to) =>
            this.#takeover(now, from, to),
          );
    this.#distribution = new Distribution(config, this.ledger, this.staking);
    this.#supply = new Supply(config, this.ledger, this.#distribution);
    this.#userAccounts = config.currencies.map(() => new Map());
    this.#deadlines = new Deadlines((job, at) => this.#contracts.get(job)?.expiresUs === at);
    this.#books = new AwardBooks(config);
    this.budgets = new Budgets(config, port);
    this.disputes = new Disputes(config, this.ledger, this.#distribution, port, (user, currency) =>
      this.payments.owes(user, currency),
    );
    this.payments = new Payments(
      config,
      this.ledger,
      this.#distribution,
      this.#supply,
      this.disputes,
      port,
      (job) => this.#contracts.get(job),
      (job, code) => this.#withdraw({ kind: MessageKind.withdraw, job, code }),
    );
    this.#nodePool = config.nodes.map((n) => n.pool);
    this.#readUs = config.nodes.map(() => 0);
    this.#superseded = config.pools.map(() => 0);
  }

  nextWakeup(): TimeUs {
    const next = Math.min(
      this.#deadlines.next(),
      this.#nextEpochUs,
      this.payments.nextWakeup(),
      this.disputes.nextWakeup(),
    );
    return this.staking === null ? next : Math.min(next, this.staking.nextWakeup());
  }

  pulse(now: TimeUs, mail: Mail): void {
    if (!this.#opened) this.#open(now);
    while (mail.next()) this.#handle(now, mail.input, mail.from);
    this.payments.flush(now);
    this.payments.due(now);
    this.disputes.due(now);
    for (let job = this.#deadlines.take(now); job >= 0; job = this.#deadlines.take(now))
      this.#expire(now, this.#contracts.get(job)!);
    this.staking?.due(now);
    // An epoch that ends with the run is divided when all that is read at its last stamp has been, but supply is paid before the awards
    // of the next clearing come, whose terms are not those of what was bought.
    const ended = this.#nextEpochUs <= now;
    if (ended && (!this.#closing || this.config.pools.some((p) => p.supply !== undefined))) this.#payOut(now, false);
    if (!this.#closing) this.staking?.epoch(now);
  }

  /** It was told that the run ends at this stamp, and to `close` remains. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Nothing more comes at the last stamp: every charge is final, and what was earned is divided. */
  close(now: TimeUs): void {
    this.#closing = false;
    this.#payOut(now, true);
    this.staking?.settle(now);
  }

  #handle(now: TimeUs, input: Fact | Message, from: number): void {
    switch (input.kind) {
      case MessageKind.reserve:
        return this.#reserve(now, input, from - 1);
      case MessageKind.release:
        return this.#release(now, input, from - 1);
      case MessageKind.withdraw:
        return this.#withdraw(input);
      case MessageKind.give:
        return this.#give(now, input, from - 1);
      case MessageKind.claim:
        return this.#claim(now, input);
      case MessageKind.reading:
        return this.#reading(now, input);
      case MessageKind.metered:
        return this.payments.metered(now, input);
      case MessageKind.awards:
        return this.#awards(now, input, from - 1);
      case MessageKind.health:
        this.staking?.contribution.health(now, input.node, input.up);
        return this.#supply.health(now, input.node, input.up);
      case FactKind.deposit:
        // A deposit that is reported again is the same deposit.
        if (this.#deposits.take(input.user, input.seq) !== 'new') return;
        this.#deposit(now, input.user, input.currency, BigInt(input.amount));
        return this.payments.deposited(now, input.user, input.currency);
      case FactKind.payer:
        return this.payments.payer(now, input.user, input.answers);
      case FactKind.takeover:
        return this.#takeover(now, input.from, input.to);
      case FactKind.settle:
        this.#closing = true;
        return;
      case FactKind.stake:
        if (this.staking === null) throw new Error('settlement: a stake fact in a market whose stakes stand still');
        if (this.staking.act(now, input.act) && input.act.do === 'attest' && !input.act.planted)
          this.disputes.attested(input.act);
        return;
      case FactKind.dispute:
        return this.disputes.act(now, input.act, input.seq);
      default:
        throw new Error(`settlement: cannot take input of kind ${input.kind}`);
    }
  }

  /** `closing`: nothing comes after, so every charge is final. */
  #payOut(now: TimeUs, closing: boolean): void {
    this.#supply.close(now);
    this.disputes.ripen(now, closing);
    this.#distribution.run(now);
    this.#nextEpochUs = (Math.floor(now / this.config.epochUs) + 1) * this.config.epochUs;
  }

  /** First pulse: accounts, opening deposits, the first assignment of nodes to pools. */
  #open(now: TimeUs): void {
    this.#opened = true;
    this.#nextEpochUs = (Math.floor(now / this.config.epochUs) + 1) * this.config.epochUs;
    for (const u of this.config.users) {
      this.ledger.open(`user:${u.id}`, u.currency, !u.postpaid);
      const amount = BigInt(u.deposit);
      if (amount > 0n) this.#deposit(now, u.id, u.currency, amount);
    }
    this.payments.open(now);
    this.#supply.open(now);
    this.staking?.open(now);
    this.#term = 1;
    this.config.pools.forEach((_, pool) => {
      const nodes: number[] = [];
      this.#nodePool.forEach((p, n) => {
        if (p === pool) nodes.push(n);
      });
      this.#port.send(poolAddress(pool), { kind: MessageKind.assign, term: this.#term, nodes });
    });
  }

  #deposit(now: TimeUs, user: string, currency: number, amount: bigint): void {
    const world = this.ledger.open('world', currency, false);
    const account = this.ledger.open(`user:${user}`, currency, true);
    this.ledger.transfer(now, world, account, amount, 0, 'deposit');
  }

  #reserve(now: TimeUs, m: Reserve, pool: number): void {
    const job = jobOfHold(m.hold);
    const known = this.#contracts.get(job);
    if (m.term < this.#superseded[pool]!) return this.#refuse(pool, m.hold, Code.superseded);
    if (known !== undefined && (known.state !== ContractState.dormant || known.pool !== pool))
      return this.#refuse(pool, m.hold, Code.holdOpen);
    const inherited = known !== undefined && known.quote.id === m.quote.id && now < known.quoteEndUs;
    const check = inherited ? Code.ok : this.#books.check(m, pool);
    if (check !== Code.ok) return this.#refuseTerms(pool, m.hold, check);
    // Terms that bind are those that were agreed, whatever the pool says of them now.
    const { spec, quote } = inherited ? known : m;
    const account = this.#userAccount(spec.user, quote.currency);
    if (account === undefined) return this.#refuseTerms(pool, m.hold, Code.unknownUser);
    const budget = this.budgets.admit(now, m.hold, spec, quote, m.history.charged);
    if (budget.code !== Code.ok) return this.#refuseTerms(pool, m.hold, budget.code, budget.limitUs);
    const booked = this.payments.reserve(now, account, { spec, quote, hold: m.hold }, pool);
    if (booked !== Code.ok) {
      this.budgets.ended(now, m.hold, 0n);
      return this.#refuseTerms(pool, m.hold, booked);
    }
    const quoteEndUs = inherited ? known.quoteEndUs : Math.min(NEVER, now + this.config.graces.quoteUs);
    this.#contracts.open(m, spec, quote, pool, this.ledger.lastId, quoteEndUs);
    this.#deadlines.add(job, quoteEndUs);
    this.#port.decide(m.hold, quote.id);
    this.#port.send(poolAddress(pool), { kind: MessageKind.held, hold: m.hold, expiresUs: quoteEndUs });
  }

  #refuse(pool: number, hold: number, code: Code, limitUs = 0): void {
    const short = limitUs > 0 ? { limitUs } : {};
    this.#port.send(poolAddress(pool), { kind: MessageKind.refused, hold, code, ...short });
  }

  /** The pool ends the job or quotes anew: terms that nobody will use again are not kept. */
  #refuseTerms(pool: number, hold: number, code: Code, limitUs = 0): void {
    const c = this.#contracts.get(jobOfHold(hold));
    if (c !== undefined) this.#contracts.close(c);
    this.#refuse(pool, hold, code, limitUs);
  }

  #userAccount(user: string, currency: number): Account | undefined {
    const known = this.#userAccounts[currency]?.get(user);
    if (known !== undefined) return known;
    const account = this.ledger.find(`user:${user}`, currency);
    if (account !== undefined) this.#userAccounts[currency]!.set(user, account);
    return account;
  }

  #release(now: TimeUs, m: Release, pool: number): void {
    const c = this.#contracts.get(jobOfHold(m.hold));
    if (c !== undefined && (c.pool !== pool || m.term < this.#superseded[pool]!)) {
      // The pool gave the job up before it heard that another has it.
      if (m.closing !== Code.ok) this.#withdraw({ kind: MessageKind.withdraw, job: c.job, code: m.closing });
      return;
    }
    if (c === undefined) {
      // Nothing is held: say so, the pool waits for an answer before it ends the job.
      if (m.closing !== Code.ok) this.#sendResolved(pool, m.hold, Outcome.notStarted, m.closing, 0n, -1, -1);
      return;
    }
    if (c.hold !== m.hold) return;
    if (c.closing === Code.ok) c.closing = m.closing;
    if (c.state === ContractState.held) this.#void(now, c, 'released', Outcome.notStarted);
    else if (c.state === ContractState.dormant && c.closing !== Code.ok) {
      this.#sendResolved(pool, m.hold, Outcome.notStarted, c.closing, 0n, -1, -1);
      this.#contracts.close(c);
    }
  }

  #withdraw(m: Withdraw): void {
    const c = this.#contracts.get(m.job);
    if (c === undefined) return;
    if (c.closing === Code.ok) c.closing = m.code;
    this.#port.send(poolAddress(c.pool), m);
  }

  #sendResolved(
    pool: number,
    hold: number,
    outcome: Outcome,
    closing: Code,
    charge: bigint,
    startUs: TimeUs,
    endUs: TimeUs,
  ): void {
    this.#port.send(poolAddress(pool), {
      kind: MessageKind.resolved,
      hold,
      posted: charge > 0n,
      charge,
      outcome,
      closing,
      startUs,
      endUs,
    });
  }

  #void(now: TimeUs, c: Contract, reason: string, outcome: Outcome): void {
    this.ledger.void(now, c.pending, reason);
    this.budgets.ended(now, c.hold, 0n);
    for (const p of c.claims) {
      if (c.state === ContractState.held) {
        this.#port.send(nodeAddress(this.config.pools.length, p.node), {
          kind: MessageKind.denied,
          hold: c.hold,
          lease: c.lease + p.part,
          code: Code.denied,
        });
      }
    }
    this.#port.decide(c.hold, 0);
    const closing = this.#closingOf(c);
    this.#sendResolved(c.pool, c.hold, outcome, closing, 0n, -1, -1);
    if (closing === Code.ok) this.#contracts.sleep(c);
    else this.#contracts.close(c);
  }

  /** Why the contract is over with the hold; ok = another attempt may follow. */
  #closingOf(c: Contract): Code {
    const spent = c.history.runs - c.history.preemptions >= c.spec.maxAttempts || attemptOfHold(c.hold) >= LAST_ATTEMPT;
    return c.closing === Code.ok && spent ? Code.attemptsSpent : c.closing;
  }

  #claim(now: TimeUs, m: Claim): void {
    const c = this.#contracts.get(jobOfHold(m.hold));
    if (c === undefined || c.hold !== m.hold || c.state !== ContractState.held) return this.#deny(m, Code.holdUnknown);
    if (
      this.#nodePool[m.node] !== c.pool ||
      (c.claims.length > 0 && (c.lease !== m.lease - m.part || c.parts !== m.parts))
    )
      return this.#deny(m, Code.denied);
    for (const p of c.claims) if (p.part === m.part) return this.#deny(m, Code.denied);
    if (!isTaskOf(c.spec, m.part, m.parts, m.gpus.length, m.gpuMilli)) return this.#deny(m, Code.quoteMismatch);
    const at = c.quote.classes.indexOf(this.config.nodes[m.node]!.gpuClass);
    if (at < 0 || c.quote.awards[at] !== m.award) return this.#deny(m, Code.quoteMismatch);
    const supply = m.gpus.length === 0 ? noTerms : this.#supply.termsOf(c.pool, m.node);
    if (supply === null) return this.#deny(m, Code.awardUnknown);
    c.lease = m.lease - m.part;
    c.parts = m.parts;
    c.claimUntilUs = Math.max(c.claimUntilUs, m.untilUs);
    this.#contracts.claim(c, m, c.quote.rates[at]!, c.quote.currency === 0 ? supply : noTerms);
    if (c.claims.length < m.parts) return;
    c.state = ContractState.claimed;
    c.expiresUs = c.claimUntilUs + this.config.graces.holdUs;
    this.#deadlines.add(c.job, c.expiresUs);
    this.payments.begin(now, c);
    this.#port.decide(c.hold, c.lease, now);
    for (const p of c.claims) {
      this.#port.send(nodeAddress(this.config.pools.length, p.node), {
        kind: MessageKind.claimed,
        hold: c.hold,
        lease: c.lease + p.part,
      });
    }
  }

  #deny(m: Claim, code: Code): void {
    const to = nodeAddress(this.config.pools.length, m.node);
    this.#port.send(to, { kind: MessageKind.denied, hold: m.hold, lease: m.lease, code });
  }

  #reading(now: TimeUs, m: Reading): void {
    this.#readUs[m.node]! += m.endUs - m.startUs;
    const c = this.#contracts.get(jobOfHold(m.hold));
    let p: ClaimedPart | undefined;
    if (c?.hold === m.hold && c.state === ContractState.claimed) {
      for (const x of c.claims) if (x.part === m.part && x.node === m.node) p = x;
    }
    // A reading that cannot be is no reading: what is never read is never paid, and the hold runs out.
    if (c === undefined || p === undefined || p.read || !isPossible(m, c.spec)) {
      this.#lateReadings++;
      return;
    }
    p.read = true;
    p.startUs = m.startUs;
    p.endUs = m.endUs;
    p.outcome = m.outcome;
    for (const x of c.claims) {
      if (x.read) continue;
      if (m.outcome !== Outcome.completed)
        this.#port.send(poolAddress(c.pool), { kind: MessageKind.broken, hold: c.hold });
      return;
    }
    this.#post(now, c);
  }

  #post(now: TimeUs, c: Contract): void {
    const outcome = gangOutcome(c.claims);
    const { charge, shares } = this.payments.end(now, c, outcome);
    this.budgets.ended(now, c.hold, charge);
    let startUs = -1;
    let endUs = -1;
    for (let i = 0; i < c.claims.length; i++) {
      const p = c.claims[i]!;
      if (p.startUs >= 0 && (startUs < 0 || p.startUs < startUs)) startUs = p.startUs;
      if (p.endUs > endUs) endUs = p.endUs;
      if (outcome === Outcome.completed && p.startUs >= 0)
        this.staking?.contribution.used(p.node, p.gpuMilli * p.gpus.length, p.endUs - p.startUs);
      this.#port.row('placements', placementRow(this.config, c, p, shares[i] ?? 0n));
    }
    this.#port.decide(c.hold, Number(charge & 0xfffffffffffffn), outcome);
    // What may be tried again keeps its terms; what is over is forgotten.
    const final = isCharged(outcome) && outcome !== Outcome.preempted;
    if (!final && startUs >= 0) c.history = historyAfter(c.history, { outcome, startUs, endUs, charge });
    const closing = final ? Code.ok : this.#closingOf(c);
    this.#sendResolved(c.pool, c.hold, outcome, closing, charge, startUs, endUs);
    if (final || closing !== Code.ok) this.#contracts.close(c);
    else this.#contracts.sleep(c);
  }

  #expire(now: TimeUs, c: Contract): void {
    if (this.payments.streams(c.job)) {
      // Nobody says any more what ran: the machines count as lost, their use as what they had metered.
      for (const p of c.claims) {
        if (p.read) continue;
        p.outcome = Outcome.nodeFailure;
        p.startUs = p.meteredUs < 0 ? -1 : p.startUs;
        p.endUs = p.meteredUs;
      }
      return this.#post(now, c);
    }
    this.#void(now, c, c.state === ContractState.claimed ? 'hold-expired' : 'quote-expired', Outcome.notStarted);
  }

  #awards(now: TimeUs, m: Awards, pool: number): void {
    const ok = this.#books.sound(m, pool);
    const booked = ok && this.#supply.sound(m, pool, this.#nodePool) && this.#supply.book(now, m, pool);
    if (booked) {
      this.staking?.supplyPots.booked(now, m, pool);
      this.#books.book(m, pool);
      for (const a of m.awards) this.#port.decide(a.award, a.gpuClass, a.rateMicro);
      for (const a of m.supply ?? []) this.#port.decide(a.award, a.node, a.gpus, a.payMicro);
    }
    this.#port.send(poolAddress(pool), {
      kind: MessageKind.awarded,
      epoch: m.epoch,
      code: booked ? Code.ok : ok ? Code.insufficientFunds : Code.awardUnknown,
      ...(this.staking?.rules.quality === true ? { quality: this.staking.contribution.quality() } : {}),
    });
  }

  /** Rule 8 of the contract: new term, unclaimed holds void, contracts handed on, the old pool told. */
  #takeover(now: TimeUs, from: number, to: number): void {
    if (from === to || this.config.pools[from] === undefined || this.config.pools[to] === undefined) return;
    this.#term++;
    this.#superseded[from] = this.#term;
    this.staking?.committee.moved(from, to);
    const nodes: number[] = [];
    this.#nodePool.forEach((p, n) => {
      if (p === from) {
        this.#nodePool[n] = to;
        nodes.push(n);
      }
    });
    this.#port.decide(this.#term, from, to);
    const handed = this.#contracts.all().filter((c) => c.pool === from);
    this.#port.forget(poolAddress(from));
    this.#port.send(poolAddress(from), { kind: MessageKind.supersede, by: to, jobs: handed.map((c) => c.job) });
    this.#port.send(poolAddress(to), { kind: MessageKind.assign, term: this.#term, nodes });
    for (const c of handed) {
      this.#handOn(now, c, to, 'superseded');
      if (c.closing !== Code.ok) this.#withdraw({ kind: MessageKind.withdraw, job: c.job, code: c.closing });
    }
  }

  /** Another pool has the job from now on, with its terms and its history; a hold that no node has claimed whole is void. */
  #handOn(now: TimeUs, c: Contract, to: number, reason: string): void {
    c.pool = to;
    if (c.state === ContractState.held) {
      this.ledger.void(now, c.pending, reason);
      this.budgets.ended(now, c.hold, 0n);
      for (const p of c.claims) {
        this.#port.send(nodeAddress(this.config.pools.length, p.node), {
          kind: MessageKind.denied,
          hold: c.hold,
          lease: c.lease + p.part,
          code: Code.superseded,
        });
      }
      this.#contracts.sleep(c);
    }
    this.#port.send(poolAddress(to), {
      kind: MessageKind.inherit,
      hold: c.hold,
      spec: c.spec,
      quote: c.quote,
      submittedUs: c.submittedUs,
      history: c.history,
      claimed: c.state === ContractState.claimed,
      broken: c.claims.some((p) => p.read && p.outcome !== Outcome.completed),
    });
  }

  /** A pool gives a waiting job away. What has ended or moved meanwhile it hears of otherwise; where the taker has no machines, it keeps it. */
  #give(now: TimeUs, m: Give, pool: number): void {
    const c = this.#contracts.get(jobOfHold(m.hold));
    if (c === undefined || c.hold !== m.hold || c.pool !== pool || m.term < this.#superseded[pool]!) return;
    if (c.state !== ContractState.held || c.claims.length > 0) return;
    if (c.closing !== Code.ok || m.to === pool || !this.#nodePool.includes(m.to)) {
      this.#port.send(poolAddress(pool), { kind: MessageKind.held, hold: c.hold, expiresUs: c.expiresUs });
      return;
    }
    this.#port.decide(c.hold, pool, m.to);
    this.#port.send(poolAddress(pool), { kind: MessageKind.given, hold: c.hold });
    this.#handOn(now, c, m.to, 'given');
  }

  /** Rows of the accounts table. */
  report(): void {
    for (const a of this.ledger.accounts) {
      this.#port.row('accounts', {
        account: a.party,
        currency: this.config.currencies[a.currency]!.code,
        debits_pending_micro: a.debitsPending,
        debits_posted_micro: a.debitsPosted,
        credits_pending_micro: a.creditsPending,
        credits_posted_micro: a.creditsPosted,
      });
    }
  }

  /** Pending transfers that belong to no hold: reserved subsidy. */
  get reservedSubsidies(): number {
    return this.#supply.pendingCount;
  }
  get liveContracts(): number {
    return this.#contracts.size;
  }
  contracts(): Contract[] {
    return this.#contracts.all();
  }
  readUsOf(node: number): TimeUs {
    return this.#readUs[node]!;
  }
  poolOfNode(node: number): number {
    return this.#nodePool[node]!;
  }
  /** Readings that came after their hold had ended or cannot be true: unpaid work, reported. */
  get lateReadings(): number {
    return this.#lateReadings;
  }

  snapshot(): SettlementState {
    return clonePlain({
      ledger: this.ledger.snapshot(),
      contracts: this.#contracts.snapshot(),
      distribution: this.#distribution.snapshot(),
      supply: this.#supply.snapshot(),
      staking: this.staking?.snapshot() ?? null,
      books: this.#books.snapshot(),
      payments: this.payments.snapshot(),
      disputes: this.disputes.snapshot(),
      budgets: this.budgets.snapshot(),
      deposits: this.#deposits.snapshot(),
      term: this.#term,
      nodePool: this.#nodePool,
      superseded: this.#superseded,
      nextEpochUs: this.#nextEpochUs,
      opened: this.#opened,
      lateReadings: this.#lateReadings,
      readUs: this.#readUs,
    });
  }

  restore(state: SettlementState): void {
    const s = clonePlain(state);
    this.ledger.restore(s.ledger);
    this.#distribution.restore(s.distribution);
    this.#supply.restore(s.supply);
    if (s.staking !== null) this.staking!.restore(s.staking);
    this.#contracts.restore(s.contracts);
    for (const c of s.contracts) this.#deadlines.add(c.job, c.expiresUs);
    this.#books.restore(s.books);
    this.payments.restore(s.payments);
    this.disputes.restore(s.disputes);
    this.budgets.restore(s.budgets);
    this.#deposits.restore(s.deposits);
    this.#term = s.term;
    this.#nodePool = s.nodePool;
    this.#superseded = s.superseded;
    this.#nextEpochUs = s.nextEpochUs;
    this.#opened = s.opened;
    this.#lateReadings = s.lateReadings;
    this.#readUs = s.readUs;
  }
}
