/**
 * x to the power y, with the same bits on every platform, and with the special values of ECMAScript.
 *
 * Algorithm and coefficients: fdlibm, file e_pow.c (Copyright (C) 2004 by Sun Microsystems, Inc. All rights reserved.
 * Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is
 * preserved). Written anew here.
 *
 * Method: log2 |x| in two pieces whose first has few enough bits that its product with the first half of y is exact;
 * y log2 |x| = n + z with |z| <= 1/2; then 2^n exp(z log 2). Error below 0.9 ulp; exact when the result is an integer
 * of at most 53 bits. Changed from the source: the heads are rounded to 24 bits by Math.fround (a conversion to binary32,
 * fixed to the bit by IEEE 754) instead of cut to 21 by clearing the low word, which stalls on the store; products of
 * two heads are exact either way. The exponent is applied by an exact multiplication. And for |y| > 2^31
 * the head of 1 / log 2 has 21 bits, as the source's comment asks, where its constant has 24 and lets a product round
 * that is then multiplied by y: near overflow that cost hundreds of ulp.
 */
import { highWord, POW2, POW2_BIAS, scalb } from './double-bits.ts';

const TWO53 = 9007199254740992;
const TWOM19 = 1 / 524288;
const TWOM20 = 1 / 1048576;
const TWO31 = 2147483648 * (1 + TWOM20);
const TWO64 = 4294967296 * 4294967296 * (1 + TWOM20);
const ABOVE_HALF = 0.5 * (1 + TWOM20);
const LOG2_1P5_HI = 0.5849624872207642;
const LOG2_1P5_LO = 1.350039202129749e-8;
const L1 = 0.5999999999999946;
const L2 = 0.4285714285785502;
const L3 = 0.33333332981837743;
const L4 = 0.272728123808534;
const L5 = 0.23066074577556175;
const L6 = 0.20697501780033842;
const P1 = 0.16666666666666602;
const P2 = -0.0027777777777015593;
const P3 = 6.613756321437934e-5;
const P4 = -1.6533902205465252e-6;
const P5 = 4.1381367970572385e-8;
const LN2 = Math.LN2;
const LN2_HI = 0.6931471824645996;
const LN2_LO = -1.904654299957768e-9;
const OVERFLOW_TAIL = 8.008566259537294e-17; // -(1024 - log2(largest double + half an ulp))
const CP = 0.9617966939259756; // 2 / (3 log 2)
const CP_HI = 0.9617967009544373;
const CP_LO = -7.028461650952758e-9;
const INV_LN2 = Math.LOG2E;
const INV_LN2_HI = 1.4426946640014648; // 21 bits, so that its product with a 32-bit t is exact
const INV_LN2_LO = 3.768874985636099e-7;

/** x^y. NaN for a negative x and a y that is no integer, for |x| = 1 and infinite y, and for NaN y; x^0 = 1 for any x. */
export function pow(x: number, y: number): number {
  if (y === 0) return 1;
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN;
  const size = x < 0 ? -x : x;
  if (y === Infinity || y === -Infinity) {
    if (size === 1) return NaN;
    return size > 1 === y > 0 ? Infinity : 0;
  }
  if (y === 1) return x;
  if (y === -1) return 1 / x;
  if (y === 2) return x * x;
  if (y === 0.5 && x >= 0) return Math.sqrt(x + 0);

  const hx = highWord(x);
  const parity = hx < 0 ? parityOf(y) : 0;
  if (x === 0 || size === Infinity || size === 1) {
    const z = y < 0 ? 1 / Math.abs(x) : Math.abs(x);
    if (hx >= 0) return z;
    if (x === -1 && parity === 0) return NaN;
    return parity === 1 ? -z : z;
  }
  if (hx < 0 && parity === 0) return NaN;
  const sign = hx < 0 && parity === 1 ? -1 : 1;
  const ySize = Math.abs(y);
  const ix = hx & 0x7fffffff;

  let t1 = 0;
  let t2 = 0;
  if (ySize >= TWO31) {
    // |y| > 2^31: the result is 0 or Infinity unless |1 - |x|| < 2^-20, where a short series is enough.
    if (ySize >= TWO64) return size < 1 === y < 0 ? Infinity : 0;
    if (ix < 0x3fefffff) return sign * (y < 0 ? Infinity : 0);
    if (ix > 0x3ff00000) return sign * (y > 0 ? Infinity : 0);
    const t = size - 1;
    const w = t * t * (0.5 - t * (0.3333333333333333 - t * 0.25));
    const u = INV_LN2_HI * t;
    const v = t * INV_LN2_LO - w * INV_LN2;
    t1 = Math.fround(u + v);
    t2 = v - (t1 - u);
  } else {
    let a = size;
    let lost = 0;
    let high = ix;
    if (high < 0x00100000) {
      a *= TWO53;
      lost = 53;
      high = highWord(a);
    }
    // a is taken to [sqrt(3)/2, sqrt(3)) and compared with the centre 1 or 1.5
    let n = (high >> 20) - 1023;
    const j = high & 0xfffff;
    let centre = 1;
    let centreHi = 0; // log2 of the centre in two pieces
    let centreLo = 0;
    let sumHi = 2 + (j >> 1) * TWOM19; // a + centre to 21 bits, from the high word
    if (j > 0x3988e) {
      if (j < 0xbb67a) {
        centre = 1.5;
        centreHi = LOG2_1P5_HI;
        centreLo = LOG2_1P5_LO;
        sumHi += 0.5;
      } else {
        n += 1;
        sumHi = 1.5 + (j >> 1) * TWOM20;
      }
    }
    a *= POW2[POW2_BIAS - n]!;
    n -= lost;
    // s = (a - centre) / (a + centre) in two pieces
    const d = a - centre;
    const inverse = 1 / (a + centre);
    const s = d * inverse;
    const sHi = Math.fround(s);
    const sumLo = a - (sumHi - centre);
    const sLo = inverse * (d - sHi * sumHi - sHi * sumLo);
    // log a = s (2 + 2/3 s^2 + ...), as (3 + s^2 + r) * s * 2/3
    const ss = s * s;
    let r = ss * ss * (L1 + ss * (L2 + ss * (L3 + ss * (L4 + ss * (L5 + ss * L6)))));
    r += sLo * (sHi + s);
    const square = sHi * sHi;
    const hi = Math.fround(3 + square + r);
    const lo = r - (hi - 3 - square);
    const u = sHi * hi;
    const v = sLo * hi + lo * s;
    const pHi = Math.fround(u + v);
    const pLo = v - (pHi - u);
    const zHi = CP_HI * pHi;
    const zLo = CP_LO * pHi + pLo * CP + centreLo;
    t1 = Math.fround(zHi + zLo + centreHi + n);
    t2 = zLo - (t1 - n - centreHi - zHi);
  }

  const y1 = Math.fround(y);
  const pLo = (y - y1) * t1 + y * t2;
  const pHi = y1 * t1;
  const z = pLo + pHi;
  if (z >= 1024) {
    if (z > 1024 || pLo + OVERFLOW_TAIL > z - pHi) return sign * Infinity;
  } else if (z <= -1075) {
    if (z < -1075 || pLo <= z - pHi) return sign * 0;
  }
  return sign * exp2(z, pHi, pLo);
}

/** 2^(hi + lo), where z = hi + lo rounded and -1075 <= z <= 1024. */
function exp2(z: number, hi: number, lo: number): number {
  let n = 0;
  let top = hi;
  if (Math.abs(z) >= ABOVE_HALF) {
    n = z < 0 ? -Math.floor(0.5 - z) : Math.floor(0.5 + z);
    top -= n;
  }
  const t = Math.fround(lo + top);
  const u = t * LN2_HI;
  const v = (lo - (t - top)) * LN2 + t * LN2_LO;
  const w = u + v;
  const rest = v - (w - u);
  const s = w * w;
  const c = w - s * (P1 + s * (P2 + s * (P3 + s * (P4 + s * P5))));
  const r = (w * c) / (c - 2) - (rest + w * rest);
  const y = 1 - (r - w);
  return n >= -1021 && n <= 1023 ? y * POW2[POW2_BIAS + n]! : scalb(y, n);
}

/** 0: y is no integer, 1: an odd integer, 2: an even integer. */
function parityOf(y: number): 0 | 1 | 2 {
  if (Math.floor(y) !== y) return 0;
  return Math.floor(y / 2) * 2 === y ? 2 : 1;
}
