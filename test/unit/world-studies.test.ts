import { describe, expect, test } from 'vitest';
import { erlangB, erlangC } from '../../lab/reproduce/world-studies.ts';
import { dalyInterval, expectedRunTime, optimalInterval } from '../../lab/stats/checkpoint-interval.ts';
import { failurePresets, llama3Causes, volunteerHosts } from '../../scenarios/load/presets.ts';
import { timeDistribution } from '../../sim/index.ts';

describe('closed forms against values computed with SciPy 1.x', () => {
  test.each([
    [1440, 116.6898148148148, 116.69007332665845, 32872.906947415635],
    [360, 56.712962962962955, 56.714001998766356, 36612.98440913237],
    [15, 9.140919986395813, 9.166502820935701, 150249.5486961379],
  ])('checkpoints of 5 min at an MTBF of %d min', (mtbf, daly, best, wall) => {
    expect(dalyInterval(5, mtbf)).toBeCloseTo(daly, 9);
    expect(optimalInterval(5, mtbf)).toBeCloseTo(best, 9);
    expect(expectedRunTime(30_000, best, 5, 10, mtbf) / wall).toBeCloseTo(1, 9);
    // It is a minimum.
    for (const other of [0.9, 1.1])
      expect(expectedRunTime(30_000, best * other, 5, 10, mtbf)).toBeGreaterThan(
        expectedRunTime(30_000, best, 5, 10, mtbf),
      );
  });
  test('beyond 2 MTBF the interval is the MTBF', () => {
    expect(dalyInterval(20, 10)).toBe(10);
  });
  test('Erlang: 10 servers, load 8', () => {
    expect(erlangB(10, 8)).toBeCloseTo(0.1216610642529515, 12);
    expect(erlangC(10, 8)).toBeCloseTo(0.4091801507964435, 12);
    expect(erlangC(100, 90)).toBeCloseTo(0.21694048090636625, 12);
  });
});

describe('presets say what their sources say', () => {
  const DAY = 86_400e6;
  test('Llama 3: 419 causes, one interruption in 3.09 h on 2,048 machines', () => {
    expect(llama3Causes.reduce((n, [, k]) => n + k, 0)).toBe(419);
    const { between } = failurePresets['llama3-405b'];
    expect(timeDistribution(between).mean / 3600e6 / 2048).toBeCloseTo(3.093, 3);
  });
  test('Meta: 1.8 h for 16,384 GPUs on RSC-1', () => {
    expect(timeDistribution(failurePresets['meta-rsc1'].between).mean / 3600e6 / 2048).toBeCloseTo(1.803, 3);
    expect(1000 / (timeDistribution(failurePresets['meta-rsc2'].between).mean / DAY)).toBeCloseTo(2.34, 10);
  });
  test('InfiniteHBD: 584 faults, 5.54 days of repair in the mean', () => {
    const { causes } = failurePresets.infinitehbd;
    const faults = causes.reduce((n, c) => n + c.weight, 0);
    expect(faults).toBe(584);
    const mean = causes.reduce((n, c) => n + (c.weight * timeDistribution(c.repair).mean) / DAY, 0) / faults;
    expect(Math.abs(mean - 5.54)).toBeLessThan(0.01);
  });
  test('volunteers: 15.58 h there, 11.92 h away', () => {
    expect(timeDistribution(volunteerHosts.up).mean / 3600e6).toBeCloseTo(15.58, 2);
    expect(timeDistribution(volunteerHosts.down).mean / 3600e6).toBeCloseTo(11.92, 2);
  });
});
