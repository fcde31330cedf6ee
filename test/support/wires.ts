/** Hosts and wires for tests: Settlement, each pool and each node on a host of its own. */
import type { MarketConfig } from '../../core/types.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { Network, type NetworkOptions, type Partition } from '../../sim/world/network.ts';
import { SECOND } from './market.ts';

export function wires(
  c: MarketConfig,
  seed: number,
  { meanUs = 20_000, ...over }: Partial<NetworkOptions> & { meanUs?: number } = {},
): Network {
  const machines = 1 + c.pools.length + c.nodes.length;
  const streams = new Streams(seed);
  return new Network(
    {
      hosts: machines,
      hostOf: Array.from({ length: machines }, (_, i) => i),
      links: { resendUs: SECOND / 2, resendMaxUs: 30 * SECOND, window: 64 },
      minUs: 5_000,
      delay: { family: 'exponential', meanUs },
      loss: 0,
      duplicate: 0,
      partitions: [],
      ...over,
    },
    (from, to) => streams.get('wire', `${from}>${to}`),
  );
}

export const settlementHost = 0;
export const poolHost = (p: number): number => 1 + p;
export const nodeHost = (c: MarketConfig, n: number): number => 1 + c.pools.length + n;

/** Cuts `side` off every `everyUs` for `forUs`. */
export function repeatedly(side: number[], everyUs: number, forUs: number, untilUs: number): Partition[] {
  const list: Partition[] = [];
  for (let t = everyUs; t < untilUs; t += everyUs) list.push({ fromUs: t, toUs: t + forUs, side });
  return list;
}
