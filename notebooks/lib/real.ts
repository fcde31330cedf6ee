/** What `janction validate --json` wrote, checked before it is drawn. */

/** Figures of a run or a prediction; times in seconds of the scenario. */
export interface Figures {
  metrics: Record<MetricKey, number> & { completed: number };
  completionTwentieths: number[];
}
export interface Predicted extends Figures {
  errors: Record<ErrorKey, number>;
  indistinguishable: ErrorKey[];
}
export interface Group {
  scenario: string;
  queueing: string;
  load: number;
  repeats: number;
  measured: Record<MetricKey, { mean: number; min: number; max: number; spread: number | null }>;
  eachRun: Figures[];
  noise: Record<ErrorKey, number> | null;
  uncalibrated: Predicted;
  calibrated: Predicted | null;
}
export interface Validated {
  scenario: string;
  executed: boolean;
  runs: number;
  closedLoop: {
    decisions: number;
    decisionMismatches: number;
    invoices: number;
    invoiceMismatches: number;
    firstMismatch: string | null;
  };
  openLoop: Group[];
  gates: { name: string; pass: boolean | null; why: string }[];
  limits: Record<ErrorKey, number>;
}

export type MetricKey = 'makespanSeconds' | 'meanCompletionSeconds' | 'p95CompletionSeconds' | 'utilisation';
export type ErrorKey = 'makespan' | 'meanCompletion' | 'p95Completion' | 'ks' | 'utilisationPoints' | 'bill';

export const metrics: readonly { key: MetricKey; error: ErrorKey; name: string }[] = [
  { key: 'meanCompletionSeconds', error: 'meanCompletion', name: 'mean completion time' },
  { key: 'p95CompletionSeconds', error: 'p95Completion', name: 'p95 completion time' },
  { key: 'makespanSeconds', error: 'makespan', name: 'makespan' },
  { key: 'utilisation', error: 'utilisationPoints', name: 'utilisation' },
];

export const errorNames: Record<ErrorKey, string> = {
  meanCompletion: 'mean completion',
  p95Completion: 'p95 completion',
  makespan: 'makespan',
  ks: 'KS distance',
  utilisationPoints: 'utilisation',
  bill: 'dearest bill',
};

/** Bytes beyond which a file is no result of validate, and reading it would hold the page up. */
const MOST_BYTES = 8_000_000;

/** The result in a file, or a message that says what to do. */
export async function readValidated(file: File): Promise<Validated> {
  if (file.size > MOST_BYTES)
    throw new Error(
      `${file.name} has ${Math.round(file.size / 1e6)} MB; what janction validate --json prints is smaller`,
    );
  return checked(await file.text(), file.name);
}

/** Throws with one line: what is wrong and how to mend it. */
export function checked(text: string, name: string): Validated {
  const make = 'make one with: janction validate RUNDIR… --json > result.json';
  let json: Partial<Validated> & { schema?: unknown };
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw new Error(`${name} is no JSON: it is cut off or another file; ${make}`);
  }
  if (json?.schema !== 'janction.validate/1')
    throw new Error(
      `${name} has schema ${JSON.stringify(json?.schema) ?? 'none'}, this page reads janction.validate/1; ${make}`,
    );
  const groups = json.openLoop;
  if (json.closedLoop === undefined || !Array.isArray(json.gates) || !Array.isArray(groups))
    throw new Error(`${name} is incomplete; ${make}`);
  if (json.limits === undefined || groups.some((g) => g.eachRun === undefined))
    throw new Error(`${name} was written by an older version, without single runs; ${make} with this version`);
  if (groups.length === 0)
    throw new Error(`${name} is about simulated runs only: nothing real to hold them against; give executed ones`);
  return json as Validated;
}

export const groupName = (g: Group): string => `${g.scenario}, ${g.queueing}, load ${g.load}`;
export const best = (g: Group): Predicted => g.calibrated ?? g.uncalibrated;
