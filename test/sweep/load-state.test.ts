/** Labels of load: a day's peak is not growth, and a queue that grows is named; in made-up series and in simulated markets. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cos } from '../../core/num/index.ts';
import { HOUR_US } from '../../core/types.ts';
import { loadScenario } from '../../lab/load.ts';
import { cycleOf, type LoadState, loadState } from '../../lab/sweep/load-watch.ts';
import { Runner } from '../../lab/sweep/runner.ts';
import { scratch } from '../support/cli.ts';

const DAY_US = 24 * HOUR_US;
const { dir, remove } = scratch();
afterAll(remove);

/** Backlog of every hour. */
const hourly = (days: number, f: (hour: number) => number): [number, number][] =>
  Array.from({ length: Math.round(24 * days) }, (_, h) => [h * HOUR_US, Math.max(0, Math.round(f(h)))]);
const evening = (h: number): number => 60 * (1 + cos((2 * Math.PI * (h - 20)) / 24)) - 40;

test('labels where nothing follows the clock', () => {
  const flat = Array.from({ length: 30 }, (_, i) => i % 3);
  const label = (backlog: number[]) => loadState(backlog.map((n, i) => [i, n]));
  expect(label(flat.map((x) => (x === 2 ? 1 : 0)))).toBe('stable');
  expect(label(flat.map((x) => x + 4))).toBe('backlogged');
  expect(label(flat.map((_, i) => i * 3))).toBe('overloaded');
  expect(label([1, 2])).toBe('unknown');
});

test('a queue that empties every night does not grow; one that is longer every morning does', () => {
  for (let days = 1; days <= 9; days += 0.25) {
    const name = `${days} days`;
    const calm = loadState(hourly(days, evening), DAY_US);
    if (days >= 2) expect(['stable', 'backlogged'], name).toContain(calm);
    else expect(calm, name).not.toBe('overloaded');
    const growing = loadState(
      hourly(days, (h) => evening(h) + 4 * h),
      DAY_US,
    );
    if (days >= 2) expect(growing, name).toBe('overloaded');
  }
  // A level that is high and stays, and one that never comes back from a warm-up.
  expect(
    loadState(
      hourly(6, (h) => 50 + evening(h)),
      DAY_US,
    ),
  ).toBe('backlogged');
  expect(
    loadState(
      hourly(6, (h) => Math.min(50, h)),
      DAY_US,
    ),
  ).toBe('backlogged');
});

const market = (horizon: string, rate: number) => `name: day-and-night
question: Is a label of load fooled by a day?
horizon: ${horizon}
fleet:
  classes: [{ name: card, memory: 24 GiB, speed: 1 }]
  groups: [{ name: farm, nodes: 10, gpus: 1, class: card }]
demand:
  personas:
    - name: people
      users: 5
      arrivals: { rate: ${rate} jobs/hour, swing: 60 %, peak: 18:00 }
      shapes: [{ gpus: 1, memory: 8 GiB }]
      work: { exponential: { mean: 1 hour }, max: 6 hour }
      value: { median: 5 USD/hour, sigma: 0 }
pricing: { rates: { card: 1 USD/hour } }
output: { sample: 1 hour }
`;

/** Labels of seeds 1..3. */
async function labels(horizon: string, rate: number): Promise<LoadState[]> {
  const path = join(dir, `${horizon.replace(' ', '-')}-${rate}.yaml`);
  writeFileSync(path, market(horizon, rate));
  expect(cycleOf(await loadScenario(path, [], 1))).toBe(DAY_US);
  const out: LoadState[] = [];
  for (let seed = 1; seed <= 3; seed++) {
    const task = { id: 'x', point: 0, replication: 0, substream: 0, scenario: path, sets: [], seed };
    const { figures, error } = await new Runner().run(task);
    expect(error).toBeUndefined();
    out.push(figures!['load_state'] as LoadState);
  }
  return out;
}

test('ten GPUs at 80 and at 130 %: evenings over their capacity in both, growth in one', async () => {
  for (const horizon of ['30 hour', '2 day', '63 hour', '4 day', '8 day']) {
    for (const label of await labels(horizon, 8)) expect(['stable', 'backlogged'], horizon).toContain(label);
    expect(new Set(await labels(horizon, 13)), horizon).toEqual(
      new Set([horizon === '30 hour' ? 'growing' : 'overloaded']),
    );
  }
});
