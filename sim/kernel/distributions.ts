/**
 * Distributions of durations, gaps and sizes. Everything goes through core/num, so a stream gives the same bits on every
 * platform. Unless it says otherwise a distribution inverts its distribution function: one uniform per draw, and a larger
 * uniform never gives a smaller value, which is what common random numbers need. Uniforms have 32 bits, so tails are cut
 * at probabilities of 2^-33.
 */
import { exp, expm1, gammaP, log, log1p, logGamma, normalCdf, pow } from '../../core/num/index.ts';
import type { Stream } from './streams.ts';

export interface Distribution {
  readonly mean: number;
  /** Infinity where it does not exist. */
  readonly variance: number;
  sample(stream: Stream): number;
  /** P(X <= x). */
  cdf(x: number): number;
}

function positive(value: number, name: string): void {
  if (!(value > 0 && value < Infinity)) throw new RangeError(`${name} = ${value} is not above 0 and finite`);
}

export function constant(value: number): Distribution {
  if (!Number.isFinite(value)) throw new RangeError(`constant ${value} is not finite`);
  return { mean: value, variance: 0, sample: () => value, cdf: (x) => (x < value ? 0 : 1) };
}

/** Uniform between low and high. */
export function uniform(low: number, high: number): Distribution {
  if (!(low < high && high - low < Infinity)) throw new RangeError(`uniform from ${low} to ${high}`);
  const width = high - low;
  return {
    mean: low + width / 2,
    variance: (width * width) / 12,
    sample: (s) => low + width * s.uniform(),
    cdf: (x) => Math.min(1, Math.max(0, (x - low) / width)),
  };
}

export function exponential(mean: number): Distribution {
  positive(mean, 'mean');
  return {
    mean,
    variance: mean * mean,
    // The mirror of Stream.exponential: rises with the uniform.
    sample: (s) => -mean * log1p(-s.uniform()),
    cdf: (x) => (x <= 0 ? 0 : -expm1(-x / mean)),
  };
}

/** Sum of k exponentials with the given mean in all; k uniforms per draw. */
export function erlang(k: number, mean: number): Distribution {
  if (!Number.isSafeInteger(k) || k < 1) throw new RangeError(`erlang: k = ${k} is not a whole number from 1`);
  positive(mean, 'mean');
  const stage = mean / k;
  return {
    mean,
    variance: mean * stage,
    sample: (s) => {
      let sum = 0;
      for (let i = 0; i < k; i++) sum -= log1p(-s.uniform());
      return stage * sum;
    },
    cdf: (x) => (x <= 0 ? 0 : gammaP(k, x / stage)),
  };
}

/**
 * Gamma with density proportional to x^(shape-1) e^(-x/scale), by the squeeze-free rejection of Marsaglia and Tsang (ACM TOMS
 * 26(3), 2000), about 1.05 tries of a normal and a uniform each; below shape 1 a draw of shape + 1 is multiplied by
 * u^(1/shape). The number of uniforms varies: give it a stream of its own.
 */
export function gamma(shape: number, scale: number): Distribution {
  positive(shape, 'shape');
  positive(scale, 'scale');
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  return {
    mean: shape * scale,
    variance: shape * scale * scale,
    sample: (s) => {
      for (;;) {
        const x = s.normal();
        const u = s.uniform();
        const root = 1 + c * x;
        if (root <= 0) continue;
        const v = root * root * root;
        if (log(u) >= 0.5 * x * x + d * (1 - v + log(v))) continue;
        return shape < 1 ? scale * d * v * pow(s.uniform(), 1 / shape) : scale * d * v;
      }
    },
    cdf: (x) => (x <= 0 ? 0 : gammaP(shape, x / scale)),
  };
}

export function weibull(shape: number, scale: number): Distribution {
  positive(shape, 'shape');
  positive(scale, 'scale');
  const g1 = exp(logGamma(1 + 1 / shape));
  return {
    mean: scale * g1,
    variance: scale * scale * (exp(logGamma(1 + 2 / shape)) - g1 * g1),
    sample: (s) => scale * pow(-log1p(-s.uniform()), 1 / shape),
    cdf: (x) => (x <= 0 ? 0 : -expm1(-pow(x / scale, shape))),
  };
}

/** exp of a normal with mean mu and standard deviation sigma. */
export function lognormal(mu: number, sigma: number): Distribution {
  if (!Number.isFinite(mu)) throw new RangeError(`mu = ${mu} is not finite`);
  positive(sigma, 'sigma');
  const s2 = sigma * sigma;
  return {
    mean: exp(mu + s2 / 2),
    variance: expm1(s2) * exp(2 * mu + s2),
    sample: (s) => exp(mu + sigma * s.normal()),
    cdf: (x) => (x <= 0 ? 0 : normalCdf((log(x) - mu) / sigma)),
  };
}

/** Pareto: P(X > x) = (scale / x)^shape from `scale` on; with `high`, given X <= high. */
export function pareto(shape: number, scale: number, high = Infinity): Distribution {
  positive(shape, 'shape');
  positive(scale, 'scale');
  if (!(high > scale)) throw new RangeError(`pareto: high = ${high} is not above scale = ${scale}`);
  /** Probability that is cut off. */
  const cut = high === Infinity ? 0 : pow(scale / high, shape);
  const moment = (n: number): number => {
    if (cut === 0) return shape > n ? (shape * pow(scale, n)) / (shape - n) : Infinity;
    const body = shape === n ? shape * log(high / scale) : (shape * (1 - pow(scale / high, shape - n))) / (shape - n);
    return (pow(scale, n) * body) / (1 - cut);
  };
  const mean = moment(1);
  return {
    mean,
    variance: mean === Infinity ? Infinity : moment(2) - mean * mean,
    sample: (s) => scale * pow(1 - s.uniform() * (1 - cut), -1 / shape),
    cdf: (x) => (x <= scale ? 0 : x >= high ? 1 : (1 - pow(scale / x, shape)) / (1 - cut)),
  };
}

/** Exponential of the i-th mean with the i-th probability; two uniforms per draw. */
export function hyperexponential(branches: readonly { probability: number; mean: number }[]): Distribution {
  const total = branches.reduce((sum, b) => sum + b.probability, 0);
  if (Math.abs(total - 1) > 1e-9) throw new RangeError(`hyperexponential: probabilities sum to ${total}, not 1`);
  for (const b of branches) {
    positive(b.probability, 'probability');
    positive(b.mean, 'mean');
  }
  const mean = branches.reduce((sum, b) => sum + b.probability * b.mean, 0);
  return {
    mean,
    variance: branches.reduce((sum, b) => sum + 2 * b.probability * b.mean * b.mean, 0) - mean * mean,
    sample: (s) => {
      let u = s.uniform();
      let i = 0;
      while (i < branches.length - 1 && u >= branches[i]!.probability) u -= branches[i++]!.probability;
      return -branches[i]!.mean * log1p(-s.uniform());
    },
    cdf: (x) => (x <= 0 ? 0 : branches.reduce((sum, b) => sum - b.probability * expm1(-x / b.mean), 0)),
  };
}

/** The hyperexponential of two branches with balanced means that has this mean and squared coefficient of variation > 1. */
export function hyperexponentialFit(mean: number, scv: number): Distribution {
  positive(mean, 'mean');
  if (!(scv > 1 && scv < Infinity)) throw new RangeError(`hyperexponential: scv = ${scv} is not above 1`);
  const p = (1 + Math.sqrt((scv - 1) / (scv + 1))) / 2;
  return hyperexponential([
    { probability: p, mean: mean / (2 * p) },
    { probability: 1 - p, mean: mean / (2 * (1 - p)) },
  ]);
}

/** Rank 1..n with probability proportional to rank^-s; a table of n doubles, found by halving. */
export function zipf(n: number, s: number): Distribution {
  if (!Number.isSafeInteger(n) || n < 1 || n > 1e7) throw new RangeError(`zipf: n = ${n} is not in 1..10000000`);
  if (!(s >= 0 && s < Infinity)) throw new RangeError(`zipf: s = ${s} is not 0 or more`);
  return discrete(
    Float64Array.from({ length: n }, (_, i) => i + 1),
    (i) => pow(i + 1, -s),
  );
}

/** The given values with weights (default: equal). Values may be in any order; equal ones may repeat. */
export function empirical(values: readonly number[], weights?: readonly number[]): Distribution {
  if (values.length === 0) throw new RangeError('empirical: no values');
  if (weights !== undefined && weights.length !== values.length)
    throw new RangeError(`empirical: ${values.length} values, ${weights.length} weights`);
  const order = values.map((_, i) => i);
  order.sort((x, y) => values[x]! - values[y]! || x - y);
  for (const v of values) if (!Number.isFinite(v)) throw new RangeError(`empirical: ${v} is not finite`);
  return discrete(
    Float64Array.from(order, (i) => values[i]!),
    (i) => weights?.[order[i]!] ?? 1,
  );
}

/** Rising values with weights. */
function discrete(values: Float64Array, weight: (i: number) => number): Distribution {
  const n = values.length;
  const upTo = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const w = weight(i);
    if (!(w >= 0 && w < Infinity)) throw new RangeError(`weight ${w} is not 0 or more`);
    total += w;
    upTo[i] = total;
  }
  if (!(total > 0)) throw new RangeError('all weights are 0');
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (values[i]! * weight(i)) / total;
  let variance = 0;
  for (let i = 0; i < n; i++) variance += ((values[i]! - mean) * (values[i]! - mean) * weight(i)) / total;
  /** First index whose running sum exceeds x. */
  const find = (x: number): number => {
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (upTo[mid]! > x) high = mid;
      else low = mid + 1;
    }
    return low;
  };
  return {
    mean,
    variance,
    sample: (s) => values[find(s.uniform() * total)]!,
    cdf: (x) => {
      let low = 0;
      let high = n;
      while (low < high) {
        const mid = (low + high) >> 1;
        if (values[mid]! > x) high = mid;
        else low = mid + 1;
      }
      return low === 0 ? 0 : upTo[low - 1]! / total;
    },
  };
}
