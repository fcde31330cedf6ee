/** When machines and their GPUs were there, read from the journal's facts alone. */
import type { Fact } from '../../core/facts.ts';
import type { JournalHeader } from '../../core/journal/journal.ts';
import type { Health } from './supply.ts';

/** Fact kinds as the journal writes them, and the state of a GPU that is lost. */
const NODE_DOWN = 4;
const NODE_UP = 5;
const GPU = 17;
const DEAD = 2;

export class MachineHealth {
  /** By machine: whether the chain counts it as up; not while one of its GPUs is dead. */
  readonly health: Health = new Map();
  /** Stamps at which it broke or was taken back; a GPU under MACHINE#NUMBER. */
  readonly downs = new Map<string, Set<number>>();
  readonly #dead = new Map<string, Set<number>>();
  readonly #off = new Set<string>();

  fact(header: JournalHeader, now: number, f: Fact): void {
    if (f.kind !== NODE_DOWN && f.kind !== NODE_UP && f.kind !== GPU) return;
    const id = header.config.nodes[f.node]!.id;
    if (f.kind === NODE_DOWN) {
      this.#off.add(id);
      this.#lost(id, now);
    } else if (f.kind === NODE_UP) this.#off.delete(id);
    else {
      const dead = this.#dead.get(id) ?? new Set<number>();
      this.#dead.set(id, dead);
      if (f.state === DEAD) {
        dead.add(f.gpu);
        this.#lost(`${id}#${f.gpu}`, now);
      } else dead.delete(f.gpu);
    }
    const up = !this.#off.has(id) && (this.#dead.get(id)?.size ?? 0) === 0;
    const list = this.health.get(id) ?? [];
    list.push({ at: BigInt(now), up });
    this.health.set(id, list);
  }

  #lost(key: string, now: number): void {
    this.downs.set(key, (this.downs.get(key) ?? new Set<number>()).add(now));
  }
}
