/** What not playing by the rules brought: each kind of adversary beside those who play by them, and each agent. */
import { byCodeUnits, type RunData } from './data.ts';
import { amount, group, short } from './numbers.ts';
import { htmlTable, type Section } from './over-time.ts';
import { html } from './svg.ts';

/** Most agents with a row of their own. */
const ROWS = 30;

export const kindNames: Record<string, string> = {
  leavers: 'leavers',
  overbillers: 'overbillers',
  squatters: 'squatters',
  deadRequestors: 'dead requestors',
  ring: 'ring',
};

/** Null where the scenario has no adversaries. */
export function adversarySection(run: RunData): Section | null {
  const kinds = Object.entries(run.result.adversaries ?? {});
  if (kinds.length === 0) return null;
  const code = run.scenario.market.currencies[0]!.code;
  const usd = (x: number): string => amount(Math.round(x * 1e6), code);
  const rows = kinds.map(([kind, a]) => [
    `${kindNames[kind] ?? html(kind)}${a.honest ? ', honest here' : ''}`,
    group(a.agents),
    group(a.acts),
    usd(a.marketUsd),
    usd(a.outsideUsd),
    usd(a.worthUsd),
    usd(a.costUsd),
    usd(a.payoffPerAgentUsd),
    a.others.agents === 0 ? '–' : usd(a.others.payoffPerAgentUsd),
    usd(a.unpaidUsd),
    short(a.idleGpuHours),
  ]);
  const head = [
    'who',
    'agents',
    'acts',
    'market',
    'elsewhere',
    'worth of jobs',
    'cost',
    'payoff of each',
    'of each other',
    'unpaid',
    'idle GPU-hours',
  ];
  const each = kinds
    .flatMap(([kind, a]) => a.each.map((e) => ({ kind, ...e })))
    .sort((x, y) => y.payoffUsd - x.payoffUsd || byCodeUnits(x.agent, y.agent));
  const more = each.length > ROWS ? `<p>${group(each.length - ROWS)} more agents are in run.json.</p>` : '';
  const agents = htmlTable(
    ['agent', 'part', 'acts', 'payoff'],
    each.slice(0, ROWS).map((e) => [html(e.agent), kindNames[e.kind] ?? '', group(e.acts), usd(e.payoffUsd)]),
    [0, 1],
  );
  const ahead = kinds.filter(([, a]) => !a.honest && a.others.agents > 0 && a.overOthersUsd > 0);
  const title =
    ahead.length === 0
      ? 'Nobody who cheated did better than those who did not'
      : `Better off than those who play by the rules: ${ahead.map(([kind]) => kindNames[kind] ?? html(kind)).join(', ')}`;
  const note =
    '<p>Acts: jobs left, leases kept after the work, names used up, machines held back. The others are of the same group or persona, not the same agents: ' +
    'what cheating itself brings is a pair of runs, <code>npx janction payoffs</code>.</p>';
  return { id: 'adversaries', title, html: htmlTable(head, rows) + note + agents + more };
}
