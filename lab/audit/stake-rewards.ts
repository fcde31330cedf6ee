/**
 * The independent auditor's arithmetic for what stake earns: running sums of rewards per token, saturation, issue of tokens, and the
 * contributions that verifiers' words add up to. Shares no code with Settlement or the mechanisms.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}
type Rules = NonNullable<JournalHeader['config']['staking']>;

const E18 = 1_000_000_000_000_000_000n;
const less = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Rewards per token, 18 decimals: what F1's periods come to where no slash lies between them. */
export class PerToken {
  #sum = 0n;
  #waiting = 0n;
  #tokens = 0n;
  /** Given in, not paid out. */
  owed = 0n;
  readonly stakes = new Map<string, { stake: bigint; since: bigint }>();

  give(amount: bigint): void {
    this.#waiting += amount;
    this.owed += amount;
  }

  /** What the staker is due before its stake becomes `stake`. */
  set(who: string, stake: bigint): bigint {
    if (this.#tokens > 0n) this.#sum += (this.#waiting * E18) / this.#tokens;
    this.#waiting = 0n;
    const old = this.stakes.get(who) ?? { stake: 0n, since: 0n };
    const due = ((this.#sum - old.since) * old.stake) / E18;
    this.#tokens += stake - old.stake;
    this.stakes.set(who, { stake, since: this.#sum });
    this.owed -= due;
    return due;
  }
}

type Fraction = [bigint, bigint];
const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d + c * b, b * d];
const times = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * c, b * d];
const least = (x: Fraction, y: Fraction): Fraction => (x[0] * y[1] < y[0] * x[1] ? x : y);

function fraction(text: string): Fraction {
  const [whole, den] = text.split('/') as [string, string | undefined];
  if (den !== undefined) return [BigInt(whole), BigInt(den)];
  const [int, decimals = ''] = whole.split('.') as [string, string | undefined];
  return [BigInt(int + decimals), BigInt(`1${'0'.repeat(decimals.length)}`)];
}

/** What saturation leaves a provider of the pots of all: Cardano's formula with its two floors. */
export function saturated(
  rules: { pools: number; influence: string },
  total: bigint,
  staked: bigint,
  p: { stake: bigint; pledge: bigint; earned: bigint },
): bigint {
  if (p.stake === 0n || p.earned === 0n) return 0n;
  const z: Fraction = [1n, BigInt(rules.pools)];
  const a0 = fraction(rules.influence);
  const s = least([p.stake, staked], z);
  const own = least([p.pledge, staked], z);
  const gap = plus(z, [-s[0], s[1]]);
  const inner = plus(s, times([-own[0], own[1]], times(gap, [z[1], z[0]])));
  const all = plus(s, times(times(own, a0), times(inner, [z[1], z[0]])));
  const most = times([total, 1n], times(all, [a0[1], a0[0] + a0[1]]));
  const whole = most[0] / most[1];
  return (whole * p.earned * staked) / (total * p.stake);
}

/** Tokens issued for the epoch that starts at a stamp. */
export function issued(e: NonNullable<Rules['emission']>, from: number): bigint {
  let amount = BigInt(e.perEpoch);
  for (let t = e.halvingUs; e.halvingUs > 0 && t <= from && amount > 0n; t += e.halvingUs) amount /= 2n;
  return amount;
}

/** A staker, what its stakes weigh, and the suppliers it backs. */
export interface Weighed {
  who: string;
  weight: bigint;
  backs: string[];
}

/** A clearing without some of the suppliers: from when to when it holds and what it leaves an hour. */
export type Cleared = (gone: ReadonlySet<string>) => { since: bigint; until: bigint; left: bigint } | null;

export function shareOfPay(pot: Rules['pot'], pay: bigint, asked: bigint): bigint {
  if (pot?.base === 'gross') return (pay * BigInt(pot.shareBps)) / 10_000n;
  if (pot?.base === 'surplus' && pay > asked) return ((pay - asked) * BigInt(pot.shareBps)) / 10_000n;
  return 0n;
}

/** What each staker gets of what no award claims: by weight, or by weight and what is left without the suppliers it is or backs. */
export function sharesOfRest(
  pot: NonNullable<Rules['pot']>,
  at: bigint,
  rest: bigint,
  list: readonly Weighed[],
  plan: Cleared,
  apportion: (total: bigint, weights: bigint[]) => bigint[],
): [string, bigint][] {
  const give = (whole: bigint, weights: bigint[]): [string, bigint][] =>
    weights.every((w) => w === 0n) ? [] : apportion(whole, weights).map((x, i): [string, bigint] => [list[i]!.who, x]);
  const share = BigInt(pot.shareBps);
  const weights = list.map((s) => s.weight);
  if (pot.base === 'residual') return give((rest * share) / 10_000n, weights);
  const sum = weights.reduce((a, b) => a + b, 0n);
  const whole = plan(new Set());
  if (whole === null || sum === 0n) return [];
  const us = (at < whole.until ? at : whole.until) - whole.since;
  const due = list.map(
    (s) => (plan(new Set([...s.backs, s.who]))!.left * us * s.weight * share) / (3_600_000_000n * sum * 10_000n),
  );
  return due.reduce((a, b) => a + b, 0n) > rest ? give(rest, due) : due.map((x, i) => [list[i]!.who, x]);
}

interface Words {
  checked: number;
  wrong: number;
}

/** Holds the table of contributions against what verifiers said, and knows what each epoch brought and who worked in it. */
export class ContributionAudit {
  readonly #config: JournalHeader['config'];
  readonly #rules: Rules;
  readonly #table: Table;
  readonly #fail: (what: string) => never;
  #at = 0;
  #words = new Map<string, Words>();
  /** Remembered right and checked results, in 1/1024. */
  readonly #memory = new Map<string, [number, number]>();
  #work = new Map<string, { done: bigint; exposed: bigint; fooled: boolean }>();

  constructor(config: JournalHeader['config'], table: Table, fail: (what: string) => never) {
    this.#config = config;
    this.#rules = config.staking!;
    this.#table = table;
    this.#fail = fail;
  }

  attest(a: Record<string, unknown>): void {
    const verifier = a['verifier'] as string;
    const provider = a['provider'] as string;
    const has = (p: string) => this.#config.nodes.some((n) => n.provider === p);
    if (!has(verifier) && !(this.#rules.verifiers ?? []).includes(verifier)) return;
    const planted = a['planted'] === true;
    if (!planted && !has(provider)) return;
    if (!/^\d{1,18}$/.test(a['work'] as string)) return;
    const w = this.#work.get(verifier) ?? { done: 0n, exposed: 0n, fooled: false };
    this.#work.set(verifier, w);
    w.done += BigInt(a['work'] as string);
    if (planted) {
      if (a['good'] === true) w.fooled = true;
      else w.exposed++;
      return;
    }
    const words = this.#words.get(provider) ?? { checked: 0, wrong: 0 };
    this.#words.set(provider, words);
    words.checked++;
    const m = this.#memory.get(provider) ?? [1024, 1024];
    this.#memory.set(provider, m);
    m[1] += 1024;
    if (a['good'] === true) m[0] += 1024;
    else words.wrong++;
  }

  /** Who worked since it was last asked, by name. */
  takeWork(): { verifier: string; done: bigint; exposed: bigint }[] {
    const list = [...this.#work].sort((a, b) => less(a[0], b[0]));
    this.#work = new Map();
    return list.map(([verifier, w]) => ({
      verifier,
      done: w.fooled ? 0n : w.done,
      exposed: w.fooled ? 0n : w.exposed,
    }));
  }

  /** Rows of the epoch that ends at a stamp: each is what it must be. Answers contributions by provider. */
  close(at: number): [string, bigint][] {
    const c = this.#table.columns;
    const out: [string, bigint][] = [];
    for (; this.#at < this.#table.rows && Number(c['time_us']![this.#at]) === at; this.#at++) {
      const n = (k: string) => c[k]![this.#at] as bigint;
      const provider = c['provider']![this.#at] as string;
      const where = `contributions.parquet row ${this.#at}`;
      const words = this.#words.get(provider) ?? { checked: 0, wrong: 0 };
      this.#words.delete(provider);
      if (n('checked') !== BigInt(words.checked) || n('wrong') !== BigInt(words.wrong))
        this.#fail(`${where}: ${n('wrong')} of ${n('checked')} wrong, attested ${words.wrong} of ${words.checked}`);
      const [right, checked] = this.#memory.get(provider) ?? [1024, 1024];
      if (n('correct_bps') !== BigInt(Math.floor((right * 10_000) / checked)))
        this.#fail(`${where}: ${n('correct_bps')} basis points right, worked out ${(right * 10_000) / checked}`);
      if (n('uptime_bps') > 10_000n) this.#fail(`${where}: up for more than the epoch`);
      // The table has effective time in whole units, the product is taken before rounding: it lies within one unit of it.
      const low = (n('effective_milli_us') * n('uptime_bps') * n('correct_bps')) / 100_000_000n;
      if (n('contribution_milli_us') < low || n('contribution_milli_us') > low + 1n)
        this.#fail(`${where}: contribution ${n('contribution_milli_us')}, worked out ${low}`);
      if (n('contribution_milli_us') > 0n) out.push([provider, n('contribution_milli_us')]);
    }
    for (const [provider, words] of this.#words)
      if (words.checked > 0) this.#fail(`contributions.parquet at ${at} us: no row for ${provider}, which was checked`);
    for (const m of this.#memory.values()) for (const k of [0, 1] as const) m[k] -= Math.ceil((m[k] - 1024) / 8);
    return out;
  }

  /** Over the whole run, what was counted is what completed leases used. */
  finish(placements: Table): void {
    if (this.#at < this.#table.rows) this.#fail(`contributions.parquet row ${this.#at}: no epoch ends there`);
    const used = new Map<string, bigint>();
    const add = (who: string, x: bigint) => used.set(who, (used.get(who) ?? 0n) + x);
    const c = this.#table.columns;
    for (let i = 0; i < this.#table.rows; i++) add(c['provider']![i] as string, -(c['used_milli_us']![i] as bigint));
    const p = placements.columns;
    const gangs = new Map<string, boolean>();
    const attempt = (i: number) => `${String(p['job_id']![i])}#${String(p['attempt']![i])}`;
    for (let i = 0; i < placements.rows; i++) if (p['outcome']![i] !== 'completed') gangs.set(attempt(i), false);
    for (let i = 0; i < placements.rows; i++) {
      if (gangs.get(attempt(i)) === false || (p['start_us']![i] as bigint) < 0n) continue;
      const gpus = (p['gpus']![i] as string) === '' ? 0 : (p['gpus']![i] as string).split('+').length;
      const us = (p['end_us']![i] as bigint) - (p['start_us']![i] as bigint);
      add(p['provider']![i] as string, (p['gpu_milli']![i] as bigint) * BigInt(gpus) * us);
    }
    for (const [who, x] of used)
      if (x !== 0n) this.#fail(`contributions.parquet: ${who} differs by ${x} milli-GPU us from its completed leases`);
  }
}

/** Whole square root, by halving. */
export function root(n: bigint): bigint {
  let low = 0n;
  let high = n + 1n;
  while (high - low > 1n) {
    const mid = (low + high) / 2n;
    if (mid * mid <= n) low = mid;
    else high = mid;
  }
  return low;
}
