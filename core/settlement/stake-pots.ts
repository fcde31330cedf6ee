/**
 * What stakers, verifiers and contributors are owed, and how it reaches them. Pots lie in the account `staker-pot`: one per provider for
 * those who staked on it, one per pool for those who back it. At the end of a stake epoch a provider's pot is divided by weight, or kept
 * by a delegation book (F1) for each staker until its stake changes, it claims, or the run ends. New tokens are issued by schedule out of
 * `subsidy:emission`, and what vests comes free.
 */
import type { DelegationBook, MechanismRegistry, PotRule, StakeWeight } from '../interfaces.ts';
import { chance, largestRemainder } from '../num/index.ts';
import { type EmissionRules, type MarketConfig, NEVER, type StakeRules, type TimeUs } from '../types.ts';
import type { Committee } from './committee.ts';
import type { Brought } from './contribution.ts';
import { type Account, type Ledger, LedgerCode } from './ledger.ts';
import { type Position, type StakeBook, TOKEN } from './stake-book.ts';

export interface StakePotsState {
  /** currency, provider, owed to those who staked on it */
  providers: [number, string, bigint][];
  /** currency, pool, owed to those who back it */
  pools: [number, number, bigint][];
  /** currency, provider, kept by its delegation book, the book, and what each staker has in it */
  kept: [number, string, bigint, unknown, [string, bigint][]][];
}

interface Kept {
  owed: bigint;
  book: DelegationBook;
  stakes: Map<string, bigint>;
}

export interface Work {
  verifier: string;
  milliUs: bigint;
  exposed: number;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sorted = <V>(m: Map<string, V>): [string, V][] => [...m].sort((a, b) => byName(a[0], b[0]));
const TWO53 = 9_007_199_254_740_992;

export class StakePots {
  readonly #config: MarketConfig;
  readonly #rules: StakeRules;
  readonly #ledger: Ledger;
  readonly #book: StakeBook;
  readonly #committee: Committee;
  readonly #weight: StakeWeight;
  readonly #rule: PotRule | null;
  readonly #newBook: (state?: unknown) => DelegationBook;
  readonly #compounds: Set<string>;
  readonly #providers: Map<string, bigint>[];
  readonly #pools: Map<number, bigint>[];
  readonly #kept: Map<string, Kept>[];
  /** Earned at this stamp by those who compound. */
  #grown: [Position, bigint][] = [];

  constructor(
    config: MarketConfig,
    rules: StakeRules,
    ledger: Ledger,
    book: StakeBook,
    committee: Committee,
    weight: StakeWeight,
    registry: MechanismRegistry,
  ) {
    this.#config = config;
    this.#rules = rules;
    this.#ledger = ledger;
    this.#book = book;
    this.#committee = committee;
    this.#weight = weight;
    if (rules.saturation !== undefined && registry.saturation === undefined)
      throw new Error('staking: the registry has no rule for saturation');
    if (rules.payout === 'f1' && registry.delegation === undefined)
      throw new Error('staking: the registry has no delegation book');
    this.#rule = rules.saturation === undefined ? null : registry.saturation!(rules.saturation);
    this.#newBook = (state) => registry.delegation!(state);
    this.#compounds = new Set(rules.stakers.filter((s) => s.compounds === true).map((s) => s.id));
    this.#providers = config.currencies.map(() => new Map());
    this.#pools = config.currencies.map(() => new Map());
    this.#kept = config.currencies.map(() => new Map());
  }

  credit(currency: number, provider: string, amount: bigint): void {
    const pot = this.#providers[currency]!;
    pot.set(provider, (pot.get(provider) ?? 0n) + amount);
  }

  /** The nominators' part of an aggregator's share; the rest is its commission. */
  creditBackers(currency: number, pool: number, share: bigint): bigint {
    if (this.#committee.backingOf(pool).length === 0) return 0n;
    const part = share - (share * BigInt(this.#committee.commissionOf(pool))) / 10_000n;
    if (part > 0n) this.#pools[currency]!.set(pool, (this.#pools[currency]!.get(pool) ?? 0n) + part);
    return part;
  }

  /** Stake that earns in this epoch: bonded when it began and still. */
  #earning(p: Position): bigint {
    const now = this.#book.bonded(p.staker, p.provider);
    return now < p.atEpoch ? now : p.atEpoch;
  }

  #weightOf(now: TimeUs, p: Position): bigint {
    return this.#weight.weight(this.#earning(p), Math.max(0, Math.min(NEVER, p.lockedUntilUs) - now));
  }

  /** What each staker's stakes on providers that are not jailed weigh together, and which providers it backs; by name. */
  stakerWeights(now: TimeUs): { staker: string; weight: bigint; providers: string[] }[] {
    const map = new Map<string, { weight: bigint; providers: string[] }>();
    for (const p of this.#book.positions()) {
      if (p.provider === '' || p.lots.length === 0 || this.#book.isJailed(p.provider, now)) continue;
      const s = map.get(p.staker) ?? { weight: 0n, providers: [] };
      map.set(p.staker, s);
      s.weight += this.#weightOf(now, p);
      s.providers.push(p.provider);
    }
    return sorted(map).map(([staker, s]) => ({ staker, weight: s.weight, providers: s.providers.sort(byName) }));
  }

  /** Positions on each provider, by staker. */
  #byProvider(): Map<string, Position[]> {
    const map = new Map<string, Position[]>();
    for (const p of [...this.#book.positions()].sort((a, b) => byName(a.staker, b.staker))) {
      const list = map.get(p.provider);
      if (list === undefined) map.set(p.provider, [p]);
      else list.push(p);
    }
    return map;
  }

  /** Divides all pots. */
  pay(now: TimeUs): void {
    const positions = this.#byProvider();
    this.#config.currencies.forEach((_, currency) => {
      if (this.#rules.payout === 'f1') this.#follow(now, currency, positions);
      const pots = this.#providers[currency]!;
      for (const [provider, amount] of this.#divided(now, currency, pots, positions))
        this.#payProvider(now, currency, provider, amount, positions.get(provider) ?? []);
      pots.clear();
      this.#payBackers(now, currency);
    });
  }

  /** Each provider's pot: what it earned, or what the rule for all of them leaves it. */
  #divided(
    now: TimeUs,
    currency: number,
    pots: Map<string, bigint>,
    positions: Map<string, Position[]>,
  ): [string, bigint][] {
    if (this.#rule === null || pots.size === 0) return sorted(pots);
    const names = [...new Set([...pots.keys(), ...positions.keys()])].filter((p) => p !== '').sort(byName);
    const backed = names.map((provider) => {
      const list = this.#book.isJailed(provider, now) ? [] : (positions.get(provider) ?? []);
      return {
        stake: list.reduce((n, p) => n + this.#earning(p), 0n),
        pledge: list.reduce((n, p) => (p.staker === provider ? n + this.#earning(p) : n), 0n),
        earned: pots.get(provider) ?? 0n,
      };
    });
    const total = backed.reduce((n, b) => n + b.earned, 0n);
    const parts = this.#rule.divide(total, backed);
    const rest = parts.reduce((n, x) => n - x, total);
    if (rest < 0n || parts.some((x) => x < 0n))
      throw new Error('staking: the pots are divided into more than there is');
    this.#pay(now, 'treasury', currency, rest, 'staker-rest');
    return names.map((p, i): [string, bigint] => [p, parts[i]!]).filter(([, x]) => x > 0n);
  }

  #payProvider(now: TimeUs, currency: number, provider: string, amount: bigint, all: readonly Position[]): void {
    const positions = this.#book.isJailed(provider, now) ? [] : all;
    if (this.#rules.payout === 'f1') {
      const kept = this.#kept[currency]!.get(provider);
      if (positions.length === 0 || kept === undefined || [...kept.stakes.values()].every((s) => s === 0n))
        return this.#pay(now, 'treasury', currency, amount, 'staker-rest');
      kept.book.allocate(amount);
      kept.owed += amount;
      return;
    }
    const weights = positions.map((p) => this.#weightOf(now, p));
    if (weights.every((w) => w === 0n)) return this.#pay(now, 'treasury', currency, amount, 'staker-rest');
    largestRemainder(amount, weights).forEach((part, i) => {
      this.#reward(now, positions[i]!, currency, part, 'staker-share');
    });
  }

  #payBackers(now: TimeUs, currency: number): void {
    const pools = this.#pools[currency]!;
    for (const [pool, amount] of [...pools].sort((a, b) => a[0] - b[0])) {
      const backing = this.#committee.backingOf(pool);
      if (backing.length === 0) {
        this.#pay(now, `aggregator:${this.#config.pools[pool]!.aggregator}`, currency, amount, 'backer-rest');
        continue;
      }
      largestRemainder(
        amount,
        backing.map(([, s]) => s),
      ).forEach((part, i) => {
        this.#pay(now, `staker:${backing[i]![0]}`, currency, part, 'backer-share');
      });
    }
    pools.clear();
  }

  // ---- delegation books ----

  /** Tells the books whose stake has changed, and pays what these had earned before. */
  #follow(now: TimeUs, currency: number, positions: Map<string, Position[]>): void {
    for (const [provider, list] of sorted(positions)) {
      if (provider === '') continue;
      let kept = this.#kept[currency]!.get(provider);
      for (const p of list) {
        const stake = this.#earning(p);
        if (stake === (kept?.stakes.get(p.staker) ?? 0n)) continue;
        if (kept === undefined) {
          kept = { owed: 0n, book: this.#newBook(), stakes: new Map() };
          this.#kept[currency]!.set(provider, kept);
        }
        this.#settle(now, currency, kept, p, stake);
      }
    }
  }

  #settle(now: TimeUs, currency: number, kept: Kept, p: Position, stake: bigint, reason = 'staker-share'): void {
    const due = kept.book.change(p.staker, stake);
    kept.stakes.set(p.staker, stake);
    kept.owed -= due;
    this.#reward(now, p, currency, due, reason);
  }

  claim(now: TimeUs, staker: string, provider: string): string {
    const p = this.#book.position(staker, provider);
    if (p === undefined || this.#rules.payout !== 'f1') return 'nothing-kept';
    for (const [currency, books] of this.#kept.entries()) {
      const kept = books.get(provider);
      const stake = kept?.stakes.get(staker) ?? 0n;
      if (kept !== undefined && stake > 0n) this.#settle(now, currency, kept, p, stake, 'staker-claim');
    }
    this.compound(now);
    return 'ok';
  }

  /** Everybody has what is kept for it; what the divisions left is dust. */
  closeBooks(now: TimeUs): void {
    for (const [currency, books] of this.#kept.entries()) {
      for (const [provider, kept] of sorted(books)) {
        for (const [staker, stake] of sorted(kept.stakes))
          if (stake > 0n) this.#settle(now, currency, kept, this.#book.position(staker, provider)!, 0n);
        this.#pay(now, 'dust', currency, kept.owed, 'staker-dust');
      }
      books.clear();
    }
    this.compound(now);
  }

  // ---- verifiers, new tokens ----

  /** The verifiers' share of revenue: a part to those who exposed planted results, the rest by work; with nobody to pay it waits. */
  payVerifiers(now: TimeUs, work: readonly Work[]): void {
    const exposed = work.map((w) => BigInt(w.exposed));
    const done = work.map((w) => w.milliUs);
    for (const currency of this.#config.currencies.keys()) {
      const from = this.#ledger.find('verifiers', currency);
      const pot = from === undefined ? 0n : this.#ledger.balance(from);
      if (from === undefined || pot <= 0n) continue;
      const jackpot = exposed.some((n) => n > 0n) ? (pot * BigInt(this.#rules.jackpotBps ?? 0)) / 10_000n : 0n;
      const give = (amount: bigint, weights: readonly bigint[], reason: string): void => {
        if (amount === 0n || weights.every((w) => w === 0n)) return;
        largestRemainder(amount, weights).forEach((part, i) => {
          this.#move(now, from, `verifier:${work[i]!.verifier}`, currency, part, reason);
        });
      };
      give(jackpot, exposed, 'verifier-jackpot');
      give(pot - jackpot, done, 'verifier-work');
    }
  }

  /** Issues an epoch's tokens. `epoch` counts from 1. */
  emit(now: TimeUs, epoch: number, brought: readonly Brought[], work: readonly Work[]): void {
    const e = this.#rules.emission;
    if (e === undefined) return;
    const amount = emissionOf(e, (epoch - 1) * this.#rules.epochUs);
    if (amount === 0n) return;
    const from = this.#ledger.open('subsidy:emission', TOKEN, true);
    this.#move(now, this.#ledger.open('world', TOKEN, false), 'subsidy:emission', TOKEN, amount, 'emission');
    let rest = amount;
    const give = (bps: number, weights: readonly bigint[], to: (i: number, part: bigint) => void): void => {
      const part = (amount * BigInt(bps)) / 10_000n;
      if (part === 0n || weights.every((w) => w === 0n)) return;
      rest -= part;
      largestRemainder(part, weights).forEach((x, i) => {
        if (x > 0n) to(i, x);
      });
    };
    const party = (name: string, part: bigint) => this.#move(now, from, name, TOKEN, part, 'emission');
    give(
      e.providerBps,
      brought.map((b) => b.contribution),
      (i, part) => party(`provider:${brought[i]!.provider}`, part),
    );
    give(
      e.verifierBps,
      work.map((w) => w.milliUs),
      (i, part) => party(`verifier:${work[i]!.verifier}`, part),
    );
    const positions = [...this.#byProvider()]
      .filter(([provider]) => provider !== '' && !this.#book.isJailed(provider, now))
      .sort((a, b) => byName(a[0], b[0]))
      .flatMap(([, list]) => list);
    const weights = positions.map((p) => this.#weightOf(now, p));
    give(e.stakerBps, e.lottery ? this.#drawn(epoch, weights) : weights, (i, part) => {
      const p = positions[i]!;
      party(`staker:${p.staker}`, part);
      if (this.#compounds.has(p.staker)) this.#grown.push([p, part]);
    });
    this.#move(now, from, 'treasury', TOKEN, rest, 'emission');
  }

  /** All the weight on one position, drawn by weight from the run's beacon. */
  #drawn(epoch: number, weights: readonly bigint[]): bigint[] {
    const total = weights.reduce((a, b) => a + b, 0n);
    const at = (BigInt(chance(this.#config.key, 'emission', epoch) * TWO53) * total) / BigInt(TWO53);
    let sum = 0n;
    const winner = weights.findIndex((w) => {
      sum += w;
      return at < sum;
    });
    return weights.map((_, i) => (i === winner ? 1n : 0n));
  }

  /** What has vested by now comes free. */
  vest(now: TimeUs): void {
    for (const s of this.#rules.stakers) {
      if (s.vesting === undefined) continue;
      const from = this.#ledger.find(`vesting:${s.id}`, TOKEN);
      if (from === undefined) continue;
      const whole = BigInt(s.vesting.amount);
      const { fromUs, untilUs } = s.vesting;
      const passed = Math.min(Math.max(0, now - fromUs), untilUs - fromUs);
      const vested = (whole * BigInt(passed)) / BigInt(untilUs - fromUs);
      this.#move(now, from, `free:${s.id}`, TOKEN, vested - (whole - this.#ledger.balance(from)), 'vest');
    }
  }

  // ---- payments ----

  /** To the staker; in tokens, to be bonded where it compounds. */
  #reward(now: TimeUs, p: Position, currency: number, amount: bigint, reason: string): void {
    if (amount === 0n) return;
    this.#pay(now, `staker:${p.staker}`, currency, amount, reason);
    if (currency === TOKEN && this.#compounds.has(p.staker)) this.#grown.push([p, amount]);
  }

  /** Bonds what compounds, once everything at the stamp is divided: no reward counts as stake for another. */
  compound(now: TimeUs): void {
    for (const [p, amount] of this.#grown) this.#book.compound(now, p, amount);
    this.#grown = [];
  }

  #pay(now: TimeUs, party: string, currency: number, amount: bigint, reason: string): void {
    if (amount > 0n) this.#move(now, this.#ledger.open('staker-pot', currency, true), party, currency, amount, reason);
  }

  #move(now: TimeUs, from: Account, party: string, currency: number, amount: bigint, reason: string): void {
    if (amount === 0n) return;
    const code = this.#ledger.transfer(now, from, this.#ledger.open(party, currency, true), amount, 0, reason);
    if (code !== LedgerCode.ok) throw new Error(`staking: paying ${party} failed with code ${code}`);
  }

  // ---- laws ----

  fault(): string | null {
    for (const [currency] of this.#config.currencies.entries()) {
      let owed = 0n;
      for (const v of this.#providers[currency]!.values()) owed += v;
      for (const v of this.#pools[currency]!.values()) owed += v;
      for (const k of this.#kept[currency]!.values()) owed += k.owed;
      const a = this.#ledger.find('staker-pot', currency);
      const held = a === undefined ? 0n : this.#ledger.balance(a);
      if (held !== owed) return `the staker pot holds ${held}, ${owed} is owed from it`;
    }
    return null;
  }

  snapshot(): StakePotsState {
    return {
      providers: this.#providers.flatMap((m, c) => [...m].map(([p, v]): [number, string, bigint] => [c, p, v])),
      pools: this.#pools.flatMap((m, c) => [...m].map(([p, v]): [number, number, bigint] => [c, p, v])),
      kept: this.#kept.flatMap((m, c) =>
        [...m].map(([p, k]): StakePotsState['kept'][number] => [c, p, k.owed, k.book.snapshot(), [...k.stakes]]),
      ),
    };
  }

  /** Takes ownership of the state. */
  restore(s: StakePotsState): void {
    for (const [c, provider, v] of s.providers) this.#providers[c]!.set(provider, v);
    for (const [c, pool, v] of s.pools) this.#pools[c]!.set(pool, v);
    for (const [c, provider, owed, book, stakes] of s.kept)
      this.#kept[c]!.set(provider, { owed, book: this.#newBook(book), stakes: new Map(stakes) });
  }
}

/** Tokens of the epoch that begins at a stamp. */
export function emissionOf(e: EmissionRules, fromUs: TimeUs): bigint {
  const halvings = e.halvingUs === 0 ? 0 : Math.floor(fromUs / e.halvingUs);
  return BigInt(e.perEpoch) >> BigInt(Math.min(halvings, 128));
}
