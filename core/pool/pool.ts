/**
 * One aggregator's pool: decides where a job runs. Quotes, takes the hold through Settlement, queues, places, leases, and
 * follows each attempt until Settlement says how it ended. It never starts anything without held money and never retries
 * before Settlement has resolved the former attempt.
 */
import { type Fact, FactKind } from '../facts.ts';
import type { MechanismRegistry } from '../interfaces.ts';
import { type Machine, nodeAddress, type Port, poolAddress, SETTLEMENT } from '../machine.ts';
import type { Mail } from '../mail.ts';
import {
  type Declined,
  type Ended,
  type Inherit,
  type Inventory,
  type Message,
  MessageKind,
  type Resolved,
  type Running,
  type SupplyAward,
  type Withdraw,
} from '../messages.ts';
import { plainOf } from '../numbered.ts';
import { clonePlain } from '../plain.ts';
import { MAX_AMOUNT } from '../settlement/ledger.ts';
import {
  attemptOfHold,
  Code,
  holdOf,
  type JobSpec,
  JobStatus,
  LAST_ATTEMPT,
  type MarketConfig,
  NEVER,
  Outcome,
  type TimeUs,
} from '../types.ts';
import type { Cluster } from './cluster.ts';
import { historyOf, JobState, type PoolCounts, PoolJob, reopen, sampleRow, shorten } from './job.ts';
import { JobBook } from './job-book.ts';
import { LeaseDesk } from './lease-desk.ts';
import { type Lease, type LeaseBook, type Part, PartState } from './leases.ts';
import { PriceDesk } from './price-desk.ts';
import { Roster } from './roster.ts';
import { Scheduler, type SchedulerHost } from './scheduler.ts';
import { Shapes } from './shapes.ts';
import { specFault } from './spec.ts';
import type { PoolState } from './state.ts';
import { StealDesk } from './steal-desk.ts';
import { SupplyDesk } from './supply-desk.ts';

/** Leases and awards of pool p count from p * 2^40. */
const PER_POOL = 0x10000000000;

export class Pool implements Machine, SchedulerHost {
  readonly address: number;
  readonly index: number;
  readonly config: MarketConfig;
  readonly id: string;
  readonly #port: Port;
  readonly #scheduler: Scheduler;
  readonly #shapes: Shapes;
  readonly #allClasses: readonly number[];
  readonly #roster: Roster;
  readonly #desk: PriceDesk;
  readonly #supply: SupplyDesk | null;
  readonly #steals: StealDesk;
  readonly #orders: LeaseDesk;
  readonly #leases: LeaseBook;
  readonly #jobs: JobBook;
  #quoting: PoolJob[] = [];
  #nextSampleUs: TimeUs;
  #superseded = false;
  now: TimeUs = 0;

  constructor(index: number, config: MarketConfig, registry: MechanismRegistry, port: Port) {
    const spec = config.pools[index]!;
    this.index = index;
    this.address = poolAddress(index);
    this.config = config;
    this.id = spec.id;
    this.#port = port;
    this.#allClasses = config.classes.map((_, c) => c);
    const classNames = config.classes.map((c) => c.name);
    const pricing = registry.pricing(spec.pricing.name, spec.pricing.params, classNames);
    this.#desk = new PriceDesk(config, spec.id, pricing, index * PER_POOL, port);
    this.#supply =
      spec.supply === undefined ? null : new SupplyDesk(config, spec.id, pricing, (index + 0.5) * PER_POOL, port);
    this.#steals = new StealDesk(config, index, port);
    this.#roster = new Roster(config);
    this.#orders = new LeaseDesk(config, this.#roster, index * PER_POOL, port);
    this.#leases = this.#orders.book;
    this.#jobs = new JobBook(config, spec.id, port);
    this.#shapes = new Shapes(config.classes);
    const queueing = registry.queueing(spec.queueing.name, spec.queueing.params);
    this.#scheduler = new Scheduler(this, config, this.#roster, this.#leases, queueing, () =>
      registry.placement(spec.placement.name, spec.placement.params),
    );
    this.#nextSampleUs = config.sampleUs > 0 ? 0 : NEVER;
  }

  nextWakeup(): TimeUs {
    return Math.min(
      this.#desk.nextWakeup(),
      this.#nextSampleUs,
      this.#leases.nextWakeup(),
      this.#jobs.nextWakeup(),
      this.#roster.nextWakeup(),
      this.#scheduler.nextWakeup(),
      this.#steals.nextWakeup(),
    );
  }

  pulse(now: TimeUs, mail: Mail): void {
    this.now = now;
    this.#desk.integrate(now, this.cluster);
    while (mail.next()) this.#handle(now, mail.input, mail.from);
    this.#expire(now);
    if (this.#desk.nextWakeup() <= now)
      this.#desk.clear(now, this.cluster, this.#scheduler.waitingMilli, this.#supply, this.#buySupply(now));
    if (this.#quoting.length > 0 && this.#desk.open) this.#quoteAll(now);
    this.#scheduler.run();
    this.#steal(now);
    if (this.#nextSampleUs <= now) this.#sample(now);
  }

  /** Work goes to idle pools, or comes from others. */
  #steal(now: TimeUs): void {
    if (this.#steals.asked)
      this.#steals.answer(this.#roster.term, this.#jobs.all(), (job) => {
        this.#scheduler.remove(job);
        this.#scheduler.asked();
        job.state = JobState.reserving;
      });
    this.#steals.ask(now, this.#scheduler.waiting === 0 && this.#quoting.length === 0 && this.#desk.open, this.cluster);
  }

  #given(hold: number): void {
    const job = this.#jobs.byHold(hold);
    if (job === undefined) return;
    this.#scheduler.answered();
    this.#scheduler.gone(job);
    this.#jobs.drop(job);
    this.#jobs.counts.handedOver++;
    this.#jobs.counts.stolen++;
    // Given up meanwhile: whoever has it must hear.
    if (job.closing !== Code.ok)
      this.#port.send(SETTLEMENT, { kind: MessageKind.withdraw, job: job.spec.job, code: job.closing });
  }

  #buySupply(now: TimeUs): SupplyAward[] | null {
    if (this.#supply === null) return null;
    return this.#supply.clear(now, this.cluster, (local) => this.#roster.nodeOf(local), this.#jobs.all());
  }

  /** The supply auction; null = the pool sells whatever is up. */
  get supply(): SupplyDesk | null {
    return this.#supply;
  }

  #handle(now: TimeUs, input: Fact | Message, from: number): void {
    switch (input.kind) {
      case FactKind.submit:
        return this.#submit(now, input.spec);
      case FactKind.cancel:
        // Not here any more, or not yet: Settlement knows who has it.
        return this.#withdraw(now, { kind: MessageKind.withdraw, job: input.job, code: Code.byUser }, true);
      case MessageKind.withdraw:
        return this.#withdraw(now, input, this.#superseded);
      case FactKind.contact:
        if (this.#roster.contact(now, input.node, input.until)) this.#scheduler.dirty = true;
        return;
      case MessageKind.held:
        return this.#held(now, input.hold);
      case MessageKind.refused:
        return this.#refused(now, input.hold, input.code, input.limitUs ?? 0);
      case MessageKind.resolved:
        return this.#resolved(now, input);
      case MessageKind.running:
        return this.#running(input);
      case MessageKind.progress: {
        const lease = this.#leases.part(input.lease, input.part)?.lease;
        const job = lease === undefined ? undefined : this.#jobs.byHold(lease.hold);
        if (job === undefined) return;
        job.remainingUs = input.remainingUs;
        return this.#scheduler.changed(job);
      }
      case MessageKind.ended:
        return this.#ended(input);
      case MessageKind.freed:
        return this.#freed(input.lease, input.part);
      case MessageKind.declined:
        return this.#declined(input);
      case MessageKind.steal:
        return this.#steals.request(input);
      case MessageKind.given:
        return this.#given(input.hold);
      case MessageKind.awarded:
        if (!this.#desk.awarded(input.epoch, input.code)) return;
        this.#supply?.booked(this.cluster, input.code === Code.ok, input.quality);
        this.#scheduler.dirty = true;
        return;
      case MessageKind.assign:
        return this.#assign(input.term, input.nodes);
      case MessageKind.inventory:
        return this.#inventory(now, input);
      case MessageKind.health:
        if (this.#roster.health(now, input.node, input.up)) this.#scheduler.dirty = true;
        return;
      case MessageKind.card: {
        const local = this.#roster.card(input.node, input.gpu, input.out);
        if (local !== undefined) this.#supply?.syncNode(this.cluster, local);
        this.#scheduler.dirty = true;
        return;
      }
      case MessageKind.inherit:
        return this.#inherit(input);
      case MessageKind.broken:
        return this.#broken(input.hold);
      case MessageKind.supersede:
        return this.#supersede(now, input.jobs);
      default:
        throw new Error(`pool ${this.id}: cannot take input of kind ${input.kind} from ${from}`);
    }
  }

  #expire(now: TimeUs): void {
    this.#roster.expire(now);
    for (let lease = this.#leases.takeDue(now); lease !== undefined; lease = this.#leases.takeDue(now)) {
      // Overdue: whatever became of it, Settlement must resolve the hold before anything else happens.
      lease.deadlineUs = NEVER;
      this.#orders.stop(lease, Outcome.aborted);
      const job = this.#jobs.byHold(lease.hold);
      if (job?.retry) this.#again(job);
      else if (job?.state === JobState.leased) this.#release(job);
    }
    for (let job = this.#jobs.takeImpatient(now); job !== undefined; job = this.#jobs.takeImpatient(now))
      if (job.closing === Code.ok) this.#close(now, job, Code.patience);
  }

  // ---- submission, quote, hold ----

  #submit(now: TimeUs, spec: JobSpec): void {
    this.#jobs.counts.submitted++;
    const job = this.#jobs.come(spec, now, this.#shapes.gang(spec, this.#wanted(spec)));
    if (this.#superseded) return this.#jobs.close(now, job, JobStatus.rejected, Code.superseded);
    if (specFault(spec, this.config) !== null) return this.#jobs.close(now, job, JobStatus.rejected, Code.invalidSpec);
    if (this.#jobs.get(spec.job) !== undefined)
      return this.#jobs.close(now, job, JobStatus.rejected, Code.duplicateJob);
    this.#jobs.put(job);
    this.#jobs.setPatience(job);
    this.#quoting.push(job);
  }

  #wanted(spec: JobSpec): readonly number[] {
    return this.#scheduler.classesFor(spec, spec.classes.length > 0 ? spec.classes : this.#allClasses);
  }

  #quoteAll(now: TimeUs): void {
    const jobs = this.#quoting;
    this.#quoting = [];
    if (jobs.length > 1) jobs.sort((a, b) => a.order - b.order);
    for (const job of jobs)
      if (this.#jobs.get(job.spec.job) === job && job.state === JobState.quoting) this.#quote(now, job);
  }

  /** Terms for the job: those of a former attempt while they bind, else today's prices in the classes the user can pay. */
  #quote(now: TimeUs, job: PoolJob): void {
    const spec = job.spec;
    if (job.quote === null) {
      const wanted = this.#wanted(spec);
      if (!this.#scheduler.everFits(job.shape)) return this.#finish(now, job, JobStatus.rejected, Code.neverFits);
      const quote = this.#desk.quote(spec, wanted);
      if (quote === null) return this.#finish(now, job, JobStatus.rejected, Code.priceAboveBid);
      if (quote.maxCharge > MAX_AMOUNT) return this.#finish(now, job, JobStatus.rejected, Code.amountOverflow);
      if (quote.classes.length < wanted.length) {
        job.shape = this.#shapes.gang(spec, quote.classes);
        // The classes the user can pay may be too few machines.
        if (!this.#scheduler.everFits(job.shape)) return this.#finish(now, job, JobStatus.rejected, Code.priceAboveBid);
      }
      job.quote = quote;
    }
    job.state = JobState.reserving;
    job.hold = holdOf(spec.job, job.attempt);
    this.#scheduler.asked();
    this.#port.send(SETTLEMENT, {
      kind: MessageKind.reserve,
      hold: job.hold,
      spec,
      quote: job.quote,
      submittedUs: job.submittedUs,
      history: historyOf(job),
      term: this.#roster.term,
    });
  }

  #held(now: TimeUs, hold: number): void {
    const job = this.#jobs.byHold(hold);
    if (job === undefined || job.state !== JobState.reserving) return;
    this.#scheduler.answered();
    if (job.closing !== Code.ok) {
      job.state = JobState.resolving;
      return this.#release(job);
    }
    job.state = JobState.waiting;
    // Asked for a second time when a job that was to be given away stays here.
    if (job.attempt === 1 && job.sinceUs === job.submittedUs) job.sinceUs = now;
    this.#scheduler.add(job);
  }

  #refused(now: TimeUs, hold: number, code: Code, limitUs: TimeUs): void {
    const job = this.#jobs.byHold(hold);
    if (job === undefined || job.state !== JobState.reserving) return;
    this.#scheduler.answered();
    if (job.closing !== Code.ok) return this.#finish(now, job, JobStatus.cancelled, job.closing);
    const again = code === Code.awardUnknown || code === Code.quoteMismatch || limitUs > 0;
    if (again && job.attempt < LAST_ATTEMPT) {
      // The terms are no longer the chain's, or cost more than the budget has left: quote again under the present ones.
      if (limitUs > 0) shorten(job, limitUs);
      job.quote = null;
      job.shape = this.#shapes.gang(job.spec, this.#wanted(job.spec));
      return this.#again(job);
    }
    this.#finish(now, job, JobStatus.rejected, code);
  }

  #again(job: PoolJob): void {
    this.#scheduler.gone(job);
    reopen(job);
    this.#jobs.setPatience(job);
    this.#quoting.push(job);
  }

  #release(job: PoolJob): void {
    this.#port.send(SETTLEMENT, {
      kind: MessageKind.release,
      hold: job.hold,
      closing: job.closing,
      term: this.#roster.term,
    });
  }

  /** `passOn`: to Settlement, which knows who has the job, when it is not here. */
  #withdraw(now: TimeUs, m: Withdraw, passOn: boolean): void {
    const job = this.#jobs.get(m.job);
    if (job === undefined && passOn) this.#port.send(SETTLEMENT, m);
    if (job?.closing === Code.ok) this.#close(now, job, m.code);
  }

  /** Gives the job up: at once when Settlement has never heard of it, else when it has answered. Policies leave one that runs alone. */
  #close(now: TimeUs, job: PoolJob, code: Code): void {
    job.closing = code;
    switch (job.state) {
      case JobState.quoting:
        if (job.hold === 0) return this.#finish(now, job, JobStatus.cancelled, code);
        job.state = JobState.resolving;
        return this.#release(job);
      case JobState.waiting:
        this.#scheduler.remove(job);
        this.#scheduler.dirty = true;
        job.state = JobState.resolving;
        return this.#release(job);
      case JobState.leased:
        job.stopping = true;
        this.#orders.stop(this.#leases.get(job.lease), Outcome.cancelled);
        return this.#release(job);
      default:
        // Reserving: the answer is on its way. Resolving: an answer is on its way unless only a retry was pending.
        if (!job.retry) return;
        job.retry = false;
        return this.#release(job);
    }
  }

  // ---- SchedulerHost: what the scheduler decides ----

  get cluster(): Cluster {
    return this.#roster.cluster;
  }
  job(number: number): PoolJob | undefined {
    return this.#jobs.get(number);
  }

  yield(job: PoolJob, now: TimeUs): void {
    this.#port.decide(job.hold, Outcome.preempted);
    this.#port.row('preemptions', {
      time_us: now,
      pool: this.id,
      job_id: job.spec.job,
      lease_id: job.lease,
      by_job_id: job.yieldsTo,
    });
    this.#orders.stop(this.#leases.get(job.lease), Outcome.preempted);
  }

  grant(job: PoolJob, parts: Part[]): void {
    job.lease = this.#orders.grant(this.now, job, parts).lease;
    job.state = JobState.leased;
    job.givesUpUs = NEVER;
    job.pledged = 0;
  }

  // ---- leases: what the nodes say ----

  #running(m: Running): void {
    const found = this.#leases.part(m.lease, m.part);
    if (found === null) return;
    const { lease, part } = found;
    part.state = PartState.running;
    if (part.allocation !== null) {
      part.allocation.endUs = m.startedUs + lease.limitUs;
      this.cluster.touch(part.node);
    }
    if (lease.stopped) return;
    for (const p of lease.parts) if (p.state === PartState.sent) return;
    // All up: from here on the lease ends when its last node limit has passed.
    this.#leases.setDeadline(lease, m.startedUs + lease.limitUs + this.config.graces.poolUs);
    const job = this.#jobs.byHold(lease.hold);
    if (job === undefined) return;
    job.startedUs = m.startedUs;
    this.#scheduler.up(job);
  }

  #ended(m: Ended): void {
    const found = this.#leases.part(m.lease, m.part);
    if (found === null) return;
    found.part.state = PartState.ended;
    const job = this.#jobs.byHold(found.lease.hold);
    if (job !== undefined) {
      job.over = true;
      this.#scheduler.leased(job, false);
    }
    // A gang lives or dies together.
    if (m.outcome !== Outcome.completed && found.lease.parts.length > 1)
      this.#orders.stop(found.lease, Outcome.aborted);
  }

  #declined(m: Declined): void {
    const found = this.#leases.part(m.lease, m.part);
    if (found === null) return;
    this.#orders.stop(found.lease, Outcome.aborted);
    const job = this.#jobs.byHold(found.lease.hold);
    if (job !== undefined && job.state === JobState.leased) this.#release(job);
    this.#freed(m.lease, m.part);
  }

  #freed(lease: number, index: number): void {
    const found = this.#leases.part(lease, index);
    if (found === null) return;
    const { hold } = found.lease;
    const over = this.#leases.finish(found.lease, found.part, this.cluster);
    this.#supply?.syncNode(this.cluster, found.part.node);
    this.#scheduler.dirty = true;
    if (!over) return;
    const job = this.#jobs.byHold(hold);
    if (job !== undefined) this.#scheduler.gone(job);
    if (job?.retry) this.#again(job);
  }

  // ---- the end of an attempt and of a job ----

  #resolved(now: TimeUs, m: Resolved): void {
    const job = this.#jobs.byHold(m.hold);
    if (job === undefined) return;
    if (job.state === JobState.waiting) this.#scheduler.remove(job);
    job.state = JobState.resolving;
    this.#scheduler.leased(job, false);
    job.startedUs = -1;
    job.stopping = false;
    job.charged += m.charge;
    if (m.startUs >= 0) {
      job.runs++;
      if (job.firstStartUs < 0) job.firstStartUs = m.startUs;
      job.lastStartUs = m.startUs;
      job.lastEndUs = m.endUs;
      job.servedUs += m.endUs - m.startUs;
      if (m.outcome === Outcome.preempted) job.preemptions++;
    }
    const lease = this.#leases.get(job.lease);
    this.#orders.stop(lease, Outcome.aborted);
    switch (m.outcome) {
      case Outcome.completed:
        return this.#finish(now, job, JobStatus.completed, Code.ok);
      case Outcome.failed:
        return this.#finish(now, job, JobStatus.failed, Code.jobFailed);
      case Outcome.limit:
        return this.#finish(now, job, JobStatus.failed, Code.limit);
      case Outcome.cancelled:
        return this.#finish(now, job, JobStatus.cancelled, job.closing === Code.ok ? Code.byUser : job.closing);
      default:
        if (m.closing === Code.attemptsSpent) return this.#finish(now, job, JobStatus.failed, m.closing);
        if (m.closing !== Code.ok) return this.#finish(now, job, JobStatus.cancelled, m.closing);
        // Given up, but Settlement had not heard it: until it answers, it may hand the job to a successor.
        if (job.closing !== Code.ok) return;
        if (m.outcome === Outcome.preempted) this.#jobs.counts.preemptions++;
        else if (m.startUs >= 0) this.#jobs.counts.restarts++;
        // The old attempt's processes must be gone, or past their last deadline, before a new one may start.
        // One that ran unheard, past the deadline of its start, may still be dying: until its own limit it is waited for.
        if (lease !== undefined && lease.deadlineUs >= NEVER && m.startUs >= 0)
          this.#leases.setDeadline(lease, Math.max(now + 1, m.startUs + lease.limitUs + this.config.graces.poolUs));
        if (lease === undefined || lease.deadlineUs >= NEVER) this.#again(job);
        else job.retry = true;
    }
  }

  #finish(now: TimeUs, job: PoolJob, status: JobStatus, code: Code): void {
    this.#jobs.drop(job);
    this.#scheduler.leased(job, false);
    this.#scheduler.gone(job);
    this.#jobs.close(now, job, status, code);
  }

  #sample(now: TimeUs): void {
    this.#nextSampleUs = (Math.floor(now / this.config.sampleUs) + 1) * this.config.sampleUs;
    const { waiting, waitingMilliInAll } = this.#scheduler;
    this.#port.row('samples', sampleRow(now, this.id, this.cluster, waiting, waitingMilliInAll, this.#leases.size));
  }

  // ---- nodes and terms ----

  #assign(term: number, nodes: number[]): void {
    if (term < this.#roster.term) return;
    this.#superseded = false;
    this.#roster.assign(term, nodes, (cluster) => this.#leases.retake(cluster));
    this.#supply?.rebuilt(this.cluster);
    for (const n of this.#roster.nodes) {
      this.#port.send(nodeAddress(this.config.pools.length, n), { kind: MessageKind.adopt, term });
    }
    this.dropCaches();
  }

  #inventory(now: TimeUs, m: Inventory): void {
    const local = this.#roster.localOf(m.node);
    if (local === undefined || m.term !== this.#roster.term) return;
    if (m.leases.length > 0) this.#supply?.reopen(this.cluster, local);
    for (const l of m.leases) {
      const lease = this.#leases.adopt(l, local, this.config.graces.poolUs, this.cluster);
      const job = this.#jobs.byHold(l.hold);
      if (job !== undefined && job.lease !== lease.lease) {
        this.#scheduler.leased(job, false);
        job.lease = lease.lease;
        if (job.state === JobState.leased && !job.over) this.#scheduler.leased(job, true);
      }
      // What was decided before this part was known holds for it too.
      const reason = job !== undefined && job.closing !== Code.ok ? Outcome.cancelled : Outcome.aborted;
      if (lease.stopped || job?.broken === true || reason === Outcome.cancelled)
        this.#orders.tell(local, { kind: MessageKind.stop, lease: l.lease, reason });
    }
    this.#roster.cards(local, m.out);
    this.#supply?.syncNode(this.cluster, local);
    if (this.#roster.health(now, m.node, m.up)) this.#scheduler.dirty = true;
    this.#desk.wake(now);
  }

  #inherit(m: Inherit): void {
    this.#jobs.counts.inherited++;
    this.#steals.came();
    const job = this.#jobs.come(m.spec, m.submittedUs, this.#shapes.gang(m.spec, m.quote.classes));
    Object.assign(job, m.history);
    job.quote = m.quote;
    job.attempt = attemptOfHold(m.hold);
    job.hold = m.hold;
    job.broken = m.broken;
    this.#jobs.put(job);
    if (m.claimed) {
      job.state = JobState.leased;
      job.lease = this.#leases.ofHold(m.hold)?.lease ?? 0;
      this.#scheduler.leased(job, true);
      if (m.broken) this.#broken(m.hold);
    } else if (job.attempt < LAST_ATTEMPT) this.#again(job);
    else {
      job.state = JobState.resolving;
      job.closing = Code.attemptsSpent;
      this.#release(job);
    }
  }

  /** A gang lives or dies together. */
  #broken(hold: number): void {
    const job = this.#jobs.byHold(hold);
    if (job === undefined) return;
    job.broken = true;
    this.#orders.stop(this.#leases.get(job.lease), Outcome.aborted);
  }

  #supersede(now: TimeUs, handedOver: readonly number[]): void {
    this.#superseded = true;
    const handed = new Set(handedOver);
    for (const job of this.#jobs.all()) {
      if (job.state === JobState.waiting) this.#scheduler.remove(job);
      if (handed.has(job.spec.job)) {
        this.#jobs.drop(job);
        this.#scheduler.leased(job, false);
        this.#jobs.counts.handedOver++;
      } else if (job.closing !== Code.ok) this.#finish(now, job, JobStatus.cancelled, job.closing);
      else this.#finish(now, job, JobStatus.rejected, Code.superseded);
    }
    this.#leases.clear();
    this.#desk.close();
    this.#roster.clear();
    this.dropCaches();
  }

  // ---- state ----

  /** Forget what policies and forecasts remember; decisions must not change (tested by doing it at random moments). */
  dropCaches(): void {
    this.#roster.forecast.reset();
    this.#scheduler.rebuild(this.#scheduler.memory());
  }

  get counts(): Readonly<PoolCounts> {
    return this.#jobs.counts;
  }
  get waitingCount(): number {
    return this.#scheduler.waiting;
  }
  /** Present price of each class, micro-units per GPU-hour; -1 = not sold. */
  get prices(): readonly number[] {
    return this.#desk.prices;
  }
  get liveJobs(): number {
    return this.#jobs.size;
  }
  jobs(): PoolJob[] {
    return this.#jobs.all();
  }
  leases(): Lease[] {
    return this.#leases.all();
  }
  /** Node indices in local order. */
  nodes(): readonly number[] {
    return this.#roster.nodes;
  }
  /** At its last pulse the pool counted on having heard of the node. */
  hears(local: number): boolean {
    return this.#roster.hears(this.now, local);
  }
  get term(): number {
    return this.#roster.term;
  }

  snapshot(): PoolState {
    return clonePlain<PoolState>({
      roster: this.#roster.snapshot(),
      desk: this.#desk.snapshot(),
      supply: this.#supply?.snapshot() ?? null,
      steals: this.#steals.snapshot(),
      jobs: this.#jobs.all().map((job) => {
        const { shape: _, slot: __, ...j } = plainOf(job);
        return { ...j, classes: [...(j.quote?.classes ?? this.#wanted(j.spec))] };
      }),
      leases: this.#leases.all().map(plainOf),
      counts: this.#jobs.counts,
      nextOrder: this.#jobs.nextOrder,
      nextLease: this.#orders.nextLease,
      nextSampleUs: this.#nextSampleUs,
      now: this.now,
      superseded: this.#superseded,
      queueing: this.#scheduler.memory(),
      wakeUs: this.#scheduler.wakeUs,
      dirty: this.#scheduler.dirty,
    });
  }

  restore(state: PoolState): void {
    const s = clonePlain(state);
    this.now = s.now;
    this.#superseded = s.superseded;
    Object.assign(this.#jobs.counts, s.counts);
    this.#jobs.nextOrder = s.nextOrder;
    this.#orders.nextLease = s.nextLease;
    this.#nextSampleUs = s.nextSampleUs;
    this.#desk.restore(s.desk);
    if (s.supply !== null) this.#supply?.restore(s.supply);
    this.#steals.restore(s.steals);
    for (const { classes, ...j } of s.jobs) {
      const job = Object.assign(new PoolJob(j.spec, 0, this.#shapes.gang(j.spec, classes), j.order), j);
      this.#jobs.put(job);
      this.#jobs.watchPatience(job);
      if (job.state === JobState.quoting) this.#quoting.push(job);
      if (job.state === JobState.waiting) this.#scheduler.count(job, 1);
    }
    for (const l of s.leases) this.#leases.restore(l);
    this.#roster.restore(s.now, s.roster, (cluster) => this.#leases.retake(cluster));
    this.#supply?.rebuilt(this.cluster);
    this.#roster.forecast.reset();
    this.#scheduler.rebuild(s.queueing);
    this.#scheduler.wakeUs = s.wakeUs;
    this.#scheduler.dirty = s.dirty;
  }
}
