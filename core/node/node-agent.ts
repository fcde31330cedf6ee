/**
 * The machine that stands on a provider's node and decides whether a GPU is free. It refuses what its fence has passed,
 * claims a hold before it spawns, kills at the limit, meters use and tells Settlement and its Pool. Cut off from both, it
 * finishes what it has claimed and starts nothing new.
 */
import { ActionKind, CardState, DownCause, downCauseNames, type Fact, FactKind, type GpuFact } from '../facts.ts';
import { removeAt } from '../lists.ts';
import { type Machine, type Port, SETTLEMENT } from '../machine.ts';
import type { Mail } from '../mail.ts';
import { type InventoryLease, type LeaseMsg, type Message, MessageKind } from '../messages.ts';
import { ExactSum } from '../num/index.ts';
import { type NumberStore, type Plain, plainOf } from '../numbered.ts';
import { attemptOfHold, Code, type Graces, jobOfHold, NEVER, type NodeSpec, Outcome, type TimeUs } from '../types.ts';
import { Cards, type CardsState } from './cards.ts';
import { LeaseState, NodeLease } from './node-lease.ts';
import type { Rooms } from './rooms.ts';

export { LeaseState, mayRun, type NodeLease } from './node-lease.ts';

export interface NodeState {
  up: boolean;
  term: number;
  seq: number;
  pool: number;
  leases: Plain<NodeLease>[];
  upSinceUs: TimeUs;
  upUs: TimeUs;
  busyMilliUs: bigint;
  reportedUs: TimeUs;
  started: number;
  failures: number;
  meterAtUs: TimeUs;
  /** Absent = every GPU is and was in service. */
  cards?: CardsState;
  /** Its owner has said that it comes: when what runs is told to end; absent = it has not. */
  stopUs?: TimeUs;
}

/** What the machines of a host share. */
export interface NodeHost {
  graces: Graces;
  /** What is free on them. */
  rooms: Rooms;
  /** Of their leases. */
  places: NumberStore;
  /** The chain pays for availability: it must know. */
  paidUp: boolean;
  /** Full periods of meters are multiples of this; NEVER = nobody asks before the end. */
  meterUs: TimeUs;
}

export class NodeAgent implements Machine {
  readonly address: number;
  readonly index: number;
  readonly spec: NodeSpec;
  readonly #port: Port;
  /** Its number in the host's rooms. */
  readonly #room: number;
  readonly #host: NodeHost;
  #meterAtUs: TimeUs = NEVER;
  readonly #className: string;
  readonly #cards = new Cards();
  #up = true;
  /** Its owner has said that it comes, and when what runs is told to end. */
  #leaving = false;
  #stopUs: TimeUs = NEVER;
  #term = 0;
  #seq = 0;
  /** Address of the pool whose term the node obeys; 0 = none yet. */
  #pool = 0;
  /** Few at a time, so a list. */
  readonly #leases: NodeLease[] = [];
  #wakeup: TimeUs = NEVER;
  #upSinceUs: TimeUs = 0;
  #upUs: TimeUs = 0;
  #busyMilliUs = new ExactSum();
  /** Run time of all leases that are over: what Settlement must have read. */
  #reportedUs: TimeUs = 0;
  #started = 0;
  #failures = 0;

  constructor(
    address: number,
    index: number,
    room: number,
    spec: NodeSpec,
    gpuClass: string,
    port: Port,
    host: NodeHost,
  ) {
    this.address = address;
    this.index = index;
    this.spec = spec;
    this.#port = port;
    this.#room = room;
    this.#host = host;
    this.#className = gpuClass;
  }

  nextWakeup(): TimeUs {
    return this.#wakeup;
  }

  pulse(now: TimeUs, mail: Mail): void {
    while (mail.next()) this.#handle(now, mail.input, mail.from);
    if (this.#wakeup <= now) {
      for (const l of [...this.#leases]) if (l.deadlineUs <= now) this.#expire(now, l);
    }
    if (this.#stopUs <= now) this.#stopAll(now);
    if (this.#meterAtUs <= now) this.#meter(now);
    let next: TimeUs = this.#stopUs;
    const list = this.#leases;
    for (let i = 0; i < list.length; i++) if (list[i]!.deadlineUs < next) next = list[i]!.deadlineUs;
    if (this.#host.meterUs < NEVER) {
      const runs = list.some((l) => l.state === LeaseState.running);
      this.#meterAtUs = runs ? (Math.floor(now / this.#host.meterUs) + 1) * this.#host.meterUs : NEVER;
      next = Math.min(next, this.#meterAtUs);
    }
    this.#wakeup = next;
  }

  /** At a full period: reads the meter of everything that goes on running. */
  #meter(now: TimeUs): void {
    for (const l of this.#leases) {
      if (l.state !== LeaseState.running || l.startedUs >= now) continue;
      const { hold, part, startedUs: startUs } = l;
      this.#port.send(SETTLEMENT, { kind: MessageKind.metered, hold, node: this.index, part, startUs, untilUs: now });
    }
  }

  #find(lease: number): NodeLease | undefined {
    const list = this.#leases;
    for (let i = 0; i < list.length; i++) if (list[i]!.lease === lease) return list[i];
    return undefined;
  }

  #remove(l: NodeLease): void {
    removeAt(this.#leases, this.#leases.indexOf(l));
    this.#host.places.give(l);
  }

  #handle(now: TimeUs, input: Fact | Message, from: number): void {
    switch (input.kind) {
      case MessageKind.lease:
        return this.#offered(now, input, from);
      case MessageKind.claimed:
        return this.#claimed(now, input.lease, input.hold);
      case MessageKind.denied:
        return this.#denied(input.lease, input.code);
      case MessageKind.stop:
        // A pool that was taken over and does not know it yet ends nothing here.
        if (from === this.#pool) this.#stop(now, input.lease, input.reason);
        return;
      case MessageKind.adopt:
        return this.#adopt(input.term, from);
      case FactKind.started:
        return this.#startedFact(now, input.lease, input.fence);
      case FactKind.exited:
        return this.#exited(now, input.lease, input.fence, input.outcome, input.clean);
      case FactKind.released: {
        const l = this.#find(input.lease);
        if (l !== undefined && l.state === LeaseState.releasing) this.#free(l);
        return;
      }
      case FactKind.progress: {
        const l = this.#find(input.lease);
        if (l !== undefined && l.fence === input.fence && l.state === LeaseState.running)
          this.#port.send(this.#pool, {
            kind: MessageKind.progress,
            lease: l.lease,
            part: l.part,
            remainingUs: input.remainingUs,
          });
        return;
      }
      case FactKind.nodeDown:
        return this.#down(now, input.cause);
      case FactKind.nodeUp:
        return this.#upAgain(now);
      case FactKind.gpu:
        return this.#card(now, input);
      case FactKind.leaving:
        return this.#leaves(now, input.stopUs);
      default:
        throw new Error(`node ${this.spec.id}: cannot take input of kind ${input.kind}`);
    }
  }

  #offered(now: TimeUs, m: LeaseMsg, from: number): void {
    // The fence: only the pool whose term we obey, and never backwards.
    if (from !== this.#pool || m.term !== this.#term || m.seq <= this.#seq)
      return this.#decline(m.lease, m.part, Code.staleFence, from);
    this.#seq = m.seq;
    if (now >= m.startByUs) return this.#decline(m.lease, m.part, Code.late, from);
    if (!this.takesWork) return this.#decline(m.lease, m.part, Code.nodeDown, from);
    if (m.gpus.some((g) => this.#cards.stateOf(g) !== CardState.fine))
      return this.#decline(m.lease, m.part, Code.gpuFailed, from);
    if (!this.#host.rooms.has(this.#room, m)) return this.#decline(m.lease, m.part, Code.noCapacity, from);
    const l = new NodeLease(this.#host.places.take(), m);
    this.#leases.push(l);
    this.#host.rooms.take(this.#room, l);
    this.#port.send(SETTLEMENT, {
      kind: MessageKind.claim,
      hold: l.hold,
      lease: l.lease,
      node: this.index,
      part: l.part,
      parts: l.parts,
      award: l.award,
      gpus: l.gpus,
      gpuMilli: l.gpuMilli,
      untilUs: this.#latestEnd(l) + this.#host.graces.poolUs,
    });
  }

  /** The node itself ends the lease by then, whatever it hears. */
  #latestEnd(l: NodeLease): TimeUs {
    return l.startedUs >= 0 ? l.startedUs + l.limitUs : l.startByUs + this.#host.graces.startAllowanceUs + l.limitUs;
  }

  #decline(lease: number, part: number, code: Code, to: number): void {
    this.#port.send(to, { kind: MessageKind.declined, lease, node: this.index, part, code });
  }

  #claimed(now: TimeUs, lease: number, hold: number): void {
    const l = this.#find(lease);
    if (l === undefined) return;
    if (l.state === LeaseState.claiming && now <= l.startByUs) {
      l.state = LeaseState.starting;
      l.deadlineUs = l.startByUs + this.#host.graces.startAllowanceUs;
      this.#port.decide(lease, this.index, now);
      this.#port.act({
        kind: ActionKind.start,
        node: this.index,
        lease,
        fence: l.fence,
        job: jobOfHold(hold),
        attempt: attemptOfHold(hold),
        part: l.part,
        parts: l.parts,
        gpus: l.gpus,
        gpuMilli: l.gpuMilli,
        limitUs: l.limitUs,
      });
      return;
    }
    if (l.state === LeaseState.claiming) this.#giveUp(l, Code.late);
    // The claim went through but we had let go: say so, or the money stays locked until the hold expires.
    this.#sendReading(l, -1, -1, l.verdict);
    this.#remove(l);
  }

  #denied(lease: number, code: Code): void {
    const l = this.#find(lease);
    if (l === undefined) return;
    if (l.state === LeaseState.claiming) this.#giveUp(l, code);
    this.#remove(l);
  }

  /** Lets go of an unstarted lease but remembers it until Settlement has answered the claim. */
  #giveUp(l: NodeLease, code: Code): void {
    l.state = LeaseState.lapsed;
    l.deadlineUs = NEVER;
    this.#host.rooms.give(this.#room, l);
    this.#decline(l.lease, l.part, code, this.#pool);
  }

  #stop(now: TimeUs, lease: number, reason: Outcome): void {
    const l = this.#find(lease);
    if (l === undefined) return;
    if (l.state === LeaseState.claiming) {
      l.verdict = reason;
      this.#giveUp(l, Code.gangLost);
    } else if (l.state === LeaseState.starting || l.state === LeaseState.running) this.#kill(now, l, reason);
  }

  /** The bill ends with the order to stop, however long the process takes to die; its GPUs stay taken until it has. */
  #kill(now: TimeUs, l: NodeLease, verdict: Outcome): void {
    this.#over(l, l.startedUs < 0 ? -1 : now, verdict);
    l.state = LeaseState.stopping;
    l.deadlineUs = NEVER;
    this.#port.act({ kind: ActionKind.kill, node: this.index, lease: l.lease, fence: l.fence });
  }

  #startedFact(now: TimeUs, lease: number, fence: number): void {
    const l = this.#find(lease);
    if (l === undefined || fence !== l.fence || l.state !== LeaseState.starting) return;
    l.state = LeaseState.running;
    l.startedUs = now;
    l.deadlineUs = now + l.limitUs;
    this.#started++;
    this.#port.send(this.#pool, { kind: MessageKind.running, lease, node: this.index, part: l.part, startedUs: now });
  }

  #exited(now: TimeUs, lease: number, fence: number, outcome: Outcome, clean: boolean): void {
    const l = this.#find(lease);
    if (l === undefined || fence !== l.fence) return;
    if (l.state === LeaseState.running) this.#over(l, now, outcome);
    else if (l.state === LeaseState.starting)
      this.#over(l, -1, outcome === Outcome.completed ? Outcome.notStarted : outcome);
    else if (l.state !== LeaseState.stopping) return;
    if (clean) this.#free(l);
    else {
      l.state = LeaseState.releasing;
      l.deadlineUs = NEVER;
      this.#port.act({ kind: ActionKind.release, node: this.index, lease, fence });
    }
  }

  /** Metered use is final: tell the chain and the pool. */
  #over(l: NodeLease, endUs: TimeUs, outcome: Outcome): void {
    this.#busyMilliUs.addProduct(endUs - l.startedUs, l.gpuMilli * l.gpus.length);
    this.#reportedUs += endUs - l.startedUs;
    this.#port.decide(l.lease, this.index, endUs, outcome);
    this.#sendReading(l, l.startedUs, endUs, outcome);
    this.#port.send(this.#pool, {
      kind: MessageKind.ended,
      lease: l.lease,
      node: this.index,
      part: l.part,
      startUs: l.startedUs,
      endUs,
      outcome,
    });
  }

  #sendReading(l: NodeLease, startUs: TimeUs, endUs: TimeUs, outcome: Outcome): void {
    this.#port.send(SETTLEMENT, {
      kind: MessageKind.reading,
      hold: l.hold,
      lease: l.lease,
      node: this.index,
      part: l.part,
      startUs,
      endUs,
      outcome,
    });
  }

  #free(l: NodeLease): void {
    this.#host.rooms.give(this.#room, l);
    this.#port.send(this.#pool, { kind: MessageKind.freed, lease: l.lease, node: this.index, part: l.part });
    this.#remove(l);
  }

  #expire(now: TimeUs, l: NodeLease): void {
    if (l.state === LeaseState.claiming) this.#giveUp(l, Code.late);
    else if (l.state === LeaseState.starting) this.#kill(now, l, Outcome.notStarted);
    else if (l.state === LeaseState.running) this.#kill(now, l, Outcome.limit);
  }

  #down(now: TimeUs, cause: DownCause): void {
    if (!this.#up) return;
    const sold = this.#available;
    this.#cards.advance(now, true);
    this.#up = false;
    this.#stays();
    if (cause === DownCause.failure) this.#failures++;
    this.#upUs += now - this.#upSinceUs;
    let lost = 0;
    let lostMilliUs = 0n;
    for (const l of [...this.#leases]) {
      if (l.state === LeaseState.claiming) {
        this.#giveUp(l, Code.nodeDown);
      } else if (l.state !== LeaseState.lapsed) {
        if (l.state === LeaseState.starting || l.state === LeaseState.running) {
          lost++;
          if (l.state === LeaseState.running)
            lostMilliUs += BigInt(now - l.startedUs) * BigInt(l.gpuMilli * l.gpus.length);
          this.#over(l, l.startedUs < 0 ? -1 : now, Outcome.nodeFailure);
        }
        this.#free(l);
      }
    }
    this.#failureRow(now, 'node-down', downCauseNames[cause], -1, lost, lostMilliUs);
    this.#tellHealth();
    this.#tellChain(sold);
  }

  #upAgain(now: TimeUs): void {
    if (this.#up) return;
    const sold = this.#available;
    this.#cards.advance(now, false);
    this.#up = true;
    this.#stays();
    this.#upSinceUs = now;
    this.#failureRow(now, 'node-up', 'ok', -1, 0, 0n);
    this.#tellHealth();
    this.#tellChain(sold);
  }

  #stays(): void {
    this.#leaving = false;
    this.#stopUs = NEVER;
  }

  /** Nothing new from now on; what runs goes on until it is to be told. */
  #leaves(now: TimeUs, stopUs: TimeUs): void {
    if (!this.#up) return;
    if (!this.#leaving) {
      this.#leaving = true;
      for (const l of [...this.#leases]) if (l.state === LeaseState.claiming) this.#giveUp(l, Code.nodeDown);
      this.#failureRow(now, 'notice', 'owner', -1, 0, 0n);
      this.#tellHealth();
    }
    this.#stopUs = Math.max(now, stopUs);
  }

  /** In time to be saved. What has run is paid for as what any order to make room has ended: its work is kept. */
  #stopAll(now: TimeUs): void {
    this.#stopUs = NEVER;
    for (const l of [...this.#leases]) {
      if (l.state === LeaseState.starting) this.#kill(now, l, Outcome.notStarted);
      else if (l.state === LeaseState.running) this.#kill(now, l, Outcome.preempted);
    }
  }

  /** The machine goes on; a dead card takes what stands on it along, one that is to be reset takes on nothing new. */
  #card(now: TimeUs, f: GpuFact): void {
    const { gpu, state, xid } = f;
    const was = this.#cards.stateOf(gpu);
    const cause = xid > 0 ? `Xid ${xid}` : state === CardState.fine ? 'ok' : 'failure';
    if (gpu >= this.spec.gpus) throw new Error(`node ${this.spec.id}: has no GPU ${gpu}`);
    if (state === was) {
      if (xid > 0) this.#failureRow(now, 'gpu-error', cause, gpu, 0, 0n);
      return;
    }
    const sold = this.#available;
    this.#cards.advance(now, this.#up);
    this.#cards.set(gpu, state);
    let lost = 0;
    let lostMilliUs = 0n;
    if (state !== CardState.fine) {
      for (const l of [...this.#leases]) {
        if (!l.gpus.includes(gpu)) continue;
        if (l.state === LeaseState.claiming) this.#giveUp(l, Code.gpuFailed);
        else if (state === CardState.dead && (l.state === LeaseState.starting || l.state === LeaseState.running)) {
          lost++;
          if (l.state === LeaseState.running)
            lostMilliUs += BigInt(now - l.startedUs) * BigInt(l.gpuMilli * l.gpus.length);
          this.#kill(now, l, Outcome.gpuFailure);
        }
      }
    }
    const kind = state === CardState.fine ? 'gpu-back' : state === CardState.dead ? 'gpu-dead' : 'gpu-drain';
    this.#failureRow(now, kind, cause, gpu, lost, lostMilliUs);
    const out = state !== CardState.fine;
    if (out !== (was !== CardState.fine) && this.#pool !== 0)
      this.#port.send(this.#pool, { kind: MessageKind.card, node: this.index, gpu, out });
    this.#tellChain(sold);
  }

  #tellHealth(): void {
    if (this.#pool !== 0)
      this.#port.send(this.#pool, { kind: MessageKind.health, node: this.index, up: this.takesWork });
  }

  /** For the chain, where it pays for availability or counts contributions, a machine with a dead card is not up. */
  get #available(): boolean {
    return this.#up && !this.#cards.anyDead;
  }
  #tellChain(before: boolean): void {
    const up = this.#available;
    if (this.#host.paidUp && up !== before)
      this.#port.send(SETTLEMENT, { kind: MessageKind.health, node: this.index, up });
  }

  #failureRow(now: TimeUs, kind: string, cause: string, gpu: number, lost: number, lostMilliUs: bigint): void {
    this.#port.row('failures', {
      time_us: now,
      kind,
      cause,
      node: this.spec.id,
      provider: this.spec.provider,
      gpu,
      leases_lost: lost,
      lost_milli_us: lostMilliUs,
    });
  }

  #adopt(term: number, from: number): void {
    if (term <= this.#term) return;
    this.#term = term;
    this.#seq = 0;
    if (this.#pool !== 0 && this.#pool !== from) this.#port.forget(this.#pool);
    this.#pool = from;
    const leases: InventoryLease[] = [];
    for (const l of this.#leases) {
      l.carried = true;
      if (l.state === LeaseState.lapsed) continue;
      leases.push({
        lease: l.lease,
        hold: l.hold,
        part: l.part,
        parts: l.parts,
        gpus: l.gpus,
        gpuMilli: l.gpuMilli,
        gpuMemoryMiB: l.gpuMemoryMiB,
        cpuMilli: l.cpuMilli,
        ramMiB: l.ramMiB,
        ...(l.slices === undefined ? {} : { slices: l.slices }),
        limitUs: l.limitUs,
        startedUs: l.startedUs,
        untilUs: this.#latestEnd(l),
      });
    }
    const { out } = this.#cards;
    this.#port.send(from, {
      kind: MessageKind.inventory,
      node: this.index,
      term,
      up: this.takesWork,
      ...(out.length > 0 ? { out } : {}),
      leases,
    });
  }

  /** Row of the devices table; `poolId` is who holds the node. */
  report(now: TimeUs, poolId: string): void {
    let busy = this.#busyMilliUs.value;
    for (const l of this.#leases) {
      if (l.state === LeaseState.running) busy += BigInt(now - l.startedUs) * BigInt(l.gpuMilli * l.gpus.length);
    }
    this.#port.row('devices', {
      node: this.spec.id,
      provider: this.spec.provider,
      pool: poolId,
      gpu_class: this.#className,
      gpus: this.spec.gpus,
      up_us: this.#upUs + (this.#up ? now - this.#upSinceUs : 0),
      gpu_out_us: this.#cards.outUs(now, this.#up),
      busy_milli_us: busy,
      leases: this.#started,
      failures: this.#failures,
    });
  }

  get poolOf(): number {
    return this.#pool;
  }
  get isUp(): boolean {
    return this.#up;
  }
  /** It is up, and its owner has not said that it comes. */
  get takesWork(): boolean {
    return this.#up && !this.#leaving;
  }
  get term(): number {
    return this.#term;
  }
  get reportedUs(): TimeUs {
    return this.#reportedUs;
  }
  /** Every lease, also those let go whose claim is not answered yet. */
  leases(): readonly NodeLease[] {
    return this.#leases;
  }
  /** Leases that occupy GPUs. */
  *occupants(): Generator<NodeLease> {
    for (const l of this.#leases) if (l.state !== LeaseState.lapsed) yield l;
  }
  freeMilliOf(gpu: number): number {
    return this.#host.rooms.freeMilliOf(this.#room, gpu);
  }
  cardOf(gpu: number): CardState {
    return this.#cards.stateOf(gpu);
  }

  snapshot(): NodeState {
    const cards = this.#cards.snapshot();
    return {
      up: this.#up,
      term: this.#term,
      seq: this.#seq,
      pool: this.#pool,
      leases: this.#leases.map((l) => ({ ...plainOf(l), gpus: [...l.gpus] })),
      upSinceUs: this.#upSinceUs,
      upUs: this.#upUs,
      busyMilliUs: this.#busyMilliUs.value,
      reportedUs: this.#reportedUs,
      started: this.#started,
      failures: this.#failures,
      meterAtUs: this.#meterAtUs,
      ...(cards === undefined ? {} : { cards }),
      ...(this.#leaving ? { stopUs: this.#stopUs } : {}),
    };
  }

  restore(state: NodeState): void {
    this.#up = state.up;
    this.#term = state.term;
    this.#seq = state.seq;
    this.#pool = state.pool;
    this.#upSinceUs = state.upSinceUs;
    this.#upUs = state.upUs;
    this.#busyMilliUs = new ExactSum(state.busyMilliUs);
    this.#reportedUs = state.reportedUs;
    this.#started = state.started;
    this.#failures = state.failures;
    this.#meterAtUs = state.meterAtUs;
    if (state.cards !== undefined) this.#cards.restore(state.cards);
    if (state.stopUs !== undefined) {
      this.#leaving = true;
      this.#stopUs = state.stopUs;
    }
    let next = Math.min(state.meterAtUs, this.#stopUs);
    for (const s of state.leases) {
      const l = NodeLease.of(this.#host.places.take(), s);
      this.#leases.push(l);
      if (l.state !== LeaseState.lapsed) this.#host.rooms.take(this.#room, l);
      if (l.deadlineUs < next) next = l.deadlineUs;
    }
    this.#wakeup = next;
  }
}
