import type { JobSpec, PoolAdvert, RoutingContext, RoutingPolicy } from '../../core/interfaces.ts';
import { open } from './lib/load.ts';

/** Any pool that has machines, each as likely: what the others are held against. */
export class RandomRouting implements RoutingPolicy {
  readonly name = 'random';

  choose(_job: JobSpec, adverts: readonly PoolAdvert[], context: RoutingContext): number {
    const pools = open(adverts);
    return pools[context.draw('pool', pools.length)]!;
  }
}
