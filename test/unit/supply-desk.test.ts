/** What a pool did not buy is promised for the next clearing, and for the one after it when it is not bought there either. */
import { expect, test } from 'vitest';
import type { PricingMechanism } from '../../core/interfaces.ts';
import type { Port } from '../../core/machine.ts';
import { Cluster } from '../../core/pool/cluster.ts';
import { Forecast } from '../../core/pool/forecast.ts';
import { SupplyDesk } from '../../core/pool/supply-desk.ts';
import { HOUR_US } from '../../core/types.ts';
import { config, node, pool } from '../support/market.ts';

test('closed GPUs are free at the next clearing, however often they stay closed', () => {
  const supply = { pay: 'use' as const, subsidy: '0', feeBps: 0 };
  const market = config({
    pools: [pool('east', { supply })],
    nodes: [node('n0', { askMicro: 1 }), node('n1', { askMicro: 1 })],
  });
  const cluster = new Cluster(market.nodes, [24_576, 81_920]);
  market.nodes.forEach((_, n) => {
    cluster.setUp(n, true);
  });
  const nothing = {
    name: 'nothing',
    award: ({ offers }: { offers: readonly unknown[] }) => ({
      gpus: offers.map(() => 0),
      payMicro: offers.map(() => 0),
    }),
  } as unknown as PricingMechanism;
  const desk = new SupplyDesk(market, 'east', nothing, 1, { row: () => undefined } as unknown as Port);
  const forecast = new Forecast(cluster);
  const shape = { id: 1, gpus: 2, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 0, ramMiB: 0, allowed: [1, 1] };
  const gang = { id: 1, groups: [{ tasks: 1, shape }], totalMilli: 2000 } as never;
  for (let epoch = 0; epoch < 4; epoch++) {
    const now = epoch * HOUR_US;
    expect(desk.clear(now, cluster, (local) => local, [])).toEqual([]);
    desk.booked(cluster, true);
    expect(forecast.reserve(now, gang)?.startUs).toBe(now + HOUR_US);
    const version = cluster.changeCount;
    desk.sync(cluster);
    expect(cluster.changeCount).toBe(version);
  }
});
