/**
 * Readings from outside to billable quantities: each (source, id) counts once whatever is delivered again, late or out of order; what is billed
 * follows from the sum, so the order of readings and how they are cut up change nothing; a correction is a reading of its own. Amounts are
 * rounded cumulatively: the charge of a step is floor(rate x sum) less what was charged before, so nothing is lost second by second.
 */

export interface Reading {
  readonly source: string;
  /** Grows within the source. */
  readonly id: number;
  /** When the use happened; decides the billing period. */
  readonly timeUs: number;
  /** Units used; negative for a correction of an earlier reading. */
  readonly quantity: bigint;
}

/** Half-open, by time of use. */
export interface MeterPeriod {
  readonly fromUs: number;
  readonly toUs: number;
}

export type MeterCode = 'counted' | 'duplicate' | 'too-old' | 'period-closed-corrected';

export class Meter {
  readonly #window: number;
  readonly #seen = new Map<string, { high: number; ids: Set<number> }>();
  readonly #lengthUs: number;
  readonly #sums = new Map<number, bigint>();
  /** Readings that came for a closed period: billed in the period in which they came. */
  readonly #corrections = new Map<number, bigint>();
  #closedBefore = 0;

  /** Periods of `lengthUs` from 0; each source remembers its last `window` ids. */
  constructor(lengthUs: number, window = 4096) {
    if (!(lengthUs > 0) || !Number.isSafeInteger(lengthUs)) throw new Error(`meter: periods of ${lengthUs} us`);
    this.#lengthUs = lengthUs;
    this.#window = window;
  }

  take(r: Reading): MeterCode {
    let s = this.#seen.get(r.source);
    if (s === undefined) this.#seen.set(r.source, (s = { high: 0, ids: new Set() }));
    if (s.ids.has(r.id)) return 'duplicate';
    if (r.id <= s.high - this.#window) return 'too-old';
    s.ids.add(r.id);
    if (r.id > s.high) {
      for (let id = Math.max(0, s.high - this.#window + 1); id <= r.id - this.#window; id++) s.ids.delete(id);
      s.high = r.id;
    }
    const period = Math.floor(r.timeUs / this.#lengthUs);
    if (period < this.#closedBefore) {
      this.#add(this.#corrections, this.#closedBefore, r.quantity);
      return 'period-closed-corrected';
    }
    this.#add(this.#sums, period, r.quantity);
    return 'counted';
  }

  #add(sums: Map<number, bigint>, period: number, quantity: bigint): void {
    sums.set(period, (sums.get(period) ?? 0n) + quantity);
  }

  /** Closes every period that ends at `nowUs` or before; later readings for them become corrections of the next. */
  close(nowUs: number): void {
    this.#closedBefore = Math.max(this.#closedBefore, Math.floor(nowUs / this.#lengthUs));
  }

  /** Use of the period by time of use, and corrections that were booked into it. */
  period(index: number): { use: bigint; corrections: bigint } {
    return { use: this.#sums.get(index) ?? 0n, corrections: this.#corrections.get(index) ?? 0n };
  }
}

/** Billed length of one use: at least the minimum, then up to a whole increment. */
export function billedSeconds(used: number, increment: number, minimum: number): number {
  const at = Math.max(used, minimum);
  return Math.ceil(at / increment) * increment;
}

/** Charges as use grows: each step pays the difference of floors, so the sum is the floor of the sum. */
export class CumulativeCharge {
  readonly #rate: bigint;
  readonly #per: bigint;
  #quantity = 0n;
  #charged = 0n;

  /** `rate` money units for `per` units of use. */
  constructor(rate: bigint, per: bigint) {
    if (rate < 0n || per <= 0n) throw new Error(`meter: a rate of ${rate} per ${per}`);
    this.#rate = rate;
    this.#per = per;
  }

  get charged(): bigint {
    return this.#charged;
  }

  /** Adds use (negative: a correction) and answers what that changes. */
  add(quantity: bigint): bigint {
    this.#quantity += quantity;
    if (this.#quantity < 0n) throw new Error('meter: corrections exceed what was used');
    const total = (this.#rate * this.#quantity) / this.#per;
    const step = total - this.#charged;
    this.#charged = total;
    return step;
  }
}
