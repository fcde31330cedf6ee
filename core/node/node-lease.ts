/** A lease as the machine that it stands on keeps it. */
import type { Outcome, TimeUs } from '../types.ts';

export const LeaseState = { claiming: 0, starting: 1, running: 2, stopping: 3, releasing: 4, lapsed: 5 } as const;
export type LeaseState = (typeof LeaseState)[keyof typeof LeaseState];

export interface NodeLease {
  lease: number;
  hold: number;
  part: number;
  parts: number;
  award: number;
  gpus: number[];
  gpuMilli: number;
  gpuMemoryMiB: number;
  cpuMilli: number;
  ramMiB: number;
  /** MIG: memory slices of its instance, as bits. */
  slices?: number;
  state: LeaseState;
  startByUs: TimeUs;
  limitUs: TimeUs;
  /** -1 until the process reported up. */
  startedUs: TimeUs;
  /** Next deadline of this lease at the node; NEVER when it waits for the world. */
  deadlineUs: TimeUs;
  /** Fence under which it was granted: term and sequence in one number. */
  fence: number;
  /** Why an unstarted lease was let go; Settlement hears it if its claim went through. */
  verdict: Outcome;
  /** It stood here when the present pool came: granted under an older term. */
  carried: boolean;
}

/** A process of it may exist. */
export function mayRun(l: NodeLease): boolean {
  return l.state === LeaseState.starting || l.state === LeaseState.running || l.state === LeaseState.stopping;
}
