/**
 * Which heartbeats of a machine's site reach an aggregator's host, without an event per beat. Beat k leaves at `phase + k * every` and
 * arrives after the least delay of the wire, unless it is lost by chance, cut off by a partition when it leaves or would arrive, or finds
 * the host down. A pool counts on a machine until `ttl` after the last beat that arrived.
 *
 * `contact` answers with what a pool must be told: when a beat arrives and the next one comes in time, it may count on the machine until
 * further notice; before a gap, until the gap's lapse. `everyBeat` is the same world told beat by beat, for tests.
 */
import { type ChanceKey, chance } from '../../core/num/index.ts';
import { NEVER, type TimeUs } from '../../core/types.ts';
import type { Windows } from './network.ts';

/** One direction of hearing: from a site to a pool's host. */
export interface Hearing {
  /** Number of the pair, for chance. */
  pair: number;
  phaseUs: TimeUs;
  delayUs: TimeUs;
  /** When the wire is cut, and when the listener is down. */
  cuts: Windows;
  downs: Windows;
}

export interface HeartbeatOptions {
  everyUs: TimeUs;
  ttlUs: TimeUs;
  loss: number;
  key: ChanceKey;
}

/** What the arrival of a beat tells: how long the machine may be counted on, and the beat whose arrival says something new. */
export interface Contact {
  untilUs: TimeUs;
  /** -1 = none. */
  nextBeat: number;
}

export type ContactRule = (beats: Heartbeats, h: Hearing, beat: number) => Contact;

/** Beats looked at before an answer is put off. */
const MOST_BEATS = 65_536;

export class Heartbeats {
  readonly options: HeartbeatOptions;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  sentUs(h: Hearing, beat: number): TimeUs {
    return h.phaseUs + beat * this.options.everyUs;
  }
  /** NEVER = beyond all time. */
  arrivalUs(h: Hearing, beat: number): TimeUs {
    return Math.min(NEVER, this.sentUs(h, beat) + h.delayUs);
  }

  arrives(h: Hearing, beat: number): boolean {
    const sent = this.sentUs(h, beat);
    const { loss, key } = this.options;
    return (
      inside(h.cuts, sent) === null &&
      inside(h.cuts, sent + h.delayUs) === null &&
      inside(h.downs, sent + h.delayUs) === null &&
      (loss === 0 || chance(key, 'heartbeat', [h.pair, beat]) >= loss)
    );
  }

  /** First beat from `beat` on that arrives; -1 = none ever. */
  nextArrived(h: Hearing, beat: number): number {
    for (let k = beat; ; ) {
      if (this.arrives(h, k)) return k;
      const sent = this.sentUs(h, k);
      const blocked = inside(h.cuts, sent) ?? inside(h.cuts, sent + h.delayUs) ?? inside(h.downs, sent + h.delayUs);
      if (blocked === null) {
        k++;
        continue;
      }
      if (blocked[1] >= NEVER) return -1;
      // On to the first beat that arrives when the window is over.
      k = Math.max(k + 1, Math.ceil((blocked[1] - h.delayUs - h.phaseUs) / this.options.everyUs));
    }
  }

  /** Age at `t` of the last beat that had arrived by then; -1 = none had. */
  ageUs(h: Hearing, t: TimeUs): TimeUs {
    for (let k = Math.floor((t - h.delayUs - h.phaseUs) / this.options.everyUs); k >= 0; ) {
      if (this.arrives(h, k)) return t - this.sentUs(h, k);
      const at = this.arrivalUs(h, k);
      const blocked = inside(h.cuts, at) ?? inside(h.downs, at);
      // Back to the last beat that arrived before the window.
      k =
        blocked === null
          ? k - 1
          : Math.min(k - 1, Math.ceil((blocked[0] - h.delayUs - h.phaseUs) / this.options.everyUs) - 1);
    }
    return -1;
  }

  /** First stamp from `t` on at which a window could keep a beat from arriving; NEVER = none. */
  #nextWindow(h: Hearing, t: TimeUs): TimeUs {
    let next: TimeUs = NEVER;
    for (const list of [h.cuts, h.downs])
      for (const [from, to] of list) if (to > t) next = Math.min(next, Math.max(from, t));
    return next;
  }

  /** `beat` has arrived. */
  contact(h: Hearing, beat: number): Contact {
    const { everyUs, ttlUs, loss } = this.options;
    let last = beat;
    for (let looked = 0; looked < MOST_BEATS; looked++) {
      if (loss === 0) {
        // Without chance, every beat that arrives before the next window does arrive.
        const window = this.#nextWindow(h, this.sentUs(h, last));
        if (window >= NEVER) return { untilUs: NEVER, nextBeat: -1 };
        last = Math.max(last, Math.floor((window - 1 - h.delayUs - h.phaseUs) / everyUs));
      }
      const next = this.nextArrived(h, last + 1);
      const lapse = Math.min(NEVER, this.arrivalUs(h, last) + ttlUs);
      if (next < 0 || this.arrivalUs(h, next) > lapse)
        return last === beat ? { untilUs: lapse, nextBeat: next } : { untilUs: NEVER, nextBeat: last };
      last = next;
    }
    return { untilUs: NEVER, nextBeat: last };
  }

  /** The same, told by every beat. */
  everyBeat(h: Hearing, beat: number): Contact {
    const untilUs = Math.min(NEVER, this.arrivalUs(h, beat) + this.options.ttlUs);
    return { untilUs, nextBeat: this.nextArrived(h, beat + 1) };
  }
}

/** The window that holds a stamp: from its first to before its last. */
function inside(windows: Windows, t: TimeUs): readonly [TimeUs, TimeUs] | null {
  let low = 0;
  let high = windows.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (windows[mid]![1] <= t) low = mid + 1;
    else high = mid;
  }
  const w = windows[low];
  return w !== undefined && w[0] <= t ? w : null;
}
