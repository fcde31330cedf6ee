/**
 * Gaussian-process regression of noisy observations over the unit cube (Rasmussen and Williams, "Gaussian Processes for Machine
 * Learning", 2006, chapters 2, 4 and 5): Matérn 5/2 kernel with a length per coordinate, constant mean by generalised least squares,
 * process variance profiled out, the other parameters at the maximum of the posterior under lognormal priors.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { exp, log } from '../../core/num/index.ts';

export interface Observation {
  x: readonly number[];
  y: number;
}

/** Logarithms: lengths, then noise variance over process variance. */
type Parameters = number[];

const LENGTH = { mean: log(0.5), sd: 1 };
const NOISE = { mean: log(0.05), sd: 2 };
/** Added to the diagonal: keeps equal points apart. */
const JITTER = 1e-8;

export class Kriging {
  readonly #observations: readonly Observation[];
  readonly #inverse: Float64Array[];
  readonly #alpha: Float64Array;
  /** Inverse times ones, and its sum. */
  readonly #ones: Float64Array;
  readonly #onesSum: number;
  readonly #mean: number;
  readonly #variance: number;
  readonly parameters: Parameters;

  /** Fits from the parameters given, or from the priors' means, unless they are to be `kept`. At least two observations. */
  constructor(observations: readonly Observation[], start: Parameters | null = null, kept = false) {
    const d = observations[0]!.x.length;
    this.#observations = observations;
    const from = start ?? [...new Array<number>(d).fill(LENGTH.mean), NOISE.mean];
    this.parameters = kept ? from : likeliest(observations, from);
    const n = observations.length;
    const inverse = cholesky(observations, this.parameters)!.solve(Matrix.eye(n, n));
    this.#inverse = Array.from({ length: n }, (_, i) => Float64Array.from(inverse.getRow(i)));
    this.#ones = Float64Array.from(this.#inverse, (row) => row.reduce((s, v) => s + v, 0));
    this.#onesSum = this.#ones.reduce((s, v) => s + v, 0);
    this.#mean = observations.reduce((s, o, i) => s + o.y * this.#ones[i]!, 0) / this.#onesSum;
    this.#alpha = Float64Array.from(this.#inverse, (row) =>
      row.reduce((s, v, j) => s + v * (observations[j]!.y - this.#mean), 0),
    );
    const quadratic = observations.reduce((s, o, i) => s + (o.y - this.#mean) * this.#alpha[i]!, 0);
    this.#variance = Math.max(quadratic / n, 1e-300);
  }

  /** Mean and standard deviation of the surface itself at x, without noise. */
  at(x: readonly number[]): { mean: number; sd: number } {
    const k = this.#kernels(x);
    let mean = this.#mean;
    let explained = 0;
    let left = 1;
    for (let i = 0; i < k.length; i++) {
      mean += k[i]! * this.#alpha[i]!;
      left -= k[i]! * this.#ones[i]!;
      const row = this.#inverse[i]!;
      let s = 0;
      for (let j = 0; j < row.length; j++) s += row[j]! * k[j]!;
      explained += k[i]! * s;
    }
    const variance = this.#variance * (1 - explained + (left * left) / this.#onesSum);
    return { mean, sd: Math.sqrt(Math.max(0, variance)) };
  }

  #kernels(x: readonly number[]): Float64Array {
    const inverse = x.map((_, i) => exp(-this.parameters[i]!));
    return Float64Array.from(this.#observations, (o) => {
      let squares = 0;
      for (let i = 0; i < x.length; i++) {
        const z = (x[i]! - o.x[i]!) * inverse[i]!;
        squares += z * z;
      }
      return matern(squares);
    });
  }
}

/** Matérn 5/2 of a distance in lengths. */
function matern(squares: number): number {
  const r = Math.sqrt(5 * squares);
  return (1 + r + (r * r) / 3) * exp(-r);
}

function cholesky(observations: readonly Observation[], p: Parameters): CholeskyDecomposition | null {
  const n = observations.length;
  const d = observations[0]!.x.length;
  const inverse = p.slice(0, d).map((l) => exp(-l));
  const noise = exp(p[d]!);
  const scaled = observations.map((o) => o.x.map((v, i) => v * inverse[i]!));
  const m = Matrix.zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let squares = 0;
      for (let c = 0; c < d; c++) {
        const z = scaled[i]![c]! - scaled[j]![c]!;
        squares += z * z;
      }
      const v = matern(squares) + (i === j ? noise + JITTER : 0);
      m.set(i, j, v);
      m.set(j, i, v);
    }
  }
  const c = new CholeskyDecomposition(m);
  return c.isPositiveDefinite() ? c : null;
}

/** Minus the logarithm of the profiled posterior density, up to a constant. */
function badness(observations: readonly Observation[], p: Parameters): number {
  const c = cholesky(observations, p);
  if (c === null) return Number.POSITIVE_INFINITY;
  const n = observations.length;
  const solved = c.solve(new Matrix(observations.map((o) => [o.y, 1])));
  let ones = 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += solved.get(i, 0);
    ones += solved.get(i, 1);
  }
  const mean = sum / ones;
  let quadratic = 0;
  for (let i = 0; i < n; i++) quadratic += (observations[i]!.y - mean) * (solved.get(i, 0) - mean * solved.get(i, 1));
  const l = c.lowerTriangularMatrix;
  let determinant = 0;
  for (let i = 0; i < n; i++) determinant += log(l.get(i, i));
  let prior = 0;
  const d = observations[0]!.x.length;
  p.forEach((v, i) => {
    const { mean: m, sd } = i < d ? LENGTH : NOISE;
    prior += ((v - m) / sd) * ((v - m) / sd);
  });
  return (n / 2) * log(Math.max(quadratic / n, 1e-300)) + determinant + prior / 2;
}

/** Coordinate search with a halving step: the surface is smooth and its dimensions are few. */
function likeliest(observations: readonly Observation[], start: Parameters): Parameters {
  let p = [...start];
  let least = badness(observations, p);
  for (let step = 1; step > 0.1; ) {
    let moved = false;
    for (let i = 0; i < p.length; i++) {
      for (const sign of [1, -1]) {
        const q = p.map((v, k) => (k === i ? v + sign * step : v));
        const b = badness(observations, q);
        if (b < least - 1e-9) {
          least = b;
          p = q;
          moved = true;
          break;
        }
      }
    }
    if (!moved) step /= 2;
  }
  return p;
}
