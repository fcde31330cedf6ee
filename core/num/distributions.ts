/**
 * Tails and quantiles of the distributions behind intervals and tests: Student t, chi-square, F and beta.
 *
 * Every tail is computed directly, never as 1 - the other tail, so small p-values keep their digits. Degrees of freedom
 * are any positive number. A domain error throws `range`; NaN gives NaN.
 *
 * Quantiles solve F(x) = p for u = log x by Newton's method on log F, a concave function of u for all of these
 * distributions (their densities in u are log-concave), kept inside a bracket. Relative error: that of the tail
 * divided by the slope, in practice below 1e-13.
 */
import { exp } from './exp.ts';
import { betaHead, betaSplit, gammaHead, gammaP, gammaQ } from './incomplete.ts';
import { log } from './log.ts';
import { normalQuantile } from './normal.ts';
import { NumError } from './num-error.ts';
import { pow } from './pow.ts';

const FAR = 1e140;

/** P(T > t) of Student's t with df degrees of freedom. */
export function studentTail(t: number, df: number): number {
  checkDf(df, 'studentTail');
  if (Number.isNaN(t)) return NaN;
  // Beyond FAR the density is a pure power, and t^2 would overflow.
  if (t > FAR) return studentTail(FAR, df) * pow(FAR / t, df);
  const x = tailShare(t, df);
  const half = 0.5 * betaSplit(0.5 * df, 0.5, x, centreShare(t, df));
  return t >= 0 ? half : 0.5 + 0.5 * betaSplit(0.5, 0.5 * df, centreShare(t, df), x);
}

/** P(T <= t) of Student's t. */
export function studentCdf(t: number, df: number): number {
  return studentTail(-t, df);
}

/** The t with P(T <= t) = p. */
export function studentQuantile(p: number, df: number): number {
  checkDf(df, 'studentQuantile');
  if (Number.isNaN(p)) return NaN;
  checkProbability(p, 'studentQuantile');
  if (p === 0.5) return 0;
  const upper = p > 0.5;
  const tail = upper ? 1 - p : p;
  if (tail === 0) return upper ? Infinity : -Infinity;
  const far = studentTail(FAR, df);
  if (tail < far) {
    const t = FAR * pow(far / tail, 1 / df);
    return upper ? t : -t;
  }
  const z = -normalQuantile(tail);
  const start = z * (1 + (z * z + 1) / (4 * df));
  const a = 0.5;
  const b = 0.5 * df;
  const slope = (t: number) => ((a * b) / (a + b)) * betaHead(a, b, centreShare(t, df), tailShare(t, df));
  // Near the median P(0 < T < t) is the small probability, in the tail P(T > t); 0.5 - tail is exact where it is used.
  const t =
    tail > 0.25
      ? solve(0.5 - tail, 1, start, (x) => 0.5 * betaSplit(a, b, centreShare(x, df), tailShare(x, df)), slope)
      : solve(tail, -1, start, (x) => 0.5 * betaSplit(b, a, tailShare(x, df), centreShare(x, df)), slope);
  return upper ? t : -t;
}

/** P(X > x) of chi-square with df degrees of freedom. */
export function chiSquareTail(x: number, df: number): number {
  checkDf(df, 'chiSquareTail');
  return x < 0 ? 1 : gammaQ(0.5 * df, 0.5 * x);
}

/** P(X <= x) of chi-square. */
export function chiSquareCdf(x: number, df: number): number {
  checkDf(df, 'chiSquareCdf');
  return x < 0 ? 0 : gammaP(0.5 * df, 0.5 * x);
}

/** The x with P(X <= x) = p of chi-square. */
export function chiSquareQuantile(p: number, df: number): number {
  checkDf(df, 'chiSquareQuantile');
  if (Number.isNaN(p)) return NaN;
  checkProbability(p, 'chiSquareQuantile');
  if (p === 0) return 0;
  if (p === 1) return Infinity;
  const a = 0.5 * df;
  // Wilson and Hilferty's cube, or the first term of the series where that is not positive.
  const cube = 1 - 2 / (9 * df) + normalQuantile(p) * Math.sqrt(2 / (9 * df));
  const start = cube > 0.2 ? a * cube * cube * cube : a * exp(log(p) / a);
  const slope = (x: number) => a * gammaHead(a, x);
  const half =
    p <= 0.5 ? solve(p, 1, start, (x) => gammaP(a, x), slope) : solve(1 - p, -1, start, (x) => gammaQ(a, x), slope);
  return 2 * half;
}

/** P(F > f) of the F distribution with d1 (numerator) and d2 degrees of freedom. */
export function fTail(f: number, d1: number, d2: number): number {
  checkDf(d1, 'fTail');
  checkDf(d2, 'fTail');
  if (Number.isNaN(f)) return NaN;
  if (f <= 0) return 1;
  const odds = (d1 * f) / d2;
  return betaSplit(0.5 * d2, 0.5 * d1, 1 / (1 + odds), odds === Infinity ? 1 : odds / (1 + odds));
}

/** P(F <= f) of the F distribution. */
export function fCdf(f: number, d1: number, d2: number): number {
  checkDf(d1, 'fCdf');
  checkDf(d2, 'fCdf');
  if (Number.isNaN(f)) return NaN;
  if (f <= 0) return 0;
  const odds = (d1 * f) / d2;
  return betaSplit(0.5 * d1, 0.5 * d2, odds === Infinity ? 1 : odds / (1 + odds), 1 / (1 + odds));
}

/**
 * The x with I_x(a, b) = p of the beta distribution; the Clopper-Pearson limits for k of n are
 * betaQuantile(alpha / 2, k, n - k + 1) and betaQuantile(1 - alpha / 2, k + 1, n - k).
 */
export function betaQuantile(p: number, a: number, b: number): number {
  checkDf(a, 'betaQuantile');
  checkDf(b, 'betaQuantile');
  if (Number.isNaN(p)) return NaN;
  checkProbability(p, 'betaQuantile');
  if (p === 0) return 0;
  if (p === 1) return 1;
  const x = (odds: number) => (odds < 1 ? odds / (1 + odds) : 1 - 1 / (1 + odds));
  const y = (odds: number) => 1 / (1 + odds);
  const slope = (odds: number) => ((a * b) / (a + b)) * betaHead(a, b, x(odds), y(odds));
  const odds =
    p <= 0.5
      ? solve(p, 1, a / b, (w) => betaSplit(a, b, x(w), y(w)), slope)
      : solve(1 - p, -1, a / b, (w) => betaSplit(b, a, y(w), x(w)), slope);
  return x(odds);
}

/** df / (df + t^2) without overflow. */
function tailShare(t: number, df: number): number {
  const r = t * (t / df);
  return 1 / (1 + r);
}

/** t^2 / (df + t^2) without overflow. */
function centreShare(t: number, df: number): number {
  const r = t * (t / df);
  return r < 1 ? r / (1 + r) : 1 / (1 + 1 / r);
}

/**
 * The x > 0 with F(x) = p, for F rising (direction 1) or falling (-1) and log F concave in log x;
 * slope(x) is |dF / d log x|.
 */
function solve(p: number, direction: 1 | -1, start: number, F: (x: number) => number, slope: (x: number) => number) {
  let lo = 0;
  let hi = Infinity;
  let x = start > 1e-300 && start < 1e300 ? start : 1;
  let last = Infinity;
  for (let i = 0; i < 300; i++) {
    const value = F(x);
    if (value === p) return x;
    if (value < p === direction > 0) lo = x;
    else hi = x;
    const rate = slope(x);
    let step = value > 0 && rate > 0 ? (log(value / p) * value * direction) / rate : NaN;
    let next = x * exp(-step);
    if (!(next > lo && next < hi)) {
      next = lo === 0 ? x / 1024 : hi === Infinity ? x * 1024 : Math.sqrt(lo) * Math.sqrt(hi);
      step = NaN;
      if (next === x || next === 0 || next === Infinity) return next;
    }
    const size = Math.abs(step);
    x = next;
    // Quadratic convergence ends at the noise of F: stop when a tiny step no longer shrinks.
    if (size < 1e-15 || (size < 1e-11 && size >= 0.5 * last)) return x;
    last = size;
  }
  return x;
}

function checkDf(df: number, name: string): void {
  if (!(df > 0 && df < Infinity)) throw new NumError('range', `${name}: parameter ${df}`);
}

function checkProbability(p: number, name: string): void {
  if (!(p >= 0 && p <= 1)) throw new NumError('range', `${name}: probability ${p}`);
}
