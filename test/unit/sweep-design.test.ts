/** Designs: every point once, evenly spread, the same for the same seed. */
import { describe, expect, test } from 'vitest';
import { atUnit, setText } from '../../lab/sweep/design.ts';
import { latinHypercube, randomPoints, SOBOL_MAX_DIMENSIONS, sobolPoints } from '../../lab/sweep/sobol.ts';

describe('Sobol’ points', () => {
  test('the first points in two and three dimensions (Joe and Kuo’s program)', () => {
    expect(sobolPoints(5, 3, null)).toEqual([
      [0, 0, 0],
      [0.5, 0.5, 0.5],
      [0.75, 0.25, 0.25],
      [0.25, 0.75, 0.75],
      [0.375, 0.375, 0.625],
    ]);
  });

  test('every coordinate of 2^k points falls once into each of 2^k slices, in all dimensions, shifted or not', () => {
    for (const seed of [null, 1, 7]) {
      const n = 256;
      const points = sobolPoints(n, SOBOL_MAX_DIMENSIONS, seed);
      for (let d = 0; d < SOBOL_MAX_DIMENSIONS; d++)
        expect(new Set(points.map((p) => Math.floor(p[d]! * n))).size).toBe(n);
    }
  });

  test('the first two dimensions form a (0, 8, 2)-net: every elementary box of area 1/256 holds one point', () => {
    const points = sobolPoints(256, 2, null);
    for (let a = 0; a <= 8; a++) {
      const boxes = new Set(points.map((p) => `${Math.floor(p[0]! * 2 ** a)},${Math.floor(p[1]! * 2 ** (8 - a))}`));
      expect(boxes.size).toBe(256);
    }
  });

  test('they integrate a smooth function better than chance does', () => {
    const f = (p: number[]) => p.reduce((m, x) => m * (1 + (x - 0.5)), 1);
    const error = (points: number[][]) => Math.abs(points.reduce((s, p) => s + f(p), 0) / points.length - 1);
    expect(error(sobolPoints(1024, 6, 1))).toBeLessThan(error(randomPoints(1024, 6, 1)) / 3);
  });
});

test('a Latin hypercube has one point in every slice of every dimension, and differs by seed', () => {
  const n = 50;
  const a = latinHypercube(n, 4, 1);
  for (let d = 0; d < 4; d++) expect(new Set(a.map((p) => Math.floor(p[d]! * n))).size).toBe(n);
  expect(latinHypercube(n, 4, 1)).toEqual(a);
  expect(latinHypercube(n, 4, 2)).not.toEqual(a);
});

test('values of a range: linear, logarithmic, whole, with a unit', () => {
  const r = { from: 1, to: 100, scale: 'linear' as const, integer: false };
  expect([0, 0.5, 1].map((u) => atUnit(r, u))).toEqual([1, 50.5, 100]);
  expect(atUnit({ ...r, scale: 'log' }, 0.5)).toBe(10);
  expect(atUnit({ ...r, integer: true }, 0.5)).toBe(51);
  expect(atUnit({ ...r, unit: 'minute' }, 0)).toBe('1 minute');
  expect(setText(['a.b', '5 %'])).toBe('a.b="5 %"');
});
