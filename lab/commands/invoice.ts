/** `janction invoice` and `janction statement`: bills and balances of a run, readable, JSON or FOCUS. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatMicro } from '../../core/num/index.ts';
import {
  accountNamed,
  type Books,
  type Invoice,
  type InvoiceCredit,
  invoices,
  type Period,
  readBooks,
  userAccounts,
} from '../books/bills.ts';
import { focusCsv, focusFault, focusRows } from '../books/focus.ts';
import { grouped, groupings, milliUs } from '../books/groups.ts';
import { Finding, UsageError } from '../errors.ts';
import { print } from '../flags.ts';

interface BillFlags {
  from?: number;
  to?: number;
  focus?: boolean;
  json?: boolean;
  by?: (typeof groupings)[number];
}

/** The whole run by default, its last stamp included: up to the next full second. */
function periodOf(b: Books, f: BillFlags): Period {
  const p = { fromUs: f.from ?? 0, toUs: f.to ?? (Math.floor(b.endUs / 1e6) + 1) * 1e6 };
  if (p.fromUs >= p.toUs)
    throw new UsageError(
      `the period from ${p.fromUs / 1e6} s to ${p.toUs / 1e6} s ends before it begins; give a later --to`,
    );
  return p;
}

const creditJson = (c: InvoiceCredit): object => ({
  job: c.job,
  attempt: c.attempt,
  reason: c.reason,
  ...(c.verdict === null ? {} : { dispute: c.verdict }),
  bookedUs: c.bookedUs,
  amount: c.amount.toString(),
});

function invoiceJson(i: Invoice): object {
  return {
    invoice: i.id,
    account: i.account,
    unit: `micro${i.currency}`,
    period: { fromUs: i.period.fromUs, toUs: i.period.toUs },
    opening: i.opening.toString(),
    deposits: i.deposits.toString(),
    refunds: i.refunds.toString(),
    total: i.total.toString(),
    closing: i.closing.toString(),
    held: i.held.toString(),
    owed: i.owed.toString(),
    disputed: i.disputed.toString(),
    credits: i.credits.map(creditJson),
    lines: i.lines.map((l) => ({
      job: l.job,
      attempt: l.attempt,
      workload: l.workload,
      pool: l.pool,
      outcome: l.outcome,
      ...(l.verdict === null ? {} : { dispute: l.verdict }),
      bookedUs: l.bookedUs,
      charge: l.charge.toString(),
      use: l.use.map((u) => ({
        gpuClass: u.gpuClass,
        node: u.node,
        milliGpu: u.milli,
        startUs: u.startUs,
        endUs: u.endUs,
        rateMicroPerGpuHour: u.rateMicro,
        charge: u.charge.toString(),
      })),
    })),
  };
}

const money = (v: bigint, currency: string) => `${formatMicro(v)} ${currency}`;
const hours = (milliUs: bigint) => (Number(milliUs / 1000n) / 3.6e9).toFixed(4);
const clock = (us: number) => {
  const s = Math.floor(us / 1e6);
  const p = (n: number) => String(n).padStart(2, '0');
  return `day ${Math.floor(s / 86_400)} ${p(Math.floor(s / 3600) % 24)}:${p(Math.floor(s / 60) % 60)}:${p(s % 60)}`;
};

/** Columns of text, those of numbers to the right. */
function columns(rows: readonly (readonly string[])[], right: readonly number[]): string {
  const widths = rows[0]!.map((_, k) => Math.max(...rows.map((r) => r[k]!.length)));
  return rows
    .map((r) =>
      `  ${r.map((c, k) => (right.includes(k) ? c.padStart(widths[k]!) : c.padEnd(widths[k]!))).join('  ')}`.trimEnd(),
    )
    .join('\n');
}

const jobName = (x: { job: number; attempt: number }): string =>
  `job ${x.job}${x.attempt > 1 ? ` (attempt ${x.attempt})` : ''}`;
/** "bond-lost", or with a dispute's verdict "bond-lost: found-right (part 0, farm-011)". */
const because = (reason: string, v: InvoiceCredit['verdict']): string =>
  v === null ? reason : `${reason}: ${v.reason} (part ${v.part}, ${v.provider})`;

function readableInvoice(i: Invoice): string {
  const rows = i.lines.map((l) => [
    jobName(l),
    l.workload,
    clock(l.bookedUs),
    [...new Set(l.use.map((u) => u.gpuClass))].join('+'),
    l.verdict === null ? hours(l.use.reduce((s, u) => s + milliUs(u), 0n)) : '',
    [...new Set(l.use.map((u) => formatMicro(BigInt(u.rateMicro))))].join('+'),
    because(l.outcome, l.verdict),
    formatMicro(l.charge),
  ]);
  const header = ['', 'workload', 'booked', 'class', 'GPU-hours', 'rate per GPU-hour', 'ended', i.currency];
  const back = i.credits.map((c) => [
    jobName(c),
    clock(c.bookedUs),
    because(c.reason, c.verdict),
    formatMicro(c.amount),
  ]);
  return `Invoice ${i.id}
  account   ${i.account}
  period    ${clock(i.period.fromUs)} to ${clock(i.period.toUs)} (the end belongs to the next)
${rows.length === 0 ? '  nothing was charged' : columns([header, ...rows], [4, 5, 7])}${back.length === 0 ? '' : `\n\n${columns([['given back', 'booked', 'why', i.currency], ...back], [3])}`}

  opening balance ${money(i.opening, i.currency)}
  deposits        ${money(i.deposits, i.currency)}${i.refunds > 0n ? `\n  given back      ${money(i.refunds, i.currency)}` : ''}
  charged         ${money(i.total + i.refunds, i.currency)}
  closing balance ${money(i.closing, i.currency)}${i.held > 0n ? `\n  of which reserved for jobs that wait or run: ${money(i.held, i.currency)}` : ''}${i.owed > 0n ? `\n  charged and not paid: ${money(i.owed, i.currency)}` : ''}${i.disputed > 0n ? `\n  disputed and not decided: ${money(i.disputed, i.currency)}` : ''}
`;
}

export async function invoiceCommand(dir: string, name: string, f: BillFlags): Promise<string> {
  const b = await readBooks(dir);
  const list = invoices(b, accountNamed(b, name), periodOf(b, f));
  if (f.focus === true) return focusText(b, list, f.json === true);
  return f.json === true
    ? `${JSON.stringify({ schema: 'janction.invoice/1', scenario: b.scenario, seed: b.seed, invoices: list.map(invoiceJson) })}\n`
    : list.map(readableInvoice).join('\n');
}

function focusText(b: Books, list: readonly Invoice[], json: boolean): string {
  const rows = focusRows(b, list);
  const fault = focusFault(rows, new Map(list.map((i) => [i.id, i.total])));
  if (fault !== null) throw new Finding(`the rows break an invariant of FOCUS: ${fault}`);
  return json ? `${JSON.stringify(rows)}\n` : focusCsv(rows);
}

const parties = [
  'user',
  'escrow',
  'revenue',
  'provider',
  'deposit',
  'staker',
  'aggregator',
  'verifier',
  'treasury',
  'dust',
  'subsidy',
  'world',
] as const;

export async function statementCommand(dir: string, f: BillFlags): Promise<string> {
  const b = await readBooks(dir);
  const period = periodOf(b, f);
  const all = userAccounts(b).flatMap((a) => invoices(b, a, period));
  if (f.focus === true) return focusText(b, all, f.json === true);
  const currencies = [...new Set(b.balances.map((x) => x.currency))];
  const tables = currencies.map((currency) => {
    const mine = b.balances.filter((x) => x.currency === currency);
    const sums = parties.flatMap((p) => {
      const of = mine.filter((x) => x.account === p || x.account.startsWith(`${p}:`));
      return of.length === 0
        ? []
        : [
            {
              party: p as string,
              accounts: of.length,
              balance: of.reduce((s, x) => s + x.posted, 0n),
              held: of.reduce((s, x) => s + x.heldOut, 0n),
            },
          ];
    });
    const others = mine.filter((x) => !parties.some((p) => x.account === p || x.account.startsWith(`${p}:`)));
    for (const o of others) sums.push({ party: o.account, accounts: 1, balance: o.posted, held: o.heldOut });
    const own = all.filter((i) => i.currency === currency);
    const invoiced = own.reduce((s, i) => s + i.total, 0n);
    const credits = own.flatMap((i) => i.credits.map((credit) => ({ account: i.account, credit })));
    const groups = f.by === undefined ? null : grouped(b, f.by, currency);
    return {
      currency,
      sums,
      invoiced,
      credits,
      charged: b.charged.get(currency) ?? null,
      sumOfAll: mine.reduce((s, x) => s + x.posted, 0n),
      groups,
    };
  });
  if (f.json === true) {
    return `${JSON.stringify({
      schema: 'janction.statement/1',
      scenario: b.scenario,
      seed: b.seed,
      period,
      currencies: tables.map((t) => ({
        unit: `micro${t.currency}`,
        parties: t.sums.map((s) => ({
          party: s.party,
          accounts: s.accounts,
          balance: s.balance.toString(),
          held: s.held.toString(),
        })),
        sumOfBalances: t.sumOfAll.toString(),
        invoiced: t.invoiced.toString(),
        charged: t.charged,
        credits: t.credits.map(({ account, credit }) => ({ account, ...creditJson(credit) })),
        ...(t.groups === null
          ? {}
          : {
              by: f.by,
              groups: t.groups.map((g) => ({
                name: g.name,
                jobs: g.jobs,
                attempts: g.attempts,
                paidGpuHours: Number(hours(g.paidMilliUs)),
                usefulGpuHours: Number(hours(g.usefulMilliUs)),
                wastedGpuHours: Number(hours(g.wastedMilliUs)),
                charged: g.charged.toString(),
              })),
            }),
      })),
      accounts: b.balances.map((x) => ({
        account: x.account,
        currency: x.currency,
        balance: x.posted.toString(),
        held: x.heldOut.toString(),
      })),
    })}\n`;
  }
  const lines = [`${b.scenario}, seed ${b.seed}: balances at ${clock(b.endUs)}`];
  for (const t of tables) {
    if (t.sums.every((s) => s.balance === 0n && s.held === 0n)) continue;
    lines.push(`  ${t.currency}`);
    const width = Math.max(...t.sums.map((s) => s.party.length));
    for (const s of t.sums)
      lines.push(
        `    ${s.party.padEnd(width)}  ${String(s.accounts).padStart(5)} accounts  ${formatMicro(s.balance).padStart(18)}${s.held > 0n ? `  (${formatMicro(s.held)} held)` : ''}`,
      );
    lines.push(`    all balances add up to ${formatMicro(t.sumOfAll)}; users were invoiced ${formatMicro(t.invoiced)}`);
    const back = new Map<string, { rows: number; amount: bigint }>();
    for (const { credit: c } of t.credits) {
      const known = back.get(c.reason) ?? { rows: 0, amount: 0n };
      back.set(c.reason, { rows: known.rows + 1, amount: known.amount + c.amount });
    }
    for (const [reason, { rows, amount }] of back)
      lines.push(`    given back, ${reason}: ${formatMicro(amount)} in ${rows} row${rows === 1 ? '' : 's'}`);
    if (t.groups !== null) {
      const w = Math.max(8, ...t.groups.map((g) => g.name.length));
      lines.push(
        `    ${`by ${f.by}`.padEnd(w)}  ${'jobs'.padStart(6)}  ${'GPU-hours paid'.padStart(14)}  ${'useful'.padStart(10)}  ${'wasted'.padStart(10)}  ${'charged'.padStart(16)}`,
      );
      for (const g of t.groups)
        lines.push(
          `    ${g.name.padEnd(w)}  ${String(g.jobs).padStart(6)}  ${hours(g.paidMilliUs).padStart(14)}  ${hours(g.usefulMilliUs).padStart(10)}  ${hours(g.wastedMilliUs).padStart(10)}  ${formatMicro(g.charged).padStart(16)}`,
        );
    }
  }
  return `${lines.join('\n')}\n`;
}

const seconds = (text: string): number => {
  const us = Math.round(Number(text) * 1e6);
  if (!/^\d+(\.\d{1,6})?$/.test(text) || !Number.isSafeInteger(us))
    throw new InvalidArgumentError('want seconds of run time, for example 3600');
  return us;
};

export function addInvoice(program: Command): void {
  const period = (c: Command) =>
    c
      .addOption(new Option('--from <seconds>', 'begin of the period, in run time').argParser(seconds))
      .addOption(
        new Option('--to <seconds>', 'end of the period; what is booked then belongs to the next').argParser(seconds),
      )
      .option('--focus', 'rows of the FinOps FOCUS specification (CSV, or JSON with --json)')
      .option('--json', 'print one JSON document instead of text');
  period(
    program
      .command('invoice')
      .description('an account’s bill, job by job')
      .argument('<rundir>', 'directory written by run --out or execute')
      .argument('<account>', 'a user, or a full account name such as provider:farm-001'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  janction invoice runs/q7 film-1\n  janction invoice runs/q7 film-1 --from 0 --to 43200 --json',
    )
    .action(async (dir: string, account: string, f: BillFlags) => print(await invoiceCommand(dir, account, f)));
  period(
    program
      .command('statement')
      .description('balances of all parties, and where the money and the GPU-hours went')
      .argument('<rundir>', 'directory written by run --out or execute'),
  )
    .addOption(new Option('--by <what>', 'also divide use and charges').choices([...groupings]))
    .addHelpText(
      'after',
      '\nExamples:\n  janction statement runs/q7 --by workload\n  janction statement runs/q7 --focus > focus.csv',
    )
    .action(async (dir: string, f: BillFlags) => print(await statementCommand(dir, f)));
}
