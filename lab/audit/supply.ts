/**
 * The independent auditor's part for supply auctions: clears every epoch again the slow way, works out what each award earned and what
 * availability cost, from the supply table and the journal. Shares no code with the mechanisms or with Settlement.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}

export interface SupplyAwardRow {
  node: string;
  provider: string;
  pool: string;
  time: bigint;
  until: bigint;
  gpus: bigint;
  of: bigint;
  pay: bigint;
  /** Charged beside it for the treasury, per hour for `of` GPUs. */
  fee: bigint;
}

const HOUR = 3_600_000_000n;

interface Asked {
  who: string;
  ask: bigint;
  offered: bigint;
}

/** Largest remainders: shares of the amount in proportion to the weights, what is left to the largest rests, the first of equals. */
function spread(amount: bigint, weights: readonly bigint[]): bigint[] {
  const all = weights.reduce((a, b) => a + b, 0n);
  if (all === 0n) return weights.map(() => 0n);
  const shares = weights.map((w) => (amount * w) / all);
  const rest = weights.map((w) => (amount * w) % all);
  let missing = amount - shares.reduce((a, b) => a + b, 0n);
  const order = [...rest.keys()].sort((a, b) => (rest[a]! === rest[b]! ? a - b : rest[a]! > rest[b]! ? -1 : 1));
  for (const i of order) {
    if (missing === 0n) break;
    shares[i]!++;
    missing--;
  }
  return shares;
}

/** Cheapest first below the rate; beyond what it asks, a supplier gets what would be lost without all its offers, each by what it adds. */
function cleared(sellers: readonly Asked[], rate: bigint, demand: bigint): { got: bigint[]; pay: bigint[] } {
  const solve = (gone: string | null): { surplus: bigint; got: bigint[] } => {
    const order = [...sellers.keys()].filter((i) => sellers[i]!.who !== gone && sellers[i]!.ask < rate);
    order.sort((a, b) => (sellers[a]!.ask < sellers[b]!.ask ? -1 : sellers[a]!.ask > sellers[b]!.ask ? 1 : a - b));
    const got = sellers.map(() => 0n);
    let left = demand;
    let surplus = 0n;
    for (const i of order) {
      const take = left < sellers[i]!.offered ? left : sellers[i]!.offered;
      got[i] = take;
      surplus += take * (rate - sellers[i]!.ask);
      left -= take;
    }
    return { surplus, got };
  };
  const { surplus, got } = solve(null);
  const pay = sellers.map((s, i) => got[i]! * s.ask);
  for (const who of new Set(sellers.map((s) => s.who))) {
    const own = [...sellers.keys()].filter((i) => sellers[i]!.who === who);
    const adds = own.map((i) => got[i]! * (rate - sellers[i]!.ask));
    if (adds.every((x) => x === 0n)) continue;
    const parts = spread(surplus - solve(who).surplus, adds);
    for (const [k, i] of own.entries()) pay[i]! += parts[k]!;
  }
  return { got, pay };
}

/** Machines going down and coming up, in order of time. */
export type Health = Map<string, { at: bigint; up: boolean }[]>;

export class SupplyAudit {
  readonly awards = new Map<bigint, SupplyAwardRow>();
  /** Clearings of each pool that can be worked out again: what they would leave an hour without some suppliers. */
  readonly #solved = new Map<string, { time: bigint; left: (gone: ReadonlySet<string>) => bigint }[]>();
  readonly #config: JournalHeader['config'];
  readonly #health: Health;
  readonly #fail: (what: string) => never;
  /** Awards of each pool by clearing, for availability. */
  readonly #clearings = new Map<string, SupplyAwardRow[][]>();
  /** By pool: the last clearing for which the chain has reserved, and since when it stands. */
  readonly #booked = new Map<string, { clearing: number; at: bigint }>();

  constructor(
    config: JournalHeader['config'],
    supply: Table,
    rates: Map<string, bigint>,
    health: Health,
    fail: (what: string) => never,
  ) {
    this.#config = config;
    this.#health = health;
    this.#fail = fail;
    this.#read(supply, rates);
  }

  #read(t: Table, rates: Map<string, bigint>): void {
    const c = t.columns;
    const groups = new Map<string, number[]>();
    for (let i = 0; i < t.rows; i++) {
      const key = `${String(c['time_us']![i])}|${String(c['pool']![i])}|${String(c['gpu_class']![i])}`;
      const rows = groups.get(key) ?? [];
      rows.push(i);
      groups.set(key, rows);
      const award = c['award_id']![i] as bigint;
      if (award === 0n) continue;
      const time = c['time_us']![i] as bigint;
      const row: SupplyAwardRow = {
        node: c['node']![i] as string,
        provider: c['provider']![i] as string,
        pool: c['pool']![i] as string,
        time,
        until: ((c['epoch']![i] as bigint) + 1n) * BigInt(this.#config.epochUs),
        gpus: c['awarded_gpus']![i] as bigint,
        of: c['supplier_gpus']![i] as bigint,
        pay: c['pay_micro_per_hour']![i] as bigint,
        fee: 0n,
      };
      this.awards.set(award, row);
      const list = this.#clearings.get(row.pool) ?? [];
      if (list.at(-1)?.[0]?.time !== time) list.push([]);
      list.at(-1)!.push(row);
      this.#clearings.set(row.pool, list);
    }
    for (const [key, rows] of groups) this.#checkClearing(key, rows, c, rates);
  }

  /** pVCG once more, by sorting and solving again without each supplier; only where every job is quoted the same rate. */
  #checkClearing(key: string, rows: readonly number[], c: Record<string, Cell[]>, rates: Map<string, bigint>): void {
    const [, pool, gpuClass] = key.split('|') as [string, string, string];
    const spec = this.#config.pools.find((p) => p.id === pool)!;
    const { params } = spec.pricing;
    // By quality the mechanism divides doubles: what it bought is checked for what it pays, not solved again.
    if (this.#config.staking?.quality === true) return;
    if (spec.pricing.name !== 'pvcg' || params['adjust'] !== undefined || params['reserve'] !== undefined) return;
    const { feeBase, feeBps } = spec.supply!;
    const kept = 10_000n - BigInt(feeBps);
    const posted = rates.get(`${pool}|${gpuClass}`) ?? 0n;
    // Inside the buyers' price the fee never reaches the auction; grossed up it is in every ask.
    const rate = feeBase === 'price' ? (posted * kept) / 10_000n : posted;
    const raised = (ask: bigint) => (feeBase === 'gross-up' ? (ask * 10_000n + kept - 1n) / kept : ask);
    const demand = c['demand_gpus']![rows[0]!] as bigint;
    const sellers: (Asked & { bought: bigint; pay: bigint })[] = [];
    for (const i of rows) {
      const who = c['provider']![i] as string;
      const ask = raised(c['ask_micro_per_gpu_hour']![i] as bigint);
      let s = sellers.find((x) => x.who === who && x.ask === ask);
      if (s === undefined) {
        s = {
          who,
          ask,
          offered: 0n,
          bought: c['supplier_gpus']![i] as bigint,
          pay: c['pay_micro_per_hour']![i] as bigint,
        };
        sellers.push(s);
      }
      s.offered += c['offered_gpus']![i] as bigint;
    }
    this.#keep(key, rate, demand, sellers);
    const { got: bought, pay: paid } = cleared(sellers, rate, demand);
    const fees = sellers.map(() => 0n);
    const names = [...new Set(sellers.map((s) => s.who))];
    for (const who of feeBase === 'leave-one-out' && names.length > 1 ? names : []) {
      const own = [...sellers.keys()].filter((i) => sellers[i]!.who === who);
      const left = this.#solved
        .get(pool)!
        .at(-1)!
        .left(new Set([who]));
      const fee = ((left > 0n ? left : 0n) * BigInt(feeBps)) / (10_000n * BigInt(names.length - 1));
      const gains = own.map((i) => paid[i]! - bought[i]! * sellers[i]!.ask);
      const gain = gains.reduce((x, y) => x + y, 0n);
      if (gain >= fee) {
        // Charged once, each offer by what it gains.
        if (fee > 0n) {
          const parts = spread(fee, gains);
          for (const [k, i] of own.entries()) fees[i] = parts[k]!;
        }
        continue;
      }
      // Who gains less than it would be charged sells nothing.
      for (const i of own) bought[i] = paid[i] = 0n;
    }
    sellers.forEach((s, i) => {
      const got = bought[i]!;
      const pay = paid[i]! - fees[i]!;
      if (fees[i]! > 0n)
        for (const r of rows)
          if (c['provider']![r] === s.who && raised(c['ask_micro_per_gpu_hour']![r] as bigint) === s.ask) {
            const award = this.awards.get(c['award_id']![r] as bigint);
            if (award !== undefined) award.fee = fees[i]!;
          }
      if (s.bought !== got || s.pay !== pay)
        this.#fail(
          `supply.parquet, clearing at ${key}: ${s.who} sells ${s.bought} for ${s.pay} an hour, worked out ${got} for ${pay}`,
        );
    });
  }

  /** The same market with some suppliers gone: income less payments, each payment from the market without its supplier too. */
  #keep(key: string, rate: bigint, demand: bigint, sellers: readonly Asked[]): void {
    const [time, pool] = key.split('|') as [string, string];
    const left = (gone: ReadonlySet<string>): bigint => {
      const { got, pay } = cleared(
        sellers.filter((s) => !gone.has(s.who)),
        rate,
        demand,
      );
      return got.reduce((n, g, i) => n + g * rate - pay[i]!, 0n);
    };
    const known = this.#solved.get(pool) ?? [];
    known.push({ time: BigInt(time), left });
    this.#solved.set(pool, known);
  }

  /** What a metered lease earns its provider under the award, at most its share of the charge. */
  earned(
    award: bigint,
    node: string,
    milliGpus: bigint,
    start: bigint,
    end: bigint,
    share: bigint,
    where: string,
  ): bigint {
    const a = this.awards.get(award) ?? this.#fail(`${where}: supply award ${award} is in no clearing`);
    if (a.node !== node) this.#fail(`${where}: supply award ${award} is of ${a.node}, not of ${node}`);
    const pay = this.#config.pools.find((p) => p.id === a.pool)!.supply!.pay;
    const from = pay === 'use' || start > a.until ? start : a.until;
    if (end <= from) return 0n;
    const due = (a.pay * milliGpus * (end - from)) / (a.of * 1000n * HOUR);
    return due < share ? due : share;
  }

  /** What the treasury takes of a charge of which the provider earns `pay`. */
  fee(award: bigint, milliGpus: bigint, start: bigint, end: bigint, share: bigint, pay: bigint): bigint {
    const a = this.awards.get(award)!;
    const { feeBase, feeBps } = this.#config.pools.find((p) => p.id === a.pool)!.supply!;
    let fee = 0n;
    if (feeBase === 'price') fee = (share * BigInt(feeBps)) / 10_000n;
    else if (end > start) fee = (a.fee * milliGpus * (end - start)) / (a.of * 1000n * HOUR);
    return fee < share - pay ? fee : share - pay;
  }

  /** What the machine's provider asked for metered use. */
  asked(node: string, milliGpus: bigint, start: bigint, end: bigint): bigint {
    const ask = this.#config.nodes.find((n) => n.id === node)?.askMicro ?? 0;
    return end <= start ? 0n : (BigInt(ask) * milliGpus * (end - start)) / (1000n * HOUR);
  }

  /** Stamps of the clearings, ascending. */
  times(): number[] {
    return [...new Set([...this.#solved.values()].flatMap((list) => list.map((x) => Number(x.time))))].sort(
      (a, b) => a - b,
    );
  }

  /** The pool's last clearing before a stamp: from when to when it holds, and what it leaves an hour without some of the suppliers. */
  residual(pool: string, at: bigint, gone: ReadonlySet<string>): { since: bigint; until: bigint; left: bigint } | null {
    const last = (this.#solved.get(pool) ?? []).filter((x) => x.time < at);
    const time = last.at(-1)?.time;
    if (time === undefined) return null;
    const left = last.filter((x) => x.time === time).reduce((n, x) => n + x.left(gone), 0n);
    return {
      since: time,
      until: (time / BigInt(this.#config.epochUs) + 1n) * BigInt(this.#config.epochUs),
      left: left > 0n ? left : 0n,
    };
  }

  /** Availability owed at `at` for the clearing that the chain has booked: provider and amount, in order of the awards. */
  available(pool: string, at: bigint): [string, bigint][] {
    const book = this.#booked.get(pool);
    if (book === undefined) return [];
    return this.#clearings.get(pool)![book.clearing]!.map((a) => {
      const end = at < a.until ? at : a.until;
      const events = this.#health.get(a.node) ?? [];
      let up = true;
      let since = book.at;
      let us = 0n;
      for (const e of events) {
        if (e.at >= end) break;
        // A card that comes back while another is out changes nothing.
        if (e.up === up) continue;
        if (up && e.at > since) us += e.at - since;
        up = e.up;
        since = e.at > book.at ? e.at : book.at;
      }
      if (up && end > since) us += end - since;
      return [a.provider, (a.pay * a.gpus * us) / (a.of * HOUR)];
    });
  }

  /**
   * Most that the awards of a clearing can cost by availability, as the chain reserves it when it hears of it. Over a wire that may be
   * late, and after others: `amount`, which was reserved, is then one of theirs.
   */
  reserved(pool: string, at: bigint, amount: bigint): bigint {
    const list = this.#clearings.get(pool) ?? [];
    let most = 0n;
    for (let i = (this.#booked.get(pool)?.clearing ?? -1) + 1; i < list.length && list[i]![0]!.time <= at; i++) {
      most = list[i]!.reduce((sum, a) => {
        const left = a.until > at ? a.until - at : 0n;
        return sum + (a.pay * a.gpus * left) / (a.of * HOUR) + 1n;
      }, 0n);
      if (most !== amount) continue;
      this.#booked.set(pool, { clearing: i, at });
      break;
    }
    return most;
  }
}
