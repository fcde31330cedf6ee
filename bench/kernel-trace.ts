/**
 * The work of the kernel benchmark, drawn once and given to every engine: whole ticks, so that sums are exact in doubles and
 * every engine in every language must reach the same result to the last digit.
 */
import { Streams } from '../sim/kernel/streams.ts';

export const models = ['hold1e3', 'hold1e5', 'hold1e6', 'mm1', 'mm32', 'gpuLoop'] as const;
export type ModelName = (typeof models)[number];

export const isHold = (m: ModelName): boolean => m.startsWith('hold');

/** Ticks per unit of time. */
const UNIT = 2 ** 20;
export const NODES = 1000;
export const GPUS = 8;

export interface Work {
  /** Servers of a queue, or events pending in hold. */
  size: number;
  /** Logical events that are timed, and before them for hold those that are not. */
  events: number;
  warmUp: number;
  /** Gaps between arrivals, or increments of hold; ticks. */
  gaps: Float64Array;
  /** Service or run times, ticks; empty for hold. */
  times: Float64Array;
  /** GPUs of each job; empty but for gpuLoop. */
  gpus: Float64Array;
}

const CUSTOMERS = 200_000;
const JOBS = 100_000;

export function workOf(model: ModelName): Work {
  const streams = new Streams(1);
  const gap = streams.get(model, 'gaps');
  const time = streams.get(model, 'times');
  const size = streams.get(model, 'sizes');
  const ticks = (x: number): number => Math.max(1, Math.round(x * UNIT));
  const none = new Float64Array(0);
  const queue = (servers: number, load: number): Work => ({
    size: servers,
    events: 2 * CUSTOMERS,
    warmUp: 0,
    gaps: Float64Array.from({ length: CUSTOMERS }, () => ticks(gap.exponential(1 / (servers * load)))),
    times: Float64Array.from({ length: CUSTOMERS }, () => ticks(time.exponential(1))),
    gpus: none,
  });
  switch (model) {
    case 'hold1e3':
    case 'hold1e5':
    case 'hold1e6':
      // A power of two of increments, used round and round: all engines walk through the same ones.
      return {
        size: Number(model.slice(4)),
        events: model === 'hold1e3' ? 400_000 : 300_000,
        warmUp: 100_000,
        gaps: Float64Array.from({ length: 65_536 }, () => ticks(gap.exponential(1))),
        times: none,
        gpus: none,
      };
    case 'mm1':
      return queue(1, 0.9);
    case 'mm32':
      return queue(32, 0.95);
    case 'gpuLoop': {
      // Lognormal of shape 1.5 and mean 1; on average 4.5 GPUs; 8,000 GPUs at 97 % offered load.
      const lognormal = (): number => Math.exp(1.5 * time.normal() - 1.125);
      return {
        size: NODES,
        events: 2 * JOBS,
        warmUp: 0,
        gaps: Float64Array.from({ length: JOBS }, () => ticks(gap.exponential(4.5 / (NODES * GPUS * 0.97)))),
        times: Float64Array.from({ length: JOBS }, () => ticks(lognormal())),
        gpus: Float64Array.from({ length: JOBS }, () => 1 + size.below(GPUS)),
      };
    }
  }
}

export const TWO40 = 2 ** 40;

/** Adds a departure to a sum modulo 2^32 that does not care in what order ties departed. */
export function mixDeparture(sum: number, id: number, now: number): number {
  return (sum + Math.imul(id + 1, now | 0)) | 0;
}

/** What an engine answers: the same for all but `nsPerEvent` and `bytes`. */
export interface Outcome {
  /** CPU time of the timed part over its logical events. */
  nsPerEvent: number;
  /** Sum over customers of their waits in ticks; for hold the sum of the stamps popped, modulo 2^40. */
  waits: number;
  /** Last stamp. */
  end: number;
  /** Sum over departures of (id + 1) times the stamp, modulo 2^32; for hold the order of ids, h = 31 h + id. */
  order: number;
  /** Bytes per pending event, where known. */
  bytes: number | null;
}

/** The work as one file of doubles for other languages: size, events, warm-up, three lengths, three arrays. */
export function packed(work: Work): Uint8Array {
  const { size, events, warmUp, gaps, times, gpus } = work;
  const all = new Float64Array(6 + gaps.length + times.length + gpus.length);
  all.set([size, events, warmUp, gaps.length, times.length, gpus.length]);
  all.set(gaps, 6);
  all.set(times, 6 + gaps.length);
  all.set(gpus, 6 + gaps.length + times.length);
  return new Uint8Array(all.buffer);
}

/** Nodes by free GPUs, best fit: the fullest node that has room, of several the one freed last. */
export class BestFit {
  readonly #free = new Int32Array(NODES).fill(GPUS);
  readonly #next = new Int32Array(NODES);
  readonly #before = new Int32Array(NODES);
  readonly #heads = new Int32Array(GPUS + 1).fill(-1);

  constructor() {
    for (let n = NODES - 1; n >= 0; n--) this.#link(n, GPUS);
  }

  #link(n: number, free: number): void {
    const head = this.#heads[free]!;
    this.#next[n] = head;
    this.#before[n] = -1;
    if (head >= 0) this.#before[head] = n;
    this.#heads[free] = n;
  }

  #move(n: number, to: number): void {
    const from = this.#free[n]!;
    const next = this.#next[n]!;
    const before = this.#before[n]!;
    if (before >= 0) this.#next[before] = next;
    else this.#heads[from] = next;
    if (next >= 0) this.#before[next] = before;
    this.#free[n] = to;
    this.#link(n, to);
  }

  /** A node for so many GPUs, or -1. */
  take(gpus: number): number {
    for (let f = gpus; f <= GPUS; f++) {
      const n = this.#heads[f]!;
      if (n < 0) continue;
      this.#move(n, f - gpus);
      return n;
    }
    return -1;
  }

  give(n: number, gpus: number): void {
    this.#move(n, this.#free[n]! + gpus);
  }
}
