import { NEVER, type TimeUs } from '../../core/types.ts';

/** Event types of the simulated world. */
export const WorldEvent = {
  started: 1,
  exited: 2,
  nodeDown: 3,
  nodeUp: 4,
  arrival: 5,
  packet: 6,
  recorded: 7,
  stake: 8,
  mesh: 9,
  edge: 10,
  payer: 11,
  domain: 12,
  entry: 13,
  retry: 14,
  adversary: 15,
  dispute: 16,
  card: 17,
} as const;

/** When something that takes so long happens, whole microseconds and one at least; NEVER = beyond all time. */
export const after = (now: TimeUs, waitUs: number): TimeUs => Math.min(NEVER, now + Math.max(1, Math.round(waitUs)));

/** Phases, in the order of core's fact phases. */
export const Phase = { release: 0, failure: 1, message: 2, arrival: 3 } as const;
