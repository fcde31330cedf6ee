/** What every placement policy must keep, run by each. Add a policy to the registry and it is tested here. */
import { describe, expect, test } from 'vitest';
import type { NodeSet, PlacementContext, TaskShape } from '../../core/interfaces.ts';
import { chanceInt } from '../../core/num/index.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import { NEVER, type NodeSpec } from '../../core/types.ts';
import { placementLaws } from '../../lab/conformance/placement.ts';
import { placementNames, shipped } from '../../mechanisms/index.ts';
import { generator, node, spec, task } from '../support/market.ts';

const context: PlacementContext = {
  chosen: [],
  rateOf: (c) => 2_000_000 - c,
  draw: (purpose, n) => chanceInt([7, 0], purpose, 1, n),
};

interface Scene {
  cluster: Cluster;
  nodes: NodeSpec[];
  shape: TaskShape;
  avoid: NodeSet | null;
}

function* scenes(count: number): Generator<Scene> {
  for (let seed = 1; seed <= count; seed++) {
    const r = generator(seed);
    const below = (n: number) => Math.floor(r() * n);
    const nodes: NodeSpec[] = Array.from({ length: 1 + below(12) }, (_, i) =>
      node(`n${i}`, { gpuClass: below(2), gpus: 1 + below(8), cpuMilli: 16_000, ramMiB: 65_536 }),
    );
    const cluster = new Cluster(nodes, [24_576, 81_920]);
    nodes.forEach((_, i) => {
      cluster.setUp(i, below(10) > 0);
    });
    const shapes = new Shapes(2);
    const draw = () =>
      shapes.gang(
        spec(1, {
          groups: [
            task(below(5), { gpuMilli: below(2) === 0 ? 1000 : 50 * (1 + below(19)), cpuMilli: 1000 * below(5) }),
          ],
        }),
        below(3) === 0 ? [below(2)] : [0, 1],
      ).groups[0]!.shape;
    for (let k = 0; k < 20; k++) {
      const shape = draw();
      const at = nodes.findIndex((_, n) => cluster.fits(n, shape));
      if (at < 0) continue;
      const gpus = cluster.defaultGpus(at, shape);
      const a: Allocation = {
        lease: k,
        gpus,
        gpuMilli: shape.gpuMilli,
        gpuMemoryMiB: 0,
        cpuMilli: shape.cpuMilli,
        ramMiB: 0,
        endUs: NEVER,
      };
      cluster.take(at, a);
    }
    const hidden = new Set([below(12), below(12)]);
    yield { cluster, nodes, shape: draw(), avoid: below(3) === 0 ? { has: (n) => hidden.has(n) } : null };
  }
}

for (const name of placementNames) {
  describe(`placement ${name}`, () => {
    test('says its name', () => {
      expect(shipped.placement(name, {}).name).toBe(name);
    });
    for (const law of placementLaws) test(law.name, () => law.check(() => shipped.placement(name, {})));
  });
}

describe('the rules themselves', () => {
  test('first-fit takes the first, best-fit the fullest', () => {
    const first = shipped.placement('first-fit', {});
    const best = shipped.placement('best-fit', {});
    let differ = 0;
    for (const { cluster, nodes, shape, avoid } of scenes(300)) {
      const possible = nodes.map((_, n) => n).filter((n) => cluster.fits(n, shape) && !avoid?.has(n));
      const f = possible[0] ?? -1;
      const left = (n: number) => (shape.gpus > 0 ? cluster.freeMilli(n) : cluster.freeCpuMilli(n));
      let b = -1;
      for (const n of possible) if (b < 0 || left(n) < left(b)) b = n;
      expect(first.choose(cluster, shape, avoid, context)).toBe(f);
      expect(best.choose(cluster, shape, avoid, context)).toBe(b);
      if (f !== b) differ++;
    }
    expect(differ).toBeGreaterThan(30);
  });

  test('a policy that proposes what does not fit is refused by name', async () => {
    const { GangContext, placeGang } = await import('../../core/pool/gang-placement.ts');
    for (const { cluster, nodes, shape } of scenes(80)) {
      const wrong = nodes.findIndex((_, n) => !cluster.fits(n, shape));
      if (wrong < 0 || !cluster.mayFit(shape)) continue;
      const gang = { id: 0, groups: [{ tasks: 1, shape }], totalMilli: 0 };
      const liar = { name: 'liar', choose: () => wrong, reset: () => {} };
      expect(() => placeGang(cluster, liar, gang, null, new GangContext([0, 0]))).toThrow(
        /placement policy liar proposed node/,
      );
      return;
    }
    expect.unreachable();
  });
});
