/**
 * Second half of an audit: a separate bookkeeper. It imports the journal decoder and nothing else of the project: what ran
 * when comes from the journal, what was sold and moved comes from the tables, and every charge, split and balance is worked
 * out again with its own arithmetic. It answers with the first thing that does not add up.
 */

import { FrameType, type JournalHeader, readJournal } from '../../core/journal/journal.ts';
import { BudgetAudit } from './budgets.ts';
import { ContractAudit, type OtherBooks, type Sold } from './contract.ts';
import { DISPUTE_REASONS, type DisputeActs, DisputeAudit, type DisputeFacts, Lows } from './disputes.ts';
import { MachineHealth } from './health.ts';
import { apportion, type HoldCharge, Split } from './split.ts';
import { type StakeActs, StakeAudit } from './stake.ts';
import { type Health, SupplyAudit } from './supply.ts';
import { billedEnd, CONTRACT_REASONS, sharesOf } from './terms.ts';

type Cell = bigint | string;
export interface AuditTable {
  rows: number;
  columns: Record<string, Cell[]>;
}

export interface AuditInput {
  journal: Uint8Array;
  jobs: AuditTable;
  placements: AuditTable;
  transfers: AuditTable;
  prices: AuditTable;
  supply: AuditTable;
  accounts: AuditTable;
  elections: AuditTable;
  contributions: AuditTable;
  quotes: AuditTable;
  meters: AuditTable;
  adjustments: AuditTable;
  disputes: AuditTable;
  budgets: AuditTable;
}

export interface AuditReport {
  /** Jobs that the journal has submissions of. */
  submitted: number;
  transfers: number;
  accounts: number;
  holds: number;
  leases: number;
  /** First difference in words, or null. */
  difference: string | null;
}

/** Fact kinds as the journal writes them. */
const SUBMIT = 8;
const STARTED = 1;
const EXITED = 2;
const STAKE = 14;
const PAYER = 15;
const DISPUTE = 16;
/** Why tokens of stakers move. */
const STAKE_REASONS = new Set([
  ...['bond', 'unbond', 'withdraw', 'slash', 'slash-returned', 'slash-final', 'bounty'],
  ...['compound', 'emission', 'vest', 'staker-claim'],
]);
/** Outcome of an exit that a restarted executor reports for a process that died with its predecessor. */
const LOST = 5;
/** Outcome of an exit because the GPU failed under the process. */
const GPU_LOST = 8;

interface LeaseLife {
  started: number;
  exited: number;
  /** Reported as lost by its machine. */
  lost: boolean;
}

interface Balance {
  dp: bigint;
  d: bigint;
  cp: bigint;
  c: bigint;
}

class Mismatch extends Error {}

const fail = (what: string): never => {
  throw new Mismatch(what);
};

export function auditIndependently(input: AuditInput): AuditReport {
  const report: AuditReport = { submitted: 0, transfers: 0, accounts: 0, holds: 0, leases: 0, difference: null };
  try {
    const world = readWorld(input.journal);
    report.submitted = world.users.size;
    const supply = new SupplyAudit(world.header.config, input.supply, listedRates(input.prices), world.health, fail);
    const budgets = world.header.config.users.some((u) => u.budget !== undefined)
      ? new BudgetAudit(world.header.config, input, (job) => world.users.get(job) ?? '', fail)
      : null;
    const charges = checkLeases(input, world, supply, budgets, report);
    const { config } = world.header;
    const stake =
      config.staking === undefined
        ? null
        : new StakeAudit(config, world.acts, input, apportion, fail, world.end, supply.times());
    checkTransfers(input, world, charges, supply, stake, budgets, report);
    stake?.close(world.end, input.placements);
  } catch (e) {
    if (!(e instanceof Mismatch)) throw e;
    report.difference = e.message;
  }
  return report;
}

interface World {
  header: JournalHeader;
  leases: Map<number, LeaseLife>;
  downs: Map<string, Set<number>>;
  health: Health;
  limits: Map<number, number>;
  users: Map<number, string>;
  sold: Map<number, Sold>;
  /** user -> since when it answers debit notes or does not */
  silences: Map<string, [bigint, boolean][]>;
  acts: StakeActs;
  disputes: DisputeActs;
  /** Stamp of the last frame. */
  end: number;
}

function readWorld(bytes: Uint8Array): World {
  let header: JournalHeader | null = null;
  const leases = new Map<number, LeaseLife>();
  const machines = new MachineHealth();
  const limits = new Map<number, number>();
  const users = new Map<number, string>();
  const sold = new Map<number, Sold>();
  const silences: World['silences'] = new Map();
  const acts: StakeActs = [];
  const disputes: DisputeActs = [];
  let end = 0;
  for (const frame of readJournal(bytes)) {
    if (frame.type === FrameType.header) header = frame.header;
    // Of several hosts one may be behind another.
    if (frame.type === FrameType.end) end = Math.max(end, frame.now);
    if (frame.type !== FrameType.step) continue;
    end = Math.max(end, frame.now);
    for (const f of frame.facts) {
      if (f.kind === PAYER) silences.set(f.user, [...(silences.get(f.user) ?? []), [BigInt(frame.now), f.answers]]);
      else if (f.kind === STAKE) acts.push({ at: frame.now, seq: f.seq, act: { ...f.act } });
      else if (f.kind === DISPUTE) disputes.push({ at: BigInt(frame.now), act: { ...f.act } });
      else if (f.kind === SUBMIT) {
        limits.set(f.spec.job, f.spec.limitUs);
        users.set(f.spec.job, f.spec.user);
        if (header!.config.contract !== undefined) {
          const groups = f.spec.groups.map((g): [bigint, bigint] => [BigInt(g.tasks), BigInt(g.gpus * g.gpuMilli)]);
          sold.set(f.spec.job, { user: f.spec.user, limit: BigInt(f.spec.limitUs), groups });
        }
      } else if (f.kind === STARTED) leases.set(f.lease, { started: frame.now, exited: -1, lost: false });
      else if (f.kind === EXITED) {
        const life = leases.get(f.lease);
        if (life !== undefined && life.exited < 0) {
          life.exited = frame.now;
          life.lost = f.outcome === LOST || f.outcome === GPU_LOST;
        }
      } else machines.fact(header!, frame.now, f);
    }
  }
  acts.sort((a, b) => a.at - b.at || a.seq - b.seq);
  const { downs, health } = machines;
  return { header: header!, leases, downs, health, limits, users, sold, silences, acts, disputes, end };
}

/** The last listed rate of each pool and class: fixed prices never change. */
function listedRates(prices: AuditTable): Map<string, bigint> {
  const rates = new Map<string, bigint>();
  const c = prices.columns;
  for (let i = 0; i < prices.rows; i++)
    rates.set(`${c['pool']![i] as string}|${c['gpu_class']![i] as string}`, c['rate_micro_per_gpu_hour']![i] as bigint);
  return rates;
}

/** Rate of each award by class, from the price list. */
function priceList(prices: AuditTable): Map<string, bigint> {
  const list = new Map<string, bigint>();
  const c = prices.columns;
  for (let i = 0; i < prices.rows; i++) {
    const rate = c['rate_micro_per_gpu_hour']![i] as bigint;
    if (rate >= 0n) list.set(`${String(c['award_id']![i])}/${String(c['gpu_class']![i])}`, rate);
  }
  return list;
}

/** Which outcome of a part decides the gang's. */
const RANK = [
  'node-failure',
  'gpu-failure',
  'not-started',
  'failed',
  'limit',
  'cancelled',
  'preempted',
  'aborted',
  'completed',
];

/** Every lease against the journal's stamps, every charge against its own multiplication. */
function checkLeases(
  input: AuditInput,
  world: World,
  supply: SupplyAudit,
  budgets: BudgetAudit | null,
  report: AuditReport,
): Map<string, HoldCharge> {
  const { placements } = input;
  const c = placements.columns;
  const list = priceList(input.prices);
  const token = BigInt(world.header.config.tokenPriceMicro);
  const first = world.header.config.currencies[0]!.code;
  const holds = new Map<string, { rows: number[]; parts: bigint }>();
  const lastRead = new Map<bigint, bigint>();
  const m = input.meters.columns;
  for (let i = 0; i < input.meters.rows; i++)
    if (m['reading']![i] === 'running') lastRead.set(m['lease_id']![i] as bigint, m['until_us']![i] as bigint);
  for (let i = 0; i < placements.rows; i++) {
    const where = `placements.parquet row ${i}`;
    const life = world.leases.get(Number(c['lease_id']![i]));
    const start = Number(c['start_us']![i]);
    const end = Number(c['end_us']![i]);
    const outcome = c['outcome']![i] as string;
    const job = Number(c['job_id']![i]);
    if (start >= 0) {
      if (life === undefined || life.started !== start)
        fail(`${where}: starts at ${start}, the journal says ${life?.started ?? 'never'}`);
      const asked = world.limits.get(job) ?? fail(`${where}: job ${job} was never submitted`);
      const limit = budgets?.limitOf(job, Number(c['attempt']![i]), asked) ?? asked;
      const fair =
        outcome === 'completed' || outcome === 'failed'
          ? end === life!.exited
          : outcome === 'limit'
            ? end === start + limit
            : outcome === 'node-failure'
              ? world.downs.get(c['node']![i] as string)?.has(end) === true ||
                (life!.lost && end === life!.exited) ||
                // Of whom nothing was heard any more counts as lost, with what it had metered.
                lastRead.get(c['lease_id']![i] as bigint) === BigInt(end)
              : outcome === 'gpu-failure'
                ? String(c['gpus']![i])
                    .split('+')
                    .some((g) => world.downs.get(`${String(c['node']![i])}#${g}`)?.has(end) === true) ||
                  (life!.lost && end === life!.exited)
                : end >= start && (life!.exited < 0 || end <= life!.exited);
      if (!fair || end > start + limit)
        fail(`${where}: ends ${outcome} at ${end}, which the journal does not bear out`);
    } else if (end >= 0) fail(`${where}: never started but ends at ${end}`);
    const award = list.get(`${String(c['award_id']![i])}/${String(c['gpu_class']![i])}`);
    if (award === undefined) fail(`${where}: award ${String(c['award_id']![i])} is on no price list`);
    const rate = c['currency']![i] === first ? award! : (award! * 1_000_000n + token - 1n) / token;
    if (rate !== c['rate_micro_per_gpu_hour']![i])
      fail(`${where}: rate ${String(c['rate_micro_per_gpu_hour']![i])}, the price list gives ${rate}`);
    const key = `${job}#${String(c['attempt']![i])}`;
    const hold = holds.get(key);
    if (hold === undefined) holds.set(key, { rows: [i], parts: c['parts']![i] as bigint });
    else hold.rows.push(i);
    report.leases++;
  }
  const charges = new Map<string, HoldCharge>();
  for (const [key, hold] of holds) {
    if (BigInt(hold.rows.length) !== hold.parts)
      fail(`placements.parquet: hold ${key} has ${hold.rows.length} of ${hold.parts} parts`);
    charges.set(key, chargeOfHold(key, hold.rows, c, supply, world.header.config.contract, lastRead));
    report.holds++;
  }
  return charges;
}

function chargeOfHold(
  key: string,
  rows: number[],
  c: Record<string, Cell[]>,
  supply: SupplyAudit,
  contract: JournalHeader['config']['contract'],
  lastRead: ReadonlyMap<bigint, bigint>,
): HoldCharge {
  const outcomes = rows.map((i) => c['outcome']![i] as string);
  const outcome = RANK.find((o) => outcomes.includes(o)) ?? fail(`hold ${key}: unknown outcome ${outcomes.join(', ')}`);
  const use = rows.map((i) => {
    const gpus = c['gpus']![i] === '' ? 0 : (c['gpus']![i] as string).split('+').length;
    const start = c['start_us']![i] as bigint;
    const metered = lastRead.get(c['lease_id']![i] as bigint) ?? -1n;
    const part = { outcome: c['outcome']![i] as string, start, end: c['end_us']![i] as bigint, metered };
    return {
      rate: c['rate_micro_per_gpu_hour']![i] as bigint,
      milli: (c['gpu_milli']![i] as bigint) * BigInt(gpus),
      start,
      end: billedEnd(contract, outcome, part),
    };
  });
  const shares = sharesOf(contract, use, apportion);
  const amount = shares.reduce((a, b) => a + b, 0n);
  rows.forEach((i, k) => {
    if (c['charge_micro']![i] !== shares[k]) {
      fail(`placements.parquet row ${i}: charge ${String(c['charge_micro']![i])}, worked out ${shares[k]}`);
    }
  });
  return {
    job: c['job_id']![rows[0]!] as bigint,
    amount,
    outcome,
    pool: c['pool']![rows[0]!] as string,
    currency: c['currency']![rows[0]!] as string,
    earned: rows.map((i, k) => {
      const award = c['supply_award_id']![i] as bigint;
      const start = c['start_us']![i] as bigint;
      const milli =
        (c['gpu_milli']![i] as bigint) * BigInt(c['gpus']![i] === '' ? 0 : (c['gpus']![i] as string).split('+').length);
      const where = `placements.parquet row ${i}`;
      const pay =
        award === 0n || shares[k] === 0n
          ? null
          : supply.earned(award, c['node']![i] as string, milli, start, c['end_us']![i] as bigint, shares[k]!, where);
      const asked = supply.asked(c['node']![i] as string, milli, start, c['end_us']![i] as bigint);
      const fee = pay === null ? 0n : supply.fee(award, milli, start, c['end_us']![i] as bigint, shares[k]!, pay);
      return [c['provider']![i] as string, shares[k]!, pay, asked, c['lease_id']![i] as bigint, fee];
    }),
  };
}

/** Folds the transfers, holding each against what the charges and shares demand. */
function checkTransfers(
  input: AuditInput,
  world: World,
  charges: Map<string, HoldCharge>,
  supply: SupplyAudit,
  stake: StakeAudit | null,
  budgets: BudgetAudit | null,
  report: AuditReport,
): void {
  const { transfers } = input;
  const c = transfers.columns;
  const balances = new Map<string, Balance>();
  const pending = new Map<bigint, { debit: string; credit: string; amount: bigint; key: string }>();
  const settled = new Set<string>();
  const lows = new Lows(balances);
  // The contract is worked out with the split, and that with the disputes, which ask who owes.
  let contract: ContractAudit | null = null;
  const disputes = disputeAudit(input, world, {
    least: (account, at) => lows.least(account, at),
    owed: (user, currency, at) => contract?.owedAt(user, currency, at) ?? false,
  });
  const posted = (account: string) => {
    const b = balanceOf(balances, account);
    return b.c - b.d;
  };
  const split = new Split(world.header.config, supply, stake, disputes, posted, fail);
  const streams = contractAudit(input, world, charges, balances, split, disputes);
  contract = streams;
  const prepaid = new Set(world.header.config.users.filter((u) => !u.postpaid).map((u) => `user:${u.id}`));
  for (let i = 0; i < transfers.rows; i++) {
    const where = `transfers.parquet row ${i}`;
    const id = c['transfer_id']![i] as bigint;
    if (id !== BigInt(i + 1)) fail(`${where}: transfer ${id}, want ${i + 1}`);
    const kind = c['kind']![i] as string;
    const amount = c['amount_micro']![i] as bigint;
    const currency = c['currency']![i] as string;
    const debit = `${c['debit']![i] as string}|${currency}`;
    const credit = `${c['credit']![i] as string}|${currency}`;
    const reason = c['reason']![i] as string;
    const key = `${String(c['job_id']![i])}#${String(c['attempt']![i])}`;
    if (amount < 0n) fail(`${where}: negative amount`);
    const time = c['time_us']![i] as bigint;
    streams?.passed(time);
    disputes?.passed(time);
    budgets?.passed(time);
    const disputed = disputes !== null && DISPUTE_REASONS.has(reason);
    const streamed = disputed || (streams !== null && CONTRACT_REASONS.has(reason));
    if (disputed) {
      const resolves = c['pending_id']![i] as bigint;
      const back = disputes.moved({ where, id, resolves, kind, at: time, debit, credit, amount, reason, key });
      if (back !== null) split.earnOf(time, key, null, back.pool, back.currency, back.provider, back.amount);
    } else if (streamed && kind !== 'void') streams!.moved(where, key, time, debit, credit, amount, reason);
    if (streamed) split.close();
    else if (stake !== null && (STAKE_REASONS.has(reason) || /^(free|vesting):/.test(c['credit']![i] as string)))
      stake.moved(
        where,
        Number(c['time_us']![i]),
        c['debit']![i] as string,
        c['credit']![i] as string,
        amount,
        reason === 'staker-claim' ? `${reason} ${currency}` : reason,
      );
    else if (kind === 'single' && reason !== 'deposit')
      split.pay(where, c['time_us']![i] as bigint, debit, credit, amount, reason);
    else split.close();
    const from = balanceOf(balances, debit);
    const to = balanceOf(balances, credit);
    if (disputes !== null) lows.before(time, debit, credit);
    if (kind === 'single') {
      from.d += amount;
      to.c += amount;
    } else if (kind === 'pending') {
      from.dp += amount;
      to.cp += amount;
      const most = reason === 'subsidy' ? split.subsidyReserved(debit, time, amount) : amount;
      if (most !== amount) fail(`${where}: reserves a subsidy of ${amount}, worked out ${most}`);
      if (reason === 'hold') {
        streams?.reservation(where, key, amount);
        budgets?.reserved(where, key, time, currency, amount);
      }
      pending.set(id, { debit, credit, amount, key });
    } else {
      const p = pending.get(c['pending_id']![i] as bigint);
      if (p === undefined) fail(`${where}: resolves transfer ${String(c['pending_id']![i])}, which is not pending`);
      if (p!.debit !== debit || p!.credit !== credit || p!.key !== key)
        fail(`${where}: resolves transfer ${String(c['pending_id']![i])} of other parties`);
      pending.delete(c['pending_id']![i] as bigint);
      from.dp -= p!.amount;
      to.cp -= p!.amount;
      if (!streamed) budgets?.ended(key, time, kind === 'post' ? amount : 0n);
      const charge = charges.get(key);
      const due = streamed
        ? amount
        : reason === 'subsidy'
          ? split.subsidyDue(debit, time)
          : charge !== undefined && charge.outcome === reason
            ? charge.amount
            : 0n;
      if (kind === 'post') {
        if (amount > p!.amount) fail(`${where}: posts ${amount} of ${p!.amount} reserved`);
        if (amount !== due || due === 0n) fail(`${where}: job ${key} is charged ${amount}, worked out ${due}`);
        from.d += amount;
        to.c += amount;
        if (reason !== 'subsidy' && !streamed) {
          settled.add(key);
          split.earn(charge!, key, time);
        }
      } else {
        if (amount !== p!.amount) fail(`${where}: voids ${amount} of ${p!.amount} reserved`);
        if (due > 0n && !streamed) fail(`${where}: job ${key} owes ${due} but is let off`);
        if (charge !== undefined && charge.outcome === reason) settled.add(key);
      }
    }
    if (disputes !== null) lows.after(debit, credit);
    if (prepaid.has(c['debit']![i] as string) && from.d + from.dp > from.c)
      fail(`${where}: ${debit} pays more than it has`);
    report.transfers++;
  }
  split.finish();
  streams?.close(input.adjustments, world.end);
  disputes?.close(input.disputes);
  if (disputes === null && input.disputes.rows > 0) fail('disputes.parquet: has rows, where no charge can be disputed');
  budgets?.close(world.end);
  const postsInTheEnd = streams === null || world.header.config.contract!.kind === 'hold';
  for (const key of charges.keys())
    if (postsInTheEnd && !settled.has(key))
      fail(`placements.parquet: attempt ${key} was never settled in transfers.parquet`);
  checkBalances(input.accounts, balances, report);
  checkJobs(input.jobs, charges);
}

function disputeAudit(
  input: AuditInput,
  world: World,
  books: Pick<DisputeFacts, 'least' | 'owed'>,
): DisputeAudit | null {
  const { config } = world.header;
  if (config.disputes === undefined) return null;
  const prepaid = new Set(config.users.filter((u) => !u.postpaid).map((u) => u.id));
  return new DisputeAudit(config, config.disputes, world.disputes, world.acts, input, world.end, {
    user: (job) => world.users.get(job) ?? '',
    prepaid: (user) => prepaid.has(user),
    ...books,
    fail,
  });
}

function contractAudit(
  input: AuditInput,
  world: World,
  charges: Map<string, HoldCharge>,
  balances: Map<string, Balance>,
  split: Split,
  disputes: DisputeAudit | null,
): ContractAudit | null {
  const { config } = world.header;
  if (config.contract === undefined) return null;
  const prepaid = new Set(config.users.filter((u) => !u.postpaid).map((u) => `user:${u.id}`));
  const books: OtherBooks = {
    available: (account) => {
      const name = account.split('|')[0]!;
      if (name.startsWith('user:') && !prepaid.has(name)) return 1n << 80n;
      const b = balances.get(account);
      return b === undefined ? 0n : b.c - b.d - b.dp;
    },
    earn: (at, key, lease, pool, currency, provider, amount) =>
      split.earnOf(at, key, lease, pool, currency, provider, amount),
    earned: (pool, currency, provider) => split.earnedOf(pool, currency, provider),
    own: (lease) => disputes?.own(lease) ?? 0n,
  };
  const started = (lease: number) => world.leases.get(lease)?.started ?? -1;
  const { silences, sold } = world;
  const audit = new ContractAudit(config, config.contract, sold, input, started, silences, books, apportion, fail);
  for (const [key, h] of charges) audit.ended(key, h.outcome);
  return audit;
}

function balanceOf(balances: Map<string, Balance>, key: string): Balance {
  let b = balances.get(key);
  if (b === undefined) {
    b = { dp: 0n, d: 0n, cp: 0n, c: 0n };
    balances.set(key, b);
  }
  return b;
}

function checkBalances(accounts: AuditTable, balances: Map<string, Balance>, report: AuditReport): void {
  const c = accounts.columns;
  for (let i = 0; i < accounts.rows; i++) {
    const key = `${c['account']![i] as string}|${c['currency']![i] as string}`;
    const b = balances.get(key) ?? { dp: 0n, d: 0n, cp: 0n, c: 0n };
    const stored = [
      c['debits_pending_micro']![i],
      c['debits_posted_micro']![i],
      c['credits_pending_micro']![i],
      c['credits_posted_micro']![i],
    ];
    const folded = [b.dp, b.d, b.cp, b.c];
    if (stored.some((v, k) => v !== folded[k])) {
      fail(
        `accounts.parquet row ${i} (${key}): stored ${stored.join('/')}, the transfers add up to ${folded.join('/')}`,
      );
    }
    balances.delete(key);
    report.accounts++;
  }
  for (const key of balances.keys()) fail(`accounts.parquet: account ${key} is missing`);
}

/** What each job was charged in all is the sum over its attempts. */
function checkJobs(jobs: AuditTable, charges: Map<string, HoldCharge>): void {
  const total = new Map<bigint, bigint>();
  for (const h of charges.values()) total.set(h.job, (total.get(h.job) ?? 0n) + h.amount);
  const c = jobs.columns;
  for (let i = 0; i < jobs.rows; i++) {
    const want = total.get(c['job_id']![i] as bigint) ?? 0n;
    if (c['charged_micro']![i] !== want) {
      fail(
        `jobs.parquet row ${i}: job ${String(c['job_id']![i])} shows ${String(c['charged_micro']![i])} charged, its attempts sum to ${want}`,
      );
    }
  }
}
