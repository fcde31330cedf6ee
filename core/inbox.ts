import type { Input } from './machine.ts';

/** What a machine was handed since its last pulse. Slots are reused: emptying costs nothing. */
export class Inbox {
  readonly #inputs: (Input | null)[] = [];
  readonly #senders: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  put(input: Input, from: number): void {
    const n = this.#count++;
    this.#inputs[n] = input;
    this.#senders[n] = from;
  }
  input(i: number): Input {
    return this.#inputs[i]!;
  }
  sender(i: number): number {
    return this.#senders[i]!;
  }
  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#inputs[i] = null;
    this.#count = 0;
  }
}
