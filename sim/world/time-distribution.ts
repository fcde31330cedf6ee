import { log } from '../../core/num/index.ts';
import type { TimeFamily } from '../../scenarios/resolved.ts';
import {
  type Distribution,
  exponential,
  gamma,
  hyperexponential,
  lognormal,
  pareto,
  weibull,
} from '../kernel/distributions.ts';

/** The distribution, in microseconds, that a scenario names by family and parameters. */
export function timeDistribution(f: TimeFamily): Distribution {
  switch (f.family) {
    case 'exponential':
      return exponential(f.meanUs);
    case 'lognormal':
      return lognormal(log(f.medianUs), f.sigma);
    case 'weibull':
      return weibull(f.shape, f.scaleUs);
    case 'gamma':
      return gamma(f.shape, f.meanUs / f.shape);
    case 'pareto':
      return pareto(f.shape, f.leastUs);
    case 'hyperexponential':
      return hyperexponential(f.phases.map((p) => ({ probability: p.share, mean: p.meanUs })));
  }
}
