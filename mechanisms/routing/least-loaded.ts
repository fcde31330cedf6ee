import type { JobSpec, PoolAdvert, RoutingPolicy } from '../../core/interfaces.ts';
import { leastLoaded, open } from './lib/load.ts';

/** The pool that advertised the least load. */
export class LeastLoaded implements RoutingPolicy {
  readonly name = 'least-loaded';

  choose(_job: JobSpec, adverts: readonly PoolAdvert[]): number {
    return leastLoaded(adverts, open(adverts));
  }
}
