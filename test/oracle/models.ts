/**
 * Queues on a recorded trace, each in our kernel (processes) and in simjs. A model returns the stamp at which each customer
 * departs. Where simjs has no such resource (priorities, breakdowns) its model is written on its timers alone.
 */
import { simjs } from '../../bench/simjs.ts';
import { Kernel } from '../../sim/kernel/kernel.ts';
import type { Wait } from '../../sim/kernel/process.ts';
import { ProcessorSharing } from '../../sim/kernel/processor-sharing.ts';
import { preemptedFrom, Resource } from '../../sim/kernel/resource.ts';
import { Streams } from '../../sim/kernel/streams.ts';

const { Sim, Entity, Facility } = simjs();

/** Ticks per unit of time: a power of two, so that sums and halves are exact in doubles. */
export const UNIT = 2 ** 24;

export interface Trace {
  arrivals: number[];
  works: number[];
  /** 0 is urgent. */
  priorities: number[];
  /** Stamps at which the server fails, and how long it is down. */
  failures: number[];
  repairs: number[];
}

export function trace(seed: number, customers: number, load: number): Trace {
  const streams = new Streams(seed);
  const draw = (name: string, mean: number): number =>
    2 * Math.max(1, Math.round((streams.get('trace', name).exponential(mean) * UNIT) / 2));
  let t = 0;
  const arrivals = Array.from({ length: customers }, () => (t += draw('gap', 1 / load)));
  const works = arrivals.map(() => draw('work', 1));
  const priorities = arrivals.map(() => streams.get('trace', 'priority').below(3));
  const failures: number[] = [];
  const repairs: number[] = [];
  for (let at = 0; at < t; ) {
    at += draw('up', 10);
    failures.push(at);
    repairs.push(draw('down', 1));
    at += repairs.at(-1)!;
  }
  return { arrivals, works, priorities, failures, repairs };
}

type Body = Generator<Wait, void, unknown>;

/** Starts a process at each arrival; what it returns after is when it departed. */
function ours(t: Trace, customer: (kernel: Kernel) => (i: number) => Body, more?: (kernel: Kernel) => void): number[] {
  const kernel = new Kernel();
  const departures: number[] = [];
  const serve = customer(kernel);
  more?.(kernel);
  kernel.process(function* (): Body {
    for (let i = 0; i < t.arrivals.length; i++) {
      yield kernel.hold(t.arrivals[i]! - kernel.now);
      kernel.process(function* (): Body {
        yield* serve(i);
        departures[i] = kernel.now;
      });
    }
  });
  kernel.run();
  return departures;
}

/** First come first served on c servers. */
export function oursFcfs(t: Trace, servers: number): number[] {
  return ours(t, (kernel) => {
    const server = new Resource(kernel, servers);
    return function* (i): Body {
      yield server.request();
      yield kernel.hold(t.works[i]!);
      server.release();
    };
  });
}

/** Priorities without pre-emption. */
export function oursPriority(t: Trace): number[] {
  return ours(t, (kernel) => {
    const server = new Resource(kernel);
    return function* (i): Body {
      yield server.request({ priority: t.priorities[i]! });
      yield kernel.hold(t.works[i]!);
      server.release();
    };
  });
}

/** A customer who resumes where it was interrupted. */
function* resuming(kernel: Kernel, server: Resource, work: number, priority: number, preempt: boolean): Body {
  for (let left = work; left > 0; ) {
    yield server.request({ priority, preempt });
    const began = kernel.now;
    try {
      yield kernel.hold(left);
      left = 0;
      server.release();
    } catch (e) {
      if (!preemptedFrom(e, server)) throw e;
      left -= kernel.now - began;
    }
  }
}

/** Priorities with pre-emption, work resumed. A pre-empted customer goes behind those of its class that wait. */
export function oursPreemptive(t: Trace): number[] {
  return ours(t, (kernel) => {
    const server = new Resource(kernel, 1, { preemptive: true });
    return (i) => resuming(kernel, server, t.works[i]!, t.priorities[i]!, true);
  });
}

/** Last come first served, the one in service interrupted and resumed. */
export function oursLcfs(t: Trace): number[] {
  return ours(t, (kernel) => {
    const server = new Resource(kernel, 1, { preemptive: true });
    return (i) => resuming(kernel, server, t.works[i]!, -i, true);
  });
}

/** First come first served on a server that fails, work resumed after the repair by whoever was first. */
export function oursBreakdown(t: Trace): number[] {
  let server: Resource;
  return ours(
    t,
    (kernel) => {
      server = new Resource(kernel, 1, { preemptive: true });
      return (i) => resuming(kernel, server, t.works[i]!, i, false);
    },
    (kernel) => {
      kernel.process(function* (): Body {
        for (let k = 0; k < t.failures.length; k++) {
          yield kernel.hold(t.failures[k]! - kernel.now);
          yield server.request({ priority: -1, preempt: true });
          yield kernel.hold(t.repairs[k]!);
          server.release();
        }
      });
    },
  );
}

export function oursSharing(t: Trace): number[] {
  return ours(t, (kernel) => {
    const cpu = new ProcessorSharing(kernel);
    return function* (i): Body {
      yield cpu.serve(t.works[i]!);
    };
  });
}

/** Two customers for ever: think for the next gap, then share the processor. */
export function oursClosed(gaps: readonly number[], works: readonly number[]): number[] {
  const kernel = new Kernel();
  const cpu = new ProcessorSharing(kernel);
  const departures: number[] = [];
  for (const offset of [0, 1]) {
    kernel.process(function* (): Body {
      for (let k = offset; k < gaps.length; k += 2) {
        yield kernel.hold(gaps[k]!);
        yield cpu.serve(works[k]!);
        departures[k] = kernel.now;
      }
    });
  }
  kernel.run();
  return departures;
}

export function simjsClosed(gaps: readonly number[], works: readonly number[]): number[] {
  const departures: number[] = [];
  const cpu = new Facility('cpu', Facility.PS, 1);
  class Customers extends Entity {
    start(): void {
      for (const k of [0, 1]) this.think(k);
    }
    think(k: number): void {
      if (k < gaps.length) this.setTimer(gaps[k]!).done(this.use, this, [k]);
    }
    use(k: number): void {
      this.useFacility(cpu, works[k]!).done(this.leave, this, [k]);
    }
    leave(k: number): void {
      departures[k] = this.time();
      this.think(k + 2);
    }
  }
  run(Customers);
  return departures;
}

function run(entity: new () => InstanceType<typeof Entity> & { start(): void }): void {
  const sim = new Sim();
  sim.addEntity(entity);
  sim.simulate(Number.MAX_VALUE);
}

/** A facility of simjs: FCFS on c servers, LCFS with pre-emption, or PS. */
export function simjsFacility(t: Trace, discipline: 'FCFS' | 'LCFS' | 'PS', servers: number): number[] {
  const departures: number[] = [];
  const facility = new Facility('server', Facility[discipline], servers);
  class Source extends Entity {
    start(): void {
      t.arrivals.forEach((at, i) => {
        this.setTimer(at).done(this.arrive, this, [i]);
      });
    }
    arrive(i: number): void {
      this.useFacility(facility, t.works[i]!).done(this.leave, this, [i]);
    }
    leave(i: number): void {
      departures[i] = this.time();
    }
  }
  run(Source);
  return departures;
}

/**
 * One server on simjs's timers: the next customer is the first in a list ordered by rank; arrivals may interrupt, failures do.
 * `rank` gives the place: smaller goes first, equal ones in the order of joining.
 */
export function simjsTimers(
  t: Trace,
  rank: (i: number) => number,
  options: { preempt: boolean; failures: boolean },
): number[] {
  const departures: number[] = [];
  const left = [...t.works];
  const line: { i: number; rank: number }[] = [];
  let serving = -1;
  let began = 0;
  let timer: { cancel(): void } | null = null;
  let down = false;
  class Server extends Entity {
    start(): void {
      t.arrivals.forEach((at, i) => {
        this.setTimer(at).done(this.arrive, this, [i]);
      });
      if (options.failures) {
        t.failures.forEach((at, k) => {
          this.setTimer(at).done(this.fail, this, [k]);
        });
      }
    }
    join(i: number): void {
      let at = line.length;
      while (at > 0 && line[at - 1]!.rank > rank(i)) at--;
      line.splice(at, 0, { i, rank: rank(i) });
    }
    stop(): void {
      timer!.cancel();
      left[serving]! -= this.time() - began;
      this.join(serving);
      serving = -1;
    }
    next(): void {
      if (down || serving >= 0 || line.length === 0) return;
      serving = line.shift()!.i;
      began = this.time();
      timer = this.setTimer(left[serving]!);
      (timer as ReturnType<typeof this.setTimer>).done(this.leave, this, [serving]);
    }
    arrive(i: number): void {
      this.join(i);
      if (options.preempt && serving >= 0 && rank(i) < rank(serving)) this.stop();
      this.next();
    }
    leave(i: number): void {
      departures[i] = this.time();
      serving = -1;
      this.next();
    }
    fail(k: number): void {
      down = true;
      if (serving >= 0) this.stop();
      this.setTimer(t.repairs[k]!).done(this.repair, this, [k]);
    }
    repair(): void {
      down = false;
      this.next();
    }
  }
  run(Server);
  return departures;
}
