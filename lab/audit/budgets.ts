/**
 * The independent auditor's part for budgets: follows every hold of a user with a budget from its reservation to its charge, and holds the sum
 * against the budget of its period, every alert against the charges that gave it, and every refusal against what was left. Under contracts
 * that are paid while a job runs the order of what happens at one stamp is not in the transfers: there open amounts are checked as bounds.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}
type Config = JournalHeader['config'];
type Rules = NonNullable<Config['users'][number]['budget']>;
type Fail = (what: string) => never;

interface Period {
  since: bigint;
  open: bigint;
  spent: bigint;
  alerts: number;
  /** Stamp of the last charge, and what had been spent before each charge of that stamp. */
  at: bigint;
  before: bigint[];
}

interface Row {
  where: string;
  time: bigint;
  user: string;
  since: bigint;
  event: string;
  key: string;
  budget: bigint;
  spent: bigint;
  open: bigint;
  bps: bigint;
}

const startOf = (rules: Rules, at: bigint): bigint => {
  const length = BigInt(rules.periodUs);
  return length === 0n ? 0n : (at / length) * length;
};

export class BudgetAudit {
  readonly #rules = new Map<string, { rules: Rules; currency: string }>();
  readonly #fail: Fail;
  readonly #userOf: (job: number) => string;
  readonly #exact: boolean;
  /** Most that an attempt could cost, where that is not what was reserved. */
  readonly #most = new Map<string, bigint>();
  readonly #periods = new Map<string, Period>();
  readonly #holds = new Map<string, { user: string; since: bigint; most: bigint }>();
  readonly #charged = new Map<string, bigint>();
  readonly #rows: Row[] = [];
  #next = 0;
  /** Ends of attempts that are settled by meter readings, in their order. */
  readonly #ends: { at: bigint; key: string; charge: bigint }[] = [];
  #ended = 0;
  /** job -> attempt whose quote was shortened, and the limit. */
  readonly #limits = new Map<number, [number, number][]>();

  constructor(
    config: Config,
    tables: { budgets: Table; quotes: Table; meters: Table },
    userOf: (job: number) => string,
    fail: Fail,
  ) {
    this.#fail = fail;
    this.#userOf = userOf;
    for (const u of config.users)
      if (u.budget !== undefined)
        this.#rules.set(u.id, { rules: u.budget, currency: config.currencies[u.currency]!.code });
    this.#exact = config.contract === undefined || config.contract.kind === 'hold';
    const keyOf = (c: Table['columns'], i: number) => `${String(c['job_id']![i])}#${String(c['attempt']![i])}`;
    const b = tables.budgets.columns;
    for (let i = 0; i < tables.budgets.rows; i++) {
      const event = b['event']![i] as string;
      if (event === 'shortened') {
        const job = Number(b['job_id']![i]);
        const list = this.#limits.get(job) ?? [];
        list.push([Number(b['attempt']![i]), Number(b['limit_us']![i])]);
        this.#limits.set(job, list);
      }
      this.#rows.push({
        where: `budgets.parquet row ${i}`,
        time: b['time_us']![i] as bigint,
        user: b['user']![i] as string,
        since: b['period_start_us']![i] as bigint,
        event,
        key: keyOf(b, i),
        budget: b['budget_micro']![i] as bigint,
        spent: b['spent_micro']![i] as bigint,
        open: b['open_micro']![i] as bigint,
        bps: b['threshold_bps']![i] as bigint,
      });
    }
    const q = tables.quotes.columns;
    for (let i = 0; i < tables.quotes.rows; i++) this.#most.set(keyOf(q, i), q['most_micro']![i] as bigint);
    if (this.#exact) return;
    const m = tables.meters.columns;
    for (let i = 0; i < tables.meters.rows; i++) {
      if (m['reading']![i] === 'running') continue;
      const key = keyOf(m, i);
      const last = this.#ends.at(-1);
      const due = m['due_micro']![i] as bigint;
      if (last?.key === key) last.charge += due;
      else this.#ends.push({ at: m['time_us']![i] as bigint, key, charge: due });
    }
  }

  /** The time limit of an attempt, where its budget shortened it. */
  limitOf(job: number, attempt: number, asked: number): number {
    let limit = asked;
    for (const [quoted, us] of this.#limits.get(job) ?? []) if (quoted < attempt) limit = us;
    return limit;
  }

  #periodOf(user: string, rules: Rules, at: bigint): Period {
    const since = startOf(rules, at);
    let p = this.#periods.get(user);
    if (p?.since !== since)
      this.#periods.set(user, (p = { since, open: 0n, spent: 0n, alerts: 0, at: -1n, before: [] }));
    return p;
  }

  /** Called with the stamp of each transfer, before it. */
  passed(at: bigint): void {
    for (let e = this.#ends[this.#ended]; e !== undefined && e.at <= at; e = this.#ends[++this.#ended])
      this.ended(e.key, e.at, e.charge);
    for (let r = this.#rows[this.#next]; r !== undefined && r.time < at; r = this.#rows[this.#next]) this.#refused(r);
  }

  /** Rows of refusals lie between transfers of the books: at their stamp, somewhere among what was booked at it. */
  #refused(r: Row): void {
    this.#next++;
    if (r.event === 'alert') this.#fail(`${r.where}: an alert that no charge has given`);
    const known = this.#rules.get(r.user);
    if (known === undefined) this.#fail(`${r.where}: ${r.user} has no budget`);
    const { rules } = known!;
    const p = this.#periodOf(r.user, rules, r.time);
    const rest =
      BigInt(rules.perJob) === 0n ? null : BigInt(rules.perJob) - (this.#charged.get(r.key.split('#')[0]!) ?? 0n);
    const spent = r.spent === p.spent || (p.at === r.time && p.before.includes(r.spent));
    const fine = !this.#exact || (spent && r.open <= BigInt(rules.amount) - r.spent);
    if (r.budget !== BigInt(rules.amount) || r.since !== p.since || !fine || (rest !== null && rest < 0n))
      this.#fail(
        `${r.where}: ${r.spent} spent and ${r.open} open of ${r.budget} since ${r.since}, worked out ${p.spent} and ${p.open} of ${rules.amount} since ${p.since}`,
      );
  }

  reserved(where: string, key: string, at: bigint, currency: string, amount: bigint): void {
    const user = this.#userOf(Number(key.split('#')[0]));
    const known = this.#rules.get(user);
    if (known?.currency !== currency) return;
    const { rules } = known;
    const p = this.#periodOf(user, rules, at);
    const most = this.#most.get(key) ?? amount;
    p.open += most;
    this.#holds.set(key, { user, since: p.since, most });
    if (p.open + p.spent > BigInt(rules.amount))
      this.#fail(`${where}: ${user} may now spend ${p.open + p.spent} of a budget of ${rules.amount}`);
    const before = this.#charged.get(key.split('#')[0]!) ?? 0n;
    if (rules.perJob !== '0' && before + most > BigInt(rules.perJob))
      this.#fail(`${where}: job ${key} may cost ${before + most}, its user allows ${rules.perJob}`);
  }

  ended(key: string, at: bigint, charge: bigint): void {
    const h = this.#holds.get(key);
    if (h === undefined) return;
    this.#holds.delete(key);
    const job = key.split('#')[0]!;
    this.#charged.set(job, (this.#charged.get(job) ?? 0n) + charge);
    const p = this.#periods.get(h.user)!;
    if (p.since !== h.since) return;
    p.open -= h.most;
    if (p.at !== at) Object.assign(p, { at, before: [] });
    p.before.push(p.spent);
    p.spent += charge;
    const { rules } = this.#rules.get(h.user)!;
    if (startOf(rules, at) !== h.since) return;
    for (; p.alerts < rules.alertsBps.length; p.alerts++) {
      const bps = BigInt(rules.alertsBps[p.alerts]!);
      if (p.spent * 10_000n < BigInt(rules.amount) * bps) break;
      while (this.#rows[this.#next] !== undefined && this.#rows[this.#next]!.event !== 'alert')
        this.#refused(this.#rows[this.#next]!);
      const r = this.#rows[this.#next++];
      const open = !this.#exact || r?.open === p.open;
      if (r === undefined || r.user !== h.user || r.key !== key || r.bps !== bps || r.spent !== p.spent || !open)
        this.#fail(
          `${r?.where ?? 'budgets.parquet'}: ${h.user} has spent ${p.spent} with attempt ${key}, which passes ${bps} bps of its budget, and the table says ${r === undefined ? 'nothing' : `${r.spent} with ${r.key} of ${r.user}`}`,
        );
      if (r!.budget !== BigInt(rules.amount) || r!.since !== p.since)
        this.#fail(`${r!.where}: a budget of ${r!.budget} since ${r!.since}, it is ${rules.amount} since ${p.since}`);
    }
  }

  close(end: number): void {
    this.passed(BigInt(end) + 1n);
  }
}
