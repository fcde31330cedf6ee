import type { Input } from './machine.ts';

/** What a machine was handed since its last pulse. Slots are reused: emptying costs nothing. */
export class Inbox {
  /** Input, sender, input, sender, … */
  readonly #slots: (Input | number | null)[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  put(input: Input, from: number): void {
    const at = 2 * this.#count++;
    this.#slots[at] = input;
    this.#slots[at + 1] = from;
  }
  input(i: number): Input {
    return this.#slots[2 * i] as Input;
  }
  sender(i: number): number {
    return this.#slots[2 * i + 1] as number;
  }
  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#slots[2 * i] = null;
    this.#count = 0;
  }
}
