/** The GPUs of one machine that are not simply in service, and for how long they have not been. */
import { CardState } from '../facts.ts';
import type { TimeUs } from '../types.ts';

export interface CardsState {
  /** GPU and its state, of those that are not fine; ascending. */
  not: [number, CardState][];
  outUs: TimeUs;
  sinceUs: TimeUs;
}

export class Cards {
  /** Of those that are not fine; null while all ever were, as on most machines. */
  #not: Map<number, CardState> | null = null;
  /** Time that cards were out of service while their machine was up, added up to `#sinceUs`. */
  #outUs: TimeUs = 0;
  #sinceUs: TimeUs = 0;

  get #count(): number {
    return this.#not?.size ?? 0;
  }

  stateOf(gpu: number): CardState {
    return this.#not?.get(gpu) ?? CardState.fine;
  }

  set(gpu: number, state: CardState): void {
    if (state === CardState.fine) this.#not?.delete(gpu);
    else (this.#not ??= new Map()).set(gpu, state);
  }

  /** Before the machine or one of its cards changes its state. */
  advance(now: TimeUs, up: boolean): void {
    if (up) this.#outUs += this.#count * (now - this.#sinceUs);
    this.#sinceUs = now;
  }

  /** Until now, added up over the cards. */
  outUs(now: TimeUs, up: boolean): TimeUs {
    return this.#outUs + (up ? this.#count * (now - this.#sinceUs) : 0);
  }

  get anyDead(): boolean {
    for (const s of this.#not?.values() ?? []) if (s === CardState.dead) return true;
    return false;
  }

  /** Those that take no new work, ascending. */
  get out(): number[] {
    return this.#not === null ? [] : [...this.#not.keys()].sort((a, b) => a - b);
  }

  snapshot(): CardsState | undefined {
    if (this.#count === 0 && this.#outUs === 0) return undefined;
    const not = this.out.map((g): [number, CardState] => [g, this.stateOf(g)]);
    return { not, outUs: this.#outUs, sinceUs: this.#sinceUs };
  }

  restore(s: CardsState): void {
    for (const [gpu, state] of s.not) this.set(gpu, state);
    this.#outUs = s.outUs;
    this.#sinceUs = s.sinceUs;
  }
}
