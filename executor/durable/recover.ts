/**
 * From what a crash left to a market that stands where the journal ends. What was never synced may be gone, torn or flipped
 * from any byte on: the journal is cut at the first frame that makes no sense, unless that lies before a byte that was known
 * to be on disk; then the disk is at fault and the operator must decide.
 */
import type { MechanismRegistry } from '../../core/interfaces.ts';
import {
  type Frame,
  FrameType,
  JournalError,
  type JournalHeader,
  type JournalPosition,
  readJournal,
} from '../../core/journal/journal.ts';
import { replayOnto } from '../../core/journal/replay.ts';
import { type Effects, Market, type RowSink, type StepSink } from '../../core/market/market.ts';
import type { TimeUs } from '../../core/types.ts';
import { ENGINE } from '../../core/version.ts';
import { ExecutorError } from '../executor-error.ts';
import type { Snapshot } from './snapshot.ts';

export interface Recovered {
  header: JournalHeader;
  market: Market;
  position: JournalPosition;
  /** Bytes of the journal that are whole; the rest is to be cut off. */
  length: number;
  /** Bytes cut off. */
  dropped: number;
  /** Facts replayed, after the snapshot if there was one. */
  facts: number;
  fromSnapshot: boolean;
  /** The run was over: its end frame is there. */
  ended: boolean;
}

export function recover(
  bytes: Uint8Array,
  snapshot: Snapshot | null,
  registry: MechanismRegistry,
  rows?: RowSink,
  steps: StepSink | null = null,
  effects?: (now: TimeUs, e: Effects) => void,
): Recovered {
  const header = headerOf(bytes);
  const usable = snapshot !== null && snapshot.engine === ENGINE && snapshot.offset <= bytes.length ? snapshot : null;
  if (snapshot !== null && snapshot.offset > bytes.length) {
    throw new ExecutorError(
      `journal: ${bytes.length} bytes, but ${snapshot.offset} were on disk when the last snapshot was taken; the file was damaged, restore it`,
    );
  }
  const market = new Market(header.config, registry, rows, steps);
  if (usable !== null) market.restore(usable.market);
  const position: JournalPosition = { last: usable?.last ?? 0, steps: usable?.steps ?? 0 };
  let length = bytes.length;
  let ended = false;
  const frames = (function* (): Generator<Frame, void, void> {
    const from = usable === null ? null : { offset: usable.offset, last: usable.last };
    try {
      for (const f of readJournal(bytes, from)) {
        if (f.type === FrameType.header) continue;
        if (f.type === FrameType.end) ended = true;
        if (f.type === FrameType.step) {
          position.last = f.now;
          if (f.facts.length > 0) position.steps++;
        }
        yield f;
      }
    } catch (e) {
      if (!(e instanceof JournalError)) throw e;
      length = e.offset;
    }
  })();
  const result = replayOnto(market, frames, position.steps, effects);
  if (result.difference !== null) throw new ExecutorError(`journal: ${result.difference}; this engine cannot go on`);
  const floor = snapshot?.offset ?? 0;
  if (length < floor) {
    throw new ExecutorError(
      `journal: damaged at byte ${length}, before byte ${floor} which was on disk; restore the file, it was not a crash`,
    );
  }
  return {
    header,
    market,
    position,
    length,
    dropped: bytes.length - length,
    facts: result.facts,
    fromSnapshot: usable !== null,
    ended,
  };
}

function headerOf(bytes: Uint8Array): JournalHeader {
  for (const f of readJournal(bytes)) {
    if (f.type === FrameType.header) return f.header;
    break;
  }
  throw new JournalError(0, 'the header is missing');
}
