/** Checkpoints that cost time, under exponential failures: the market's run time against the closed form. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  dalyInterval,
  expectedCompletion,
  expectedRunTime,
  optimalInterval,
  youngInterval,
} from '../../lab/stats/checkpoint-interval.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/index.ts';
import { interval } from '../support/interval.ts';

const path = 'scenarios/checkpoint-interval/scenario.yaml';
const text = readFileSync(new URL(`../../${path}`, import.meta.url));
const SEEDS = 12;
/** Hours. */
const cases = [
  { mtbf: 24, interval: 2, checkpoint: 5 / 60, restore: 10 / 60 },
  { mtbf: 6, interval: 0.5, checkpoint: 5 / 60, restore: 10 / 60 },
  { mtbf: 6, interval: 5, checkpoint: 0.5, restore: 0.5 },
  { mtbf: 12, interval: 30, checkpoint: 0.5, restore: 0.5 },
];

const meanHours = (c: (typeof cases)[number], seed: number): number => {
  const r = runScenario(
    resolveScenario(text, path, [
      `failures.groups.machines.mtbf=${c.mtbf} hour`,
      `fleet.processes.checkpoint.every=${c.interval} hour`,
      `fleet.processes.checkpoint.write=${c.checkpoint * 60} minute`,
      `fleet.processes.checkpoint.restore=${c.restore * 60} minute`,
      `seed=${seed}`,
    ]),
    { registry: shipped },
  );
  expect(r.jobs.completed).toBe(r.jobs.submitted);
  return r.jctSeconds.mean / 3600;
};

describe('a day of work on machines that fail', () => {
  test.each(cases)('MTBF $mtbf h, a checkpoint every $interval h', (c) => {
    const means = Array.from({ length: SEEDS }, (_, i) => meanHours(c, i + 1));
    const { mean, half } = interval(means, cases.length);
    const theory = expectedCompletion({ ...c, work: 24, start: 1 / 3600 });
    expect(Math.abs(mean - theory)).toBeLessThan(half);
    // The interval is narrow enough to tell it from a world in which writing costs nothing.
    if (c.interval < 24) {
      const free = expectedCompletion({ ...c, work: 24, start: 1 / 3600, checkpoint: 0 });
      expect(half).toBeLessThan(Math.abs(theory - free));
    }
  });

  test('Daly counts one write and one kind of restart more, and is close where those are small', () => {
    const c = { work: 2400, interval: 2, checkpoint: 5 / 60, start: 0, restore: 10 / 60, mtbf: 24 };
    const ratio = expectedRunTime(c.work, c.interval, c.checkpoint, c.restore, c.mtbf) / expectedCompletion(c);
    expect(ratio).toBeGreaterThan(1);
    expect(ratio).toBeLessThan(1.001);
  });

  test('Young, Daly and the optimum come together as failures get rare', () => {
    const apart = (mtbf: number): number => youngInterval(1 / 12, mtbf) / optimalInterval(1 / 12, mtbf) - 1;
    expect(apart(10_000)).toBeLessThan(apart(10));
    expect(dalyInterval(1 / 12, 10_000) / optimalInterval(1 / 12, 10_000)).toBeCloseTo(1, 6);
  });
});
