/** A run's result as a person reads it. */
import type { ResolvedScenario } from '../scenarios/index.ts';
import type { RunJson } from '../sim/summary.ts';
import { costNotes } from '../sim/world/costs.ts';
import { centsText, moneyRows } from './money-text.ts';

/** Columns of text, first left, the rest right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((r) => r[c]?.length ?? 0)));
  return rows
    .map((r) =>
      `  ${r.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  ')}`.trimEnd(),
    )
    .join('\n');
}

/** Seconds as the largest sensible unit. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${trim(seconds)} s`;
  if (seconds < 7200) return `${trim(seconds / 60)} min`;
  if (seconds < 172800) return `${trim(seconds / 3600)} h`;
  return `${trim(seconds / 86400)} d`;
}

const trim = (x: number): string => String(Math.round(x * 10) / 10);
const group = (n: number): string => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
const percent = (x: number): string => `${(Math.round(x * 1000) / 10).toString()} %`;

function jobLines(r: RunJson): string {
  const j = r.jobs;
  const rows = [
    ['submitted', group(j.submitted), ''],
    ['completed', group(j.completed), share(j.completed, j.submitted)],
    ['failed', group(j.failed), share(j.failed, j.submitted)],
    ['rejected', group(j.rejected), share(j.rejected, j.submitted)],
    ['cancelled', group(j.cancelled), share(j.cancelled, j.submitted)],
    ['still running', group(j.running), share(j.running, j.submitted)],
    ['still waiting', group(j.pending), share(j.pending, j.submitted)],
  ];
  const why = Object.entries(r.rejectedBecause);
  const because = why.length === 0 ? '' : `\n  rejected because: ${why.map(([k, n]) => `${k} ${group(n)}`).join(', ')}`;
  return table(rows) + because;
}

const share = (n: number, of: number): string => (of === 0 ? '' : percent(n / of));

function moneyLines(r: RunJson): string {
  const columns = [r.money, ...(r.moneyJct.charged === '0' ? [] : [r.moneyJct])].map((m) => {
    const { paid, got, held } = moneyRows(m);
    return new Map([...paid, ...got, held].map((row) => [row.name, row.cents]));
  });
  const names = ['users paid', 'subsidy', 'providers', 'stakers', 'aggregators', 'verifiers', 'treasury'];
  names.push('dust', 'held for jobs not over');
  const units = [r.money, r.moneyJct].slice(0, columns.length).map((m) => m.unit.replace(/^micro/, ''));
  return table([
    ['', ...units],
    ...names
      .filter((name) => columns.some((c) => c.has(name)))
      .map((name) => [name, ...columns.map((c) => centsText(c.get(name) ?? 0n))]),
  ]);
}

function networkLines(n: NonNullable<RunJson['network']>): string {
  const hours = (x: number | null): string => (x === null ? 'n/a' : trim(x));
  return table([
    ['partitions', group(n.partitions)],
    ['aggregators’ hosts that went down', group(n.crashes)],
    ['pools taken over by the chain’s order', group(n.takeovers)],
    ['packets sent', group(n.packets.sent)],
    [
      'of these lost, doubled, cut off',
      `${group(n.packets.lost)}, ${group(n.packets.doubled)}, ${group(n.packets.cut)}`,
    ],
    ['times a pool did not answer a user', group(n.edge.retries)],
    ['jobs given to idle pools', group(n.stolen)],
    ['GPU-hours free and not offered', hours(n.ghostGpuHours)],
    ['GPU-hours offered and not there', hours(n.phantomGpuHours)],
  ]);
}

function adversaryLines(a: NonNullable<RunJson['adversaries']>): string {
  return table([
    ['', 'agents', 'acts', 'payoff', 'an agent', 'each of the others'],
    ...Object.entries(a).map(([kind, x]) => [
      x.honest ? `${kind}, honest` : kind,
      group(x.agents),
      group(x.acts),
      x.payoffUsd.toFixed(2),
      x.payoffPerAgentUsd.toFixed(2),
      x.others.payoffPerAgentUsd.toFixed(2),
    ]),
  ]);
}

function disputeLines(d: NonNullable<RunJson['disputes']>): string {
  const usd = (sums: Record<string, string>): string =>
    Object.entries(sums)
      .map(([currency, micro]) => `${(Number(micro) / 1e6).toFixed(2)} ${currency}`)
      .join(', ') || '0';
  return table([
    ['filed', group(d.filed)],
    ['contested', group(d.contested)],
    ['upheld', group(d.upheld)],
    ['rejected', group(d.rejected)],
    ['refused', group(d.refused)],
    ['given back to users', usd(d.returned)],
    ['bonds lost by users', usd(d.usersLost)],
    ['bonds lost by providers', usd(d.providersLost)],
  ]);
}

/** What was put in, by why: what a trace does not say, and what the scenario leaves to a draw. */
export function imputedBecause(scenario: ResolvedScenario, r: RunJson): [string, string[]][] {
  const drawn = costNotes(scenario);
  return [
    ['Imputed, because the trace does not say it', r.economics.imputed.filter((note) => !drawn.includes(note))],
    ['Drawn, as the scenario says', r.economics.imputed.filter((note) => drawn.includes(note))],
  ];
}

export function readable(scenario: ResolvedScenario, r: RunJson, out: string | null, how = 'simulated'): string {
  const q = (name: string, x: RunJson['waitSeconds']) => [
    name,
    duration(x.mean),
    duration(x.p50),
    duration(x.p95),
    duration(x.p99),
  ];
  const prices = Object.entries(r.economics.priceByClass).map(([name, usd]) => [name, usd.toFixed(3)]);
  const parts = [
    `${scenario.name}: ${scenario.question}`,
    `${duration(r.simulatedSeconds)} ${how}, seed ${r.seed}, ${group(r.gpu.count)} GPUs on ${group(scenario.market.nodes.length)} machines`,
    '',
    'Jobs',
    jobLines(r),
    '',
    'Waits and completion',
    table([
      ['', 'mean', 'median', 'p95', 'p99'],
      q('wait until start', r.waitSeconds),
      q('submission to end', r.jctSeconds),
    ]),
    '',
    'GPUs',
    table([
      ['utilisation of what was up', percent(r.gpu.utilisation)],
      ['GPU-hours up', group(Math.round(r.gpu.capacityGpuHours))],
      ['GPU-hours used', group(Math.round(r.gpu.usedGpuHours))],
      ['of these in completed jobs', group(Math.round(r.gpu.usefulGpuHours))],
      [
        r.adversaries?.['leavers'] === undefined
          ? 'machines taken back by owners'
          : 'machines taken back, leavers’ too',
        group(r.failures.ownerReturns),
      ],
      ['machine failures', group(r.failures.node)],
      ...(r.failures.gpu + r.failures.gpuErrors === 0
        ? []
        : [
            ['GPU failures, machines going on', group(r.failures.gpu)],
            ['GPU errors that left it in service', group(r.failures.gpuErrors)],
          ]),
      ['attempts restarted', group(r.failures.restarts)],
    ]),
    '',
    'Prices, mean posted USD per GPU-hour',
    prices.length === 0 ? '  none' : table(prices),
    '',
    'Money',
    moneyLines(r),
  ];
  if (r.economics.welfare !== null) {
    parts.push(
      '',
      'Economics, USD',
      table([
        ['welfare (worth of completed jobs minus cost of GPUs used)', r.economics.welfare.toFixed(2)],
        ['kept by users', (r.economics.userSurplus ?? 0).toFixed(2)],
        ['profit of providers', r.economics.providerProfit.toFixed(2)],
        [
          'paid per useful GPU-hour',
          r.economics.costPerUsefulGpuHour === null ? 'n/a' : r.economics.costPerUsefulGpuHour.toFixed(3),
        ],
      ]),
    );
  }
  if (r.disputes !== undefined) parts.push('', 'Disputes', disputeLines(r.disputes));
  if (r.adversaries !== undefined) parts.push('', 'Adversaries, USD', adversaryLines(r.adversaries));
  if (r.network !== undefined) parts.push('', 'Network', networkLines(r.network));
  for (const [why, notes] of imputedBecause(scenario, r))
    if (notes.length > 0) parts.push('', why, ...notes.map((note) => `  ${note}`));
  parts.push(
    '',
    `${r.invariants.registered} laws checked ${group(r.invariants.checks)} times, ${r.invariants.violations} broken; fingerprint ${r.fingerprint}`,
  );
  if (out !== null) parts.push(`tables, journal and manifest: ${out}`);
  return `${parts.join('\n')}\n`;
}
