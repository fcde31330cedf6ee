/** Study files of `janction tune` and `janction sensitivity`. */
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { atUnit, type Point, setText } from '../sweep/design.ts';
import { type Loaded, loadStudyFile, pathKey, type Range, range, scalar } from '../sweep/study.ts';
import { SURROGATE_MAX_POINTS } from './surrogate.ts';
import { type Method, methods } from './tuner.ts';

const common = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'write lower-case letters, digits and hyphens'),
  question: z.string().default(''),
  /** Beside the study file. */
  scenario: z.string(),
  set: z.record(pathKey, scalar).default({}),
  seed: z.int().min(0).optional(),
  /** Bounds of what is varied. */
  parameters: z.record(pathKey, range),
};

export const tuneSchema = z.strictObject({
  ...common,
  objectives: z
    .array(
      z.strictObject({
        metric: z.string(),
        goal: z.enum(['max', 'min']),
        /** Worst value that counts in the hypervolume of several objectives. */
        reference: z.number().optional(),
      }),
    )
    .min(1)
    .max(4),
  constraints: z
    .array(z.strictObject({ metric: z.string(), atLeast: z.number().optional(), atMost: z.number().optional() }))
    .default([]),
  method: z.enum([...methods, 'auto']).default('auto'),
  /** Runs of the search. */
  budget: z.int().min(1).max(10_000_000).default(300),
  /** Replications of a point while searching, and of each finalist on fresh seeds. */
  replications: z.int().min(1).max(10_000).default(3),
  finalists: z.int().min(1).max(1000).default(5),
  finalReplications: z.int().min(2).max(10_000).default(20),
  searchSeed: z.int().min(0).default(1),
});
export type TuneStudy = z.output<typeof tuneSchema>;

export const sensitivitySchema = z.strictObject({
  ...common,
  method: z.enum(['sobol', 'morris']).default('sobol'),
  metrics: z.array(z.string()).min(1),
  /** Sobol: N of N (d + 2) points; Morris: walks of d + 1 points. */
  samples: z.int().min(2).max(1_000_000).default(128),
  /** Runs averaged at each point. */
  replications: z.int().min(1).max(10_000).default(1),
  bootstrap: z.int().min(100).max(100_000).default(500),
  searchSeed: z.int().min(0).default(1),
});
export type SensitivityStudy = z.output<typeof sensitivitySchema>;

export const loadTune = (file: string): Loaded<TuneStudy> =>
  checked(loadStudyFile(file, tuneSchema, 'scenarios/reserve-price/tune.yaml'));
export const loadSensitivity = (file: string): Loaded<SensitivityStudy> =>
  checked(loadStudyFile(file, sensitivitySchema, 'scenarios/reserve-price/sensitivity.yaml'));

function checked<T extends TuneStudy | SensitivityStudy>(loaded: Loaded<T>): Loaded<T> {
  const axes = Object.entries(loaded.study.parameters);
  if (axes.length === 0)
    throw new UsageError(`${loaded.placeOf(['parameters'])}: no parameters; give at least one with bounds`);
  for (const [path, a] of axes) {
    if (!(a.from < a.to))
      throw new UsageError(
        `${loaded.placeOf(['parameters', path])}: from ${a.from} to ${a.to} is empty; write a smaller number first`,
      );
    if (a.scale === 'log' && a.from <= 0)
      throw new UsageError(`${loaded.placeOf(['parameters', path])}: a log scale needs numbers above 0`);
  }
  const { study } = loaded;
  if ('budget' in study && study.method === 'surrogate' && study.budget > SURROGATE_MAX_POINTS * study.replications)
    throw new UsageError(
      `${loaded.placeOf(['budget'])}: ${study.budget} runs are over ${SURROGATE_MAX_POINTS} points of ${study.replications} replications, more than the surrogate models; use cma-es`,
    );
  if ('constraints' in loaded.study)
    loaded.study.constraints.forEach((c, i) => {
      if ((c.atLeast === undefined) === (c.atMost === undefined))
        throw new UsageError(`${loaded.placeOf(['constraints', i])}: give one of atLeast and atMost`);
    });
  return loaded;
}

/** The method that `auto` stands for: a model while it can be thought about, then an evolution strategy. */
export function methodOf(s: TuneStudy): Method {
  if (s.method !== 'auto') return s.method;
  if (s.objectives.length > 1) return 'nsga-ii';
  return s.budget <= SURROGATE_MAX_POINTS * s.replications ? 'surrogate' : 'cma-es';
}

export const axesOf = (study: { parameters: Record<string, Range> }): [string, Range][] =>
  Object.entries(study.parameters);

/** The scenario's parameters at a point of the unit cube. */
export const pointAt = (axes: readonly [string, Range][], x: readonly number[]): Point =>
  axes.map(([path, a], i) => [path, atUnit(a, x[i]!)] as const);

export const setsAt = (study: { set: Record<string, string | number | boolean> }, point: Point): string[] =>
  [...Object.entries(study.set), ...point].map(setText);
