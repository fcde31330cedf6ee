import type { Input } from './machine.ts';

/** What one machine was handed since its last pulse, in order: `while (mail.next()) take(mail.input, mail.from)`. */
export interface Mail {
  /** Goes on to the next input; false when there is none. */
  next(): boolean;
  readonly input: Input;
  /** Address of its sender; of the machine itself for a fact. */
  readonly from: number;
}

const END = -1;

/**
 * The inputs of all machines of a host, which each reads in its pulse. One list serves them all: a stamp is for one or two machines of
 * many, and a list of each one's own would be far memory to fetch and an old object that points to young ones.
 */
export class Mailroom implements Mail {
  readonly #inputs: (Input | null)[] = [];
  readonly #from: number[] = [];
  /** The next input for the same machine. */
  readonly #next: number[] = [];
  #count = 0;
  /** First and last input of every machine. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** The input that is being read, and the one after it. */
  #at = END;
  #after = END;

  constructor(machines: number) {
    this.#first = new Int32Array(machines).fill(END);
    this.#last = new Int32Array(machines).fill(END);
  }

  put(to: number, input: Input, from: number): void {
    const at = this.#count++;
    this.#inputs[at] = input;
    this.#from[at] = from;
    this.#next[at] = END;
    if (this.#first[to] === END) this.#first[to] = at;
    else this.#next[this.#last[to]!] = at;
    this.#last[to] = at;
  }

  /** The mail of one machine, taken out of the room; valid until the next call. */
  of(machine: number): Mail {
    this.#after = this.#first[machine]!;
    this.#first[machine] = END;
    return this;
  }

  next(): boolean {
    const at = this.#after;
    if (at === END) return false;
    this.#at = at;
    this.#after = this.#next[at]!;
    return true;
  }
  get input(): Input {
    return this.#inputs[this.#at]!;
  }
  get from(): number {
    return this.#from[this.#at]!;
  }

  /** Every machine has read what there was. */
  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#inputs[i] = null;
    this.#count = 0;
  }
}
