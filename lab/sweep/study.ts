/**
 * A sweep's study file: which scenario, which parameters, in which design, how often. YAML, checked against a schema; faults name file,
 * line and column. What it expands to is `design.ts`'s business.
 */
import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { tableNames } from '../../core/record/schema.ts';
import { ScenarioError } from '../../scenarios/index.ts';
import { decodeScenario, Places, readYaml } from '../../scenarios/load/document.ts';
import { issueText, problemsOf } from '../../scenarios/schema/messages.ts';
import { UsageError } from '../errors.ts';
import { bytesOf } from '../load.ts';

export const scalar = z.union([z.number(), z.string(), z.boolean()]);
export const range = z.strictObject({
  from: z.number(),
  to: z.number(),
  /** Grid and zip: how many values, ends included. */
  steps: z.int().min(2).max(100_000).optional(),
  scale: z.enum(['linear', 'log']).default('linear'),
  /** Values are rounded to so many decimals (default 4; a log scale keeps four significant digits instead). */
  decimals: z.int().min(0).max(12).optional(),
  /** Whole numbers only. */
  integer: z.boolean().default(false),
  /** Written after the number: "USD/hour", "minute". */
  unit: z.string().optional(),
});
const axis = z.union([z.array(scalar).min(1), range]);
export const pathKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'no path; write keys joined by points, as in --set');

const replications = z.union([
  z.int().min(1).max(100_000),
  z.strictObject({
    min: z.int().min(2).max(100_000).default(5),
    max: z.int().min(2).max(100_000),
    step: z.int().min(1).default(5),
    /** Stop when the interval of this figure is narrow enough. */
    metric: z.string(),
    relativeHalfWidth: z.number().gt(0).lt(1),
    level: z.number().gt(0.5).lt(1).default(0.95),
  }),
  z.strictObject({
    /** Replications go where they tell which point is best by this figure (OCBA), until that is sure enough or the budget is spent. */
    select: z.string(),
    goal: z.enum(['max', 'min']),
    /** Of every point before the first allocation. */
    min: z.int().min(5).max(100_000).default(10),
    /** Added between two allocations; default one per point. */
    step: z.int().min(1).max(100_000).optional(),
    /** Runs in all. */
    budget: z.int().min(10).max(10_000_000),
    /** Lower bound of the probability that the best is named. */
    confidence: z.number().gt(0.5).lt(1).default(0.95),
  }),
]);

export const studySchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'write lower-case letters, digits and hyphens'),
  question: z.string().default(''),
  /** Beside the study file. */
  scenario: z.string(),
  /** Fixed changes to the scenario, as --set. */
  set: z.record(pathKey, scalar).default({}),
  seed: z.int().min(0).optional(),
  replications: replications.default(10),
  /** Same draws at every point (common random numbers): differences between points are tight. Default true, unless the best is selected. */
  commonRandomNumbers: z.boolean().optional(),
  design: z.strictObject({
    kind: z.enum(['grid', 'zip', 'list', 'lhs', 'sobol', 'random']),
    parameters: z.record(pathKey, axis).optional(),
    points: z.union([z.int().min(1).max(10_000_000), z.array(z.record(pathKey, scalar)).min(1)]).optional(),
    seed: z.int().min(0).default(1),
  }),
  /** More runs than this are refused: a slip of the pen should not cost a week. */
  limit: z.int().min(1).default(100_000),
  /** Tables of each run that are kept whole, in OUT/tables/RUN_ID/. */
  tables: z.array(z.enum(tableNames)).default([]),
  /** Figures that `status` and `collect` show; any of the table's columns. */
  metrics: z.array(z.string()).default(['gpu_utilisation', 'wait_seconds_mean', 'economics_welfare', 'money_charged']),
  /** Of each metric over a point's replications, with intervals that hold whatever the distribution. */
  quantiles: z.array(z.number().gt(0).lt(1)).default([]),
  /** A point's number: every other point is compared with it, pair by pair, p-values corrected over all of them (Holm). */
  baseline: z.int().min(0).optional(),
});
export type Study = z.output<typeof studySchema>;
export type Range = z.output<typeof range>;
export type Scalar = z.output<typeof scalar>;
export type Replications = z.output<typeof replications>;

export interface Loaded<T> {
  study: T;
  file: string;
  /** Path of the scenario file, relative to the working directory. */
  scenario: string;
  /** `FILE:LINE:COL` of a key in the study. */
  placeOf(path: readonly (string | number)[]): string;
}
export type LoadedStudy = Loaded<Study>;

export const loadStudy = (file: string): LoadedStudy =>
  loadStudyFile(file, studySchema, 'scenarios/reserve-price/sweep.yaml');

/** A study of any kind: YAML with a `scenario` beside it. */
export function loadStudyFile<S extends z.ZodType<{ scenario: string }>>(
  file: string,
  schema: S,
  example: string,
): Loaded<z.output<S>> {
  const bytes = bytesOf(file, `give the path of a study file, for example ${example}`);
  try {
    const text = decodeScenario(bytes, file);
    const places = new Places(file, text);
    const root = readYaml(text, places);
    if (root === null)
      throw new ScenarioError([{ place: `${file}:1:1`, text: 'the file holds no study; begin with "name: ..."' }]);
    const parsed = schema.safeParse(root, { error: issueText, reportInput: true });
    if (!parsed.success) throw new ScenarioError(problemsOf(parsed.error.issues, places));
    return {
      study: parsed.data,
      file,
      scenario: isAbsolute(parsed.data.scenario) ? parsed.data.scenario : join(dirname(file), parsed.data.scenario),
      placeOf: (path) => places.ofValue(path),
    };
  } catch (e) {
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
}
