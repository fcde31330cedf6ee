import { cos, exp } from '../../core/num/index.ts';
import { HOUR_US, type JobSpec, NEVER, type TimeUs } from '../../core/types.ts';
import type { Persona, ResolvedScenario } from '../../scenarios/resolved.ts';
import type { Stream, Streams } from '../kernel/streams.ts';
import { classSpeeds } from './class-speeds.ts';
import type { Arrival, DemandSource } from './demand.ts';

const TWO_PI = 6.283185307179586;
const DAY_US = 24 * HOUR_US;

export interface PersonasState {
  nextUs: TimeUs[] | null;
  jobs: number;
}

/**
 * Jobs of several personas, merged in order of time (ties by persona). Every persona draws arrivals from one stream and the
 * properties of its jobs from others, so that changing one persona leaves the rest as they were.
 */
export class PersonaDemand implements DemandSource {
  readonly #personas: readonly Persona[];
  readonly #arrivals: Stream[];
  readonly #properties: Stream[];
  readonly #homes: number[][];
  readonly #slowestMilli: number[];
  readonly #speedOfClass: number[];
  readonly #horizonUs: TimeUs;
  /** Next arrival of each persona; null until the first job is asked for. */
  #nextUs: TimeUs[] | null = null;
  #jobs = 0;

  constructor(scenario: ResolvedScenario, personas: readonly Persona[], streams: Streams) {
    this.#personas = personas;
    this.#horizonUs = scenario.horizonUs;
    this.#arrivals = personas.map((p) => streams.get('arrivals', p.name));
    this.#properties = personas.map((p) => streams.get('jobs', p.name));
    // Each user keeps to one pool, drawn once on a stream of its own.
    this.#homes = personas.map((p) =>
      Array.from(
        { length: p.users },
        (_, u) => p.pools[streams.fresh('home', `${p.name}-${u + 1}`).below(p.pools.length)]!,
      ),
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
    const stream = this.#arrivals[i]!;
    const meanGapUs = HOUR_US / (p.jobsPerHour * (1 + p.swing));
    let at = t;
    for (;;) {
      at += Math.max(1, Math.round(stream.exponential(meanGapUs)));
      if (at >= this.#horizonUs) return NEVER;
      const rate = 1 + p.swing * cos((TWO_PI * ((at - p.peakUs) % DAY_US)) / DAY_US);
      if (stream.uniform() * (1 + p.swing) < rate) return at;
    }
  }

  next(): Arrival | null {
    this.#nextUs ??= this.#personas.map((_, i) => this.#after(i, 0));
    const nextUs = this.#nextUs;
    let best = -1;
    for (let i = 0; i < nextUs.length; i++)
      if (nextUs[i]! < NEVER && (best < 0 || nextUs[i]! < nextUs[best]!)) best = i;
    if (best < 0) return null;
    const arrival = this.#draw(best, nextUs[best]!);
    nextUs[best] = this.#after(best, nextUs[best]!);
    return arrival;
  }

  #draw(i: number, timeUs: TimeUs): Arrival {
    const p = this.#personas[i]!;
    const d = this.#properties[i]!;
    // One fixed number of draws per job, in fixed order: nothing a job turns out to be shifts the next one.
    const user = d.below(p.users);
    const shape = pickWeighted(p.shapes, d.uniform());
    const work = p.workMedianUs * exp(p.workSigma * d.normal());
    const value = p.valueMedianMicro * exp(p.valueSigma * d.normal());
    const fails = d.uniform() < p.failChance;
    const workUs = Math.round(Math.max(p.workMinUs, Math.min(p.workMaxUs, work)));
    const limitUs = Math.ceil(((workUs * 1000) / this.#slowestMilli[i]!) * p.limitFactor);
    const classes = p.classes.length > 0 ? p.classes : this.#speedOfClass.map((_, c) => c);
    const spec: JobSpec = {
      job: ++this.#jobs,
      user: `${p.name}-${user + 1}`,
      label: p.name,
      groups: shape.groups,
      classes: p.classes,
      // A faster class is worth more per hour to who pays for work done.
      bids: classes.map((c) => Math.floor((value * (this.#speedOfClass[c]! || 1000)) / 1000)),
      currency: p.currency,
      limitUs,
      estimateUs: limitUs,
      patienceUs: p.patienceUs,
      maxAttempts: p.maxAttempts,
      priority: p.priority,
    };
    let milli = 0;
    for (const g of shape.groups) milli += g.tasks * g.gpus * g.gpuMilli;
    const valueMicro = Math.round((value * milli * workUs) / (1000 * HOUR_US));
    return { timeUs, pool: this.#homes[i]![user]!, spec, workUs, fails, valueMicro };
  }

  snapshot(): PersonasState {
    return { nextUs: this.#nextUs === null ? null : [...this.#nextUs], jobs: this.#jobs };
  }

  restore(state: PersonasState): void {
    this.#nextUs = state.nextUs === null ? null : [...state.nextUs];
    this.#jobs = state.jobs;
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
