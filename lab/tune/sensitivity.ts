/**
 * Which parameters matter: variance-based indices and elementary effects, with bootstrap intervals.
 *
 * Sobol' indices: the 2010 estimator of Saltelli et al. for first order, Jansen's (1999) for total, on N(d+2) runs from Sobol' points
 * of 2d dimensions (Latin hypercube above d = 8). Elementary effects: Morris 1991 with mu* of Campolongo et al. 2007.
 */
import { Stream } from '../../sim/kernel/streams.ts';
import { latinHypercube, SOBOL_MAX_DIMENSIONS, sobolPoints } from '../sweep/sobol.ts';

export interface Index {
  value: number;
  low: number;
  high: number;
}

export interface SobolIndices {
  first: Index[];
  total: Index[];
  mean: number;
  variance: number;
}

/** The points to run, in order: N of A, N of B, then N of AB_i for each parameter i. */
export function saltelliDesign(n: number, dimensions: number, seed: number): number[][] {
  const wide =
    2 * dimensions <= SOBOL_MAX_DIMENSIONS
      ? sobolPoints(n, 2 * dimensions, seed)
      : latinHypercube(n, 2 * dimensions, seed);
  const a = wide.map((p) => p.slice(0, dimensions));
  const b = wide.map((p) => p.slice(dimensions));
  const mixed = Array.from({ length: dimensions }, (_, i) =>
    a.map((p, k) => p.map((v, j) => (j === i ? b[k]![j]! : v))),
  );
  return [...a, ...b, ...mixed.flat()];
}

export function sobolIndices(
  values: readonly number[],
  n: number,
  dimensions: number,
  seed: number,
  bootstrap = 500,
  level = 0.95,
): SobolIndices {
  if (values.length !== n * (dimensions + 2))
    throw new Error(`sensitivity: ${values.length} values where ${n * (dimensions + 2)} belong`);
  const a = values.slice(0, n);
  const b = values.slice(n, 2 * n);
  const ab = Array.from({ length: dimensions }, (_, i) => values.slice((2 + i) * n, (3 + i) * n));
  const estimate = (rows: readonly number[]) => {
    let sum = 0;
    for (const k of rows) sum += a[k]! + b[k]!;
    const mean = sum / (2 * rows.length);
    let squares = 0;
    for (const k of rows) squares += (a[k]! - mean) * (a[k]! - mean) + (b[k]! - mean) * (b[k]! - mean);
    const variance = squares / (2 * rows.length);
    const first = ab.map(
      (m) => rows.reduce((s, k) => s + (b[k]! - mean) * (m[k]! - a[k]!), 0) / rows.length / variance,
    );
    const total = ab.map(
      (m) => rows.reduce((s, k) => s + (a[k]! - m[k]!) * (a[k]! - m[k]!), 0) / (2 * rows.length) / variance,
    );
    return { mean, variance, first, total };
  };
  const all = estimate(a.map((_, k) => k));
  const stream = new Stream(`sensitivity/bootstrap/${seed}`);
  const draws = Array.from({ length: bootstrap }, () => estimate(a.map(() => stream.below(n))));
  const interval = (value: number, samples: number[]): Index => ({ value, ...percentiles(samples, level) });
  return {
    mean: all.mean,
    variance: all.variance,
    first: all.first.map((v, i) =>
      interval(
        v,
        draws.map((d) => d.first[i]!),
      ),
    ),
    total: all.total.map((v, i) =>
      interval(
        v,
        draws.map((d) => d.total[i]!),
      ),
    ),
  };
}

function percentiles(samples: number[], level: number): { low: number; high: number } {
  const sorted = [...samples].sort((x, y) => x - y);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))]!;
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) };
}

/** Levels of the Morris grid; a step is half of them. */
const LEVELS = 4;
const STEP = LEVELS / 2 / (LEVELS - 1);

/** `trajectories` walks of d+1 points, each changing one parameter at a time by 2/3. */
export function morrisDesign(trajectories: number, dimensions: number, seed: number): number[][] {
  const stream = new Stream(`sensitivity/morris/${seed}`);
  const points: number[][] = [];
  for (let t = 0; t < trajectories; t++) {
    const x = Array.from({ length: dimensions }, () => stream.below(LEVELS / 2) / (LEVELS - 1));
    const up = x.map(() => stream.uniform() < 0.5);
    // A walk that goes down begins at the upper end.
    const at = x.map((v, i) => (up[i]! ? v : v + STEP));
    const order = x.map((_, i) => i);
    for (let i = dimensions - 1; i > 0; i--) {
      const j = stream.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    points.push([...at]);
    for (const i of order) {
      at[i] = at[i]! + (up[i]! ? STEP : -STEP);
      points.push([...at]);
    }
  }
  return points;
}

export interface MorrisEffects {
  /** Mean of absolute effects: importance. */
  muStar: Index[];
  /** Mean effect: direction. */
  mu: number[];
  /** Spread of effects: interaction or curvature. */
  sigma: number[];
}

export function morrisEffects(
  points: readonly (readonly number[])[],
  values: readonly number[],
  dimensions: number,
  seed: number,
  bootstrap = 500,
  level = 0.95,
): MorrisEffects {
  const effects: number[][] = Array.from({ length: dimensions }, () => []);
  for (let k = 0; k + 1 < points.length; k++) {
    if ((k + 1) % (dimensions + 1) === 0) continue;
    const i = points[k]!.findIndex((v, j) => v !== points[k + 1]![j]);
    effects[i]!.push((values[k + 1]! - values[k]!) / (points[k + 1]![i]! - points[k]![i]!));
  }
  const stream = new Stream(`sensitivity/bootstrap/${seed}`);
  const mean = (list: readonly number[]) => list.reduce((s, v) => s + v, 0) / list.length;
  return {
    muStar: effects.map((e) => {
      const draws = Array.from({ length: bootstrap }, () => mean(e.map(() => Math.abs(e[stream.below(e.length)]!))));
      return { value: mean(e.map(Math.abs)), ...percentiles(draws, level) };
    }),
    mu: effects.map(mean),
    sigma: effects.map((e) => {
      const m = mean(e);
      return e.length < 2 ? 0 : Math.sqrt(e.reduce((s, v) => s + (v - m) * (v - m), 0) / (e.length - 1));
    }),
  };
}
