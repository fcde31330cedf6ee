/** Misbehaving twins of what the executor stands on: storage that forgets what was not synced, jobs that take no time. */
import { type Action, ActionKind, type Fact, FactKind } from '../../core/facts.ts';
import { Outcome } from '../../core/types.ts';
import { type JournalStorage, StorageFull } from '../../executor/durable/storage.ts';
import type { Arrivals, FactSink, Launcher, PlannedArrival } from '../../executor/launcher.ts';

export class TwinStorage implements JournalStorage {
  #bytes = new Uint8Array(1 << 16);
  length = 0;
  synced = 0;
  /** Length at every sync. */
  readonly syncs: number[] = [];
  /** Appends that fail for want of space before the next succeeds. */
  full = 0;

  append(bytes: Uint8Array): void {
    if (this.full > 0) {
      this.full--;
      throw new StorageFull();
    }
    if (this.length + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#bytes.length + bytes.length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  sync(): void {
    this.synced = this.length;
    this.syncs.push(this.length);
  }
  close(): void {}

  /** What is on disk for certain, and what may be there. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Jobs that start at once and end at the next turn of the event loop. */
export class TwinLauncher implements Launcher {
  readonly isolation = 'none';
  running = 0;
  /** Actions that were carried out, with the length of the journal that was durable then. */
  readonly actions: Action[] = [];
  readonly #onAct: (action: Action) => void;
  #sink: FactSink = () => {};

  constructor(onAct: (action: Action) => void = () => {}) {
    this.#onAct = onAct;
  }
  open(sink: FactSink): void {
    this.#sink = sink;
  }
  reap(): number {
    return 0;
  }
  async close(): Promise<void> {
    this.#sink = () => {};
  }
  act(action: Action): void {
    this.#onAct(action);
    this.actions.push(action);
    if (action.kind !== ActionKind.start) return;
    const { node, lease, fence } = action;
    this.running++;
    this.#sink({ kind: FactKind.started, node, lease, fence });
    setImmediate(() => {
      this.running--;
      const exit: Fact = { kind: FactKind.exited, node, lease, fence, outcome: Outcome.completed, clean: true };
      this.#sink(exit);
    });
  }
}

export function listed(list: readonly PlannedArrival[]): Arrivals {
  let next = 0;
  return { next: () => list[next++] ?? null };
}
