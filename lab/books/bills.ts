/** Bills from a run's tables: what a user was charged, job by job, and what every account holds. Exact integers throughout. */
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { UsageError } from '../errors.ts';
import type { TableData } from '../rundir/parquet.ts';
import { readManifest, readRunTable, scenarioOf } from '../rundir/reader.ts';

export interface Movement {
  id: number;
  timeUs: number;
  kind: string;
  debit: string;
  credit: string;
  currency: string;
  amount: bigint;
  pending: number;
  job: number;
  attempt: number;
  reason: string;
}

/** Metered use of one part of an attempt. */
export interface Use {
  lease: number;
  job: number;
  attempt: number;
  pool: string;
  node: string;
  provider: string;
  gpuClass: string;
  milli: number;
  rateMicro: number;
  startUs: number;
  endUs: number;
  outcome: string;
  currency: string;
  charge: bigint;
}

export interface JobBill {
  job: number;
  workload: string;
  user: string;
  pool: string;
  state: string;
  quoteId: number;
  currency: string;
  charged: bigint;
}

/** The end of a dispute about one part of an attempt. */
export interface Verdict {
  timeUs: number;
  lease: number;
  job: number;
  attempt: number;
  part: number;
  provider: string;
  event: string;
  /** By which rule. */
  reason: string;
  currency: string;
  amount: bigint;
  /** Lost by the user where it is rejected, by the provider where it is upheld. */
  bond: bigint;
  providerBond: bigint;
}

export interface Books {
  scenario: string;
  seed: number;
  endUs: number;
  movements: Movement[];
  uses: Use[];
  jobs: Map<number, JobBill>;
  balances: { account: string; currency: string; posted: bigint; heldOut: bigint; heldIn: bigint }[];
  /** What is owed or was otherwise not paid as charged. */
  adjustments: { timeUs: number; kind: string; user: string; currency: string; amount: bigint }[];
  /** How disputes about charges were decided, in order. */
  verdicts: Verdict[];
  /** Account that pays for a job. */
  payers: Map<number, string>;
  /** By currency: what users were charged, with what the run does not count as settled yet (paid for jobs that run, or open to dispute). */
  charged: Map<string, string>;
  /** What was simulated or executed. */
  resolved: ResolvedScenario;
}

const text = (t: TableData, c: string) => t.columns[c] as string[];
const int = (t: TableData, c: string) => Array.from(t.columns[c] as bigint[], Number);
const big = (t: TableData, c: string) => t.columns[c] as bigint[];

export async function readBooks(dir: string): Promise<Books> {
  const manifest = readManifest(dir);
  const [transfers, placements, jobs, accounts, adjusted, disputes] = [
    await readRunTable(dir, 'transfers'),
    await readRunTable(dir, 'placements'),
    await readRunTable(dir, 'jobs'),
    await readRunTable(dir, 'accounts'),
    await readRunTable(dir, 'adjustments'),
    await readRunTable(dir, 'disputes'),
  ];
  const movements = columnsOf(transfers, {
    id: int(transfers, 'transfer_id'),
    timeUs: int(transfers, 'time_us'),
    kind: text(transfers, 'kind'),
    debit: text(transfers, 'debit'),
    credit: text(transfers, 'credit'),
    currency: text(transfers, 'currency'),
    amount: big(transfers, 'amount_micro'),
    pending: int(transfers, 'pending_id'),
    job: int(transfers, 'job_id'),
    attempt: int(transfers, 'attempt'),
    reason: text(transfers, 'reason'),
  });
  const gpus = text(placements, 'gpus');
  const each = int(placements, 'gpu_milli');
  const uses = columnsOf(placements, {
    lease: int(placements, 'lease_id'),
    job: int(placements, 'job_id'),
    attempt: int(placements, 'attempt'),
    pool: text(placements, 'pool'),
    node: text(placements, 'node'),
    provider: text(placements, 'provider'),
    gpuClass: text(placements, 'gpu_class'),
    milli: each.map((m, i) => m * (gpus[i] === '' ? 0 : gpus[i]!.split('+').length)),
    rateMicro: int(placements, 'rate_micro_per_gpu_hour'),
    startUs: int(placements, 'start_us'),
    endUs: int(placements, 'end_us'),
    outcome: text(placements, 'outcome'),
    currency: text(placements, 'currency'),
    charge: big(placements, 'charge_micro'),
  });
  const bills = columnsOf(jobs, {
    job: int(jobs, 'job_id'),
    workload: text(jobs, 'workload_name'),
    user: text(jobs, 'user'),
    pool: text(jobs, 'pool'),
    state: text(jobs, 'final_state'),
    quoteId: int(jobs, 'quote_id'),
    currency: text(jobs, 'currency'),
    charged: big(jobs, 'charged_micro'),
  });
  const balances = columnsOf(accounts, {
    account: text(accounts, 'account'),
    currency: text(accounts, 'currency'),
    posted: big(accounts, 'credits_posted_micro').map((c, i) => c - big(accounts, 'debits_posted_micro')[i]!),
    heldOut: big(accounts, 'debits_pending_micro'),
    heldIn: big(accounts, 'credits_pending_micro'),
  });
  const adjustments = columnsOf(adjusted, {
    timeUs: int(adjusted, 'time_us'),
    kind: text(adjusted, 'kind'),
    user: text(adjusted, 'user'),
    currency: text(adjusted, 'currency'),
    amount: big(adjusted, 'amount_micro'),
  });
  const verdicts = columnsOf(disputes, {
    timeUs: int(disputes, 'time_us'),
    lease: int(disputes, 'lease_id'),
    job: int(disputes, 'job_id'),
    attempt: int(disputes, 'attempt'),
    part: int(disputes, 'part'),
    provider: text(disputes, 'provider'),
    event: text(disputes, 'event'),
    reason: text(disputes, 'reason'),
    currency: text(disputes, 'currency'),
    amount: big(disputes, 'amount_micro'),
    bond: big(disputes, 'bond_micro'),
    providerBond: big(disputes, 'provider_bond_micro'),
  }).filter((v) => v.event === 'upheld' || v.event === 'rejected');
  const payers = new Map<number, string>();
  for (const m of movements) if (m.job > 0 && m.debit.startsWith('user:')) payers.set(m.job, m.debit);
  const result = manifest.result;
  return {
    scenario: result.scenario,
    seed: result.seed,
    endUs: Math.round(result.simulatedSeconds * 1e6),
    movements,
    uses,
    jobs: new Map(bills.map((b) => [b.job, b])),
    balances,
    adjustments,
    verdicts,
    payers,
    resolved: scenarioOf(manifest),
    charged: new Map(
      [result.money, result.moneyJct].map((m) => {
        const currency = m.unit.replace(/^micro/, '');
        const undivided = balances.filter((b) => b.currency === currency && b.account.startsWith('revenue:'));
        return [currency, String(undivided.reduce((sum, b) => sum + b.posted, BigInt(m.charged)))];
      }),
    ),
  };
}

function columnsOf<T extends object>(t: TableData, columns: { [K in keyof T]: T[K][] }): T[] {
  const names = Object.keys(columns) as (keyof T)[];
  return Array.from(
    { length: t.rows },
    (_, i) => Object.fromEntries(names.map((n) => [n, columns[n][i]])) as unknown as T,
  );
}

/** Half-open in run time: a charge booked at `toUs` belongs to the next period. */
export interface Period {
  fromUs: number;
  toUs: number;
}

/** A refund, a credit for work that a provider lost, or what a dispute that was upheld brings: the charge of a part, the provider's bond. */
export interface InvoiceCredit {
  job: number;
  attempt: number;
  reason: string;
  /** Of a dispute; null = none. */
  verdict: { lease: number; part: number; provider: string; reason: string } | null;
  bookedUs: number;
  amount: bigint;
}

export interface InvoiceLine {
  job: number;
  attempt: number;
  workload: string;
  pool: string;
  outcome: string;
  /** Of a bond that was lost with a dispute; null = no bond. */
  verdict: InvoiceCredit['verdict'];
  /** Parts of the attempt where it ended in the period; without a contract that is paid while it runs their charges add up to the line's. */
  use: Use[];
  bookedUs: number;
  charge: bigint;
}

export interface Invoice {
  id: string;
  account: string;
  currency: string;
  period: Period;
  /** Balances count what the account has in escrow. */
  opening: bigint;
  deposits: bigint;
  /** Refunds and credits: the total has them taken off. */
  refunds: bigint;
  lines: InvoiceLine[];
  credits: InvoiceCredit[];
  total: bigint;
  closing: bigint;
  /** Reserved for jobs that wait, or in escrow for jobs that run, at the end of the period. */
  held: bigint;
  /** Charged by the end of the period and not paid. */
  owed: bigint;
  /** Charged, disputed and not yet decided at the end of the period: it may come back. */
  disputed: bigint;
}

/** The full name of an account: a user may be named without `user:`. */
export function accountNamed(b: Books, name: string): string {
  const all = [...new Set(b.balances.map((x) => x.account))];
  if (all.includes(name)) return name;
  if (all.includes(`user:${name}`)) return `user:${name}`;
  const close = all.filter((a) => a.includes(name)).slice(0, 5);
  throw new UsageError(
    `no account "${name}" in this run; ${close.length > 0 ? `did you mean ${close.join(', ')}?` : `there are ${all.length}: ${all.slice(0, 5).join(', ')}, …`}`,
  );
}

/** One invoice per currency that the account moved in the period. */
export function invoices(b: Books, account: string, period: Period): Invoice[] {
  const currencies = [...new Set(b.balances.filter((x) => x.account === account).map((x) => x.currency))];
  return currencies.map((currency) => invoiceIn(b, account, currency, period));
}

/** Why money moves at the end of a dispute, and what of the verdict it is. */
const verdictMoney: Record<string, { event: string; amount: (v: Verdict) => bigint }[]> = {
  'dispute-upheld': [{ event: 'upheld', amount: (v) => v.amount }],
  'bond-lost': [
    { event: 'upheld', amount: (v) => v.providerBond },
    { event: 'rejected', amount: (v) => v.bond },
  ],
};

/** The verdict that a movement comes from, each taken once per kind of movement; null = from none. */
class VerdictFinder {
  readonly #at = new Map<string, Verdict[]>();
  readonly #taken = new Map<string, Set<Verdict>>();

  constructor(b: Books) {
    for (const v of b.verdicts) {
      const key = `${v.timeUs}/${v.job}/${v.attempt}/${v.currency}`;
      const list = this.#at.get(key);
      if (list === undefined) this.#at.set(key, [v]);
      else list.push(v);
    }
  }

  of(m: Movement, toUser: boolean): InvoiceCredit['verdict'] {
    const event = toUser ? 'upheld' : 'rejected';
    const money = verdictMoney[m.reason]?.find((x) => x.event === event);
    if (money === undefined) return null;
    let taken = this.#taken.get(m.reason);
    if (taken === undefined) this.#taken.set(m.reason, (taken = new Set()));
    for (const v of this.#at.get(`${m.timeUs}/${m.job}/${m.attempt}/${m.currency}`) ?? []) {
      if (v.event !== event || taken.has(v) || money.amount(v) !== m.amount) continue;
      taken.add(v);
      return { lease: v.lease, part: v.part, provider: v.provider, reason: v.reason };
    }
    return null;
  }
}

function invoiceIn(b: Books, account: string, currency: string, period: Period): Invoice {
  const usesOf = new Map<string, Use[]>();
  for (const u of b.uses) {
    const key = `${u.job}/${u.attempt}`;
    const list = usesOf.get(key);
    if (list === undefined) usesOf.set(key, [u]);
    else list.push(u);
  }
  const out: Invoice = {
    id: `${account}/${currency}/${period.fromUs}-${period.toUs}`,
    account,
    currency,
    period,
    opening: 0n,
    deposits: 0n,
    refunds: 0n,
    lines: [],
    credits: [],
    total: 0n,
    closing: 0n,
    held: 0n,
    owed: 0n,
    disputed: 0n,
  };
  const open = new Map<number, bigint>();
  const disputed = new Map<number, bigint>();
  const lines = new Map<string, InvoiceLine>();
  const verdicts = new VerdictFinder(b);
  let escrow = 0n;
  for (const m of b.movements) {
    if (m.currency !== currency || m.timeUs >= period.toUs) continue;
    const own = m.debit.startsWith('escrow:') && b.payers.get(m.job) === account;
    if (!own && m.debit !== account && m.credit !== account) continue;
    if (m.kind === 'pending') open.set(m.id, m.debit === account ? m.amount : 0n);
    if (m.kind === 'pending' && m.reason === 'dispute') disputed.set(m.id, m.amount);
    if (m.kind === 'post' || m.kind === 'void') {
      open.delete(m.pending);
      disputed.delete(m.pending);
    }
    if (m.kind === 'pending' || m.kind === 'void') continue;
    if (m.credit.startsWith('escrow:')) {
      escrow += m.amount;
      continue;
    }
    if (own) escrow -= m.amount;
    if (own && m.credit === account) continue;
    const signed = m.credit === account ? m.amount : -m.amount;
    out.closing += signed;
    if (m.timeUs < period.fromUs) {
      out.opening += signed;
      continue;
    }
    if (m.credit === account) {
      if (m.reason === 'deposit') out.deposits += m.amount;
      else {
        out.refunds += m.amount;
        out.total -= m.amount;
        out.credits.push({
          job: m.job,
          attempt: m.attempt,
          reason: m.reason,
          verdict: verdicts.of(m, true),
          bookedUs: m.timeUs,
          amount: m.amount,
        });
      }
      continue;
    }
    out.total += m.amount;
    // A bond that was lost is a line of its own: it is no price of use.
    const lost = m.reason === 'bond-lost';
    const key = `${m.job}/${m.attempt}`;
    const known = lost ? undefined : lines.get(key);
    if (known !== undefined) {
      known.charge += m.amount;
      known.bookedUs = m.timeUs;
      continue;
    }
    const job = b.jobs.get(m.job);
    const use = lost ? [] : (usesOf.get(key) ?? []).filter((u) => u.endUs < period.toUs);
    const line: InvoiceLine = {
      job: m.job,
      attempt: m.attempt,
      workload: job?.workload ?? '',
      pool: m.credit.replace(/^revenue:/, ''),
      outcome:
        m.kind === 'post' ? m.reason : ((use.find((u) => u.outcome !== 'completed') ?? use[0])?.outcome ?? 'running'),
      verdict: lost ? verdicts.of(m, false) : null,
      use,
      bookedUs: m.timeUs,
      charge: m.amount,
    };
    if (!lost) lines.set(key, line);
    out.lines.push(line);
  }
  out.held = escrow;
  for (const held of open.values()) out.held += held;
  for (const amount of disputed.values()) out.disputed += amount;
  for (const a of b.adjustments)
    if (`user:${a.user}` === account && a.currency === currency && a.timeUs < period.toUs)
      out.owed += a.kind === 'unpaid' ? a.amount : a.kind === 'debt-paid' ? -a.amount : 0n;
  return out;
}

/** Every user's account, in order of opening. */
export const userAccounts = (b: Books): string[] => [
  ...new Set(b.balances.map((x) => x.account).filter((a) => a.startsWith('user:'))),
];
