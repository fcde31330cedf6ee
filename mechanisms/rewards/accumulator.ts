/** Reward per share: one running sum serves every staker (MasterChef, Synthetix). Page: accumulator.md. */

interface Staker {
  amount: bigint;
  debt: bigint;
  paid: bigint;
}

export class Accumulator {
  readonly #precision: bigint;
  #perShare = 0n;
  #supply = 0n;
  #undistributed = 0n;
  readonly #stakers = new Map<string, Staker>();

  /** Fixed-point scale of the running sum: 1e12 in MasterChef, 1e18 in Synthetix. */
  constructor(precision = 1_000_000_000_000n) {
    this.#precision = precision;
  }

  get supply(): bigint {
    return this.#supply;
  }
  /** Rewards that came while nobody had stake: belong to the named treasury, not to whoever comes first. */
  get undistributed(): bigint {
    return this.#undistributed;
  }
  paid(staker: string): bigint {
    return this.#stakers.get(staker)?.paid ?? 0n;
  }

  /** Spreads `reward` over the present stakes. Call before any change of stake in the same instant. */
  reward(reward: bigint): void {
    if (reward < 0n) throw new Error(`a reward of ${reward}`);
    if (this.#supply === 0n) this.#undistributed += reward;
    else this.#perShare += (reward * this.#precision) / this.#supply;
  }

  pending(staker: string): bigint {
    const s = this.#stakers.get(staker);
    return s === undefined ? 0n : (s.amount * this.#perShare) / this.#precision - s.debt;
  }

  /** Pays what is pending and changes the stake by `delta` (0 = only withdraw). Answers what was paid. */
  change(staker: string, delta: bigint): bigint {
    const s = this.#stakers.get(staker) ?? { amount: 0n, debt: 0n, paid: 0n };
    if (s.amount + delta < 0n) throw new Error(`${staker} takes out ${-delta} of ${s.amount}`);
    const due = (s.amount * this.#perShare) / this.#precision - s.debt;
    s.amount += delta;
    s.debt = (s.amount * this.#perShare) / this.#precision;
    s.paid += due;
    this.#supply += delta;
    this.#stakers.set(staker, s);
    return due;
  }
}
