/**
 * MIG: which instances lie together on one card. The oracle is written from NVIDIA's Multi-Instance GPU User Guide: the places each
 * profile may begin at (`nvidia-smi mig -lgipp`), and the 19 divisions of an A100 that the guide draws.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { migLegal, migPlace, migProfile } from '../../core/mig.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import { HOUR_US, type MigProfile, NEVER } from '../../core/types.ts';
import { placementNames, queueingNames, shipped } from '../../mechanisms/index.ts';
import { readCatalogue } from '../../scenarios/load/catalogue.ts';
import { migLayout } from '../../scenarios/load/mig.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { arrival, config, generator, node, pool, SECOND, simulation, spec, task } from '../support/market.ts';

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const catalogue = readCatalogue([readFileSync('scenarios/gpus.csv')], 'gpus.csv');
const layout = (model: string): MigProfile[] => migLayout(catalogue.get(model)!);

/** First memory slices of each profile, and how many it covers. */
const guide: Record<string, Record<string, [starts: number[], width: number]>> = {
  'a100-sxm-40': {
    '1g.5gb': [[0, 1, 2, 3, 4, 5, 6], 1],
    '1g.10gb': [[0, 2, 4, 6], 2],
    '2g.10gb': [[0, 2, 4], 2],
    '3g.20gb': [[0, 4], 4],
    '4g.20gb': [[0], 4],
    '7g.40gb': [[0], 8],
  },
  'h100-sxm': {
    '1g.10gb': [[0, 1, 2, 3, 4, 5, 6], 1],
    '1g.20gb': [[0, 2, 4, 6], 2],
    '2g.20gb': [[0, 2, 4], 2],
    '3g.40gb': [[0, 4], 4],
    '4g.40gb': [[0], 4],
    '7g.80gb': [[0], 8],
  },
  a30: { '1g.6gb': [[0, 1, 2, 3], 1], '2g.12gb': [[0, 2], 2], '4g.24gb': [[0], 4] },
};

/** All ways to fill the card so that nothing more fits, as profiles by place; instances are put in by rising place. */
function divisions(places: [name: string, slices: number[]][]): string[] {
  const found: string[] = [];
  const free = (used: Set<number>, slices: number[]) => slices.every((s) => !used.has(s));
  const grow = (chosen: string[], used: Set<number>, from: number): void => {
    places.forEach(([name, slices], i) => {
      if (i >= from && free(used, slices))
        grow([...chosen, `${name}@${slices[0]}`], new Set([...used, ...slices]), i + 1);
    });
    if (!places.some(([, slices]) => free(used, slices))) found.push(chosen.join(' '));
  };
  grow([], new Set(), 0);
  return found;
}

const placesOf = (model: string, leaveOut: string[] = []): [string, number[]][] =>
  Object.entries(guide[model]!)
    .filter(([name]) => !leaveOut.includes(name))
    .flatMap(([name, [starts, width]]) =>
      starts.map((s): [string, number[]] => [name, Array.from({ length: width }, (_, k) => s + k)]),
    );

describe('geometry', () => {
  test('places are those of the guide', () => {
    for (const [model, profiles] of Object.entries(guide)) {
      const ours = layout(model);
      expect(ours.map((p) => p.name).sort(byText)).toEqual(Object.keys(profiles).sort(byText));
      for (const p of ours) expect([p.starts, p.width], `${model} ${p.name}`).toEqual(profiles[p.name]);
    }
    for (const e of catalogue.values())
      for (const p of e.mig)
        expect(migProfile(migLayout(e), p.name)!.starts.length, `${e.name} ${p.name}`).toBe(p.most);
  });

  test('an A100 has the 19 full divisions that the guide draws', () => {
    expect(divisions(placesOf('a100-sxm-40', ['1g.10gb']))).toHaveLength(19);
  });

  test('whatever comes and goes, a card holds only what the hardware takes, and takes all it can', () => {
    for (const model of Object.keys(guide)) {
      const profiles = layout(model);
      const legal = new Set(divisions(placesOf(model)).flatMap((d) => subsets(d.split(' '))));
      for (let seed = 1; seed <= 60; seed++) {
        const r = generator(seed);
        const there: { p: MigProfile; bits: number }[] = [];
        for (let k = 0; k < 60; k++) {
          const used = there.reduce((n, x) => n | x.bits, 0);
          if (there.length > 0 && r() < 0.4) {
            there.splice(Math.floor(r() * there.length), 1);
            continue;
          }
          const p = profiles[Math.floor(r() * profiles.length)]!;
          const bits = migPlace(profiles, p, used);
          const could = placesOf(model).some(([n, s]) => n === p.name && s.every((x) => ((used >> x) & 1) === 0));
          expect(bits > 0).toBe(could);
          if (bits === 0) continue;
          expect(migLegal(p, bits)).toBe(true);
          there.push({ p, bits });
          const name = there.map((x) => `${x.p.name}@${31 - Math.clz32(x.bits & -x.bits)}`).sort(byText);
          expect(legal.has(name.join(' ')), name.join(' ')).toBe(true);
        }
        expect(there.reduce((n, x) => n + x.p.milli, 0)).toBeLessThanOrEqual(1000);
      }
    }
  });
});

function subsets(list: string[]): string[] {
  return Array.from({ length: 2 ** list.length }, (_, k) =>
    list
      .filter((_, i) => (k >> i) & 1)
      .sort(byText)
      .join(' '),
  );
}

describe('placement', () => {
  const profiles = layout('h100-sxm');
  const classes = [
    { name: 'h100', memoryMiB: 81_920, mig: profiles },
    { name: 'a', memoryMiB: 24_576 },
  ];
  const of = (mig: string, tasks = 1) => task(1, { mig, tasks, gpuMilli: migProfile(profiles, mig)!.milli });

  test('a GPU is divided, or shared, or whole: never two of them', () => {
    const cluster = new Cluster([node('n', { gpus: 2 })], [81_920], [profiles]);
    cluster.setUp(0, true);
    const shapes = new Shapes(classes.slice(0, 1));
    const shape = (t: ReturnType<typeof task>) => shapes.gang(spec(1, { groups: [t] }), [0]).groups[0]!.shape;
    const [instance, half, whole] = [shape(of('3g.40gb')), shape(task(1, { gpuMilli: 500 })), shape(task(1))];
    const take = (gpu: number, s: typeof half): Allocation => {
      const a: Allocation = {
        lease: 1,
        gpus: [gpu],
        gpuMilli: s.gpuMilli,
        gpuMemoryMiB: 0,
        cpuMilli: 0,
        ramMiB: 0,
        endUs: NEVER,
      };
      if (s.mig !== undefined) a.slices = cluster.slicesFor(0, gpu, s.mig);
      cluster.take(0, a);
      return a;
    };
    const first = take(0, instance);
    expect([instance, half, whole].map((s) => cluster.gpuFits(0, 0, s))).toEqual([true, false, false]);
    take(1, half);
    expect([instance, half, whole].map((s) => cluster.gpuFits(0, 1, s))).toEqual([false, true, false]);
    const second = take(0, instance);
    expect(cluster.fits(0, instance)).toBe(false);
    cluster.give(0, first, true);
    cluster.give(0, second, true);
    expect(cluster.gpuFits(0, 0, whole)).toBe(true);
    expect(cluster.slicesOf(0, 0)).toBe(0);
  });

  test('every policy, whole markets: laws after every step, all that can run does', () => {
    const names = profiles.map((p) => p.name);
    // Rounds take cards away every few minutes: who keeps nothing of what it did would never end.
    const processes = { startUs: 0, killUs: 0, checkpoint: { everyUs: 60 * SECOND, saveUs: 0, restoreUs: SECOND } };
    placementNames.forEach((placement, i) => {
      const r = generator(i + 1);
      const below = (n: number) => Math.floor(r() * n);
      const c = config({
        classes,
        pools: [
          pool('east', {
            queueing: { name: queueingNames[i % queueingNames.length]!, params: {} },
            placement: { name: placement, params: {} },
            pricing: { name: 'posted', params: { rates: { h100: 1_000_000, a: 1_000_000 } } },
          }),
        ],
        nodes: [node('n0', { gpus: 2 }), node('n1', { gpus: 1 }), node('n2', { gpuClass: 1, gpus: 2 })],
        users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
        stakes: [],
      });
      const arrivals = Array.from({ length: 120 }, (_, k) => {
        const kind = below(8);
        const groups =
          kind < 6
            ? [of(names[below(names.length)]!, 1 + below(2) * below(2))]
            : [task(1, { gpuMilli: kind === 6 ? 400 : 1000 })];
        const workUs = (60 + below(1200)) * SECOND;
        return arrival(
          k * 40 * SECOND,
          workUs,
          spec(k + 1, {
            groups,
            limitUs: 2 * workUs,
            estimateUs: workUs,
            priority: below(3),
          }),
        );
      });
      const { sim, rows } = simulation(c, arrivals, { checkEveryEvent: true, processes });
      sim.finish();
      const ended = rows.of('jobs');
      expect(ended).toHaveLength(120);
      // Two 7g instances need two cards, which there are; so nothing is refused.
      const queue = queueingNames[i % queueingNames.length]!;
      expect({
        queue,
        placement,
        reasons: ended.filter((j) => j.final_state !== 'completed').map((j) => j.reason),
      }).toEqual({ queue, placement, reasons: [] });
      expect(rows.of('placements').some((p) => p.gpu_class === 'a' && p.gpu_milli === 142)).toBe(false);
    });
  });

  test('a profile no card has is never placed, and core says so', () => {
    const c = config({
      classes,
      nodes: [node('n0', { gpus: 1 })],
      pools: [pool('east', { pricing: { name: 'posted', params: { rates: { h100: 1, a: 1 } } } })],
    });
    const job = arrival(0, HOUR_US, spec(1, { groups: [task(1, { mig: '5g.50gb', gpuMilli: 714 })] }));
    const { sim, rows } = simulation(c, [job]);
    sim.finish();
    expect(rows.of('jobs').map((j) => j.reason)).toEqual(['never-fits']);
    expect(shipped.placement('fgd', {}).name).toBe('fgd');
  });
});

describe('scenarios', () => {
  const scenario = (mig: string, more = '') => `name: m
horizon: 6 hours
fleet:
  classes: [{ name: h100, model: h100-sxm, mig: on-demand }, { name: old, memory: 16 GiB }]
  pools: [{ name: p }]
  groups: [{ name: dc, class: h100, gpus: 2 }, { name: x, class: old }]
pricing: { mechanism: posted, rates: { h100: 2 USD/hour, old: 1 USD/hour } }
demand:
  jobs:
    - { name: small, work: 1 hour, tasks: 3, mig: ${mig}${more} }
`;
  test('a task names a profile', async () => {
    await inTemp(async (dir) => {
      const file = join(dir, 'm.yaml');
      writeFileSync(file, scenario('2g.20gb'));
      const r = await janctionInside(['run', file, '--json', '--quiet', '--check', 'every-event']);
      expect(r.err).toBe('');
      expect(JSON.parse(r.out).jobs.completed).toBe(1);
    });
  });

  test('what a card cannot have: one line, exit 2', async () => {
    await inTemp(async (dir) => {
      const file = join(dir, 'm.yaml');
      for (const [mig, more, says] of [
        ['3g.30gb', '', 'no card it may use has the profile "3g.30gb"; did you mean "3g.40gb"?'],
        ['2g.20gb', ', classes: [old]', 'no GPU class it may use is divided on demand'],
        ['2g.20gb', ', gpus: 2', 'stands beside gpus, share or memory'],
      ] as const) {
        writeFileSync(file, scenario(mig, more));
        const r = await janctionInside(['run', file]);
        expect([r.code, r.out]).toEqual([2, '']);
        expect(r.err.trim().split('\n')).toHaveLength(1);
        expect(r.err).toContain(says);
        expect(r.err).toMatch(/^error: .*m\.yaml:\d+:\d+: /);
      }
    });
  });
});
