/**
 * Numbers of records that live long, side by side outside the records. Of a plain object an engine keeps every number above 2^31 (a stamp, a
 * hold, a lease) as an object of its own, to be moved, marked and fetched singly.
 */

/** Where the numbers of one record lie: from `at` on in `cells`. */
export interface Place {
  readonly cells: number[] | Float64Array;
  readonly at: number;
}

/** A record with a place; its class names its numbers with `numbers`. */
export interface Numbered {
  cells: number[] | Float64Array;
  at: number;
}

/** A class of records: the names of their numbers. */
export interface Kind {
  readonly names: readonly string[];
}

/** What of a record is data. */
export type Plain<T> = Omit<
  { [P in keyof T as T[P] extends (...args: never[]) => unknown ? never : P]: T[P] },
  keyof Numbered
>;

/** Makes properties of these names read and write the record's place, in their order; the class declares them. Answers the names. */
export function numbers<T extends Numbered>(
  prototype: T,
  ...names: readonly (Exclude<keyof T, keyof Numbered> & string)[]
): readonly string[] {
  names.forEach((name, i) => {
    Object.defineProperty(prototype, name, {
      get(this: Numbered): number {
        return this.cells[this.at + i]!;
      },
      set(this: Numbered, value: number) {
        this.cells[this.at + i] = value;
      },
    });
  });
  return names;
}

/** The record as plain data, for snapshots; what its other properties hold is not copied. */
export function plainOf<T extends Numbered>(record: T): Plain<T> {
  const { cells, at, ...plain } = record as Numbered & Record<string, unknown>;
  const { names } = record.constructor as unknown as Kind;
  names.forEach((name, i) => {
    plain[name] = cells[at + i];
  });
  return plain as Plain<T>;
}

/** Records whose places are made at once. */
const BLOCK = 256;
/** Where the numbers of a record lie that was given back: nowhere. */
const GONE = -1e9;

/** Places outside the collected heap for the records of one kind, whose owner gives each back when it is over. */
export class NumberStore implements Place {
  readonly #width: number;
  /** Places given back. */
  readonly #freeCells: Float64Array[] = [];
  readonly #freeAt: number[] = [];
  /** The last block; its first `#used` numbers are taken. */
  #block = new Float64Array(0);
  #used = 0;
  #live = 0;
  cells: Float64Array = this.#block;
  at = 0;

  constructor(kind: Kind) {
    this.#width = kind.names.length;
  }

  /** Records that have a place. */
  get live(): number {
    return this.#live;
  }

  /** A place, with what the record before left there; valid until the next call. */
  take(): Place {
    this.#live++;
    const free = this.#freeCells.pop();
    if (free !== undefined) {
      this.cells = free;
      this.at = this.#freeAt.pop()!;
      return this;
    }
    if (this.#used === this.#block.length) {
      this.#block = new Float64Array(BLOCK * this.#width);
      this.#used = 0;
    }
    this.cells = this.#block;
    this.at = this.#used;
    this.#used += this.#width;
    return this;
  }

  /** The record is over: its numbers must not be read any more, and are undefined. */
  give(record: Numbered): void {
    if (record.at < 0) throw new Error('number store: a record was given back twice');
    this.#freeCells.push(record.cells as Float64Array);
    this.#freeAt.push(record.at);
    this.#live--;
    record.at = GONE;
  }
}
