/** A sweep as a reader looks at it: runs of points, filtered, averaged, compared and taken apart by parameter. No DOM. */
import { meanInterval } from './interval.ts';
import { holm, pairedComparison } from './paired.ts';

export type Scalar = string | number | boolean;

export interface LoadedSweep {
  dir: string;
  study: string;
  /** Paths of the parameters that vary. */
  parameters: string[];
  points: Record<string, Scalar>[];
  /** Runs that the plan asks for at most, and how many are there. */
  planned: number;
  failed: number;
  /** Where its rows come from. */
  source: 'table.parquet' | 'results';
  commonRandomNumbers: boolean;
  rows: number;
  point: Float64Array;
  replication: Float64Array;
  /** Numeric figures by column name; NaN where a run has none. */
  figures: Record<string, Float64Array>;
}

export interface SensitivityFile {
  dir: string;
  study: string;
  method: 'sobol' | 'morris';
  runs: number;
  metrics: Record<string, Record<string, { first?: Index; total?: Index; muStar?: Index }>>;
}
export interface Index {
  value: number;
  low: number;
  high: number;
}

const SECONDS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 };
const unitOf = (v: Scalar): string => (typeof v === 'string' ? v.replace(/^\S+\s*/, '').replace(/(.)s$/, '$1') : '');

/** A number that begins a parameter's value (0.3, "20 %", "15 minute", which is 900), or NaN. */
export function numberOf(v: Scalar | undefined): number {
  if (typeof v === 'number') return v;
  const found = typeof v === 'string' ? /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?(?=\s|$)/i.exec(v) : null;
  return found === null ? Number.NaN : Number(found[0]) * (SECONDS[unitOf(v!)] ?? 1);
}

export const sameUnit = (list: readonly Scalar[]): boolean => new Set(list.map(unitOf)).size <= 1;

/** Distinct values of a parameter: in order where they are numbers of one unit or times, else by name. */
export function valuesOf(sweep: LoadedSweep, parameter: string): Scalar[] {
  const all = [...new Set(sweep.points.map((p) => p[parameter]).filter((v) => v !== undefined))];
  const ordered =
    (sameUnit(all) || all.every((v) => unitOf(v) in SECONDS)) && !all.some((v) => Number.isNaN(numberOf(v)));
  return ordered
    ? all.sort((a, b) => numberOf(a) - numberOf(b))
    : all.sort((a, b) => (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0));
}

export interface PointMean {
  point: number;
  values: Record<string, Scalar>;
  n: number;
  mean: number;
  half: number;
}

/** Points that have the kept values of every parameter; an absent parameter keeps all. */
export function keptPoints(sweep: LoadedSweep, keep: Readonly<Record<string, readonly Scalar[]>>): number[] {
  return sweep.points.flatMap((p, i) =>
    Object.entries(keep).every(([name, values]) => p[name] === undefined || values.includes(p[name]!)) ? [i] : [],
  );
}

/** Values of a figure by point, each by replication. */
export function byPoint(sweep: LoadedSweep, figure: string): Map<number, Map<number, number>> {
  const out = new Map<number, Map<number, number>>();
  const column = sweep.figures[figure];
  if (column === undefined) return out;
  for (let i = 0; i < sweep.rows; i++) {
    if (Number.isNaN(column[i]!)) continue;
    const p = sweep.point[i]!;
    const of = out.get(p) ?? new Map<number, number>();
    out.set(p, of);
    of.set(sweep.replication[i]!, column[i]!);
  }
  return out;
}

/** Mean and 95 % interval of a figure at each of the points. */
export function means(sweep: LoadedSweep, points: readonly number[], figure: string): PointMean[] {
  const values = byPoint(sweep, figure);
  return points.flatMap((point) => {
    const list = [...(values.get(point)?.values() ?? [])];
    if (list.length === 0) return [];
    const { n, mean, half } = meanInterval(list);
    return [{ point, values: sweep.points[point]!, n, mean, half: Number.isFinite(half) ? half : 0 }];
  });
}

export interface Difference {
  point: number;
  mean: number;
  half: number;
  /** After Holm's correction over all points shown. */
  p: number;
  pairs: number;
}

/** Each point minus the base, paired by replication. */
export function differences(sweep: LoadedSweep, points: readonly number[], base: number, figure: string): Difference[] {
  const values = byPoint(sweep, figure);
  const first = values.get(base);
  if (first === undefined) return [];
  const list = points.flatMap((point) => {
    const other = values.get(point);
    if (point === base || other === undefined) return [];
    const shared = [...first.keys()].filter((r) => other.has(r)).sort((a, b) => a - b);
    if (shared.length < 2) return [];
    const c = pairedComparison(
      shared.map((r) => first.get(r)!),
      shared.map((r) => other.get(r)!),
    );
    return [{ point, mean: c.difference.mean, half: c.difference.half, p: c.p, pairs: shared.length }];
  });
  const corrected = holm(list.map((d) => d.p));
  return list.map((d, i) => ({ ...d, p: corrected[i]! }));
}

/** Most groups that a parameter with many values is cut into. */
const GROUPS = 8;

/**
 * Share of the variance among points' means that each parameter alone accounts for: epsilon squared, that is the sum of squares
 * between its groups less what chance would give, over all. What is left to 1 is interaction and noise.
 */
export function mainEffects(
  sweep: LoadedSweep,
  points: readonly number[],
  figure: string,
): { parameter: string; share: number }[] {
  const list = means(sweep, points, figure);
  const grand = list.reduce((s, m) => s + m.mean, 0) / list.length;
  const total = list.reduce((s, m) => s + (m.mean - grand) * (m.mean - grand), 0);
  return sweep.parameters
    .map((parameter) => {
      const groups = new Map<string, number[]>();
      const values = valuesOf(sweep, parameter);
      const per = Math.ceil(values.length / Math.min(values.length, GROUPS));
      const group = new Map(values.map((v, i) => [v, String(values.length <= 2 * GROUPS ? i : Math.floor(i / per))]));
      for (const m of list) {
        const g = group.get(m.values[parameter]!) ?? '';
        groups.set(g, [...(groups.get(g) ?? []), m.mean]);
      }
      let between = 0;
      for (const g of groups.values()) {
        const mean = g.reduce((s, v) => s + v, 0) / g.length;
        between += g.length * (mean - grand) * (mean - grand);
      }
      const within = list.length - groups.size;
      const error = within > 0 ? (total - between) / within : 0;
      const share = total > 0 ? (between - (groups.size - 1) * error) / total : 0;
      return { parameter, share: Math.max(0, share) };
    })
    .sort((a, b) => b.share - a.share || (a.parameter < b.parameter ? -1 : 1));
}

/** Items that no other item beats in both figures; equal ones stay. In order of the first figure. */
export function paretoFront<T>(
  list: readonly T[],
  x: (t: T) => number,
  y: (t: T) => number,
  xLess: boolean,
  yLess: boolean,
): T[] {
  const sx = xLess ? 1 : -1;
  const sy = yLess ? 1 : -1;
  const sorted = [...list].sort((a, b) => sx * (x(a) - x(b)) || sy * (y(a) - y(b)));
  const front: T[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const t of sorted) {
    const last = front[front.length - 1];
    if (sy * y(t) < best) {
      best = sy * y(t);
      front.push(t);
    } else if (last !== undefined && x(last) === x(t) && y(last) === y(t)) front.push(t);
  }
  return front;
}

/** At most so many, evenly taken, so that a page is never asked to draw tens of thousands of marks. */
export const thin = <T>(list: readonly T[], most: number): readonly T[] =>
  list.length <= most
    ? list
    : list.filter((_, i) => Math.floor((i * most) / list.length) !== Math.floor(((i - 1) * most) / list.length));

/** The parameters of a point in a few words; beside another point only those that are set otherwise. */
export const pointName = (
  values: Readonly<Record<string, Scalar>>,
  beside: Readonly<Record<string, Scalar>> = {},
): string =>
  Object.entries(values)
    .filter(([k, v]) => beside[k] !== v)
    .map(([k, v]) => `${k.split('.').pop()} ${String(v)}`)
    .join(', ');
