import type { PricingInput, PricingMechanism } from '../../core/interfaces.ts';

/** Settings of posted prices; money in micro-units per GPU-hour. */
export interface PostedParams {
  /** First price of each GPU class. */
  rates: Record<string, number>;
  /**
   * Absent = fixed prices. Otherwise each epoch moves a class's price towards the target utilisation:
   * rate x (1 + gain x (demand / capacity - target)), where demand is what was leased plus what waits, within floor..cap.
   */
  adjust?: { targetBps: number; gainBps: number; floorBps: number; capBps: number };
}

/**
 * A price list renewed every epoch. All arithmetic is in integers, so that a price is the same everywhere; a class without
 * a rate is not sold.
 */
export class Posted implements PricingMechanism {
  readonly name = 'posted';
  readonly #first: number[];
  readonly #adjust: PostedParams['adjust'];

  constructor(params: PostedParams, classes: readonly string[]) {
    for (const name of Object.keys(params.rates)) {
      if (!classes.includes(name))
        throw new Error(`posted: rate for unknown GPU class ${name} (have ${classes.join(', ')})`);
    }
    this.#first = classes.map((c) => params.rates[c] ?? -1);
    this.#adjust = params.adjust;
  }

  clear(input: PricingInput): number[] {
    return input.classes.map((c, i) => {
      const first = this.#first[i]!;
      const adjust = this.#adjust;
      if (first < 0 || adjust === undefined || c.lastRateMicro < 0) return first;
      if (c.capacityMilli === 0) return c.lastRateMicro;
      const leased = c.usedMilliUs / input.epochUs;
      // Basis points of capacity, cut at ten times capacity: beyond that more queue says nothing new.
      const demandBps = Math.min(100_000, Math.floor(((leased + c.waitingMilli) * 10_000) / c.capacityMilli));
      const stepBps = Math.max(
        -5_000,
        Math.min(5_000, Math.trunc((adjust.gainBps * (demandBps - adjust.targetBps)) / 10_000)),
      );
      const moved = c.lastRateMicro + Math.trunc((c.lastRateMicro * stepBps) / 10_000);
      const floor = Math.ceil((first * adjust.floorBps) / 10_000);
      const cap = Math.floor((first * adjust.capBps) / 10_000);
      return Math.max(floor, Math.min(cap, moved));
    });
  }
}
