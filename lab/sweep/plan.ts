/**
 * From a study to its runs. Every point is resolved and checked before anything runs; a run's id is the hash of what decides its
 * result: canonical scenario, bytes of its trace and of the user's modules, replication, engine version.
 */
import { createHash } from 'node:crypto';
import type { TableName } from '../../core/record/schema.ts';
import { ENGINE_VERSION } from '../../core/version.ts';
import { canonicalScenario, type ResolvedScenario } from '../../scenarios/index.ts';
import { UsageError } from '../errors.ts';
import { bytesOf } from '../load.ts';
import { type Point, pointsOf, setText } from './design.ts';
import { ForeignFiles } from './foreign.ts';
import type { LoadedStudy, Replications, Study } from './study.ts';

export interface PlannedPoint {
  index: number;
  point: Point;
  /** As `--set` takes them, the study's fixed ones first. */
  sets: string[];
  /** Hash of scenario, trace and engine; a run adds its replication. */
  hash: string;
}

export interface Plan {
  schema: 'janction.plan/1';
  study: string;
  scenario: string;
  engine: string;
  seed: number;
  replications: Replications;
  commonRandomNumbers: boolean;
  /** Tables that every run keeps. */
  tables: TableName[];
  /** Hash of study and scenario, and stamps of the other files: equal plans need not be made again. */
  inputs: string;
  files: Record<string, string>;
  points: PlannedPoint[];
  /** The first point's canonical scenario: what a changed default is held against. */
  base: string;
}

/** Most replications of one point. */
export const maxReplications = (r: Replications): number =>
  typeof r === 'number' ? r : 'select' in r ? r.budget : r.max;

/** Most runs of the whole plan. */
export const mostRuns = (r: Replications, points: number): number =>
  typeof r === 'object' && 'select' in r ? r.budget : points * maxReplications(r);

/** Substream of replication r at a point: the same everywhere under common random numbers. */
export const substreamOf = (plan: Plan, point: number, r: number): number =>
  plan.commonRandomNumbers ? r : point * maxReplications(plan.replications) + r;

export const runId = (p: PlannedPoint, substream: number): string => sha(`${p.hash}/${substream}`).slice(0, 24);

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Hash of the study's inputs: cheap, reads two files. */
export function inputsHash(loaded: LoadedStudy): string {
  const scenario = bytesOf(loaded.scenario, `the scenario that ${loaded.file} names`);
  const h = createHash('sha256');
  h.update(ENGINE_VERSION).update('\0').update(JSON.stringify(loaded.study)).update('\0').update(scenario);
  return h.digest('hex');
}

export async function makePlan(loaded: LoadedStudy, onProgress: (share: number) => void = () => {}): Promise<Plan> {
  const { study } = loaded;
  const points = pointsOf(loaded);
  const runs = mostRuns(study.replications, points.length);
  checkReplications(loaded, points.length);
  if (runs > study.limit)
    throw new UsageError(
      `${loaded.placeOf(['limit'])}: ${runs} runs are over the limit of ${study.limit}; shrink the design or raise "limit"`,
    );
  const fixed = Object.entries(study.set);
  const planned: PlannedPoint[] = [];
  const seen = new Map<string, number>();
  let base = '';
  let seed = 0;
  const files = new ForeignFiles(loaded.scenario);
  for (const [index, point] of points.entries()) {
    const sets = [...fixed, ...point].map(setText);
    const scenario = await resolved(loaded, files, sets);
    if (index === 0) {
      base = identity(scenario);
      seed = scenario.seed;
    }
    const hash = sha(`${ENGINE_VERSION}\n${await files.hashOf(scenario)}\n${index === 0 ? base : identity(scenario)}`);
    const twin = seen.get(hash);
    if (twin !== undefined)
      throw new UsageError(
        `${loaded.placeOf(['design'])}: points ${twin} and ${index} describe the same scenario; keep one`,
      );
    seen.set(hash, index);
    planned.push({ index, point, sets, hash });
    onProgress((index + 1) / points.length);
  }
  return {
    schema: 'janction.plan/1',
    study: study.name,
    scenario: loaded.scenario,
    engine: ENGINE_VERSION,
    seed,
    replications: study.replications,
    commonRandomNumbers: commonRandomNumbers(study),
    tables: study.tables,
    inputs: inputsHash(loaded),
    files: files.stamps(),
    points: planned,
    base,
  };
}

const selects = (r: Replications): boolean => typeof r === 'object' && 'select' in r;

const commonRandomNumbers = (study: Study): boolean => study.commonRandomNumbers ?? !selects(study.replications);

function checkReplications(loaded: LoadedStudy, points: number): void {
  const { study } = loaded;
  const r = study.replications;
  const fail = (path: string[], what: string): never => {
    throw new UsageError(`${loaded.placeOf(path)}: ${what}`);
  };
  if (study.baseline !== undefined && study.baseline >= points)
    fail(['baseline'], `no point ${study.baseline}; the last is ${points - 1}`);
  if (study.baseline !== undefined && !commonRandomNumbers(study))
    fail(['baseline'], 'pairs need common random numbers; take this out or set commonRandomNumbers: true');
  if (typeof r !== 'object' || !('select' in r)) return;
  if (points < 2) fail(['replications', 'select'], 'one point has no rivals; give a design of two or more');
  if (r.budget < points * r.min)
    fail(['replications', 'budget'], `${r.budget} runs are fewer than ${points} points with ${r.min} each`);
  if (study.commonRandomNumbers === true)
    fail(['commonRandomNumbers'], 'OCBA needs points that are independent of one another; take this out');
}

/** What decides a run, as text: where the trace lies does not, its bytes do. */
function identity(s: ResolvedScenario): string {
  return canonicalScenario(s.demand.kind === 'trace' ? { ...s, demand: { ...s.demand, path: '' } } : s);
}

async function resolved(loaded: LoadedStudy, files: ForeignFiles, sets: readonly string[]): Promise<ResolvedScenario> {
  try {
    return await files.load(sets, loaded.study.seed ?? null);
  } catch (e) {
    if (e instanceof UsageError) throw new UsageError(`${e.message} (a point of ${loaded.file})`);
    throw e;
  }
}

/** Leaves of a canonical scenario that differ, as "path: old -> new": why results are stale. */
export function scenarioDifferences(before: string, after: string, most = 5): string[] {
  const a = leaves(JSON.parse(before));
  const b = leaves(JSON.parse(after));
  const out: string[] = [];
  for (const key of [...new Set([...a.keys(), ...b.keys()])]) {
    if (a.get(key) !== b.get(key)) out.push(`${key}: ${a.get(key) ?? 'absent'} -> ${b.get(key) ?? 'absent'}`);
  }
  return out.length > most ? [...out.slice(0, most), `and ${out.length - most} more`] : out;
}

function leaves(value: unknown, path = '', out = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null) {
    for (const [k, v] of Object.entries(value)) leaves(v, path === '' ? k : `${path}.${k}`, out);
  } else out.set(path, JSON.stringify(value));
  return out;
}
