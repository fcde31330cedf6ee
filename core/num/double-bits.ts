/**
 * The bits of a double and exact powers of two: what the elementary functions need beside + - * /.
 *
 * One shared buffer; which word is the high one is asked of the machine once. Modules that read it in a hot loop
 * keep a local alias of the constants, and read a word that was just stored as a double (a 32-bit store followed by
 * a 64-bit load would stall).
 */
import { NumError } from './num-error.ts';

/** Scratch double; its two words are DOUBLE_WORDS[HIGH] (sign, exponent, 20 bits) and DOUBLE_WORDS[LOW]. */
export const DOUBLE = new Float64Array(1);
/** The words of DOUBLE as signed 32-bit integers. */
export const DOUBLE_WORDS = new Int32Array(DOUBLE.buffer);
DOUBLE[0] = 1;
/** Index of the word with sign and exponent: 1 on little-endian machines, 0 on big-endian ones. */
export const HIGH = DOUBLE_WORDS[1] === 0x3ff00000 ? 1 : 0;
export const LOW = 1 - HIGH;

/** POW2[POW2_BIAS + n] = 2^n, exact, for -1074 <= n <= 1023. */
export const POW2 = new Float64Array(2098);
export const POW2_BIAS = 1074;
POW2[POW2_BIAS] = 1;
for (let n = 1; n <= 1023; n++) POW2[POW2_BIAS + n] = 2 * POW2[POW2_BIAS + n - 1]!;
for (let n = 1; n <= 1074; n++) POW2[POW2_BIAS - n] = 0.5 * POW2[POW2_BIAS - n + 1]!;

/** The high word of x (sign, 11 bits of exponent, 20 bits of fraction) as a signed 32-bit integer. */
export function highWord(x: number): number {
  DOUBLE[0] = x;
  return DOUBLE_WORDS[HIGH]!;
}

/** The low 32 bits of the fraction of x as a signed 32-bit integer. */
export function lowWord(x: number): number {
  DOUBLE[0] = x;
  return DOUBLE_WORDS[LOW]!;
}

/** The double with these two words, each read modulo 2^32. */
export function fromWords(high: number, low: number): number {
  DOUBLE_WORDS[HIGH] = high;
  DOUBLE_WORDS[LOW] = low;
  return DOUBLE[0]!;
}

/** x with the low 32 bits of its fraction cleared: 21 significant bits, towards zero. */
export function truncateLow(x: number): number {
  DOUBLE[0] = x;
  DOUBLE_WORDS[LOW] = 0;
  return DOUBLE[0]!;
}

/**
 * x * 2^n, rounded once. n is any integer; throws `range` when it is not one.
 *
 * Downwards the first steps are by 2^-969, so that the last one is by at most 2^-54: whatever an earlier step loses
 * in the subnormal range is then below half of the smallest double.
 */
export function scalb(x: number, n: number): number {
  if (!Number.isSafeInteger(n)) throw new NumError('range', `scalb by ${n}`);
  let y = x;
  let left = n;
  for (let i = 0; i < 2 && left > 1023; i++) {
    y *= POW2[POW2_BIAS + 1023]!;
    left -= 1023;
  }
  for (let i = 0; i < 2 && left < -1022; i++) {
    y *= POW2[POW2_BIAS - 969]!;
    left += 969;
  }
  return y * POW2[POW2_BIAS + (left > 1023 ? 1023 : left < -1022 ? -1022 : left)]!;
}
