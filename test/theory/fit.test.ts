import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { convertCommand } from '../../lab/commands/convert.ts';
import { digamma, fitFamilies, ksDistance } from '../../lab/fit/families.ts';
import { fitTrace, spearman } from '../../lab/fit/fit-trace.ts';
import { resolveScenario, type TimeFamily, type TraceJob } from '../../scenarios/index.ts';
import { plainJob } from '../../scenarios/readers/row.ts';
import { PersonaDemand, Streams, timeDistribution } from '../../sim/index.ts';

const families: TimeFamily[] = [
  { family: 'exponential', meanUs: 3e8 },
  { family: 'lognormal', medianUs: 1.2e9, sigma: 1.4 },
  { family: 'weibull', scaleUs: 4e8, shape: 0.6 },
  { family: 'gamma', meanUs: 5e8, shape: 2.5 },
  { family: 'pareto', leastUs: 1e6, shape: 1.3 },
  {
    family: 'hyperexponential',
    phases: [
      { share: 0.7, meanUs: 1e7 },
      { share: 0.3, meanUs: 1e9 },
    ],
  },
];
const N = 4000;

function draws(f: TimeFamily, seed: number, n = N): Float64Array {
  const stream = new Streams(seed).get('fit', f.family);
  const distribution = timeDistribution(f);
  return Float64Array.from({ length: n }, () => distribution.sample(stream)).sort((a, b) => a - b);
}

describe.each(families.map((f) => [f.family, f] as const))('%s', (_, family) => {
  test('draws follow their distribution function', () => {
    // Six families x 5 seeds: each KS test at 0.001 / 30; the critical distance of the limit law is sqrt(-log(p/2)/2).
    const critical = Math.sqrt(-Math.log(0.001 / 30 / 2) / 2);
    for (let seed = 1; seed <= 5; seed++)
      expect(ksDistance(draws(family, seed), timeDistribution(family).cdf) * Math.sqrt(N)).toBeLessThan(critical);
  });

  test('is told from the others, and its parameters come back', () => {
    const fits = fitFamilies(draws(family, 1));
    const best = fits[0]!;
    // An exponential is a Weibull and a gamma of shape 1: the criterion may prefer one by less than its penalty.
    const own = fits.find((f) => f.family.family === family.family)!;
    expect(own.aic - best.aic).toBeLessThan(4);
    if (family.family !== 'exponential') expect(best.family.family).toBe(family.family);
    expect(own.ksP).toBeGreaterThan(1e-4);
    const flat = (f: TimeFamily): number[] =>
      f.family === 'hyperexponential'
        ? f.phases.flatMap((p) => [p.share, p.meanUs])
        : Object.values(f).filter((v) => typeof v === 'number');
    // Standard errors are about 1/sqrt(N) = 1.6 % of a parameter, up to three times that in the mixture.
    flat(own.family).forEach((v, i) => {
      expect(Math.abs(v / flat(family)[i]! - 1)).toBeLessThan(0.2);
    });
    expect(best.aic).toBeLessThanOrEqual(fits[fits.length - 1]!.aic);
  });

  test('the maximum is one: a step away in any direction is worse', () => {
    const x = draws(family, 2, 500);
    const own = fitFamilies(x).find((f) => f.family.family === family.family)!;
    const density = (f: TimeFamily) => {
      const { cdf } = timeDistribution(f);
      let sum = 0;
      // A density by differences of the distribution function, narrow against its scale.
      for (const t of x) sum += Math.log(Math.max(1e-300, (cdf(t * 1.0001) - cdf(t)) / (t * 0.0001)));
      return sum;
    };
    if (own.family.family === 'hyperexponential') return;
    const best = density(own.family);
    expect(Math.abs(best - own.logLikelihood) / Math.abs(best)).toBeLessThan(1e-3);
    for (const [key, value] of Object.entries(own.family)) {
      if (typeof value !== 'number' || key === 'leastUs') continue;
      for (const factor of [0.9, 1.1])
        expect(density({ ...own.family, [key]: value * factor } as TimeFamily)).toBeLessThan(best);
    }
  });
});

test('digamma: -Euler at 1, and its recurrence', () => {
  expect(digamma(1)).toBeCloseTo(-0.5772156649015329, 12);
  expect(digamma(0.5)).toBeCloseTo(-1.9635100260214235, 12);
  expect(digamma(10)).toBeCloseTo(2.251752589066721, 12);
});

test("Spearman's correlation by hand", () => {
  expect(spearman([1, 2, 3, 4], [10, 20, 30, 40])).toBe(1);
  expect(spearman([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
  // Ties share their mean rank: ranks 1.5 1.5 3 against 1 2 3.
  expect(spearman([1, 1, 2], [1, 2, 3])).toBeCloseTo(Math.sqrt(3) / 2, 12);
  expect(spearman([1, 1, 1], [1, 2, 3])).toBe(0);
});

const world = (arrivals: string): string => `
name: made
horizon: 56 day
fleet:
  classes: [{ name: gpu, memory: 24 GiB }]
  groups: [{ name: lab, nodes: 4, gpus: 8, class: gpu }]
demand:
  personas:
    - name: p
      arrivals: { rate: 40 jobs/hour, ${arrivals} }
      shapes: [{ weight: 3, gpus: 1 }, { weight: 1, gpus: 4 }, { weight: 1, gpus: 1, share: 25 % }]
      work: { weibull: { scale: 10 minute, shape: 0.7 }, min: 1 us, max: 1000 day }
      value: { median: 1 USD/hour }
pricing:
  rates: { gpu: 1 USD/hour }
`;

function generated(arrivals: string, seed: number): TraceJob[] {
  const s = resolveScenario(world(arrivals), 'f.yaml');
  if (s.demand.kind !== 'personas') throw new Error('personas were asked for');
  const source = new PersonaDemand(s, s.demand.personas, new Streams(seed));
  const rows: TraceJob[] = [];
  for (let a = source.next(); a !== null; a = source.next()) {
    const g = a.spec.groups[0]!;
    rows.push({ ...plainJob(String(rows.length), a.timeUs, g.gpus, a.workUs), gpuMilli: g.gpuMilli });
  }
  return rows;
}

test('a generator fitted to generated jobs finds what made them', () => {
  const hours = Array.from({ length: 24 }, (_, h) => (h < 12 ? 1 : 3));
  const days = [2, 2, 2, 2, 2, 1, 1];
  const rows = generated(`hours: [${hours.join(', ')}], days: [${days.join(', ')}], batch: 2.5`, 1);
  const fit = fitTrace(rows, 'csv').json([]);
  // 8 weeks at 40 per hour: 53,760 jobs in 21,504 batches; a batch's variance is 3.75.
  const sd = Math.sqrt(21_504 * (2.5 * 2.5 + 3.75));
  expect(Math.abs(fit.jobs - 53_760)).toBeLessThan(3.9 * sd);
  expect(fit.arrivals.batchMean).toBeGreaterThan(2.4);
  expect(fit.arrivals.batchMean).toBeLessThan(2.65);
  // Each hour of the day saw some 600 to 1,900 batches; 24 + 7 cells at 4.2 standard deviations.
  for (const [h, w] of fit.arrivals.hours.entries())
    expect(Math.abs(w / (hours[h]! / 2) - 1)).toBeLessThan(4.2 / Math.sqrt(400));
  for (const [d, w] of fit.arrivals.days.entries())
    expect(Math.abs(w / ((days[d]! * 7) / 12) - 1)).toBeLessThan(4.2 / Math.sqrt(1500));
  expect(fit.arrivals.ksP).toBeGreaterThan(1e-4);
  expect(fit.runTimes.chosen).toBe('weibull');
  expect(Math.abs((fit.runTimes.fits[0]!['shape'] as number) / 0.7 - 1)).toBeLessThan(0.03);
  expect(fit.sizes.map((s) => [s.gpus, s.gpuMilli])).toEqual([
    [1, 250],
    [1, 1000],
    [4, 1000],
  ]);
  expect(Math.abs(fit.sizeTimeCorrelation)).toBeLessThan(4 / Math.sqrt(rows.length));
});

test('bursts keep the mean rate and spread the counts', () => {
  const counts = (arrivals: string) => {
    const perHour = new Array<number>(56 * 24).fill(0);
    for (const j of generated(arrivals, 3)) perHour[Math.floor(j.submitUs / 3_600_000_000)]!++;
    const mean = perHour.reduce((a, b) => a + b, 0) / perHour.length;
    return { mean, dispersion: perHour.reduce((s, c) => s + (c - mean) * (c - mean), 0) / perHour.length / mean };
  };
  const plain = counts('peak: 14:00');
  const bursty = counts('bursts: { every: 4 hour, last: 30 minute, factor: 10 }');
  // Poisson counts: dispersion 1 within 4 sqrt(2 / 1344).
  expect(Math.abs(plain.dispersion - 1)).toBeLessThan(4 * Math.sqrt(2 / 1344));
  expect(Math.abs(plain.mean / 40 - 1)).toBeLessThan(4 / Math.sqrt(40 * 1344));
  expect(bursty.dispersion).toBeGreaterThan(10);
  // 336 bursts carry over half of the jobs: their exponential lengths give the mean a standard error of about 5 %.
  expect(Math.abs(bursty.mean / 40 - 1)).toBeLessThan(0.25);
});

test('the scenario that is written is one that loads', () => {
  const dir = mkdtempSync(join(tmpdir(), 'janction-fit-'));
  try {
    const rows = generated('batch: 3', 2).slice(0, 3000);
    const csv = [
      'submit_seconds,gpus,gpu_milli,duration_seconds',
      ...rows.map(
        (j) => `${j.submitUs / 1e6},${j.gpus},${j.gpuMilli},${Math.max(1e-6, j.durationUs / 1e6).toFixed(6)}`,
      ),
    ];
    writeFileSync(join(dir, 'in.csv'), `${csv.join('\n')}\n`);
    const text = convertCommand(join(dir, 'in.csv'), join(dir, 'out.yaml'), { fit: true, seed: 1 });
    expect(text).toContain('3000 jobs of csv');
    const s = resolveScenario(readFileSync(join(dir, 'out.yaml')), 'out.yaml');
    expect(s.name).toBe('like-csv');
    expect(s.demand.kind).toBe('personas');
    writeFileSync(join(dir, 'few.csv'), 'duration\n1\n2\n');
    expect(() => convertCommand(join(dir, 'few.csv'), join(dir, 'few.yaml'), { fit: true, seed: 1 })).toThrow(
      'the trace has 2 jobs; at least 10 are needed to fit a generator',
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
