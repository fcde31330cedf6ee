/** Which machine ran what and when: packed small enough for a hundred thousand jobs in one page. */
import { ByteSink } from '../../core/journal/bytes.ts';
import { outcomeNames } from '../../core/types.ts';
import { byCodeUnits, type RunData } from './data.ts';
import { group, percent } from './numbers.ts';
import type { Section } from './over-time.ts';
import { html } from './svg.ts';

/** Bytes of packed bars that a page carries at most (a third more in base 64). */
const MOST_BYTES = 2_600_000;
/** Machines that a page draws at most. */
const MOST_MACHINES = 4000;
/** A bar takes about this much. */
const BYTES_PER_BAR = 14;

export function machineSection(run: RunData): Section {
  const { placements: p, devices: d } = run;
  // Resolution: a hundred-millionth of the run, in powers of ten.
  let unitUs = 1;
  while (run.endUs / unitUs > 1.5e8) unitUs *= 10;
  const all: Machine[] = [];
  for (let i = 0; i < d.rows; i++)
    all.push({ name: d.node[i]!, group: run.groupOf.get(d.node[i]!) ?? '', gpus: d.gpus[i]!, row: i });
  const nodes = drawnMachines(run, all);
  const nodeIndex = new Map(nodes.map((n, i) => [n.name, i]));
  const rows: number[] = [];
  let ran = 0;
  for (let i = 0; i < p.rows; i++) {
    if (p.start_us[i]! < 0 || p.gpus[i] === '') continue;
    ran++;
    if (nodeIndex.has(p.node[i]!)) rows.push(i);
  }
  const most = Math.floor(MOST_BYTES / BYTES_PER_BAR);
  let shown = rows;
  if (rows.length > most) {
    const length = (i: number): number => p.end_us[i]! - p.start_us[i]!;
    shown = [...rows].sort((a, b) => length(b) - length(a) || a - b).slice(0, most);
  }
  const labels: string[] = [];
  const labelOf = new Map<number, number>();
  const labelIndex = new Map<string, number>();
  for (let i = 0; i < run.jobs.rows; i++) {
    const name = run.jobs.workload_name[i]!;
    let k = labelIndex.get(name);
    if (k === undefined) {
      k = labels.length;
      labels.push(name);
      labelIndex.set(name, k);
    }
    labelOf.set(run.jobs.job_id[i]!, k);
  }
  const open = labels.push('not over') - 1;
  const byNode: number[][] = nodes.map(() => []);
  for (const i of shown) byNode[nodeIndex.get(p.node[i]!)!]!.push(i);
  const sink = new ByteSink(1 << 16);
  for (const list of byNode) {
    list.sort((a, b) => p.start_us[a]! - p.start_us[b]! || a - b);
    let bars = 0;
    for (const i of list) bars += runsOf(p.gpus[i]!).length;
    sink.uint(bars);
    let at = 0;
    let job = 0;
    for (const i of list) {
      for (const [first, width] of runsOf(p.gpus[i]!)) {
        const start = Math.floor(p.start_us[i]! / unitUs);
        const end = Math.max(start, Math.floor(p.end_us[i]! / unitUs));
        sink.uint(start - at);
        sink.uint(end - start);
        const turn = p.job_id[i]! - job;
        sink.uint(turn >= 0 ? turn * 2 : -turn * 2 - 1);
        sink.uint(first);
        sink.uint(width);
        sink.uint(p.gpu_milli[i]!);
        sink.uint(labelOf.get(p.job_id[i]!) ?? open);
        sink.uint(outcomeNames.indexOf(p.outcome[i] as (typeof outcomeNames)[number]));
        at = start;
        job = p.job_id[i]!;
      }
    }
  }
  const bytes = Buffer.from(sink.bytes.buffer, sink.bytes.byteOffset, sink.length).toString('base64');
  const head = JSON.stringify({
    unitUs,
    endUs: run.endUs,
    nodes: nodes.map(({ name, group: g, gpus }) => ({ name, group: g, gpus })),
    labels,
    outcomes: outcomeNames,
  }).replace(/</g, '\\u003c');
  const busiest = all
    .map((n) => ({
      name: n.name,
      use:
        d.up_us[n.row]! > 0
          ? d.busy_milli_us[n.row]! / Math.max(1, d.up_us[n.row]! * n.gpus - d.gpu_out_us[n.row]!) / 1000
          : 0,
      leases: d.leases[n.row]!,
    }))
    .sort((a, b) => b.use - a.use || byCodeUnits(a.name, b.name));
  const idle = busiest.filter((b) => b.leases === 0).length;
  const top = busiest[0];
  const hidden =
    nodes.length < all.length
      ? `<p class="note">The picture shows the ${group(nodes.length)} machines that ran most of ${group(all.length)}; all are in <code>devices.parquet</code>.</p>`
      : '';
  const left =
    ran > shown.length
      ? `<p class="note">The page shows the ${group(shown.length)} longest of ${group(ran)} placements; all are in <code>placements.parquet</code>.</p>`
      : '';
  const button = (act: string, text: string, name: string): string =>
    `<button type="button" data-gantt="${act}" aria-label="${name}" title="${name}">${text}</button>`;
  return {
    id: 'machines',
    title:
      top === undefined
        ? 'No machines'
        : `${group(all.length)} machines ran ${group(ran)} placements; ${idle === 0 ? 'none' : group(idle)} stood idle throughout${all.length > 1 && all.some((n) => n.gpus > 0) ? `, the busiest was ${html(top.name)} at ${percent(Math.min(1, top.use))} of the time it was up` : ''}`,
    html: `<figure><figcaption>Placements on machines over time, one row per GPU, ${labels.length > 2 ? 'one colour per kind of job' : 'neighbouring jobs in different colours'} (pale: did not complete)</figcaption>
<div class="tools">${button('in', '+', 'zoom in')}${button('out', '−', 'zoom out')}${button('earlier', '←', 'earlier')}${button('later', '→', 'later')}${button('up', '↑', 'machines above')}${button('down', '↓', 'machines below')}${button('all', 'all', 'show everything')}<form id="gantt-find"><label>job <input id="gantt-job" inputmode="numeric" size="8" autocomplete="off"></label><button>find</button></form></div>
<canvas id="gantt" tabindex="0" role="img" aria-label="Placements on machines over time. Keys: plus and minus zoom, arrows move, 0 shows everything."></canvas>
<p id="gantt-say" class="note" aria-live="polite">Click a bar, or find a job by its number. Drag to move, Ctrl and wheel or + and − to zoom, 0 for everything.</p>
<noscript><p>This picture needs scripts; the figures are in placements.parquet.</p></noscript></figure>${labelKey(labels.slice(0, -1))}${hidden}${left}
<script type="application/json" id="gantt-head">${head}</script><script type="text/plain" id="gantt-bars">${bytes}</script>`,
  };
}

interface Machine {
  name: string;
  group: string;
  gpus: number;
  /** In the table of devices. */
  row: number;
}

/** All of them, or the ones that ran most, in the order of the table. */
function drawnMachines(run: RunData, all: readonly Machine[]): readonly Machine[] {
  if (all.length <= MOST_MACHINES) return all;
  const leases = (m: Machine): number => run.devices.leases[m.row]!;
  return [...all]
    .sort((a, b) => leases(b) - leases(a) || a.row - b.row)
    .slice(0, MOST_MACHINES)
    .sort((a, b) => a.row - b.row);
}

/** GPU indices joined by + as runs of neighbours. */
function runsOf(gpus: string): [number, number][] {
  const list = gpus.split('+').map(Number);
  const out: [number, number][] = [];
  for (const g of list) {
    const last = out[out.length - 1];
    if (last !== undefined && last[0] + last[1] === g) last[1]++;
    else out.push([g, 1]);
  }
  return out;
}

function labelKey(labels: readonly string[]): string {
  if (labels.length < 2 || labels.length > 7) return '';
  return `<ul class="legend">${labels.map((l, i) => `<li><i class="dot c${i % 7}"></i>${html(l)}</li>`).join('')}</ul>`;
}
