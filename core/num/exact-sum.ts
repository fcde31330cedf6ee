const MAX = Number.MAX_SAFE_INTEGER;

/** An exact sum of whole numbers, kept in a double while that is exact: additions that need no BigInt make none. */
export class ExactSum {
  #part = 0;
  #whole = 0n;

  constructor(start = 0n) {
    this.#whole = start;
  }

  /** Adds a * b; both must be safe integers. */
  addProduct(a: number, b: number): void {
    const product = a * b;
    if (!(product <= MAX && product >= -MAX)) {
      this.#whole += BigInt(a) * BigInt(b);
      return;
    }
    const sum = this.#part + product;
    if (sum <= MAX && sum >= -MAX) this.#part = sum;
    else {
      this.#whole += BigInt(this.#part);
      this.#part = product;
    }
  }

  get value(): bigint {
    return this.#whole + BigInt(this.#part);
  }
}
