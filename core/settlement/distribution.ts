/**
 * Revenue to parties, once per epoch: what each provider's GPUs earned is split by the named shares with largest remainder,
 * so nothing is lost and nothing is left. The stakers' part of a provider goes to those who staked on its GPUs, in
 * proportion to stake; where nobody did, it goes to the treasury.
 */
import { largestRemainder } from '../num/index.ts';
import type { MarketConfig, TimeUs } from '../types.ts';
import { type Account, type Ledger, LedgerCode } from './ledger.ts';
import type { Staking } from './staking.ts';

export interface DistributionState {
  /** pool, currency, provider, micro-units earned since the last distribution */
  earned: [number, number, string, bigint][];
  /** pool, provider, micro-units earned under supply awards since the last distribution */
  supply: [number, string, bigint][];
  /** By pool: charges that no award has claimed. */
  rest: bigint[];
  /** pool, provider, asked for what it earned under supply awards */
  asked: [number, string, bigint][];
  /** By pool: the treasury's part of charges, where its fee is no part of what suppliers are paid. */
  fees: bigint[];
}

/** A provider in a pool and currency. */
interface Earner {
  readonly provider: string;
  /** Earned since the last distribution. */
  amount: bigint;
  /** It has earned something since the last distribution, even if all of it was taken back. */
  listed: boolean;
  /** Null until it is first paid. */
  account: Account | null;
}

/** The providers of a pool and currency: all that ever earned, and those of this epoch in order of first earning. */
class Earners {
  readonly #known = new Map<string, Earner>();
  #listed: Earner[] = [];

  get listed(): readonly Earner[] {
    return this.#listed;
  }

  find(provider: string): Earner | undefined {
    return this.#known.get(provider);
  }

  add(provider: string, amount: bigint): void {
    let e = this.#known.get(provider);
    if (e === undefined) {
      e = { provider, amount: 0n, listed: false, account: null };
      this.#known.set(provider, e);
    }
    e.amount += amount;
    if (e.listed) return;
    e.listed = true;
    this.#listed.push(e);
  }

  clear(): void {
    for (const e of this.#listed) {
      e.amount = 0n;
      e.listed = false;
    }
    this.#listed = [];
  }
}

export class Distribution {
  readonly #config: MarketConfig;
  readonly #ledger: Ledger;
  readonly #staking: Staking | null;
  readonly #weights: number[];
  readonly #stakes = new Map<string, { staker: string; amount: bigint }[]>();
  /** Revenue accounts that were asked for, by pool and currency. */
  readonly #revenue: (Account | undefined)[][];
  /** By pool: what suppliers have earned under their awards. */
  readonly #supply: Map<string, bigint>[];
  /** What they had asked for the same use. */
  readonly #asked: Map<string, bigint>[];
  #rest: bigint[];
  #fees: bigint[];
  readonly #earned: Earners[][];

  constructor(config: MarketConfig, ledger: Ledger, staking: Staking | null = null) {
    this.#staking = staking;
    this.#config = config;
    this.#ledger = ledger;
    const s = config.shares;
    this.#weights = [s.providerBps, s.stakerBps, s.aggregatorBps, s.verifierBps, s.treasuryBps];
    for (const stake of config.stakes) {
      const list = this.#stakes.get(stake.provider) ?? [];
      list.push({ staker: stake.staker, amount: BigInt(stake.amount) });
      this.#stakes.set(stake.provider, list);
    }
    this.#revenue = config.pools.map(() => []);
    this.#earned = config.pools.map(() => config.currencies.map(() => new Earners()));
    this.#supply = config.pools.map(() => new Map());
    this.#asked = config.pools.map(() => new Map());
    this.#rest = config.pools.map(() => 0n);
    this.#fees = config.pools.map(() => 0n);
  }

  /** The account that takes a pool's charges until they are divided. */
  revenue(pool: number, currency: number): Account {
    const known = this.#revenue[pool]![currency];
    if (known !== undefined) return known;
    const account = this.#ledger.open(`revenue:${this.#config.pools[pool]!.id}`, currency, true);
    this.#revenue[pool]![currency] = account;
    return account;
  }

  /** What a supplier has earned under its award, and what is left of the charge beside the treasury's fee. Currency 0. */
  accrueSupply(pool: number, provider: string, pay: bigint, rest: bigint, asked = 0n, fee = 0n): void {
    this.#fees[pool]! += fee;
    const supply = this.#supply[pool]!;
    const costs = this.#asked[pool]!;
    if (asked > 0n) costs.set(provider, (costs.get(provider) ?? 0n) + asked);
    if (pay > 0n) supply.set(provider, (supply.get(provider) ?? 0n) + pay);
    this.#rest[pool]! += rest;
  }

  /** Takes up to `amount` out of what is left over; answers how much. */
  takeRest(pool: number, amount: bigint): bigint {
    const rest = this.#rest[pool]!;
    const taken = amount < rest ? amount : rest;
    this.#rest[pool] = rest - taken;
    return taken;
  }

  accrue(pool: number, currency: number, provider: string, amount: bigint): void {
    this.#earned[pool]![currency]!.add(provider, amount);
  }

  /** Takes up to `amount` back from what a provider has earned and was not yet paid; answers how much. */
  takeBack(pool: number, currency: number, provider: string, amount: bigint): bigint {
    const earner = this.#earned[pool]![currency]!.find(provider);
    const has = earner?.amount ?? 0n;
    const taken = amount < has ? amount : has;
    if (taken > 0n) earner!.amount -= taken;
    return taken;
  }

  run(now: TimeUs): void {
    this.#earned.forEach((byCurrency, pool) => {
      byCurrency.forEach((earned, currency) => {
        if (earned.listed.length > 0) this.#divide(now, pool, currency, earned.listed);
        earned.clear();
      });
    });
    this.#supply.forEach((_, pool) => {
      this.#paySuppliers(now, pool);
    });
  }

  #paySuppliers(now: TimeUs, pool: number): void {
    const rules = this.#config.pools[pool]!.supply;
    if (rules === undefined) return;
    const from = this.revenue(pool, 0);
    const base = rules.feeBase ?? 'gross';
    let fees = this.#fees[pool]!;
    this.#fees[pool] = 0n;
    for (const [provider, gross] of this.#supply[pool]!) {
      const asked = this.#asked[pool]!.get(provider) ?? 0n;
      // Grossed-up asks are paid less the fee that they were raised by.
      const of =
        base === 'gross' || base === 'gross-up' ? gross : base === 'surplus' && gross > asked ? gross - asked : 0n;
      const fee = (of * BigInt(rules.feeBps)) / 10_000n;
      const stakers = this.#staking?.supplyPots.fromPay(gross - fee, asked) ?? 0n;
      if (stakers > 0n) this.#staking!.pots.credit(0, provider, stakers);
      this.#pay(now, from, `provider:${provider}`, 0, gross - fee - stakers, 'supply-payment');
      this.#pay(now, from, 'staker-pot', 0, stakers, 'staker-share');
      fees += fee;
    }
    this.#supply[pool]!.clear();
    this.#asked[pool]!.clear();
    this.#pay(now, from, 'treasury', 0, fees, 'supply-fee');
    let rest = this.takeRest(pool, this.#rest[pool]!);
    for (const [staker, amount] of this.#staking?.supplyPots.fromRest(now, pool, rest) ?? []) {
      this.#pay(now, from, `staker:${staker}`, 0, amount, 'staker-residual');
      rest -= amount;
    }
    // The aggregator supplies nothing, and neither does the treasury: what they have of the residual moves nobody's ask.
    const own = base === 'residual' ? rest - (rest * BigInt(rules.feeBps)) / 10_000n : 0n;
    this.#pay(now, from, `aggregator:${this.#config.pools[pool]!.aggregator}`, 0, own, 'supply-residual');
    this.#pay(now, from, 'treasury', 0, rest - own, 'supply-rest');
  }

  #divide(now: TimeUs, pool: number, currency: number, earned: readonly Earner[]): void {
    const from = this.revenue(pool, currency);
    let aggregator = 0n;
    let verifiers = 0n;
    let treasury = 0n;
    for (const earner of earned) {
      const { provider, amount: gross } = earner;
      if (gross === 0n) continue;
      const [own, stakers, agg, ver, tre] = largestRemainder(gross, this.#weights) as [
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      if (own !== 0n) {
        earner.account ??= this.#ledger.open(`provider:${provider}`, currency, true);
        this.#move(now, from, earner.account, own, 'provider-share');
      }
      aggregator += agg;
      verifiers += ver;
      treasury += tre;
      const stakes = this.#stakes.get(provider);
      if (this.#staking !== null) {
        this.#staking.pots.credit(currency, provider, stakers);
        this.#pay(now, from, 'staker-pot', currency, stakers, 'staker-share');
      } else if (stakes === undefined) treasury += stakers;
      else {
        const parts = largestRemainder(
          stakers,
          stakes.map((s) => s.amount),
        );
        for (const [i, s] of stakes.entries())
          this.#pay(now, from, `staker:${s.staker}`, currency, parts[i]!, 'staker-share');
      }
    }
    const backers = this.#staking?.pots.creditBackers(currency, pool, aggregator) ?? 0n;
    this.#pay(now, from, 'staker-pot', currency, backers, 'backer-share');
    this.#pay(
      now,
      from,
      `aggregator:${this.#config.pools[pool]!.aggregator}`,
      currency,
      aggregator - backers,
      'aggregator-share',
    );
    this.#pay(now, from, 'verifiers', currency, verifiers, 'verifier-share');
    this.#pay(now, from, 'treasury', currency, treasury, 'treasury-share');
  }

  #pay(now: TimeUs, from: Account, party: string, currency: number, amount: bigint, reason: string): void {
    if (amount !== 0n) this.#move(now, from, this.#ledger.open(party, currency, true), amount, reason);
  }

  #move(now: TimeUs, from: Account, to: Account, amount: bigint, reason: string): void {
    const code = this.#ledger.transfer(now, from, to, amount, 0, reason);
    if (code !== LedgerCode.ok) throw new Error(`distribution: paying ${to.party} failed with code ${code}`);
  }

  snapshot(): DistributionState {
    const state: DistributionState = {
      earned: [],
      supply: [],
      rest: [...this.#rest],
      asked: [],
      fees: [...this.#fees],
    };
    this.#asked.forEach((m, pool) => {
      for (const [provider, amount] of m) state.asked.push([pool, provider, amount]);
    });
    this.#supply.forEach((m, pool) => {
      for (const [provider, amount] of m) state.supply.push([pool, provider, amount]);
    });
    this.#earned.forEach((byCurrency, pool) => {
      byCurrency.forEach((earned, currency) => {
        for (const { provider, amount } of earned.listed) state.earned.push([pool, currency, provider, amount]);
      });
    });
    return state;
  }

  restore(state: DistributionState): void {
    for (const [pool, currency, provider, amount] of state.earned) this.accrue(pool, currency, provider, amount);
    for (const [pool, provider, amount] of state.supply) this.accrueSupply(pool, provider, amount, 0n);
    for (const [pool, provider, amount] of state.asked) this.#asked[pool]!.set(provider, amount);
    this.#rest = [...state.rest];
    this.#fees = [...state.fees];
  }
}
