/** The independent auditor's distributions: what every party is due of what was earned. Shares no code with Settlement. */
import type { JournalHeader } from '../../core/journal/journal.ts';
import type { DisputeAudit } from './disputes.ts';
import type { StakeAudit } from './stake.ts';
import type { SupplyAudit } from './supply.ts';

type Fail = (what: string) => never;

export interface HoldCharge {
  job: bigint;
  amount: bigint;
  pool: string;
  currency: string;
  outcome: string;
  /**
   * provider, share of the charge, what a supply award pays of it (null = divided by shares), what was asked for the same use, lease, what
   * the treasury takes beside the pay; in order of the parts
   */
  earned: [string, bigint, bigint | null, bigint, bigint, bigint][];
}

/** Largest remainder, the slow obvious way. */
export function apportion(total: bigint, weights: bigint[]): bigint[] {
  const sum = weights.reduce((a, b) => a + b, 0n);
  if (sum === 0n) return weights.map(() => 0n);
  const floors = weights.map((w) => (total * w) / sum);
  const left = Number(total - floors.reduce((a, b) => a + b, 0n));
  const order = weights
    .map((w, i) => ({ i, rest: (total * w) % sum }))
    .sort((a, b) => (a.rest === b.rest ? a.i - b.i : a.rest < b.rest ? 1 : -1));
  for (let k = 0; k < left; k++) floors[order[k]!.i]!++;
  return floors;
}

/** Works out, for each distribution, what every party is due, and ticks the payments off. */
export class Split {
  readonly #config: JournalHeader['config'];
  readonly #earned = new Map<string, Map<string, bigint>>();
  /** pool -> provider -> earned under supply awards; and what no award has claimed. */
  readonly #supplied = new Map<string, Map<string, bigint>>();
  readonly #rest = new Map<string, bigint>();
  /** pool -> the treasury's part of charges beside what suppliers are paid */
  readonly #fees = new Map<string, bigint>();
  readonly #supply: SupplyAudit;
  /** pool|provider -> asked for what it has earned under awards */
  readonly #asked = new Map<string, bigint>();
  #due: Map<string, bigint> | null = null;
  #at = -1n;
  /** What was earned has been divided at this stamp. */
  #divided = false;
  readonly #stake: StakeAudit | null;
  /** Stamp at which the staker pot was last worked out. */
  #potAt = -1n;
  /** Stamp at which each verifiers' pot was last worked out. */
  readonly #verifiersPaid = new Map<string, bigint>();
  readonly #balance: (account: string) => bigint;
  readonly #fail: Fail;
  readonly #disputes: DisputeAudit | null;

  constructor(
    config: JournalHeader['config'],
    supply: SupplyAudit,
    stake: StakeAudit | null,
    disputes: DisputeAudit | null,
    balance: (account: string) => bigint,
    fail: Fail,
  ) {
    this.#stake = stake;
    this.#disputes = disputes;
    this.#balance = balance;
    this.#supply = supply;
    this.#config = config;
    this.#fail = fail;
  }

  earn(h: HoldCharge, key: string, at: bigint): void {
    this.close();
    const pot = `${h.pool}|${h.currency}`;
    const map = this.#earned.get(pot) ?? new Map<string, bigint>();
    for (const [provider, amount, pay, asked, lease, fee] of h.earned) {
      if (this.#disputes !== null && amount > 0n)
        this.#disputes.earn(at, lease, key, h.pool, h.currency, provider, amount);
      else if (pay !== null) {
        this.#owe(h.pool, provider, pay, amount - pay - fee);
        this.#fees.set(h.pool, (this.#fees.get(h.pool) ?? 0n) + fee);
        const key = `${h.pool}|${provider}`;
        this.#asked.set(key, (this.#asked.get(key) ?? 0n) + asked);
      } else if (amount > 0n) map.set(provider, (map.get(provider) ?? 0n) + amount);
    }
    this.#earned.set(pot, map);
  }

  /** What a part of an attempt has earned, or had to give back; `lease` null = it cannot be disputed. */
  earnOf(
    at: bigint,
    key: string,
    lease: bigint | null,
    pool: string,
    currency: string,
    provider: string,
    sum: bigint,
  ): void {
    this.close();
    let amount = sum;
    if (this.#disputes !== null && lease !== null) {
      if (sum > 0n) return this.#disputes.earn(at, lease, key, pool, currency, provider, sum);
      amount += this.#disputes.takeOwn(lease, -sum);
    }
    this.#add(pool, currency, provider, amount);
  }

  #add(pool: string, currency: string, provider: string, amount: bigint): void {
    const pot = `${pool}|${currency}`;
    const map = this.#earned.get(pot) ?? new Map<string, bigint>();
    map.set(provider, (map.get(provider) ?? 0n) + amount);
    this.#earned.set(pot, map);
  }

  earnedOf(pool: string, currency: string, provider: string): bigint {
    return this.#earned.get(`${pool}|${currency}`)?.get(provider) ?? 0n;
  }

  #owe(pool: string, provider: string, pay: bigint, rest: bigint): void {
    const map = this.#supplied.get(pool) ?? new Map<string, bigint>();
    if (pay > 0n) map.set(provider, (map.get(provider) ?? 0n) + pay);
    this.#supplied.set(pool, map);
    this.#rest.set(pool, (this.#rest.get(pool) ?? 0n) + rest);
  }

  subsidyReserved(debit: string, at: bigint, amount: bigint): bigint {
    return this.#supply.reserved(poolOfSubsidy(debit), at, amount);
  }

  /** What the subsidy must add when the epoch's availability is paid: asked once, when its reservation is resolved. */
  subsidyDue(debit: string, at: bigint): bigint {
    const pool = poolOfSubsidy(debit);
    let due = 0n;
    for (const [provider, pay] of this.#supply.available(pool, at)) {
      this.#owe(pool, provider, pay, 0n);
      due += pay;
    }
    const rest = this.#rest.get(pool) ?? 0n;
    const taken = due < rest ? due : rest;
    this.#rest.set(pool, rest - taken);
    return due - taken;
  }

  pay(where: string, at: bigint, debit: string, credit: string, amount: bigint, reason: string): void {
    if (this.#due === null || this.#at !== at) {
      this.close();
      this.#at = at;
      this.#due = new Map();
      this.#divided = false;
    }
    // Pots are paid at the ends of stake epochs, which need not be those of prices.
    if (!this.#divided && (debit.startsWith('revenue:') || at % BigInt(this.#config.epochUs) === 0n)) {
      this.#divided = true;
      for (const [key, sum] of this.#workOut()) this.#due.set(key, (this.#due.get(key) ?? 0n) + sum);
    }
    if (this.#stake !== null && debit.startsWith('verifiers|')) this.#verifiers(at, debit);
    if (this.#stake !== null && debit.startsWith('staker-pot|') && this.#potAt !== at) {
      this.#potAt = at;
      for (const [party, currency, share, why] of this.#stake.pots(Number(at))) {
        const due = `staker-pot|${currency}>${party}|${currency}>${why}`;
        this.#due.set(due, (this.#due.get(due) ?? 0n) + share);
      }
    }
    const key = `${debit}>${credit}>${reason}`;
    const due = this.#due.get(key) ?? 0n;
    if (due < amount || amount === 0n)
      this.#fail(`${where}: ${reason} of ${amount} from ${debit} to ${credit}, due ${due}`);
    if (due === amount) this.#due.delete(key);
    else this.#due.set(key, due - amount);
  }

  /** The verifiers' pot as it stood when the first of them is paid goes by what they attested. */
  #verifiers(at: bigint, pot: string): void {
    if (this.#verifiersPaid.get(pot) === at) return;
    this.#verifiersPaid.set(pot, at);
    const currency = pot.split('|')[1]!;
    for (const [who, amount, reason] of this.#stake!.verifierPay(Number(at), this.#balance(pot)))
      this.#due!.set(`${pot}>verifier:${who}|${currency}>${reason}`, amount);
  }

  /** The distribution is over: nothing may be left unpaid. */
  close(): void {
    if (this.#due === null) return;
    for (const [key, left] of this.#due)
      if (left > 0n) this.#fail(`transfers.parquet at ${this.#at} us: ${key} is owed ${left} more`);
    this.#due = null;
  }

  /** The run is over: nothing that was earned may be left undivided. */
  finish(): void {
    this.close();
    for (const [pot, by] of [...this.#earned, ...this.#supplied])
      for (const [provider, sum] of by)
        if (sum > 0n) this.#fail(`transfers.parquet: ${sum} that ${provider} has earned in ${pot} were never divided`);
  }

  #workOut(): Map<string, bigint> {
    const due = new Map<string, bigint>();
    const owe = (from: string, party: string, currency: string, amount: bigint, reason: string) => {
      const key = `${from}>${party}|${currency}>${reason}`;
      due.set(key, (due.get(key) ?? 0n) + amount);
    };
    for (const l of this.#disputes?.ripen(this.#at) ?? []) this.#add(l.pool, l.currency, l.provider, l.amount);
    const s = this.#config.shares;
    const bps = [s.providerBps, s.stakerBps, s.aggregatorBps, s.verifierBps, s.treasuryBps].map(BigInt);
    for (const [pot, earned] of this.#earned) {
      const [pool, currency] = pot.split('|') as [string, string];
      const from = `revenue:${pool}|${currency}`;
      const aggregator = this.#config.pools.find((p) => p.id === pool)!.aggregator;
      let shares = 0n;
      for (const [provider, gross] of earned) {
        const [own, stakers, agg, ver, tre] = apportion(gross, bps) as [bigint, bigint, bigint, bigint, bigint];
        const stakes = this.#config.stakes.filter((k) => k.provider === provider);
        owe(from, `provider:${provider}`, currency, own, 'provider-share');
        shares += agg;
        owe(from, 'verifiers', currency, ver, 'verifier-share');
        if (this.#stake !== null) {
          owe(from, 'staker-pot', currency, stakers, 'staker-share');
          this.#stake.owe(Number(this.#at), currency, provider, stakers);
          owe(from, 'treasury', currency, tre, 'treasury-share');
          continue;
        }
        owe(from, 'treasury', currency, stakes.length === 0 ? tre + stakers : tre, 'treasury-share');
        const parts = apportion(
          stakers,
          stakes.map((k) => BigInt(k.amount)),
        );
        stakes.forEach((k, i) => {
          owe(from, `staker:${k.staker}`, currency, parts[i]!, 'staker-share');
        });
      }
      const backers = this.#stake?.backers(Number(this.#at), pool, shares) ?? 0n;
      owe(from, 'staker-pot', currency, backers, 'backer-share');
      this.#stake?.owe(Number(this.#at), currency, `#${pool}`, backers);
      owe(from, `aggregator:${aggregator}`, currency, shares - backers, 'aggregator-share');
      earned.clear();
    }
    const usd = this.#config.currencies[0]!.code;
    for (const [pool, supplied] of this.#supplied) {
      const from = `revenue:${pool}|${usd}`;
      const { feeBps, feeBase = 'gross' } = this.#config.pools.find((p) => p.id === pool)!.supply!;
      const part = (of: bigint) => (of * BigInt(feeBps)) / 10_000n;
      owe(from, 'treasury', usd, this.#fees.get(pool) ?? 0n, 'supply-fee');
      this.#fees.delete(pool);
      for (const [provider, gross] of supplied) {
        const asked = this.#asked.get(`${pool}|${provider}`) ?? 0n;
        const fee =
          feeBase === 'gross' || feeBase === 'gross-up'
            ? part(gross)
            : feeBase === 'surplus' && gross > asked
              ? part(gross - asked)
              : 0n;
        const net = gross - fee;
        const pot = this.#stake?.potOfPay(net, asked) ?? 0n;
        this.#asked.delete(`${pool}|${provider}`);
        if (pot > 0n) this.#stake!.owe(Number(this.#at), usd, provider, pot);
        owe(from, `provider:${provider}`, usd, net - pot, 'supply-payment');
        owe(from, 'staker-pot', usd, pot, 'staker-share');
        owe(from, 'treasury', usd, gross - net, 'supply-fee');
      }
      let rest = this.#rest.get(pool) ?? 0n;
      const plan = (gone: ReadonlySet<string>) => this.#supply.residual(pool, this.#at, gone);
      for (const [staker, amount] of this.#stake?.potOfRest(Number(this.#at), rest, plan) ?? []) {
        owe(from, `staker:${staker}`, usd, amount, 'staker-residual');
        rest -= amount;
      }
      if (feeBase === 'residual') {
        const agent = this.#config.pools.find((p) => p.id === pool)!.aggregator;
        owe(from, `aggregator:${agent}`, usd, rest - part(rest), 'supply-residual');
        rest = part(rest);
      }
      owe(from, 'treasury', usd, rest, 'supply-rest');
      this.#rest.set(pool, 0n);
      supplied.clear();
    }
    return due;
  }
}

/** The pool of an account such as subsidy:main|USD. */
const poolOfSubsidy = (account: string): string => account.split('|')[0]!.slice('subsidy:'.length);
