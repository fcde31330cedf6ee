import type { JobSpec, TaskGroup } from '../../core/types.ts';
import { NEVER } from '../../core/types.ts';
import type { TraceDemandSpec, TraceJob } from '../../scenarios/resolved.ts';
import type { Arrival, DemandSource } from './demand.ts';

/** Jobs of a trace, in its order. The rows come from a reader; a fork reads them again up to where it was. */
export class TraceDemand implements DemandSource {
  readonly #spec: TraceDemandSpec;
  readonly #rows: Iterator<TraceJob>;
  readonly #groups = new Map<number, TaskGroup[]>();
  #taken = 0;

  constructor(spec: TraceDemandSpec, rows: Iterable<TraceJob>) {
    this.#spec = spec;
    this.#rows = rows[Symbol.iterator]();
  }

  next(): Arrival | null {
    const s = this.#spec;
    if (s.firstRows > 0 && this.#taken >= s.firstRows) return null;
    const step = this.#rows.next();
    if (step.done === true) return null;
    const row = step.value;
    const job = ++this.#taken;
    const limitUs = Math.max(1, Math.ceil(row.durationUs * s.limitFactor));
    const spec: JobSpec = {
      job,
      user: s.user,
      label: s.format,
      groups: this.#gang(row.gpus),
      classes: s.classes,
      bids: [],
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
      valueMicro: -1,
    };
  }

  /** A job that does not fit one node becomes full nodes and a rest. */
  #gang(gpus: number): TaskGroup[] {
    let groups = this.#groups.get(gpus);
    if (groups === undefined) {
      const per = this.#spec.gpusPerNode;
      const task = (tasks: number, n: number): TaskGroup => ({
        tasks,
        gpus: n,
        gpuMilli: 1000,
        gpuMemoryMiB: 0,
        cpuMilli: 0,
        ramMiB: 0,
      });
      groups = gpus <= per ? [task(1, gpus)] : [task(Math.floor(gpus / per), per)];
      if (gpus > per && gpus % per > 0) groups.push(task(1, gpus % per));
      this.#groups.set(gpus, groups);
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
