import { FactKind } from '../facts.ts';
import type { MechanismRegistry } from '../interfaces.ts';
import type { Letter, Packet } from '../link/link.ts';
import { type Effects, Market, type RowSink, type Topology } from '../market/market.ts';
import type { TimeUs } from '../types.ts';
import { UNREAD } from './facts-codec.ts';
import { type Frame, FrameType, JournalError, type JournalHeader } from './journal.ts';

export interface ReplayResult {
  header: JournalHeader;
  /** The market, or its first host where there are several. */
  market: Market;
  /** Every host. */
  markets: Market[];
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
  if (header.topology !== undefined)
    return replayHosts(header, header.topology, { [Symbol.iterator]: () => list }, registry, rows, effects);
  const market = new Market(header.config, registry, rows);
  const rest = replayOnto(market, { [Symbol.iterator]: () => list }, 0, effects);
  return { header, market, markets: [market], ...rest };
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
): Omit<ReplayResult, 'header' | 'market' | 'markets'> {
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

/** A journal of all hosts: their steps in the order in which they were taken; what packets carry comes from the senders' steps. */
function replayHosts(
  header: JournalHeader,
  topology: Omit<Topology, 'host'>,
  frames: Iterable<Frame>,
  registry: MechanismRegistry,
  rows: RowSink | undefined,
  effects: EffectSink,
): ReplayResult {
  const hosts = Math.max(...topology.hostOf) + 1;
  const markets = Array.from(
    { length: hosts },
    (_, host) => new Market(header.config, registry, rows, null, { ...topology, host }),
  );
  const post = new Post();
  const steps = markets.map(() => 0);
  const ended = new Set<number>();
  const result = { header, market: markets[0]!, markets, facts: 0, checks: 0 };
  let difference: string | null = null;
  for (const f of frames) {
    if (f.type === FrameType.header) throw new JournalError(f.offset, 'the header must come first and once');
    const market = markets[f.host];
    if (market === undefined) throw new JournalError(f.offset, `host ${f.host} is not one of ${hosts}`);
    if (f.type === FrameType.step) {
      for (const x of f.facts) if (x.kind === FactKind.packet) post.fill(x.packet, f.offset);
      const done = market.step(f.now, f.facts);
      for (const p of done.packets) post.sent(p);
      effects(f.now, done);
      result.facts += f.facts.length;
      steps[f.host]!++;
      continue;
    }
    result.checks++;
    if (f.type === FrameType.end) ended.add(f.host);
    if (f.digest === market.digest) continue;
    const when = f.type === FrameType.end ? 'at the end' : `before its step ${steps[f.host]! + 1}`;
    difference = `decisions of host ${f.host} differ ${when} (journal byte ${f.offset}): recorded ${f.digest}, replayed ${market.digest}`;
    break;
  }
  return { ...result, difference, complete: ended.size === hosts };
}

/** Letters that were sent and may still arrive, by wire and number. */
class Post {
  /** Letters from number `low` on: what lies below has been confirmed. */
  readonly #wires = new Map<string, { low: number; letters: Map<number, Letter> }>();

  #wire(p: Packet): { low: number; letters: Map<number, Letter> } {
    const name = `${p.fromHost}>${p.toHost}`;
    let wire = this.#wires.get(name);
    if (wire === undefined) {
      wire = { low: 0, letters: new Map() };
      this.#wires.set(name, wire);
    }
    return wire;
  }

  sent(p: Packet): void {
    const { letters } = this.#wire(p);
    p.letters.forEach((l, i) => {
      if (l !== null && !letters.has(p.first + i)) letters.set(p.first + i, l);
    });
  }

  fill(p: Packet, offset: number): void {
    const wire = this.#wire(p);
    // What the receiver has confirmed it will not look at again.
    wire.low = Math.max(wire.low, p.base);
    for (const number of wire.letters.keys()) {
      if (number >= wire.low) break;
      wire.letters.delete(number);
    }
    p.letters.forEach((l, i) => {
      if (l !== UNREAD) return;
      const letter = wire.letters.get(p.first + i);
      if (letter === undefined && p.first + i >= wire.low)
        throw new JournalError(offset, `letter ${p.first + i} from host ${p.fromHost} arrives but was never sent`);
      p.letters[i] = letter ?? null;
    });
  }
}
