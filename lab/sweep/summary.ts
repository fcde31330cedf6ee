/** What a sweep's results say, point by point: means and quantiles with intervals, differences from a baseline, checks of each run. */
import { quantileInterval } from '../../sim/kernel/estimators.ts';
import { meanInterval } from '../stats/interval.ts';
import { holm, pairedComparison } from '../stats/paired.ts';
import type { Selection } from '../stats/selection.ts';
import { setText } from './design.ts';
import { headOf, numberOf, unitOf } from './figures.ts';
import { Needs } from './needs.ts';
import type { Plan } from './plan.ts';
import { lookupOf } from './run.ts';
import type { RunRecord } from './store.ts';
import type { Scalar, Study } from './study.ts';

/** Little's ratio may be this far from 1 before a word is said. */
const LITTLE_TOLERANCE = 0.1;

interface MetricSummary {
  mean: number | null;
  half: number | null;
  /** Ends are null where there are too few replications for the level. */
  quantiles?: { p: number; value: number; low: number | null; high: number | null }[];
  /** From the baseline, on the same random numbers; p after Holm's correction over all points and metrics. */
  difference?: { mean: number; half: number; p: number };
}

export interface PointSummary {
  point: number;
  parameters: Record<string, Scalar>;
  runs: number;
  failed: number;
  /** Label of most of its runs. */
  load: string;
  /** Mean over runs of jobs in the system by Little's law over those counted; null where it cannot be worked out. */
  littleRatio: number | null;
  /** Share of runs in which MSER-5 finds a longer warm-up than the scenario's. */
  warmupShort: number | null;
  metrics: Record<string, MetricSummary>;
}

export interface SweepSummary {
  points: PointSummary[];
  selection: Selection | null;
}

/** Means and 95 % intervals of each metric at each point. */
export function summaryOf(plan: Plan, records: ReadonlyMap<string, RunRecord>, study: Study): SweepSummary {
  const lookup = lookupOf(plan, records);
  const needs = new Needs(plan, lookup);
  /** By point, then by replication; NaN where a run is missing or failed. */
  const figuresOf = (place: number): (RunRecord | undefined)[] =>
    Array.from({ length: needs.of(place).count }, (_, r) => lookup(place, r));
  const base = study.baseline === undefined ? null : figuresOf(study.baseline);
  const differences: { into: MetricSummary; mean: number; half: number; p: number }[] = [];
  const points = plan.points.map((p, place) => {
    const all = figuresOf(place);
    const have = all.filter((x): x is RunRecord => x !== undefined);
    const ok = have.filter((x) => x.figures !== null);
    const numbers = (name: string) => ok.map((x) => numberOf(x.figures![name])).filter((v) => Number.isFinite(v));
    const metrics: Record<string, MetricSummary> = {};
    for (const m of study.metrics) {
      const values = ok.map((x) => numberOf(x.figures![m]));
      const i = meanInterval(values);
      const out: MetricSummary = { mean: finite(i.mean), half: finite(i.half) };
      if (study.quantiles.length > 0 && values.length > 0 && values.every((v) => Number.isFinite(v)))
        out.quantiles = study.quantiles.map((q) => {
          const k = quantileInterval(values, q);
          return { p: q, value: k.mean, low: finite(k.low), high: finite(k.high) };
        });
      if (base !== null && place !== study.baseline) {
        const pairs = all.flatMap((x, r) => {
          const pair = [numberOf(base[r]?.figures?.[m]), numberOf(x?.figures?.[m])] as const;
          return pair.every((v) => Number.isFinite(v)) ? [pair] : [];
        });
        if (pairs.length > 1) {
          const c = pairedComparison(
            pairs.map((x) => x[0]),
            pairs.map((x) => x[1]),
          );
          differences.push({ into: out, mean: c.difference.mean, half: c.difference.half, p: c.p });
        }
      }
      metrics[m] = out;
    }
    const little = numbers('little_ratio');
    const enough = numbers('warmup_enough');
    return {
      point: p.index,
      parameters: Object.fromEntries(p.point),
      runs: ok.length,
      failed: have.length - ok.length,
      load: mostly(ok.map((x) => String(x.figures!['load_state'] ?? 'unknown'))),
      littleRatio: little.length === 0 ? null : meanInterval(little).mean,
      warmupShort: enough.length === 0 ? null : 1 - meanInterval(enough).mean,
      metrics,
    };
  });
  holm(differences.map((d) => d.p)).forEach((p, i) => {
    const { into, mean, half } = differences[i]!;
    into.difference = { mean, half, p };
  });
  return { points, selection: needs.selection };
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

function mostly(labels: readonly string[]): string {
  const count = (l: string) => labels.filter((x) => x === l).length;
  return [...new Set(labels)].sort((a, b) => count(b) - count(a) || (a < b ? -1 : 1))[0] ?? 'unknown';
}

const number = (x: number): string => String(Number(x.toPrecision(6)));
const shortened = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

function tableText(header: string[], rows: string[][]): string[] {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((c) => c[i]!.length)));
  return [header, ...rows].map(
    (c) =>
      `  ${c
        .map((x, i) => x.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()}`,
  );
}

export function readableSummary(plan: Plan, study: Study, done: number, s: SweepSummary): string {
  const name = (r: PointSummary) =>
    shortened(`${r.point}: ${Object.entries(r.parameters).map(setText).join(' ')}`, 100);
  const plusMinus = (m: string, mean: number | null, half: number | null) => {
    const { per } = unitOf(m);
    return mean === null
      ? '-'
      : `${number(mean / per)}${half === null ? '' : ` ± ${Number((half / per).toPrecision(2))}`}`;
  };
  const lines = [
    `${plan.study}: ${study.question}`,
    ...tableText(
      ['point', 'load', ...study.metrics.flatMap((m) => [headOf(m), ...study.quantiles.map((q) => `${q * 100} %`)])],
      s.points.map((r) => [
        name(r),
        r.load,
        ...study.metrics.flatMap((m) => {
          const v = r.metrics[m]!;
          return [
            plusMinus(m, v.mean, v.half),
            ...study.quantiles.map((_, i) => {
              const q = v.quantiles?.[i];
              const end = (x: number | null) => (x === null ? '?' : number(x / unitOf(m).per));
              return q === undefined ? '-' : `${end(q.value)} [${end(q.low)}, ${end(q.high)}]`;
            }),
          ];
        }),
      ]),
    ),
    `  means with 95 % intervals over replications; ${done} runs, table.parquet holds one row each`,
  ];
  if (study.baseline !== undefined) {
    lines.push(
      `  differences from point ${study.baseline}, pair by pair; p-values corrected over all of them (Holm)`,
      ...tableText(
        ['point', ...study.metrics.map(headOf)],
        s.points
          .filter((r) => r.point !== study.baseline)
          .map((r) => [
            name(r),
            ...study.metrics.map((m) => {
              const d = r.metrics[m]!.difference;
              if (d === undefined) return '-';
              return `${plusMinus(m, d.mean, d.half)} (p ${d.p < 0.0001 ? '< 0.0001' : d.p.toFixed(4)})`;
            }),
          ]),
      ),
    );
  }
  if (s.selection !== null && typeof plan.replications === 'object' && 'select' in plan.replications) {
    const { best, probability, met } = s.selection;
    lines.push(
      `  ${plan.replications.goal === 'max' ? 'largest' : 'least'} ${plan.replications.select}: point ${plan.points[best]!.index}, with probability ${met ? '' : 'only '}${probability.toFixed(3)} or more`,
    );
  }
  const warn = (bad: PointSummary[], what: string): void => {
    if (bad.length > 0)
      lines.push(`  ! ${what} at ${bad.length} of ${s.points.length} points, the first is ${bad[0]!.point}`);
  };
  warn(
    s.points.filter((r) => r.load === 'overloaded'),
    'the queue grows without end, so means depend on the horizon',
  );
  warn(
    s.points.filter((r) => r.load === 'growing'),
    'the queue grew, and fewer than two cycles of demand (days, or weeks) after the warm-up cannot tell whether it goes on: lengthen the horizon',
  );
  warn(
    s.points.filter((r) => r.littleRatio !== null && Math.abs(r.littleRatio - 1) > LITTLE_TOLERANCE),
    'Little’s law is off by more than 10 %, so this is no steady state or samples are too rare',
  );
  warn(
    s.points.filter((r) => r.warmupShort !== null && r.warmupShort > 0.5),
    'MSER-5 finds a longer warm-up than the scenario’s in most runs',
  );
  return `${lines.join('\n')}\n`;
}
