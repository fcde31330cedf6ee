/**
 * Work stealing between pools. A pool with nothing waiting and room on its machines asks another one, drawn by chance, for jobs (random
 * victims: Blumofe & Leiserson, JACM 1999); the asked pool gives, oldest first, what still waits after its own pass and fits what the thief
 * says it has free. Who has a job stands on the chain: the giver asks Settlement to hand it on, as a takeover would, terms and history with
 * it. Only jobs of one task move.
 */
import { type Port, poolAddress, SETTLEMENT } from '../machine.ts';
import { MessageKind, type Slot, type Steal } from '../messages.ts';
import { chanceInt } from '../num/index.ts';
import { Code, type MarketConfig, NEVER, type TimeUs } from '../types.ts';
import type { Cluster } from './cluster.ts';
import { JobState, type PoolJob } from './job.ts';

export interface StealState {
  nextUs: TimeUs;
  asked: number;
  vain: number;
}

/** Requests in vain come up to 2^3 times as far apart. */
const MOST_DOUBLINGS = 3;

export class StealDesk {
  readonly #config: MarketConfig;
  readonly #index: number;
  readonly #port: Port;
  /** Pools that steal and are stolen from, but for this one. */
  readonly #others: readonly number[];
  readonly #everyUs: TimeUs;
  readonly #batch: number;
  #nextUs: TimeUs = NEVER;
  #asked = 0;
  /** Requests in a row that have brought nothing: each doubles the wait for the next. */
  #vain = 0;
  /** Requests of this pulse. */
  #requests: Steal[] = [];

  constructor(config: MarketConfig, index: number, port: Port) {
    this.#config = config;
    this.#index = index;
    this.#port = port;
    this.#others = config.pools.flatMap((p, i) => (i !== index && p.stealing !== undefined ? [i] : []));
    const own = config.pools[index]!.stealing;
    this.#everyUs = own?.everyUs ?? 0;
    this.#batch = own?.batch ?? 0;
    if (own !== undefined && this.#others.length > 0) this.#nextUs = this.#everyUs;
  }

  nextWakeup(): TimeUs {
    return this.#nextUs;
  }

  request(m: Steal): void {
    if (this.#batch > 0) this.#requests.push(m);
  }

  /** Work has come: the next request need not wait for longer. */
  came(): void {
    this.#vain = 0;
  }

  /** When it is time: asks somebody for work, if `idle` and there is room. */
  ask(now: TimeUs, idle: boolean, cluster: Cluster): void {
    if (this.#nextUs > now) return;
    if (!idle) this.#vain = 0;
    this.#nextUs = (Math.floor(now / this.#everyUs) + (1 << this.#vain)) * this.#everyUs;
    if (!idle) return;
    this.#vain = Math.min(this.#vain + 1, MOST_DOUBLINGS);
    const slots = slotsOf(cluster, this.#batch);
    if (slots.length === 0) return;
    const { key } = this.#config;
    const victim = this.#others[chanceInt(key, 'steal', [this.#index, ++this.#asked], this.#others.length)]!;
    this.#port.send(poolAddress(victim), { kind: MessageKind.steal, thief: this.#index, slots });
  }

  /** Somebody has asked for work. */
  get asked(): boolean {
    return this.#requests.length > 0;
  }

  /** Answers the requests from what waits; `give` = the job is on its way to Settlement. */
  answer(term: number, jobs: readonly PoolJob[], give: (job: PoolJob) => void): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const m of requests) {
      const slots = m.slots.map((s) => ({ ...s }));
      let left = this.#batch;
      for (const job of [...jobs].sort((a, b) => a.order - b.order)) {
        if (left === 0) break;
        if (job.state !== JobState.waiting || job.closing !== Code.ok || job.pledged > 0) continue;
        const slot = slots.find((s) => fits(job, s, this.#config));
        if (slot === undefined) continue;
        const g = job.spec.groups[0]!;
        slot.gpus -= g.gpus;
        slot.cpuMilli -= g.cpuMilli;
        slot.ramMiB -= g.ramMiB;
        left--;
        give(job);
        this.#port.send(SETTLEMENT, { kind: MessageKind.give, hold: job.hold, to: m.thief, term });
      }
    }
  }

  snapshot(): StealState {
    return { nextUs: this.#nextUs, asked: this.#asked, vain: this.#vain };
  }
  restore(s: StealState): void {
    this.#nextUs = s.nextUs;
    this.#asked = s.asked;
    this.#vain = s.vain;
  }
}

/** What the first machines with whole GPUs free have free. */
function slotsOf(cluster: Cluster, most: number): Slot[] {
  const slots: Slot[] = [];
  for (let n = 0; n < cluster.nodeCount && slots.length < most; n++) {
    const gpus = cluster.freeWholeGpus(n);
    if (!cluster.isUp(n) || gpus === 0) continue;
    slots.push({
      gpuClass: cluster.classOf(n),
      gpus,
      cpuMilli: cluster.freeCpuMilli(n),
      ramMiB: cluster.freeRamMiB(n),
    });
  }
  return slots;
}

function fits(job: PoolJob, s: Slot, config: MarketConfig): boolean {
  const { groups } = job.spec;
  const g = groups[0]!;
  return (
    groups.length === 1 &&
    g.tasks === 1 &&
    job.quote!.classes.includes(s.gpuClass) &&
    g.gpus <= s.gpus &&
    g.cpuMilli <= s.cpuMilli &&
    g.ramMiB <= s.ramMiB &&
    (g.gpus === 0 || g.gpuMemoryMiB <= config.classes[s.gpuClass]!.memoryMiB)
  );
}
