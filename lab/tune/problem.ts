/** A tuning study as a problem over the unit cube: figures become values to minimise and amounts by which constraints are broken. */
import { UsageError } from '../errors.ts';
import { type Figures, numberOf } from '../sweep/figures.ts';
import type { Loaded } from '../sweep/study.ts';
import type { Evaluator } from './evaluator.ts';
import type { TuneStudy } from './study.ts';
import type { Problem, Sample } from './tuner.ts';

/** A figure as a number, or a usage error that lists what there is. */
export function figure(f: Figures, metric: string, place: string): number {
  const v = numberOf(f[metric]);
  if (!(metric in f))
    throw new UsageError(
      `${place}: no figure is called "${metric}"; have ${Object.keys(f)
        .filter((k) => typeof f[k] !== 'string')
        .join(', ')}`,
    );
  if (!Number.isFinite(v)) throw new UsageError(`${place}: "${metric}" has no number in this scenario`);
  return v;
}

export function problemOf(loaded: Loaded<TuneStudy>, evaluator: Evaluator): Problem {
  const s = loaded.study;
  const sampleOf = (f: Figures): Sample => ({
    values: s.objectives.map(
      (o, i) => (o.goal === 'max' ? -1 : 1) * figure(f, o.metric, loaded.placeOf(['objectives', i, 'metric'])),
    ),
    excess: s.constraints.map((c, i) => {
      const v = figure(f, c.metric, loaded.placeOf(['constraints', i, 'metric']));
      return c.atLeast !== undefined ? c.atLeast - v : v - c.atMost!;
    }),
  });
  return {
    dimensions: evaluator.axes.length,
    objectives: s.objectives.length,
    reference: s.objectives.map((o) => (o.reference === undefined ? null : (o.goal === 'max' ? -1 : 1) * o.reference)),
    evaluate: async (points, replications) =>
      (await evaluator.figures(points, replications)).map((row) => row.map(sampleOf)),
  };
}
