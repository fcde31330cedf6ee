/** The independent auditor's count of the votes: who nominates, who is elected, who sits. Shares no code with the election rules. */
import type { JournalHeader } from '../../core/journal/journal.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}
type Rules = NonNullable<JournalHeader['config']['staking']>;

interface Vote {
  at: number;
  epoch: boolean;
  /** pool -> voter, amount */
  backing: Map<string, [string, bigint][]>;
  seats: Map<string, bigint>;
  ranks: Map<string, bigint>;
  approval: Map<string, bigint>;
  commission: Map<string, bigint>;
}

export class VoteAudit {
  readonly #config: JournalHeader['config'];
  readonly #rules: Rules;
  readonly #fail: (what: string) => never;
  /** Stake that a staker votes with, now. */
  readonly #bonded: (who: string) => bigint;
  readonly #nominees = new Map<string, number[]>();
  readonly #commission: bigint[];
  readonly #down: boolean[];
  #holders: number[];
  readonly #votes: Vote[];
  #counted = 0;

  constructor(
    config: JournalHeader['config'],
    elections: Table,
    bonded: (who: string) => bigint,
    fail: (what: string) => never,
  ) {
    this.#config = config;
    this.#rules = config.staking!;
    this.#fail = fail;
    this.#bonded = bonded;
    this.#commission = this.#rules.commissionBps.map(BigInt);
    this.#down = config.pools.map(() => false);
    this.#holders = config.pools.map((_, p) => p).filter((p) => config.nodes.some((n) => n.pool === p));
    this.#votes = readVotes(elections);
    for (const s of this.#rules.stakers) if (s.nominates.length > 0) this.#nominees.set(s.id, s.nominates);
  }

  nominate(who: string, pools: number[]): void {
    const once = [...new Set(pools)];
    const known =
      this.#rules.stakers.some((s) => s.id === who) && once.every((p) => this.#config.pools[p] !== undefined);
    if (known && once.length <= this.#rules.maxNominations) this.#nominees.set(who, once);
  }

  commission(pool: number, bps: number): void {
    if (this.#config.pools[pool] !== undefined && Number.isInteger(bps) && bps >= 0 && bps <= 10_000)
      this.#commission[pool] = BigInt(bps);
  }

  /** An aggregator has stopped answering, or is back. */
  aggregator(at: number, pool: number, up: boolean): void {
    if (this.#config.pools[pool] === undefined) return;
    this.#down[pool] = !up;
    if (!up && this.#holders.includes(pool)) this.#replace(at, pool);
  }

  /** Who stands behind the pool, by the last election that had been held when a stamp's pots were divided. */
  backing(at: number, pool: string): [string, bigint][] {
    return (
      this.#votes
        .filter((v) => v.at < at || (v.at === at && !v.epoch))
        .at(-1)
        ?.backing.get(pool) ?? []
    );
  }

  /** Part of an aggregator's share that goes to those who back its pool. */
  backers(at: number, pool: string, share: bigint): bigint {
    if (this.backing(at, pool).length === 0) return 0n;
    return share - (share * this.#commission[this.#config.pools.findIndex((p) => p.id === pool)]!) / 10_000n;
  }

  finish(): void {
    if (this.#counted < this.#votes.length)
      this.#fail(`elections.parquet: an election at ${this.#votes[this.#counted]!.at} us that nothing demands`);
  }

  #take(at: number, epoch: boolean): Vote {
    const v = this.#votes[this.#counted++];
    if (v === undefined || v.at !== at || v.epoch !== epoch)
      return this.#fail(`elections.parquet: the election at ${at} us is missing`);
    this.#config.pools.forEach((p, i) => {
      const approval = this.#down[i] === true ? 0n : this.#approval(i);
      if (v.approval.get(p.id) !== approval)
        this.#fail(
          `elections.parquet at ${at} us: ${p.id} is nominated by ${v.approval.get(p.id)}, worked out ${approval}`,
        );
      if (v.commission.get(p.id) !== this.#commission[i])
        this.#fail(`elections.parquet at ${at} us: commission of ${p.id}`);
    });
    const lent = new Map<string, bigint>();
    for (const [pool, backing] of v.backing)
      for (const [voter, amount] of backing) {
        lent.set(voter, (lent.get(voter) ?? 0n) + amount);
        const i = this.#config.pools.findIndex((p) => p.id === pool);
        if (epoch && !(this.#nominees.get(voter) ?? []).includes(i))
          this.#fail(`elections.parquet at ${at} us: ${voter} backs ${pool}, which it does not nominate`);
      }
    if (epoch)
      for (const [voter, amount] of lent)
        if (amount > this.#bonded(voter))
          this.#fail(`elections.parquet at ${at} us: ${voter} lends ${amount}, more than it has bonded`);
    return v;
  }

  #approval(pool: number): bigint {
    let n = 0n;
    for (const [who, pools] of this.#nominees) if (pools.includes(pool)) n += this.#bonded(who);
    return n;
  }

  /** The election that opens an epoch. */
  election(at: number): void {
    const v = this.#take(at, true);
    const standing = this.#config.pools.map((_, i) => i).filter((i) => this.#down[i] !== true);
    const seats = Math.min(this.#rules.election.seats, standing.length);
    const ranked = [...v.ranks]
      .filter(([, r]) => r > 0n)
      .sort((a, b) => (a[1] < b[1] ? -1 : 1))
      .map(([id]) => this.#config.pools.findIndex((p) => p.id === id));
    const rule = this.#rules.election.rule.name;
    if (rule === 'phragmen' || rule === 'top-k') {
      const mine = rule === 'top-k' ? this.#topK(standing, seats) : this.#phragmen(standing, seats);
      if (mine.join() !== ranked.join())
        this.#fail(`elections.parquet at ${at} us: elected ${ranked.join()}, counted again ${mine.join()}`);
    }
    const backed = (p: number) =>
      (v.backing.get(this.#config.pools[p]!.id) ?? []).reduce((n, [, amount]) => n + amount, 0n);
    const least = BigInt(this.#rules.election.minSupport);
    const seated = ranked.filter((p) => backed(p) > 0n && backed(p) >= least);
    const fresh = seated.filter((p) => !this.#holders.includes(p));
    for (const h of new Set(this.#holders)) {
      if (seated.includes(h)) continue;
      const to = fresh.shift();
      if (to === undefined) break;
      this.#holders = this.#holders.map((x) => (x === h ? to : x));
    }
    this.#checkSeats(v);
  }

  #replace(at: number, pool: number): void {
    const standing = this.#config.pools.map((_, i) => i).filter((i) => this.#down[i] !== true);
    const rule = this.#rules.election.rule.name;
    const least = BigInt(this.#rules.election.minSupport);
    const able = standing.filter(
      (p) => !this.#holders.includes(p) && this.#approval(p) > 0n && this.#approval(p) >= least,
    );
    if (able.length === 0) return;
    const v = this.#take(at, false);
    let to = this.#config.pools.findIndex((p) => v.seats.get(p.id) === BigInt(this.#holders.indexOf(pool)));
    if (rule === 'phragmen' || rule === 'top-k') {
      const seats = Math.min(this.#rules.election.seats, standing.length);
      const won = rule === 'top-k' ? this.#topK(standing, seats) : this.#phragmen(standing, seats);
      const order = [...won, ...this.#topK(standing, standing.length).filter((p) => !won.includes(p))];
      to = order.find((p) => able.includes(p))!;
    }
    if (!able.includes(to)) this.#fail(`elections.parquet at ${at} us: nobody who could took the failed seat`);
    this.#holders = this.#holders.map((x) => (x === pool ? to : x));
    this.#checkSeats(v);
  }

  #checkSeats(v: Vote): void {
    this.#config.pools.forEach((p, i) => {
      const want = BigInt(this.#holders.indexOf(i));
      if (v.seats.get(p.id) !== want)
        this.#fail(`elections.parquet at ${v.at} us: ${p.id} has seat ${v.seats.get(p.id)}, worked out ${want}`);
    });
  }

  #topK(standing: number[], seats: number): number[] {
    const sorted = [...standing].sort((a, b) => {
      const x = this.#approval(a);
      const y = this.#approval(b);
      return x === y ? a - b : x > y ? -1 : 1;
    });
    return sorted.slice(0, seats);
  }

  /** Sequential Phragmén once more, with loads as plain fractions. */
  #phragmen(standing: number[], seats: number): number[] {
    const voters = [...this.#nominees].map(([who, pools]) => ({
      stake: this.#bonded(who),
      pools: pools.filter((p) => standing.includes(p)),
      num: 0n,
      den: 1n,
    }));
    const out: number[] = [];
    while (out.length < seats) {
      let best: { pool: number; num: bigint; den: bigint } | null = null;
      for (const pool of standing) {
        if (out.includes(pool)) continue;
        let num = 1n;
        let den = 1n;
        let stake = 0n;
        for (const v of voters) {
          if (v.stake === 0n || !v.pools.includes(pool)) continue;
          stake += v.stake;
          [num, den] = shorten(num * v.den + v.stake * v.num * den, den * v.den);
        }
        if (stake === 0n) continue;
        [num, den] = shorten(num, den * stake);
        if (best === null || num * best.den < best.num * den) best = { pool, num, den };
      }
      // Nobody nominates who is left: the seats are filled in order.
      const pool = best?.pool ?? standing.find((p) => !out.includes(p))!;
      out.push(pool);
      if (best === null) continue;
      for (const v of voters) if (v.stake > 0n && v.pools.includes(pool)) ({ num: v.num, den: v.den } = best);
    }
    return out;
  }
}

function readVotes(t: Table): Vote[] {
  const c = t.columns;
  const votes: Vote[] = [];
  let last = '';
  for (let i = 0; i < t.rows; i++) {
    const pool = c['pool']![i] as string;
    const key = `${String(c['time_us']![i])} ${String(c['occasion']![i])}`;
    let v = votes.at(-1);
    // One election lists every pool once: the first pool again is the next election.
    if (v === undefined || key !== last || (c['voter']![i] === '' && v.seats.has(pool))) {
      v = {
        at: Number(c['time_us']![i]),
        epoch: c['occasion']![i] === 'epoch',
        backing: new Map(),
        seats: new Map(),
        ranks: new Map(),
        approval: new Map(),
        commission: new Map(),
      };
      votes.push(v);
      last = key;
    }
    if (c['voter']![i] === '') {
      v.seats.set(pool, c['seat']![i] as bigint);
      v.ranks.set(pool, c['rank']![i] as bigint);
      v.approval.set(pool, c['approval_micro']![i] as bigint);
      v.commission.set(pool, c['commission_bps']![i] as bigint);
      v.backing.set(pool, []);
    } else v.backing.get(pool)!.push([c['voter']![i] as string, c['amount_micro']![i] as bigint]);
  }
  return votes;
}

function shorten(num: bigint, den: bigint): [bigint, bigint] {
  let a = num;
  let b = den;
  while (b > 0n) [a, b] = [b, a % b];
  return [num / a, den / a];
}
