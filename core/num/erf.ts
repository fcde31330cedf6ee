/**
 * Error function and its complement, with the same bits on every platform.
 *
 * Algorithm and coefficients: fdlibm, file s_erf.c (Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
 * Developed at SunPro, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this
 * software is freely granted, provided that this notice is preserved). Written anew here; coefficient lists are in
 * falling order of the power. Changed from the source: the head of x in exp(-x^2) is rounded to 24 bits.
 */
import { exp } from './exp.ts';

const EFX = 0.1283791670955126; // 2 / sqrt(pi) - 1
const ERX = 0.8450629115104675; // erf(1) to 24 bits
const PP = [
  -2.3763016656650163e-5, -0.005770270296489442, -0.02848174957559851, -0.3250421072470015, 0.12837916709551256,
];
const QQ = [
  -3.960228278775368e-6, 1.3249473800432164e-4, 0.005081306281875766, 0.0650222499887673, 0.39791722395915535, 1,
];
const PA = [
  -0.002166375594868791, 0.035478304325618236, -0.11089469428239668, 0.31834661990116175, -0.3722078760357013,
  0.41485611868374833, -0.0023621185607526594,
];
const QA = [
  0.011984499846799107, 0.01363708391202905, 0.12617121980876164, 0.07182865441419627, 0.540397917702171,
  0.10642088040084423, 1,
];
const RA = [
  -9.814329344169145, -81.2874355063066, -184.60509290671104, -162.39666946257347, -62.375332450326006,
  -10.558626225323291, -0.6938585727071818, -0.009864944034847148,
];
const SA = [
  -0.0604244152148581, 6.570249770319282, 108.63500554177944, 429.00814002756783, 645.3872717332679, 434.56587747522923,
  137.65775414351904, 19.651271667439257, 1,
];
const RB = [
  -483.5191916086514, -1025.0951316110772, -637.5664433683896, -160.63638485582192, -17.757954917754752,
  -0.799283237680523, -0.0098649429247001,
];
const SB = [
  -22.44095244658582, 474.52854120695537, 2553.0504064331644, 3199.8582195085955, 1536.729586084437, 325.7925129965739,
  30.33806074348246, 1,
];

/** erf(x) = 2 / sqrt(pi) times the integral of exp(-t^2) over 0..x; below 1 ulp. erf(±Infinity) = ±1. */
export function erf(x: number): number {
  const size = x < 0 ? -x : x;
  if (!(size >= 0.84375)) {
    if (!(size >= 3.725290298461914e-9)) return x + EFX * x; // |x| < 2^-28, or NaN
    const z = x * x;
    return x + x * (poly(z, PP) / poly(z, QQ));
  }
  if (size < 1.25) {
    const y = ERX + poly(size - 1, PA) / poly(size - 1, QA);
    return x < 0 ? -y : y;
  }
  const y = size >= 6 ? 1 : 1 - tail(size);
  return x < 0 ? -y : y;
}

/** erfc(x) = 1 - erf(x) without the cancellation; below 3 ulp (2.1 measured) down to the underflow at x = 27.2. */
export function erfc(x: number): number {
  const size = x < 0 ? -x : x;
  if (!(size >= 0.84375)) {
    if (!(size >= 1.3877787807814457e-17)) return 1 - x; // |x| < 2^-56, or NaN
    const z = x * x;
    const y = x * (poly(z, PP) / poly(z, QQ));
    return x < 0.25 ? 1 - (x + y) : 0.5 - (y + (x - 0.5));
  }
  if (size < 1.25) {
    const y = poly(size - 1, PA) / poly(size - 1, QA);
    return x > 0 ? 1 - ERX - y : 1 + (ERX + y);
  }
  if (x > 0) return x < 28 ? tail(x) : 0;
  return x > -6 ? 2 - tail(-x) : 2;
}

/** erfc(x) for 1.25 <= x < 28. */
function tail(x: number): number {
  const s = 1 / (x * x);
  const ratio = x < 2.857142857142857 ? poly(s, RA) / poly(s, SA) : poly(s, RB) / poly(s, SB);
  const z = Math.fround(x);
  return (exp(-z * z - 0.5625) * exp((z - x) * (z + x) + ratio)) / x;
}

/** Horner's rule, coefficients from the highest power down. */
function poly(x: number, coefficients: readonly number[]): number {
  let y = 0;
  for (let i = 0; i < coefficients.length; i++) y = y * x + coefficients[i]!;
  return y;
}
