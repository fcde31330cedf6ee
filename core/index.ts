/**
 * janction-lab/core: the state machines that both drivers share. They keep the books and must be right; they know no clock,
 * no randomness and no I/O.
 */
export * from './facts.ts';
export * from './interfaces.ts';
export {
  type Frame,
  FrameType,
  JournalError,
  type JournalHeader,
  type JournalPosition,
  JournalWriter,
  readJournal,
} from './journal/journal.ts';
export { type EffectSink, type ReplayResult, replay, replayOnto } from './journal/replay.ts';
export { Link, type LinkOptions, type Packet } from './link/link.ts';
export { nodeAddress, poolAddress, SETTLEMENT } from './machine.ts';
export {
  checkInvariants,
  type Invariant,
  InvariantViolation,
  invariants,
  type MarketView,
} from './market/invariants.ts';
export { type Effects, Market, type MarketState, type RowSink, type StepSink, type Topology } from './market/market.ts';
export * from './num/index.ts';
export { type Chunk, type ColumnData, Recorder } from './record/recorder.ts';
export { type Column, type Row, type TableName, tableNames, tables } from './record/schema.ts';
export { BlockEscrow, type EscrowPayment, type EscrowState, type ShortagePolicy } from './settlement/block-escrow.ts';
export { DebitNotes, type DebitNoteTerms, GOLEM_TERMS, linearCost, MIN_ACCEPT_US } from './settlement/debit-notes.ts';
export {
  type Account,
  Ledger,
  LedgerCode,
  type LedgerState,
  MAX_AMOUNT,
  type TransferEntry,
} from './settlement/ledger.ts';
export {
  billedSeconds,
  CumulativeCharge,
  Meter,
  type MeterCode,
  type MeterPeriod,
  type Reading as MeterReading,
} from './settlement/meter.ts';
export { kittyReward, poolStake, ReserveClaims, ticketValue } from './settlement/reserve-claims.ts';
export {
  AMOUNT_MAX,
  DeskCode,
  type DeskState,
  deskCodeNames,
  Flag,
  TransferDesk,
  type TransferRequest,
} from './settlement/transfer-desk.ts';
export * from './types.ts';
