/**
 * Exact integer arithmetic on safe integers (|x| <= 2^53 - 1) and on BigInt, with the rounding named at the call.
 *
 * Nothing wraps: a result that does not fit throws `NumError` with code `overflow`. Results are never -0.
 */
import { NumError } from './num-error.ts';

/**
 * - `floor`: towards -infinity. `ceil`: towards +infinity.
 * - `half-even`: nearest, a tie to the even neighbour.
 * - `half-up`: nearest, a tie towards +infinity, which is floor(x + 1/2): 2.5 -> 3, -2.5 -> -2.
 */
export type Rounding = 'floor' | 'ceil' | 'half-even' | 'half-up';

const MAX = Number.MAX_SAFE_INTEGER;

/** True for integers of at most 53 bits; -0 counts as the integer 0. */
export function isSafeInt(x: number): boolean {
  return Number.isSafeInteger(x);
}

/** Throws `not-safe-integer`, naming the argument. */
export function assertSafeInt(x: number, name: string): void {
  if (!Number.isSafeInteger(x)) throw new NumError('not-safe-integer', `${name} = ${x}`);
}

/** Throws `not-safe-integer`, or `range` below 0. */
export function assertNonNegativeInt(x: number, name: string): void {
  if (!Number.isSafeInteger(x)) throw new NumError('not-safe-integer', `${name} = ${x}`);
  if (x < 0) throw new NumError('range', `${name} = ${x} is negative`);
}

/** Throws `not-safe-integer`, or `range` below 1. */
export function assertPositiveInt(x: number, name: string): void {
  if (!Number.isSafeInteger(x)) throw new NumError('not-safe-integer', `${name} = ${x}`);
  if (x <= 0) throw new NumError('range', `${name} = ${x} is not positive`);
}

/** Throws `not-safe-integer`, or `range` outside [lo, hi]. */
export function assertIntInRange(x: number, lo: number, hi: number, name: string): void {
  if (!Number.isSafeInteger(x)) throw new NumError('not-safe-integer', `${name} = ${x}`);
  if (x < lo || x > hi) throw new NumError('range', `${name} = ${x} is outside [${lo}, ${hi}]`);
}

/** Throws `overflow` unless -2^(bits-1) <= x < 2^(bits-1), the range of a signed integer of that width. */
export function assertSignedBits(x: bigint, bits: number, name: string): void {
  if (BigInt.asIntN(bits, x) !== x) throw new NumError('overflow', `${name} = ${x} needs more than ${bits} bits`);
}

/** The same integer as a number; throws `overflow` outside the safe range. */
export function toSafeInt(x: bigint, name: string): number {
  const n = Number(x);
  if (!Number.isSafeInteger(n)) throw new NumError('overflow', `${name} = ${x} is not a safe integer`);
  return n;
}

/** a + b of safe integers; throws `not-safe-integer` or `overflow`. */
export function addInt(a: number, b: number): number {
  assertSafeInt(a, 'a');
  assertSafeInt(b, 'b');
  return checked(a + b, '+', a, b);
}

/** a - b of safe integers; throws `not-safe-integer` or `overflow`. */
export function subInt(a: number, b: number): number {
  assertSafeInt(a, 'a');
  assertSafeInt(b, 'b');
  return checked(a - b, '-', a, b);
}

/** a * b of safe integers; throws `not-safe-integer` or `overflow`. */
export function mulInt(a: number, b: number): number {
  assertSafeInt(a, 'a');
  assertSafeInt(b, 'b');
  return checked(a * b, '*', a, b);
}

/** A sum or product of safe integers is exact exactly when the rounded double is again a safe integer. */
function checked(x: number, op: string, a: number, b: number): number {
  if (x > MAX || x < -MAX) throw new NumError('overflow', `${a} ${op} ${b}`);
  return x + 0;
}

/**
 * a * b / c, rounded once, exact for every safe-integer argument: no BigInt is made while |a * b| < 2^53.
 * Throws `not-safe-integer`, `divide-by-zero`, or `overflow` when the quotient is not a safe integer.
 */
export function mulDiv(a: number, b: number, c: number, rounding: Rounding): number {
  assertSafeInt(a, 'a');
  assertSafeInt(b, 'b');
  assertSafeInt(c, 'c');
  const p = a * b;
  if (p > MAX || p < -MAX) return toSafeInt(divRound(BigInt(a) * BigInt(b), BigInt(c), rounding), 'a * b / c');
  return divInt(p, c, rounding);
}

/**
 * n / d of safe integers, rounded as named. Throws `not-safe-integer` or `divide-by-zero`.
 *
 * Why the double quotient is enough: for 0 <= n < 2^53 and d >= 1, a quotient that is no integer lies at least
 * 1/d below the next integer k, a relative gap of at least 1/(n + 1) >= 2^-53, more than half an ulp below k;
 * so floor(fl(n / d)) = floor(n / d), and q * d <= n makes the remainder exact.
 */
export function divInt(n: number, d: number, rounding: Rounding): number {
  assertSafeInt(n, 'n');
  assertSafeInt(d, 'd');
  if (d === 0) throw new NumError('divide-by-zero', `${n} / 0`);
  const size = Math.abs(d);
  const magnitude = Math.abs(n);
  let q = Math.floor(magnitude / size);
  let r = magnitude - q * size;
  if (n < 0 !== d < 0) {
    q = -q;
    if (r !== 0) {
      q -= 1;
      r = size - r;
    }
  }
  // Here n / d = q + r / size with 0 <= r < size.
  if (r !== 0) {
    const rest = size - r;
    if (rounding === 'ceil' || (rounding !== 'floor' && (r > rest || (r === rest && tieGoesUp(q % 2 !== 0, rounding)))))
      q += 1;
  }
  return q + 0;
}

/** n / d of BigInt, rounded as named. Throws `divide-by-zero`. */
export function divRound(n: bigint, d: bigint, rounding: Rounding): bigint {
  if (d === 0n) throw new NumError('divide-by-zero', `${n} / 0`);
  let q = n / d;
  let r = n % d;
  if (r === 0n) return q;
  if (d < 0n) {
    d = -d;
    r = -r;
  }
  if (r < 0n) {
    q -= 1n;
    r += d;
  }
  if (rounding === 'floor') return q;
  if (rounding === 'ceil') return q + 1n;
  const twice = r + r;
  return twice > d || (twice === d && tieGoesUp((q & 1n) === 1n, rounding)) ? q + 1n : q;
}

function tieGoesUp(floorIsOdd: boolean, rounding: Rounding): boolean {
  return rounding === 'half-up' || floorIsOdd;
}

/** x limited to [lo, hi], for any finite numbers. Throws `range` when lo > hi or an argument is NaN. */
export function clamp(x: number, lo: number, hi: number): number {
  if (!(lo <= hi) || Number.isNaN(x)) throw new NumError('range', `clamp(${x}, ${lo}, ${hi})`);
  return x < lo ? lo : x > hi ? hi : x;
}

/** Greatest common divisor, never negative; gcd(0, 0) = 0. */
export function gcd(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a;
  let y = b < 0n ? -b : b;
  while (y !== 0n) {
    if (x <= 9007199254740991n && y <= 9007199254740991n) {
      let u = Number(x);
      let v = Number(y);
      while (v !== 0) {
        const t = u % v;
        u = v;
        v = t;
      }
      return BigInt(u);
    }
    const t = x % y;
    x = y;
    y = t;
  }
  return x;
}

/** floor(sqrt(n)), exact. Throws `range` for negative n. Newton's iteration from above, started from a double. */
export function isqrt(n: bigint): bigint {
  if (n < 0n) throw new NumError('range', `isqrt(${n})`);
  if (n === 0n) return 0n;
  const bits = n.toString(16).length * 4;
  const shift = bits > 104 ? BigInt((bits - 104 + 1) & ~1) : 0n;
  let x = (BigInt(Math.floor(Math.sqrt(Number(n >> shift)))) + 2n) << (shift >> 1n);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}
