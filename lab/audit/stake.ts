/**
 * The independent auditor's part for stake: keeps every token as one of a list of parts, moves them as the journal's acts and the
 * calendar demand, works out what each pot owed to whom, and counts every election again. Shares no code with Settlement.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';

import {
  type Cleared,
  ContributionAudit,
  issued,
  PerToken,
  root,
  saturated,
  shareOfPay,
  sharesOfRest,
  type Weighed,
} from './stake-rewards.ts';
import { VoteAudit } from './stake-votes.ts';

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
  verifier: string;
  parts: Part[];
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
  #next = 0;
  #boundary: number;
  #now = -1;
  readonly #due = new Map<Move, number>();
  readonly #end: number;
  /** Stamps at which weights are wanted as they stand when all else at the stamp is over, and those weights. */
  readonly #clearings: number[];
  readonly #weights = new Map<number, Weighed[]>();
  readonly #votes: VoteAudit;
  /** currency|provider and currency#pool -> owed out of the pot */
  readonly #owed = new Map<string, bigint>();
  readonly #contributions: ContributionAudit;
  /** currency|provider -> what is kept for its stakers */
  readonly #kept = new Map<string, PerToken>();
  readonly #vested = new Map<string, bigint>();
  /** Stamp of the boundary, or end, at which what follows the pots was worked out. */
  #closedAt = -1;
  #brought: [string, bigint][] = [];
  #work: ReturnType<ContributionAudit['takeWork']> = [];
  #issuedAt = -1;
  #dividedAt = -1;
  /** What one of the stakers drew, and who could. */
  /** Earned at a stamp by those who compound. */
  #grown: Part[] = [];
  #drawn: { at: number; amount: bigint; who: Set<string> } | null = null;
  /** Boundaries crossed, for the number of the epoch. */
  #epoch = 1;

  constructor(
    config: JournalHeader['config'],
    acts: StakeActs,
    input: { elections: Table; contributions: Table },
    apportion: (total: bigint, weights: bigint[]) => bigint[],
    fail: (what: string) => never,
    end: number,
    clearings: number[],
  ) {
    this.#clearings = clearings;
    this.#end = end;
    this.#config = config;
    this.#rules = config.staking!;
    this.#acts = acts;
    this.#fail = fail;
    this.#apportion = apportion;
    this.#votes = new VoteAudit(config, input.elections, (who) => total(this.#lots(who, '')), fail);
    this.#boundary = this.#rules.epochUs;
    this.#contributions = new ContributionAudit(config, input.contributions, fail);
    for (const s of this.#rules.stakers) {
      this.#free.set(s.id, BigInt(s.tokens));
      this.#expect(0, 'world', `free:${s.id}`, BigInt(s.tokens), 'deposit');
      if (s.vesting !== undefined) {
        this.#expect(0, 'world', `vesting:${s.id}`, BigInt(s.vesting.amount), 'deposit');
        this.#vested.set(s.id, 0n);
      }
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
    if ((reason === 'emission' || reason === 'vest') && at === this.#boundary) this.#issue(at);
    if (this.#isDraw(at, from, to, amount, reason)) return;
    const key = `${at} us: ${reason} of ${amount} from ${from} to ${to}`;
    const n = this.#due.get(key) ?? 0;
    if (n === 0) this.#fail(`${where}: nothing demands, at ${key}`);
    if (n === 1) this.#due.delete(key);
    else this.#due.set(key, n - 1);
  }

  /** Nothing that was demanded until the end may be missing; every pot is empty; every election was counted. */
  close(end: number, placements: Table): void {
    this.#advance(end);
    if (this.#boundary === end) {
      this.#issue(end);
      this.#votes.election(end);
    } else {
      this.#divideSilently(end);
      this.#closeEpoch(end);
    }
    this.#contributions.finish(placements);
    for (const [key, k] of this.#kept) if (k.owed > 0n) this.#fail(`transfers.parquet: ${k.owed} are kept for ${key}`);
    if (this.#drawn !== null) this.#fail(`transfers.parquet: nobody drew the emission at ${this.#drawn.at} us`);
    for (const key of this.#due.keys()) this.#fail(`transfers.parquet: missing, at ${key}`);
    for (const [key, v] of this.#owed)
      if (v > 0n) this.#fail(`transfers.parquet: the staker pot still owes ${v} for ${key}`);
    this.#votes.finish();
  }

  // ---- the calendar ----

  #advance(to: number): void {
    while (this.#now <= to) {
      const act = this.#acts[this.#next]?.at ?? Infinity;
      let at = Math.min(act, this.#boundary);
      for (const p of this.#parts) if (p.started >= 0) at = Math.min(at, p.ends);
      for (const s of this.#slashes) at = Math.min(at, s.due);
      while (this.#clearings[0]! < Math.min(at, to)) this.#weigh(this.#clearings.shift()!);
      if (at > to) break;
      if (this.#boundary < at || (this.#boundary === at && this.#now === at)) {
        // What the boundary itself does comes after everything else at its stamp, payments included.
        if (this.#boundary >= to) break;
        this.#issue(this.#boundary);
        this.#votes.election(this.#boundary);
        this.#beginEpoch();
        this.#boundary += this.#rules.epochUs;
        this.#epoch++;
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
      this.#expect(at, 'slash-escrow', s.verifier === '' ? 'bounty' : `bounty:${s.verifier}`, bounty, 'bounty');
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
        this.#offence(at, a['offence'] as number, s('provider'), a['atUs'] as number, (a['verifier'] ?? '') as string);
        return;
      case 'attest':
        this.#contributions.attest(a);
        return;
      case 'claim':
        for (const [key, k] of this.#kept) {
          const [currency, provider] = key.split('|') as [string, string];
          const stake = k.stakes.get(s('staker'))?.stake ?? 0n;
          if (provider !== s('provider') || stake === 0n) continue;
          const due = k.set(s('staker'), stake);
          this.#expect(at, 'staker-pot', `staker:${s('staker')}`, due, `staker-claim ${currency}`);
          if (due > 0n && currency === this.#config.currencies[1]!.code) this.#compound(at, s('staker'), provider, due);
        }
        this.#grow(at);
        return;
      case 'appeal':
        if (a['reversed'] === true) this.#reverse(at, a['offence'] as number);
        return;
      case 'nominate':
        return this.#votes.nominate(s('staker'), a['pools'] as number[]);
      case 'commission':
        return this.#votes.commission(a['pool'] as number, a['bps'] as number);
      default:
        return this.#votes.aggregator(at, a['pool'] as number, a['up'] === true);
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

  #offence(at: number, offence: number, provider: string, deed: number, verifier: string): void {
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
    const slash: Slash = { offence, provider, due: at + this.#rules.slashing.appealUs, verifier, parts: [] };
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

  #weigh(at: number): void {
    this.#weights.set(at, this.#stakerWeights(at));
  }

  #stakerWeights(at: number): Weighed[] {
    const out: Weighed[] = [];
    const providers = [...new Set(this.#config.nodes.map((n) => n.provider))].filter((p) => !this.#jailed(at, p));
    for (const who of [...this.#free.keys()].sort(less)) {
      const backs = providers.filter((p) => total(this.#lots(who, p)) > 0n);
      if (backs.length > 0) out.push({ who, weight: backs.reduce((n, p) => n + this.#weight(at, who, p), 0n), backs });
    }
    return out;
  }

  /** What of a supplier's payment is its stakers'. */
  potOfPay(pay: bigint, asked: bigint): bigint {
    return shareOfPay(this.#rules.pot, pay, asked);
  }

  /** What of the rest of a pool's charges each staker gets; `plan` = the clearing that was in force, without some suppliers. */
  potOfRest(at: number, rest: bigint, plan: Cleared): [string, bigint][] {
    const pot = this.#rules.pot;
    if (pot === undefined || pot.base === 'gross' || pot.base === 'surplus' || rest === 0n) return [];
    this.#advance(at);
    const since = Number(plan(new Set())?.since ?? -1);
    const list = pot.base === 'residual' ? this.#stakerWeights(at) : (this.#weights.get(since) ?? []);
    return sharesOfRest(pot, BigInt(at), rest, list, plan, this.#apportion);
  }

  /** Part of an aggregator's share that goes to those who back its pool. */
  backers(at: number, pool: string, share: bigint): bigint {
    this.#advance(at);
    return this.#votes.backers(at, pool, share);
  }

  owe(at: number, currency: string, whom: string, amount: bigint): void {
    this.#advance(at);
    const key = `${currency}|${whom}`;
    this.#owed.set(key, (this.#owed.get(key) ?? 0n) + amount);
  }

  /** What the pot pays at `at`: party, currency, amount, reason; and it is empty afterwards, but for what is kept. */
  pots(at: number): [string, string, bigint, string][] {
    this.#advance(at);
    const out = this.#claims;
    const end = at === this.#end;
    if ((at === this.#boundary || end) && this.#dividedAt !== at) this.#divide(at, end, out);
    this.#claims = [];
    return out;
  }

  /** A boundary, or the end, at which the pot paid nobody: what is kept was still divided, and nothing may have been due. */
  #divideSilently(at: number): void {
    if (this.#dividedAt === at) return;
    this.#divide(at, at === this.#end, this.#claims);
    for (const [party, currency, amount, why] of this.#claims)
      if (amount > 0n)
        this.#fail(`transfers.parquet at ${at} us: ${why} of ${amount} ${currency} to ${party} is missing`);
    this.#claims = [];
  }

  #divide(at: number, end: boolean, out: [string, string, bigint, string][]): void {
    this.#dividedAt = at;
    if (this.#rules.payout === 'f1') this.#follow(at);
    for (const [key, amount] of this.#divided(at)) {
      const [currency, whom] = key.split('|') as [string, string];
      if (whom.startsWith('#')) {
        const backing = this.#votes.backing(at, whom.slice(1));
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
      const stakers = this.#jailed(at, whom) ? [] : [...this.#free.keys()].sort(less);
      if (this.#rules.payout === 'f1') {
        const k = this.#kept.get(key);
        const has = stakers.some((who) => (k?.stakes.get(who)?.stake ?? 0n) > 0n);
        if (has) k!.give(amount);
        else out.push(['treasury', currency, amount, 'staker-rest']);
        continue;
      }
      const weights = stakers.map((who) => this.#weight(at, who, whom));
      if (weights.every((w) => w === 0n)) out.push(['treasury', currency, amount, 'staker-rest']);
      else
        this.#apportion(amount, weights).forEach((v, i) => {
          this.#reward(at, currency, stakers[i]!, whom, v);
        });
    }
    this.#owed.clear();
    if (end) this.#closeBooks(at);
  }

  #jailed(at: number, provider: string): boolean {
    return this.#jails.some((j) => j.provider === provider && j.until > at);
  }

  /** Payments out of the pot that the books at a stamp bring about. */
  #claims: [string, string, bigint, string][] = [];

  #reward(at: number, currency: string, staker: string, provider: string, amount: bigint): void {
    if (amount === 0n) return;
    this.#claims.push([`staker:${staker}`, currency, amount, 'staker-share']);
    if (currency === this.#config.currencies[1]!.code) this.#compound(at, staker, provider, amount);
  }

  #compound(at: number, staker: string, provider: string, amount: bigint): void {
    if (this.#rules.stakers.find((s) => s.id === staker)?.compounds !== true) return;
    this.#expect(at, `staker:${staker}`, nameOf('bonded', staker, provider), amount, 'compound');
    this.#grown.push({ staker, provider, since: at, started: -1, ends: -1, amount });
  }

  /** What compounds is bonded after everything at the stamp is divided. */
  #grow(at: number): void {
    for (const lot of this.#grown) this.#addLot(at, lot);
    this.#grown = [];
  }

  #settle(at: number, currency: string, provider: string, k: PerToken, staker: string, stake: bigint): void {
    this.#reward(at, currency, staker, provider, k.set(staker, stake));
  }

  /** Books learn whose stake has changed. */
  #follow(at: number): void {
    for (const { code } of this.#config.currencies)
      for (const provider of new Set(this.#config.nodes.map((n) => n.provider)))
        for (const who of [...this.#free.keys()].sort(less)) {
          const key = `${code}|${provider}`;
          const stake = this.#earning(who, provider);
          const k = this.#kept.get(key) ?? new PerToken();
          if (stake === (k.stakes.get(who)?.stake ?? 0n)) continue;
          this.#kept.set(key, k);
          this.#settle(at, code, provider, k, who, stake);
        }
  }

  #closeBooks(at: number): void {
    for (const [key, k] of this.#kept) {
      const [currency, provider] = key.split('|') as [string, string];
      for (const [who, { stake }] of [...k.stakes].sort((a, b) => less(a[0], b[0])))
        if (stake > 0n) this.#settle(at, currency, provider, k, who, 0n);
      this.#claims.push(['dust', currency, k.owed, 'staker-dust']);
      k.owed = 0n;
    }
  }

  /** Pots as they are divided: each provider's own, or what saturation leaves it of all. */
  #divided(at: number): [string, bigint][] {
    const rule = this.#rules.saturation;
    if (rule === undefined) return [...this.#owed];
    const out: [string, bigint][] = [...this.#owed].filter(([key]) => key.split('|')[1]!.startsWith('#'));
    const providers = [...new Set(this.#config.nodes.map((n) => n.provider))];
    for (const { code } of this.#config.currencies) {
      const backed = providers.map((provider) => {
        const all = this.#jailed(at, provider) ? [] : [...this.#free.keys()];
        return {
          provider,
          stake: all.reduce((n, who) => n + this.#earning(who, provider), 0n),
          pledge: all.includes(provider) ? this.#earning(provider, provider) : 0n,
          earned: this.#owed.get(`${code}|${provider}`) ?? 0n,
        };
      });
      const pot = backed.reduce((n, b) => n + b.earned, 0n);
      const staked = backed.reduce((n, b) => n + b.stake, 0n);
      let rest = pot;
      for (const b of pot === 0n || staked === 0n ? [] : backed) {
        const part = saturated(rule, pot, staked, b);
        rest -= part;
        if (part > 0n) out.push([`${code}|${b.provider}`, part]);
      }
      if (rest > 0n) this.#claims.push(['treasury', code, rest, 'staker-rest']);
    }
    return out;
  }

  // ---- verifiers and new tokens ----

  /** The epoch's contributions and work, asked once per boundary or at the end. */
  #closeEpoch(at: number): void {
    if (this.#closedAt === at) return;
    this.#advance(at);
    this.#closedAt = at;
    this.#work = this.#contributions.takeWork();
    this.#brought = this.#contributions.close(at);
  }

  /** What verifiers get of a pot at `at`: verifier, amount, reason. */
  verifierPay(at: number, pot: bigint): [string, bigint, string][] {
    this.#closeEpoch(at);
    const out: [string, bigint, string][] = [];
    const exposed = this.#work.map((w) => w.exposed);
    const done = this.#work.map((w) => w.done);
    const jackpot = exposed.some((n) => n > 0n) ? (pot * BigInt(this.#rules.jackpotBps ?? 0)) / 10_000n : 0n;
    const give = (amount: bigint, weights: bigint[], reason: string) => {
      if (amount === 0n || weights.every((w) => w === 0n)) return;
      this.#apportion(amount, weights).forEach((x, i) => {
        if (x > 0n) out.push([this.#work[i]!.verifier, x, reason]);
      });
    };
    give(jackpot, exposed, 'verifier-jackpot');
    give(pot - jackpot, done, 'verifier-work');
    return out;
  }

  /** Emission and vesting at a boundary, asked once. */
  #issue(at: number): void {
    if (this.#issuedAt === at) return;
    this.#issuedAt = at;
    this.#divideSilently(at);
    this.#closeEpoch(at);
    const e = this.#rules.emission;
    const amount = e === undefined ? 0n : issued(e, (this.#epoch - 1) * this.#rules.epochUs);
    if (e !== undefined && amount > 0n) {
      this.#expect(at, 'world', 'subsidy:emission', amount, 'emission');
      let rest = amount;
      const give = (bps: number, weights: bigint[], to: (i: number, x: bigint) => void) => {
        const part = (amount * BigInt(bps)) / 10_000n;
        if (part === 0n || weights.every((w) => w === 0n)) return;
        rest -= part;
        this.#apportion(part, weights).forEach((x, i) => {
          if (x > 0n) to(i, x);
        });
      };
      const party = (name: string, x: bigint) => this.#expect(at, 'subsidy:emission', name, x, 'emission');
      give(
        e.providerBps,
        this.#brought.map(([, x]) => x),
        (i, x) => party(`provider:${this.#brought[i]![0]}`, x),
      );
      give(
        e.verifierBps,
        this.#work.map((w) => w.done),
        (i, x) => party(`verifier:${this.#work[i]!.verifier}`, x),
      );
      const providers = [...new Set(this.#config.nodes.map((n) => n.provider))].sort(less);
      const places = providers
        .filter((p) => !this.#jailed(at, p))
        .flatMap((provider) => [...this.#free.keys()].sort(less).map((staker) => ({ staker, provider })))
        .filter(({ staker, provider }) => this.#weight(at, staker, provider) > 0n);
      if (e.lottery) {
        const part = (amount * BigInt(e.stakerBps)) / 10_000n;
        if (places.length > 0 && part > 0n) {
          rest -= part;
          this.#drawn = { at, amount: part, who: new Set(places.map((p) => `${p.staker}|${p.provider}`)) };
        }
      } else
        give(
          e.stakerBps,
          places.map(({ staker, provider }) => this.#weight(at, staker, provider)),
          (i, x) => {
            const { staker, provider } = places[i]!;
            party(`staker:${staker}`, x);
            this.#compound(at, staker, provider, x);
          },
        );
      party('treasury', rest);
    }
    this.#grow(at);
    for (const s of this.#rules.stakers) {
      if (s.vesting === undefined) continue;
      const { amount: whole, fromUs, untilUs } = s.vesting;
      const passed = at <= fromUs ? 0 : at >= untilUs ? untilUs - fromUs : at - fromUs;
      const free = (BigInt(whole) * BigInt(passed)) / BigInt(untilUs - fromUs);
      const more = free - this.#vested.get(s.id)!;
      this.#vested.set(s.id, free);
      this.#free.set(s.id, this.#free.get(s.id)! + more);
      this.#expect(at, `vesting:${s.id}`, `free:${s.id}`, more, 'vest');
    }
  }

  /** A lottery’s winner is drawn by replay; here it must be one who could win, once, and bond it where it has stake. */
  #isDraw(at: number, from: string, to: string, amount: bigint, reason: string): boolean {
    const d = this.#drawn;
    if (d?.at !== at || d.amount !== amount) return false;
    if (reason === 'emission' && to.startsWith('staker:')) {
      const who = to.slice('staker:'.length);
      const able = [...d.who].filter((k) => k.split('|')[0] === who);
      if (able.length === 0) this.#fail(`transfers.parquet at ${at} us: ${who} has no stake to draw with`);
      const compounds = this.#rules.stakers.find((s) => s.id === who)?.compounds === true;
      this.#drawn = compounds ? { ...d, who: new Set(able) } : null;
      return true;
    }
    if (reason !== 'compound' || !from.startsWith('staker:')) return false;
    const place = [...d.who].find((k) => nameOf('bonded', ...(k.split('|') as [string, string])) === to);
    if (place === undefined) return false;
    const [staker, provider] = place.split('|') as [string, string];
    this.#addLot(at, { staker, provider, since: at, started: -1, ends: -1, amount });
    this.#drawn = null;
    return true;
  }

  #earning(staker: string, provider: string): bigint {
    const now = total(this.#lots(staker, provider));
    const then = this.#atEpoch.get(`${staker}|${provider}`) ?? 0n;
    return now < then ? now : then;
  }

  #weight(at: number, staker: string, provider: string): bigint {
    const stake = this.#earning(staker, provider);
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
}

const nameOf = (kind: string, staker: string, provider: string): string =>
  provider === '' ? `${kind}:${staker}` : `${kind}:${staker}@${provider}`;

const wholeOf = (text: string): bigint =>
  /^\d{1,19}$/.test(text) && BigInt(text) < 9_223_372_036_854_775_808n ? BigInt(text) : 0n;
