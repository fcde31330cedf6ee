/**
 * The seam between a state machine and its host. Facts and messages mark a machine; its pulse hands it what came and makes it
 * decide; it says when it must be woken and it never looks at a clock, draws a random number or does I/O.
 */
import type { Action, Fact } from './facts.ts';
import type { Mail } from './mail.ts';
import type { Message } from './messages.ts';
import type { Row, TableName } from './record/schema.ts';
import type { TimeUs } from './types.ts';

export type Input = Fact | Message;

/** What a machine may do to the outside. */
export interface Port {
  /** Machine address to machine address; delivered in the next round, or by a Link when the peer lives on another host. */
  send(to: number, message: Message): void;
  /** The peer is superseded: what it has not confirmed is dropped, but for what says who has which job and how it ended. */
  forget(peer: number): void;
  act(action: Action): void;
  row<T extends TableName>(table: T, row: Row<T>): void;
  /** Mixes a decision into the digest that the journal carries and replay must reach again. */
  decide(a: number, b: number, c?: number, d?: number): void;
}

export interface Machine {
  readonly address: number;
  /** Takes what has come (which changes state and marks), then decides. */
  pulse(now: TimeUs, mail: Mail): void;
  /** First stamp at which a pulse is due without any input; always later than the last pulse. */
  nextWakeup(): TimeUs;
  /** Plain data (structured-clonable); only between stamps. */
  snapshot(): unknown;
  /** Only into a fresh instance. */
  restore(state: never): void;
}

/** Address of Settlement; pools follow, then nodes. */
export const SETTLEMENT = 0;
export const poolAddress = (pool: number): number => 1 + pool;
export const nodeAddress = (pools: number, node: number): number => 1 + pools + node;
