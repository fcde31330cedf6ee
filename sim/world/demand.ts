import type { JobSpec, TimeUs } from '../../core/types.ts';

/** What the world knows of a job and core does not. */
export interface Arrival {
  timeUs: TimeUs;
  pool: number;
  spec: JobSpec;
  /** Run time on a GPU of speed 1. */
  workUs: TimeUs;
  /** The job's own command will fail at the end of its work. */
  fails: boolean;
  /** What the job is worth to its user, micro-USD; -1 = the source carries no values. */
  valueMicro: number;
}

/** A source of jobs in order of time. Its state is plain data, so a run can be forked. */
export interface DemandSource {
  next(): Arrival | null;
  snapshot(): unknown;
  restore(state: never): void;
}
