/**
 * Part of the separate bookkeeper: what balanced books must rest on. Money enters only by deposits that the configuration or the
 * journal knows; a hold is of a submitted job, by its user, once at a time and of a sum that a listed price gives; a lease is of
 * the size its job asked for, on a machine of its provider and class; whatever ran is in the books; what was earned is paid out.
 * Imports the journal decoder and nothing else of the project.
 */
import { FrameType, type JournalHeader, readJournal } from '../../core/journal/journal.ts';
import type { AuditInput } from './independent.ts';

const STARTED = 1;
const EXITED = 2;
const SUBMIT = 8;
const DEPOSIT = 10;
const TAKEOVER = 11;
const HOUR_MILLI = 3_600_000_000_000n;

interface Submitted {
  at: number;
  pool: string;
  user: string;
  currency: string;
  limit: bigint;
  /** GPUs and milli-GPU of every part, sorted. */
  parts: string[];
  milli: bigint;
  /** Submitted more than once under one number: only one of them can be live, and which is not ours to say. */
  twice: boolean;
}

interface Sources {
  header: JournalHeader;
  firstStamp: number;
  jobs: Map<number, Submitted>;
  /** "user|currency" -> amounts, in order */
  deposits: Map<string, string[]>;
  /** lease -> has it exited */
  leases: Map<number, boolean>;
  takeovers: boolean;
}

function gather(bytes: Uint8Array): Sources {
  const s: Sources = {
    header: null as never,
    firstStamp: -1,
    jobs: new Map(),
    deposits: new Map(),
    leases: new Map(),
    takeovers: false,
  };
  const put = (user: string, currency: number, amount: string) => {
    const key = `user:${user}|${s.header.config.currencies[currency]?.code}`;
    s.deposits.set(key, [...(s.deposits.get(key) ?? []), amount]);
  };
  for (const frame of readJournal(bytes)) {
    if (frame.type === FrameType.header) {
      s.header = frame.header;
      for (const u of frame.header.config.users) if (BigInt(u.deposit) > 0n) put(u.id, u.currency, u.deposit);
    }
    if (frame.type !== FrameType.step) continue;
    for (const f of frame.facts) {
      if (f.kind === STARTED) s.leases.set(f.lease, false);
      else if (f.kind === EXITED) {
        if (s.leases.has(f.lease)) s.leases.set(f.lease, true);
      } else if (f.kind === DEPOSIT) put(f.user, f.currency, f.amount);
      else if (f.kind === TAKEOVER) s.takeovers = true;
      else if (f.kind === SUBMIT) {
        const { spec } = f;
        const known = s.jobs.get(spec.job);
        if (known !== undefined) {
          known.twice = true;
          continue;
        }
        const parts = spec.groups.flatMap((g) => new Array<string>(g.tasks).fill(partOf(g.gpus, g.gpuMilli)));
        s.jobs.set(spec.job, {
          at: frame.now,
          pool: s.header.config.pools[f.pool]!.id,
          user: spec.user,
          currency: s.header.config.currencies[spec.currency]?.code ?? '',
          limit: BigInt(spec.limitUs),
          parts: parts.sort(byText),
          milli: spec.groups.reduce((m, g) => m + BigInt(g.tasks * g.gpus) * BigInt(g.gpuMilli), 0n),
          twice: false,
        });
      }
    }
  }
  return s;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const partOf = (gpus: number, milli: number): string => (gpus === 0 ? '0' : `${gpus}x${milli}`);

/** First thing the books do not rest on, in words, or null. */
export function checkSources(input: AuditInput): string | null {
  const s = gather(input.journal);
  const ended = new Set<bigint>();
  const open = new Open();
  return (
    checkJobRows(input, s, ended) ??
    checkHolds(input, s, open) ??
    checkOpen(s, ended, open) ??
    checkPlacements(input, s, open) ??
    checkPaidOut(input)
  );
}

/** Holds that no placement row need speak of. */
class Open {
  /** Transfer that is pending at the end -> its job. */
  readonly pending = new Map<bigint, number>();
  /** Jobs whose claimed hold ran out: nobody was paid. */
  readonly expired: number[] = [];
}

function checkOpen(s: Sources, ended: ReadonlySet<bigint>, open: Open): string | null {
  for (const [id, job] of open.pending)
    if (ended.has(BigInt(job)) && s.jobs.get(job)?.twice !== true)
      return `transfers.parquet: transfer ${id} still holds money for job ${job}, which has ended`;
  return null;
}

function checkJobRows({ jobs }: AuditInput, s: Sources, seen: Set<bigint>): string | null {
  const c = jobs.columns;
  for (let i = 0; i < jobs.rows; i++) {
    const id = c['job_id']![i] as bigint;
    const job = s.jobs.get(Number(id));
    if (job === undefined) return `jobs.parquet row ${i}: job ${id} was never submitted`;
    if (job.twice) continue;
    if (seen.has(id)) return `jobs.parquet row ${i}: job ${id} ends a second time`;
    seen.add(id);
    if (c['user']![i] !== job.user) return `jobs.parquet row ${i}: user ${c['user']![i]}, the journal says ${job.user}`;
    if (c['submission_time_us']![i] !== BigInt(job.at))
      return `jobs.parquet row ${i}: submitted at ${c['submission_time_us']![i]}, the journal says ${job.at}`;
  }
  return null;
}

/** Ascending rates of the price list, by pool. */
function ratesByPool({ prices }: AuditInput): Map<string, bigint[]> {
  const rates = new Map<string, Set<bigint>>();
  const c = prices.columns;
  for (let i = 0; i < prices.rows; i++) {
    const pool = c['pool']![i] as string;
    const set = rates.get(pool) ?? new Set<bigint>();
    rates.set(pool, set.add(c['rate_micro_per_gpu_hour']![i] as bigint));
  }
  return new Map(
    [...rates].map(([pool, set]) => [
      pool,
      [...set].filter((r) => r >= 0n).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
    ]),
  );
}

/** Is `amount` the price of `work` milli-GPU-us at one of the rates, rounded up? */
function priced(amount: bigint, work: bigint, rates: readonly bigint[]): boolean {
  if (work === 0n) return amount === 0n;
  let low = 0;
  let high = rates.length;
  // First rate whose price is at least the amount.
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((rates[mid]! * work + HOUR_MILLI - 1n) / HOUR_MILLI < amount) low = mid + 1;
    else high = mid;
  }
  return low < rates.length && (rates[low]! * work + HOUR_MILLI - 1n) / HOUR_MILLI === amount;
}

/** Deposits and holds; leaves in `open` what is pending at the end or ran out. */
function checkHolds(input: AuditInput, s: Sources, open: Open): string | null {
  const { config } = s.header;
  const c = input.transfers.columns;
  const usd = ratesByPool(input);
  const token = BigInt(config.tokenPriceMicro);
  const jct = new Map([...usd].map(([p, list]) => [p, list.map((r) => (r * 1_000_000n + token - 1n) / (token || 1n))]));
  const holding = new Set<number>();
  const attempts = new Set<string>();
  const owed = new Map([...s.deposits].map(([k, list]) => [k, [...list]]));
  let last = -1n;
  for (let i = 0; i < input.transfers.rows; i++) {
    const where = `transfers.parquet row ${i}`;
    const kind = c['kind']![i] as string;
    const debit = c['debit']![i] as string;
    const credit = c['credit']![i] as string;
    const currency = c['currency']![i] as string;
    const amount = c['amount_micro']![i] as bigint;
    const time = c['time_us']![i] as bigint;
    if (time < last) return `${where}: booked at ${time}, before the transfer above it`;
    last = time;
    if (kind === 'single') {
      if (c['reason']![i] !== 'deposit') continue;
      const due = owed.get(`${credit}|${currency}`)?.shift();
      if (debit !== 'world' || due === undefined || BigInt(due) !== amount)
        return `${where}: deposit of ${amount} from ${debit} to ${credit}, the journal knows ${due ?? 'none'}`;
      continue;
    }
    const id = Number(c['job_id']![i]);
    if (kind !== 'pending') {
      holding.delete(id);
      open.pending.delete(c['pending_id']![i] as bigint);
      if (c['reason']![i] === 'hold-expired') open.expired.push(id);
      continue;
    }
    const job = s.jobs.get(id);
    if (job === undefined) return `${where}: holds money for job ${id}, which was never submitted`;
    if (holding.has(id)) return `${where}: a second hold of job ${id} while one is open`;
    const attempt = `${id}#${c['attempt']![i]}`;
    if (!job.twice && attempts.has(attempt)) return `${where}: attempt ${attempt} is held a second time`;
    attempts.add(attempt);
    holding.add(id);
    open.pending.set(c['transfer_id']![i] as bigint, id);
    if (job.twice) continue;
    if (debit !== `user:${job.user}` || currency !== job.currency)
      return `${where}: ${debit} pays ${currency} for job ${id} of user ${job.user}, who pays ${job.currency}`;
    const pool = credit.replace(/^revenue:/, '');
    if (credit === pool || (s.takeovers ? !config.pools.some((p) => p.id === pool) : pool !== job.pool))
      return `${where}: job ${id} was submitted to pool ${job.pool}, ${credit} is to be paid`;
    const rates = currency === config.currencies[0]!.code ? usd : jct;
    // Over a takeover the terms are those of the former pool.
    const pools = s.takeovers ? [...rates.keys()] : [pool];
    if (!pools.some((p) => priced(amount, job.milli * job.limit, rates.get(p) ?? [])))
      return `${where}: reserves ${amount} for job ${id}, which no listed price gives`;
  }
  for (const [key, left] of owed)
    if (left.length > 0) return `transfers.parquet: deposit of ${left[0]} to ${key} is missing`;
  return null;
}

function checkPlacements(input: AuditInput, s: Sources, open: Open): string | null {
  const { config } = s.header;
  const c = input.placements.columns;
  const nodes = new Map(config.nodes.map((n) => [n.id, n]));
  const booked = new Set<number>();
  const sizes = new Map<string, { row: number; job: number; parts: string[] }>();
  for (let i = 0; i < input.placements.rows; i++) {
    const where = `placements.parquet row ${i}`;
    const lease = Number(c['lease_id']![i]);
    if (booked.has(lease)) return `${where}: lease ${lease} is billed twice`;
    booked.add(lease);
    const node = nodes.get(c['node']![i] as string);
    if (node === undefined) return `${where}: there is no node ${c['node']![i]}`;
    if (c['provider']![i] !== node.provider)
      return `${where}: provider ${c['provider']![i]}, node ${node.id} is of ${node.provider}`;
    const gpuClass = config.classes[node.gpuClass]!.name;
    if (c['gpu_class']![i] !== gpuClass) return `${where}: class ${c['gpu_class']![i]}, node ${node.id} is ${gpuClass}`;
    const gpus = (c['gpus']![i] as string).split('+').filter((g) => g !== '');
    if (new Set(gpus).size !== gpus.length || gpus.some((g) => !(Number(g) < node.gpus)))
      return `${where}: GPUs ${gpus.join('+')}, node ${node.id} has ${node.gpus}`;
    const key = `${c['job_id']![i]}#${c['attempt']![i]}`;
    const size = sizes.get(key) ?? { row: i, job: Number(c['job_id']![i]), parts: [] };
    size.parts.push(partOf(gpus.length, Number(c['gpu_milli']![i])));
    sizes.set(key, size);
  }
  for (const [key, { row, job, parts }] of sizes) {
    const asked = s.jobs.get(job);
    if (asked === undefined) return `placements.parquet row ${row}: job ${job} was never submitted`;
    if (!asked.twice && parts.sort(byText).join() !== asked.parts.join())
      return `placements.parquet row ${row}: attempt ${key} has ${parts.join(', ')}, the job asked for ${asked.parts.join(', ')}`;
  }
  // A part may be over while its gang is not; a gang of one is settled when it ends.
  const parts = (job: number): number => s.jobs.get(job)?.parts.length ?? 0;
  let allowed = open.expired.reduce((n, job) => n + parts(job), 0);
  for (const job of open.pending.values()) if (parts(job) > 1) allowed += parts(job) - 1;
  for (const [lease, exited] of s.leases)
    if (exited && !booked.has(lease) && --allowed < 0) return `placements.parquet: lease ${lease} ran and is missing`;
  return null;
}

/** A run ends with a distribution: no pool keeps what it earned. */
function checkPaidOut(input: AuditInput): string | null {
  const c = input.accounts.columns;
  for (let i = 0; i < input.accounts.rows; i++) {
    const account = c['account']![i] as string;
    const left = (c['credits_posted_micro']![i] as bigint) - (c['debits_posted_micro']![i] as bigint);
    if (account.startsWith('revenue:') && left !== 0n)
      return `accounts.parquet row ${i}: ${account} keeps ${left} that was never distributed`;
  }
  return null;
}
