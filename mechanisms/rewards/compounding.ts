/** Rewards that join the stake at once, claimed in O(1) through two cumulative factors (Livepeer LIP-36). Page: compounding.md. */

/** Scale of the factors: 27 decimals. */
export const FACTOR_ONE = 1_000_000_000_000_000_000_000_000_000n;

export interface Factors {
  readonly reward: bigint;
  readonly fee: bigint;
}

export class Compounding {
  #totalStake: bigint;
  #reward = FACTOR_ONE;
  #fee = 0n;

  constructor(totalStake: bigint) {
    if (totalStake <= 0n) throw new Error('compounding needs stake to begin with');
    this.#totalStake = totalStake;
  }

  get totalStake(): bigint {
    return this.#totalStake;
  }
  /** What a delegator must remember when it joins. */
  get factors(): Factors {
    return { reward: this.#reward, fee: this.#fee };
  }

  /** One round: fees are credited on the stake before this round's reward, then the reward joins the stake. */
  round(reward: bigint, fee: bigint): void {
    this.#fee += (this.#reward * ((fee * FACTOR_ONE) / this.#totalStake)) / FACTOR_ONE;
    this.#reward += (this.#reward * ((reward * FACTOR_ONE) / this.#totalStake)) / FACTOR_ONE;
    this.#totalStake += reward;
  }

  stakeOf(stake: bigint, since: Factors): bigint {
    return (stake * this.#reward) / since.reward;
  }

  feesOf(stake: bigint, since: Factors): bigint {
    return (stake * (this.#fee - since.fee)) / since.reward;
  }
}
