/** The standard normal distribution. NaN gives NaN; a probability outside [0, 1] throws `range`. */
import { erfc } from './erf.ts';
import { exp } from './exp.ts';
import { log } from './log.ts';
import { NumError } from './num-error.ts';

const SQRT_HALF = Math.SQRT1_2;
const SQRT_HALF_LO = -4.833646656726457e-17;
const TWO_OVER_SQRT_PI = 1.1283791670955126;
const INV_SQRT_2PI = 0.3989422804014327;
const SPLIT = 134217729; // 2^27 + 1

/** Density at x. */
export function normalPdf(x: number): number {
  if (x > 40 || x < -40) return 0;
  const head = Math.fround(x);
  return INV_SQRT_2PI * exp(-0.5 * head * head) * exp(-0.5 * (x - head) * (x + head));
}

/** P(X <= x); relative error below 1e-15 down to the underflow at x = -38. */
export function normalCdf(x: number): number {
  if (x < -40) return 0;
  if (x > 40) return 1;
  // erfc(t) / 2 at t = -x / sqrt 2; in the tail the rounding of t costs a factor x^2, so it is corrected to first order.
  const t = -x * SQRT_HALF;
  const a = SPLIT * -x;
  const high = a - (a + x);
  const low = -x - high;
  const b = SPLIT * SQRT_HALF;
  const high2 = b - (b - SQRT_HALF);
  const low2 = SQRT_HALF - high2;
  const lost = high * high2 - t + high * low2 + low * high2 + low * low2 - x * SQRT_HALF_LO;
  return 0.5 * (erfc(t) - TWO_OVER_SQRT_PI * exp(-t * t) * lost);
}

/** P(X > x), accurate in the upper tail. */
export function normalTail(x: number): number {
  return normalCdf(-x);
}

/**
 * The x with P(X <= x) = p; -Infinity at 0, Infinity at 1. Relative error about 1e-15.
 * Source: Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37, 1988; coefficients in falling order of the power.
 */
export function normalQuantile(p: number): number {
  if (Number.isNaN(p)) return NaN;
  if (!(p >= 0 && p <= 1)) throw new NumError('range', `normalQuantile(${p})`);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * poly(r, A)) / poly(r, B);
  }
  const tail = q < 0 ? p : 1 - p;
  if (tail === 0) return q < 0 ? -Infinity : Infinity;
  const r = Math.sqrt(-log(tail));
  const x = r <= 5 ? poly(r - 1.6, C) / poly(r - 1.6, D) : poly(r - 5, E) / poly(r - 5, F);
  return q < 0 ? -x : x;
}

const A = [
  2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513,
  133.14166789178438, 3.3871328727963665,
];
const B = [
  5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579,
  42.31333070160091, 1,
];
const C = [
  7.745450142783414e-4, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
  5.769497221460691, 4.630337846156546, 1.4234371107496835,
];
const D = [
  1.0507500716444169e-9, 5.475938084995345e-4, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
  1.6763848301838038, 2.053191626637759, 1,
];
const E = [
  2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487,
  1.7848265399172913, 5.463784911164114, 6.657904643501103,
];
const F = [
  2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 7.868691311456133e-4, 0.014875361290850615,
  0.1369298809227358, 0.599832206555888, 1,
];

function poly(x: number, coefficients: readonly number[]): number {
  let y = 0;
  for (let i = 0; i < coefficients.length; i++) y = y * x + coefficients[i]!;
  return y;
}
