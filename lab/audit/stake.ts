/**
 * The independent auditor's part for stake: keeps every token as one of a list of parts, moves them as the journal's acts and the
 * calendar demand, works out what each pot owed to whom, and counts every election again. Shares no code with Settlement.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}

export type StakeActs = { at: number; seq: number; act: Record<string, unknown> & { do: string } }[];

interface Part {
  staker: string;
  provider: string;
  since: number;
  /** -1 = bonded. */
  started: number;
  ends: number;
  amount: bigint;
}

interface Slash {
  offence: number;
  provider: string;
  due: number;
  parts: Part[];
}

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

type Move = string;
type Rules = NonNullable<JournalHeader['config']['staking']>;

const less = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const total = (parts: readonly { amount: bigint }[]) => parts.reduce((n, p) => n + p.amount, 0n);

export class StakeAudit {
  readonly #config: JournalHeader['config'];
  readonly #rules: Rules;
  readonly #acts: StakeActs;
  readonly #fail: (what: string) => never;
  readonly #apportion: (total: bigint, weights: bigint[]) => bigint[];
  #parts: Part[] = [];
  #slashes: Slash[] = [];
  #ended = new Map<number, number>();
  #jails: { offence: number; provider: string; until: number }[] = [];
  readonly #finals = new Map<string, number>();
  readonly #locks = new Map<string, number>();
  readonly #free = new Map<string, bigint>();
  #atEpoch = new Map<string, bigint>();
  readonly #nominees = new Map<string, number[]>();
  readonly #commission: bigint[];
  readonly #down: boolean[];
  #holders: number[];
  #next = 0;
  #boundary: number;
  #now = -1;
  readonly #due = new Map<Move, number>();
  readonly #votes: Vote[];
  #counted = 0;
  /** currency|provider and currency#pool -> owed out of the pot */
  readonly #owed = new Map<string, bigint>();

  constructor(
    config: JournalHeader['config'],
    acts: StakeActs,
    elections: Table,
    apportion: (total: bigint, weights: bigint[]) => bigint[],
    fail: (what: string) => never,
  ) {
    this.#config = config;
    this.#rules = config.staking!;
    this.#acts = acts;
    this.#fail = fail;
    this.#apportion = apportion;
    this.#commission = this.#rules.commissionBps.map(BigInt);
    this.#down = config.pools.map(() => false);
    this.#holders = config.pools.map((_, p) => p).filter((p) => config.nodes.some((n) => n.pool === p));
    this.#votes = readVotes(elections);
    this.#boundary = this.#rules.epochUs;
    for (const s of this.#rules.stakers) {
      this.#free.set(s.id, BigInt(s.tokens));
      this.#expect(0, 'world', `free:${s.id}`, BigInt(s.tokens), 'deposit');
      if (s.nominates.length > 0) this.#nominees.set(s.id, s.nominates);
      if (BigInt(s.bonded) > 0n) this.#bond(0, s.id, '', s.bonded, 0);
    }
    for (const k of config.stakes) this.#bond(0, k.staker, k.provider, k.amount, k.lockedUntilUs ?? 0);
    this.#beginEpoch();
  }

  #expect(at: number, from: string, to: string, amount: bigint, reason: string): void {
    if (amount === 0n) return;
    const key = `${at} us: ${reason} of ${amount} from ${from} to ${to}`;
    this.#due.set(key, (this.#due.get(key) ?? 0) + 1);
  }

  /** A transfer of tokens that the ledger made: it must be one that was demanded by then. */
  moved(where: string, at: number, from: string, to: string, amount: bigint, reason: string): void {
    this.#advance(at);
    const key = `${at} us: ${reason} of ${amount} from ${from} to ${to}`;
    const n = this.#due.get(key) ?? 0;
    if (n === 0) this.#fail(`${where}: nothing demands, at ${key}`);
    if (n === 1) this.#due.delete(key);
    else this.#due.set(key, n - 1);
  }

  /** Nothing that was demanded until the end may be missing; every pot is empty; every election was counted. */
  close(end: number): void {
    this.#advance(end);
    if (this.#boundary === end) this.#election(end);
    for (const key of this.#due.keys()) this.#fail(`transfers.parquet: missing, at ${key}`);
    for (const [key, v] of this.#owed)
      if (v > 0n) this.#fail(`transfers.parquet: the staker pot still owes ${v} for ${key}`);
    if (this.#counted < this.#votes.length)
      this.#fail(`elections.parquet: an election at ${this.#votes[this.#counted]!.at} us that nothing demands`);
  }

  // ---- the calendar ----

  #advance(to: number): void {
    while (this.#now <= to) {
      const act = this.#acts[this.#next]?.at ?? Infinity;
      let at = Math.min(act, this.#boundary);
      for (const p of this.#parts) if (p.started >= 0) at = Math.min(at, p.ends);
      for (const s of this.#slashes) at = Math.min(at, s.due);
      if (at > to) break;
      if (this.#boundary < at || (this.#boundary === at && this.#now === at)) {
        // What the boundary itself does comes after everything else at its stamp, payments included.
        if (this.#boundary >= to) break;
        this.#election(this.#boundary);
        this.#beginEpoch();
        this.#boundary += this.#rules.epochUs;
        continue;
      }
      this.#now = at;
      for (; this.#acts[this.#next]?.at === at; this.#next++) this.#act(at, this.#acts[this.#next]!.act);
      this.#fallDue(at);
    }
  }

  #fallDue(at: number): void {
    for (const s of this.#slashes.filter((x) => x.due <= at)) {
      this.#slashes = this.#slashes.filter((x) => x !== s);
      this.#ended.set(s.offence, at);
      const bounty = (total(s.parts) * BigInt(this.#rules.slashing.bountyBps)) / 10_000n;
      this.#expect(at, 'slash-escrow', 'bounty', bounty, 'bounty');
      this.#expect(at, 'slash-escrow', 'slash-pot', total(s.parts) - bounty, 'slash-final');
      const n = (this.#finals.get(s.provider) ?? 0) + 1;
      this.#finals.set(s.provider, n);
      if (n === this.#rules.slashing.tombstoneAfter)
        this.#jails.push({ offence: s.offence, provider: s.provider, until: Infinity });
    }
    const out = new Map<string, bigint>();
    for (const p of this.#parts) {
      if (p.started < 0 || p.ends > at) continue;
      const key = `${p.staker}|${p.provider}`;
      out.set(key, (out.get(key) ?? 0n) + p.amount);
    }
    this.#parts = this.#parts.filter((p) => p.started < 0 || p.ends > at);
    for (const [key, amount] of out) {
      const [staker, provider] = key.split('|') as [string, string];
      this.#give(staker, amount);
      this.#expect(at, nameOf('unbonding', staker, provider), `free:${staker}`, amount, 'withdraw');
    }
  }

  #give(staker: string, amount: bigint): void {
    this.#free.set(staker, (this.#free.get(staker) ?? 0n) + amount);
  }

  #beginEpoch(): void {
    this.#atEpoch = new Map();
    for (const p of this.#parts)
      if (p.started < 0) {
        const key = `${p.staker}|${p.provider}`;
        this.#atEpoch.set(key, (this.#atEpoch.get(key) ?? 0n) + p.amount);
      }
  }

  #lots(staker: string, provider: string): Part[] {
    return this.#parts.filter((p) => p.staker === staker && p.provider === provider && p.started < 0);
  }

  #act(at: number, a: StakeActs[number]['act']): void {
    const s = (k: string) => a[k] as string;
    switch (a.do) {
      case 'bond':
        this.#bond(at, s('staker'), s('provider'), s('amount'), a['lockUs'] as number);
        return;
      case 'unbond':
        this.#unbond(at, s('staker'), s('provider'), s('amount'));
        return;
      case 'offence':
        this.#offence(at, a['offence'] as number, s('provider'), a['atUs'] as number);
        return;
      case 'appeal':
        if (a['reversed'] === true) this.#reverse(at, a['offence'] as number);
        return;
      case 'nominate': {
        const pools = [...new Set(a['pools'] as number[])];
        const known = this.#free.has(s('staker')) && pools.every((p) => this.#config.pools[p] !== undefined);
        if (known && pools.length <= this.#rules.maxNominations) this.#nominees.set(s('staker'), pools);
        return;
      }
      case 'commission': {
        const bps = a['bps'] as number;
        const pool = a['pool'] as number;
        if (this.#config.pools[pool] !== undefined && Number.isInteger(bps) && bps >= 0 && bps <= 10_000)
          this.#commission[pool] = BigInt(bps);
        return;
      }
      default: {
        const pool = a['pool'] as number;
        if (this.#config.pools[pool] === undefined) return;
        this.#down[pool] = a['up'] !== true;
        if (a['up'] !== true && this.#holders.includes(pool)) this.#replace(at, pool);
      }
    }
  }

  #bond(at: number, staker: string, provider: string, text: string, lockUs: number): void {
    const amount = wholeOf(text);
    const free = this.#free.get(staker);
    if (amount === 0n || !(lockUs >= 0) || free === undefined) return;
    if (provider !== '' && !this.#config.nodes.some((n) => n.provider === provider)) return;
    if (this.#jails.some((j) => j.provider === provider && j.until > at)) return;
    const lots = this.#lots(staker, provider);
    if (total(lots) + amount < BigInt(this.#rules.minBond) || amount > free) return;
    this.#free.set(staker, free - amount);
    this.#expect(at, `free:${staker}`, nameOf('bonded', staker, provider), amount, 'bond');
    this.#addLot(at, { staker, provider, since: at, started: -1, ends: -1, amount });
    const key = `${staker}|${provider}`;
    this.#locks.set(key, Math.max(this.#locks.get(key) ?? 0, at + lockUs));
  }

  /** Bonded parts stand in order of age; those older than any evidence that could come count as one. */
  #addLot(at: number, lot: Part): void {
    const lots = this.#lots(lot.staker, lot.provider);
    this.#parts = this.#parts.filter((p) => !lots.includes(p));
    lots.push(lot);
    lots.sort((a, b) => a.since - b.since);
    const oldest = at - this.#rules.unbondingUs;
    while (lots.length > 1 && (lots[1]!.since < oldest || lots[0]!.since === lots[1]!.since)) {
      const first = lots.shift()!;
      lots[0] = { ...lots[0]!, amount: lots[0]!.amount + first.amount };
    }
    this.#parts.push(...lots);
  }

  #unbond(at: number, staker: string, provider: string, text: string): void {
    const amount = wholeOf(text);
    const lots = this.#lots(staker, provider);
    const left = total(lots) - amount;
    if (amount === 0n || left < 0n || (this.#locks.get(`${staker}|${provider}`) ?? 0) > at) return;
    if (left > 0n && left < BigInt(this.#rules.minBond)) return;
    const queued = new Set(
      this.#parts.filter((p) => p.staker === staker && p.provider === provider && p.started >= 0).map((p) => p.started),
    );
    if (!queued.has(at) && queued.size >= this.#rules.maxUnbonding) return;
    this.#expect(at, nameOf('bonded', staker, provider), nameOf('unbonding', staker, provider), amount, 'unbond');
    let rest = amount;
    for (const lot of lots.reverse()) {
      if (rest === 0n) break;
      const part = rest < lot.amount ? rest : lot.amount;
      this.#parts.push({ ...lot, started: at, ends: at + this.#rules.unbondingUs, amount: part });
      lot.amount -= part;
      rest -= part;
    }
    this.#parts = this.#parts.filter((p) => p.amount > 0n);
  }

  #offence(at: number, offence: number, provider: string, deed: number): void {
    const age = this.#rules.unbondingUs;
    const settled = this.#ended.get(offence);
    if (!this.#config.nodes.some((n) => n.provider === provider)) return;
    if (this.#slashes.some((s) => s.offence === offence) || (settled !== undefined && settled >= at - age)) return;
    if (deed < 0 || deed > at || deed < at - age) return;
    this.#jails.push({ offence, provider, until: at + this.#rules.slashing.jailUs });
    const behind = this.#parts.filter(
      (p) => p.provider === provider && p.since <= deed && (p.started < 0 || p.started >= deed),
    );
    const order = [...new Set(behind.map((p) => p.staker))].sort(less).flatMap((who) => {
      const mine = behind.filter((p) => p.staker === who);
      return [...mine.filter((p) => p.started < 0), ...mine.filter((p) => p.started >= 0)];
    });
    const whole = (total(order) * BigInt(this.#rules.slashing.fractionBps)) / 10_000n;
    const cuts = this.#apportion(
      whole,
      order.map((p) => p.amount),
    );
    const slash: Slash = { offence, provider, due: at + this.#rules.slashing.appealUs, parts: [] };
    order.forEach((p, i) => {
      if (cuts[i] === 0n) return;
      slash.parts.push({ ...p, amount: cuts[i]! });
      p.amount -= cuts[i]!;
      const from = nameOf(p.started < 0 ? 'bonded' : 'unbonding', p.staker, provider);
      this.#expect(at, from, 'slash-escrow', cuts[i]!, 'slash');
    });
    this.#parts = this.#parts.filter((p) => p.amount > 0n);
    this.#slashes.push(slash);
  }

  #reverse(at: number, offence: number): void {
    const s = this.#slashes.find((x) => x.offence === offence && x.due > at);
    if (s === undefined) return;
    this.#slashes = this.#slashes.filter((x) => x !== s);
    this.#ended.set(offence, at);
    this.#jails = this.#jails.filter((j) => j.offence !== offence);
    for (const p of s.parts) {
      const gone = p.started >= 0 && p.ends <= at;
      const to = gone ? `free:${p.staker}` : nameOf(p.started < 0 ? 'bonded' : 'unbonding', p.staker, s.provider);
      this.#expect(at, 'slash-escrow', to, p.amount, 'slash-returned');
      if (gone) this.#give(p.staker, p.amount);
      else if (p.started < 0) this.#addLot(at, { ...p });
      else this.#parts.push({ ...p });
    }
  }

  // ---- pots ----

  #voteAt(at: number): Vote | undefined {
    return this.#votes.filter((v) => v.at < at || (v.at === at && !v.epoch)).at(-1);
  }

  /** Part of an aggregator's share that goes to those who back its pool. */
  backers(at: number, pool: string, share: bigint): bigint {
    this.#advance(at);
    if ((this.#voteAt(at)?.backing.get(pool) ?? []).length === 0) return 0n;
    return share - (share * this.#commission[this.#config.pools.findIndex((p) => p.id === pool)]!) / 10_000n;
  }

  owe(currency: string, whom: string, amount: bigint): void {
    const key = `${currency}|${whom}`;
    this.#owed.set(key, (this.#owed.get(key) ?? 0n) + amount);
  }

  /** What the pot pays at `at`: party, currency, amount, reason; and it is empty afterwards. */
  pots(at: number): [string, string, bigint, string][] {
    this.#advance(at);
    const out: [string, string, bigint, string][] = [];
    for (const [key, amount] of this.#owed) {
      const [currency, whom] = key.split('|') as [string, string];
      if (whom.startsWith('#')) {
        const backing = this.#voteAt(at)?.backing.get(whom.slice(1)) ?? [];
        const { aggregator } = this.#config.pools.find((p) => p.id === whom.slice(1))!;
        if (backing.length === 0) out.push([`aggregator:${aggregator}`, currency, amount, 'backer-rest']);
        this.#apportion(
          amount,
          backing.map(([, s]) => s),
        ).forEach((v, i) => {
          out.push([`staker:${backing[i]![0]}`, currency, v, 'backer-share']);
        });
        continue;
      }
      const jailed = this.#jails.some((j) => j.provider === whom && j.until > at);
      const stakers = jailed ? [] : [...this.#free.keys()].sort(less);
      const weights = stakers.map((who) => this.#weight(at, who, whom));
      if (weights.every((w) => w === 0n)) out.push(['treasury', currency, amount, 'staker-rest']);
      else
        this.#apportion(amount, weights).forEach((v, i) => {
          out.push([`staker:${stakers[i]!}`, currency, v, 'staker-share']);
        });
    }
    this.#owed.clear();
    return out;
  }

  #weight(at: number, staker: string, provider: string): bigint {
    const now = total(this.#lots(staker, provider));
    const then = this.#atEpoch.get(`${staker}|${provider}`) ?? 0n;
    const stake = now < then ? now : then;
    const { name, params } = this.#rules.weight;
    if (name === 'linear') return stake;
    if (name === 'sqrt') return root(stake * BigInt(`1${'0'.repeat(60)}`));
    if (name === 'capped') {
      const cap = BigInt(params['cap'] as string);
      return stake < cap ? stake : cap;
    }
    const most = params['maxLockUs'] as number;
    const left = Math.max(0, (this.#locks.get(`${staker}|${provider}`) ?? 0) - at);
    return stake * BigInt(Math.min(left, most));
  }

  // ---- elections ----

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
        if (amount > total(this.#lots(voter, '')))
          this.#fail(`elections.parquet at ${at} us: ${voter} lends ${amount}, more than it has bonded`);
    return v;
  }

  #approval(pool: number): bigint {
    let n = 0n;
    for (const [who, pools] of this.#nominees) if (pools.includes(pool)) n += total(this.#lots(who, ''));
    return n;
  }

  #election(at: number): void {
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
      total((v.backing.get(this.#config.pools[p]!.id) ?? []).map(([, amount]) => ({ amount })));
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
      stake: total(this.#lots(who, '')),
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

const nameOf = (kind: string, staker: string, provider: string): string =>
  provider === '' ? `${kind}:${staker}` : `${kind}:${staker}@${provider}`;

const wholeOf = (text: string): bigint =>
  /^\d{1,19}$/.test(text) && BigInt(text) < 9_223_372_036_854_775_808n ? BigInt(text) : 0n;

function shorten(num: bigint, den: bigint): [bigint, bigint] {
  let a = num;
  let b = den;
  while (b > 0n) [a, b] = [b, a % b];
  return [num / a, den / a];
}

/** Whole square root, by halving. */
function root(n: bigint): bigint {
  let low = 0n;
  let high = n + 1n;
  while (high - low > 1n) {
    const mid = (low + high) / 2n;
    if (mid * mid <= n) low = mid;
    else high = mid;
  }
  return low;
}
