/**
 * Several runs side by side. Runs of one scenario under different seeds are replications: their differences are paired by seed
 * and get a Student interval. Two single runs get plain differences, and their jobs are paired by number.
 */
import { createHash } from 'node:crypto';
import { studentQuantile } from '../../core/num/index.ts';
import { canonicalScenario } from '../../scenarios/index.ts';
import type { RunJson } from '../../sim/summary.ts';
import type { RunData } from './data.ts';
import { amount, group, percent, quantile, round, seconds, short } from './numbers.ts';
import { figure, htmlTable, type Section } from './over-time.ts';
import { bars, html } from './svg.ts';

interface Metric {
  name: string;
  of: (r: RunJson) => number | null;
  /** `code`: of the currency. */
  show: (v: number, code: string) => string;
}

const signed =
  (show: Metric['show']): Metric['show'] =>
  (v, code) =>
    v < 0 ? `−${show(-v, code)}` : show(v, code);
const time = signed((v) => seconds(v * 1e6));
const money = signed((v, code) => amount(Math.round(v * 1e6), code));
const metrics: readonly Metric[] = [
  { name: 'jobs completed', of: (r) => r.jobs.completed, show: signed((v) => group(round(v, 1))) },
  { name: 'mean wait', of: (r) => r.waitSeconds.mean, show: time },
  { name: 'median wait', of: (r) => r.waitSeconds.p50, show: time },
  { name: 'p95 wait', of: (r) => r.waitSeconds.p95, show: time },
  { name: 'mean time to completion', of: (r) => r.jctSeconds.mean, show: time },
  { name: 'utilisation', of: (r) => r.gpu.utilisation, show: signed(percent) },
  { name: 'useful GPU-hours', of: (r) => r.gpu.usefulGpuHours, show: signed(short) },
  { name: 'users were charged', of: (r) => Number(r.money.charged) / 1e6, show: money },
  { name: 'providers got', of: (r) => Number(r.money.providers) / 1e6, show: money },
  { name: 'welfare', of: (r) => r.economics.welfare, show: money },
  {
    name: 'paid per useful GPU-hour',
    of: (r) => r.economics.costPerUsefulGpuHour,
    show: signed((v, code) => `${short(v)} ${code}`),
  },
];

/** The scenario without its seed: what replications share. */
function variantOf(run: RunData): string {
  return createHash('sha256')
    .update(canonicalScenario({ ...run.scenario, seed: 0 }))
    .digest('hex')
    .slice(0, 12);
}

interface Variant {
  key: string;
  name: string;
  bySeed: Map<number, RunData>;
}

function variantsOf(runs: readonly RunData[]): Variant[] {
  const all = new Map<string, Variant>();
  for (const r of runs) {
    const key = variantOf(r);
    const v = all.get(key) ?? { key, name: nameOf(r, all.size), bySeed: new Map<number, RunData>() };
    all.set(key, v);
    if (!v.bySeed.has(r.scenario.seed)) v.bySeed.set(r.scenario.seed, r);
  }
  return [...all.values()];
}

const nameOf = (run: RunData, i: number): string => `${String.fromCharCode(65 + i)}: ${run.dir}`;

/** Mean of paired differences with its 95 % interval; null below two pairs. */
export function pairedInterval(differences: readonly number[]): { mean: number; low: number; high: number } | null {
  const n = differences.length;
  if (n < 2) return null;
  const mean = differences.reduce((a, b) => a + b, 0) / n;
  const variance = differences.reduce((a, d) => a + (d - mean) * (d - mean), 0) / (n - 1);
  const half = studentQuantile(0.975, n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}

export function compareSection(runs: readonly RunData[]): Section {
  const variants = variantsOf(runs);
  const a = variants[0]!;
  const { code } = runs[0]!.scenario.market.currencies[0]!;
  const parts: string[] = [];
  let finding = `${runs.length} replications of one scenario`;
  if (variants.length === 1) {
    parts.push(replications(a, code));
  }
  for (const b of variants.slice(1)) {
    const seeds = [...a.bySeed.keys()].filter((s) => b.bySeed.has(s)).sort((x, y) => x - y);
    if (seeds.length === 0) {
      parts.push(`<p>${html(b.name)} shares no seed with ${html(a.name)}: nothing can be paired.</p>`);
      continue;
    }
    const rows = metrics.flatMap((m) => {
      const pairs = seeds.map((s) => [m.of(a.bySeed.get(s)!.result), m.of(b.bySeed.get(s)!.result)] as const);
      if (pairs.some(([x, y]) => x === null || y === null)) return [];
      const mean = (f: (p: readonly [number | null, number | null]) => number): number =>
        pairs.reduce((n, p) => n + f(p), 0) / pairs.length;
      const interval = pairedInterval(pairs.map(([x, y]) => y! - x!));
      const d = mean(([x, y]) => y! - x!);
      return [
        [
          m.name,
          m.show(
            mean(([x]) => x!),
            code,
          ),
          m.show(
            mean(([, y]) => y!),
            code,
          ),
          (d > 0 ? '+' : '') + m.show(d, code),
          interval === null
            ? 'one pair, no interval'
            : `${m.show(interval.low, code)} to ${m.show(interval.high, code)}`,
        ],
      ];
    });
    parts.push(
      `<h3>${html(b.name)} against ${html(a.name)}</h3>`,
      htmlTable(
        ['mean over the shared seeds', 'A', html(b.name.slice(0, 1)), 'difference', '95 % interval of the difference'],
        rows,
      ),
      `<p class="note">Paired by seed: ${seeds.map(String).join(', ')}. Both runs of a pair met the same draws, so the difference is due to what was changed.</p>`,
      ...jobPairs(a.bySeed.get(seeds[0]!)!, b.bySeed.get(seeds[0]!)!, seeds[0]!),
    );
    const wait = seeds.map((s) => b.bySeed.get(s)!.result.waitSeconds.mean - a.bySeed.get(s)!.result.waitSeconds.mean);
    const d = wait.reduce((n, v) => n + v, 0) / wait.length;
    if (b === variants[1])
      finding = `${html(b.name.slice(0, 1))} ${d < 0 ? 'shortened' : d > 0 ? 'lengthened' : 'did not change'} the mean wait${d === 0 ? '' : ` by ${seconds(Math.abs(d) * 1e6)}`} against A, over ${seeds.length} shared seed${seeds.length === 1 ? '' : 's'}`;
  }
  return { id: 'compare', title: finding, html: parts.join('') };
}

function replications(v: Variant, code: string): string {
  const seeds = [...v.bySeed.keys()].sort((x, y) => x - y);
  if (seeds.length < 2) return '<p>The runs are of one scenario and one seed: they are the same run.</p>';
  const rows = metrics.flatMap((m) => {
    const values = seeds.map((s) => m.of(v.bySeed.get(s)!.result));
    if (values.some((x) => x === null)) return [];
    const i = pairedInterval(values as number[])!;
    return [[m.name, m.show(i.mean, code), `${m.show(i.low, code)} to ${m.show(i.high, code)}`]];
  });
  return `${htmlTable(['', 'mean', '95 % interval'], rows)}<p class="note">Over seeds ${seeds.join(', ')}.</p>`;
}

/** Differences of the jobs that both runs submitted at the same moment. */
function jobPairs(a: RunData, b: RunData, seed: number): string[] {
  const other = new Map<number, number>();
  for (let i = 0; i < b.jobs.rows; i++) other.set(b.jobs.job_id[i]!, i);
  const differences: number[] = [];
  for (let i = 0; i < a.jobs.rows; i++) {
    const k = other.get(a.jobs.job_id[i]!);
    if (k === undefined || a.jobs.submission_time_us[i] !== b.jobs.submission_time_us[k]) continue;
    if (a.jobs.waiting_time_us[i]! < 0 || b.jobs.waiting_time_us[k]! < 0) continue;
    differences.push(b.jobs.waiting_time_us[k]! - a.jobs.waiting_time_us[i]!);
  }
  if (differences.length === 0) return [];
  differences.sort((x, y) => x - y);
  const n = differences.length;
  const sooner = differences.filter((d) => d < -1e6).length;
  const later = differences.filter((d) => d > 1e6).length;
  const piece = (value: number, color: number, name: string) => ({
    value,
    color,
    about: `${name}: ${group(value)} jobs`,
  });
  return [
    figure(
      `The ${group(n)} jobs that both runs started, seed ${seed}`,
      bars('pairs', 'Waits of the same jobs', `${percent(sooner / n)} started sooner, ${percent(later / n)} later.`, [
        { name: 'started sooner', parts: [piece(sooner, 2, 'sooner')], note: percent(sooner / n) },
        {
          name: 'within a second',
          parts: [piece(n - sooner - later, 7, 'same')],
          note: percent((n - sooner - later) / n),
        },
        { name: 'started later', parts: [piece(later, 1, 'later')], note: percent(later / n) },
      ]),
    ),
    `<p class="note">Difference of waits, 5 %, 50 % and 95 % of these jobs: ${[0.05, 0.5, 0.95].map((q) => time(quantile(differences, q) / 1e6, '')).join(', ')}.</p>`,
  ];
}
