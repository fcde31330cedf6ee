import type { JobSpec, PoolAdvert, RoutingPolicy } from '../../core/interfaces.ts';
import { leastLoaded, loadOf, open } from './lib/load.ts';

export interface PriceThenLoadParams {
  /** How much dearer than the cheapest a pool may be, as a share. */
  tolerance?: number;
  /** Load from which a pool is left for others. */
  full?: number;
}

/** The least loaded of the cheapest pools. */
export class PriceThenLoad implements RoutingPolicy {
  readonly name = 'price-then-load';
  readonly #tolerance: number;
  readonly #full: number;

  constructor({ tolerance = 0, full = 1 }: PriceThenLoadParams = {}) {
    this.#tolerance = tolerance;
    this.#full = full;
  }

  choose(job: JobSpec, adverts: readonly PoolAdvert[]): number {
    const pools = open(adverts);
    const roomy = pools.filter((i) => loadOf(adverts[i]!) < this.#full);
    const among = roomy.length > 0 ? roomy : pools;
    const price = new Map(among.map((i) => [i, cheapest(job, adverts[i]!)]));
    const least = Math.min(...price.values());
    if (least === Number.POSITIVE_INFINITY) return leastLoaded(adverts, among);
    return leastLoaded(
      adverts,
      among.filter((i) => price.get(i)! <= least * (1 + this.#tolerance)),
    );
  }
}

/** Lowest advertised price among the classes that the job may use. */
function cheapest(job: JobSpec, a: PoolAdvert): number {
  let least = Number.POSITIVE_INFINITY;
  a.rateMicro.forEach((rate, c) => {
    if (rate >= 0 && (job.classes.length === 0 || job.classes.includes(c))) least = Math.min(least, rate);
  });
  return least;
}
