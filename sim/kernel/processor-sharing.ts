import type { Kernel } from './kernel.ts';
import { type Process, State, WAIT, type Wait, type WaitingPlace } from './process.ts';

interface Job {
  process: Process;
  /** Amount of attained service at which it is done. */
  due: number;
  order: number;
}

/**
 * Egalitarian processor sharing: n jobs on `capacity` processors each run at speed min(1, capacity / n), a link or an
 * oversubscribed GPU. `yield cpu.serve(work)` waits until `work` ticks at full speed are done. One event per completion, however
 * many share: jobs are kept by the attained service at which they end. Ends are rounded up to a tick.
 */
export class ProcessorSharing implements WaitingPlace {
  readonly kernel: Kernel;
  readonly capacity: number;
  /** Binary heap by (due, order). */
  readonly #jobs: Job[] = [];
  /** Service that a job present all along has had. */
  #attained = 0;
  #since: number;
  #order = 0;
  #event = 0;

  constructor(kernel: Kernel, capacity = 1) {
    if (!(capacity > 0 && capacity < Infinity)) throw new RangeError(`capacity ${capacity} is not above 0`);
    this.kernel = kernel;
    this.capacity = capacity;
    this.#since = kernel.now;
  }

  /** Jobs in service. */
  get size(): number {
    return this.#jobs.length;
  }

  get #speed(): number {
    return Math.min(1, this.capacity / this.#jobs.length);
  }

  serve(work: number): Wait {
    if (!(work >= 0 && work < Infinity)) throw new RangeError(`work ${work} is not 0 or more`);
    const p = this.kernel.current;
    this.#advance();
    this.#up({ process: p, due: this.#attained + work, order: this.#order++ });
    p.place = this;
    p.state = State.waiting;
    this.#plan();
    return WAIT;
  }

  /** A job leaves before its end. */
  forget(p: Process): void {
    this.#advance();
    const i = this.#jobs.findIndex((j) => j.process === p);
    const rest = this.#jobs.filter((_, k) => k !== i);
    this.#jobs.length = 0;
    for (const j of rest) this.#up(j);
    this.#plan();
  }

  #advance(): void {
    const now = this.kernel.now;
    if (this.#jobs.length === 0) this.#attained = 0;
    else this.#attained += (now - this.#since) * this.#speed;
    this.#since = now;
  }

  /** The next completion becomes an event in place of the one planned before. */
  #plan(): void {
    if (this.#event !== 0) this.kernel.cancel(this.#event);
    this.#event = 0;
    const first = this.#jobs[0];
    if (first === undefined) return;
    const ticks = Math.max(0, (first.due - this.#attained) / this.#speed);
    this.#event = this.kernel.after(Math.ceil(ticks - 1e-6), () => this.#complete());
  }

  #complete(): void {
    this.#event = 0;
    this.#advance();
    // What rounding leaves of a job is less than a millionth of a tick at its speed.
    while (this.#jobs.length > 0 && this.#jobs[0]!.due <= this.#attained + 1e-6) {
      const { process } = this.#pop();
      process.place = null;
      this.kernel.makeReady(process, true);
    }
    this.#plan();
  }

  #up(job: Job): void {
    const jobs = this.#jobs;
    let i = jobs.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(job, jobs[parent]!)) break;
      jobs[i] = jobs[parent]!;
      i = parent;
    }
    jobs[i] = job;
  }

  #pop(): Job {
    const jobs = this.#jobs;
    const top = jobs[0]!;
    const last = jobs.pop()!;
    const n = jobs.length;
    if (n > 0) {
      let i = 0;
      for (;;) {
        let c = 2 * i + 1;
        if (c >= n) break;
        if (c + 1 < n && before(jobs[c + 1]!, jobs[c]!)) c++;
        if (!before(jobs[c]!, last)) break;
        jobs[i] = jobs[c]!;
        i = c;
      }
      jobs[i] = last;
    }
    return top;
  }
}

function before(x: Job, y: Job): boolean {
  return x.due < y.due || (x.due === y.due && x.order < y.order);
}
