/**
 * Weights of stake in revenue, and integer shares by them. Page: weights.md. A weight is an exact non-negative integer, up to a common
 * scale: shares follow from largest remainder, so they add up to the total exactly.
 */
import { isqrt, largestRemainder } from '../../core/num/index.ts';

export type WeightRule =
  | { readonly rule: 'linear' }
  | { readonly rule: 'sqrt' }
  | { readonly rule: 'square' }
  | { readonly rule: 'capped'; readonly cap: bigint }
  /** Stake times time left to unlock over the longest lock (vote-escrow, veJCT). */
  | { readonly rule: 'lock-weighted'; readonly maxLock: bigint };

export const weightRules = ['linear', 'sqrt', 'square', 'capped', 'lock-weighted'] as const;

/** Scale of square roots: 30 decimals, so that truncation moves no share of fewer than 1e24 units. */
const ROOT_SCALE = 1_000_000_000_000_000_000_000_000_000_000n;

/** Weight of one stake; `lock` is the time left in the unit of maxLock. Throws for negative stake, cap or lock. */
export function weightOf(rule: WeightRule, stake: bigint, lock = 0n): bigint {
  if (stake < 0n) throw new Error(`a stake of ${stake}; give 0 or more`);
  switch (rule.rule) {
    case 'linear':
      return stake;
    case 'sqrt':
      return isqrt(stake * ROOT_SCALE * ROOT_SCALE);
    case 'square':
      return stake * stake;
    case 'capped':
      if (rule.cap <= 0n) throw new Error(`a cap of ${rule.cap}; give more than 0`);
      return stake < rule.cap ? stake : rule.cap;
    case 'lock-weighted':
      if (rule.maxLock <= 0n || lock < 0n || lock > rule.maxLock)
        throw new Error(`a lock of ${lock} where the longest is ${rule.maxLock}`);
      return stake * lock;
  }
}

/** Shares of `total` by weight; ties of remainders to the lower index. All weights zero: throws unless total is 0. */
export function sharesBy(
  rule: WeightRule,
  total: bigint,
  stakes: readonly bigint[],
  locks?: readonly bigint[],
): bigint[] {
  return largestRemainder(
    total,
    stakes.map((s, i) => weightOf(rule, s, locks?.[i] ?? 0n)),
  );
}

/** Share of a holder of `stake` that poses as m equal identities beside `rest`, as a fraction [num, den] of weights. */
export function sybilShare(
  rule: WeightRule,
  stake: bigint,
  m: bigint,
  rest: readonly bigint[],
): readonly [bigint, bigint] {
  const mine = weightOf(rule, stake / m) * m;
  const all = rest.reduce((sum, s) => sum + weightOf(rule, s), mine);
  return [mine, all];
}
