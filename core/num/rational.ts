/**
 * Exact rational numbers on BigInt. A Rational is plain immutable data in lowest terms with den > 0, so two equal
 * numbers are equal field by field and a state that holds one can be cloned and compared.
 *
 * Nothing rounds except the functions that take a `Rounding` or say floor or ceil in their name.
 */
import { formatDecimal } from './decimal.ts';
import { scalb } from './double-bits.ts';
import { assertSafeInt, divRound, gcd, isqrt, type Rounding } from './int.ts';
import { NumError } from './num-error.ts';

export interface Rational {
  readonly num: bigint;
  readonly den: bigint;
}

const MAX_CHARS = 1000;
const MAX_EXPONENT = 400;
const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?$/;
const FRACTION = /^(-?[0-9]+)\/([0-9]+)$/;

export const RAT_ZERO: Rational = Object.freeze({ num: 0n, den: 1n });
export const RAT_ONE: Rational = Object.freeze({ num: 1n, den: 1n });

/** num / den in lowest terms; numbers must be safe integers. Throws `divide-by-zero` or `not-safe-integer`. */
export function rat(num: bigint | number, den: bigint | number = 1n): Rational {
  return normal(toBig(num, 'num'), toBig(den, 'den'));
}

/**
 * Exact value of a text: an integer "-12", a decimal "3.16227766", a decimal with an exponent "-1e-3" (at most 400
 * in size), or a fraction of integers "3/10". Throws `parse` for anything else: no spaces, no leading "+", no bare
 * point (".5", "5."), no separators, no "Infinity"; and `divide-by-zero` for "1/0".
 */
export function ratParse(text: string): Rational {
  if (text.length > MAX_CHARS) throw new NumError('parse', `a number of ${text.length} characters`);
  const fraction = FRACTION.exec(text);
  if (fraction !== null) return normal(BigInt(fraction[1]!), BigInt(fraction[2]!));
  const decimal = DECIMAL.exec(text);
  if (decimal === null) throw new NumError('parse', `"${text}" is not an integer, a decimal or a fraction n/d`);
  const tail = decimal[3] ?? '';
  const given = Number(decimal[4] ?? '0');
  if (given > MAX_EXPONENT || given < -MAX_EXPONENT) throw new NumError('parse', `"${text}": exponent beyond 400`);
  const size = BigInt(decimal[2]! + tail);
  const exponent = given - tail.length;
  const num = decimal[1] === '-' ? -size : size;
  return exponent >= 0 ? { num: num * pow10(exponent), den: 1n } : normal(num, pow10(-exponent));
}

/** a + b. */
export function ratAdd(a: Rational, b: Rational): Rational {
  return a.den === b.den ? normal(a.num + b.num, a.den) : normal(a.num * b.den + b.num * a.den, a.den * b.den);
}

/** a - b. */
export function ratSub(a: Rational, b: Rational): Rational {
  return a.den === b.den ? normal(a.num - b.num, a.den) : normal(a.num * b.den - b.num * a.den, a.den * b.den);
}

/** a * b. */
export function ratMul(a: Rational, b: Rational): Rational {
  return normal(a.num * b.num, a.den * b.den);
}

/** a / b. Throws `divide-by-zero`. */
export function ratDiv(a: Rational, b: Rational): Rational {
  return normal(a.num * b.den, a.den * b.num);
}

/** -a. */
export function ratNeg(a: Rational): Rational {
  return { num: -a.num, den: a.den };
}

/** -1, 0 or 1 as a is less than, equal to or greater than b. */
export function ratCmp(a: Rational, b: Rational): -1 | 0 | 1 {
  const left = a.num * b.den;
  const right = b.num * a.den;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** True when a = b. */
export function ratEq(a: Rational, b: Rational): boolean {
  return a.num === b.num && a.den === b.den;
}

/** The smaller one; the first of two equals. */
export function ratMin(a: Rational, b: Rational): Rational {
  return ratCmp(a, b) <= 0 ? a : b;
}

/** The greater one; the first of two equals. */
export function ratMax(a: Rational, b: Rational): Rational {
  return ratCmp(a, b) >= 0 ? a : b;
}

/** The integer nearest to a in the named direction. */
export function ratRound(a: Rational, rounding: Rounding): bigint {
  return divRound(a.num, a.den, rounding);
}

/** Greatest integer <= a. */
export function ratFloor(a: Rational): bigint {
  return divRound(a.num, a.den, 'floor');
}

/** Least integer >= a. */
export function ratCeil(a: Rational): bigint {
  return divRound(a.num, a.den, 'ceil');
}

/** "n/d", or "n" for an integer; ratParse reads it back. */
export function ratToString(a: Rational): string {
  return a.den === 1n ? a.num.toString() : `${a.num}/${a.den}`;
}

/** Decimal text with exactly `places` (0 to 1000) decimals, rounded once. Throws `range` for bad places. */
export function ratToDecimal(a: Rational, places: number, rounding: Rounding): string {
  if (!Number.isSafeInteger(places) || places < 0 || places > 1000) throw new NumError('range', `places = ${places}`);
  return formatDecimal(divRound(a.num * pow10(places), a.den, rounding), places);
}

/**
 * The double nearest to a, ties to even; for reports and statistics, never for a balance. Beyond the double range it
 * is Infinity; below 2^-1022 the result is within one unit of the subnormal spacing.
 */
export function ratToNumber(a: Rational): number {
  if (a.num === 0n) return 0;
  const size = a.num < 0n ? -a.num : a.num;
  // Scale to a quotient of 64 to 66 bits and fold what is left into a sticky last bit: Number() then rounds once.
  const shift = 65 - (bitLength(size) - bitLength(a.den));
  const n = shift > 0 ? size << BigInt(shift) : size;
  const d = shift < 0 ? a.den << BigInt(-shift) : a.den;
  const q = n / d;
  const value = scalb(Number(q * d === n ? q : q | 1n), -shift);
  return a.num < 0n ? -value : value;
}

/** floor(sqrt(a) * scale), exact. Throws `range` for a < 0 or scale < 0. */
export function sqrtRoundDown(a: Rational, scaleBy: bigint): bigint {
  checkRoot(a, scaleBy);
  return isqrt((a.num * scaleBy * scaleBy) / a.den);
}

/** ceil(sqrt(a) * scale), exact. Throws `range` for a < 0 or scale < 0. */
export function sqrtRoundUp(a: Rational, scaleBy: bigint): bigint {
  checkRoot(a, scaleBy);
  const square = divRound(a.num * scaleBy * scaleBy, a.den, 'ceil');
  const root = isqrt(square);
  return root * root === square ? root : root + 1n;
}

function checkRoot(a: Rational, scaleBy: bigint): void {
  if (a.num < 0n || scaleBy < 0n) throw new NumError('range', `square root of ${ratToString(a)} times ${scaleBy}`);
}

function normal(num: bigint, den: bigint): Rational {
  if (den === 0n) throw new NumError('divide-by-zero', `${num} / 0`);
  if (den < 0n) {
    num = -num;
    den = -den;
  }
  if (den === 1n) return { num, den };
  const g = gcd(num, den);
  return g === 1n ? { num, den } : { num: num / g, den: den / g };
}

function toBig(x: bigint | number, name: string): bigint {
  if (typeof x === 'bigint') return x;
  assertSafeInt(x, name);
  return BigInt(x);
}

function pow10(n: number): bigint {
  return 10n ** BigInt(n);
}

function bitLength(n: bigint): number {
  const hex = n.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28;
}
