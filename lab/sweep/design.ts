/** Designs: from parameters with values or ranges to a list of points, each a list of `path=value`. */
import { exp, log } from '../../core/num/index.ts';
import { UsageError } from '../errors.ts';
import { latinHypercube, randomPoints, SOBOL_MAX_DIMENSIONS, sobolPoints } from './sobol.ts';
import type { LoadedStudy, Range, Scalar } from './study.ts';

/** One value of each parameter, in the study's order of parameters. */
export type Point = readonly (readonly [path: string, value: Scalar])[];

const isRange = (a: readonly Scalar[] | Range): a is Range => !Array.isArray(a);

/** The value of a range at u in [0, 1]. */
export function atUnit(r: Range, u: number): Scalar {
  let x = r.scale === 'log' ? exp(log(r.from) + u * (log(r.to) - log(r.from))) : r.from + u * (r.to - r.from);
  if (r.integer) x = Math.round(x);
  // What a person would write: scenarios refuse shares finer than 1/10000, and short texts are the same on every platform.
  const digits = r.decimals ?? 4;
  const value = Number(r.scale === 'log' && r.decimals === undefined ? x.toPrecision(4) : x.toFixed(digits));
  return r.unit === undefined ? value : `${value} ${r.unit}`;
}

/** Text of a value as `--set` takes it. */
export const setText = ([path, value]: readonly [string, Scalar]): string =>
  `${path}=${typeof value === 'string' ? JSON.stringify(value) : String(value)}`;

/** Every point of the design, in a fixed order. Throws UsageError with the place in the study file. */
export function pointsOf(loaded: LoadedStudy): Point[] {
  const { study, placeOf } = loaded;
  const d = study.design;
  const fail = (path: (string | number)[], what: string): never => {
    throw new UsageError(`${placeOf(['design', ...path])}: ${what}`);
  };
  if (d.kind === 'list') {
    if (!Array.isArray(d.points)) return fail(['points'], 'a list design needs "points": [{path: value, ...}, ...]');
    if (d.parameters !== undefined) fail(['parameters'], 'a list design names its values in "points"; take this out');
    const points = d.points.map((p) => Object.entries(p));
    return distinct(points, (i) => fail(['points', i], 'this point stands in the list twice; keep one'));
  }
  const axes = Object.entries(d.parameters ?? {});
  if (axes.length === 0) return fail(['parameters'], `no parameters; a ${d.kind} design needs at least one`);
  for (const [path, a] of axes) {
    if (!isRange(a)) {
      distinct(
        a.map((v) => [[path, v]]),
        (i) => fail(['parameters', path, i], 'this value stands twice on its axis; keep one'),
      );
      continue;
    }
    if (!(a.from < a.to))
      fail(['parameters', path], `from ${a.from} to ${a.to} is empty; write a smaller number first`);
    if (a.scale === 'log' && a.from <= 0) fail(['parameters', path], 'a log scale needs numbers above 0');
  }
  switch (d.kind) {
    case 'grid':
    case 'zip': {
      if (d.points !== undefined) fail(['points'], `a ${d.kind} design counts its own points; take this out`);
      const values = axes.map(([path, a]) => {
        if (!isRange(a)) return a;
        const steps = a.steps ?? fail(['parameters', path], 'a range in a grid or zip needs "steps"');
        return Array.from({ length: steps }, (_, i) => atUnit(a, i / (steps - 1)));
      });
      if (d.kind === 'zip') {
        const n = values[0]!.length;
        values.forEach((v, i) => {
          if (v.length !== n)
            fail(
              ['parameters', axes[i]![0]],
              `${v.length} values where the first parameter has ${n}; a zip walks all of them together`,
            );
        });
        return Array.from({ length: n }, (_, k) => axes.map(([path], i) => [path, values[i]![k]!] as const));
      }
      const count = values.reduce((n, v) => n * v.length, 1);
      if (count > 10_000_000) fail(['parameters'], `${count} points; use lhs or sobol with fewer`);
      return Array.from({ length: count }, (_, k) => {
        // The last parameter turns fastest.
        let rest = k;
        const at = values.map(() => 0);
        for (let i = values.length - 1; i >= 0; i--) {
          at[i] = rest % values[i]!.length;
          rest = Math.floor(rest / values[i]!.length);
        }
        return axes.map(([path], i) => [path, values[i]![at[i]!]!] as const);
      });
    }
    default: {
      const n =
        typeof d.points === 'number' ? d.points : fail(['points'], `a ${d.kind} design needs "points": how many`);
      if (d.kind === 'sobol' && axes.length > SOBOL_MAX_DIMENSIONS)
        fail(['parameters'], `sobol knows ${SOBOL_MAX_DIMENSIONS} parameters, not ${axes.length}; use lhs`);
      const unit =
        d.kind === 'lhs'
          ? latinHypercube(n, axes.length, d.seed)
          : d.kind === 'sobol'
            ? sobolPoints(n, axes.length, d.seed)
            : randomPoints(n, axes.length, d.seed);
      return unit.map((u) =>
        axes.map(
          ([path, a], i) =>
            [path, isRange(a) ? atUnit(a, u[i]!) : a[Math.min(a.length - 1, Math.floor(u[i]! * a.length))]!] as const,
        ),
      );
    }
  }
}

function distinct<T extends Point>(points: T[], twice: (index: number) => never): T[] {
  const seen = new Set<string>();
  points.forEach((p, i) => {
    const key = JSON.stringify(p);
    if (seen.has(key)) twice(i);
    seen.add(key);
  });
  return points;
}
