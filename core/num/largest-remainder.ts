/**
 * Hamilton's largest-remainder apportionment: an integer total split over integer weights so that the shares sum to
 * the total exactly, each within one unit of its exact quota total * weight / sum(weights).
 *
 * Rule: every index gets the floor of its quota; the units left over go one each to the largest remainders, a tie to
 * the smaller index. A zero weight always gets zero (fewer units are left over than there are non-zero remainders).
 * A negative total is the mirror image of the positive one. Quota holds; house monotonicity does not (the Alabama
 * paradox): a larger total can give one index less. Source: Balinski and Young, Fair Representation, 1982, ch. 3.
 *
 * When all weights are zero (or there are none) a zero total gives zeros; any other total throws `zero-weight`,
 * because who then owns the money is the caller's decision.
 */
import { assertNonNegativeInt, assertSafeInt } from './int.ts';
import { NumError } from './num-error.ts';

const MAX = Number.MAX_SAFE_INTEGER;
/** Up to here leftovers are handed out by scanning, which allocates nothing; beyond it by one sort of the indices. */
const SCAN_LIMIT = 24;

/**
 * Shares of a BigInt total. Weights are non-negative safe integers or BigInts, freely mixed. No BigInt is made per
 * weight beyond its share while total * weight and the sum of weights stay below 2^53.
 * Throws `not-safe-integer`, `range` (negative weight) or `zero-weight`.
 */
export function largestRemainder(total: bigint, weights: readonly (number | bigint)[]): bigint[] {
  const small = Number(total);
  if (Number.isSafeInteger(small)) {
    const shares = smallShares(small, weights);
    if (shares !== null) return shares.map(BigInt);
  }
  return bigShares(total, weights);
}

/** The same for a safe-integer total and safe-integer weights; exact for all of them. Throws as largestRemainder. */
export function largestRemainderInt(total: number, weights: readonly number[]): number[] {
  assertSafeInt(total, 'total');
  return smallShares(total, weights) ?? bigShares(BigInt(total), weights).map(Number);
}

/** Null when a product or the sum could leave the safe range. */
function smallShares(total: number, weights: readonly (number | bigint)[]): number[] | null {
  const size = Math.abs(total);
  let sum = 0;
  let top = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]!;
    if (typeof w === 'bigint') return null;
    assertNonNegativeInt(w, `weights[${i}]`);
    if (w > top) top = w;
    sum += w;
    if (sum > MAX) return null;
  }
  if (size * top > MAX) return null;
  const shares = new Array<number>(weights.length);
  if (sum === 0) {
    if (total !== 0) throw new NumError('zero-weight', `${total} over ${weights.length} zero weights`);
    return shares.fill(0);
  }
  const rests = new Array<number>(weights.length);
  let left = size;
  for (let i = 0; i < weights.length; i++) {
    const quota = size * (weights[i] as number);
    const share = Math.floor(quota / sum);
    shares[i] = share;
    rests[i] = quota - share * sum;
    left -= share;
  }
  handOut(rests, left, -1, (i) => {
    shares[i] = shares[i]! + 1;
  });
  if (total < 0) for (let i = 0; i < shares.length; i++) shares[i] = 0 - shares[i]!;
  return shares;
}

function bigShares(total: bigint, weights: readonly (number | bigint)[]): bigint[] {
  const size = total < 0n ? -total : total;
  const shares: bigint[] = [];
  let sum = 0n;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]!;
    if (typeof w === 'number') assertNonNegativeInt(w, `weights[${i}]`);
    else if (w < 0n) throw new NumError('range', `weights[${i}] = ${w} is negative`);
    const big = BigInt(w);
    sum += big;
    shares.push(big);
  }
  if (sum === 0n) {
    if (total !== 0n) throw new NumError('zero-weight', `${total} over ${weights.length} zero weights`);
    return shares;
  }
  const rests: bigint[] = [];
  let left = size;
  for (let i = 0; i < shares.length; i++) {
    const quota = size * shares[i]!;
    const share = quota / sum;
    shares[i] = share;
    rests.push(quota - share * sum);
    left -= share;
  }
  handOut(rests, Number(left), -1n, (i) => {
    shares[i] = shares[i]! + 1n;
  });
  if (total < 0n) for (let i = 0; i < shares.length; i++) shares[i] = -shares[i]!;
  return shares;
}

/** Calls `give` for the `left` largest remainders, ties by index. `rests` is used up: `spent` marks those served. */
function handOut<T extends number | bigint>(rests: T[], left: number, spent: T, give: (index: number) => void): void {
  if (left === 0) return;
  if (rests.length <= SCAN_LIMIT || left <= 3) {
    for (; left > 0; left--) {
      let best = 0;
      for (let i = 1; i < rests.length; i++) if (rests[i]! > rests[best]!) best = i;
      rests[best] = spent;
      give(best);
    }
    return;
  }
  const order = rests.map((_, i) => i);
  order.sort((a, b) => (rests[a]! > rests[b]! ? -1 : rests[a]! < rests[b]! ? 1 : a - b));
  for (let i = 0; i < left; i++) give(order[i]!);
}
