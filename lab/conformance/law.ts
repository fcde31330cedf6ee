/** What every mechanism of a kind must keep: run by the tests over the shipped ones, and by check-module over a user's own. */

/** A law is broken; the message says by which case. */
export class LawBroken extends Error {}

export interface Law<T> {
  name: string;
  /** Throws LawBroken. `make` builds a fresh mechanism each time. */
  check(make: () => T): void;
}

export function must(kept: boolean, broken: () => string): void {
  if (!kept) throw new LawBroken(broken());
}
