/** `janction costs`: paid against used against wasted GPU-hours, idle and stranded capacity, electricity, attribution, budgets with alerts. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatMicro, parseDecimal } from '../../core/num/index.ts';
import { type Books, readBooks } from '../books/bills.ts';
import { type Alert, alerts, type Budget, type Efficiency, efficiency } from '../books/costs.ts';
import { type Group, type Grouping, grouped, groupings } from '../books/groups.ts';
import { type KeptBudget, keptBudgets, keptLines } from '../books/kept-budgets.ts';
import { Finding, UsageError } from '../errors.ts';
import { print } from '../flags.ts';

interface CostFlags {
  by?: Grouping;
  budget?: Budget[];
  alert: number[];
  json?: boolean;
}

const GPU_HOUR = 3_600_000_000_000;
const hours = (milliUs: bigint): number => Math.round((Number(milliUs) / GPU_HOUR) * 1e6) / 1e6;
const shown = (milliUs: bigint): string => (Number(milliUs) / GPU_HOUR).toFixed(2);
const share = (part: bigint, whole: bigint): string =>
  whole === 0n ? '' : `${((100 * Number(part)) / Number(whole)).toFixed(1)} %`;

/** user:lab-1=50, workload:film=200USD, pool=main ... */
function budget(text: string, before: Budget[] | undefined): Budget[] {
  const m = /^(?:(user|workload|pool):)?([^=]+)=(\d+(?:\.\d{1,6})?) ?(USD|JCT)?$/.exec(text);
  if (m === null)
    throw new InvalidArgumentError(
      'want NAME=AMOUNT of a user, or workload:NAME=AMOUNT or pool:NAME=AMOUNT, such as lab-1=50',
    );
  const amount = parseDecimal(m[3]!, 6);
  if (amount === 0n) throw new InvalidArgumentError('a budget of nothing; give an amount above zero');
  const b: Budget = { kind: (m[1] ?? 'user') as Budget['kind'], name: m[2]!, currency: m[4] ?? 'USD', amount };
  return [...(before ?? []), b];
}

const percents = (text: string): number[] =>
  text.split(',').map((t) => {
    const n = Number(t);
    if (!Number.isInteger(n) || n < 1 || n > 1000)
      throw new InvalidArgumentError('want whole per cent of the budget, for example 50,80,100');
    return n;
  });

/** Refuses a budget of somebody who is not there. */
function checkNames(b: Books, budgets: readonly Budget[]): void {
  for (const { kind, name } of budgets) {
    const known =
      kind === 'user'
        ? b.resolved.market.users.map((u) => u.id)
        : kind === 'pool'
          ? b.resolved.market.pools.map((p) => p.id)
          : [...new Set([...b.jobs.values()].map((j) => j.workload))];
    if (!known.includes(name))
      throw new UsageError(
        `--budget: no ${kind} "${name}" in this run; there are ${known.slice(0, 5).join(', ')}${known.length > 5 ? ', …' : ''}`,
      );
  }
}

function toJson(
  b: Books,
  e: Efficiency,
  groups: Group[] | null,
  found: Alert[],
  kept: readonly KeptBudget[],
  by: Grouping | undefined,
): object {
  return {
    schema: 'janction.costs/1',
    scenario: b.scenario,
    seed: b.seed,
    gpuHours: {
      up: hours(e.up),
      used: hours(e.used),
      idle: hours(e.up - e.used),
      stranded: e.stranded === null ? null : hours(e.stranded),
      paid: hours(e.paid),
      useful: hours(e.useful),
      wasted: Object.fromEntries(e.wasted.map(([o, v]) => [o, hours(v)])),
      open: hours(e.open),
    },
    unit: 'microUSD',
    idleForgone: e.classes.reduce((s, c) => s + c.forgone, 0n).toString(),
    strandedForgone: e.strandedForgone?.toString() ?? null,
    classes: e.classes.map((c) => ({
      gpuClass: c.gpuClass,
      gpus: c.gpus,
      upGpuHours: hours(c.up),
      usedGpuHours: hours(c.used),
      meanRateMicroPerGpuHour: c.rateMicro,
      idleForgone: c.forgone.toString(),
      providersCost: c.cost.toString(),
      energyCost: c.energyCost.toString(),
      energyKWh: Math.round(Number(c.milliWattHours) / 1000) / 1000,
    })),
    ...(groups === null
      ? {}
      : {
          by,
          groups: groups.map((g) => ({
            name: g.name,
            jobs: g.jobs,
            paidGpuHours: hours(g.paidMilliUs),
            usefulGpuHours: hours(g.usefulMilliUs),
            wastedGpuHours: hours(g.wastedMilliUs),
            charged: g.charged.toString(),
          })),
        }),
    budgets: found.map((a) => ({
      kind: a.budget.kind,
      name: a.budget.name,
      unit: `micro${a.budget.currency}`,
      amount: a.budget.amount.toString(),
      spent: a.spent.toString(),
      alerts: a.reached.map(([percent, atUs]) => ({ percent, atUs })),
    })),
    ...(kept.length === 0 ? {} : { keptBudgets: kept }),
  };
}

function readable(b: Books, e: Efficiency, groups: Group[] | null, found: Alert[], by: Grouping | undefined): string {
  const row = (name: string, v: bigint, whole: bigint, note = '') =>
    `  ${name.padEnd(26)} ${shown(v).padStart(14)}  ${share(v, whole).padStart(8)}${note === '' ? '' : `  ${note}`}`;
  const forgone = e.classes.reduce((s, c) => s + c.forgone, 0n);
  const lines = [
    `${b.scenario}, seed ${b.seed}: GPU-hours and what they cost`,
    row('up', e.up, e.up),
    row('used', e.used, e.up),
    row('idle', e.up - e.used, e.up, `${formatMicro(forgone)} USD at the mean posted rates`),
    ...(e.stranded === null
      ? []
      : [
          row(
            '  while jobs waited',
            e.stranded,
            e.up,
            `${formatMicro(e.strandedForgone ?? 0n)} USD (from the samples)`,
          ),
        ]),
    row('paid', e.paid, e.used, 'of what was used'),
    row('useful', e.useful, e.used, 'inside attempts that completed'),
    ...e.wasted.map(([o, v]) => row(`wasted: ${o}`, v, e.used)),
    row('still running', e.open, e.used),
    '',
    `  ${'class'.padEnd(14)} ${'GPUs'.padStart(6)} ${'up'.padStart(12)} ${'used'.padStart(12)} ${'rate'.padStart(10)} ${'cost of use'.padStart(14)} ${'electricity'.padStart(14)} ${'kWh'.padStart(10)}`,
    ...e.classes.map(
      (c) =>
        `  ${c.gpuClass.padEnd(14)} ${String(c.gpus).padStart(6)} ${shown(c.up).padStart(12)} ${shown(c.used).padStart(12)} ${(c.rateMicro < 0 ? '-' : formatMicro(BigInt(c.rateMicro))).padStart(10)} ${formatMicro(c.cost).padStart(14)} ${formatMicro(c.energyCost).padStart(14)} ${(Number(c.milliWattHours) / 1e6).toFixed(3).padStart(10)}`,
    ),
  ];
  if (groups !== null) {
    const w = Math.max(8, ...groups.map((g) => g.name.length));
    lines.push(
      '',
      `  ${`by ${by}`.padEnd(w)}  ${'jobs'.padStart(6)}  ${'paid'.padStart(10)}  ${'useful'.padStart(10)}  ${'wasted'.padStart(10)}  ${'charged'.padStart(16)}`,
    );
    for (const g of groups)
      lines.push(
        `  ${g.name.padEnd(w)}  ${String(g.jobs).padStart(6)}  ${shown(g.paidMilliUs).padStart(10)}  ${shown(g.usefulMilliUs).padStart(10)}  ${shown(g.wastedMilliUs).padStart(10)}  ${formatMicro(g.charged).padStart(16)}`,
      );
  }
  for (const a of found) {
    const { kind, name, amount, currency } = a.budget;
    lines.push('', `  budget of ${kind} ${name}: ${formatMicro(a.spent)} of ${formatMicro(amount)} ${currency}`);
    for (const [percent, atUs] of a.reached)
      if (atUs >= 0) lines.push(`    ${percent} % reached after ${(atUs / 3.6e9).toFixed(2)} hours`);
  }
  return `${lines.join('\n')}\n`;
}

export function addCosts(program: Command): void {
  program
    .command('costs')
    .description('where the GPU-hours and the money went: paid, used, wasted, idle, electricity, budgets')
    .argument('<rundir>', 'directory written by run --out or execute')
    .addOption(new Option('--by <what>', 'also divide use and charges').choices([...groupings]))
    .addOption(
      new Option(
        '--budget <name=amount>',
        'budget of a user, workload:NAME or pool:NAME to report on; exit 1 when it is exceeded (repeatable)',
      ).argParser(budget),
    )
    .addOption(
      new Option('--alert <percents>', 'parts of a budget to report')
        .argParser(percents)
        .default([50, 80, 100], '50,80,100'),
    )
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      '\nExamples:\n  janction costs runs/q7 --by workload\n  janction costs runs/q7 --budget film-1=50 --budget workload:images=200 --alert 80,100\n\nBudgets that the market keeps while it runs are the scenario’s: billing.budgets.',
    )
    .action(async (dir: string, f: CostFlags) => {
      const b = await readBooks(dir);
      checkNames(b, f.budget ?? []);
      const e = await efficiency(dir, b);
      const groups = f.by === undefined ? null : grouped(b, f.by, b.resolved.market.currencies[0]!.code);
      const found = alerts(b, f.budget ?? [], f.alert);
      const kept = await keptBudgets(dir);
      print(
        f.json === true
          ? `${JSON.stringify(toJson(b, e, groups, found, kept, f.by))}\n`
          : `${[readable(b, e, groups, found, f.by).trimEnd(), ...keptLines(kept)].join('\n')}\n`,
      );
      if (found.some((a) => a.spent > a.budget.amount)) throw new Finding('');
    });
}
