/** The pool's picture of its machines against the slow obvious way, and forecasts against brute force. */
import { describe, expect, test } from 'vitest';
import type { GangShape, TaskShape } from '../../core/interfaces.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { Forecast } from '../../core/pool/forecast.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import { NEVER, type NodeSpec } from '../../core/types.ts';
import { generator, node, spec, task } from '../support/market.ts';

const MEMORY = [24_576, 81_920];

function randomCluster(seed: number) {
  const r = generator(seed);
  const below = (n: number) => Math.floor(r() * n);
  const nodes: NodeSpec[] = Array.from({ length: 1 + below(8) }, (_, i) =>
    node(`n${i}`, { gpuClass: below(2), gpus: below(9), cpuMilli: 1000 * below(33), ramMiB: 1024 * below(65) }),
  );
  const cluster = new Cluster(nodes, MEMORY);
  nodes.forEach((_, i) => {
    cluster.setUp(i, below(8) > 0);
  });
  nodes.forEach((n, i) => {
    if (below(3) === 0 && n.gpus > 0) cluster.setOut(i, below(n.gpus), true);
  });
  const shapes = new Shapes(2);
  const randomGang = (): GangShape =>
    shapes.gang(
      spec(1, {
        groups: [
          task(below(4), {
            tasks: 1 + below(3),
            gpuMilli: below(2) === 0 ? 1000 : 100 * (1 + below(9)),
            gpuMemoryMiB: below(2) === 0 ? 0 : 4096 * below(7),
            cpuMilli: 500 * below(12),
            ramMiB: 1024 * below(12),
          }),
        ],
      }),
      below(3) === 0 ? [below(2)] : [0, 1],
    );
  return { r, below, nodes, cluster, randomGang };
}

const allocationOf = (shape: TaskShape, gpus: number[], lease: number, endUs: number): Allocation => ({
  lease,
  gpus,
  gpuMilli: shape.gpuMilli,
  gpuMemoryMiB: shape.gpuMemoryMiB,
  cpuMilli: shape.cpuMilli,
  ramMiB: shape.ramMiB,
  endUs,
});

/** Room on a node worked out from its list of allocations alone. */
function slowFits(
  cluster: Cluster,
  nodes: NodeSpec[],
  node: number,
  shape: TaskShape,
  without: Set<Allocation> = new Set(),
): boolean {
  const n = nodes[node]!;
  if (!cluster.isUp(node) || shape.allowed[n.gpuClass] === 0) return false;
  const held = cluster.allocations[node]!.filter((a) => !without.has(a));
  const cpu = n.cpuMilli - held.reduce((s, a) => s + a.cpuMilli, 0);
  const ram = n.ramMiB - held.reduce((s, a) => s + a.ramMiB, 0);
  if (cpu < shape.cpuMilli || ram < shape.ramMiB) return false;
  let ok = 0;
  for (let g = 0; g < n.gpus; g++) {
    if (cluster.isOut(node, g)) continue;
    const on = held.filter((a) => a.gpus.includes(g));
    const milli = 1000 - on.reduce((s, a) => s + a.gpuMilli, 0);
    const memory =
      MEMORY[n.gpuClass]! - on.reduce((s, a) => s + (a.gpuMilli === 1000 ? MEMORY[n.gpuClass]! : a.gpuMemoryMiB), 0);
    if (milli >= shape.gpuMilli && memory >= shape.gpuMemoryMiB) ok++;
  }
  return ok >= shape.gpus;
}

describe('cluster', () => {
  test('after any placements and releases it agrees with a recount', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { below, nodes, cluster, randomGang } = randomCluster(seed);
      const held: { node: number; a: Allocation }[] = [];
      for (let step = 0; step < 80; step++) {
        const shape = randomGang().groups[0]!.shape;
        const fitting: number[] = [];
        for (let n = 0; n < nodes.length; n++) {
          expect(cluster.fits(n, shape)).toBe(slowFits(cluster, nodes, n, shape));
          if (cluster.fits(n, shape)) fitting.push(n);
        }
        if (fitting.length > 0) expect(cluster.mayFit(shape)).toBe(true);
        if (below(3) > 0 && fitting.length > 0) {
          const at = fitting[below(fitting.length)]!;
          const gpus = cluster.defaultGpus(at, shape);
          expect(cluster.gpusFit(at, shape, gpus)).toBe(true);
          const a = allocationOf(shape, gpus, step + 1, 1000 * below(50));
          cluster.take(at, a);
          held.push({ node: at, a });
        } else if (held.length > 0) {
          const [gone] = held.splice(below(held.length), 1);
          cluster.give(gone!.node, gone!.a, true);
        }
        if (below(10) === 0) cluster.setUp(below(nodes.length), below(2) === 0);
        const changing = below(nodes.length);
        if (below(4) === 0 && nodes[changing]!.gpus > 0)
          cluster.setOut(changing, below(nodes[changing]!.gpus), below(2) === 0);
        const used = [0, 0];
        const capacity = [0, 0];
        nodes.forEach((n, i) => {
          if (!cluster.isUp(i)) return;
          capacity[n.gpuClass]! += n.gpus * 1000;
          used[n.gpuClass]! += cluster.allocations[i]!.reduce((s, a) => s + a.gpuMilli * a.gpus.length, 0);
          // Of a GPU out of service only what is in use counts.
          for (let g = 0; g < n.gpus; g++) {
            const on = cluster.allocations[i]!.filter((a) => a.gpus.includes(g)).reduce((s, a) => s + a.gpuMilli, 0);
            if (cluster.isOut(i, g)) capacity[n.gpuClass]! -= 1000 - on;
          }
        });
        expect([...cluster.usedMilli]).toEqual(used);
        expect([...cluster.capacityMilli]).toEqual(capacity);
      }
      for (const h of held) cluster.give(h.node, h.a, true);
      nodes.forEach((n, i) => {
        for (let g = 0; g < n.gpus; g++) cluster.setOut(i, g, false);
        expect(cluster.freeWholeGpus(i)).toBe(n.gpus);
        expect(cluster.freeMilli(i)).toBe(n.gpus * 1000);
        expect([cluster.freeCpuMilli(i), cluster.freeRamMiB(i)]).toEqual([n.cpuMilli, n.ramMiB]);
      });
    }
  });

  test('a whole GPU takes its memory with it; GPUs must be named once, in order, and exist', () => {
    const cluster = new Cluster([node('n', { gpus: 2 })], MEMORY);
    cluster.setUp(0, true);
    const shapes = new Shapes(2);
    const whole = shapes.gang(spec(1, { groups: [task(1)] }), [0, 1]).groups[0]!.shape;
    const slice = shapes.gang(spec(1, { groups: [task(2, { gpuMilli: 100, gpuMemoryMiB: 1 })] }), [0, 1]).groups[0]!
      .shape;
    cluster.take(0, allocationOf(whole, [0], 1, 0));
    expect(cluster.freeMemoryOf(0, 0)).toBe(0);
    expect(cluster.fits(0, slice)).toBe(false);
    const two = shapes.gang(spec(1, { groups: [task(2, { gpuMilli: 100 })] }), [0, 1]).groups[0]!.shape;
    for (const bad of [[1, 1], [1, 0], [0, 2], [1], [0, 1]]) expect(cluster.gpusFit(0, two, bad)).toBe(false);
  });

  test('equal demands share a shape, different ones do not', () => {
    const shapes = new Shapes(2);
    const a = shapes.gang(spec(1, { groups: [task(2), task(1)] }), [0]);
    expect(shapes.gang(spec(9, { groups: [task(2), task(1)] }), [0])).toBe(a);
    expect(shapes.gang(spec(9, { groups: [task(2), task(1)] }), [0, 1])).not.toBe(a);
    expect(shapes.gang(spec(9, { groups: [task(2)] }), [0]).groups[0]!.shape).toBe(a.groups[0]!.shape);
  });
});

describe('forecast', () => {
  test('one task: the earliest stamp at which it fits, as brute force finds it', () => {
    let blocked = 0;
    for (let seed = 1; seed <= 80; seed++) {
      const { below, nodes, cluster, randomGang } = randomCluster(seed);
      const forecast = new Forecast(cluster);
      for (let step = 0; step < 40; step++) {
        const shape = randomGang().groups[0]!.shape;
        const at = nodes.findIndex((_, n) => cluster.fits(n, shape));
        if (at >= 0) {
          const gpus = cluster.defaultGpus(at, shape);
          cluster.take(at, allocationOf(shape, gpus, step + 1, 1 + below(1000)));
        }
        const want = randomGang();
        const gang: GangShape = { ...want, groups: [{ tasks: 1, shape: want.groups[0]!.shape }] };
        const found = forecast.reserve(0, gang);
        let best = NEVER;
        const ends = [0, ...cluster.allocations.flat().map((a) => a.endUs)].sort((a, b) => a - b);
        for (const end of ends) {
          const gone = new Set(cluster.allocations.flat().filter((a) => a.endUs <= end));
          if (nodes.some((_, n) => slowFits(cluster, nodes, n, gang.groups[0]!.shape, gone))) {
            best = end;
            break;
          }
        }
        expect(found?.startUs ?? NEVER).toBe(best);
        if (best > 0 && best < NEVER) blocked++;
      }
    }
    expect(blocked).toBeGreaterThan(200);
  });

  test('a gang: at the reserved stamp it does fit on the reserved nodes', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { below, nodes, cluster, randomGang } = randomCluster(seed);
      const forecast = new Forecast(cluster);
      for (let step = 0; step < 30; step++) {
        const shape = randomGang().groups[0]!.shape;
        const at = nodes.findIndex((_, n) => cluster.fits(n, shape));
        if (at >= 0) {
          const gpus = cluster.defaultGpus(at, shape);
          cluster.take(at, allocationOf(shape, gpus, step + 1, 1 + below(1000)));
        }
        const gang = randomGang();
        const r = forecast.reserve(5, gang);
        if (r === null) continue;
        expect(r.startUs).toBeGreaterThanOrEqual(5);
        const gone = cluster.allocations.map((list) => list.filter((a) => a.endUs <= r.startUs));
        gone.forEach((list, n) => {
          for (const a of [...list]) cluster.give(n, a, false);
        });
        const placed: [number, Allocation][] = [];
        const { tasks, shape: want } = gang.groups[0]!;
        for (let t = 0; t < tasks; t++) {
          const n = nodes.findIndex((_, i) => r.nodes.has(i) && cluster.fits(i, want));
          expect(n, `seed ${seed} step ${step} task ${t}`).toBeGreaterThanOrEqual(0);
          const gpus = cluster.defaultGpus(n, want);
          const a = allocationOf(want, gpus, 999, NEVER);
          cluster.take(n, a);
          placed.push([n, a]);
        }
        for (const [n, a] of placed) cluster.give(n, a, false);
        gone.forEach((list, n) => {
          for (const a of list) cluster.take(n, a);
        });
      }
    }
  });
});
