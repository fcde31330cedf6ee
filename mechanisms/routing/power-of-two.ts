import type { JobSpec, PoolAdvert, RoutingContext, RoutingPolicy } from '../../core/interfaces.ts';
import { leastLoaded, open } from './lib/load.ts';

/** The less loaded of two different pools drawn by chance. */
export class PowerOfTwo implements RoutingPolicy {
  readonly name = 'power-of-two';

  choose(_job: JobSpec, adverts: readonly PoolAdvert[], context: RoutingContext): number {
    const pools = open(adverts);
    if (pools.length === 1) return pools[0]!;
    const first = context.draw('first', pools.length);
    const second = context.draw('second', pools.length - 1);
    const pair = [pools[first]!, pools[second < first ? second : second + 1]!];
    return leastLoaded(
      adverts,
      pair.sort((a, b) => a - b),
    );
  }
}
