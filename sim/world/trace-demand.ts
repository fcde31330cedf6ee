import type { GpuClass, JobSpec, TaskGroup } from '../../core/types.ts';
import { NEVER, WHOLE_GPU } from '../../core/types.ts';
import type { ResolvedScenario, TraceDemandSpec, TraceJob } from '../../scenarios/resolved.ts';
import type { Stream, Streams } from '../kernel/streams.ts';
import { boundedPrice, LONGEST_LIMIT_US } from './bounds.ts';
import { classSpeeds } from './class-speeds.ts';
import type { Arrival, DemandSource } from './demand.ts';
import { drawPrice, Imputation, spreadText, worth } from './imputation.ts';

/** Jobs of a trace, in its order. The rows come from a reader; a fork reads them again up to where it was. */
export class TraceDemand implements DemandSource {
  readonly #spec: TraceDemandSpec;
  readonly #imputation: Imputation;
  readonly #rows: Iterator<TraceJob>;
  readonly #classes: readonly GpuClass[];
  readonly #speeds: readonly number[];
  readonly #values: Stream;
  readonly #gangs = new Map<number | string, TaskGroup[]>();
  readonly #allowed = new Map<string, number[]>();
  #taken = 0;

  constructor(scenario: ResolvedScenario, spec: TraceDemandSpec, rows: Iterable<TraceJob>, streams: Streams) {
    this.#spec = spec;
    this.#imputation = new Imputation(spec.impute, streams);
    this.#rows = this.#imputation.rows(rows);
    this.#classes = scenario.market.classes;
    this.#speeds = classSpeeds(scenario);
    this.#values = streams.fresh('imputed-values', 'trace');
  }

  next(): Arrival | null {
    const s = this.#spec;
    const step = this.#rows.next();
    if (step.done === true) return null;
    const row = step.value;
    const job = ++this.#taken;
    const limitUs = Math.min(LONGEST_LIMIT_US, Math.max(1, row.limitUs, Math.ceil(row.durationUs * s.limitFactor)));
    const classes = this.#classesOf(row.models);
    const value = s.values === null ? -1 : drawPrice(s.values, this.#values);
    const spec: JobSpec = {
      job,
      user: s.user,
      label: row.user === '' ? s.format : row.user,
      groups: this.#gang(row),
      classes,
      bids: value < 0 ? [] : this.#bids(classes, value),
      currency: s.currency,
      limitUs,
      estimateUs: limitUs,
      patienceUs: NEVER,
      maxAttempts: s.maxAttempts,
      priority: 0,
    };
    return {
      timeUs: row.submitUs,
      pool: s.pools[job % s.pools.length]!,
      spec,
      workUs: row.durationUs,
      fails: row.fails,
      valueMicro: value < 0 ? -1 : worth(value, row.gpus * row.gpuMilli, row.durationUs),
    };
  }

  /** What the results of a run must say was imputed. */
  notes(): string[] {
    const { values } = this.#spec;
    const notes = this.#imputation.notes();
    return values === null ? notes : [`values of all jobs: ${spreadText(values)}`, ...notes];
  }

  /** A faster class is worth more per hour to who pays for work done. */
  #bids(classes: readonly number[], value: number): number[] {
    const all = classes.length > 0 ? classes : this.#speeds.map((_, c) => c);
    return all.map((c) => boundedPrice(Math.floor((value * (this.#speeds[c]! || 1000)) / 1000)));
  }

  /** Classes a job may run on: those of the scenario that its models name. */
  #classesOf(models: string): number[] {
    const standard = this.#spec.classes;
    if (models === '') return standard;
    let allowed = this.#allowed.get(models);
    if (allowed === undefined) {
      const names = new Set(models.split('|'));
      allowed = this.#classes.flatMap((c, i) =>
        names.has(c.name) && (standard.length === 0 || standard.includes(i)) ? [i] : [],
      );
      this.#allowed.set(models, allowed);
    }
    if (allowed.length > 0) return allowed;
    this.#imputation.modelsIgnored();
    return standard;
  }

  /** A job that does not fit one node becomes full nodes and a rest; CPU and memory go with the GPUs. */
  #gang(row: TraceJob): TaskGroup[] {
    const { gpus, gpuMilli, cpuMilli, ramMiB } = row;
    // Most traces tell GPUs only, and a text per job costs more than all the rest here.
    const key: number | string =
      gpuMilli === WHOLE_GPU && cpuMilli === 0 && ramMiB === 0 ? gpus : `${gpus} ${gpuMilli} ${cpuMilli} ${ramMiB}`;
    let groups = this.#gangs.get(key);
    if (groups === undefined) {
      const per = this.#spec.gpusPerNode;
      const part = (whole: number, n: number): number => (gpus === 0 ? whole : Math.floor((whole * n) / gpus));
      const task = (tasks: number, n: number): TaskGroup => ({
        tasks,
        gpus: n,
        gpuMilli,
        gpuMemoryMiB: 0,
        cpuMilli: part(cpuMilli, n),
        ramMiB: part(ramMiB, n),
      });
      groups = gpus <= per ? [task(1, gpus)] : [task(Math.floor(gpus / per), per)];
      if (gpus > per && gpus % per > 0) groups.push(task(1, gpus % per));
      // Traces whose jobs all differ must not fill the memory.
      if (this.#gangs.size < 10_000) this.#gangs.set(key, groups);
    }
    return groups;
  }

  snapshot(): number {
    return this.#taken;
  }

  restore(taken: number): void {
    while (this.#taken < taken) if (this.next() === null) return;
  }
}
