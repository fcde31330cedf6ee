/**
 * F1 fee distribution: rewards of a validator's delegators in O(1) an operation, slashes included. Page: f1.md.
 * One validator (here: one aggregator or one pot) and its delegators; amounts are whole units, rewards 18-decimal fixed point.
 */
import { DEC_ONE, type Dec, decOf, mulBank, mulTrunc, quoTrunc } from './lib/dec.ts';

interface Historical {
  /** Reward per token from the beginning to the end of the period. */
  cumulative: Dec;
  references: number;
}

interface Delegation {
  /** Period before the delegation began. */
  startPeriod: number;
  /** Tokens at that moment, truncated. */
  stake: Dec;
  shares: Dec;
}

export interface F1State {
  period: number;
  current: Dec;
  commission: Dec;
  outstanding: Dec;
  pool: Dec;
  tokens: bigint;
  totalShares: Dec;
  historical: [number, Historical][];
  slashes: [number, Dec][];
  delegations: [string, Delegation][];
  paid: [string, bigint][];
}

/** Recomputed stake may exceed the present one by this much through truncation, not more (Cosmos: 3 units of the last decimal). */
const STAKE_MARGIN: Dec = 3n;

export class F1Error extends Error {
  override readonly name = 'F1Error';
}

export class F1 {
  /** Share of every allocation that goes to the validator first. */
  readonly commissionRate: Dec;
  #period = 1;
  #current: Dec = 0n;
  #commission: Dec = 0n;
  #outstanding: Dec = 0n;
  #pool: Dec = 0n;
  #tokens = 0n;
  #totalShares: Dec = 0n;
  readonly #historical = new Map<number, Historical>([[0, { cumulative: 0n, references: 1 }]]);
  /** In order of period. */
  readonly #slashes: [number, Dec][] = [];
  readonly #delegations = new Map<string, Delegation>();
  readonly #paid = new Map<string, bigint>();

  constructor(commissionRate: Dec) {
    if (commissionRate < 0n || commissionRate > DEC_ONE) throw new F1Error('the commission is a share from 0 to 1');
    this.commissionRate = commissionRate;
  }

  get tokens(): bigint {
    return this.#tokens;
  }
  /** Not yet withdrawn by the validator. */
  get commission(): Dec {
    return this.#commission;
  }
  /** Owed to delegators and validator together. */
  get outstanding(): Dec {
    return this.#outstanding;
  }
  /** Dust and rewards that came while nobody had stake: belongs to the named community account. */
  get pool(): Dec {
    return this.#pool;
  }
  paid(delegator: string): bigint {
    return this.#paid.get(delegator) ?? 0n;
  }
  delegators(): string[] {
    return [...this.#delegations.keys()];
  }
  has(delegator: string): boolean {
    return this.#delegations.has(delegator);
  }
  /** Tokens a delegation is worth now, truncated to whole units. */
  stakeOf(delegator: string): bigint {
    const d = this.#delegations.get(delegator);
    return d === undefined ? 0n : this.#worth(d.shares) / DEC_ONE;
  }

  /** Rewards of `amount` whole units for this validator's period. */
  allocate(amount: bigint): void {
    if (amount < 0n) throw new F1Error(`an allocation of ${amount}; give 0 or more`);
    const reward = decOf(amount);
    const commission = mulBank(reward, this.commissionRate);
    this.#commission += commission;
    this.#current += reward - commission;
    this.#outstanding += reward;
  }

  delegate(delegator: string, amount: bigint): void {
    if (amount <= 0n) throw new F1Error(`a delegation of ${amount}; give more than 0`);
    const shares = this.#totalShares === 0n ? decOf(amount) : (this.#totalShares * amount) / this.#tokensOrFail();
    const known = this.#delegations.get(delegator);
    if (known !== undefined) this.#settle(delegator, known);
    else this.#endPeriod();
    this.#tokens += amount;
    this.#totalShares += shares;
    this.#begin(delegator, (known?.shares ?? 0n) + shares);
  }

  #tokensOrFail(): bigint {
    if (this.#tokens === 0n) throw new F1Error('all stake was slashed away: nobody can delegate at a price of nothing');
    return this.#tokens;
  }

  /** Takes up to the delegation's worth out; answers the tokens that leave. */
  undelegate(delegator: string, amount: bigint): bigint {
    const d = this.#delegations.get(delegator);
    if (d === undefined) throw new F1Error(`${delegator} has no delegation`);
    const worth = this.#worth(d.shares) / DEC_ONE;
    if (amount <= 0n || amount > worth) throw new F1Error(`${delegator} takes out ${amount}; it has ${worth}`);
    this.#settle(delegator, d);
    const all = amount === worth;
    const shares = all ? d.shares : (this.#totalShares * amount + this.#tokens - 1n) / this.#tokens;
    const left = d.shares - shares;
    this.#totalShares -= shares;
    this.#tokens -= amount;
    if (left > 0n) this.#begin(delegator, left);
    else this.#delegations.delete(delegator);
    return amount;
  }

  /** Burns the share `fraction` of all tokens; answers how many. */
  slash(fraction: Dec): bigint {
    if (fraction < 0n || fraction > DEC_ONE) throw new F1Error('a slash is a share from 0 to 1');
    const period = this.#endPeriod();
    this.#historical.get(period)!.references++;
    this.#slashes.push([period, fraction]);
    const burned = (this.#tokens * fraction) / DEC_ONE;
    this.#tokens -= burned;
    return burned;
  }

  /** Pays a delegator what it has earned, in whole units; the rest of a unit goes to the pool. */
  withdraw(delegator: string): bigint {
    const d = this.#delegations.get(delegator);
    if (d === undefined) throw new F1Error(`${delegator} has no delegation`);
    const paid = this.#settle(delegator, d);
    this.#begin(delegator, d.shares);
    return paid;
  }

  withdrawCommission(): bigint {
    const whole = this.#commission / DEC_ONE;
    this.#commission -= decOf(whole);
    this.#outstanding -= decOf(whole);
    return whole;
  }

  /** What a withdrawal now would be worth, fractions included; changes nothing. */
  pending(delegator: string): Dec {
    const d = this.#delegations.get(delegator);
    if (d === undefined) return 0n;
    const current = this.#tokens === 0n ? 0n : quoTrunc(this.#current, decOf(this.#tokens));
    const end = this.#historical.get(this.#period - 1)!.cumulative + current;
    const raw = this.#rewards(d, end);
    return raw < this.#outstanding ? raw : this.#outstanding;
  }

  #worth(shares: Dec): Dec {
    return this.#totalShares === 0n ? 0n : (shares * decOf(this.#tokens)) / this.#totalShares;
  }

  /** Closes the period and answers its number. */
  #endPeriod(): number {
    const before = this.#historical.get(this.#period - 1)!;
    let perToken: Dec = 0n;
    if (this.#tokens === 0n) {
      this.#pool += this.#current;
      this.#outstanding -= this.#current;
    } else perToken = quoTrunc(this.#current, decOf(this.#tokens));
    this.#current = 0n;
    this.#release(this.#period - 1);
    this.#historical.set(this.#period, { cumulative: before.cumulative + perToken, references: 1 });
    return this.#period++;
  }

  #release(period: number): void {
    const h = this.#historical.get(period)!;
    if (--h.references === 0) this.#historical.delete(period);
  }

  #begin(delegator: string, shares: Dec): void {
    const startPeriod = this.#period - 1;
    this.#historical.get(startPeriod)!.references++;
    this.#delegations.set(delegator, { startPeriod, stake: this.#worth(shares), shares });
  }

  #settle(delegator: string, d: Delegation): bigint {
    const period = this.#endPeriod();
    const raw = this.#rewards(d, this.#historical.get(period)!.cumulative);
    const due = raw < this.#outstanding ? raw : this.#outstanding;
    const whole = due / DEC_ONE;
    this.#paid.set(delegator, (this.#paid.get(delegator) ?? 0n) + whole);
    this.#outstanding -= due;
    this.#pool += due - decOf(whole);
    this.#release(d.startPeriod);
    return whole;
  }

  #rewards(d: Delegation, end: Dec): Dec {
    let sum: Dec = 0n;
    let stake = d.stake;
    let start = this.#historical.get(d.startPeriod)!.cumulative;
    for (let i = this.#firstSlashAfter(d.startPeriod); i < this.#slashes.length; i++) {
      const [period, fraction] = this.#slashes[i]!;
      const at = this.#historical.get(period)!.cumulative;
      sum += mulTrunc(at - start, stake);
      stake = mulTrunc(stake, DEC_ONE - fraction);
      start = at;
    }
    const now = this.#worth(d.shares);
    if (stake > now) {
      if (stake > now + STAKE_MARGIN) throw new F1Error(`a delegation computes to ${stake} where it holds ${now}`);
      stake = now;
    }
    return sum + mulTrunc(end - start, stake);
  }

  #firstSlashAfter(period: number): number {
    let lo = 0;
    let hi = this.#slashes.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.#slashes[mid]![0] > period) hi = mid;
      else lo = mid + 1;
    }
    return lo;
  }

  /** First broken law, or null: references counted, nothing negative, commission covered, everyone can withdraw in any order. */
  fault(): string | null {
    let references = 0;
    for (const h of this.#historical.values()) references += h.references;
    const want = 1 + this.#delegations.size + this.#slashes.length;
    if (references !== want) return `reference count is ${references}, not ${want}`;
    if (this.#outstanding < this.#commission) return 'outstanding rewards do not cover the commission';
    if (this.#pool < 0n || this.#tokens < 0n) return 'a negative balance';
    const copy = F1.restore(this.commissionRate, this.snapshot());
    for (const d of [...this.#delegations.keys()].reverse()) copy.withdraw(d);
    copy.withdrawCommission();
    return copy.outstanding < 0n ? `not everyone can withdraw: ${-copy.outstanding} units of 1e-18 are missing` : null;
  }

  snapshot(): F1State {
    return structuredCopy({
      period: this.#period,
      current: this.#current,
      commission: this.#commission,
      outstanding: this.#outstanding,
      pool: this.#pool,
      tokens: this.#tokens,
      totalShares: this.#totalShares,
      historical: [...this.#historical],
      slashes: this.#slashes,
      delegations: [...this.#delegations],
      paid: [...this.#paid],
    });
  }

  static restore(commissionRate: Dec, state: F1State): F1 {
    const f = new F1(commissionRate);
    const s = structuredCopy(state);
    f.#period = s.period;
    f.#current = s.current;
    f.#commission = s.commission;
    f.#outstanding = s.outstanding;
    f.#pool = s.pool;
    f.#tokens = s.tokens;
    f.#totalShares = s.totalShares;
    f.#historical.clear();
    for (const [k, v] of s.historical) f.#historical.set(k, v);
    f.#slashes.push(...s.slashes);
    for (const [k, v] of s.delegations) f.#delegations.set(k, v);
    for (const [k, v] of s.paid) f.#paid.set(k, v);
    return f;
  }
}

function structuredCopy(s: F1State): F1State {
  return {
    ...s,
    historical: s.historical.map(([k, v]) => [k, { ...v }]),
    slashes: s.slashes.map(([p, f]) => [p, f]),
    delegations: s.delegations.map(([k, v]) => [k, { ...v }]),
    paid: s.paid.map(([k, v]) => [k, v]),
  };
}
