/** Money and use computed in doubles where that is exact agree with the same in BigInt everywhere. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExactSum } from '../../core/num/index.ts';
import { microOf } from '../../core/settlement/metering.ts';

const PER_MICRO = 3_600_000_000_000n;
const MAX = Number.MAX_SAFE_INTEGER;
const spread = (max: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: Math.min(max, 1000) }),
    fc.integer({ min: 0, max: Math.floor(max / 1_000_000) }).map((x) => x * 1_000_000),
    fc.maxSafeNat().map((x) => x % (max + 1)),
  );

test('a use in micro-units is the exact quotient, rounded as asked', () => {
  // A small set of rates and sizes makes remembered products meet other ones in the same slot.
  const rate = fc.oneof(fc.constantFrom(0, 1, 1_000_000, 2_170_000, 3_333_333), spread(10_000_000_000));
  const milli = fc.oneof(fc.constantFrom(1000, 500, 8000, 128_000), spread(1_000_000));
  fc.assert(
    fc.property(fc.array(fc.tuple(rate, milli, spread(MAX)), { minLength: 1, maxLength: 20 }), (uses) => {
      for (const [r, m, us] of uses) {
        const n = BigInt(r) * BigInt(m) * BigInt(us);
        if (microOf(r, m, us, false) !== n / PER_MICRO) return false;
        if (microOf(r, m, us, true) !== (n + PER_MICRO - 1n) / PER_MICRO) return false;
      }
      return true;
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('quotients next to a whole number are not rounded to it', () => {
  for (const us of [3_600_000_000 - 1, 3_600_000_000, 3_600_000_000 + 1, MAX, MAX - 1]) {
    for (const r of [1, 7, 999_999, 1_000_000, 1_000_001]) {
      const n = BigInt(r) * 1000n * BigInt(us);
      expect(microOf(r, 1000, us, false)).toBe(n / PER_MICRO);
      expect(microOf(r, 1000, us, true)).toBe((n + PER_MICRO - 1n) / PER_MICRO);
    }
  }
});

test('an exact sum loses nothing at the edge of what a double holds', () => {
  const whole = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -1000, max: 1000 }), fc.constantFrom(MAX, -MAX, 0, 1));
  fc.assert(
    fc.property(fc.array(fc.tuple(whole, whole), { maxLength: 50 }), (products) => {
      const sum = new ExactSum();
      let expected = 0n;
      for (const [a, b] of products) {
        sum.addProduct(a, b);
        expected += BigInt(a) * BigInt(b);
        if (sum.value !== expected) return false;
      }
      return true;
    }),
    { seed: 2, numRuns: 2000 },
  );
});
