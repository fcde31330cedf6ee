/**
 * Logarithm of the absolute value of the gamma function, with the same bits on every platform.
 *
 * Algorithm and coefficients: fdlibm, file e_lgamma_r.c (Copyright (C) 1993 by Sun Microsystems, Inc. All rights
 * reserved. Developed at SunSoft, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute
 * this software is freely granted, provided that this notice is preserved). Written anew here.
 *
 * Around the minimum (1.23 to 1.73), near 1 and 2, and on [2, 3] there is a polynomial or rational approximation each;
 * up to 8 the recurrence, beyond it Stirling's series, for negative x the reflection formula.
 */
import { log } from './log.ts';
import { cosKernel, sinKernel } from './trig.ts';

const TWO58 = 536870912 * 536870912;
const PI = Math.PI;
const TC = 1.4616321449683622; // where gamma has its minimum
const TF = -0.12148629053584961; // log gamma there, head and negated tail
const TT = -3.638676997039505e-18;

/**
 * log |gamma(x)|: error below 2 ulp for x > 0, and below 1e-15 absolute near the roots 1 and 2; near the negative
 * roots only the absolute error is small. Infinity at 0 and the negative integers, and at ±Infinity.
 */
export function logGamma(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const size = x < 0 ? -x : x;
  if (size === Infinity) return Infinity;
  if (size < 8.470329472543003e-22) return size === 0 ? Infinity : -log(size);
  if (x > 0) return positive(x);
  const sine = sinPi(size);
  if (sine === 0) return Infinity;
  return log(PI / Math.abs(sine * x)) - positive(size);
}

function positive(x: number): number {
  if (x === 1 || x === 2) return 0;
  if (x < 2) return below2(x);
  if (x < 8) {
    const whole = Math.floor(x);
    const y = x - whole;
    const p =
      y *
      (-0.07721566490153287 +
        y *
          (0.21498241596060885 +
            y *
              (0.325778796408931 +
                y *
                  (0.14635047265246445 +
                    y * (0.02664227030336386 + y * (0.0018402845140733772 + y * 3.194753265841009e-5))))));
    const q =
      1 +
      y *
        (1.3920053346762105 +
          y *
            (0.7219355475671381 +
              y *
                (0.17193386563280308 +
                  y * (0.01864591917156529 + y * (7.779424963818936e-4 + y * 7.326684307446256e-6)))));
    let product = 1;
    for (let i = whole - 1; i >= 2; i--) product *= y + i;
    return 0.5 * y + p / q + log(product);
  }
  if (x >= TWO58) return x * (log(x) - 1);
  const z = 1 / x;
  const y = z * z;
  const w =
    0.4189385332046727 +
    z *
      (0.08333333333333297 +
        y *
          (-0.0027777777772877554 +
            y *
              (7.936505586430196e-4 +
                y * (-5.9518755745034e-4 + y * (8.363399189962821e-4 + y * -0.0016309293409657527)))));
  return (x - 0.5) * (log(x) - 1) + w;
}

/** 0 < x < 2, x not 1. The cut points are fdlibm's, to the digits that matter. */
function below2(x: number): number {
  if (x < 0.9) {
    const r = -log(x);
    if (x >= 0.7316) return r + nearTwo(1 - x);
    if (x >= 0.23164) return r + nearMinimum(x - (TC - 1));
    return r + nearOne(x);
  }
  if (x >= 1.7316) return nearTwo(2 - x);
  if (x >= 1.23164) return nearMinimum(x - TC);
  return nearOne(x - 1);
}

/** log gamma(2 - y). */
function nearTwo(y: number): number {
  const z = y * y;
  const p1 =
    0.07721566490153287 +
    z *
      (0.06735230105312927 +
        z *
          (0.007385550860814029 +
            z * (0.0011927076318336207 + z * (2.2086279071390839e-4 + z * 2.5214456545125733e-5))));
  const p2 =
    z *
    (0.3224670334241136 +
      z *
        (0.020580808432516733 +
          z *
            (0.0028905138367341563 +
              z * (5.100697921535113e-4 + z * (1.0801156724758394e-4 + z * 4.4864094961891516e-5)))));
  return y * p1 + p2 - 0.5 * y;
}

/** log gamma(TC + y). */
function nearMinimum(y: number): number {
  const z = y * y;
  const w = z * y;
  const p1 =
    0.48383612272381005 +
    w * (-0.032788541075985965 + w * (0.006100538702462913 + w * (-0.0014034646998923284 + w * 3.1563207090362595e-4)));
  const p2 =
    -0.1475877229945939 +
    w * (0.01797067508118204 + w * (-0.0036845201678113826 + w * (8.81081882437654e-4 + w * -3.1275416837512086e-4)));
  const p3 =
    0.06462494023913339 +
    w * (-0.010314224129834144 + w * (0.0022596478090061247 + w * (-5.385953053567405e-4 + w * 3.355291926355191e-4)));
  return TF + (z * p1 - (TT - w * (p2 + y * p3)));
}

/** log gamma(1 + y). */
function nearOne(y: number): number {
  const p =
    y *
    (-0.07721566490153287 +
      y *
        (0.6328270640250934 +
          y * (1.4549225013723477 + y * (0.9777175279633727 + y * (0.22896372806469245 + y * 0.013381091853678766)))));
  const q =
    1 +
    y *
      (2.4559779371304113 +
        y * (2.128489763798934 + y * (0.7692851504566728 + y * (0.10422264559336913 + y * 0.003217092422824239))));
  return -0.5 * y + p / q;
}

/** sin(pi y) for y > 0, up to sign; exactly 0 at the integers. */
function sinPi(y: number): number {
  if (y >= 4503599627370496) return 0;
  const near = Math.floor(y + 0.5);
  const rest = y - near; // exact: within [-1/2, 1/2]
  if (rest > 0.25) return cosKernel(PI * (0.5 - rest), 0);
  if (rest < -0.25) return cosKernel(PI * (0.5 + rest), 0);
  return sinKernel(PI * rest, 0);
}
