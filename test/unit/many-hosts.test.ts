/** What a host keeps is for its own machines: many hosts of few machines each must not keep all machines many times over. */
import { expect, test } from 'vitest';
import { Market } from '../../core/market/market.ts';
import { shipped } from '../../mechanisms/index.ts';
import { config, node, pool } from '../support/market.ts';

test('hundreds of hosts with a machine each', () => {
  const machines = 400;
  const c = config({
    pools: [pool('east')],
    nodes: Array.from({ length: machines }, (_, i) => node(`n${i}`, { gpus: 64 })),
  });
  const hostOf = [0, 0, ...c.nodes.map((_, i) => 1 + i)];
  const before = process.memoryUsage().arrayBuffers;
  const hosts = Array.from(
    { length: 1 + machines },
    (_, host) =>
      new Market(c, shipped, undefined, null, { host, hostOf, links: { resendUs: 1, resendMaxUs: 1, window: 1 } }),
  );
  const kept = process.memoryUsage().arrayBuffers - before;
  expect(hosts.flatMap((h) => h.nodes.filter((n) => n !== null))).toHaveLength(machines);
  // A byte for every GPU at every host would be ten million.
  expect(kept).toBeLessThan(machines * machines * 64);
});
