/** Families of run times: draws, distribution functions and their means. Times are in microseconds. */
import {
  chiSquareCdf,
  chiSquareQuantile,
  exp,
  expm1,
  log,
  log1p,
  normalCdf,
  normalQuantile,
  pow,
} from '../../core/num/index.ts';
import type { TimeFamily } from '../../scenarios/resolved.ts';

/** A draw from one uniform number in (0, 1). */
export function sampleTime(f: TimeFamily, u: number): number {
  switch (f.family) {
    case 'exponential':
      return -f.meanUs * log1p(-u);
    case 'lognormal':
      return f.medianUs * exp(f.sigma * normalQuantile(u));
    case 'weibull':
      return f.scaleUs * pow(-log1p(-u), 1 / f.shape);
    case 'gamma':
      return (f.meanUs / (2 * f.shape)) * chiSquareQuantile(u, 2 * f.shape);
    case 'pareto':
      return f.leastUs * pow(1 - u, -1 / f.shape);
    case 'hyperexponential': {
      // The uniform picks the phase and, stretched over the phase's share, the time in it.
      let rest = u;
      for (const [i, p] of f.phases.entries()) {
        if (rest < p.share || i === f.phases.length - 1) return -p.meanUs * log1p(-Math.min(rest / p.share, 1 - 1e-12));
        rest -= p.share;
      }
      return 0;
    }
  }
}

/** P(T <= t). */
export function timeCdf(f: TimeFamily, t: number): number {
  if (t <= 0) return 0;
  switch (f.family) {
    case 'exponential':
      return -expm1(-t / f.meanUs);
    case 'lognormal':
      return normalCdf(log(t / f.medianUs) / f.sigma);
    case 'weibull':
      return -expm1(-pow(t / f.scaleUs, f.shape));
    case 'gamma':
      return chiSquareCdf((2 * f.shape * t) / f.meanUs, 2 * f.shape);
    case 'pareto':
      return t < f.leastUs ? 0 : 1 - pow(f.leastUs / t, f.shape);
    case 'hyperexponential':
      return f.phases.reduce((sum, p) => sum - p.share * expm1(-t / p.meanUs), 0);
  }
}
