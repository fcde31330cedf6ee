/**
 * Search with a budget of evaluations, then a final ranking on seeds that the search never saw: what looked best by luck falls back.
 * The problem is any function from points of the unit cube and replications to values; scenarios are one such problem.
 */
import { type MeanInterval, meanInterval } from '../stats/interval.ts';
import { latinHypercube } from '../sweep/sobol.ts';
import { dominates, hypervolume, Nsga2, paretoFront, spread } from './pareto.ts';
import { type Believed, CmaEs, compareScored, RandomSearch, type Searcher, type Told } from './searcher.ts';
import { Surrogate } from './surrogate.ts';

/** What one run says about a point: objectives (lower is better) and constraints (amount by which each is violated, <= 0 = kept). */
export interface Sample {
  values: number[];
  excess: number[];
}

export interface Problem {
  dimensions: number;
  objectives: number;
  /** Corner that the hypervolume is measured from, where it is given; else the worst value seen. */
  reference?: readonly (number | null)[];
  /** One sample per point and replication; replications from FRESH on are kept for the final ranking. */
  evaluate(points: readonly (readonly number[])[], replications: readonly number[]): Promise<Sample[][]>;
}

export const FRESH = 1_000_000;
export const methods = ['surrogate', 'cma-es', 'halving', 'random', 'nsga-ii'] as const;
export type Method = (typeof methods)[number];

export interface TuneOptions {
  method: Method;
  /** Runs that the search may make (points x replications). */
  budget: number;
  /** Replications of a point while searching. */
  replications: number;
  /** Best points of the search that are ranked anew, and on how many fresh replications each. */
  finalists: number;
  finalReplications: number;
  seed: number;
  onProgress?: (runs: number, best: readonly number[] | null) => void;
}

export interface Finalist {
  x: readonly number[];
  /** Mean over the search's own replications: optimistic. */
  searched: number[];
  /** On fresh replications. */
  objectives: MeanInterval[];
  constraints: MeanInterval[];
  feasible: boolean;
  /** Several objectives: no feasible finalist is better in all of them on fresh seeds. */
  front: boolean;
}

export interface TuneResult {
  method: Method;
  evaluations: number;
  runs: number;
  /** Best first; for several objectives the Pareto front. */
  finalists: Finalist[];
  /** Of the finalists on the front, on fresh seeds; null for one objective. */
  hypervolume: { value: number; reference: number[] } | null;
}

export async function tune(p: Problem, o: TuneOptions): Promise<TuneResult> {
  const archive: Told[] = [];
  let runs = 0;
  const tried = new Set<string>();
  let recommended: Believed[] | null = null;
  const evaluate = async (points: readonly number[][], replications: number): Promise<Told[]> => {
    const samples = await p.evaluate(points, range(replications));
    runs += points.length * replications;
    const scored = points.map((x, i) => score(x, samples[i]!));
    for (const s of scored) {
      const key = s.x.join(' ');
      // A point seen again with more replications replaces its former self.
      const at = archive.findIndex((a) => a.x.join(' ') === key);
      if (at >= 0) archive[at] = s;
      else archive.push(s);
      tried.add(key);
    }
    o.onProgress?.(runs, [...archive].sort(compareScored)[0]?.x ?? null);
    return scored;
  };
  if (o.method === 'halving') await halve(p, o, evaluate);
  else {
    const searcher = searcherOf(o.method, p.dimensions, o.seed);
    for (;;) {
      const room = Math.floor((o.budget - runs) / o.replications);
      const points = searcher.ask(room);
      if (points.length === 0) break;
      searcher.tell(await evaluate(points, o.replications));
    }
    recommended = searcher.recommend?.(o.finalists) ?? null;
  }
  const candidates: Believed[] =
    recommended ??
    (p.objectives > 1
      ? spread(paretoFront(archive), o.finalists)
      : [...archive].sort(compareScored).slice(0, o.finalists));
  const fresh = await p.evaluate(
    candidates.map((c) => c.x),
    range(o.finalReplications).map((r) => FRESH + r),
  );
  runs += candidates.length * o.finalReplications;
  const finalists = candidates.map((c, i): Finalist => {
    const objectives = columns(fresh[i]!.map((s) => s.values)).map((v) => meanInterval(v));
    const constraints = columns(fresh[i]!.map((s) => s.excess)).map((v) => meanInterval(v));
    return {
      x: c.x,
      searched: [...c.values],
      objectives,
      constraints,
      feasible: constraints.every((m) => m.mean <= 0),
      front: false,
    };
  });
  const means = (f: Finalist) => f.objectives.map((m) => m.mean);
  for (const f of finalists)
    f.front = f.feasible && !finalists.some((g) => g.feasible && dominates(means(g), means(f)));
  if (p.objectives === 1)
    finalists.sort((a, b) => Number(b.feasible) - Number(a.feasible) || a.objectives[0]!.mean - b.objectives[0]!.mean);
  else finalists.sort((a, b) => Number(b.front) - Number(a.front) || a.objectives[0]!.mean - b.objectives[0]!.mean);
  const reference =
    p.objectives > 1
      ? columns(archive.map((a) => [...a.values])).map((v, k) => p.reference?.[k] ?? Math.max(...v))
      : [];
  return {
    method: o.method,
    evaluations: tried.size,
    runs,
    finalists,
    hypervolume:
      p.objectives > 1
        ? {
            value: hypervolume(finalists.filter((f) => f.front).map(means), reference),
            reference,
          }
        : null,
  };
}

function searcherOf(method: Exclude<Method, 'halving'>, dimensions: number, seed: number): Searcher {
  if (method === 'random') return new RandomSearch(dimensions, seed);
  if (method === 'surrogate') return new Surrogate(dimensions, seed);
  return method === 'cma-es' ? new CmaEs(dimensions, seed) : new Nsga2(dimensions, seed);
}

/** Successive halving (Jamieson and Talwalkar 2016) from a Latin hypercube: the better third goes on with three times the replications. */
async function halve(
  p: Problem,
  o: TuneOptions,
  evaluate: (points: readonly number[][], replications: number) => Promise<Told[]>,
): Promise<void> {
  let rounds = 1;
  for (let reps = o.replications; reps < o.finalReplications; reps *= 3) rounds++;
  const perRound = Math.floor(o.budget / rounds);
  let replications = o.replications;
  let points = latinHypercube(Math.max(1, Math.floor(perRound / replications)), p.dimensions, o.seed);
  for (let r = 0; r < rounds && points.length > 0; r++) {
    const scored = await evaluate(points, replications);
    replications *= 3;
    const keep = Math.min(Math.ceil(points.length / 3), Math.floor(perRound / replications));
    points = [...scored]
      .sort(compareScored)
      .slice(0, keep)
      .map((s) => [...s.x]);
  }
}

function score(x: readonly number[], samples: readonly Sample[]): Told {
  const values = columns(samples.map((s) => s.values)).map((v) => meanInterval(v).mean);
  const excess = columns(samples.map((s) => s.excess)).map((v) => meanInterval(v).mean);
  return { x, values, excess, violation: excess.reduce((s, v) => s + Math.max(0, v), 0) };
}

const columns = (rows: readonly number[][]): number[][] => (rows[0] ?? []).map((_, i) => rows.map((r) => r[i]!));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
