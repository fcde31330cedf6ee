import type { JobSpec, PoolAdvert, RoutingPolicy } from '../../core/interfaces.ts';
import { leastLoaded, loadOf, open } from './lib/load.ts';

export interface LocalityParams {
  /** Load from which the user's own region is left for others. */
  full?: number;
}

/** The least loaded pool of the user's region, while it has room. */
export class Locality implements RoutingPolicy {
  readonly name = 'locality';
  readonly #full: number;

  constructor({ full = 1 }: LocalityParams = {}) {
    this.#full = full;
  }

  choose(_job: JobSpec, adverts: readonly PoolAdvert[]): number {
    const pools = open(adverts);
    const near = pools.filter((i) => adverts[i]!.near && loadOf(adverts[i]!) < this.#full);
    return leastLoaded(adverts, near.length > 0 ? near : pools);
  }
}
