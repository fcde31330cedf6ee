/** Where the money came from and went to. */
import { type SankeyLink, type SankeyNode, sankey, sankeyJustify, sankeyLinkHorizontal } from 'd3-sankey';
import { centsText, type MoneyRow, moneyRows } from '../money-text.ts';
import { byCodeUnits, type RunData } from './data.ts';
import { amount, percent, short } from './numbers.ts';
import { figure, htmlTable, type Section } from './over-time.ts';
import { bars, clip, html, px, svg, twice } from './svg.ts';

interface Party {
  name: string;
  column: number;
  color: number;
}
interface Flow {
  source: number;
  target: number;
  value: number;
}
type Box = SankeyNode<Party, Flow>;

const MOST_KINDS = 8;

/** Flows of one currency: kinds of jobs -> pools -> parties. Micro-units. */
function flows(run: RunData, currency: string): { parties: Party[]; flows: Flow[]; byGroup: Map<string, number> } {
  const { jobs, placements: p, accounts: a } = run;
  const parties: Party[] = [];
  const index = new Map<string, number>();
  const party = (column: number, name: string, color: number): number => {
    const key = `${column} ${name}`;
    let i = index.get(key);
    if (i === undefined) {
      i = parties.length;
      parties.push({ name, column, color });
      index.set(key, i);
    }
    return i;
  };
  const sums = new Map<string, { source: number; target: number; value: number }>();
  const add = (source: number, target: number, value: number): void => {
    if (value <= 0) return;
    const key = `${source} ${target}`;
    const f = sums.get(key) ?? { source, target, value: 0 };
    f.value += value;
    sums.set(key, f);
  };
  const label = new Map<number, string>();
  const paid = new Map<string, number>();
  for (let i = 0; i < jobs.rows; i++) label.set(jobs.job_id[i]!, jobs.workload_name[i]!);
  for (let i = 0; i < p.rows; i++) {
    const name = label.get(p.job_id[i]!) ?? 'jobs not over';
    paid.set(name, (paid.get(name) ?? 0) + p.charge_micro[i]!);
  }
  const large = new Set(
    [...paid]
      .sort((x, y) => y[1] - x[1] || byCodeUnits(x[0], y[0]))
      .slice(0, MOST_KINDS)
      .map(([name]) => name),
  );
  const earned = new Map<string, number>();
  for (let i = 0; i < p.rows; i++) {
    if (p.currency[i] !== currency || p.charge_micro[i]! <= 0) continue;
    const name = label.get(p.job_id[i]!) ?? 'jobs not over';
    add(party(0, large.has(name) ? name : 'other kinds', 0), party(1, `pool ${p.pool[i]!}`, 6), p.charge_micro[i]!);
    const key = `${p.pool[i]!}\n${run.groupOf.get(p.node[i]!) ?? p.provider[i]!}`;
    earned.set(key, (earned.get(key) ?? 0) + p.charge_micro[i]!);
  }
  // What each party has in the end; a pool's part of it follows what its machines earned.
  const net = new Map<string, number>();
  const byGroup = new Map<string, number>();
  const groupOfProvider = new Map<string, string>();
  for (let i = 0; i < run.devices.rows; i++)
    groupOfProvider.set(run.devices.provider[i]!, run.groupOf.get(run.devices.node[i]!) ?? run.devices.provider[i]!);
  for (let i = 0; i < a.rows; i++) {
    if (a.currency[i] !== currency) continue;
    const [kind, who] = a.account[i]!.split(/:(.*)/s) as [string, string | undefined];
    const value = a.credits_posted_micro[i]! - a.debits_posted_micro[i]!;
    if (kind === 'provider') {
      const g = groupOfProvider.get(who ?? '') ?? who ?? '';
      byGroup.set(g, (byGroup.get(g) ?? 0) + value);
    } else net.set(kind, (net.get(kind) ?? 0) + value);
  }
  let total = 0;
  for (const v of earned.values()) total += v;
  const pools = new Map<string, number>();
  for (const [key, v] of earned) {
    const pool = key.split('\n')[0]!;
    pools.set(pool, (pools.get(pool) ?? 0) + v);
  }
  const groupEarned = new Map<string, number>();
  for (const [key, v] of earned) {
    const g = key.split('\n')[1]!;
    groupEarned.set(g, (groupEarned.get(g) ?? 0) + v);
  }
  for (const [key, v] of earned) {
    const [pool, g] = key.split('\n') as [string, string];
    const whole = groupEarned.get(g)!;
    if (whole > 0)
      add(party(1, `pool ${pool}`, 6), party(2, `providers: ${g}`, 2), (byGroup.get(g) ?? 0) * (v / whole));
  }
  const others: [string, string, number][] = [
    ['staker', 'stakers', 4],
    ['aggregator', 'aggregators', 5],
    ['verifiers', 'verifiers', 3],
    ['treasury', 'treasury', 1],
    ['dust', 'dust', 7],
  ];
  for (const [pool, v] of pools)
    for (const [kind, name, color] of others)
      if (total > 0 && (net.get(kind) ?? 0) > 0)
        add(party(1, `pool ${pool}`, 6), party(2, name, color), net.get(kind)! * (v / total));
  return { parties, flows: [...sums.values()], byGroup };
}

export function moneySection(run: RunData): Section {
  const money = run.result.money;
  const charged = Number(money.charged);
  const codes = run.scenario.market.currencies.map((c) => c.code);
  const parts: string[] = [];
  for (const code of codes) {
    const drawn = draw(run, code);
    if (drawn !== '') parts.push(figure(`Money flow, ${code}`, drawn));
  }
  const table = (m: typeof money, code: string): string[][] => {
    const { paid, got, held } = moneyRows(m);
    const whole = paid.reduce((n, r) => n + Number(r.micro), 0);
    const text = (r: MoneyRow): string => `${centsText(r.cents)} ${code}`;
    return [
      ...paid.map((r) => [r.name, text(r), '']),
      ...got
        .filter((r) => r.micro !== 0n)
        .map((r) => [r.name, text(r), whole === 0 ? '–' : percent(Number(r.micro) / whole)]),
      ...[held].filter((r) => r.micro !== 0n).map((r) => [r.name, text(r), '']),
    ];
  };
  parts.push(htmlTable(['', codes[0]!, 'share'], table(money, codes[0]!)));
  if (run.result.moneyJct.charged !== '0')
    parts.push(htmlTable(['', codes[1]!, 'share'], table(run.result.moneyJct, codes[1]!)));
  return {
    id: 'money',
    title:
      charged === 0
        ? 'No money moved'
        : `Users paid ${amount(charged, codes[0]!)}; ${percent(Number(money.providers) / charged)} of it reached the providers`,
    html: parts.join(''),
  };
}

function draw(run: RunData, code: string): string {
  const { parties, flows: list } = flows(run, code);
  if (list.length === 0) return '';
  return twice((width, suffix) => flowChart(`flow-${code}${suffix}`, parties, list, code, width));
}

function flowChart(id: string, parties: readonly Party[], list: readonly Flow[], code: string, width: number): string {
  const small = width < 600;
  const rows = Math.max(...[0, 1, 2].map((c) => parties.filter((p) => p.column === c).length));
  const height = Math.max(220, rows * 40);
  const graph = sankey<Party, Flow>()
    .nodeAlign(sankeyJustify)
    .nodeWidth(12)
    .nodePadding(16)
    .extent([
      [small ? 96 : 150, 8],
      [width - (small ? 128 : 200), height - 8],
    ])
    .nodeSort((x, y) => (y.value ?? 0) - (x.value ?? 0) || byCodeUnits(x.name, y.name))({
    nodes: parties.map((p) => ({ ...p })),
    links: list.map((f) => ({ ...f })),
  });
  const path = sankeyLinkHorizontal<Party, Flow>();
  const links = graph.links.map((l: SankeyLink<Party, Flow>) => {
    const source = l.source as Box;
    const target = l.target as Box;
    const d = (path(l) ?? '').replace(/-?\d+\.\d+/g, (n) => px(Number(n)));
    return `<path class="flow c${source.column === 0 ? source.color : target.color}" d="${d}" stroke-width="${px(Math.max(1, l.width ?? 1))}"><title>${html(`${source.name} to ${target.name}: ${amount(l.value, code)}`)}</title></path>`;
  });
  const nodes = graph.nodes.map((n) => {
    const middle = ((n.y0 ?? 0) + (n.y1 ?? 0)) / 2;
    const left = n.column === 0;
    const name = small ? clip(n.name.replace('providers: ', ''), n.column === 0 ? 9 : 14) : clip(n.name, 26);
    const text = n.column === 1 && small ? name : `${name} ${short((n.value ?? 0) / 1e6)}`;
    const label =
      n.column === 1
        ? `<text class="name halo" x="${px((n.x1 ?? 0) + 5)}" y="${px(middle)}" dy="0.35em">${html(text)}</text>`
        : `<text class="name" x="${px(left ? (n.x0 ?? 0) - 6 : (n.x1 ?? 0) + 6)}" y="${px(middle)}" dy="0.35em" text-anchor="${left ? 'end' : 'start'}">${html(text)}</text>`;
    return `<rect class="bar c${n.color}" x="${px(n.x0 ?? 0)}" y="${px(n.y0 ?? 0)}" width="12" height="${px(Math.max(1, (n.y1 ?? 0) - (n.y0 ?? 0)))}"><title>${html(`${n.name}: ${amount(n.value ?? 0, code)}`)}</title></rect>${label}`;
  });
  return svg(
    id,
    `Money flow in ${code}`,
    `From kinds of jobs through pools to parties: ${graph.nodes.map((n) => `${n.name} ${amount(n.value ?? 0, code)}`).join(', ')}.`,
    width,
    height,
    links.join('') + nodes.join(''),
  );
}

interface Earnings {
  machines: number;
  gpus: number;
  up: number;
  busy: number;
  revenue: number;
  cost: number;
}

/** Revenue by fleet group: who earns what with which use. */
export function revenueSection(run: RunData): Section {
  const { devices: d, scenario } = run;
  const code = scenario.market.currencies[0]!.code;
  const { byGroup } = flows(run, code);
  const costOf = new Map(scenario.market.nodes.map((n, i) => [n.id, scenario.nodes[i]!.costMicroPerGpuHour]));
  const groups = new Map<string, Earnings & { classes: Set<string> }>();
  for (let i = 0; i < d.rows; i++) {
    const name = run.groupOf.get(d.node[i]!) ?? d.provider[i]!;
    const g = groups.get(name) ?? {
      machines: 0,
      gpus: 0,
      up: 0,
      busy: 0,
      revenue: 0,
      cost: 0,
      classes: new Set<string>(),
    };
    groups.set(name, g);
    g.machines++;
    g.gpus += d.gpus[i]!;
    g.up += (d.gpus[i]! * d.up_us[i]! - d.gpu_out_us[i]!) / 3.6e9;
    g.busy += d.busy_milli_us[i]! / 3.6e12;
    g.cost += (d.busy_milli_us[i]! / 3.6e12) * (costOf.get(d.node[i]!) ?? 0);
    g.classes.add(d.gpu_class[i]!);
  }
  for (const [name, g] of groups) g.revenue = byGroup.get(name) ?? 0;
  const list = [...groups].sort((a, b) => b[1].revenue - a[1].revenue || byCodeUnits(a[0], b[0]));
  const perHour = (g: Earnings): number => (g.up === 0 ? 0 : g.revenue / 1e6 / g.up);
  const best = list.reduce((a, b) => (perHour(b[1]) > perHour(a[1]) ? b : a));
  const chart = bars(
    'revenue-bars',
    'Revenue by group of providers',
    list.map(([name, g]) => `${name} ${amount(g.revenue, code)}`).join(', '),
    list.slice(0, 16).map(([name, g]) => ({
      name,
      parts: [{ value: Math.max(0, g.revenue), color: 2, about: `${name}: ${amount(g.revenue, code)}` }],
      note: `${amount(g.revenue, code)}, ${percent(g.up === 0 ? 0 : g.busy / g.up)} busy`,
    })),
  );
  const rows = list.map(([name, g]) => [
    html(name),
    html([...g.classes].join(', ')),
    String(g.machines),
    String(g.gpus),
    percent(g.up === 0 ? 0 : g.busy / g.up),
    amount(g.revenue, code),
    short(perHour(g)),
    amount(g.cost, code),
    amount(g.revenue - g.cost, code),
  ]);
  return {
    id: 'revenue',
    title:
      list.length === 1
        ? `${html(best[0])} earned ${amount(best[1].revenue, code)}, ${short(perHour(best[1]))} ${code} per GPU-hour up`
        : `${html(best[0])} earned most per GPU-hour up: ${short(perHour(best[1]))} ${code}`,
    html:
      figure('Revenue of providers', chart) +
      htmlTable(
        ['group', 'GPU class', 'machines', 'GPUs', 'busy', 'revenue', `${code} per GPU-hour up`, 'own cost', 'profit'],
        rows,
        [0, 1],
      ),
  };
}
