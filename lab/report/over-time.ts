/** What changed while the run went on: queue, utilisation, prices, failures. */
import type { RunData } from './data.ts';
import { byCodeUnits } from './data.ts';
import { group, percent, round, seconds, short } from './numbers.ts';
import { html, lines, type Series, ticks, timeAxis } from './svg.ts';

export interface Section {
  id: string;
  /** Says the finding. */
  title: string;
  html: string;
}

/** Most points of one line: more than a screen has pixels. */
const MOST = 700;

interface Moment {
  at: number;
  waiting: number;
  used: number;
  up: number;
}

/** GPUs of the machines that are up when the run begins: the pools' first sample is taken before they have heard of them. */
function upAtStart(run: RunData): number {
  const { failures: f, scenario } = run;
  // Down = it goes down at the very start, or its first change is to come up.
  const down = new Map<string, boolean>();
  for (let i = 0; i < f.rows; i++) {
    const kind = f.kind[i]!;
    if ((kind === 'node-up' || kind === 'node-down') && !down.has(f.node[i]!))
      down.set(f.node[i]!, kind === 'node-up' ? f.time_us[i]! > 0 : f.time_us[i]! === 0);
  }
  return scenario.market.nodes.reduce((gpus, n) => gpus + (down.get(n.id) === true ? 0 : n.gpus), 0);
}

/** Samples of all pools together, thinned: the largest queue and the mean use of each bucket. */
function moments(run: RunData): Moment[] {
  const s = run.samples;
  const all: Moment[] = [];
  for (let i = 0; i < s.rows; i++) {
    let last = all[all.length - 1];
    if (last === undefined || last.at !== s.time_us[i]!) {
      last = { at: s.time_us[i]!, waiting: 0, used: 0, up: 0 };
      all.push(last);
    }
    last.waiting += s.waiting_jobs[i]!;
    last.used += s.used_milli[i]! / 1000;
    last.up += s.capacity_milli[i]! / 1000;
  }
  const start = all[0];
  if (start?.at === 0 && start.up === 0 && all.length > 1) start.up = upAtStart(run);
  const per = Math.ceil(all.length / MOST);
  if (per <= 1) return all;
  const out: Moment[] = [];
  for (let i = 0; i < all.length; i += per) {
    const bucket = all.slice(i, i + per);
    const mean = (f: (m: Moment) => number): number => bucket.reduce((n, m) => n + f(m), 0) / bucket.length;
    out.push({
      at: bucket[0]!.at,
      waiting: Math.max(...bucket.map((m) => m.waiting)),
      used: mean((m) => m.used),
      up: mean((m) => m.up),
    });
  }
  return out;
}

export function loadSection(run: RunData): Section {
  const list = moments(run);
  const title = 'Load';
  if (list.length === 0)
    return { id: 'load', title, html: '<p>The scenario samples nothing (<code>output.sample: none</code>).</p>' };
  const peak = list.reduce((a, b) => (b.waiting > a.waiting ? b : a));
  const x = timeAxis(run.endUs);
  const most = Math.max(1, ...list.map((m) => Math.max(m.up, m.used)));
  const queue = Math.max(1, peak.waiting);
  const shade = run.scenario.warmupUs > 0 ? { shadeTo: run.scenario.warmupUs } : {};
  const use = lines(
    {
      id: 'use',
      title: 'GPUs in use and GPUs up',
      about: `GPUs leased over time, of at most ${short(most)} that were up; ${percent(run.result.gpu.utilisation)} of what was up was used.`,
      x,
      y: { from: 0, to: most * 1.04, ticks: ticks(0, most, 5, short), label: 'GPUs' },
      ...shade,
    },
    [
      { name: 'leased', color: 0, fill: true, points: list.map((m) => [m.at, m.used]) },
      { name: 'up', color: 3, dash: true, step: true, points: list.map((m) => [m.at, m.up]) },
    ],
  );
  const wait = lines(
    {
      id: 'queue',
      title: 'Jobs waiting',
      about: `Jobs in the queues over time, at most ${group(peak.waiting)} at ${seconds(peak.at)}.`,
      x,
      y: { from: 0, to: queue * 1.04, ticks: ticks(0, queue, 5, short), label: 'jobs waiting' },
      ...shade,
    },
    [{ name: 'waiting', color: 1, fill: true, points: list.map((m) => [m.at, m.waiting]) }],
  );
  const finding =
    peak.waiting === 0
      ? `No job ever waited at a sample; GPUs were ${percent(run.result.gpu.utilisation)} busy`
      : `The queue peaked at ${group(peak.waiting)} jobs after ${seconds(peak.at)}; GPUs that were up were ${percent(run.result.gpu.utilisation)} busy`;
  return { id: 'load', title: finding, html: figure('GPUs in use', use) + figure('Jobs waiting', wait) };
}

export const figure = (caption: string, body: string): string =>
  `<figure><figcaption>${caption}</figcaption>${body}</figure>`;

interface Price {
  name: string;
  points: [number, number][];
  sum: number;
  n: number;
}

export function priceSection(run: RunData): Section {
  const p = run.prices;
  const code = run.scenario.market.currencies[0]!.code;
  const many = run.scenario.market.pools.length > 1;
  const all = new Map<string, Price>();
  for (let i = 0; i < p.rows; i++) {
    const rate = p.rate_micro_per_gpu_hour[i]!;
    if (rate < 0) continue;
    const name = many ? `${p.gpu_class[i]!}, ${p.pool[i]!}` : p.gpu_class[i]!;
    const s = all.get(name) ?? { name, points: [], sum: 0, n: 0 };
    all.set(name, s);
    s.points.push([p.time_us[i]!, rate / 1e6]);
    s.sum += rate / 1e6;
    s.n++;
  }
  // Only what could be bought: a class without machines in a pool has a price that nobody met.
  const held = new Set<string>();
  for (let i = 0; i < run.devices.rows; i++)
    held.add(many ? `${run.devices.gpu_class[i]!}, ${run.devices.pool[i]!}` : run.devices.gpu_class[i]!);
  const series = [...all.values()].filter((s) => held.has(s.name)).sort((a, b) => byCodeUnits(a.name, b.name));
  if (series.length === 0) return { id: 'prices', title: 'Nothing was for sale', html: '' };
  for (const s of series) {
    s.points = thin(s.points);
    s.points.push([run.endUs, s.points[s.points.length - 1]![1]]);
  }
  const range = (s: Price): [number, number] => [
    Math.min(...s.points.map((q) => q[1])),
    Math.max(...s.points.map((q) => q[1])),
  ];
  const swing = (s: Price): number => {
    const [low, high] = range(s);
    return low > 0 ? high / low : 1;
  };
  const wildest = series.reduce((a, b) => (swing(b) > swing(a) ? b : a));
  const [low, high] = range(wildest);
  const title =
    high === low
      ? `Prices did not move: ${series
          .map((s) => `${s.name} ${short(s.points[0]![1])}`)
          .slice(0, 3)
          .join('; ')} ${code} per GPU-hour`
      : `${wildest.name} moved most: ${short(low)} to ${short(high)} ${code} per GPU-hour`;
  const most = Math.max(...series.map((s) => range(s)[1]));
  const shown = series.slice(0, 8);
  const chart = lines(
    {
      id: 'price',
      title: 'Posted prices',
      about: shown
        .map((s) => `${s.name}: mean ${short(s.sum / s.n)}, from ${short(range(s)[0])} to ${short(range(s)[1])}`)
        .join('. '),
      x: timeAxis(run.endUs),
      y: { from: 0, to: most * 1.05, ticks: ticks(0, most, 5, short), label: `${code} per GPU-hour` },
    },
    shown.map((s, i): Series => ({ name: s.name, color: i, points: s.points, step: true, dash: i >= 4 })),
  );
  if (series.every((s) => swing(s) === 1))
    return {
      id: 'prices',
      title,
      html: htmlTable(
        ['GPU class', `${code} per GPU-hour`],
        series.map((s) => [s.name, short(s.points[0]![1])]),
      ),
    };
  const rest =
    series.length > shown.length
      ? `<p>${series.length - shown.length} more classes are in <code>prices.parquet</code>.</p>`
      : '';
  return { id: 'prices', title, html: figure('Posted prices', chart) + rest };
}

function thin(points: [number, number][]): [number, number][] {
  const per = Math.ceil(points.length / MOST);
  return per <= 1 ? points : points.filter((_, i) => i % per === 0);
}

/** What took capacity away: a machine that broke, its owner, a GPU alone. */
const losses = ['failure', 'owner', 'gpu'] as const;
type Loss = (typeof losses)[number];

function lossOf(kind: string, cause: string): Loss | null {
  if (kind === 'gpu-dead' || kind === 'gpu-drain') return 'gpu';
  if (kind !== 'node-down') return null;
  return cause === 'owner' ? 'owner' : 'failure';
}

export function failureSection(run: RunData): Section {
  const f = run.failures;
  const byGroup = new Map<string, Record<Loss, number> & { leases: number; lost: number }>();
  const marks: { at: number; loss: Loss }[] = [];
  for (let i = 0; i < f.rows; i++) {
    const loss = lossOf(f.kind[i]!, f.cause[i]!);
    if (loss === null) continue;
    const name = run.groupOf.get(f.node[i]!) ?? 'unknown';
    const g = byGroup.get(name) ?? { failure: 0, owner: 0, gpu: 0, leases: 0, lost: 0 };
    byGroup.set(name, g);
    g[loss]++;
    g.leases += f.leases_lost[i]!;
    g.lost += f.lost_milli_us[i]! / 3.6e12;
    marks.push({ at: f.time_us[i]!, loss });
  }
  const { failures, gpu } = run.result;
  if (marks.length === 0) return { id: 'failures', title: 'No machine was lost', html: '' };
  const buckets = 60;
  const count = (loss: Loss): [number, number][] => {
    const n = new Array<number>(buckets).fill(0);
    for (const m of marks) if (m.loss === loss) n[Math.min(buckets - 1, Math.floor((m.at / run.endUs) * buckets))]!++;
    return [...n.map((v, i): [number, number] => [(i * run.endUs) / buckets, v]), [run.endUs, n[buckets - 1]!]];
  };
  const withCards = marks.some((m) => m.loss === 'gpu');
  const series: Series[] = [
    { name: 'machine failures', color: 1, points: count('failure'), step: true, fill: true },
    { name: 'taken back by the owner', color: 0, points: count('owner'), step: true, fill: true },
    ...(withCards
      ? [{ name: 'single GPUs out of service', color: 2, points: count('gpu'), step: true, fill: true }]
      : []),
  ];
  const cards = withCards ? `, ${group(failures.gpu)} single GPUs` : '';
  const most = Math.max(1, ...series.flatMap((s) => s.points.map((p) => p[1])));
  const chart = lines(
    {
      id: 'down',
      title: 'Machines lost over time',
      about: `${failures.node} failures and ${failures.ownerReturns} returns to owners${cards}, in ${buckets} equal intervals.`,
      x: timeAxis(run.endUs),
      y: {
        from: 0,
        to: most * 1.05,
        ticks: ticks(0, most, Math.min(5, most), short),
        label: `per ${seconds(run.endUs / buckets)}`,
      },
    },
    series,
  );
  const rows = [...byGroup]
    .sort((a, b) => byCodeUnits(a[0], b[0]))
    .map(([name, g]) => [name, ...losses.map((l) => group(g[l])), group(g.leases), short(g.lost)]);
  const share = gpu.usedGpuHours > 0 ? failures.lostGpuHours / gpu.usedGpuHours : 0;
  const causes = Object.entries(failures.byCause).map(([cause, n]) => [html(cause), group(n)]);
  return {
    id: 'failures',
    title: `${group(failures.node)} failures and ${group(failures.ownerReturns)} owner returns${cards} threw away ${short(round(failures.lostGpuHours, 1))} GPU-hours, ${percent(share)} of what was used`,
    html:
      figure('Machines lost', chart) +
      htmlTable(['group', 'failures', 'owner returns', 'GPUs alone', 'leases lost', 'GPU-hours cut short'], rows) +
      (causes.length > 0 ? htmlTable(['cause', 'times'], causes) : ''),
  };
}

/** Cells are HTML already. `left`: columns that are words. `stack`: on a telephone every row becomes a block of named lines. */
export function htmlTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly number[] = [0],
  stack = false,
): string {
  const cls = (c: number): string => (left.includes(c) ? '' : ' class="n"');
  const named = (c: number): string => (stack ? ` data-name="${head[c]!.replace(/<[^>]*>/g, '')}"` : '');
  const cell = (tag: string, c: number, text: string): string =>
    tag === 'th'
      ? `<th${cls(c)} scope="col">${text}</th>`
      : c === 0
        ? `<th scope="row"${named(c)}>${text}</th>`
        : `<td${cls(c)}${named(c)}>${text}</td>`;
  return `<div class="scroll"><table${stack ? ' class="stack"' : ''}><thead><tr>${head.map((h, c) => cell('th', c, h)).join('')}</tr></thead><tbody>${rows
    .map((r) => `<tr>${r.map((v, c) => cell('td', c, v)).join('')}</tr>`)
    .join('')}</tbody></table></div>`;
}
