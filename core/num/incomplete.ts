/**
 * Regularised incomplete gamma and beta functions, the tails of the distributions that tests and intervals need.
 *
 * Method: the leading factor by Loader's saddle-point form ("Fast and accurate computation of binomial probabilities",
 * 2000), which does not cancel for large parameters; then the power series below the mean and a continued fraction
 * above it (DLMF 8.7.1, 8.9.2, 8.17.22; Lentz's evaluation as modified by Thompson and Barnett). The work grows like
 * the square root of the parameters: about 10 terms at 10, some 1,000 at 1e5.
 *
 * Relative error: typically 1e-14, measured below 3e-13 for parameters from 0.1 to 1e4 and results above 1e-290.
 * Domain errors throw `range`; NaN gives NaN.
 */
import { exp } from './exp.ts';
import { log, log1p } from './log.ts';
import { NumError } from './num-error.ts';

const EPSILON = 1.1102230246251565e-16;
const TINY = 1e-300;
const MAX_TERMS = 1_000_000;
const HALF_LOG_2PI = 0.9189385332046728;
const TWO_PI = 6.283185307179586;

/** P(a, x): the gamma(a) distribution's probability of at most x. a > 0, x >= 0. */
export function gammaP(a: number, x: number): number {
  if (Number.isNaN(a) || Number.isNaN(x)) return NaN;
  checkGamma(a, x);
  if (x === 0) return 0;
  if (x === Infinity) return 1;
  return x < a + 1 ? gammaSeries(a, x) : 1 - gammaFraction(a, x);
}

/** Q(a, x) = 1 - P(a, x), accurate in the upper tail. a > 0, x >= 0. */
export function gammaQ(a: number, x: number): number {
  if (Number.isNaN(a) || Number.isNaN(x)) return NaN;
  checkGamma(a, x);
  if (x === 0) return 1;
  if (x === Infinity) return 0;
  return x < a + 1 ? 1 - gammaSeries(a, x) : gammaFraction(a, x);
}

/** I_x(a, b): the beta(a, b) distribution's probability of at most x. a, b > 0, 0 <= x <= 1. */
export function betaI(a: number, b: number, x: number): number {
  return betaSplit(a, b, x, 1 - x);
}

/** I_x(a, b) with y = 1 - x given apart, so that neither tail loses digits to the subtraction. */
export function betaSplit(a: number, b: number, x: number, y: number): number {
  if (Number.isNaN(a) || Number.isNaN(b) || Number.isNaN(x) || Number.isNaN(y)) return NaN;
  if (!(a > 0 && b > 0 && a < Infinity && b < Infinity && x >= 0 && y >= 0 && x <= 1 && y <= 1))
    throw new NumError('range', `betaI(${a}, ${b}, ${x})`);
  if (x === 0) return 0;
  if (y === 0) return 1;
  const power = ((a * b) / (a + b)) * betaHead(a, b, x, y); // x^a y^b / B(a, b)
  // Below the mean the fraction for (a, b, x) converges fast, above it the mirrored one.
  return x < (a + 1) / (a + b + 2) ? power / betaFraction(a, b, x, y) : 1 - power / betaFraction(b, a, y, x);
}

/** x^a e^-x / gamma(a + 1), the probability of a under Poisson(x) when a is an integer. a > 0, x >= 0. */
export function gammaHead(a: number, x: number): number {
  if (x === 0) return 0;
  return exp(-stirlingError(a) - deviance(a, x)) / Math.sqrt(TWO_PI * a);
}

/** gamma(n + 1) / (gamma(a + 1) gamma(b + 1)) x^a y^b with n = a + b and x + y = 1: a binomial probability. */
export function betaHead(a: number, b: number, x: number, y: number): number {
  const n = a + b;
  const fit = stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, n * x) - deviance(b, n * y);
  return exp(fit) * Math.sqrt(n / a / (TWO_PI * b));
}

function checkGamma(a: number, x: number): void {
  if (!(a > 0 && a < Infinity && x >= 0)) throw new NumError('range', `incomplete gamma(${a}, ${x})`);
}

function gammaSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; n < MAX_TERMS; n++) {
    term *= x / (a + n);
    sum += term;
    if (term <= sum * EPSILON) return gammaHead(a, x) * sum;
  }
  throw new NumError('overflow', `incomplete gamma(${a}, ${x}) did not converge`);
}

function gammaFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < MAX_TERMS; n++) {
    const an = -n * (n - a);
    b += 2;
    d = an * d + b;
    if (d === 0) d = TINY;
    c = b + an / c;
    if (c === 0) c = TINY;
    d = 1 / d;
    const step = d * c;
    h *= step;
    if (Math.abs(step - 1) <= 2 * EPSILON) return gammaHead(a, x) * a * h;
  }
  throw new NumError('overflow', `incomplete gamma(${a}, ${x}) did not converge`);
}

/**
 * x^a y^b / (B(a, b) I_x(a, b)): the even part of DLMF 8.17.22 (Didonato and Morris, ACM TOMS 708, 1992), in which x
 * and y = 1 - x both appear, so that nothing cancels when x is close to 1.
 */
function betaFraction(a: number, b: number, x: number, y: number): number {
  let f = (a * (a * y - b * x + 1)) / (a + 1);
  if (f === 0) f = TINY;
  let c = f;
  let d = 0;
  for (let m = 1; m < MAX_TERMS; m++) {
    const a2m = a + 2 * m;
    const share = (m * (b - m) * x) / (a2m - 1);
    const an = ((a + m - 1) / (a2m - 1)) * (a + b + m - 1) * share * x;
    const bn = m + share + ((a + m) / (a2m + 1)) * (a * y - b * x + 1 + m * (1 + y));
    d = bn + an * d;
    if (d === 0) d = TINY;
    c = bn + an / c;
    if (c === 0) c = TINY;
    d = 1 / d;
    const step = d * c;
    f *= step;
    if (Math.abs(step - 1) <= 2 * EPSILON) return f;
  }
  throw new NumError('overflow', `incomplete beta(${a}, ${b}, ${x}) did not converge`);
}

/** log gamma(n + 1) - (n + 1/2) log n + n - log(2 pi) / 2: what Stirling's formula lacks. n > 0. */
function stirlingError(n: number): number {
  let sum = 0;
  let m = n;
  // The asymptotic series is good to 1e-17 from 16 on; below, the exact recurrence climbs there.
  if (m < 1e-8) {
    // gamma(n + 1) = 1 - 0.577 n to double precision
    return -0.5772156649015329 * n - (n + 0.5) * log(n) + n - HALF_LOG_2PI;
  }
  for (; m < 16; m += 1) sum += (m + 0.5) * log1p(1 / m) - 1;
  const z = 1 / (m * m);
  return (
    sum + (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * (691 / 360360 - z / 156)))))) / m
  );
}

/** x log(x / mean) + mean - x without cancellation near the mean. x > 0, mean > 0. */
function deviance(x: number, mean: number): number {
  const d = x - mean;
  if (Math.abs(d) < 0.1 * (x + mean)) {
    const v = d / (x + mean);
    const v2 = v * v;
    let sum = d * v;
    let term = 2 * x * v;
    for (let j = 3; j < 200; j += 2) {
      term *= v2;
      const next = sum + term / j;
      if (next === sum) return next;
      sum = next;
    }
  }
  return x * log(x / mean) + mean - x;
}
