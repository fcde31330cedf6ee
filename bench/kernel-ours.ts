/** The benchmark's models in our kernel: typed events, callbacks and processes. */
import { Kernel } from '../sim/kernel/kernel.ts';
import { LadderQueue } from '../sim/kernel/ladder-queue.ts';
import type { Wait } from '../sim/kernel/process.ts';
import { type EventQueue, emptyEvent } from '../sim/kernel/queue.ts';
import { Resource } from '../sim/kernel/resource.ts';
import { BestFit, mixDeparture, type Outcome, TWO40, type Work } from './kernel-trace.ts';

export type Clock = () => number;

/** CPU time in nanoseconds. */
export const cpu: Clock = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

export function ourHold({ size, events, warmUp, gaps }: Work): Outcome {
  const mask = gaps.length - 1;
  const queue = new LadderQueue();
  let k = 0;
  for (let i = 0; i < size; i++) queue.post(gaps[k++ & mask]!, 0, 1, i, 0);
  let order = 0;
  let waits = 0;
  const step = (n: number): void => {
    for (let i = 0; i < n; i++) {
      queue.next(Number.MAX_SAFE_INTEGER - 1);
      const { now, a } = queue;
      waits = (waits + now) % TWO40;
      order = (Math.imul(order, 31) + a) | 0;
      queue.post(now + gaps[k++ & mask]!, 0, 1, a, 0);
    }
  };
  step(warmUp);
  const before = cpu();
  step(events);
  const nsPerEvent = (cpu() - before) / events;
  return { nsPerEvent, waits, end: queue.now, order: order >>> 0, bytes: queue.bytes / size };
}

/** Nanoseconds per hold on a queue as the market uses it, by events pending: where the crossover of the structures lies. */
export function holdBySize(queue: () => EventQueue, sizes: readonly number[], { gaps }: Work): Record<number, number> {
  const mask = gaps.length - 1;
  const event = emptyEvent();
  const out: Record<number, number> = {};
  for (const size of sizes) {
    let best = Infinity;
    for (let repeat = 0; repeat < 5; repeat++) {
      const q = queue();
      let k = 0;
      for (let i = 0; i < size; i++) q.push(gaps[k++ & mask]!, 0, 1, i, 0);
      const steps = 300_000;
      const before = cpu();
      for (let i = 0; i < steps; i++) {
        q.pop(event);
        q.push(event.timeUs + gaps[k++ & mask]!, 0, 1, event.a, 0);
      }
      best = Math.min(best, (cpu() - before) / steps);
    }
    out[size] = best;
  }
  return out;
}

export function ourQueue({ size: servers, events, gaps, times }: Work): Outcome {
  const customers = gaps.length;
  const kernel = new Kernel();
  const arrivedAt = new Float64Array(customers);
  let arrived = 0;
  let next = 0; // first customer not yet in service
  let busy = 0;
  let waits = 0;
  let order = 0;
  const start = (): void => {
    const c = next++;
    busy++;
    waits += kernel.now - arrivedAt[c]!;
    kernel.post(kernel.now + times[c]!, departure, c);
  };
  const arrival = kernel.define(() => {
    const c = arrived++;
    arrivedAt[c] = kernel.now;
    if (arrived < customers) kernel.post(kernel.now + gaps[arrived]!, arrival);
    if (busy < servers) start();
  });
  const departure = kernel.define((c) => {
    busy--;
    order = mixDeparture(order, c, kernel.now);
    if (next < arrived) start();
  });
  kernel.post(gaps[0]!, arrival);
  const before = cpu();
  kernel.run();
  return { nsPerEvent: (cpu() - before) / events, waits, end: kernel.now, order: order >>> 0, bytes: null };
}

/** One callback per kind of event, reused: the customer in service lies in a variable of the server. */
export function callbackQueue({ events, gaps, times }: Work): Outcome {
  const customers = gaps.length;
  const kernel = new Kernel();
  const arrivedAt = new Float64Array(customers);
  let arrived = 0;
  let next = 0;
  let busy = 0;
  let serving = 0;
  let waits = 0;
  let order = 0;
  const start = (): void => {
    serving = next++;
    busy++;
    waits += kernel.now - arrivedAt[serving]!;
    kernel.after(times[serving]!, departure);
  };
  const arrival = (): void => {
    const c = arrived++;
    arrivedAt[c] = kernel.now;
    if (arrived < customers) kernel.after(gaps[arrived]!, arrival);
    if (busy < 1) start();
  };
  const departure = (): void => {
    busy--;
    order = mixDeparture(order, serving, kernel.now);
    if (next < arrived) start();
  };
  kernel.after(gaps[0]!, arrival);
  const before = cpu();
  kernel.run();
  return { nsPerEvent: (cpu() - before) / events, waits, end: kernel.now, order: order >>> 0, bytes: null };
}

/** A process per customer, as a SimPy user writes it. */
export function processQueue({ size: servers, events, gaps, times }: Work): Outcome {
  const customers = gaps.length;
  const kernel = new Kernel();
  const server = new Resource(kernel, servers);
  let waits = 0;
  let order = 0;
  function* customer(c: number): Generator<Wait, void, unknown> {
    const arrived = kernel.now;
    yield server.request();
    waits += kernel.now - arrived;
    yield kernel.hold(times[c]!);
    server.release();
    order = mixDeparture(order, c, kernel.now);
  }
  kernel.process(function* () {
    for (let c = 0; c < customers; c++) {
      yield kernel.hold(gaps[c]!);
      kernel.process(customer(c));
    }
  });
  const before = cpu();
  kernel.run();
  return { nsPerEvent: (cpu() - before) / events, waits, end: kernel.now, order: order >>> 0, bytes: null };
}

export function ourGpuLoop({ events, gaps, times, gpus }: Work): Outcome {
  const jobs = gaps.length;
  const kernel = new Kernel();
  const nodes = new BestFit();
  const arrivedAt = new Float64Array(jobs);
  let arrived = 0;
  let next = 0;
  let waits = 0;
  let order = 0;
  const place = (): void => {
    while (next < arrived) {
      const node = nodes.take(gpus[next]!);
      if (node < 0) return;
      const job = next++;
      waits += kernel.now - arrivedAt[job]!;
      kernel.post(kernel.now + times[job]!, departure, job, node);
    }
  };
  const arrival = kernel.define(() => {
    const job = arrived++;
    arrivedAt[job] = kernel.now;
    if (arrived < jobs) kernel.post(kernel.now + gaps[arrived]!, arrival);
    place();
  });
  const departure = kernel.define((job, node) => {
    nodes.give(node, gpus[job]!);
    order = mixDeparture(order, job, kernel.now);
    place();
  });
  kernel.post(gaps[0]!, arrival);
  const before = cpu();
  kernel.run();
  return { nsPerEvent: (cpu() - before) / events, waits, end: kernel.now, order: order >>> 0, bytes: null };
}
