/** Cardano's pool rewards: saturation at 1/k, influence of the pledge a0. Page: cardano.md. Exact rationals, floored where the ledger floors. */
import {
  RAT_ONE,
  type Rational,
  rat,
  ratAdd,
  ratCmp,
  ratDiv,
  ratFloor,
  ratMin,
  ratMul,
  ratSub,
} from '../../core/num/index.ts';

export interface CardanoParams {
  /** Wanted number of pools: a pool is saturated at 1/k of all stake. */
  readonly k: bigint;
  readonly a0: Rational;
}

/** Reward of a pool with stake share sigma and pledge share `pledge`, of a pot R, at full performance. */
export function maxPool(p: CardanoParams, pot: bigint, sigma: Rational, pledge: Rational): bigint {
  if (p.k <= 0n || p.a0.num < 0n) throw new Error('cardano: k is at least 1, a0 at least 0');
  if (sigma.num < 0n || ratCmp(sigma, RAT_ONE) > 0) throw new Error('cardano: sigma is a share from 0 to 1');
  if (pledge.num < 0n || ratCmp(pledge, sigma) > 0)
    throw new Error('cardano: the pledge is part of the pool, from 0 to sigma');
  const z = rat(1n, p.k);
  const s = ratMin(sigma, z);
  const own = ratMin(pledge, z);
  const inner = ratDiv(ratSub(s, ratDiv(ratMul(own, ratSub(z, s)), z)), z);
  const sum = ratAdd(s, ratMul(ratMul(own, p.a0), inner));
  return ratFloor(ratDiv(ratMul(rat(pot), sum), ratAdd(RAT_ONE, p.a0)));
}

/** Pool reward at apparent performance beta / sigmaActive; 0 when the promised pledge is not met. */
export function poolReward(max: bigint, beta: Rational, sigmaActive: Rational, pledgeMet: boolean): bigint {
  return pledgeMet ? ratFloor(ratMul(ratDiv(beta, sigmaActive), rat(max))) : 0n;
}

export interface PoolSplit {
  readonly leader: bigint;
  readonly members: readonly bigint[];
  /** What the floors leave: goes back to the pot. */
  readonly dust: bigint;
}

/** Division of a pool's reward f: cost and margin to the operator, the rest by stake. Shares are of all stake. */
export function splitPool(
  f: bigint,
  cost: bigint,
  margin: Rational,
  sigma: Rational,
  ownerStake: Rational,
  members: readonly Rational[],
): PoolSplit {
  if (f <= cost) return { leader: f, members: members.map(() => 0n), dust: 0n };
  const rest = rat(f - cost);
  const others = ratSub(RAT_ONE, margin);
  const leader = cost + ratFloor(ratMul(rest, ratAdd(margin, ratMul(others, ratDiv(ownerStake, sigma)))));
  const parts = members.map((t) => ratFloor(ratMul(ratMul(rest, others), ratDiv(t, sigma))));
  return { leader, members: parts, dust: f - leader - parts.reduce((a, b) => a + b, 0n) };
}
