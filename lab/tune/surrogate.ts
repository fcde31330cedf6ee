/**
 * Search with a model: Gaussian processes of the objective and of each constraint, and expected improvement times the probability that
 * the constraints hold (Jones, Schonlau and Welch 1998; Schonlau 1997). Changed for noise: the incumbent is the least posterior mean
 * among the points tried, points of a batch are chosen one after the other with the model's own mean put in for those before
 * ("kriging believer", Ginsbourger et al. 2010), and what is recommended is where the model, not a single lucky mean, is best.
 */
import { expm1, log1p, normalCdf, normalPdf } from '../../core/num/index.ts';
import { Stream } from '../../sim/kernel/streams.ts';
import { latinHypercube, randomPoints } from '../sweep/sobol.ts';
import { Kriging, type Observation } from './kriging.ts';
import type { Believed, Searcher, Told } from './searcher.ts';

/** More points than this take longer to think about than to run. */
export const SURROGATE_MAX_POINTS = 400;
const BATCH = 4;
const CANDIDATES = 300;
/** A constraint counts as kept when the model is this sure. */
const SURE = 0.75;

interface Model {
  objective: Kriging;
  constraints: Kriging[];
}

export class Surrogate implements Searcher {
  readonly name = 'surrogate';
  readonly #n: number;
  readonly #stream: Stream;
  readonly #first: number[][];
  readonly #tried: { x: readonly number[]; values: number[] }[] = [];
  #parameters: number[][] = [];

  constructor(dimensions: number, seed: number) {
    this.#n = dimensions;
    this.#stream = new Stream(`tune/surrogate/${seed}`);
    this.#first = latinHypercube(Math.max(8, 2 * dimensions + 2), dimensions, seed);
  }

  ask(room: number): number[][] {
    if (room < 1) return [];
    if (this.#tried.length === 0) return this.#first.slice(0, room);
    if (this.#tried.length < 2) return randomPoints(1, this.#n, this.#tried.length);
    const model = this.#fit([]);
    const batch: { x: readonly number[]; values: number[] }[] = [];
    let believed = model;
    while (batch.length < Math.min(BATCH, room)) {
      if (batch.length > 0) believed = this.#fit(batch);
      const x = this.#best(believed);
      batch.push({
        x,
        values: [model.objective.at(x).mean, ...model.constraints.map((c) => c.at(x).mean)],
      });
    }
    return batch.map((b) => [...b.x]);
  }

  tell(results: readonly Told[]): void {
    for (const r of results) this.#tried.push({ x: r.x, values: [r.values[0]!, ...r.excess] });
  }

  /** Points where the model is best, feasible ones first, apart from one another. */
  recommend(count: number): Believed[] {
    if (this.#tried.length < 2) return this.#tried.map((t) => ({ x: t.x, values: t.values.slice(0, 1) }));
    const model = this.#fit([]);
    const rated = [...this.#tried.map((t) => t.x), ...this.#candidates(model)].map((x) => ({
      x,
      sure: Math.min(1, this.#feasible(model, x) / SURE),
      mean: model.objective.at(x).mean,
    }));
    rated.sort((a, b) => b.sure - a.sure || a.mean - b.mean);
    const { back } = this.#compression();
    const out: Believed[] = [];
    for (const { x, mean } of rated) {
      if (out.length === count) break;
      if (out.every((o) => o.x.some((v, i) => Math.abs(v - x[i]!) > 0.03))) out.push({ x, values: [back(mean)] });
    }
    return out;
  }

  /** Models of all that was told; `extra` are points whose values are believed. */
  #fit(extra: readonly { x: readonly number[]; values: number[] }[]): Model {
    const count = this.#tried[0]!.values.length;
    const models = Array.from({ length: count }, (_, k) => {
      const scale = k === 0 ? this.#compression().there : (y: number) => y;
      const observations: Observation[] = [
        ...this.#tried.map((t) => ({ x: t.x, y: scale(t.values[k]!) })),
        ...extra.map((e) => ({ x: e.x, y: e.values[k]! })),
      ];
      return new Kriging(observations, this.#parameters[k] ?? null, extra.length > 0);
    });
    if (extra.length === 0) this.#parameters = models.map((m) => m.parameters);
    return { objective: models[0]!, constraints: models.slice(1) };
  }

  /**
   * The objective as the model sees it, and back: linear near the best, logarithmic beyond the median, so that disasters do not drown
   * the rest.
   */
  #compression(): { there: (y: number) => number; back: (v: number) => number } {
    const sorted = this.#tried.map((t) => t.values[0]!).sort((a, b) => a - b);
    const least = sorted[0]!;
    const span = sorted[Math.floor(sorted.length / 2)]! - least || sorted[sorted.length - 1]! - least || 1;
    return { there: (y) => log1p((y - least) / span), back: (v) => least + span * expm1(v) };
  }

  #feasible(model: Model, x: readonly number[]): number {
    return model.constraints.reduce((p, c) => {
      const { mean, sd } = c.at(x);
      return p * (sd > 0 ? normalCdf(-mean / sd) : mean <= 0 ? 1 : 0);
    }, 1);
  }

  /** Everywhere a little, and around what the model likes. */
  #candidates(model: Model): number[][] {
    const means = this.#tried
      .map((t, i) => ({ x: t.x, i, value: model.objective.at(t.x).mean, sure: this.#feasible(model, t.x) >= SURE }))
      .sort((a, b) => Number(b.sure) - Number(a.sure) || a.value - b.value || a.i - b.i);
    const out: number[][] = [];
    for (let k = 0; k < CANDIDATES; k++) {
      if (k % 3 === 0) {
        out.push(Array.from({ length: this.#n }, () => this.#stream.uniform()));
        continue;
      }
      const near = means[this.#stream.below(Math.min(5, means.length))]!.x;
      const reach = [0.2, 0.05][k % 2]!;
      out.push(near.map((v) => Math.min(1, Math.max(0, v + reach * this.#stream.normal()))));
    }
    return out;
  }

  /** Where expected improvement times the chance to be feasible is largest; with nothing feasible yet, that chance. */
  #best(model: Model): number[] {
    let incumbent = Number.POSITIVE_INFINITY;
    for (const t of this.#tried)
      if (this.#feasible(model, t.x) >= SURE) incumbent = Math.min(incumbent, model.objective.at(t.x).mean);
    const gain = (x: readonly number[]): number => {
      const chance = this.#feasible(model, x);
      if (incumbent === Number.POSITIVE_INFINITY) return chance;
      const { mean, sd } = model.objective.at(x);
      if (sd === 0) return 0;
      const z = (incumbent - mean) / sd;
      return chance * sd * (z * normalCdf(z) + normalPdf(z));
    };
    let best: number[] = [];
    let most = -1;
    for (const x of this.#candidates(model)) {
      const g = gain(x);
      if (g > most) {
        most = g;
        best = x;
      }
    }
    for (let step = 0.05; step > 0.004; ) {
      let moved = false;
      for (let i = 0; i < this.#n; i++)
        for (const sign of [1, -1]) {
          const x = best.map((v, k) => (k === i ? Math.min(1, Math.max(0, v + sign * step)) : v));
          const g = gain(x);
          if (g > most) {
            most = g;
            best = x;
            moved = true;
          }
        }
      if (!moved) step /= 2;
    }
    return best;
  }
}
