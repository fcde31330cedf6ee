/** Non-dominated sets, hypervolume, and NSGA-II (Deb et al. 2002) for several objectives, all minimised. */
import { pow } from '../../core/num/index.ts';
import { Stream } from '../../sim/kernel/streams.ts';
import { latinHypercube } from '../sweep/sobol.ts';
import type { Scored, Searcher } from './searcher.ts';

export function dominates(a: readonly number[], b: readonly number[]): boolean {
  let better = false;
  for (let i = 0; i < a.length; i++) {
    if (a[i]! > b[i]!) return false;
    if (a[i]! < b[i]!) better = true;
  }
  return better;
}

/** Feasible points that no other feasible point dominates, in order of the first objective. */
export function paretoFront<T extends Scored>(points: readonly T[]): T[] {
  const feasible = points.filter((p) => p.violation === 0);
  return feasible
    .filter((p) => !feasible.some((q) => dominates(q.values, p.values)))
    .sort((a, b) => a.values[0]! - b.values[0]! || a.values[1]! - b.values[1]!);
}

/** Volume between the points and a reference that all of them should dominate; exact, by slicing the last objective. */
export function hypervolume(points: readonly (readonly number[])[], reference: readonly number[]): number {
  const inside = points.filter((p) => p.every((v, i) => v < reference[i]!));
  if (inside.length === 0) return 0;
  const last = reference.length - 1;
  if (last === 0) return reference[0]! - Math.min(...inside.map((p) => p[0]!));
  const sorted = [...inside].sort((a, b) => a[last]! - b[last]!);
  let volume = 0;
  for (let i = 0; i < sorted.length; i++) {
    const top = i + 1 < sorted.length ? sorted[i + 1]![last]! : reference[last]!;
    const height = top - sorted[i]![last]!;
    if (height > 0)
      volume +=
        height *
        hypervolume(
          sorted.slice(0, i + 1).map((p) => p.slice(0, last)),
          reference.slice(0, last),
        );
  }
  return volume;
}

const POPULATION = 20;
const CROSSOVER_ETA = 15;
const MUTATION_ETA = 20;

export class Nsga2 implements Searcher {
  readonly name = 'nsga-ii';
  readonly #n: number;
  readonly #stream: Stream;
  #population: Scored[] = [];
  readonly #first: number[][];

  constructor(dimensions: number, seed: number) {
    this.#n = dimensions;
    this.#stream = new Stream(`tune/nsga-ii/${seed}`);
    this.#first = latinHypercube(POPULATION, dimensions, seed);
  }

  ask(room: number): number[][] {
    if (this.#population.length === 0) return this.#first.slice(0, room);
    const { rank, crowd } = sorted(this.#population);
    const pick = (): Scored => {
      const a = this.#stream.below(this.#population.length);
      const b = this.#stream.below(this.#population.length);
      const better = rank[a]! !== rank[b]! ? rank[a]! < rank[b]! : crowd[a]! >= crowd[b]!;
      return this.#population[better ? a : b]!;
    };
    const children: number[][] = [];
    while (children.length < Math.min(POPULATION, room)) {
      const [x, y] = this.#cross(pick().x, pick().x);
      children.push(this.#mutate(x), this.#mutate(y));
    }
    return children.slice(0, room);
  }

  tell(results: readonly Scored[]): void {
    const all = [...this.#population, ...results];
    const { rank, crowd } = sorted(all);
    const order = all.map((_, i) => i).sort((a, b) => rank[a]! - rank[b]! || crowd[b]! - crowd[a]! || a - b);
    this.#population = order.slice(0, POPULATION).map((i) => all[i]!);
  }

  /** Simulated binary crossover. */
  #cross(a: readonly number[], b: readonly number[]): [number[], number[]] {
    const x = [...a];
    const y = [...b];
    for (let i = 0; i < this.#n; i++) {
      const u = this.#stream.uniform();
      const swap = this.#stream.uniform() < 0.5;
      const beta = u <= 0.5 ? pow(2 * u, 1 / (CROSSOVER_ETA + 1)) : pow(1 / (2 * (1 - u)), 1 / (CROSSOVER_ETA + 1));
      const p = 0.5 * ((1 + beta) * a[i]! + (1 - beta) * b[i]!);
      const q = 0.5 * ((1 - beta) * a[i]! + (1 + beta) * b[i]!);
      x[i] = clip(swap ? q : p);
      y[i] = clip(swap ? p : q);
    }
    return [x, y];
  }

  /** Polynomial mutation, one coordinate on average. */
  #mutate(x: number[]): number[] {
    return x.map((v) => {
      const hit = this.#stream.uniform() < 1 / this.#n;
      const u = this.#stream.uniform();
      if (!hit) return v;
      const d = u < 0.5 ? pow(2 * u, 1 / (MUTATION_ETA + 1)) - 1 : 1 - pow(2 * (1 - u), 1 / (MUTATION_ETA + 1));
      return clip(v + d);
    });
  }
}

const clip = (x: number): number => Math.min(1, Math.max(0, x));

/** `count` points of a front, spread along it: the one in the densest place goes first (crowding distance), until few enough are left. */
export function spread<T extends { values: readonly number[] }>(front: readonly T[], count: number): T[] {
  let left = [...front];
  while (left.length > count) {
    const crowd = crowding(left.map((p) => p.values));
    let densest = 0;
    crowd.forEach((c, i) => {
      if (c < crowd[densest]!) densest = i;
    });
    left = left.filter((_, i) => i !== densest);
  }
  return left;
}

/** Crowding distance of each point of a front (Deb et al. 2002); infinite at the ends. */
function crowding(values: readonly (readonly number[])[]): number[] {
  const crowd = new Array<number>(values.length).fill(0);
  for (let k = 0; k < (values[0]?.length ?? 0); k++) {
    const order = values.map((_, i) => i).sort((a, b) => values[a]![k]! - values[b]![k]! || a - b);
    const span = values[order[order.length - 1]!]![k]! - values[order[0]!]![k]!;
    crowd[order[0]!] = Number.POSITIVE_INFINITY;
    crowd[order[order.length - 1]!] = Number.POSITIVE_INFINITY;
    if (!(span > 0)) continue;
    for (let i = 1; i + 1 < order.length; i++)
      crowd[order[i]!]! += (values[order[i + 1]!]![k]! - values[order[i - 1]!]![k]!) / span;
  }
  return crowd;
}

/** Front number (violations behind all feasible fronts) and crowding distance of each point. */
function sorted(points: readonly Scored[]): { rank: number[]; crowd: number[] } {
  const rank = new Array<number>(points.length).fill(-1);
  const crowd = new Array<number>(points.length).fill(0);
  const better = (a: Scored, b: Scored): boolean =>
    a.violation !== b.violation ? a.violation < b.violation : dominates(a.values, b.values);
  let left = points.map((_, i) => i);
  for (let front = 0; left.length > 0; front++) {
    const members = left.filter((i) => !left.some((j) => j !== i && better(points[j]!, points[i]!)));
    for (const i of members) rank[i] = front;
    crowding(members.map((i) => points[i]!.values)).forEach((c, k) => {
      crowd[members[k]!] = c;
    });
    left = left.filter((i) => rank[i] === -1);
  }
  return { rank, crowd };
}
