/** Reward rules as the running market asks for them. */
import type { Backed, DelegationBook, PotRule } from '../../../core/interfaces.ts';
import { rat } from '../../../core/num/index.ts';
import { type CardanoParams, maxPool, poolReward } from '../cardano.ts';
import { F1, type F1State } from '../f1.ts';

/** F1 without commission or its own slashes: core says what each stake has become. */
export class F1Book implements DelegationBook {
  readonly #f1: F1;

  constructor(state?: F1State) {
    this.#f1 = state === undefined ? new F1(0n) : F1.restore(0n, state);
  }

  change(delegator: string, stake: bigint): bigint {
    const f = this.#f1;
    const before = f.paid(delegator);
    const has = f.stakeOf(delegator);
    if (stake > has) f.delegate(delegator, stake - has);
    else if (stake < has) f.undelegate(delegator, has - stake);
    else if (has > 0n) f.withdraw(delegator);
    return f.paid(delegator) - before;
  }

  allocate(amount: bigint): void {
    this.#f1.allocate(amount);
  }

  snapshot(): F1State {
    return this.#f1.snapshot();
  }
}

/**
 * Cardano's pool reward with a provider for a pool, and what its machines earned for the blocks it made: (earned / total) / sigma x
 * maxPool(sigma, pledge). The parts never exceed the total, since maxPool(sigma, .) <= total x sigma.
 */
export class Saturation implements PotRule {
  readonly #params: CardanoParams;

  constructor(params: CardanoParams) {
    this.#params = params;
  }

  divide(total: bigint, providers: readonly Backed[]): bigint[] {
    const staked = providers.reduce((n, p) => n + p.stake, 0n);
    if (total === 0n || staked === 0n) return providers.map(() => 0n);
    return providers.map((p) => {
      if (p.stake === 0n || p.earned === 0n) return 0n;
      const sigma = rat(p.stake, staked);
      const most = maxPool(this.#params, total, sigma, rat(p.pledge, staked));
      return poolReward(most, rat(p.earned, total), sigma, true);
    });
  }
}
