import type { PricingInput, PricingMechanism } from '../../core/interfaces.ts';

export interface SurgeParams {
  /** Base price of each GPU class, micro-units per GPU-hour. */
  rates: Record<string, number>;
  /**
   * Steps of (demand over capacity in basis points, multiplier in basis points), rising: the last step whose threshold demand has
   * reached sets the price. Default 80 % -> 1.2, 100 % -> 1.5, 150 % -> 2, 250 % -> 3.
   */
  steps?: [number, number][];
}

const STANDARD: readonly [number, number][] = [
  [8_000, 12_000],
  [10_000, 15_000],
  [15_000, 20_000],
  [25_000, 30_000],
];

/** Base price times a stepped multiplier of demand over capacity, set anew each epoch. */
export class Surge implements PricingMechanism {
  readonly name = 'surge';
  readonly #rates: number[];
  readonly #steps: readonly (readonly [number, number])[];

  constructor(params: SurgeParams, classes: readonly string[]) {
    for (const name of Object.keys(params.rates))
      if (!classes.includes(name))
        throw new Error(`surge: rate for unknown GPU class ${name} (have ${classes.join(', ')})`);
    this.#rates = classes.map((c) => params.rates[c] ?? -1);
    this.#steps = params.steps ?? STANDARD;
    const whole = (x: unknown): boolean => Number.isSafeInteger(x) && (x as number) >= 0;
    this.#steps.forEach((s, k) => {
      if (!Array.isArray(s) || s.length !== 2 || !s.every(whole) || (k > 0 && s[0] <= this.#steps[k - 1]![0]))
        throw new Error(
          'surge: steps are pairs of basis points with rising thresholds, such as [[8000, 12000], [10000, 15000]]',
        );
    });
  }

  clear(input: PricingInput): number[] {
    return input.classes.map((c, i) => {
      const base = this.#rates[i]!;
      if (base < 0 || c.capacityMilli === 0) return base;
      const leased = c.usedMilliUs / input.epochUs;
      const demandBps = Math.min(1_000_000, Math.floor(((leased + c.waitingMilli) * 10_000) / c.capacityMilli));
      let multiplierBps = 10_000;
      for (const [threshold, bps] of this.#steps) if (demandBps >= threshold) multiplierBps = bps;
      return Math.floor((base * multiplierBps) / 10_000);
    });
  }
}
