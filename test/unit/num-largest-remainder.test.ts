import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { largestRemainder, largestRemainderInt, NumError } from '../../core/num/index.ts';

const sum = (xs: readonly bigint[]) => xs.reduce((a, b) => a + b, 0n);

/** Hamilton's rule the slow obvious way: sort all (remainder, index) and hand out the rest. */
function oracle(total: bigint, weights: readonly bigint[]): bigint[] {
  const size = total < 0n ? -total : total;
  const all = sum(weights);
  const shares = weights.map((w) => (size * w) / all);
  const order = weights
    .map((w, i) => ({ rest: (size * w) % all, i }))
    .sort((a, b) => (a.rest === b.rest ? a.i - b.i : a.rest > b.rest ? -1 : 1));
  for (let k = 0n; k < size - sum(weights.map((w) => (size * w) / all)); k++) {
    const { i } = order[Number(k)]!;
    shares[i] = shares[i]! + 1n;
  }
  return total < 0n ? shares.map((s) => -s) : shares;
}

const weight = fc.oneof(fc.nat(10), fc.nat(1_000_000), fc.maxSafeNat(), fc.constant(0));
const anyWeight = fc.oneof(weight, fc.bigInt({ min: 0n, max: 2n ** 80n }));
const total = fc.oneof(
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }),
  fc.maxSafeInteger().map(BigInt),
);

describe('largest remainder', () => {
  test('by hand', () => {
    expect(largestRemainder(100n, [1, 1, 1])).toEqual([34n, 33n, 33n]);
    expect(largestRemainder(10n, [3, 3, 3, 1])).toEqual([3n, 3n, 3n, 1n]);
    expect(largestRemainder(7n, [0, 5n, 0, 5])).toEqual([0n, 4n, 0n, 3n]);
    expect(largestRemainder(-100n, [1, 1, 1])).toEqual([-34n, -33n, -33n]);
    expect(largestRemainder(0n, [4, 2])).toEqual([0n, 0n]);
    // The Alabama paradox of 1880 in small: one seat more in the house, one less for the third state.
    expect(largestRemainderInt(10, [6, 6, 2])).toEqual([4, 4, 2]);
    expect(largestRemainderInt(11, [6, 6, 2])).toEqual([5, 5, 1]);
  });

  test('agrees with the definition: sum exact, quota kept, zero weights get nothing', () => {
    fc.assert(
      fc.property(total, fc.array(anyWeight, { minLength: 1, maxLength: 40 }), (t, weights) => {
        const big = weights.map(BigInt);
        fc.pre(big.some((w) => w > 0n));
        const shares = largestRemainder(t, weights);
        expect(shares).toEqual(oracle(t, big));
        expect(sum(shares)).toBe(t);
        const all = sum(big);
        shares.forEach((s, i) => {
          const gap = s * all - t * big[i]!;
          expect(gap < all && gap > -all).toBe(true);
          if (big[i] === 0n) expect(s).toBe(0n);
        });
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  test('the number path and the BigInt path agree, also with many weights and many leftovers', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.array(fc.nat(3_000_000), { minLength: 25, maxLength: 120 }), (t, weights) => {
        fc.pre(weights.some((w) => w > 0));
        const expected = oracle(BigInt(t), weights.map(BigInt));
        expect(largestRemainderInt(t, weights).map(BigInt)).toEqual(expected);
        const few = t % 1_000_003;
        expect(largestRemainderInt(few, weights).map(BigInt)).toEqual(oracle(BigInt(few), weights.map(BigInt)));
        expect(largestRemainder(BigInt(few), weights.map(BigInt))).toEqual(oracle(BigInt(few), weights.map(BigInt)));
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  test('a total without an owner is refused, no total needs none', () => {
    expect(() => largestRemainder(1n, [0, 0n])).toThrow(NumError);
    expect(() => largestRemainder(1n, [])).toThrow(/zero-weight/);
    expect(() => largestRemainderInt(-1, [0])).toThrow(/zero-weight/);
    expect(largestRemainder(0n, [0, 0n])).toEqual([0n, 0n]);
    expect(largestRemainderInt(0, [])).toEqual([]);
    expect(() => largestRemainder(1n, [1, -1])).toThrow(/range/);
    expect(() => largestRemainder(1n, [1, -1n])).toThrow(/range/);
    expect(() => largestRemainder(1n, [0.5])).toThrow(/not-safe-integer/);
    expect(() => largestRemainder(2n ** 70n, [0.5])).toThrow(/not-safe-integer/);
  });
});
