/** What the page *Your runs* computes of a sweep, against slow or closed answers. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  differences,
  keptPoints,
  type LoadedSweep,
  mainEffects,
  means,
  numberOf,
  paretoFront,
  pointName,
  type Scalar,
  thin,
  valuesOf,
} from '../../lab/stats/sweep-analysis.ts';

/** A full grid of a, b with `reps` runs a point; `of` gives the figure. */
function grid(a: Scalar[], b: Scalar[], reps: number, of: (i: number, j: number, r: number) => number): LoadedSweep {
  const points = a.flatMap((x) => b.map((y) => ({ a: x, b: y })));
  const rows = points.flatMap((_, p) => Array.from({ length: reps }, (_, r) => ({ p, r })));
  return {
    dir: '',
    study: 's',
    parameters: ['a', 'b'],
    points,
    planned: rows.length,
    failed: 0,
    source: 'results',
    commonRandomNumbers: true,
    rows: rows.length,
    point: Float64Array.from(rows, ({ p }) => p),
    replication: Float64Array.from(rows, ({ r }) => r),
    figures: {
      f: Float64Array.from(rows, ({ p, r }) => of(Math.floor(p / b.length), p % b.length, r)),
      none: new Float64Array(rows.length).fill(Number.NaN),
    },
  };
}

describe('values of parameters', () => {
  test('numbers, shares and times sort by size, names by code unit', () => {
    const s = grid(['2 hour', '10 minute', '90 second', '1 hours'], ['sjf', 'easy', 'Fifo'], 1, () => 0);
    expect(valuesOf(s, 'a')).toEqual(['90 second', '10 minute', '1 hours', '2 hour']);
    expect(valuesOf(s, 'b')).toEqual(['Fifo', 'easy', 'sjf']);
    expect(
      valuesOf(
        grid(['100 %', '20 %', '5 %'], [true, false], 1, () => 0),
        'a',
      ),
    ).toEqual(['5 %', '20 %', '100 %']);
    expect(numberOf('15 minute')).toBe(900);
    expect(numberOf('4x')).toBeNaN();
    expect(pointName({ 'x.floor': '5 %', 'y.epoch': 3 }, { 'y.epoch': 3 })).toBe('floor 5 %');
  });
});

describe('a grid', () => {
  const s = grid([1, 2, 3], ['p', 'q'], 3, (i, j, r) => 10 * i + j + 0.1 * r);
  test('filters keep points that have the values', () => {
    expect(keptPoints(s, {})).toEqual([0, 1, 2, 3, 4, 5]);
    expect(keptPoints(s, { a: [1, 3], b: ['q'] })).toEqual([1, 5]);
    expect(keptPoints(s, { a: [] })).toEqual([]);
  });
  test('means and paired differences', () => {
    expect(means(s, [0, 5], 'f').map((m) => [m.n, Number(m.mean.toFixed(9))])).toEqual([
      [3, 0.1],
      [3, 21.1],
    ]);
    expect(means(s, [0], 'none')).toEqual([]);
    const d = differences(s, [0, 1, 5], 0, 'f');
    // The same replication noise cancels: differences are exact.
    expect(d.map((x) => [x.point, Number(x.mean.toFixed(9)), x.pairs])).toEqual([
      [1, 1, 3],
      [5, 21, 3],
    ]);
    expect(d.every((x) => x.half < 1e-9 && x.p < 1e-9)).toBe(true);
  });
  test('a parameter that does all gets all of the variance, one that does nothing none', () => {
    const only = mainEffects(
      grid([1, 2, 3, 4], ['p', 'q', 'r'], 2, (i) => 5 * i),
      Array.from({ length: 12 }, (_, i) => i),
      'f',
    );
    expect(only.map((e) => [e.parameter, Number(e.share.toFixed(9))])).toEqual([
      ['a', 1],
      ['b', 0],
    ]);
    // i + j over 3 x 2: variances 2/3 and 1/4 of points' means.
    const both = mainEffects(
      grid([1, 2, 3], ['p', 'q'], 2, (i, j) => i + j),
      [0, 1, 2, 3, 4, 5],
      'f',
    );
    expect(both[0]!.parameter).toBe('a');
    expect(both[0]!.share + both[1]!.share).toBeLessThanOrEqual(1);
  });
  test('pure noise explains little', () => {
    let h = 1;
    const noise = grid([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], 1, () => {
      h = (h * 48271) % 2147483647;
      return h;
    });
    const all = mainEffects(
      noise,
      Array.from({ length: 36 }, (_, i) => i),
      'f',
    );
    for (const e of all) expect(e.share).toBeLessThan(0.35);
  });
});

test('the Pareto front is that of comparing all with all', () => {
  const value = fc.integer({ min: 0, max: 6 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(value, value), { maxLength: 40 }),
      fc.boolean(),
      fc.boolean(),
      (list, xLess, yLess) => {
        const items = list.map(([x, y], i) => ({ x, y, i }));
        const better = (a: number, b: number, less: boolean) => (less ? a < b : a > b);
        const slow = items.filter(
          (t) =>
            !items.some(
              (o) =>
                !better(t.x, o.x, xLess) &&
                !better(t.y, o.y, yLess) &&
                (better(o.x, t.x, xLess) || better(o.y, t.y, yLess)),
            ),
        );
        const fast = paretoFront(
          items,
          (t) => t.x,
          (t) => t.y,
          xLess,
          yLess,
        );
        const ids = (l: readonly { i: number }[]) => l.map((t) => t.i).sort((a, b) => a - b);
        expect(ids(fast)).toEqual(ids(slow));
      },
    ),
    { seed: 12, numRuns: 300 },
  );
});

test('thinning keeps order, the first and about as many as asked', () => {
  const list = Array.from({ length: 1000 }, (_, i) => i);
  expect(thin(list, 2000)).toBe(list);
  const some = thin(list, 100);
  expect(some[0]).toBe(0);
  expect(some).toHaveLength(100);
});
