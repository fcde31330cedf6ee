/**
 * exp, exp(x) - 1 and tanh, with the same bits on every platform.
 *
 * Algorithm and coefficients: fdlibm, files e_exp.c, s_expm1.c and s_tanh.c (Copyright (C) 1993, 2004 by Sun
 * Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and distribute this software is freely
 * granted, provided that this notice is preserved). Written anew here.
 *
 * Method: x = k log 2 + r with |r| <= log(2) / 2 in two pieces, a rational minimax approximation of exp(r), and an
 * exact scaling by 2^k. Changed from the source: thresholds on the high word are written as the doubles where the
 * high word changes, 2^k comes from a table, so that no bits are picked apart, and exp(1) is the double nearest to e,
 * which the formula misses by one ulp.
 */
import { fromWords, POW2_BIAS, POW2 as POWERS } from './double-bits.ts';

const POW2 = POWERS;
const BIAS = POW2_BIAS;

const LN2_HI = 0.6931471803691238;
const LN2_LO = 1.9082149292705877e-10;
const INV_LN2 = Math.LOG2E;
const E = Math.E;
const OVERFLOW = 709.782712893384;
const UNDERFLOW = -745.1332191019411;
const TWOM1000 = 9.332636185032189e-302;
const P1 = 0.16666666666666602;
const P2 = -0.0027777777777015593;
const P3 = 6.613756321437934e-5;
const P4 = -1.6533902205465252e-6;
const P5 = 4.1381367970572385e-8;
const Q1 = -0.03333333333333313;
const Q2 = 0.0015873015872548146;
const Q3 = -7.93650757867488e-5;
const Q4 = 4.008217827329362e-6;
const Q5 = -2.0109921818362437e-7;

const HALF_LN2 = fromWords(0x3fd62e43, 0); // about 0.5 log 2
const ONE_HALF_LN2 = fromWords(0x3ff0a2b2, 0); // about 1.5 log 2
const TWOM28 = fromWords(0x3e300000, 0);
const TWOM54 = fromWords(0x3c900000, 0);
const LN2_56 = fromWords(0x4043687a, 0); // about 56 log 2

/** e^x, below 1 ulp. exp(-Infinity) = 0, overflow to Infinity above 709.78, underflow to 0 below -745.13. */
export function exp(x: number): number {
  const size = x < 0 ? -x : x;
  let k = 0;
  let hi = 0;
  let lo = 0;
  if (size >= HALF_LN2) {
    if (x > OVERFLOW) return Infinity;
    if (x < UNDERFLOW) return 0;
    if (size < ONE_HALF_LN2) {
      if (x === 1) return E;
      k = x < 0 ? -1 : 1;
      hi = x < 0 ? x + LN2_HI : x - LN2_HI;
      lo = x < 0 ? -LN2_LO : LN2_LO;
    } else {
      k = (INV_LN2 * x + (x < 0 ? -0.5 : 0.5)) | 0;
      hi = x - k * LN2_HI;
      lo = k * LN2_LO;
    }
    x = hi - lo;
  } else if (!(size >= TWOM28)) {
    return 1 + x; // tiny, or NaN
  }
  const t = x * x;
  const c = x - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))));
  if (k === 0) return 1 - ((x * c) / (c - 2) - x);
  const y = 1 - (lo - (x * c) / (2 - c) - hi);
  if (k < -1021) return y * POW2[BIAS + k + 1000]! * TWOM1000;
  return k === 1024 ? y * 2 * POW2[BIAS + 1023]! : y * POW2[BIAS + k]!;
}

/** e^x - 1, below 1 ulp also near 0. expm1(-0) = -0, expm1(-Infinity) = -1. */
export function expm1(x: number): number {
  const size = x < 0 ? -x : x;
  let k = 0;
  let c = 0;
  if (size >= HALF_LN2) {
    if (size >= LN2_56) {
      if (x > OVERFLOW) return Infinity;
      if (x < 0) return -1;
    }
    let hi = 0;
    let lo = 0;
    if (size < ONE_HALF_LN2) {
      k = x < 0 ? -1 : 1;
      hi = x < 0 ? x + LN2_HI : x - LN2_HI;
      lo = x < 0 ? -LN2_LO : LN2_LO;
    } else {
      k = (INV_LN2 * x + (x < 0 ? -0.5 : 0.5)) | 0;
      hi = x - k * LN2_HI;
      lo = k * LN2_LO;
    }
    x = hi - lo;
    c = hi - x - lo; // what the rounding of hi - lo lost
  } else if (!(size >= TWOM54)) {
    return x; // tiny, or NaN
  }
  const half = 0.5 * x;
  const h = x * half;
  const r = 1 + h * (Q1 + h * (Q2 + h * (Q3 + h * (Q4 + h * Q5))));
  let t = 3 - r * half;
  let e = h * ((r - t) / (6 - x * t));
  if (k === 0) return x - (x * e - h);
  e = x * (e - c) - c;
  e -= h;
  if (k === -1) return 0.5 * (x - e) - 0.5;
  if (k === 1) return x < -0.25 ? -2 * (e - (x + 0.5)) : 1 + 2 * (x - e);
  if (k <= -2 || k > 56) {
    const y = 1 - (e - x);
    return (k === 1024 ? y * 2 * POW2[BIAS + 1023]! : y * POW2[BIAS + k]!) - 1;
  }
  t = POW2[BIAS - k]!;
  return (k < 20 ? 1 - t - (e - x) : x - (e + t) + 1) * POW2[BIAS + k]!;
}

/** Hyperbolic tangent, below 2 ulp. tanh(±Infinity) = ±1, tanh(-0) = -0. */
export function tanh(x: number): number {
  const size = x < 0 ? -x : x;
  if (!(size >= TWOM28)) return x;
  if (size >= 22) return x < 0 ? -1 : 1;
  if (size >= 1) {
    const t = expm1(2 * size);
    const y = 1 - 2 / (t + 2);
    return x < 0 ? -y : y;
  }
  const t = expm1(-2 * size);
  const y = -t / (t + 2);
  return x < 0 ? -y : y;
}
