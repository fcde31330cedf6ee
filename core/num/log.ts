/**
 * Natural, binary and decimal logarithms and log(1 + x), with the same bits on every platform.
 *
 * Algorithm and coefficients: fdlibm, files e_log.c and s_log1p.c (Copyright (C) 1993 by Sun Microsystems, Inc. All
 * rights reserved. Developed at SunSoft, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and
 * distribute this software is freely granted, provided that this notice is preserved). log2 and log10 follow the
 * later double-double scheme of FreeBSD's e_log2.c and e_log10.c. Written anew here.
 *
 * Method: x = 2^k (1 + f) with sqrt(1/2) < 1 + f < sqrt(2); with s = f / (2 + f),
 * log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), R a minimax polynomial; then k log 2 is added in two pieces.
 *
 * Changed from the source: the fraction is obtained by an exact multiplication with a power of two instead of
 * rewriting the exponent word, which gives the same bits without the store-to-load stall; the separate formulas for
 * k = 0 are dropped because adding 0 * log 2 gives the same bits.
 */
import {
  DOUBLE,
  DOUBLE_WORDS,
  fromWords,
  HIGH as HIGH_INDEX,
  highWord,
  POW2 as POWERS,
  truncateLow,
} from './double-bits.ts';

const f64 = DOUBLE;
const i32 = DOUBLE_WORDS;
const HIGH = HIGH_INDEX;
const POW2 = POWERS;
/** POW2[TO_ONE - e] is 2^(1023 - e): it takes a double with exponent field e to [1, 2). */
const TO_ONE = 2097;

const LN2_HI = 0.6931471803691238; // 32 bits, so that k * LN2_HI is exact
const LN2_LO = 1.9082149292705877e-10;
const TWO53 = 9007199254740992;
const TWO54 = 18014398509481984;
const L1 = 0.6666666666666735;
const L2 = 0.3999999999940942;
const L3 = 0.2857142874366239;
const L4 = 0.22222198432149784;
const L5 = 0.1818357216161805;
const L6 = 0.15313837699209373;
const L7 = 0.14798198605116586;
const INV_LN2_HI = 1.4426950407214463;
const INV_LN2_LO = 1.6751713164886512e-10;
const INV_LN10_HI = 0.4342944818781689;
const INV_LN10_LO = 2.5082946711645275e-11;
const LOG10_2_HI = 0.30102999566361177;
const LOG10_2_LO = 3.694239077158931e-13;

const TWOM29 = fromWords(0x3e200000, 0);
const TWOM54 = fromWords(0x3c900000, 0);
const LOG1P_LOW = fromWords(0xbfd2bec5, 0); // about sqrt(1/2) - 1
const LOG1P_HIGH = fromWords(0x3fda827a, 0); // about sqrt(2) - 1

/** Natural logarithm, below 1 ulp. log(±0) = -Infinity, log(x < 0) = NaN, log(Infinity) = Infinity. */
export function log(x: number): number {
  f64[0] = x;
  const hx = i32[HIGH]!;
  if (hx < 0x00100000 || hx >= 0x7ff00000) return logOfSpecial(x);
  const e = (hx + 0x95f64) >> 20;
  return logOfParts(x * POW2[TO_ONE - e]! - 1, e - 1023, hx & 0xfffff);
}

/** log of what is no positive normal double. */
function logOfSpecial(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0)) return NaN;
  if (x === Infinity) return x;
  const y = x * TWO54;
  const hy = highWord(y);
  const e = (hy + 0x95f64) >> 20;
  return logOfParts(y * POW2[TO_ONE - e]! - 1, e - 1077, hy & 0xfffff);
}

/** log(2^k (1 + f)); `fraction` is that of the high word of 1 + f. Apart so that both pieces are short enough to inline. */
function logOfParts(f: number, k: number, fraction: number): number {
  if ((0xfffff & (2 + fraction)) < 3) {
    // |f| < 2^-20
    if (f === 0) return k * LN2_HI + k * LN2_LO;
    const r = f * f * (0.5 - 0.3333333333333333 * f);
    return k * LN2_HI - (r - k * LN2_LO - f);
  }
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const r = z * (L1 + w * (L3 + w * (L5 + w * L7))) + w * (L2 + w * (L4 + w * L6));
  if (((fraction - 0x6147a) | (0x6b851 - fraction)) > 0) {
    const half = 0.5 * f * f;
    return k * LN2_HI - (half - (s * (half + r) + k * LN2_LO) - f);
  }
  return k * LN2_HI - (s * (f - r) - k * LN2_LO - f);
}

/** Base-2 logarithm, below 1 ulp; exact for powers of two. Special values as log. */
export function log2(x: number): number {
  let k = -1023;
  if (!(x >= 2.2250738585072014e-308)) {
    if (x === 0) return -Infinity;
    if (!(x > 0)) return NaN;
    x *= TWO54;
    k = -1077;
  } else if (x === Infinity) {
    return x;
  }
  const e = (highWord(x) + 0x95f64) >> 20;
  k += e;
  const f = x * POW2[TO_ONE - e]! - 1;
  const half = 0.5 * f * f;
  const rest = logTail(f, half);
  const hi = truncateLow(f - half);
  const lo = f - hi - half + rest;
  const top = hi * INV_LN2_HI;
  const sum = k + top;
  return (lo + hi) * INV_LN2_LO + lo * INV_LN2_HI + (k - sum + top) + sum;
}

/** Base-10 logarithm, below 1 ulp. Special values as log. */
export function log10(x: number): number {
  let k = -1023;
  if (!(x >= 2.2250738585072014e-308)) {
    if (x === 0) return -Infinity;
    if (!(x > 0)) return NaN;
    x *= TWO54;
    k = -1077;
  } else if (x === Infinity) {
    return x;
  }
  const e = (highWord(x) + 0x95f64) >> 20;
  k += e;
  const f = x * POW2[TO_ONE - e]! - 1;
  const half = 0.5 * f * f;
  const rest = logTail(f, half);
  const hi = truncateLow(f - half);
  const lo = f - hi - half + rest;
  const top = hi * INV_LN10_HI;
  const whole = k * LOG10_2_HI;
  const sum = whole + top;
  return k * LOG10_2_LO + (lo + hi) * INV_LN10_LO + lo * INV_LN10_HI + (whole - sum + top) + sum;
}

/** log(1 + x), below 1 ulp also where 1 + x would round x away. log1p(-1) = -Infinity, NaN below -1, log1p(-0) = -0. */
export function log1p(x: number): number {
  const size = x < 0 ? -x : x;
  if (size < TWOM29) return size < TWOM54 ? x : x - x * x * 0.5;
  // sqrt(1/2) < 1 + x < sqrt(2): no reduction, f = x is exact
  if (x > LOG1P_LOW && x < LOG1P_HIGH) {
    const half = 0.5 * x * x;
    return x - (half - logTailInOrder(x, half));
  }
  if (!(x > -1 && x < Infinity)) return x === -1 ? -Infinity : x === Infinity ? x : NaN;
  let u = x;
  let c = 0; // what the rounding of 1 + x lost, relative to it
  if (x < TWO53) {
    u = 1 + x;
    c = (u >= 2 ? 1 - (u - x) : x - (u - 1)) / u;
  }
  let hu = highWord(u);
  let k = (hu >> 20) - 1023;
  hu &= 0xfffff;
  if (hu >= 0x6a09e) {
    k += 1;
    hu = (0x100000 - hu) >> 2;
  }
  const f = u * POW2[1074 - k]! - 1;
  const half = 0.5 * f * f;
  if (hu === 0) {
    // |f| < 2^-20
    if (f === 0) return k * LN2_HI + (c + k * LN2_LO);
    const r = half * (1 - 0.6666666666666666 * f);
    return k * LN2_HI - (r - (k * LN2_LO + c) - f);
  }
  return k * LN2_HI - (half - (logTailInOrder(f, half) + (k * LN2_LO + c)) - f);
}

/** As logTail, with the polynomial in one chain, as log1p has it: the last bit may differ. */
function logTailInOrder(f: number, half: number): number {
  const s = f / (2 + f);
  const z = s * s;
  const r = z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * (L6 + z * L7))))));
  return s * (half + r);
}

/** log(1 + f) - (f - f^2/2), for sqrt(1/2) < 1 + f < sqrt(2); `half` is f^2/2. */
function logTail(f: number, half: number): number {
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const r = z * (L1 + w * (L3 + w * (L5 + w * L7))) + w * (L2 + w * (L4 + w * L6));
  return s * (half + r);
}
