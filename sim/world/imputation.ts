/**
 * What a trace does not say is put in here, by rules with names, each on a random stream of its own: arrival times, run times, what
 * an LLM request takes of a GPU. The rules that were used, and for how many jobs, are named in the result of the run.
 */
import { exp } from '../../core/num/index.ts';
import { HOUR_US } from '../../core/types.ts';
import { ScenarioError } from '../../scenarios/input-error.ts';
import type { Spread, TraceImputation, TraceJob } from '../../scenarios/resolved.ts';
import type { Stream, Streams } from '../kernel/streams.ts';
import { boundedPrice } from './bounds.ts';

/** A price of the distribution from one uniform draw, whole micro-USD per GPU-hour, at least 0. */
export function drawPrice(spread: Spread, stream: Stream): number {
  switch (spread.kind) {
    case 'fixed':
      stream.uniform();
      return spread.micro;
    case 'uniform':
      return Math.round(spread.minMicro + (spread.maxMicro - spread.minMicro) * stream.uniform());
    case 'lognormal':
      return boundedPrice(spread.medianMicro * exp(spread.sigma * stream.normal()));
    case 'exponential':
      return boundedPrice(stream.exponential(spread.meanMicro));
  }
}

const usd = (micro: number): string => `${micro / 1e6} USD/GPU-hour`;

/** A distribution in words. */
export function spreadText(s: Spread): string {
  switch (s.kind) {
    case 'fixed':
      return `always ${usd(s.micro)}`;
    case 'uniform':
      return `uniform from ${usd(s.minMicro)} to ${usd(s.maxMicro)}`;
    case 'lognormal':
      return `lognormal with median ${usd(s.medianMicro)}, sigma ${s.sigma}`;
    case 'exponential':
      return `exponential with mean ${usd(s.meanMicro)}`;
  }
}

const perSecond = (tokens: number, rate: number): number => (tokens / rate) * 1e6;

/** Counts of jobs for whom something was put in. */
interface Used {
  gaps: number;
  durations: number;
  requests: number;
  replicas: number;
  models: number;
}

/** Completes the rows of a trace; remembers what it put in. */
export class Imputation {
  readonly #rules: TraceImputation;
  readonly #gaps: Stream;
  readonly #durations: Stream;
  readonly #used: Used = { gaps: 0, durations: 0, requests: 0, replicas: 0, models: 0 };
  #lastUs = 0;

  constructor(rules: TraceImputation, streams: Streams) {
    this.#rules = rules;
    // Not part of a snapshot: a fork reads the trace again from its start.
    this.#gaps = streams.fresh('imputed-gaps', 'trace');
    this.#durations = streams.fresh('imputed-durations', 'trace');
  }

  /** Rows as jobs need them: every time and run time known. */
  *rows(rows: Iterable<TraceJob>): Generator<TraceJob> {
    if (this.#rules.replicaWindowUs > 0) yield* this.#replicas(this.times(rows));
    else for (const row of this.times(rows)) yield this.#runTime(row);
  }

  /** A job whose models are all unknown to the scenario may run anywhere. */
  modelsIgnored(): void {
    this.#used.models++;
  }

  /** Rows with times of arrival, run times as they are. */
  *times(rows: Iterable<TraceJob>): Generator<TraceJob> {
    for (const row of rows) {
      if (row.submitUs < 0) {
        this.#used.gaps++;
        this.#lastUs += Math.round(this.#gaps.exponential(this.#rules.gapUs));
        row.submitUs = this.#lastUs;
      }
      yield row;
    }
  }

  #runTime(row: TraceJob): TraceJob {
    if (row.durationUs >= 0) return row;
    const r = this.#rules;
    if (row.inputTokens > 0 || row.outputTokens > 0) {
      this.#used.requests++;
      row.durationUs = this.#requestUs(row);
      row.gpus = r.requestGpus;
      row.gpuMilli = r.requestGpuMilli;
    } else {
      this.#used.durations++;
      row.durationUs = Math.max(1, Math.round(r.durationMedianUs * exp(r.durationSigma * this.#durations.normal())));
    }
    return row;
  }

  #requestUs(row: TraceJob): number {
    const r = this.#rules;
    const us = perSecond(row.inputTokens, r.prefillPerSecond) + perSecond(row.outputTokens, r.decodePerSecond);
    return Math.max(1, Math.round(us));
  }

  /**
   * Requests of each window as replicas that serve them: GPU time of the window over window times load, rounded up. A replica is
   * a job of one window's length on the GPUs of a request. Requests count in the window they arrive in.
   */
  *#replicas(rows: Iterable<TraceJob>): Generator<TraceJob> {
    const r = this.#rules;
    const window = r.replicaWindowUs;
    let index = 0;
    let busyUs = 0;
    let last: TraceJob | null = null;
    for (const row of rows) {
      if (row.durationUs >= 0)
        throw new ScenarioError([
          {
            place: `job ${row.id}`,
            text: 'is no LLM request, and only requests become replicas; leave demand.trace.impute.replicas away',
          },
        ]);
      const at = Math.floor(row.submitUs / window);
      if (last !== null && at > index) {
        yield* this.#window(last, index, busyUs);
        busyUs = 0;
      }
      index = at;
      last = row;
      this.#used.requests++;
      busyUs += (this.#requestUs(row) * r.requestGpuMilli) / 1000;
    }
    if (last !== null) yield* this.#window(last, index, busyUs);
  }

  *#window(like: TraceJob, index: number, busyUs: number): Generator<TraceJob> {
    const r = this.#rules;
    const replicas = Math.max(1, Math.ceil(busyUs / (r.replicaWindowUs * r.replicaLoad)));
    for (let k = 0; k < replicas; k++) {
      this.#used.replicas++;
      yield {
        ...like,
        id: `${index}-${k}`,
        submitUs: index * r.replicaWindowUs,
        gpus: r.requestGpus,
        gpuMilli: 1000,
        durationUs: r.replicaWindowUs,
        inputTokens: 0,
        outputTokens: 0,
      };
    }
  }

  /** The rules that were used, in words. */
  notes(): string[] {
    const r = this.#rules;
    const u = this.#used;
    const share = `${r.requestGpuMilli / 10} % of ${r.requestGpus} GPU${r.requestGpus > 1 ? 's' : ''}`;
    const tokens = `input over ${r.prefillPerSecond} plus output over ${r.decodePerSecond} tokens per second`;
    return [
      u.gaps > 0 ? `arrival times of ${u.gaps} jobs: exponential gaps of mean ${r.gapUs / 1e6} s` : '',
      u.durations > 0
        ? `run times of ${u.durations} jobs: lognormal with median ${r.durationMedianUs / 1e6} s, sigma ${r.durationSigma}`
        : '',
      u.requests > 0 && u.replicas === 0 ? `GPU time of ${u.requests} LLM requests: ${tokens}, on ${share}` : '',
      u.replicas > 0
        ? `${u.replicas} replicas from ${u.requests} LLM requests: ${tokens}, on ${share}, windows of ${r.replicaWindowUs / 1e6} s at load ${r.replicaLoad}`
        : '',
      u.models > 0 ? `GPU models of ${u.models} jobs ignored: the scenario has no such class` : '',
    ].filter((t) => t !== '');
  }
}

/** micro-USD of a price for so many milli-GPU over a time at speed 1. */
export const worth = (microPerGpuHour: number, milli: number, us: number): number =>
  Math.round((microPerGpuHour * milli * us) / (1000 * HOUR_US));
