import type { MechanismRegistry } from '../interfaces.ts';
import { Market, type RowSink } from '../market/market.ts';
import { type Frame, FrameType, JournalError, type JournalHeader } from './journal.ts';

export interface ReplayResult {
  header: JournalHeader;
  market: Market;
  facts: number;
  checks: number;
  /** First disagreement with what the journal says was decided; null = the same decisions throughout. */
  difference: string | null;
  /** False when the journal has no end frame: the run was cut off. */
  complete: boolean;
}

/** Drives a fresh market through a journal: audit, restart and the same-core proof are all this function. */
export function replay(frames: Iterable<Frame>, registry: MechanismRegistry, rows?: RowSink): ReplayResult {
  let market: Market | null = null;
  let header: JournalHeader | null = null;
  let facts = 0;
  let checks = 0;
  let steps = 0;
  let complete = false;
  let difference: string | null = null;
  // A check frame speaks of the state just before the step after it, deadlines on the way included.
  let due: { digest: string; offset: number } | null = null;
  for (const f of frames) {
    if (f.type === FrameType.header) {
      header = f.header;
      market = new Market(f.header.config, registry, rows);
      continue;
    }
    if (market === null) throw new JournalError(f.offset, 'the header is missing');
    if (f.type === FrameType.check) {
      due = f;
      continue;
    }
    for (let at = market.nextWakeup(); at < f.now; at = market.nextWakeup()) market.pulse(at);
    if (due !== null) {
      checks++;
      if (due.digest !== market.digest) {
        difference = `decisions differ before step ${steps + 1} (journal byte ${due.offset}): recorded ${due.digest}, replayed ${market.digest}`;
        break;
      }
      due = null;
    }
    if (f.type === FrameType.step) {
      market.step(f.now, f.facts);
      facts += f.facts.length;
      steps++;
    } else {
      complete = true;
      checks++;
      if (f.digest !== market.digest) {
        difference = `decisions differ at the end (journal byte ${f.offset}): recorded ${f.digest}, replayed ${market.digest}`;
      }
    }
  }
  if (market === null || header === null) throw new JournalError(0, 'the journal is empty');
  return { header, market, facts, checks, difference, complete };
}
