/** A lease as the machine that it stands on keeps it. */
import type { LeaseMsg } from '../messages.ts';
import { type Numbered, numbers, type Place, type Plain } from '../numbered.ts';
import { Outcome, type TimeUs } from '../types.ts';

export const LeaseState = { claiming: 0, starting: 1, running: 2, stopping: 3, releasing: 4, lapsed: 5 } as const;
export type LeaseState = (typeof LeaseState)[keyof typeof LeaseState];

export class NodeLease implements Numbered {
  static readonly names = numbers(
    NodeLease.prototype,
    'lease',
    'hold',
    'award',
    'startByUs',
    'limitUs',
    'startedUs',
    'deadlineUs',
    'fence',
    'part',
    'parts',
    'gpuMilli',
    'gpuMemoryMiB',
    'cpuMilli',
    'ramMiB',
  );
  cells: Numbered['cells'];
  at: number;
  declare lease: number;
  declare hold: number;
  declare award: number;
  declare startByUs: TimeUs;
  declare limitUs: TimeUs;
  /** -1 until the process reported up. */
  declare startedUs: TimeUs;
  /** Next deadline of this lease at the node; NEVER when it waits for the world. */
  declare deadlineUs: TimeUs;
  /** Fence under which it was granted: term and sequence in one number. */
  declare fence: number;
  declare part: number;
  declare parts: number;
  declare gpuMilli: number;
  declare gpuMemoryMiB: number;
  declare cpuMilli: number;
  declare ramMiB: number;
  readonly gpus: number[];
  /** MIG: memory slices of its instance, as bits. */
  declare slices?: number;
  state: LeaseState = LeaseState.claiming;
  /** Why an unstarted lease was let go; Settlement hears it if its claim went through. */
  verdict: Outcome = Outcome.notStarted;
  /** It stood here when the present pool came: granted under an older term. */
  carried = false;

  constructor(place: Place, m: Omit<LeaseMsg, 'kind'>) {
    this.cells = place.cells;
    this.at = place.at;
    this.lease = m.lease;
    this.hold = m.hold;
    this.award = m.award;
    this.startByUs = m.startByUs;
    this.limitUs = m.limitUs;
    this.startedUs = -1;
    this.deadlineUs = m.startByUs;
    this.fence = m.term * 0x100000000 + m.seq;
    this.part = m.part;
    this.parts = m.parts;
    this.gpus = m.gpus;
    this.gpuMilli = m.gpuMilli;
    this.gpuMemoryMiB = m.gpuMemoryMiB;
    this.cpuMilli = m.cpuMilli;
    this.ramMiB = m.ramMiB;
    if (m.slices !== undefined) this.slices = m.slices;
  }

  /** From plain data. */
  static of(place: Place, l: Plain<NodeLease>): NodeLease {
    return Object.assign(new NodeLease(place, { ...l, term: 0, seq: 0 }), l, { gpus: [...l.gpus] });
  }
}

/** A process of it may exist. */
export function mayRun(l: NodeLease): boolean {
  return l.state === LeaseState.starting || l.state === LeaseState.running || l.state === LeaseState.stopping;
}
