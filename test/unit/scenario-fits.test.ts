/** Jobs that no machine can ever take are found before the run, where they are written; what might fit is left to the run. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cluster } from '../../core/pool/cluster.ts';
import { Trial } from '../../core/pool/gang-placement.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import type { JobSpec, MigProfile, NodeSpec, TaskGroup } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Machines } from '../../scenarios/load/fits.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { refusal } from '../support/scenario-text.ts';

/** Two pools: small cards in one, one machine of eight large cards in the other. */
const market = (demand: string, more = ''): string => `name: tiny
horizon: 1 day
fleet:
  classes:
    - { name: small, memory: 24 GiB }
    - { name: large, memory: 80 GiB }
  pools: [{ name: edge }, { name: hall }]
  groups:
    - { name: lab, providers: 4, gpus: 2, class: small, cpu: 16 cores, ram: 64 GiB, pool: edge }
    - { name: rack, gpus: 8, class: large, cpu: 64 cores, ram: 512 GiB, pool: hall }
demand:
  ${demand}
pricing:
  rates: { small: 0.4 USD/hour, large: 2 USD/hour }
${more}`;
const job = (fields: string): string => market(`jobs: [{ work: 1 hour, ${fields} }]`);
const shapes = (list: string, fields = ''): string =>
  market(
    `personas: [{ name: users, arrivals: { rate: 10 jobs/hour }, work: { median: 20 minute }, value: { median: 1 USD/hour }, shapes: ${list}${fields} }]`,
  );
/** Below, § marks the place that the message must give. */
const OR = ', or "neverFits: reject" under demand, to have such jobs rejected when they come';

test.each([
  [
    'GPUs of one machine',
    job('gpus: §4'),
    'gpus: 4 GPUs for one task, and no machine it may use has more than 2; write fewer, or several tasks',
  ],
  [
    'GPUs beyond every pool',
    job('gpus: §9, pool: hall'),
    'gpus: 9 GPUs for one task, and no machine it may use has more than 8; write fewer, or several tasks',
  ],
  [
    'memory of the pool’s cards',
    job('memory: §40 GiB'),
    'memory: 40 GiB of GPU memory, and no GPU it may use has more than 24 GiB; write less, or allow other classes',
  ],
  [
    'memory of the allowed class',
    job('memory: §40 GiB, classes: small'),
    'memory: 40 GiB of GPU memory, and no GPU it may use has more than 24 GiB; write less, or allow other classes',
  ],
  [
    'a class of the other pool',
    job('classes: §large'),
    'classes: no machine is of a class it may use; allow other classes, or add such machines',
  ],
  [
    'cores',
    job('cpu: §17 cores'),
    'cpu: 17 cores for one task, and no machine it may use has more than 16; write fewer',
  ],
  [
    'main memory',
    job('ram: §65 GiB'),
    'ram: 65 GiB of main memory for one task, and no machine it may use has more than 64 GiB; write less',
  ],
  [
    'a gang over the machines of the pool',
    job('tasks: §9'),
    'tasks: a gang of 9, and all machines it may use hold 8 such tasks when they are idle; write fewer',
  ],
  [
    'an elastic gang',
    job('tasks: §40, least: 9'),
    'tasks: a gang of 9, and all machines it may use hold 8 such tasks when they are idle; write fewer',
  ],
  [
    'a gang by its cores',
    job('tasks: §8, cpu: 9 cores'),
    'tasks: a gang of 8, and all machines it may use hold 4 such tasks when they are idle; write fewer',
  ],
  [
    'a gang by its shares',
    job('tasks: §17, share: 50 %'),
    'tasks: a gang of 17, and all machines it may use hold 16 such tasks when they are idle; write fewer',
  ],
  [
    'a gang by the memory beside its shares',
    job('tasks: §9, share: 10 %, memory: 13 GiB, cpu: 1 core'),
    'tasks: a gang of 9, and all machines it may use hold 8 such tasks when they are idle; write fewer',
  ],
  [
    'the second of two jobs, though it comes first',
    market('jobs: [{ at: 2 hour, work: 1 hour }, { work: 1 hour, gpus: §3 }]'),
    'gpus: 3 GPUs for one task, and no machine it may use has more than 2; write fewer, or several tasks',
  ],
  [
    'one shape among others',
    shapes('[{ gpus: 1 }, { gpus: §16 }]'),
    'gpus: 16 GPUs for one task, and no machine it may use has more than 2; write fewer, or several tasks',
  ],
  [
    'what stands beside a shape',
    shapes('[{ gpus: 1, with: [{ gpus: §12 }] }]'),
    'gpus: 12 GPUs for one task, and no machine it may use has more than 2; write fewer, or several tasks',
  ],
  [
    'a shape in the pools of its users',
    shapes('[{ gpus: §8 }]', ', pools: edge'),
    'gpus: 8 GPUs for one task, and no machine it may use has more than 2; write fewer, or several tasks',
  ],
  [
    'a class on which its policy never runs it',
    market(
      'jobs: [{ name: train, work: 1 hour, gpus: 4, classes: §[small, large], pool: hall }]',
      'scheduling: { queueing: { name: heterogeneity, throughputs: { train: { small: 1, large: 0 } } } }\n',
    ),
    'classes: no machine is of a class it may use; allow other classes, or add such machines (its throughput is 0 on large)',
  ],
])('%s', (_, marked, message) => {
  const [before, after] = marked.split('§') as [string, string];
  const lines = before.split('\n');
  expect(refusal(before + after)).toBe(`f.yaml:${lines.length}:${lines.at(-1)!.length + 1}: ${message}${OR}`);
});

test('on an override, the override is named', () => {
  expect(refusal(job('gpus: 2'), ['demand.jobs.0.gpus=3'])).toMatch(/^--set demand\.jobs\.0\.gpus=3: gpus: 3 GPUs/);
});

test.each([
  ['as many as there are', job('gpus: 2, tasks: 4, cpu: 16 cores, ram: 64 GiB')],
  ['in one of the pools of its users', shapes('[{ gpus: 8 }]')],
  ['of no weight', shapes('[{ gpus: 1 }, { gpus: 16, weight: 0 }]')],
  [
    'in a pool that routing may choose',
    market('jobs: [{ work: 1 hour, gpus: 8 }]', 'scheduling: { routing: { name: least-loaded } }\n'),
  ],
  [
    'where machines may pass from pool to pool',
    market('jobs: [{ work: 1 hour, tasks: 12 }]', 'network: { takeover: { after: 5 minute } }\n'),
  ],
  [
    'a class that its policy leaves out where another holds it',
    market(
      'jobs: [{ name: train, work: 1 hour, gpus: 4, pool: hall }]',
      'scheduling: { queueing: { name: heterogeneity, throughputs: { train: { small: 0, large: 1 } } } }\n',
    ),
  ],
  ['by its setting', market('jobs: [{ work: 1 hour, gpus: 9 }]\n  neverFits: reject')],
  ['kinds of task that only together are too many', shapes('[{ tasks: 8, with: [{ tasks: 8 }] }]')],
])('taken: %s', (_, source) => {
  expect(() => resolveScenario(source, 'f.yaml')).not.toThrow();
});

const profiles: MigProfile[] = [
  { name: '1g.10gb', milli: 142, width: 1, starts: [0, 1, 2, 3, 4, 5, 6] },
  { name: '3g.40gb', milli: 428, width: 4, starts: [0, 4] },
];
const classes = [
  { name: 'small', memoryMiB: 24_576 },
  { name: 'large', memoryMiB: 81_920 },
  { name: 'divided', memoryMiB: 81_920, mig: profiles },
];
const node = fc.record({
  gpuClass: fc.nat(2),
  gpus: fc.nat(4),
  cpuMilli: fc.constantFrom(4000, 16_000),
  ramMiB: fc.constantFrom(8192, 65_536),
});
const group: fc.Arbitrary<TaskGroup> = fc
  .record({
    tasks: fc.integer({ min: 1, max: 9 }),
    gpus: fc.constantFrom(0, 1, 1, 2, 4),
    gpuMilli: fc.constantFrom(100, 300, 500, 1000),
    gpuMemoryMiB: fc.constantFrom(0, 0, 0, 9000, 25_000, 90_000),
    cpuMilli: fc.constantFrom(0, 1000, 1000, 5000, 20_000),
    ramMiB: fc.constantFrom(0, 1024, 4096, 4096, 70_000),
    mig: fc.constantFrom(undefined, undefined, '1g.10gb', '3g.40gb'),
  })
  .map(({ mig, ...t }) =>
    mig === undefined
      ? t
      : { ...t, mig, gpus: 1, gpuMemoryMiB: 0, gpuMilli: profiles.find((p) => p.name === mig)!.milli },
  );

test('never refuses what an idle fleet can take, and of one kind of task misses nothing', () => {
  const seen = { refused: 0, taken: 0 };
  fc.assert(
    fc.property(
      fc.array(node, { minLength: 1, maxLength: 5 }),
      fc.array(group, { minLength: 1, maxLength: 2 }),
      fc.subarray([0, 1, 2]),
      (machines, groups, allowed) => {
        const nodes = machines.map((m, i): NodeSpec => ({ id: `n${i}`, provider: 'p', pool: 0, ...m }));
        const cluster = new Cluster(
          nodes,
          classes.map((c) => c.memoryMiB),
          classes.map((c) => c.mig),
        );
        for (let n = 0; n < nodes.length; n++) cluster.setUp(n, true);
        const gang = new Shapes(classes).gang({ groups } as JobSpec, allowed.length > 0 ? allowed : [0, 1, 2]);
        const fits = new Trial(cluster, shipped.placement('first-fit', {})).fits(gang);
        const misfit = new Machines(nodes, classes).misfit(groups, allowed);
        if (fits) expect(misfit).toBeNull();
        // A task of several parts of GPUs may be placed badly; everything else of one kind is simply counted.
        else if (groups.length === 1 && (groups[0]!.gpus < 2 || groups[0]!.gpuMilli === 1000))
          expect(misfit).not.toBeNull();
        seen[misfit === null ? 'taken' : 'refused']++;
      },
    ),
    { seed: 5, numRuns: 3000 },
  );
  expect(Math.min(seen.refused, seen.taken)).toBeGreaterThan(300);
});
