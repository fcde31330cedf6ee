/**
 * A generator for the jobs of a trace: a persona whose arrivals, sizes and run times have the trace's distributions, in a scenario
 * that `run` takes. What is kept: the rate, the profile over hours and days, how many jobs come at once, the frequency of every
 * size, the best family of run times. What is not: that large jobs run longer (the rank correlation is reported), users and their
 * habits, trends over weeks.
 */
import { expm1, ksTail, log1p } from '../../core/num/index.ts';
import { HOUR_US } from '../../core/types.ts';
import type { TimeFamily, TraceFormat, TraceJob } from '../../scenarios/index.ts';
import { timeDistribution } from '../../sim/index.ts';
import { UsageError } from '../errors.ts';
import { type Fit, fitFamilies, ksDistance } from './families.ts';

const DAY_US = 24 * HOUR_US;
/** Jobs that come within this of the one before belong to one submission. */
const BATCH_GAP_US = 1_000_000;
const MAX_SHAPES = 40;
const GPUS_PER_NODE = 8;
const TARGET_LOAD = 0.7;
/** Parts of a week that a profile is fitted to must each be seen this often. */
const MIN_DAYS = 2;

export interface ArrivalFit {
  jobsPerHour: number;
  batchMean: number;
  hours: number[];
  days: number[];
  /** Gaps between submissions after the change of time that makes a Poisson process of the profile even. */
  ksDistance: number;
  ksP: number;
}

export interface ShapeFit {
  gpus: number;
  gpuMilli: number;
  jobs: number;
}

export interface FitJson {
  schema: 'janction.fit/1';
  format: TraceFormat;
  jobs: number;
  spanSeconds: number;
  gpuHours: number;
  arrivals: ArrivalFit;
  sizes: ShapeFit[];
  runTimes: { chosen: string; least: number; most: number; fits: Record<string, unknown>[] };
  /** Spearman's rank correlation of GPUs and run time; the generator takes them as independent. */
  sizeTimeCorrelation: number;
  imputed: string[];
}

export interface TraceFit {
  json(imputed: readonly string[]): FitJson;
  text(imputed: readonly string[]): string;
  scenario(imputed: readonly string[]): string;
}

/** Fits a generator to jobs in order of submission. Throws UsageError when there are too few. */
export function fitTrace(rows: Iterable<TraceJob>, format: TraceFormat): TraceFit {
  const submit: number[] = [];
  const times: number[] = [];
  const gpus: number[] = [];
  const shapes = new Map<string, ShapeFit>();
  let gpuUs = 0;
  for (const j of rows) {
    submit.push(j.submitUs);
    times.push(j.durationUs);
    gpus.push((j.gpus * j.gpuMilli) / 1000);
    gpuUs += (j.durationUs * j.gpus * j.gpuMilli) / 1000;
    const key = `${j.gpus} ${j.gpuMilli}`;
    const shape = shapes.get(key) ?? { gpus: j.gpus, gpuMilli: j.gpuMilli, jobs: 0 };
    shape.jobs++;
    shapes.set(key, shape);
  }
  if (times.length < 10)
    throw new UsageError(`the trace has ${times.length} jobs; at least 10 are needed to fit a generator`);
  const sorted = Float64Array.from(times).sort((a, b) => a - b);
  const fits = fitFamilies(sorted);
  const spanUs = Math.max(1, submit[submit.length - 1]! - submit[0]!);
  const core: Omit<FitJson, 'imputed'> = {
    schema: 'janction.fit/1',
    format,
    jobs: times.length,
    spanSeconds: round(spanUs / 1e6),
    gpuHours: round(gpuUs / HOUR_US),
    arrivals: fitArrivals(submit),
    sizes: commonShapes([...shapes.values()]),
    runTimes: {
      chosen: fits[0]!.family.family,
      least: round(sorted[0]! / 1e6),
      most: round(sorted[sorted.length - 1]! / 1e6),
      fits: fits.map(fitRow),
    },
    sizeTimeCorrelation: round(spearman(gpus, times)),
  };
  const best = fits[0]!.family;
  return {
    json: (imputed) => ({ ...core, imputed: [...imputed] }),
    text: (imputed) => textOf(core, fits, imputed),
    scenario: (imputed) => scenarioOf(core, best, sorted, imputed),
  };
}

const round = (x: number): number => Math.round(x * 1e6) / 1e6;

function fitRow(f: Fit): Record<string, unknown> {
  const seconds: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(f.family)) {
    if (key === 'family') continue;
    if (typeof value === 'number')
      seconds[key.replace(/Us$/, 'Seconds')] = round(key.endsWith('Us') ? value / 1e6 : value);
    else
      seconds[key] = (value as { share: number; meanUs: number }[]).map((p) => ({
        share: round(p.share),
        meanSeconds: round(p.meanUs / 1e6),
      }));
  }
  return {
    family: f.family.family,
    ...seconds,
    logLikelihood: round(f.logLikelihood),
    aic: round(f.aic),
    ksDistance: round(f.ksDistance),
    ksP: round(f.ksP),
  };
}

/** Submissions as a Poisson process with a piecewise constant rate: maximum likelihood is counts over exposure. */
function fitArrivals(submit: readonly number[]): ArrivalFit {
  const starts: number[] = [];
  submit.forEach((t, i) => {
    if (i === 0 || t - submit[i - 1]! > BATCH_GAP_US) starts.push(t);
  });
  const from = submit[0]!;
  const to = submit[submit.length - 1]!;
  const span = Math.max(1, to - from);
  const hours = profile(starts, from, to, HOUR_US, 24);
  const days = span >= 2 * 7 * DAY_US ? profile(starts, from, to, DAY_US, 7) : [];
  // Time in which the process is even, by summing the rate over pieces of one hour.
  const rate = (t: number): number => {
    const h = hours.length > 0 ? hours[Math.floor((t % DAY_US) / HOUR_US)]! : 1;
    return h * (days.length > 0 ? days[Math.floor(t / DAY_US) % 7]! : 1);
  };
  let lastHour = Math.floor(from / HOUR_US);
  let area = 0;
  let at = from;
  const even = starts.map((t) => {
    while (Math.floor(t / HOUR_US) > lastHour) {
      const next = (lastHour + 1) * HOUR_US;
      area += rate(at) * (next - at);
      at = next;
      lastHour++;
    }
    area += rate(at) * (t - at);
    at = t;
    return area;
  });
  const gaps = Float64Array.from(even.slice(1), (t, i) => t - even[i]!).sort((a, b) => a - b);
  const mean = gaps.reduce((a, b) => a + b, 0) / Math.max(1, gaps.length);
  const d = gaps.length === 0 || mean === 0 ? 1 : ksDistance(gaps, (t) => -expm1(-t / mean));
  return {
    jobsPerHour: round(submit.length / (span / HOUR_US)),
    batchMean: round(submit.length / starts.length),
    hours: hours.map(round),
    days: days.map(round),
    ksDistance: round(d),
    ksP: gaps.length === 0 ? 0 : round(ksTail(gaps.length, Math.min(1, d))),
  };
}

/** Rate in each of `n` parts of a cycle over the mean rate; empty when the cycle was not seen often enough. */
function profile(starts: readonly number[], from: number, to: number, part: number, n: number): number[] {
  if (to - from < MIN_DAYS * part * n) return [];
  const counts = new Array<number>(n).fill(0);
  const exposure = new Array<number>(n).fill(0);
  for (const t of starts) counts[Math.floor(t / part) % n]!++;
  for (let t = from; t < to; ) {
    const next = Math.min(to, (Math.floor(t / part) + 1) * part);
    exposure[Math.floor(t / part) % n]! += next - t;
    t = next;
  }
  const rates = counts.map((c, i) => c / exposure[i]!);
  const mean = rates.reduce((a, b) => a + b, 0) / n;
  return mean > 0 ? rates.map((r) => r / mean) : [];
}

/** The commonest sizes; the rest counts as the nearest of these. */
function commonShapes(all: ShapeFit[]): ShapeFit[] {
  const byCount = all.sort((a, b) => b.jobs - a.jobs || a.gpus - b.gpus || a.gpuMilli - b.gpuMilli);
  const kept = byCount.slice(0, MAX_SHAPES).map((s) => ({ ...s }));
  for (const s of byCount.slice(MAX_SHAPES)) {
    const size = s.gpus * s.gpuMilli;
    const distance = (k: ShapeFit): number => Math.abs(log1p(k.gpus * k.gpuMilli) - log1p(size));
    kept.reduce((best, k) => (distance(k) < distance(best) ? k : best)).jobs += s.jobs;
  }
  return kept.sort((a, b) => a.gpus - b.gpus || a.gpuMilli - b.gpuMilli);
}

/** Spearman's rank correlation with mean ranks for ties. */
export function spearman(x: readonly number[], y: readonly number[]): number {
  const a = ranks(x);
  const b = ranks(y);
  const mean = (a.length + 1) / 2;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const u = a[i]! - mean;
    const v = b[i]! - mean;
    ab += u * v;
    aa += u * u;
    bb += v * v;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

function ranks(x: readonly number[]): Float64Array {
  const order = x.map((_, i) => i).sort((i, j) => x[i]! - x[j]! || i - j);
  const out = new Float64Array(x.length);
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j + 1 < order.length && x[order[j + 1]!] === x[order[i]!]) j++;
    for (let k = i; k <= j; k++) out[order[k]!] = (i + j) / 2 + 1;
    i = j + 1;
  }
  return out;
}

function textOf(core: Omit<FitJson, 'imputed'>, fits: readonly Fit[], imputed: readonly string[]): string {
  const a = core.arrivals;
  return [
    `${core.jobs} jobs of ${core.format} over ${(core.spanSeconds / 86400).toFixed(2)} days, ${Math.round(core.gpuHours)} GPU-hours`,
    '',
    `Arrivals: ${a.jobsPerHour.toFixed(2)} jobs/hour, ${a.batchMean.toFixed(2)} at once; profile over ${a.hours.length > 0 ? 'hours' : 'nothing'}${a.days.length > 0 ? ' and days' : ''}`,
    `  Kolmogorov-Smirnov against a Poisson process of that profile: D ${a.ksDistance.toFixed(4)}, p ${a.ksP.toPrecision(3)}`,
    '',
    `${'Run times, best first'.padEnd(64)} ${'AIC'.padStart(14)} ${'D'.padStart(8)} ${'p'.padStart(9)}`,
    ...fits.map(
      (f) =>
        `  ${familyText(f.family).padEnd(62)} ${f.aic.toFixed(1).padStart(14)} ${f.ksDistance.toFixed(4).padStart(8)} ${f.ksP.toPrecision(3).padStart(9)}`,
    ),
    '',
    `Sizes: ${core.sizes.map((s) => `${s.gpus}${s.gpuMilli < 1000 ? ` x ${s.gpuMilli / 10} %` : ''} GPU: ${s.jobs}`).join(', ')}`,
    `Rank correlation of size and run time: ${core.sizeTimeCorrelation.toFixed(3)} (taken as 0 by the generator)`,
    ...imputed.map((note) => `Imputed: ${note}`),
    '',
  ].join('\n');
}

const sec = (us: number): string => `${Number((us / 1e6).toPrecision(6))} second`;
const num = (x: number): string => String(Number(x.toPrecision(6)));

function familyText(f: TimeFamily): string {
  switch (f.family) {
    case 'exponential':
      return `exponential, mean ${sec(f.meanUs)}`;
    case 'lognormal':
      return `lognormal, median ${sec(f.medianUs)}, sigma ${num(f.sigma)}`;
    case 'weibull':
      return `Weibull, scale ${sec(f.scaleUs)}, shape ${num(f.shape)}`;
    case 'gamma':
      return `gamma, mean ${sec(f.meanUs)}, shape ${num(f.shape)}`;
    case 'pareto':
      return `Pareto, least ${sec(f.leastUs)}, shape ${num(f.shape)}`;
    case 'hyperexponential':
      return `hyperexponential, ${f.phases.map((p) => `${num(p.share)} of ${sec(p.meanUs)}`).join(', ')}`;
  }
}

function workOf(f: TimeFamily): string {
  switch (f.family) {
    case 'exponential':
      return `exponential: { mean: ${sec(f.meanUs)} }`;
    case 'lognormal':
      return `median: ${sec(f.medianUs)}, sigma: ${num(f.sigma)}`;
    case 'weibull':
      return `weibull: { scale: ${sec(f.scaleUs)}, shape: ${num(f.shape)} }`;
    case 'gamma':
      return `gamma: { mean: ${sec(f.meanUs)}, shape: ${num(f.shape)} }`;
    case 'pareto':
      return `pareto: { least: ${sec(f.leastUs)}, shape: ${num(f.shape)} }`;
    case 'hyperexponential': {
      const first = Number(f.phases[0]!.share.toPrecision(6));
      const a = f.phases[0]!;
      const b = f.phases[1]!;
      return `hyperexponential: [{ share: ${first}, mean: ${sec(a.meanUs)} }, { share: ${num(1 - first)}, mean: ${sec(b.meanUs)} }]`;
    }
  }
}

function shapeText(s: ShapeFit): string {
  const share = s.gpuMilli < 1000 ? `, share: ${s.gpuMilli / 10} %` : '';
  if (s.gpus <= GPUS_PER_NODE) return `{ weight: ${s.jobs}, gpus: ${s.gpus}${share} }`;
  const rest = s.gpus % GPUS_PER_NODE;
  const more = rest > 0 ? `, with: [{ gpus: ${rest}${share} }]` : '';
  return `{ weight: ${s.jobs}, tasks: ${Math.floor(s.gpus / GPUS_PER_NODE)}, gpus: ${GPUS_PER_NODE}${share}${more} }`;
}

/** The scenario: one class, as many machines of 8 GPUs as 70 % load takes, the largest job at least. */
function scenarioOf(
  core: Omit<FitJson, 'imputed'>,
  family: TimeFamily,
  sorted: Float64Array,
  imputed: readonly string[],
): string {
  const a = core.arrivals;
  const perJob = core.sizes.reduce((n, s) => n + (s.jobs * s.gpus * s.gpuMilli) / 1000, 0) / core.jobs;
  // Work is cut to what was seen, so a family with a heavy tail has a mean of its own: the trace's stands for both.
  const meanUs = Math.min(timeDistribution(family).mean, sorted.reduce((n, t) => n + t, 0) / sorted.length);
  const busy = (a.jobsPerHour * perJob * meanUs) / HOUR_US;
  const largest = Math.max(...core.sizes.map((s) => s.gpus));
  const nodes = Math.max(1, Math.ceil(busy / TARGET_LOAD / GPUS_PER_NODE), Math.ceil(largest / GPUS_PER_NODE));
  const days = Math.max(1, Math.min(30, Math.round(core.spanSeconds / 86400)));
  const arrivals = [
    `rate: ${num(a.jobsPerHour)} jobs/hour`,
    a.batchMean > 1.001 ? `batch: ${num(a.batchMean)}` : '',
    a.hours.length > 0 ? `hours: [${a.hours.map(num).join(', ')}]` : '',
    a.days.length > 0 ? `days: [${a.days.map(num).join(', ')}]` : '',
  ].filter((t) => t !== '');
  return `# Made by janction convert --fit from ${core.jobs} jobs of format ${core.format}.
# Arrivals: KS distance ${a.ksDistance} from a Poisson process of this profile. Run times: ${core.runTimes.chosen} of
# ${core.runTimes.fits.length} families, KS distance ${String(core.runTimes.fits[0]!['ksDistance'])}. Size and run time are independent here; their rank correlation was
# ${core.sizeTimeCorrelation}. What a GPU-hour is worth to a job is made up: traces carry no bids.
${imputed.map((n) => `# Imputed: ${n}\n`).join('')}name: like-${core.format}
question: How does a market serve jobs that come, and are, like those of the trace?
horizon: ${days} day

fleet:
  classes:
    - { name: gpu, memory: 80 GiB }
  groups:
    - { name: cluster, nodes: ${nodes}, gpus: ${GPUS_PER_NODE}, class: gpu }

demand:
  personas:
    - name: trace
      arrivals:
${arrivals.map((t) => `        ${t}`).join('\n')}
      shapes:
${core.sizes.map((s) => `        - ${shapeText(s)}`).join('\n')}
      work: { ${workOf(family)}, min: ${sec(sorted[0]!)}, max: ${sec(sorted[sorted.length - 1]!)} }
      value: { median: 2 USD/hour, sigma: 0.5 }

pricing:
  rates: { gpu: 1 USD/hour }
`;
}
