/**
 * The seam between the driver and whatever runs jobs: processes on this machine, Slurm, or a twin in tests. It carries out
 * core's actions, each once by (lease, fence), and reports facts; it decides nothing.
 */
import type { Action, Fact } from '../core/facts.ts';
import type { JobSpec, TimeUs } from '../core/types.ts';
import type { Challenge } from './work/challenge.ts';

/** What the world knows of a job and core does not. */
export interface Work {
  /** Run time on a device of speed 1, in the scenario's time. */
  workUs: TimeUs;
  /** The built-in workload ends with an error. */
  fails: boolean;
  /** The user's own command; absent = the built-in workload of the length of the work. */
  command?: readonly string[];
  /** Instead: the proof-of-contribution challenge, whose answer is checked before the job counts as completed. */
  challenge?: Challenge;
}

/** What the lease gives the job of its machine; 0 = not declared. */
export interface LeaseLimits {
  cpuMilli: number;
  ramMiB: number;
}

/** A job that will be submitted at a stamp. */
export interface PlannedArrival extends Work {
  timeUs: TimeUs;
  pool: number;
  spec: JobSpec;
}

/** Jobs in order of time; null = there will be no more. */
export interface Arrivals {
  next(): PlannedArrival | null;
}

export type FactSink = (fact: Fact) => void;

export interface Launcher {
  /** Name of the isolation that jobs get: it is stated with the bill. */
  readonly isolation: string;
  /** Facts are reported through this from now on, each when the world has let it happen. */
  /** `draining`: GPUs that waited for a reset when the executor before this one died. */
  open(sink: FactSink, draining?: readonly { node: number; gpu: number }[]): void;
  /** `work` and `limits` come with an order to start. */
  act(action: Action, work: Work | null, limits: LeaseLimits | null): void;
  /** Jobs that may have a process. */
  readonly running: number;
  /** Ends whatever a former executor of the same run left; answers how many processes that were. Before `open`. */
  reap(): number;
  /** Ends every process at once; resolves when none is left. */
  close(): Promise<void>;
}
