import { DownCause, type Fact, FactKind } from '../../core/facts.ts';
import { HOUR_US, type TimeUs } from '../../core/types.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import { Phase, WorldEvent } from './events.ts';

/** When a machine is there for the market, apart from failures. */
export type Availability =
  | { kind: 'always' }
  /** Every day from `fromUs` to `toUs` after midnight (wrapping), each end moved by a normal draw of `jitterUs`. */
  | { kind: 'daily'; fromUs: TimeUs; toUs: TimeUs; jitterUs: TimeUs };

export interface NodeLife {
  availability: Availability;
  /** Mean time between failures while up, and mean repair time (both exponential); 0 = never fails. */
  mtbfUs: TimeUs;
  repairUs: TimeUs;
}

const DAY_US = 24 * HOUR_US;

/** State of one node: its owner's will and its health. Down when either says so. */
interface Life {
  present: boolean;
  healthy: boolean;
}

export interface FleetState {
  lives: Life[];
}

/** Brings machines up and down: owners' daily hours and failures, each node on its own streams. */
export class Fleet {
  readonly #queue: EventQueue;
  readonly #streams: Streams;
  readonly #lives: readonly NodeLife[];
  readonly #names: readonly string[];
  #state: Life[];

  constructor(queue: EventQueue, streams: Streams, lives: readonly NodeLife[], names: readonly string[]) {
    this.#queue = queue;
    this.#streams = streams;
    this.#lives = lives;
    this.#names = names;
    this.#state = lives.map(() => ({ present: true, healthy: true }));
  }

  /** First events of every node; facts for those that start absent are due at stamp 0. */
  open(): void {
    this.#lives.forEach((life, node) => {
      if (life.availability.kind === 'daily') {
        const { fromUs, toUs } = life.availability;
        // Midnight lies inside the window when it wraps.
        const presentAtStart = fromUs > toUs;
        if (!presentAtStart) this.#queue.push(0, Phase.failure, WorldEvent.nodeDown, node, DownCause.owner);
        this.#schedulePresence(node, presentAtStart, 0);
      }
      if (life.mtbfUs > 0) this.#scheduleFailure(node, 0);
    });
  }

  /** The next stamp at which the owner's will changes: present -> end of the window, absent -> its beginning. */
  #schedulePresence(node: number, present: boolean, now: TimeUs): void {
    const a = this.#lives[node]!.availability;
    if (a.kind !== 'daily') return;
    const base = present ? a.toUs : a.fromUs;
    let at = Math.floor(now / DAY_US) * DAY_US + base;
    // The next change is at least one jitter away, so that a late arrival does not skip or repeat a day.
    while (at <= now + a.jitterUs) at += DAY_US;
    const jitter =
      a.jitterUs === 0
        ? 0
        : Math.round(a.jitterUs * clampUnit(this.#streams.get('presence', this.#names[node]!).normal() / 3));
    at = Math.max(now + 1, at + jitter);
    this.#queue.push(at, Phase.failure, present ? WorldEvent.nodeDown : WorldEvent.nodeUp, node, DownCause.owner);
  }

  #scheduleFailure(node: number, now: TimeUs): void {
    const life = this.#lives[node]!;
    const wait = Math.max(1, Math.round(this.#streams.get('failure', this.#names[node]!).exponential(life.mtbfUs)));
    this.#queue.push(now + wait, Phase.failure, WorldEvent.nodeDown, node, DownCause.failure);
  }

  /** The fact behind an event, or null when the node's state does not change by it. `lost` runs when it goes down. */
  happen(now: TimeUs, type: number, node: number, cause: number, lost: (node: number) => void): Fact | null {
    const s = this.#state[node]!;
    const wasUp = s.present && s.healthy;
    if (cause === DownCause.owner) {
      s.present = type === WorldEvent.nodeUp;
      // The absence that a run starts with was planned in `open`.
      if (now > 0) this.#schedulePresence(node, s.present, now);
    } else if (type === WorldEvent.nodeUp) {
      s.healthy = true;
      this.#scheduleFailure(node, now);
    } else {
      s.healthy = false;
      const wait = Math.max(
        1,
        Math.round(this.#streams.get('repair', this.#names[node]!).exponential(this.#lives[node]!.repairUs)),
      );
      this.#queue.push(now + wait, Phase.failure, WorldEvent.nodeUp, node, DownCause.failure);
    }
    const isUp = s.present && s.healthy;
    if (isUp === wasUp) return null;
    if (isUp) return { kind: FactKind.nodeUp, node };
    lost(node);
    return { kind: FactKind.nodeDown, node, cause: cause as DownCause };
  }

  snapshot(): FleetState {
    return { lives: this.#state.map((s) => ({ ...s })) };
  }

  restore(state: FleetState): void {
    this.#state = state.lives.map((s) => ({ ...s }));
  }
}

const clampUnit = (x: number): number => Math.max(-1, Math.min(1, x));
