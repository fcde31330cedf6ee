import type { ListedArrival } from '../../scenarios/resolved.ts';

/** A job with what the world knows of it and core does not. */
export type Arrival = ListedArrival;

/** A source of jobs in order of time. Its state is plain data, so a run can be forked. */
export interface DemandSource {
  next(): Arrival | null;
  snapshot(): unknown;
  restore(state: never): void;
  /** What the results of a run must say was imputed. */
  notes?(): string[];
}

/** Jobs of a list, in its order. */
export class ListDemand implements DemandSource {
  readonly #list: readonly Arrival[];
  #next = 0;

  constructor(list: readonly Arrival[]) {
    this.#list = list;
  }
  next(): Arrival | null {
    return this.#list[this.#next++] ?? null;
  }
  snapshot(): number {
    return this.#next;
  }
  restore(next: number): void {
    this.#next = next;
  }
}
