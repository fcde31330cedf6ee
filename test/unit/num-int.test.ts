import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addInt,
  assertIntInRange,
  assertNonNegativeInt,
  assertPositiveInt,
  assertSafeInt,
  assertSignedBits,
  clamp,
  divInt,
  divRound,
  formatDecimal,
  formatMicro,
  gcd,
  isqrt,
  isSafeInt,
  mulDiv,
  mulInt,
  NumError,
  type NumErrorCode,
  parseDecimal,
  parseMicro,
  type Rounding,
  subInt,
  toSafeInt,
} from '../../core/num/index.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const roundings: Rounding[] = ['floor', 'ceil', 'half-even', 'half-up'];
const safe = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -50, max: 50 }), fc.constantFrom(MAX, -MAX, 0, 1, -1));

function codeOf(call: () => unknown): NumErrorCode | 'none' {
  try {
    call();
    return 'none';
  } catch (error) {
    if (error instanceof NumError) return error.code;
    throw error;
  }
}

/** The rounding written the slow obvious way: compare 2 (n - q d) with d for the floor quotient q. */
function roundOracle(n: bigint, d: bigint, rounding: Rounding): bigint {
  if (d < 0n) [n, d] = [-n, -d];
  let q = 0n;
  for (let step = 1n << 130n; step > 0n; step >>= 1n) {
    while ((q + step) * d <= n) q += step;
    while (q * d > n) q -= step;
  }
  const up = 2n * (n - q * d);
  if (n === q * d || rounding === 'floor') return q;
  if (rounding === 'ceil') return q + 1n;
  if (up !== d) return up > d ? q + 1n : q;
  return rounding === 'half-up' || q % 2n !== 0n ? q + 1n : q;
}

describe('named rounding', () => {
  test('by hand', () => {
    const table: [bigint, bigint, bigint, bigint, bigint, bigint][] = [
      [5n, 2n, 2n, 3n, 2n, 3n],
      [-5n, 2n, -3n, -2n, -2n, -2n],
      [7n, 2n, 3n, 4n, 4n, 4n],
      [-7n, 2n, -4n, -3n, -4n, -3n],
      [7n, -3n, -3n, -2n, -2n, -2n],
      [6n, 3n, 2n, 2n, 2n, 2n],
      [1n, 3n, 0n, 1n, 0n, 0n],
      [-1n, 3n, -1n, 0n, 0n, 0n],
    ];
    for (const [n, d, floor, ceil, even, up] of table) {
      expect(roundings.map((r) => divRound(n, d, r))).toEqual([floor, ceil, even, up]);
      expect(roundings.map((r) => divInt(Number(n), Number(d), r))).toEqual([floor, ceil, even, up].map(Number));
    }
  });

  test('divInt, divRound and mulDiv agree with the definition for all safe integers', () => {
    fc.assert(
      fc.property(safe, safe, safe, fc.constantFrom(...roundings), (a, b, c, rounding) => {
        fc.pre(c !== 0);
        expect(BigInt(divInt(a, c, rounding))).toBe(roundOracle(BigInt(a), BigInt(c), rounding));
        const exact = roundOracle(BigInt(a) * BigInt(b), BigInt(c), rounding);
        expect(divRound(BigInt(a) * BigInt(b), BigInt(c), rounding)).toBe(exact);
        if (exact > BigInt(MAX) || exact < -BigInt(MAX)) {
          expect(codeOf(() => mulDiv(a, b, c, rounding))).toBe('overflow');
        } else {
          const got = mulDiv(a, b, c, rounding);
          expect(BigInt(got)).toBe(exact);
          expect(Object.is(got, -0)).toBe(false);
        }
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  test('quotients next to an integer, where a double division could round up', () => {
    for (const [n, d] of [
      [MAX, 2],
      [MAX - 1, MAX],
      [MAX, MAX - 1],
      [MAX, 3],
      [MAX, 94906267],
      [94906266 * 94906265 - 1, 94906265],
      [-MAX, MAX - 1],
      [-MAX, 4503599627370497],
    ] as const) {
      for (const r of roundings) expect(BigInt(divInt(n, d, r))).toBe(roundOracle(BigInt(n), BigInt(d), r));
    }
  });

  test('division by zero is a code', () => {
    expect(codeOf(() => divInt(1, 0, 'floor'))).toBe('divide-by-zero');
    expect(codeOf(() => divRound(1n, 0n, 'floor'))).toBe('divide-by-zero');
    expect(codeOf(() => mulDiv(1, 1, 0, 'ceil'))).toBe('divide-by-zero');
    expect(codeOf(() => mulDiv(MAX, MAX, 0, 'ceil'))).toBe('divide-by-zero');
  });
});

describe('safe integers', () => {
  test('sum, difference and product are exact or an overflow, never rounded', () => {
    const within = (x: bigint) => x <= BigInt(MAX) && x >= -BigInt(MAX);
    fc.assert(
      fc.property(safe, safe, (a, b) => {
        const [x, y] = [BigInt(a), BigInt(b)];
        for (const [call, exact] of [
          [() => addInt(a, b), x + y],
          [() => subInt(a, b), x - y],
          [() => mulInt(a, b), x * y],
        ] as [() => number, bigint][]) {
          if (within(exact)) expect(BigInt(call())).toBe(exact);
          else expect(codeOf(call)).toBe('overflow');
        }
      }),
      { seed: 1, numRuns: 300 },
    );
    expect(Object.is(mulInt(-3, 0), 0)).toBe(true);
    expect(codeOf(() => addInt(MAX, 1))).toBe('overflow');
    expect(codeOf(() => mulInt(94906267, 94906267))).toBe('overflow');
  });

  test('assertions name what they refuse', () => {
    expect(isSafeInt(MAX)).toBe(true);
    expect(isSafeInt(MAX + 1)).toBe(false);
    for (const bad of [0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => assertSafeInt(bad, 'fee')).toThrow(/not-safe-integer: fee = /);
      expect(codeOf(() => assertNonNegativeInt(bad, 'x'))).toBe('not-safe-integer');
      expect(codeOf(() => assertPositiveInt(bad, 'x'))).toBe('not-safe-integer');
      expect(codeOf(() => assertIntInRange(bad, 0, 1, 'x'))).toBe('not-safe-integer');
      expect(codeOf(() => mulDiv(bad, 1, 1, 'floor'))).toBe('not-safe-integer');
      expect(codeOf(() => addInt(1, bad))).toBe('not-safe-integer');
    }
    expect(codeOf(() => assertNonNegativeInt(-1, 'x'))).toBe('range');
    expect(codeOf(() => assertNonNegativeInt(0, 'x'))).toBe('none');
    expect(codeOf(() => assertPositiveInt(0, 'x'))).toBe('range');
    expect(codeOf(() => assertPositiveInt(1, 'x'))).toBe('none');
    expect(codeOf(() => assertIntInRange(3, 0, 2, 'x'))).toBe('range');
    expect(codeOf(() => assertIntInRange(2, 0, 2, 'x'))).toBe('none');
    expect(codeOf(() => toSafeInt(BigInt(MAX) + 1n, 'x'))).toBe('overflow');
    expect(toSafeInt(-BigInt(MAX), 'x')).toBe(-MAX);
    expect(codeOf(() => assertSignedBits(2n ** 127n, 128, 'x'))).toBe('overflow');
    expect(codeOf(() => assertSignedBits(-(2n ** 127n), 128, 'x'))).toBe('none');
    expect(codeOf(() => assertSignedBits(-(2n ** 127n) - 1n, 128, 'x'))).toBe('overflow');
  });

  test('clamp', () => {
    expect([clamp(5, 0, 3), clamp(-5, 0, 3), clamp(2, 0, 3)]).toEqual([3, 0, 2]);
    expect(codeOf(() => clamp(1, 3, 0))).toBe('range');
    expect(codeOf(() => clamp(NaN, 0, 3))).toBe('range');
    expect(codeOf(() => clamp(1, NaN, 3))).toBe('range');
  });

  test('gcd divides, and what is left is coprime', () => {
    const big = fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n });
    fc.assert(
      fc.property(big, big, fc.bigInt({ min: 1n, max: 2n ** 60n }), (a, b, m) => {
        const g = gcd(a * m, b * m);
        if (a === 0n && b === 0n) return g === 0n;
        return (
          g > 0n && g % m === 0n && (a * m) % g === 0n && (b * m) % g === 0n && gcd((a * m) / g, (b * m) / g) === 1n
        );
      }),
      { seed: 1, numRuns: 200 },
    );
    expect([gcd(0n, 0n), gcd(-12n, 18n), gcd(0n, -7n)]).toEqual([0n, 6n, 7n]);
  });

  test('isqrt is the floor of the root', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 700n }), fc.nat(700), (n, drop) => {
        const m = n >> BigInt(drop);
        const r = isqrt(m);
        return r >= 0n && r * r <= m && (r + 1n) * (r + 1n) > m;
      }),
      { seed: 1, numRuns: 300 },
    );
    for (let k = 1n; k < 2n ** 520n; k = k * 3n + 1n) {
      expect([isqrt(k * k - 1n), isqrt(k * k), isqrt(k * k + 1n)]).toEqual([k - 1n, k, k]);
    }
    expect(isqrt(10n ** 2000n)).toBe(10n ** 1000n);
    expect(isqrt(0n)).toBe(0n);
    expect(codeOf(() => isqrt(-1n))).toBe('range');
  });
});

describe('decimal text of micro-units', () => {
  test('by hand', () => {
    expect(formatMicro(12345678n)).toBe('12.345678');
    expect(formatMicro(0n)).toBe('0.000000');
    expect(formatMicro(-1n)).toBe('-0.000001');
    expect(formatMicro(-1000000n)).toBe('-1.000000');
    expect(formatDecimal(-42n, 0)).toBe('-42');
    expect(parseMicro('12.345678')).toBe(12345678n);
    expect(parseMicro('12.5')).toBe(12500000n);
    expect(parseMicro('-7')).toBe(-7000000n);
    expect(parseMicro('-0')).toBe(0n);
    expect(parseDecimal('123', 0)).toBe(123n);
  });

  test('parse undoes format for every amount and scale', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), fc.nat(40), fc.nat(60), (x, decimals, drop) => {
        const units = x / 10n ** BigInt(drop);
        const text = formatDecimal(units, decimals);
        expect(parseDecimal(text, decimals)).toBe(units);
        expect(text.split('.')[1]?.length ?? 0).toBe(decimals);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('refuses what is no amount', () => {
    for (const bad of [
      '',
      '-',
      '+1',
      ' 1',
      '1 ',
      '1.',
      '.5',
      '1e3',
      '1,5',
      '01',
      '--1',
      '0x10',
      'NaN',
      '1.1234567',
      '１',
    ]) {
      expect([bad, codeOf(() => parseMicro(bad))]).toEqual([bad, 'parse']);
    }
    expect(() => parseMicro('1.1234567')).toThrow('"1.1234567" has more than 6 decimals');
    expect(codeOf(() => parseMicro('9'.repeat(500)))).toBe('parse');
    expect(codeOf(() => formatDecimal(1n, -1))).toBe('range');
    expect(codeOf(() => parseDecimal('1', 0.5))).toBe('range');
  });
});
