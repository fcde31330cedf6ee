/**
 * Families of positive values fitted by maximum likelihood, compared by Akaike's criterion and held against the data by Kolmogorov
 * and Smirnov's distance. The p-value is that of a distribution given beforehand: with parameters taken from the same data, or with
 * rounded data, it is only a guide (Lilliefors 1967), and for tens of thousands of jobs any family is rejected.
 */
import { exp, ksTail, log, logGamma } from '../../core/num/index.ts';
import type { TimeFamily } from '../../scenarios/index.ts';
import { timeDistribution } from '../../sim/index.ts';

export interface Fit {
  family: TimeFamily;
  parameters: number;
  logLikelihood: number;
  aic: number;
  /** Largest distance of the two distribution functions. */
  ksDistance: number;
  ksP: number;
}

interface Moments {
  n: number;
  mean: number;
  meanLog: number;
  sdLog: number;
  least: number;
}

function moments(x: Float64Array): Moments {
  let sum = 0;
  let logs = 0;
  for (const v of x) {
    sum += v;
    logs += log(v);
  }
  const meanLog = logs / x.length;
  let squares = 0;
  for (const v of x) squares += (log(v) - meanLog) * (log(v) - meanLog);
  return { n: x.length, mean: sum / x.length, meanLog, sdLog: Math.sqrt(squares / x.length), least: x[0]! };
}

/** The fits of every family that the data allow, best first. `sorted`: ascending, all above zero. */
export function fitFamilies(sorted: Float64Array): Fit[] {
  const m = moments(sorted);
  const candidates: [TimeFamily, number, number][] = [];
  const add = (family: TimeFamily, parameters: number, logLikelihood: number): void => {
    if (Number.isFinite(logLikelihood)) candidates.push([family, parameters, logLikelihood]);
  };
  add({ family: 'exponential', meanUs: m.mean }, 1, -m.n * (log(m.mean) + 1));
  // Values that are all alike have no spread to fit.
  if (m.sdLog > 1e-9) {
    const sigma = m.sdLog;
    add(
      { family: 'lognormal', medianUs: exp(m.meanLog), sigma },
      2,
      -m.n * (m.meanLog + log(sigma) + 0.5 * log(2 * Math.PI) + 0.5),
    );
    const w = weibull(sorted, m);
    add({ family: 'weibull', scaleUs: w.scale, shape: w.shape }, 2, w.logLikelihood);
    const g = gamma(m);
    add({ family: 'gamma', meanUs: m.mean, shape: g.shape }, 2, g.logLikelihood);
    const alpha = 1 / (m.meanLog - log(m.least));
    add(
      { family: 'pareto', leastUs: m.least, shape: alpha },
      2,
      m.n * (log(alpha) + alpha * log(m.least) - (alpha + 1) * m.meanLog),
    );
    const h = hyperexponential(sorted, m);
    if (h !== null) add(h.family, 3, h.logLikelihood);
  }
  return candidates
    .map(([family, parameters, logLikelihood]) => {
      const d = ksDistance(sorted, timeDistribution(family).cdf);
      return {
        family,
        parameters,
        logLikelihood,
        aic: 2 * parameters - 2 * logLikelihood,
        ksDistance: d,
        ksP: ksTail(sorted.length, d),
      };
    })
    .sort((a, b) => a.aic - b.aic || (a.family.family < b.family.family ? -1 : 1));
}

/** Kolmogorov-Smirnov distance of a sample (ascending) from a distribution function. */
export function ksDistance(sorted: Float64Array, cdf: (t: number) => number): number {
  let d = 0;
  const n = sorted.length;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]!);
    d = Math.max(d, (i + 1) / n - p, p - i / n);
  }
  return d;
}

/** Shape from the likelihood equation 1/k = sum x^k log x / sum x^k - mean log x, which rises in k; by bisection. */
function weibull(x: Float64Array, m: Moments): { scale: number; shape: number; logLikelihood: number } {
  // Relative to the largest value, so that no power overflows.
  const top = log(x[x.length - 1]!);
  const gap = (k: number): number => {
    let s = 0;
    let t = 0;
    for (const v of x) {
      const l = log(v) - top;
      const e = exp(k * l);
      s += e;
      t += e * l;
    }
    return t / s + top - m.meanLog - 1 / k;
  };
  let lo = 1e-3;
  let hi = 1e3;
  for (let i = 0; i < 60; i++) {
    const mid = Math.sqrt(lo * hi);
    if (gap(mid) > 0) hi = mid;
    else lo = mid;
  }
  const shape = Math.sqrt(lo * hi);
  let s = 0;
  for (const v of x) s += exp(shape * (log(v) - top));
  const logScale = top + log(s / m.n) / shape;
  return {
    shape,
    scale: exp(logScale),
    logLikelihood: m.n * (log(shape) - shape * logScale + (shape - 1) * m.meanLog - 1),
  };
}

/** Shape from log k - digamma(k) = log mean - mean log; by bisection, the left side falls in k. */
function gamma(m: Moments): { shape: number; logLikelihood: number } {
  const s = log(m.mean) - m.meanLog;
  let lo = 1e-3;
  let hi = 1e6;
  for (let i = 0; i < 100; i++) {
    const mid = Math.sqrt(lo * hi);
    if (log(mid) - digamma(mid) > s) lo = mid;
    else hi = mid;
  }
  const k = Math.sqrt(lo * hi);
  return { shape: k, logLikelihood: m.n * (k * log(k / m.mean) - logGamma(k) + (k - 1) * m.meanLog - k) };
}

/** Derivative of log gamma: recurrence up to 8, then the asymptotic series (Abramowitz and Stegun 6.3.18). */
export function digamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 8) {
    shift -= 1 / y;
    y += 1;
  }
  const r = 1 / (y * y);
  return shift + log(y) - 0.5 / y - r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))));
}

const EM_STEPS = 300;
/** Values that the mixture is fitted to: more are thinned evenly, which changes the third digit at most. */
const EM_VALUES = 20_000;

/** Two phases by expectation and maximisation from the halves below and above the median; null when they collapse into one. */
function hyperexponential(x: Float64Array, m: Moments): { family: TimeFamily; logLikelihood: number } | null {
  const stride = Math.max(1, Math.floor(x.length / EM_VALUES));
  const v = stride === 1 ? x : x.filter((_, i) => i % stride === 0);
  const half = Math.floor(v.length / 2);
  const meanOf = (part: Float64Array): number => part.reduce((a, b) => a + b, 0) / Math.max(1, part.length);
  let share = 0.5;
  let short = meanOf(v.subarray(0, half));
  let long = meanOf(v.subarray(half));
  if (!(short > 0)) return null;
  for (let step = 0; step < EM_STEPS; step++) {
    let weight = 0;
    let shortSum = 0;
    let longSum = 0;
    for (const t of v) {
      const a = (share / short) * exp(-t / short);
      const b = ((1 - share) / long) * exp(-t / long);
      const w = a + b > 0 ? a / (a + b) : 0;
      weight += w;
      shortSum += w * t;
      longSum += (1 - w) * t;
    }
    if (weight < 1e-6 * v.length || weight > (1 - 1e-6) * v.length) return null;
    share = weight / v.length;
    short = shortSum / weight;
    long = longSum / (v.length - weight);
  }
  if (long < 1.2 * short) return null;
  let logLikelihood = 0;
  for (const t of x) logLikelihood += log((share / short) * exp(-t / short) + ((1 - share) / long) * exp(-t / long));
  const phases = [
    { share, meanUs: short },
    { share: 1 - share, meanUs: long },
  ];
  return m.n < 10 ? null : { family: { family: 'hyperexponential', phases }, logLikelihood };
}
