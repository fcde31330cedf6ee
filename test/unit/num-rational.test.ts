import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  divRound,
  NumError,
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  type Rounding,
  rat,
  ratAdd,
  ratCeil,
  ratCmp,
  ratDiv,
  ratEq,
  ratFloor,
  ratMax,
  ratMin,
  ratMul,
  ratNeg,
  ratParse,
  ratRound,
  ratSub,
  ratToDecimal,
  ratToNumber,
  ratToString,
  sqrtRoundDown,
  sqrtRoundUp,
} from '../../core/num/index.ts';

const big = fc.oneof(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), fc.bigInt({ min: -6n, max: 6n }));
const positive = fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 90n }), fc.bigInt({ min: 1n, max: 12n }));
const rational: fc.Arbitrary<Rational> = fc.tuple(big, positive).map(([n, d]) => rat(n, d));
const roundings: Rounding[] = ['floor', 'ceil', 'half-even', 'half-up'];

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'none';
  } catch (error) {
    return error instanceof NumError ? error.code : 'other';
  }
}

describe('rationals', () => {
  test('are in lowest terms with a positive denominator', () => {
    expect(rat(6, -4)).toEqual({ num: -3n, den: 2n });
    expect(rat(0, -7)).toEqual({ num: 0n, den: 1n });
    expect(rat(-5n)).toEqual({ num: -5n, den: 1n });
    fc.assert(
      fc.property(rational, rational, positive, (a, b, m) => {
        expect(rat(a.num * m, a.den * m)).toEqual(a);
        expect(rat(a.num * -m, a.den * -m)).toEqual(a);
        expect(ratEq(a, b)).toBe(a.num * b.den === b.num * a.den);
      }),
      { seed: 1, numRuns: 300 },
    );
    expect(codeOf(() => rat(1, 0))).toBe('divide-by-zero');
    expect(codeOf(() => rat(0.5))).toBe('not-safe-integer');
  });

  test('obey the laws of an ordered field', () => {
    fc.assert(
      fc.property(rational, rational, rational, (a, b, c) => {
        expect(ratAdd(a, b)).toEqual(ratAdd(b, a));
        expect(ratAdd(ratAdd(a, b), c)).toEqual(ratAdd(a, ratAdd(b, c)));
        expect(ratMul(ratMul(a, b), c)).toEqual(ratMul(a, ratMul(b, c)));
        expect(ratMul(a, ratAdd(b, c))).toEqual(ratAdd(ratMul(a, b), ratMul(a, c)));
        expect(ratSub(a, b)).toEqual(ratAdd(a, ratNeg(b)));
        expect(ratAdd(a, ratNeg(a))).toEqual(RAT_ZERO);
        if (a.num !== 0n) expect(ratDiv(a, a)).toEqual(RAT_ONE);
        if (b.num !== 0n) expect(ratMul(ratDiv(a, b), b)).toEqual(a);
        expect(ratCmp(a, b)).toBe(Math.sign(Number(ratSub(a, b).num)));
        expect(ratCmp(ratAdd(a, c), ratAdd(b, c))).toBe(ratCmp(a, b));
        expect(ratAdd(ratMin(a, b), ratMax(a, b))).toEqual(ratAdd(a, b));
        expect(ratCmp(ratMin(a, b), ratMax(a, b))).toBeLessThanOrEqual(0);
      }),
      { seed: 1, numRuns: 300 },
    );
    expect(codeOf(() => ratDiv(RAT_ONE, RAT_ZERO))).toBe('divide-by-zero');
  });

  test('round in the named direction', () => {
    expect([ratFloor(rat(-7, 2)), ratCeil(rat(-7, 2)), ratFloor(rat(7, 2)), ratCeil(rat(7, 2))]).toEqual([
      -4n,
      -3n,
      3n,
      4n,
    ]);
    expect(roundings.map((r) => ratRound(rat(5, 2), r))).toEqual([2n, 3n, 2n, 3n]);
    expect(ratToDecimal(rat(1, 8), 2, 'half-even')).toBe('0.12');
    expect(ratToDecimal(rat(3, 8), 2, 'half-even')).toBe('0.38');
    expect(ratToDecimal(rat(-1, 8), 2, 'half-up')).toBe('-0.12');
    expect(ratToDecimal(rat(1, 8), 2, 'half-up')).toBe('0.13');
    expect(ratToDecimal(rat(-1, 3), 4, 'floor')).toBe('-0.3334');
    expect(ratToDecimal(rat(2, 3), 0, 'ceil')).toBe('1');
    expect(codeOf(() => ratToDecimal(RAT_ONE, -1, 'floor'))).toBe('range');
    fc.assert(
      fc.property(rational, fc.nat(30), fc.constantFrom(...roundings), (a, places, rounding) => {
        const text = ratToDecimal(a, places, rounding);
        const unit = 10n ** BigInt(places);
        expect(ratParse(text)).toEqual(rat(divRound(a.num * unit, a.den, rounding), unit));
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe('rational texts', () => {
  test('by hand', () => {
    const table: [string, bigint, bigint][] = [
      ['3.16227766', 158113883n, 50000000n],
      ['-1e-3', -1n, 1000n],
      ['2.50', 5n, 2n],
      ['1.5E+2', 150n, 1n],
      ['3/10', 3n, 10n],
      ['-6/4', -3n, 2n],
      ['-0', 0n, 1n],
      ['007', 7n, 1n],
    ];
    for (const [text, num, den] of table) expect([text, ratParse(text)]).toEqual([text, { num, den }]);
    expect(ratToString(rat(-3, 2))).toBe('-3/2');
    expect(ratToString(rat(4, 2))).toBe('2');
  });

  test('are read back', () => {
    fc.assert(
      fc.property(rational, (a) => {
        expect(ratParse(ratToString(a))).toEqual(a);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('are refused unless they are in the grammar', () => {
    for (const bad of [
      '',
      '+1',
      ' 1',
      '.5',
      '5.',
      '1/-2',
      '1.5/2',
      '1e',
      '1e1.5',
      '1e9999',
      '1e401',
      'NaN',
      'Infinity',
      '1_0',
      '1//2',
      '--1',
    ]) {
      expect([bad, codeOf(() => ratParse(bad))]).toEqual([bad, 'parse']);
    }
    expect(codeOf(() => ratParse('1/0'))).toBe('divide-by-zero');
    expect(codeOf(() => ratParse('1'.repeat(2000)))).toBe('parse');
    expect(() => ratParse('abc')).toThrow('"abc" is not an integer, a decimal or a fraction n/d');
  });
});

describe('square roots', () => {
  test('by hand', () => {
    expect(sqrtRoundDown(rat(2), 1000000n)).toBe(1414213n);
    expect(sqrtRoundUp(rat(2), 1000000n)).toBe(1414214n);
    expect(sqrtRoundDown(rat(9, 4), 2n)).toBe(3n);
    expect(sqrtRoundUp(rat(9, 4), 2n)).toBe(3n);
    expect(sqrtRoundUp(RAT_ZERO, 5n)).toBe(0n);
    expect(codeOf(() => sqrtRoundDown(rat(-1), 1n))).toBe('range');
    expect(codeOf(() => sqrtRoundUp(rat(1), -1n))).toBe('range');
  });

  test('floor and ceiling of sqrt(a) times the scale, exactly', () => {
    const below = (x: bigint, a: Rational, scale: bigint) => x * x * a.den <= a.num * scale * scale;
    fc.assert(
      fc.property(big, positive, fc.oneof(positive, fc.constantFrom(1n, 10n ** 6n)), (n, d, scale) => {
        const a = rat(n < 0n ? -n : n, d);
        const down = sqrtRoundDown(a, scale);
        const up = sqrtRoundUp(a, scale);
        const exact = down * down * a.den === a.num * scale * scale;
        return below(down, a, scale) && !below(down + 1n, a, scale) && up === (exact ? down : down + 1n);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

test('ratToNumber is the nearest double, ties to even', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }),
      big,
      positive,
      (x, n, d) => {
        const exact = fromDouble(x);
        expect(ratToNumber(exact)).toBe(x + 0);
        const a = rat(n, d);
        const y = ratToNumber(a);
        const error = distance(a, fromDouble(y));
        for (const z of [nextDouble(y, 1), nextDouble(y, -1)])
          expect(ratCmp(error, distance(a, fromDouble(z)))).not.toBe(1);
      },
    ),
    { seed: 1, numRuns: 300 },
  );
  expect(ratToNumber(rat(2n ** 53n + 1n))).toBe(2 ** 53);
  expect(ratToNumber(rat(2n ** 53n + 3n))).toBe(2 ** 53 + 4);
  expect(ratToNumber(rat((2n ** 53n + 1n) * 2n ** 200n + 1n, 2n ** 200n))).toBe(2 ** 53 + 2);
  expect(ratToNumber(rat(1, 3))).toBe(1 / 3);
  expect(ratToNumber(rat(10n ** 400n))).toBe(Infinity);
  expect(ratToNumber(rat(-1n, 10n ** 400n))).toBe(-0);
});

function distance(a: Rational, b: Rational): Rational {
  const d = ratSub(a, b);
  return d.num < 0n ? ratNeg(d) : d;
}

function fromDouble(x: number): Rational {
  let shift = 0n;
  let y = x;
  while (!Number.isInteger(y)) {
    y *= 2;
    shift += 1n;
  }
  return rat(BigInt(y), 1n << shift);
}

function nextDouble(x: number, direction: 1 | -1): number {
  const box = new Float64Array([x === 0 ? 0 : x]);
  const bits = new BigInt64Array(box.buffer);
  if (box[0] === 0) return direction * 5e-324;
  bits[0] = bits[0]! + BigInt(box[0]! > 0 ? direction : -direction);
  return box[0]!;
}
