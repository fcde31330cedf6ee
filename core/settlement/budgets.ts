/**
 * Budgets of users, kept by the chain: what is charged for attempts whose money is taken in a period never exceeds the period's budget. An
 * attempt counts by the most that it can cost while it is open, and by its charge once it is over; an attempt belongs to the period in which
 * its hold is taken, however long it runs. One that does not fit is refused, or its time limit shortened to what is left, so that its machine
 * ends it before the budget is exceeded. Refunds and credits do not give a budget back.
 */
import type { Port } from '../machine.ts';
import type { Quote } from '../messages.ts';
import {
  attemptOfHold,
  type BudgetRules,
  Code,
  type ContractRules,
  HOUR_US,
  type JobSpec,
  jobOfHold,
  type MarketConfig,
  type TimeUs,
  WHOLE_GPU,
} from '../types.ts';
import { demandOf } from './demand.ts';
import { blockPrice } from './terms.ts';

/** One user's period. */
interface Account {
  sinceUs: TimeUs;
  /** Most that open attempts of the period can cost, and what those that are over were charged. */
  open: bigint;
  spent: bigint;
  /** Alerts that were given. */
  alerts: number;
}

export interface BudgetsState {
  accounts: [string, Account][];
  /** hold, user, start of its period, most */
  holds: [number, string, TimeUs, bigint][];
}

export type Verdict = { code: typeof Code.ok } | { code: typeof Code.overBudget; limitUs: TimeUs };
const fits: Verdict = { code: Code.ok };

export class Budgets {
  readonly #rules: ReadonlyMap<string, BudgetRules & { currency: number }>;
  readonly #config: MarketConfig;
  readonly #port: Port;
  readonly #accounts = new Map<string, Account>();
  readonly #holds = new Map<number, [string, TimeUs, bigint]>();

  constructor(config: MarketConfig, port: Port) {
    this.#config = config;
    this.#port = port;
    this.#rules = new Map(
      config.users.flatMap((u) =>
        u.budget === undefined ? [] : [[u.id, { ...u.budget, currency: u.currency }] as const],
      ),
    );
  }

  #accountOf(now: TimeUs, user: string, rules: BudgetRules): Account {
    const sinceUs = periodStart(now, rules);
    let a = this.#accounts.get(user);
    if (a === undefined || a.sinceUs !== sinceUs) {
      a = { sinceUs, open: 0n, spent: 0n, alerts: 0 };
      this.#accounts.set(user, a);
    }
    return a;
  }

  /** May an attempt of this quote be opened? If not, `limitUs` says for how long it might run; 0 = not at all. */
  admit(now: TimeUs, hold: number, spec: JobSpec, quote: Quote, charged: bigint): Verdict {
    const rules = this.#rules.get(spec.user);
    if (rules === undefined || rules.currency !== quote.currency) return fits;
    const a = this.#accountOf(now, spec.user, rules);
    let left = BigInt(rules.amount) - a.open - a.spent;
    if (rules.perJob !== '0' && BigInt(rules.perJob) - charged < left) left = BigInt(rules.perJob) - charged;
    if (quote.maxCharge <= left) {
      a.open += quote.maxCharge;
      this.#holds.set(hold, [spec.user, a.sinceUs, quote.maxCharge]);
      return fits;
    }
    const affordable = left > 0n && rules.over === 'shorten' ? longest(spec, quote, this.#config.contract, left) : 0;
    const limitUs = affordable >= rules.leastUs ? affordable : 0;
    this.#row(now, spec.user, rules, a, limitUs > 0 ? 'shortened' : 'refused', hold, 0, limitUs);
    return { code: Code.overBudget, limitUs };
  }

  /** The hold has ended, with this charge. */
  ended(now: TimeUs, hold: number, charge: bigint): void {
    const known = this.#holds.get(hold);
    if (known === undefined) return;
    this.#holds.delete(hold);
    const [user, sinceUs, most] = known;
    const a = this.#accounts.get(user)!;
    if (a.sinceUs !== sinceUs) return;
    a.open -= most;
    a.spent += charge;
    const rules = this.#rules.get(user)!;
    // Of a period that is over nobody is alerted: nothing is admitted against it any more.
    if (periodStart(now, rules) !== sinceUs) return;
    const amount = BigInt(rules.amount);
    for (; a.alerts < rules.alertsBps.length; a.alerts++) {
      const bps = rules.alertsBps[a.alerts]!;
      if (a.spent * 10_000n < amount * BigInt(bps)) break;
      this.#row(now, user, rules, a, 'alert', hold, bps, 0);
    }
  }

  #row(
    now: TimeUs,
    user: string,
    rules: BudgetRules & { currency: number },
    a: Account,
    event: string,
    hold: number,
    thresholdBps: number,
    limitUs: TimeUs,
  ): void {
    this.#port.decide(hold, limitUs, thresholdBps);
    this.#port.row('budgets', {
      time_us: now,
      user,
      period_start_us: a.sinceUs,
      event,
      job_id: jobOfHold(hold),
      attempt: attemptOfHold(hold),
      currency: this.#config.currencies[rules.currency]!.code,
      budget_micro: BigInt(rules.amount),
      spent_micro: a.spent,
      open_micro: a.open,
      threshold_bps: thresholdBps,
      limit_us: limitUs,
    });
  }

  /** First broken law, or null: nobody's period has more open and spent than its budget, and open is what open attempts can cost. */
  fault(): string | null {
    const open = new Map<string, bigint>();
    for (const [user, sinceUs, most] of this.#holds.values())
      if (this.#accounts.get(user)!.sinceUs === sinceUs) open.set(user, (open.get(user) ?? 0n) + most);
    for (const [user, a] of this.#accounts) {
      if (a.open !== (open.get(user) ?? 0n))
        return `${user} has ${a.open} open, its attempts can cost ${open.get(user)}`;
      const { amount } = this.#rules.get(user)!;
      if (a.open + a.spent > BigInt(amount)) return `${user} may spend ${a.open + a.spent} of a budget of ${amount}`;
    }
    return null;
  }

  snapshot(): BudgetsState {
    return {
      accounts: [...this.#accounts],
      holds: [...this.#holds].map(([hold, [user, sinceUs, most]]) => [hold, user, sinceUs, most]),
    };
  }

  /** Takes ownership of the state. */
  restore(s: BudgetsState): void {
    for (const [user, a] of s.accounts) this.#accounts.set(user, a);
    for (const [hold, user, sinceUs, most] of s.holds) this.#holds.set(hold, [user, sinceUs, most]);
  }
}

const periodStart = (now: TimeUs, rules: BudgetRules): TimeUs =>
  rules.periodUs === 0 ? 0 : Math.floor(now / rules.periodUs) * rules.periodUs;

/** The longest limit under which an attempt costs at most `left`; the limit it has where that costs nothing. */
function longest(spec: JobSpec, quote: Quote, rules: ContractRules | undefined, left: bigint): TimeUs {
  const dearest = Math.max(...quote.rates);
  if (rules?.kind === 'escrow') {
    let perBlock = 0n;
    for (const g of spec.groups) perBlock += BigInt(g.tasks) * blockPrice(dearest, g.gpus * g.gpuMilli, rules.blockUs);
    const blocks = perBlock === 0n ? null : left / perBlock;
    return blocks === null ? spec.limitUs : Math.min(spec.limitUs, Number(blocks) * rules.blockUs);
  }
  const price = BigInt(dearest) * BigInt(demandOf(spec).totalMilli);
  if (price === 0n) return spec.limitUs;
  const us = (left * BigInt(HOUR_US) * BigInt(WHOLE_GPU)) / price;
  return us < BigInt(spec.limitUs) ? Number(us) : spec.limitUs;
}
