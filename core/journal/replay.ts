import type { MechanismRegistry } from '../interfaces.ts';
import { type Effects, Market, type RowSink } from '../market/market.ts';
import type { TimeUs } from '../types.ts';
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

/** Sees what each step of a replay asks of the world; the effects are valid during the call only. */
export type EffectSink = (now: TimeUs, effects: Effects) => void;

const noEffects: EffectSink = () => {};

/** Drives a fresh market through a journal: audit, restart and the same-core proof are all this function. */
export function replay(
  frames: Iterable<Frame>,
  registry: MechanismRegistry,
  rows?: RowSink,
  effects: EffectSink = noEffects,
): ReplayResult {
  const list = frames[Symbol.iterator]();
  const first = list.next();
  if (first.done === true) throw new JournalError(0, 'the journal is empty');
  if (first.value.type !== FrameType.header) throw new JournalError(first.value.offset, 'the header is missing');
  const { header } = first.value;
  const market = new Market(header.config, registry, rows);
  const rest = replayOnto(market, { [Symbol.iterator]: () => list }, 0, effects);
  return { header, market, ...rest };
}

/**
 * Carries `market`, which stands where the first of `frames` begins and `steps` steps with facts have been, through them: the
 * tail after a snapshot.
 */
export function replayOnto(
  market: Market,
  frames: Iterable<Frame>,
  steps = 0,
  effects: EffectSink = noEffects,
): Omit<ReplayResult, 'header' | 'market'> {
  let facts = 0;
  let checks = 0;
  let taken = steps;
  let complete = false;
  let difference: string | null = null;
  // A check frame speaks of the state just before the step after it, deadlines on the way included.
  let due: { digest: string; offset: number } | null = null;
  for (const f of frames) {
    if (f.type === FrameType.header) throw new JournalError(f.offset, 'the header must come first and once');
    if (f.type === FrameType.check) {
      due = f;
      continue;
    }
    for (let at = market.nextWakeup(); at < f.now; at = market.nextWakeup()) effects(at, market.pulse(at));
    if (due !== null) {
      checks++;
      if (due.digest !== market.digest) {
        difference = `decisions differ before step ${taken + 1} (journal byte ${due.offset}): recorded ${due.digest}, replayed ${market.digest}`;
        break;
      }
      due = null;
    }
    if (f.type === FrameType.step) {
      effects(f.now, market.step(f.now, f.facts));
      facts += f.facts.length;
      taken++;
    } else {
      complete = true;
      checks++;
      if (f.digest !== market.digest) {
        difference = `decisions differ at the end (journal byte ${f.offset}): recorded ${f.digest}, replayed ${market.digest}`;
      }
    }
  }
  return { facts, checks, difference, complete };
}
