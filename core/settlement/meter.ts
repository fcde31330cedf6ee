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

/** Which (source, id) pairs have come: of each source the last `window` ids are remembered, whatever is older counts as come. */
export class SeenIds {
  readonly #window: number;
  readonly #seen = new Map<string, { high: number; ids: Set<number> }>();

  constructor(window: number) {
    this.#window = window;
  }

  /** Takes the id down when it is new. */
  take(source: string, id: number): 'new' | 'duplicate' | 'too-old' {
    let s = this.#seen.get(source);
    if (s === undefined) this.#seen.set(source, (s = { high: 0, ids: new Set() }));
    if (s.ids.has(id)) return 'duplicate';
    if (id <= s.high - this.#window) return 'too-old';
    s.ids.add(id);
    if (id > s.high) {
      const last = id - this.#window;
      if (id - s.high > this.#window) {
        for (const old of [...s.ids]) if (old <= last) s.ids.delete(old);
      } else for (let old = Math.max(0, s.high - this.#window + 1); old <= last; old++) s.ids.delete(old);
      s.high = id;
    }
    return 'new';
  }

  /** source, highest id, ids remembered */
  snapshot(): [string, number, number[]][] {
    return [...this.#seen].map(([source, s]) => [source, s.high, [...s.ids]]);
  }

  restore(state: readonly [string, number, number[]][]): void {
    for (const [source, high, ids] of state) this.#seen.set(source, { high, ids: new Set(ids) });
  }
}

export interface MeterState {
  seen: [string, number, number[]][];
  sums: [number, bigint][];
  corrections: [number, bigint][];
  closedBefore: number;
}

export class Meter {
  readonly #seen: SeenIds;
  readonly #lengthUs: number;
  readonly #sums = new Map<number, bigint>();
  /** Readings that came for a closed period: billed in the period in which they came. */
  readonly #corrections = new Map<number, bigint>();
  #closedBefore = 0;

  /** Periods of `lengthUs` from 0; each source remembers its last `window` ids. */
  constructor(lengthUs: number, window = 4096) {
    if (!(lengthUs > 0) || !Number.isSafeInteger(lengthUs)) throw new Error(`meter: periods of ${lengthUs} us`);
    this.#lengthUs = lengthUs;
    this.#seen = new SeenIds(window);
  }

  take(r: Reading): MeterCode {
    const known = this.#seen.take(r.source, r.id);
    if (known !== 'new') return known;
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

  snapshot(): MeterState {
    return {
      seen: this.#seen.snapshot(),
      sums: [...this.#sums],
      corrections: [...this.#corrections],
      closedBefore: this.#closedBefore,
    };
  }

  /** Into a fresh meter of the same periods. */
  restore(state: MeterState): void {
    this.#seen.restore(state.seen);
    for (const [period, sum] of state.sums) this.#sums.set(period, sum);
    for (const [period, sum] of state.corrections) this.#corrections.set(period, sum);
    this.#closedBefore = state.closedBefore;
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
