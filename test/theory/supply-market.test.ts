/** pVCG over time: the week's books, what a gross fee does to asks, what learners do. Longer counts: npm run soak. */

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { marketRegret } from '../../lab/economics/market-regret.ts';
import { shadingOf, weekFigures, weekScenario } from '../../lab/reproduce/supply-studies.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { runs } from '../support/runs.ts';

describe('a week of pVCG epochs', () => {
  test('nobody who delivered loses; the income is money somebody paid', async () => {
    const figures = weekFigures(await weekScenario([], 1));
    expect(figures.filter((f) => !f.agrees)).toEqual([]);
  });

  for (const sets of [
    [],
    ['pricing.supply.pay=availability', 'pricing.supply.subsidy=2000 USD', 'pricing.supply.fee=10 %'],
    ['pricing.mechanism=uniform-price'],
  ]) {
    test(`the audit agrees (${sets.join(' ') || 'as shipped'})`, async () => {
      await inTemp(async (dir) => {
        const out = join(dir, 'week');
        const set = ['horizon=36 hour', ...sets].flatMap((s) => ['--set', s]);
        const ran = await janctionInside(['run', 'scenarios/pvcg-week/scenario.yaml', '--quiet', '--out', out, ...set]);
        expect(ran.err).toBe('');
        const audit = await janctionInside(['audit', out, '--json']);
        expect(JSON.parse(audit.out)).toMatchObject({ verdict: 'agrees' });
        expect(audit.code).toBe(0);
      });
    });
  }
});

describe('regret on the running market', () => {
  test('a gross fee of a tenth moves the best ask above the cost', async () => {
    const n = runs(4);
    const short = ['horizon=3 day', 'pricing.supply.fee=10 %'];
    const x = marketRegret(await weekScenario(short, 1), n);
    expect(x.predicted).toBeCloseTo(1 / 0.9, 5);
    expect(x.asks.find((a) => a.factor === 1)!.gain.mean).toBe(0);
    // A clear loss on both sides of what theory says; the full count (30) pins the best ask itself.
    const gain = (factor: number): number => x.asks.find((a) => a.factor === factor)!.gain.mean;
    expect(gain(0.9)).toBeLessThan(gain(1.11));
    expect(x.best).toBeGreaterThan(1);
    if (n >= 30) {
      expect(Math.abs(x.best - x.predicted)).toBeLessThanOrEqual(0.02);
      expect(x.regret.low).toBeGreaterThan(0);
    }
  });

  test('bad input', async () => {
    for (const args of [
      ['--scenario', 'scenarios/quickstart/scenario.yaml'],
      ['--scenario', 'scenarios/pvcg-week/scenario.yaml', '--fee', 'v:0.1'],
      ['--scenario', 'scenarios/pvcg-week/scenario.yaml', '--property', 'ir'],
      ['--scenario', 'absent.yaml'],
    ]) {
      const x = await janctionInside(['certify', ...args]);
      expect(x.code, args.join(' ')).toBe(2);
      expect(x.err.trimEnd().split('\n')).toHaveLength(1);
    }
  });
});

describe('learners', () => {
  test('Exp3 shades under pay-as-bid and not under pVCG', () => {
    const interval = (mechanism: string): [number, number] => {
      const { mean, half } = shadingOf(mechanism, 'exp3', 10_000, 6, 1).shading;
      return [mean - half, mean + half];
    };
    expect(interval('pay-as-bid')[0]).toBeGreaterThan(0);
    const [low, high] = interval('pvcg');
    expect(low).toBeLessThanOrEqual(0);
    expect(high).toBeGreaterThanOrEqual(0);
  });
});
