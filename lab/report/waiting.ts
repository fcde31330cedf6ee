/** Who waited how long, and why the longest waits were long. */
import { log10 } from '../../core/num/index.ts';
import { byCodeUnits, type RunData } from './data.ts';
import { amount, group, percent, quantile, seconds } from './numbers.ts';
import { figure, htmlTable, type Section } from './over-time.ts';
import { html, lines, type Series } from './svg.ts';
import { type LongWait, longestWaits, reasonOf } from './waits.ts';

/** Labels with a line of their own. */
const MOST_LABELS = 5;
const SHOWN = 10;

interface Kind {
  name: string;
  jobs: number;
  completed: number;
  rejected: number;
  failed: number;
  cancelled: number;
  waits: number[];
  charged: number;
}

/** Jobs by what the trace or persona calls them; charges in the first currency only. */
function kinds(run: RunData): Kind[] {
  const { jobs, scenario } = run;
  const first = scenario.market.currencies[0]!.code;
  const all = new Map<string, Kind>();
  for (let i = 0; i < jobs.rows; i++) {
    const name = jobs.workload_name[i]!;
    let k = all.get(name);
    if (k === undefined) {
      k = { name, jobs: 0, completed: 0, rejected: 0, failed: 0, cancelled: 0, waits: [], charged: 0 };
      all.set(name, k);
    }
    k.jobs++;
    k[jobs.final_state[i] as 'completed' | 'rejected' | 'failed' | 'cancelled']++;
    if (jobs.currency[i] === first) k.charged += jobs.charged_micro[i]!;
    if (jobs.submission_time_us[i]! >= scenario.warmupUs && jobs.waiting_time_us[i]! >= 0)
      k.waits.push(jobs.waiting_time_us[i]!);
  }
  const list = [...all.values()].sort((a, b) => b.jobs - a.jobs || byCodeUnits(a.name, b.name));
  for (const k of list) k.waits.sort((a, b) => a - b);
  return list;
}

/** One second stands at 0; less is drawn there too. */
const place = (us: number): number => Math.max(0, log10(Math.max(1, us / 1e6)));

function curve(sorted: readonly number[]): [number, number][] {
  const n = sorted.length;
  const points: [number, number][] = [];
  let below = 0;
  while (below < n && sorted[below]! <= 1e6) below++;
  points.push([0, below / n]);
  const step = Math.max(1, Math.floor((n - below) / 240));
  for (let i = below; i < n; i += step) points.push([place(sorted[i]!), (i + 1) / n]);
  points.push([place(sorted[n - 1]!), 1]);
  return points;
}

export function waitSection(run: RunData): Section {
  const list = kinds(run);
  const all = list.flatMap((k) => k.waits).sort((a, b) => a - b);
  const code = run.scenario.market.currencies[0]!.code;
  if (all.length === 0) return { id: 'waits', title: 'No job started after the warm-up', html: kindTable(list, code) };
  const top = place(all[all.length - 1]!) || 1;
  const marks: [number, string][] = [
    [1, '1 s'],
    [10, '10 s'],
    [60, '1 min'],
    [600, '10 min'],
    [3600, '1 h'],
    [6 * 3600, '6 h'],
    [86400, '1 d'],
    [10 * 86400, '10 d'],
    [100 * 86400, '100 d'],
  ];
  const shown = list.filter((k) => k.waits.length > 0).slice(0, MOST_LABELS);
  const series: Series[] = [{ name: 'all jobs', color: 7, wide: true, points: curve(all) }];
  if (list.length > 1)
    shown.forEach((k, i) => {
      series.push({ name: k.name, color: i, points: curve(k.waits), dash: i >= 4 });
    });
  const chart = lines(
    {
      id: 'cdf',
      title: 'Share of jobs that had started by a wait',
      about: `Half within ${seconds(quantile(all, 0.5))}, 95 % within ${seconds(quantile(all, 0.95))}, 99 % within ${seconds(quantile(all, 0.99))}.`,
      x: {
        from: 0,
        to: top,
        ticks: marks.map(([s, label]) => ({ at: log10(s), label })).filter((t) => t.at <= top * 1.001),
        label: 'wait until start (log scale; less than 1 s is drawn at 1 s)',
      },
      y: {
        from: 0,
        to: 1,
        ticks: [0, 0.25, 0.5, 0.75, 1].map((v) => ({ at: v, label: `${v * 100} %` })),
        label: 'of jobs that started',
      },
    },
    series,
  );
  return {
    id: 'waits',
    title: `Half of the jobs that ran started within ${seconds(quantile(all, 0.5))}; one in twenty waited more than ${seconds(quantile(all, 0.95))}`,
    html: figure('Waits', chart) + kindTable(list, code),
  };
}

function kindTable(list: readonly Kind[], code: string): string {
  const shown = list.slice(0, 20);
  const rest =
    list.length > shown.length
      ? `<p>${group(list.length - shown.length)} kinds with fewer jobs are not shown.</p>`
      : '';
  return (
    htmlTable(
      ['kind of job', 'jobs over', 'completed', 'failed', 'rejected', 'cancelled', 'median wait', 'p95 wait', 'paid'],
      shown.map((k) => [
        html(k.name),
        group(k.jobs),
        percent(k.jobs === 0 ? 0 : k.completed / k.jobs),
        group(k.failed),
        group(k.rejected),
        group(k.cancelled),
        k.waits.length === 0 ? '–' : seconds(quantile(k.waits, 0.5)),
        k.waits.length === 0 ? '–' : seconds(quantile(k.waits, 0.95)),
        amount(k.charged, code),
      ]),
    ) + rest
  );
}

export function longestSection(run: RunData): Section {
  const list = longestWaits(run, SHOWN);
  if (list.length === 0) return { id: 'longest', title: 'Nobody waited', html: '' };
  const first = list[0]!;
  const rows = list.map((w) => [
    `<a href="#machines" data-job="${w.job}">job ${w.job}</a>`,
    html(w.label),
    seconds(w.waitUs),
    seconds(w.submitUs),
    group(w.gpus),
    group(w.ahead),
    group(w.overtakenBy),
    shares(w),
    html(reasonOf(w)),
  ]);
  return {
    id: 'longest',
    title: `The longest wait was ${seconds(first.waitUs)} (job ${first.job}): ${html(reasonOf(first))}`,
    html: `${htmlTable(['job', 'kind', 'waited', 'came at', 'GPUs', 'ahead', 'overtaken by', '<b class="c1">no room</b> <b class="c3">not bought</b> <b class="c4">scattered</b> <b class="c0">queue order</b>', 'why'], rows, [0, 1, 7, 8], true)}
<p class="note"><b>ahead</b>: jobs that had come to its pool before it and, when it came, had not started. <b>overtaken by</b>: jobs that came to its pool later and started earlier. Jobs that were not over when the run ended count, too; <code>npx janction explain ${html(run.dir)} ${first.job}</code> names them. The reasons ask whether the job would have fitted on the machines as they were filled. A job’s link shows it on the machines below.</p>`,
  };
}

function shares(w: LongWait): string {
  const part = (x: number, color: number, name: string): string =>
    x < 0.005 ? '' : `<i class="c${color}" style="width:${Math.round(x * 100)}%" title="${name} ${percent(x)}"></i>`;
  return `<span class="split" role="img" aria-label="no room ${percent(w.noRoom)}, not bought ${percent(w.notBought)}, scattered ${percent(w.scattered)}, queue order ${percent(w.queueOrder)}">${part(w.noRoom, 1, 'no room')}${part(w.notBought, 3, 'not bought')}${part(w.scattered, 4, 'scattered')}${part(w.queueOrder, 0, 'queue order')}</span>`;
}
