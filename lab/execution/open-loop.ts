/**
 * Open loop: what the simulator predicts for a scenario without having seen the run, beside what real machines did, beside how
 * much real machines differ from themselves. Gates are those of docs/fidelity.md.
 */
import type { RowSink } from '../../core/market/market.ts';
import type { Row } from '../../core/record/schema.ts';
import type { TimeUs } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import type { ResolvedScenario } from '../../scenarios/index.ts';
import { Simulation } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { marketConfig } from '../../sim/run.ts';
import { type Arrival, ListDemand } from '../../sim/world/demand.ts';
import type { TableData } from '../rundir/parquet.ts';
import { plannedArrivals } from './plan.ts';

/** Repeats below which a spread is no noise floor. */
export const REPEATS = 5;

export interface Metrics {
  /** First submission to last end. */
  makespanSeconds: number;
  /** Submission to end, of completed jobs. */
  meanCompletionSeconds: number;
  p95CompletionSeconds: number;
  /** Busy share of the GPUs that were up. */
  utilisation: number;
  completed: number;
}

export interface Outcomes {
  metrics: Metrics;
  /** Ascending. */
  completionSeconds: number[];
  /** Charged by user, micro-units. */
  bills: Map<string, bigint>;
}

/** What calibration has measured, wall milliseconds. */
export interface CalibrationInput {
  startMs: number;
  overheadMs: number;
  stopMs: number;
}

type JobRow = Pick<
  Row<'jobs'>,
  'user' | 'final_state' | 'submission_time_us' | 'finish_time_us' | 'turnaround_time_us' | 'charged_micro'
>;
type DeviceRow = Pick<Row<'devices'>, 'gpus' | 'up_us' | 'gpu_out_us' | 'busy_milli_us'>;

function outcomesOf(jobs: readonly JobRow[], devices: readonly DeviceRow[]): Outcomes {
  const completionSeconds: number[] = [];
  const bills = new Map<string, bigint>();
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const j of jobs) {
    first = Math.min(first, j.submission_time_us);
    last = Math.max(last, j.finish_time_us);
    if (j.final_state === 'completed') completionSeconds.push(j.turnaround_time_us / 1e6);
    bills.set(j.user, (bills.get(j.user) ?? 0n) + j.charged_micro);
  }
  completionSeconds.sort((a, b) => a - b);
  let busy = 0;
  let up = 0;
  for (const d of devices) {
    busy += Number(d.busy_milli_us) / 1000;
    up += d.up_us * d.gpus - d.gpu_out_us;
  }
  const n = completionSeconds.length;
  return {
    metrics: {
      makespanSeconds: jobs.length === 0 ? 0 : (last - first) / 1e6,
      meanCompletionSeconds: n === 0 ? 0 : completionSeconds.reduce((a, b) => a + b, 0) / n,
      p95CompletionSeconds: n === 0 ? 0 : completionSeconds[Math.ceil(0.95 * n) - 1]!,
      utilisation: up === 0 ? 0 : busy / up,
      completed: n,
    },
    completionSeconds,
    bills,
  };
}

/** From the tables of a run directory. */
export function measured(jobs: TableData, devices: TableData): Outcomes {
  const j = jobs.columns;
  const d = devices.columns;
  return outcomesOf(
    Array.from({ length: jobs.rows }, (_, i) => ({
      user: j['user']![i] as string,
      final_state: j['final_state']![i] as string,
      submission_time_us: Number(j['submission_time_us']![i]),
      finish_time_us: Number(j['finish_time_us']![i]),
      turnaround_time_us: Number(j['turnaround_time_us']![i]),
      charged_micro: j['charged_micro']![i] as bigint,
    })),
    Array.from({ length: devices.rows }, (_, i) => ({
      gpus: Number(d['gpus']![i]),
      up_us: Number(d['up_us']![i]),
      gpu_out_us: Number(d['gpu_out_us']![i]),
      busy_milli_us: d['busy_milli_us']![i] as bigint,
    })),
  );
}

/** What the simulator says of the scenario; machines neither break nor leave, as in an execution. */
export function predicted(
  scenario: ResolvedScenario,
  allowanceUs: TimeUs,
  timeScale: number,
  calibration: CalibrationInput | null,
): Outcomes {
  const us = (ms: number): TimeUs => Math.max(1, Math.round(ms * 1000 * timeScale));
  const overheadUs = calibration === null ? 0 : us(calibration.overheadMs);
  const planned = plannedArrivals(scenario, allowanceUs);
  const arrivals: Arrival[] = [];
  for (let a = planned.next(); a !== null && a.timeUs < scenario.horizonUs; a = planned.next())
    arrivals.push({
      timeUs: a.timeUs,
      pool: a.pool,
      spec: a.spec,
      fails: a.fails,
      workUs: a.workUs + overheadUs,
      valueMicro: -1,
    });
  const jobs: JobRow[] = [];
  const devices: DeviceRow[] = [];
  const rows: RowSink = {
    row: (table, row) => {
      if (table === 'jobs') jobs.push(row as Row<'jobs'>);
      else if (table === 'devices') devices.push(row as Row<'devices'>);
    },
  };
  const simulation = new Simulation({
    config: marketConfig(scenario),
    registry: shipped,
    demand: new ListDemand(arrivals),
    streams: new Streams(scenario.seed),
    lives: scenario.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    // A slot of this machine is as fast as itself whatever class it stands for.
    speedMilli: scenario.nodes.map(() => 1000),
    processes:
      calibration === null ? scenario.processes : { startUs: us(calibration.startMs), killUs: us(calibration.stopMs) },
    horizonUs: scenario.horizonUs,
    rows,
  });
  simulation.finish();
  return outcomesOf(jobs, devices);
}

/** Largest distance between two empirical distributions (both ascending). */
export function kolmogorovSmirnov(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 0 : 1;
  let i = 0;
  let j = 0;
  let most = 0;
  while (i < a.length && j < b.length) {
    const x = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i]! <= x) i++;
    while (j < b.length && b[j]! <= x) j++;
    most = Math.max(most, Math.abs(i / a.length - j / b.length));
  }
  return most;
}

export interface MeasuredMetric {
  mean: number;
  min: number;
  max: number;
  /** (max - min) / mean; null with fewer than two runs. */
  spread: number | null;
}

/** Errors of a prediction against the mean of the runs: shares, but for the KS distance and percentage points. */
export interface Errors {
  makespan: number;
  meanCompletion: number;
  p95Completion: number;
  ks: number;
  utilisationPoints: number;
  /** Largest over the users. */
  bill: number;
}

/** One run by itself. */
export interface RunFigures {
  metrics: Metrics;
  /** Time from submission to end that 0 %, 5 %, … 100 % of the completed jobs kept within, seconds; empty when none completed. */
  completionTwentieths: number[];
}

export interface Prediction extends RunFigures {
  errors: Errors;
  /** Figures whose error is no larger than the runs differ among themselves: neither right nor wrong. */
  indistinguishable: (keyof Errors)[];
}

export interface OpenLoopJson {
  scenario: string;
  scenarioSha256: string;
  queueing: string;
  load: number;
  repeats: number;
  measured: Record<keyof Metrics, MeasuredMetric>;
  eachRun: RunFigures[];
  /** What the runs differ by among themselves, as errors are counted; null with fewer than two runs. */
  noise: Errors | null;
  /** With the scenario's own process times. */
  uncalibrated: Prediction;
  /** With what `calibrate` measured; null without --calibration. */
  calibrated: Prediction | null;
}

const round = (x: number): number => Math.round(x * 1e6) / 1e6;

function overRuns(values: readonly number[]): MeasuredMetric {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const min = Math.min(...values);
  const max = Math.max(...values);
  const spread = values.length < 2 ? null : mean === 0 ? 0 : round((max - min) / mean);
  return { mean: round(mean), min: round(min), max: round(max), spread };
}

const relative = (predictedValue: number, actual: number): number =>
  actual === 0 ? (predictedValue === 0 ? 0 : 1) : Math.abs(predictedValue / actual - 1);

/** The k-th of 20 equal parts ends at the smallest value that so many jobs kept within. */
const twentieths = (sorted: readonly number[]): number[] =>
  sorted.length === 0
    ? []
    : Array.from({ length: 21 }, (_, k) => round(sorted[Math.max(0, Math.ceil((k * sorted.length) / 20) - 1)]!));

export const figuresOf = (o: Outcomes): RunFigures => ({
  metrics: o.metrics,
  completionTwentieths: twentieths(o.completionSeconds),
});

export function compareRuns(
  runs: readonly Outcomes[],
  guess: Outcomes,
): { prediction: Prediction; measured: OpenLoopJson['measured']; noise: Errors | null } {
  const keys = Object.keys(guess.metrics) as (keyof Metrics)[];
  const over = Object.fromEntries(
    keys.map((k) => [k, overRuns(runs.map((r) => r.metrics[k]))]),
  ) as OpenLoopJson['measured'];
  const pooled = runs.flatMap((r) => r.completionSeconds).sort((a, b) => a - b);
  const users = [...new Set([...guess.bills.keys(), ...runs.flatMap((r) => [...r.bills.keys()])])];
  const billOf = (o: Outcomes, u: string): number => Number(o.bills.get(u) ?? 0n);
  const meanBill = (u: string): number => runs.reduce((sum, r) => sum + billOf(r, u), 0) / runs.length;
  const errors: Errors = {
    makespan: round(relative(guess.metrics.makespanSeconds, over.makespanSeconds.mean)),
    meanCompletion: round(relative(guess.metrics.meanCompletionSeconds, over.meanCompletionSeconds.mean)),
    p95Completion: round(relative(guess.metrics.p95CompletionSeconds, over.p95CompletionSeconds.mean)),
    ks: round(kolmogorovSmirnov(guess.completionSeconds, pooled)),
    utilisationPoints: round(100 * Math.abs(guess.metrics.utilisation - over.utilisation.mean)),
    bill: round(Math.max(0, ...users.map((u) => relative(billOf(guess, u), meanBill(u))))),
  };
  const noise = noiseFloor(runs, over);
  // An error no larger than that is neither right nor wrong.
  const indistinguishable =
    noise === null ? [] : (Object.keys(noise) as (keyof Errors)[]).filter((k) => errors[k] <= noise[k]);
  return { prediction: { ...figuresOf(guess), errors, indistinguishable }, measured: over, noise };
}

function noiseFloor(runs: readonly Outcomes[], over: OpenLoopJson['measured']): Errors | null {
  if (runs.length < 2) return null;
  let ks = 0;
  for (const a of runs)
    for (const b of runs) ks = Math.max(ks, kolmogorovSmirnov(a.completionSeconds, b.completionSeconds));
  const users = [...new Set(runs.flatMap((r) => [...r.bills.keys()]))];
  const bill = Math.max(0, ...users.map((u) => overRuns(runs.map((r) => Number(r.bills.get(u) ?? 0n))).spread ?? 0));
  return {
    makespan: over.makespanSeconds.spread!,
    meanCompletion: over.meanCompletionSeconds.spread!,
    p95Completion: over.p95CompletionSeconds.spread!,
    ks: round(ks),
    utilisationPoints: round(100 * (over.utilisation.max - over.utilisation.min)),
    bill,
  };
}
