/**
 * Searchers over the unit cube, ask and tell. Lower is better; what a searcher draws follows from its seed alone, so a run that was cut
 * off is repeated from its journal. Infeasible points are ranked behind all feasible ones by how much they violate.
 */

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { exp, log } from '../../core/num/index.ts';
import { Stream } from '../../sim/kernel/streams.ts';
import { latinHypercube } from '../sweep/sobol.ts';

export interface Scored {
  x: readonly number[];
  /** One value per objective, to be minimised. */
  values: readonly number[];
  /** Sum of violated constraints, 0 = feasible. */
  violation: number;
}

export interface Told extends Scored {
  /** Mean excess over each constraint, <= 0 = kept. */
  excess: readonly number[];
}

/** A point and what a search takes its values to be. */
export interface Believed {
  x: readonly number[];
  values: readonly number[];
}

export interface Searcher {
  readonly name: string;
  /** Next points to evaluate, at most `room` of them; empty = nothing left to try. */
  ask(room: number): number[][];
  tell(results: readonly Told[]): void;
  /** Points to judge on fresh seeds; without it those that scored best. */
  recommend?(count: number): Believed[];
}

/** Better by violation, then by the first objective. */
export const compareScored = (a: Scored, b: Scored): number => a.violation - b.violation || a.values[0]! - b.values[0]!;

export class RandomSearch implements Searcher {
  readonly name = 'random';
  readonly #dimensions: number;
  readonly #stream: Stream;

  constructor(dimensions: number, seed: number) {
    this.#dimensions = dimensions;
    this.#stream = new Stream(`tune/random/${seed}`);
  }
  ask(room: number): number[][] {
    return room < 1 ? [] : [Array.from({ length: this.#dimensions }, () => this.#stream.uniform())];
  }
  tell(): void {}
}

/**
 * (mu/mu_w, lambda)-CMA-ES (Hansen, "The CMA evolution strategy: a tutorial", 2016) on the unit cube. Changed: it starts at the best of
 * a Latin hypercube; coordinates outside the cube are reflected back; ranks put violations first. When the step has become tiny it
 * starts again at a new point of the hypercube, with a larger population (IPOP, Auger and Hansen 2005).
 */
export class CmaEs implements Searcher {
  readonly name = 'cma-es';
  readonly #n: number;
  readonly #stream: Stream;
  readonly #seed: number;
  #start: number[][];
  #restarts = 0;
  #lambda: number;
  #mu = 0;
  #weights: number[] = [];
  #muEff = 0;
  #cc = 0;
  #cs = 0;
  #c1 = 0;
  #cmu = 0;
  #damps = 0;
  #chiN = 0;
  #mean: number[] | null = null;
  #sigma = 0.2;
  #c: number[][] = [];
  #basis: number[][] = [];
  #scales: number[] = [];
  #pc: number[] = [];
  #ps: number[] = [];
  #generation = 0;
  #asked: { x: number[]; y: number[] }[] = [];

  constructor(dimensions: number, seed: number, startPoints = Math.max(4, 2 * dimensions)) {
    this.#n = dimensions;
    this.#seed = seed;
    this.#stream = new Stream(`tune/cma-es/${seed}`);
    this.#start = latinHypercube(startPoints, dimensions, seed);
    this.#lambda = 4 + Math.floor(3 * log(dimensions));
    this.#configure();
  }

  #configure(): void {
    const n = this.#n;
    this.#mu = Math.max(1, Math.floor(this.#lambda / 2));
    const raw = Array.from({ length: this.#mu }, (_, i) => log(this.#mu + 0.5) - log(i + 1));
    const sum = raw.reduce((a, b) => a + b, 0);
    this.#weights = raw.map((w) => w / sum);
    this.#muEff = 1 / this.#weights.reduce((a, w) => a + w * w, 0);
    this.#cc = (4 + this.#muEff / n) / (n + 4 + (2 * this.#muEff) / n);
    this.#cs = (this.#muEff + 2) / (n + this.#muEff + 5);
    this.#c1 = 2 / ((n + 1.3) * (n + 1.3) + this.#muEff);
    this.#cmu = Math.min(1 - this.#c1, (2 * (this.#muEff - 2 + 1 / this.#muEff)) / ((n + 2) * (n + 2) + this.#muEff));
    this.#damps = 1 + 2 * Math.max(0, Math.sqrt((this.#muEff - 1) / (n + 1)) - 1) + this.#cs;
    this.#chiN = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
  }

  ask(room: number): number[][] {
    if (room < 1) return [];
    if (this.#mean === null) return this.#start.slice(0, room);
    this.#asked = [];
    for (let k = 0; k < Math.min(this.#lambda, room); k++) {
      const z = Array.from({ length: this.#n }, () => this.#stream.normal());
      const y = this.#basis.map((row) => row.reduce((s, b, j) => s + b * this.#scales[j]! * z[j]!, 0));
      const x = this.#mean.map((m, i) => reflect(m + this.#sigma * y[i]!));
      // The step that was really made, after reflection.
      this.#asked.push({ x, y: x.map((v, i) => (v - this.#mean![i]!) / this.#sigma) });
    }
    return this.#asked.map((a) => a.x);
  }

  tell(results: readonly Scored[]): void {
    const order = results.map((r, i) => ({ r, i })).sort((a, b) => compareScored(a.r, b.r) || a.i - b.i);
    if (this.#mean === null) {
      this.#begin([...order[0]!.r.x]);
      return;
    }
    if (results.length <= this.#mu) return;
    this.#update(order.slice(0, this.#mu).map((o) => this.#asked[o.i]!.y));
    if (this.#sigma * Math.max(...this.#scales) < 1e-4) {
      this.#restarts++;
      this.#lambda *= 2;
      this.#configure();
      this.#mean = null;
      this.#start = latinHypercube(Math.max(4, 2 * this.#n), this.#n, this.#seed + 1_000_003 * this.#restarts);
    }
  }

  #begin(mean: number[]): void {
    const n = this.#n;
    this.#mean = mean;
    this.#sigma = 0.2;
    this.#c = identity(n);
    this.#basis = identity(n);
    this.#scales = new Array<number>(n).fill(1);
    this.#pc = new Array<number>(n).fill(0);
    this.#ps = new Array<number>(n).fill(0);
    this.#generation = 0;
  }

  #update(best: readonly (readonly number[])[]): void {
    const n = this.#n;
    const step = Array.from({ length: n }, (_, i) => best.reduce((s, y, k) => s + this.#weights[k]! * y[i]!, 0));
    this.#mean = this.#mean!.map((m, i) => reflect(m + this.#sigma * step[i]!));
    // C^(-1/2) step = B D^-1 B^T step.
    const rotated = Array.from(
      { length: n },
      (_, j) => this.#basis.reduce((s, row, i) => s + row[j]! * step[i]!, 0) / this.#scales[j]!,
    );
    const white = this.#basis.map((row) => row.reduce((s, b, j) => s + b * rotated[j]!, 0));
    const cs = this.#cs;
    const gain = Math.sqrt(cs * (2 - cs) * this.#muEff);
    this.#ps = this.#ps.map((p, i) => (1 - cs) * p + gain * white[i]!);
    const norm = Math.sqrt(this.#ps.reduce((s, p) => s + p * p, 0));
    this.#generation++;
    let decay = 1;
    for (let g = 0; g < 2 * this.#generation && decay > 1e-12; g++) decay *= 1 - cs;
    const hs = norm / Math.sqrt(1 - decay) / this.#chiN < 1.4 + 2 / (n + 1) ? 1 : 0;
    const cGain = hs * Math.sqrt(this.#cc * (2 - this.#cc) * this.#muEff);
    this.#pc = this.#pc.map((p, i) => (1 - this.#cc) * p + cGain * step[i]!);
    const keep = 1 - this.#c1 - this.#cmu + (1 - hs) * this.#c1 * this.#cc * (2 - this.#cc);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const ranked = best.reduce((s, y, k) => s + this.#weights[k]! * y[i]! * y[j]!, 0);
        const v = keep * this.#c[i]![j]! + this.#c1 * this.#pc[i]! * this.#pc[j]! + this.#cmu * ranked;
        this.#c[i]![j] = v;
        this.#c[j]![i] = v;
      }
    }
    this.#sigma = Math.min(0.5, this.#sigma * exp((cs / this.#damps) * (norm / this.#chiN - 1)));
    const e = new EigenvalueDecomposition(new Matrix(this.#c), { assumeSymmetric: true });
    this.#basis = e.eigenvectorMatrix.to2DArray();
    this.#scales = e.realEigenvalues.map((v) => Math.sqrt(Math.max(v, 1e-20)));
  }
}

const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_x, j) => (i === j ? 1 : 0)));

/** Folds any number into [0, 1]. */
export function reflect(x: number): number {
  const r = Math.abs(x) % 2;
  return r > 1 ? 2 - r : r;
}
