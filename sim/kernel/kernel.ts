import { NEVER } from '../../core/types.ts';
import { LadderQueue } from './ladder-queue.ts';
import { Process, type ProcessBody, State, WAIT, type Wait } from './process.ts';
import type { QueueState } from './queue.ts';

/** What happens at an event of one type; `a` and `b` are the operands it was posted with. */
export type Handler = (a: number, b: number) => void;

const CALL = 0;
const RESUME = 1;
const RENEGE = 2;

/** `next` of every generator: called directly, because looking it up on generators of many functions is slow. */
const generatorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf((function* (): Generator<void, void, void> {})()),
) as Generator<Wait, unknown, unknown>;
const resumeGenerator = generatorPrototype.next;
const throwIntoGenerator = generatorPrototype.throw;

export interface KernelOptions {
  /** Debug mode: events at one stamp and phase go in an order drawn from this seed; a sound model gives the same results. */
  shuffleSeed?: number;
  /** Called for every event before it happens, to log or hash a run: stamp and type (0 callback, 1 process, 2 patience). */
  onEvent?: (time: number, type: number) => void;
}

/**
 * A simulation: one clock in whole ticks (what a tick is, you decide; the market's is a microsecond), one event queue, and three
 * ways to say what happens: handlers of integer event types (`define`, `post`), callbacks (`at`, `after`), and processes
 * written as generators (`process`, `hold`). They mix freely. Events at one stamp go by phase, then in the order of posting;
 * processes that a grant, signal, interrupt or start has made ready go before the next event, in the order they became ready.
 */
export class Kernel {
  readonly queue: LadderQueue;
  readonly #handlers: Handler[] = [];
  #lastType = -1;
  /** Callback of a pending event, by its slot. */
  readonly #callbacks: ((() => void) | null)[] = [null];
  /**
   * Processes by number, numbers that are free, and numbers of those that go on before the next event. Numbers instead of
   * references, because to store a young object in an old one costs the garbage collector a note each time.
   */
  readonly processes: (Process | null)[] = [null];
  readonly #freeNumbers: number[] = [];
  #ready = new Int32Array(64);
  #readyHead = 0;
  #readyCount = 0;
  /** Number of the process that is running, 0 = none. */
  #current = 0;
  #stopped = false;
  #running = false;
  readonly #onEvent: ((time: number, type: number) => void) | null;

  constructor(options: KernelOptions = {}) {
    this.queue = new LadderQueue(options.shuffleSeed === undefined ? {} : { shuffleSeed: options.shuffleSeed });
    this.#onEvent = options.onEvent ?? null;
    // The kernel's own types are told apart in `#happen`; they only keep their numbers here.
    for (let type = CALL; type <= RENEGE; type++) this.define(() => {});
  }

  /** The present stamp, in ticks. */
  get now(): number {
    return this.queue.now;
  }

  /** Events that have happened. */
  get events(): number {
    return this.queue.taken;
  }

  // Level 1: typed events.

  /** Registers a handler and returns its event type. Register in a fixed order: snapshots carry types, not handlers. */
  define(handler: Handler): number {
    this.#lastType = this.#handlers.push(handler) - 1;
    return this.#lastType;
  }

  /** An event of a defined type at a stamp. Throws RangeError for a stamp that is no whole number or lies before now. */
  post(time: number, type: number, a = 0, b = 0, phase = 0): void {
    if (!(type > RENEGE && type <= this.#lastType)) this.#refuseType(type);
    this.queue.post(time, phase, type, a, b);
  }

  /** `post` that returns a handle for `cancel`. */
  schedule(time: number, type: number, a = 0, b = 0, phase = 0): number {
    if (!(type > RENEGE && type <= this.#lastType)) this.#refuseType(type);
    return this.queue.push(time, phase, type, a, b);
  }

  #refuseType(type: number): never {
    throw new RangeError(`event type ${type} was not defined; use what define() returned`);
  }

  /** Takes back an event that has not happened; false when it has, or was taken back before. */
  cancel(handle: number): boolean {
    return this.queue.cancel(handle);
  }

  // Level 2: callbacks.

  /** Calls `f` at a stamp. Returns a handle for `cancel`. */
  at(time: number, f: () => void, phase = 0): number {
    const slot = this.queue.post(time, phase, CALL, 0, 0);
    this.#callbacks[slot] = f;
    return this.queue.handleOf(slot);
  }

  /** Calls `f` after a delay in ticks. Returns a handle for `cancel`. */
  after(delay: number, f: () => void, phase = 0): number {
    return this.at(this.queue.now + delay, f, phase);
  }

  // Level 3: processes.

  /** Starts a process: `body` is a generator function, or the generator it returned. It runs before the next event. */
  process<T>(body: ProcessBody<T> | (() => ProcessBody<T>), name = ''): Process<T> {
    const number = this.#freeNumbers.pop() ?? this.processes.length;
    const p = new Process<T>(this, typeof body === 'function' ? body() : body, name, number);
    this.processes[number] = p as Process;
    this.makeReady(p as Process, undefined);
    return p;
  }

  /** The process that is running, for resources of your own. Throws outside of one. */
  get current(): Process {
    const p = this.processes[this.#current]!;
    if (p === null) throw new Error('this call waits: it belongs behind `yield` in a process');
    if (p.state !== State.running)
      throw new Error(`process ${p.name}: the wait before this one was not yielded; write \`yield\` before every wait`);
    return p;
  }

  /** Waits for a delay in ticks: `yield kernel.hold(5)`. */
  hold(delay: number): Wait {
    const p = this.current;
    p.slot = this.queue.post(this.queue.now + delay, 0, RESUME, p.number, 0);
    p.state = State.waiting;
    return WAIT;
  }

  /** For resources: gives the waiting process up after `patience` ticks; it resumes with false. */
  armPatience(p: Process, patience: number): void {
    p.slot = this.queue.post(this.queue.now + patience, 0, RENEGE, p.number, 0);
  }

  /** For resources: the process gets `value` from its `yield`, before the next event. */
  makeReady(p: Process, value: unknown): void {
    if (p.slot !== 0) this.dropTimer(p);
    p.value = value;
    p.state = State.ready;
    if (this.#readyCount === this.#ready.length) this.#growReady();
    this.#ready[(this.#readyHead + this.#readyCount++) & (this.#ready.length - 1)] = p.number;
  }

  #growReady(): void {
    const old = this.#ready;
    this.#ready = new Int32Array(2 * old.length);
    this.#ready.set(old.subarray(this.#readyHead));
    this.#ready.set(old.subarray(0, this.#readyHead), old.length - this.#readyHead);
    this.#readyHead = 0;
  }

  /** For resources: takes back the timer of a waiting process. */
  dropTimer(p: Process): void {
    this.queue.cancelSlot(p.slot);
    p.slot = 0;
  }

  /** Runs everything that is ready. */
  #drain(): void {
    while (this.#readyCount > 0) {
      const p = this.processes[this.#ready[this.#readyHead]!]!;
      this.#readyHead = (this.#readyHead + 1) & (this.#ready.length - 1);
      this.#readyCount--;
      this.#resume(p);
    }
  }

  #resume(p: Process): void {
    p.slot = 0;
    this.#current = p.number;
    let r = p.state === State.interrupted ? this.#throwInto(p) : this.#goOn(p);
    for (;;) {
      if (r.done === true) {
        p.finish(r.value);
        this.#forget(p);
        break;
      }
      if (p.state === State.running)
        throw new Error(`process ${p.name} yielded ${String(r.value)}; yield what a wait such as hold() returns`);
      if (p.state === State.granted) {
        r = this.#goOn(p);
      } else {
        // Ready already (it was served by its own request): an interrupt comes at its next wait.
        if (p.interrupts === null || p.state !== State.waiting) break;
        p.abandon();
        r = this.#throwInto(p);
      }
    }
    this.#current = 0;
  }

  /** The process is over; its number is free. */
  #forget(p: Process): void {
    this.processes[p.number] = null;
    this.#freeNumbers.push(p.number);
  }

  #goOn(p: Process): IteratorResult<Wait, unknown> {
    const value = p.value;
    p.value = undefined;
    p.state = State.running;
    return resumeGenerator.call(p.body, value);
  }

  #throwInto(p: Process): IteratorResult<Wait, unknown> {
    const interrupts = p.interrupts!;
    const interrupt = interrupts.shift();
    if (interrupts.length === 0) p.interrupts = null;
    p.state = State.running;
    return throwIntoGenerator.call(p.body, interrupt);
  }

  // Running.

  /**
   * Runs every event at or before `until` and sets the clock there; without `until`, runs until nothing is left and leaves
   * the clock at the last event. True when something is still pending. What a handler or process throws ends the run here.
   */
  run(until?: number): boolean {
    const end = until ?? NEVER - 1;
    if (this.#running) throw new Error('run: this kernel is running; a handler or process cannot run it');
    if (!(end >= this.queue.now)) throw new RangeError(`run: ${until} is before now (${this.queue.now})`);
    this.#stopped = false;
    this.#running = true;
    try {
      if (this.#readyCount > 0) this.#drain();
      if (this.#onEvent !== null) this.#watchedLoop(end);
      else this.#loop(end);
    } finally {
      this.#running = false;
      if (this.#current !== 0) {
        const p = this.processes[this.#current]!;
        p.state = State.failed;
        this.#forget(p);
        this.#current = 0;
      }
    }
    if (until !== undefined && !this.#stopped) this.queue.advance(until);
    return this.queue.size > 0;
  }

  #loop(end: number): void {
    const queue = this.queue;
    const handlers = this.#handlers;
    while (!this.#stopped) {
      const type = queue.next(end);
      if (type > RENEGE) handlers[type]!(queue.a, queue.b);
      else if (type < 0) return;
      else this.#own(type);
      if (this.#readyCount > 0) this.#drain();
    }
  }

  #watchedLoop(end: number): void {
    const queue = this.queue;
    while (!this.#stopped) {
      const type = queue.next(end);
      if (type < 0) return;
      this.#onEvent!(queue.now, type);
      if (type > RENEGE) this.#handlers[type]!(queue.a, queue.b);
      else this.#own(type);
      if (this.#readyCount > 0) this.#drain();
    }
  }

  /** An event of the kernel's own types. */
  #own(type: number): void {
    if (type === CALL) {
      const slot = this.queue.slot;
      const f = this.#callbacks[slot]!;
      this.#callbacks[slot] = null;
      f();
      return;
    }
    const p = this.processes[this.queue.a]!;
    if (type === RENEGE) {
      p.detach();
      p.value = false;
    }
    this.#resume(p);
  }

  /**
   * The clock and the pending events as plain data, between two events or before a run. Only typed events can be saved: callbacks
   * and generators are code at work, and a pending one is an error. Your model and its streams save themselves.
   */
  snapshot(): QueueState {
    const state = this.queue.snapshot();
    if (this.processes.some((p) => p !== null) || state.events.some((e) => e[3] <= RENEGE))
      throw new Error('snapshot: callbacks and processes cannot be saved; use typed events in models that fork');
    return state;
  }

  /** Into a fresh kernel with the same handlers defined in the same order. One snapshot may be restored many times: a fork. */
  restore(state: QueueState): void {
    for (const e of state.events)
      if (this.#handlers[e[3]] === undefined) throw new Error(`restore: no handler defined for event type ${e[3]}`);
    this.queue.restore(state);
  }

  /** Ends `run` after the present event. */
  stop(): void {
    this.#stopped = true;
  }
}
