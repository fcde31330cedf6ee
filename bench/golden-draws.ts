/** Draws by name, for golden fingerprints and tests: every distribution once, with parameters from the field. */
import { Digest } from '../core/num/index.ts';
import { PiecewiseArrivals, ThinnedArrivals } from '../sim/kernel/arrivals.ts';
import {
  constant,
  type Distribution,
  empirical,
  erlang,
  exponential,
  gamma,
  hyperexponential,
  hyperexponentialFit,
  lognormal,
  pareto,
  uniform,
  weibull,
  zipf,
} from '../sim/kernel/distributions.ts';
import { type Stream, Streams } from '../sim/kernel/streams.ts';

/** Parameters after ../shared/vectors (volunteer hosts) and published job traces where there are any. */
export const catalogue: Readonly<Record<string, Distribution>> = {
  constant: constant(3),
  uniform: uniform(-1, 4),
  exponential: exponential(2),
  erlang: erlang(3, 6),
  gamma: gamma(2.5, 3),
  gammaBelowOne: gamma(0.357, 43.652),
  weibull: weibull(0.393, 2.964),
  weibullRising: weibull(2, 24),
  lognormal: lognormal(-0.586, 1.5),
  pareto: pareto(2.5, 1),
  paretoBounded: pareto(1.1, 1, 1000),
  hyperexponential: hyperexponential([
    { probability: 0.338, mean: 1 / 0.029 },
    { probability: 0.39, mean: 1 / 30.121 },
    { probability: 0.272, mean: 1 / 1.069 },
  ]),
  hyperexponentialFit: hyperexponentialFit(1, 4),
  zipf: zipf(1000, 1.1),
  empirical: empirical([5, 1, 8, 2], [1, 4, 2, 3]),
};

/** A day in hours: nights at 1 arrival per hour, days at 6, an evening without any. */
export const dailyArrivals = new PiecewiseArrivals([0, 8, 18, 20], [1, 6, 0, 2], 24);
/** A triangle wave between 1 and 9 arrivals per hour over a day. */
export const triangleRate = (t: number): number => 1 + 8 * (1 - Math.abs(1 - (t % 24) / 12));

const dice: Readonly<Record<string, (s: Stream) => () => number>> = {
  ...Object.fromEntries(Object.entries(catalogue).map(([name, d]) => [name, (s: Stream) => () => d.sample(s)])),
  normal: (s) => () => s.normal(),
  below: (s) => () => s.below(1_000_000),
  piecewiseArrivals: (s) => {
    let t = 0;
    return () => (t = dailyArrivals.next(t, s));
  },
  thinnedArrivals: (s) => {
    const arrivals = new ThinnedArrivals(triangleRate, 9);
    let t = 0;
    return () => (t = arrivals.next(t, s, Infinity));
  },
};

/** Hash of the first `count` draws of every distribution under seed 1: equal on every platform. */
export function drawFingerprints(count: number): Record<string, string> {
  const streams = new Streams(1);
  const out: Record<string, string> = {};
  for (const [name, make] of Object.entries(dice)) {
    const draw = make(streams.get('golden', name));
    const digest = new Digest();
    for (let i = 0; i < count; i++) digest.mixDouble(draw());
    out[name] = digest.hex();
  }
  return out;
}
