/**
 * sin, cos, tan and atan of radians, with the same bits on every platform, for every double (the reduction of huge
 * arguments is exact too: see pi-reduction.ts).
 *
 * Algorithm and coefficients: fdlibm, files k_sin.c, k_cos.c, k_tan.c and s_atan.c (Copyright (C) 1993, 2004 by Sun
 * Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and distribute this software is freely
 * granted, provided that this notice is preserved), the cosine kernel as refined in FreeBSD. Written anew here.
 */
import { fromWords, truncateLow } from './double-bits.ts';
import { REMAINDER, reduceByHalfPi } from './pi-reduction.ts';

const rest = REMAINDER;
/** About pi/4, as fdlibm's test on the high word has it. */
const QUARTER_PI = fromWords(0x3fe921fc, 0);
const TWO66 = fromWords(0x44100000, 0);
const TWOM26 = fromWords(0x3e500000, 0);
const TWOM27 = fromWords(0x3e400000, 0);
const TWOM28 = fromWords(0x3e300000, 0);
const TAN_FOLD = fromWords(0x3fe59428, 0); // about 0.6744

const S1 = -0.16666666666666632;
const S2 = 0.00833333333332249;
const S3 = -1.984126982985795e-4;
const S4 = 2.7557313707070068e-6;
const S5 = -2.5050760253406863e-8;
const S6 = 1.58969099521155e-10;
const C1 = 0.0416666666666666;
const C2 = -0.001388888888887411;
const C3 = 2.480158728947673e-5;
const C4 = -2.7557314351390663e-7;
const C5 = 2.087572321298175e-9;
const C6 = -1.1359647557788195e-11;
const T0 = 0.3333333333333341;
const T1 = 0.13333333333320124;
const T2 = 0.05396825397622605;
const T3 = 0.021869488294859542;
const T4 = 0.0088632398235993;
const T5 = 0.0035920791075913124;
const T6 = 0.0014562094543252903;
const T7 = 5.880412408202641e-4;
const T8 = 2.464631348184699e-4;
const T9 = 7.817944429395571e-5;
const T10 = 7.140724913826082e-5;
const T11 = -1.8558637485527546e-5;
const T12 = 2.590730518636337e-5;
const PIO4 = 0.7853981633974483;
const PIO4_LO = 3.061616997868383e-17;
const A0 = 0.3333333333333293;
const A1 = -0.19999999999876483;
const A2 = 0.14285714272503466;
const A3 = -0.11111110405462356;
const A4 = 0.09090887133436507;
const A5 = -0.0769187620504483;
const A6 = 0.06661073137387531;
const A7 = -0.058335701337905735;
const A8 = 0.049768779946159324;
const A9 = -0.036531572744216916;
const A10 = 0.016285820115365782;

/** Sine of x radians, below 1 ulp; NaN for ±Infinity, sin(-0) = -0. */
export function sin(x: number): number {
  const size = x < 0 ? -x : x;
  if (size < QUARTER_PI) return size < TWOM26 ? x : sinKernel(x, 0);
  if (!(size < Infinity)) return NaN;
  const quadrant = reduceByHalfPi(x);
  const y = (quadrant & 1) === 0 ? sinKernel(rest[0]!, rest[1]!) : cosKernel(rest[0]!, rest[1]!);
  return quadrant >= 2 ? -y : y;
}

/** Cosine of x radians, below 1 ulp; NaN for ±Infinity. */
export function cos(x: number): number {
  const size = x < 0 ? -x : x;
  if (size < QUARTER_PI) return size < TWOM27 ? 1 : cosKernel(x, 0);
  if (!(size < Infinity)) return NaN;
  const quadrant = reduceByHalfPi(x);
  const y = (quadrant & 1) === 0 ? cosKernel(rest[0]!, rest[1]!) : sinKernel(rest[0]!, rest[1]!);
  return quadrant === 1 || quadrant === 2 ? -y : y;
}

/** Tangent of x radians, below 1 ulp; NaN for ±Infinity, tan(-0) = -0. */
export function tan(x: number): number {
  const size = x < 0 ? -x : x;
  if (size < QUARTER_PI) return size < TWOM27 ? x : tanKernel(x, 0, false);
  if (!(size < Infinity)) return NaN;
  const quadrant = reduceByHalfPi(x);
  return tanKernel(rest[0]!, rest[1]!, (quadrant & 1) === 1);
}

/** Arc tangent in radians, within [-pi/2, pi/2], below 1 ulp. atan(±Infinity) = ±pi/2, atan(-0) = -0. */
export function atan(x: number): number {
  const size = x < 0 ? -x : x;
  if (!(size < TWO66)) {
    // |x| >= 2^66, or NaN
    if (Number.isNaN(x)) return NaN;
    return x < 0 ? -2 * PIO4 : 2 * PIO4;
  }
  if (size < 0.4375) return size < TWOM28 * 0.5 ? x : x - x * atanSum(x);
  let t = 0;
  let hi = 0;
  let lo = 0;
  if (size < 0.6875) {
    t = (2 * size - 1) / (2 + size);
    hi = 0.4636476090008061;
    lo = 2.2698777452961687e-17;
  } else if (size < 1.1875) {
    t = (size - 1) / (size + 1);
    hi = PIO4;
    lo = PIO4_LO;
  } else if (size < 2.4375) {
    t = (size - 1.5) / (1 + 1.5 * size);
    hi = 0.982793723247329;
    lo = 1.3903311031230998e-17;
  } else {
    t = -1 / size;
    hi = 2 * PIO4;
    lo = 2 * PIO4_LO;
  }
  const y = hi - (t * atanSum(t) - lo - t);
  return x < 0 ? -y : y;
}

/** sin(x + y) for |x + y| <= pi/4, y the tail of x. With y = 0 this has the bits of fdlibm's case without a tail. */
export function sinKernel(x: number, y: number): number {
  const z = x * x;
  const r = S2 + z * (S3 + z * S4) + z * (z * z) * (S5 + z * S6);
  const v = z * x;
  if (y === 0) return x + v * (S1 + z * r);
  return x - (z * (0.5 * y - v * r) - y - v * S1);
}

/** cos(x + y) for |x + y| <= pi/4, y the tail of x. */
export function cosKernel(x: number, y: number): number {
  const z = x * x;
  const w = z * z;
  const r = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6));
  const half = 0.5 * z;
  const top = 1 - half;
  return top + (1 - top - half + (z * r - x * y));
}

/** tan(x + y), or -1 / tan(x + y), for |x + y| <= pi/4, y the tail of x. */
function tanKernel(x: number, y: number, inverse: boolean): number {
  const negative = x < 0;
  const fold = x >= TAN_FOLD || x <= -TAN_FOLD;
  if (fold) {
    // tan(pi/4 - t) = 1 - 2 (t' - t'^2 / (1 + t')) with t' = tan t
    x = PIO4 - (negative ? -x : x) + (PIO4_LO - (negative ? -y : y));
    y = 0;
  }
  const z = x * x;
  const w = z * z;
  const odd = T1 + w * (T3 + w * (T5 + w * (T7 + w * (T9 + w * T11))));
  const even = z * (T2 + w * (T4 + w * (T6 + w * (T8 + w * (T10 + w * T12)))));
  const s = z * x;
  const r = y + z * (s * (odd + even) + y) + T0 * s;
  const t = x + r;
  if (fold) {
    const one = inverse ? -1 : 1;
    const folded = one - 2 * (x - ((t * t) / (t + one) - r));
    return negative ? -folded : folded;
  }
  if (!inverse) return t;
  // -1 / (x + r) with both factors in two pieces
  const tHi = truncateLow(t);
  const tLo = r - (tHi - x);
  const a = -1 / t;
  const aHi = truncateLow(a);
  return aHi + a * (1 + aHi * tHi + aHi * tLo);
}

/** (x - atan x) / x for |x| <= 7/16. */
function atanSum(x: number): number {
  const z = x * x;
  const w = z * z;
  return (
    z * (A0 + w * (A2 + w * (A4 + w * (A6 + w * (A8 + w * A10))))) + w * (A1 + w * (A3 + w * (A5 + w * (A7 + w * A9))))
  );
}
