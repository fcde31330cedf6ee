import type { Bid, Bidder } from '../../core/interfaces.ts';
import { chanceInt, cos, exp, log, log1p } from '../../core/num/index.ts';
import { HOUR_US, type JobSpec, NEVER, type TaskGroup, type TimeUs } from '../../core/types.ts';
import type { PerformanceModel, PerformanceSpec, Persona, ResolvedScenario } from '../../scenarios/resolved.ts';
import type { Distribution } from '../kernel/distributions.ts';
import type { Stream, Streams } from '../kernel/streams.ts';
import { boundedPrice, LONGEST_LIMIT_US } from './bounds.ts';
import { classSpeeds } from './class-speeds.ts';
import type { Arrival, DemandSource } from './demand.ts';
import { expectedSpeedMilli, longestFetchUs, perGpuMilli } from './performance.ts';
import { timeDistribution } from './time-distribution.ts';

const TWO_PI = 6.283185307179586;
const DAY_US = 24 * HOUR_US;

export interface PersonasState {
  nextUs: TimeUs[] | null;
  jobs: number;
  /** Jobs drawn, those that their agents kept back included. */
  drawn: number;
  /** Jobs still to come of each persona's batch. */
  batches: number[];
  bursts: Burst[];
}

/** Whether a persona is in a burst, and until when. */
interface Burst {
  on: boolean;
  untilUs: TimeUs;
}

/**
 * Jobs of several personas, merged in order of time (ties by persona). Every persona draws arrivals from one stream and the
 * properties of its jobs from others, so that changing one persona leaves the rest as they were.
 */
export class PersonaDemand implements DemandSource {
  readonly #personas: readonly Persona[];
  readonly #arrivals: Stream[];
  readonly #properties: Stream[];
  /** Names of the users of each persona, and their pools. */
  readonly #users: string[][];
  readonly #homes: number[][];
  readonly #slowestMilli: number[];
  readonly #speedOfClass: number[];
  readonly #horizonUs: TimeUs;
  /** Next arrival of each persona; null until the first job is asked for. */
  #nextUs: TimeUs[] | null = null;
  #jobs = 0;
  #drawn = 0;
  readonly #bidders: readonly (Bidder | null)[];
  readonly #performance: PerformanceSpec | undefined;
  readonly #classNames: readonly string[];
  readonly #key: readonly [number, number];
  #batches: number[];
  #bursts: Burst[];
  readonly #burstStreams: Stream[];
  readonly #work: (Distribution | null)[];
  readonly #workStreams: Stream[];
  /** Highest rate of each persona and its mean, as multiples of the rate between bursts. */
  readonly #bounds: { most: number; meanFactor: number }[];

  constructor(
    scenario: ResolvedScenario,
    personas: readonly Persona[],
    streams: Streams,
    bidders: readonly (Bidder | null)[] = [],
  ) {
    this.#bidders = bidders;
    this.#performance = scenario.performance;
    this.#classNames = scenario.market.classes.map((c) => c.name);
    this.#key = [scenario.seed % 0x100000000, Math.floor(scenario.seed / 0x100000000) ^ 0x0b1d];
    this.#personas = personas;
    this.#horizonUs = scenario.horizonUs;
    this.#arrivals = personas.map((p) => streams.get('arrivals', p.name));
    this.#properties = personas.map((p) => streams.get('jobs', p.name));
    this.#batches = personas.map(() => 0);
    // The first spell is one between bursts: it begins when the run does.
    this.#bursts = personas.map(() => ({ on: true, untilUs: 0 }));
    this.#burstStreams = personas.map((p) => streams.get('bursts', p.name));
    this.#work = personas.map((p) => (p.work.family === 'lognormal' ? null : timeDistribution(p.work)));
    this.#workStreams = personas.map((p) => streams.get('work', p.name));
    this.#bounds = personas.map((p) => ({
      most: (1 + p.swing) * Math.max(1, ...p.hours) * Math.max(1, ...p.days) * (p.bursts?.factor ?? 1),
      meanFactor:
        p.bursts === null
          ? 1
          : (p.bursts.gapUs + p.bursts.factor * p.bursts.lastUs) / (p.bursts.gapUs + p.bursts.lastUs),
    }));
    // Each user keeps to one pool, drawn once on a stream of its own.
    this.#users = personas.map((p) => Array.from({ length: p.users }, (_, u) => `${p.name}-${u + 1}`));
    this.#homes = personas.map((p, i) =>
      this.#users[i]!.map((user) => p.pools[streams.fresh('home', user).below(p.pools.length)]!),
    );
    this.#speedOfClass = classSpeeds(scenario);
    this.#slowestMilli = personas.map((p) => {
      const classes = p.classes.length > 0 ? p.classes : this.#speedOfClass.map((_, c) => c);
      const speeds = classes.map((c) => this.#speedOfClass[c]!).filter((s) => s > 0);
      return speeds.length > 0 ? Math.min(...speeds) : 1000;
    });
  }

  /** Next arrival of persona `i` after `t`, by thinning; NEVER past the horizon. */
  #after(i: number, t: TimeUs): TimeUs {
    const p = this.#personas[i]!;
    if (p.jobsPerHour <= 0) return NEVER;
    if (this.#batches[i]! > 0) {
      this.#batches[i]!--;
      return t;
    }
    const stream = this.#arrivals[i]!;
    const { most, meanFactor } = this.#bounds[i]!;
    const meanGapUs = (HOUR_US * p.batchMean * meanFactor) / (p.jobsPerHour * most);
    let at = t;
    for (;;) {
      at += Math.max(1, Math.round(stream.exponential(meanGapUs)));
      if (at >= this.#horizonUs) return NEVER;
      if (stream.uniform() * most < this.#rate(i, at)) break;
    }
    // Geometric: after each job of the batch another follows with chance 1 - 1/mean.
    if (p.batchMean > 1) this.#batches[i] = Math.floor(log(stream.uniform()) / log1p(-1 / p.batchMean));
    return at;
  }

  /** The rate at a time as a multiple of what it is on average between bursts. */
  #rate(i: number, at: TimeUs): number {
    const p = this.#personas[i]!;
    let rate = 1 + p.swing * cos((TWO_PI * ((at - p.peakUs) % DAY_US)) / DAY_US);
    if (p.hours.length > 0) rate *= p.hours[Math.floor((at % DAY_US) / HOUR_US)]!;
    if (p.days.length > 0) rate *= p.days[Math.floor(at / DAY_US) % 7]!;
    if (p.bursts !== null && this.#inBurst(i, at)) rate *= p.bursts.factor;
    return rate;
  }

  /** Whether a burst is on; times must not go backwards. Bursts draw from a stream of their own. */
  #inBurst(i: number, at: TimeUs): boolean {
    const { gapUs, lastUs } = this.#personas[i]!.bursts!;
    const b = this.#bursts[i]!;
    const stream = this.#burstStreams[i]!;
    while (b.untilUs <= at) {
      b.on = !b.on;
      b.untilUs += Math.max(1, Math.round(stream.exponential(b.on ? lastUs : gapUs)));
    }
    return b.on;
  }

  next(): Arrival | null {
    this.#nextUs ??= this.#personas.map((_, i) => this.#after(i, 0));
    const nextUs = this.#nextUs;
    // An agent may keep a job back: then the next one is looked for.
    for (;;) {
      let best = -1;
      for (let i = 0; i < nextUs.length; i++)
        if (nextUs[i]! < NEVER && (best < 0 || nextUs[i]! < nextUs[best]!)) best = i;
      if (best < 0) return null;
      const arrival = this.#draw(best, nextUs[best]!);
      nextUs[best] = this.#after(best, nextUs[best]!);
      if (arrival !== null) return arrival;
    }
  }

  #draw(i: number, timeUs: TimeUs): Arrival | null {
    const p = this.#personas[i]!;
    const d = this.#properties[i]!;
    // One fixed number of draws per job, in fixed order: nothing a job turns out to be shifts the next one.
    const user = d.below(p.users);
    const shape = pickWeighted(p.shapes, d.uniform());
    // Lognormal work takes one of the draws that every job makes; the other families draw on a stream of their own.
    const z = d.normal();
    const family = this.#work[i];
    const work =
      p.work.family === 'lognormal' ? p.work.medianUs * exp(p.work.sigma * z) : family!.sample(this.#workStreams[i]!);
    const value = p.valueMedianMicro * exp(p.valueSigma * d.normal());
    const fails = d.uniform() < p.failChance;
    const workUs = Math.round(Math.max(p.workMinUs, Math.min(p.workMaxUs, work)));
    const classes = p.classes.length > 0 ? p.classes : this.#speedOfClass.map((_, c) => c);
    const model = p.model === undefined ? null : this.#performance!.models[p.model]!;
    const limitUs = Math.min(
      LONGEST_LIMIT_US,
      model === null
        ? Math.ceil(((workUs * 1000) / this.#slowestMilli[i]!) * p.limitFactor)
        : this.#limitOf(model, classes, shape.groups, workUs, p.limitFactor),
    );
    // A faster class is worth more per hour to who pays for work done.
    const speedOf = (c: number): number =>
      model === null ? this.#speedOfClass[c]! || 1000 : perGpuMilli(this.#performance!, model, c, shape.groups) || 1000;
    const worth = classes.map((c) => boundedPrice(Math.floor((value * speedOf(c)) / 1000)));
    const name = this.#users[i]![user]!;
    const bid = this.#bid(i, timeUs, name, classes, worth, shape.groups, limitUs);
    this.#drawn++;
    if (bid === null) return null;
    const spec: JobSpec = {
      job: ++this.#jobs,
      user: name,
      label: p.name,
      groups: shape.groups,
      classes: p.classes,
      bids: [...bid.bids],
      currency: p.currency,
      limitUs,
      estimateUs: limitUs,
      patienceUs: bid.patienceUs ?? p.patienceUs,
      maxAttempts: p.maxAttempts,
      priority: p.priority,
      ...(p.deadlineUs === undefined ? {} : { deadlineUs: p.deadlineUs }),
    };
    let milli = 0;
    for (const g of shape.groups) milli += g.tasks * g.gpus * g.gpuMilli;
    // The work of a job that scales is counted on one GPU.
    if (model !== null && model.scaling !== null) milli = 1000;
    const valueMicro = Math.round((value * milli * workUs) / (1000 * HOUR_US));
    const urgent = p.urgency.deadlineUs > 0 || p.urgency.halfLifeUs > 0;
    const arrival: Arrival = { timeUs, pool: this.#homes[i]![user]!, spec, workUs, fails, valueMicro };
    if (p.model !== undefined) arrival.model = p.model;
    return urgent ? { ...arrival, urgency: p.urgency } : arrival;
  }

  /** On the slowest class over the slowest wires, after the longest way to fetch the image. */
  #limitOf(
    model: PerformanceModel,
    classes: readonly number[],
    groups: readonly TaskGroup[],
    workUs: TimeUs,
    factor: number,
  ): TimeUs {
    const spec = this.#performance!;
    let slowest = Number.MAX_SAFE_INTEGER;
    for (const c of classes) {
      const speed = this.#speedOfClass[c]! > 0 ? expectedSpeedMilli(spec, model, c, groups) : 0;
      if (speed > 0) slowest = Math.min(slowest, speed);
    }
    const runUs = slowest === Number.MAX_SAFE_INTEGER ? workUs : (workUs * 1000) / slowest;
    return Math.ceil(runUs * factor) + longestFetchUs(spec, model);
  }

  /** What the job's agent bids; without one the truth. */
  #bid(
    i: number,
    now: TimeUs,
    user: string,
    classes: readonly number[],
    worth: readonly number[],
    groups: readonly TaskGroup[],
    limitUs: TimeUs,
  ): Bid | null {
    const p = this.#personas[i]!;
    const bidder = this.#bidders[i];
    if (bidder === null || bidder === undefined) return { bids: worth };
    const job = this.#drawn;
    return bidder.bid({
      now,
      persona: p.name,
      user,
      worth: classes.map((c, k) => ({ gpuClass: c, name: this.#classNames[c]!, microPerGpuHour: worth[k]! })),
      totalMilli: groups.reduce((n, g) => n + g.tasks * g.gpus * g.gpuMilli, 0),
      limitUs,
      patienceUs: p.patienceUs,
      draw: (purpose, n) => chanceInt(this.#key, purpose, job, n),
    });
  }

  snapshot(): PersonasState {
    return {
      nextUs: this.#nextUs === null ? null : [...this.#nextUs],
      jobs: this.#jobs,
      drawn: this.#drawn,
      batches: [...this.#batches],
      bursts: this.#bursts.map((b) => ({ ...b })),
    };
  }

  restore(state: PersonasState): void {
    this.#nextUs = state.nextUs === null ? null : [...state.nextUs];
    this.#jobs = state.jobs;
    this.#drawn = state.drawn;
    this.#batches = [...state.batches];
    this.#bursts = state.bursts.map((b) => ({ ...b }));
  }
}

function pickWeighted<T extends { weight: number }>(items: readonly T[], u: number): T {
  let total = 0;
  for (const x of items) total += x.weight;
  let rest = u * total;
  for (const x of items) {
    rest -= x.weight;
    if (rest < 0) return x;
  }
  return items[items.length - 1]!;
}
