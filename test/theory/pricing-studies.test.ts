/** The pricing studies of `janction reproduce`: published beside obtained. Long ones run with fewer draws here. */
import { describe, expect, test } from 'vitest';
import { learnH } from '../../lab/reproduce/learned-h.ts';
import { thickness } from '../../lab/reproduce/mcafee-thickness.ts';
import { pricingTheory } from '../../lab/reproduce/pricing-theory.ts';
import { pvcgTable } from '../../lab/reproduce/pvcg-table.ts';
import { janctionInside } from '../support/cli.ts';

describe('studies', () => {
  for (const s of [pvcgTable, ...pricingTheory]) {
    test(s.name, async () => {
      const rows = await s.validate(null);
      expect(rows.filter((r) => !r.agrees)).toEqual([]);
      expect(rows.length).toBeGreaterThan(2);
    });
  }

  test('mcafee-thickness, 10,000 draws: 99.9 % over six figures is within 1.6 points', () => {
    for (const [n, total, traders, balanced] of [
      [2, 77.18, 69.01, 62.69],
      [5, 94.61, 86.08, 88.03],
    ] as const) {
      const x = thickness(n, 10_000, 1);
      expect(Math.abs(x.mcafeeTotal - total)).toBeLessThan(1.6);
      expect(Math.abs(x.mcafeeTraders - traders)).toBeLessThan(1.6);
      expect(Math.abs(x.sbba - balanced)).toBeLessThan(1.6);
    }
  });

  test('learned-h: a short training already pays those who sell nothing', () => {
    const x = learnH(1, 30);
    expect(x.worstDeficit).toBeGreaterThan(0);
    expect(x.sybilProfit).toBeGreaterThan(0);
  });

  test('pvcg-table for own capacities and costs', async () => {
    const x = await janctionInside(
      'reproduce pvcg-table --capacities 1,2,2 --costs 0.2,0.4,0.6 --alpha 2 --json'.split(' '),
    );
    expect(x.code).toBe(0);
    const { obtained } = JSON.parse(x.out) as { obtained: { tau: number[] } };
    expect(obtained.tau[0]).toBeCloseTo(0.5974, 4);
    const bad = await janctionInside('reproduce pvcg-table --capacities 1,2 --costs 1'.split(' '));
    expect([bad.code, bad.out]).toEqual([2, '']);
  });
});
