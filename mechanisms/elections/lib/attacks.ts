/**
 * How concentrated stake is and what it takes to capture a committee. Shares are exact where they decide; indices are doubles.
 * Sources: Gini 1912; Herfindahl-Hirschman; Nakamoto coefficient (Srinivasan and Lee 2017); capture thresholds follow from the rules.
 */
import { exp, expm1, log, log1p, logGamma, rat, ratToNumber } from '../../../core/num/index.ts';

/** Gini coefficient, 0 = equal, (n-1)/n = one holds all; 0 for no stake. */
export function gini(stakes: readonly bigint[]): number {
  const x = [...stakes].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const n = BigInt(x.length);
  let weighted = 0n;
  let sum = 0n;
  x.forEach((v, i) => {
    weighted += (2n * BigInt(i + 1) - n - 1n) * v;
    sum += v;
  });
  return sum === 0n ? 0 : ratio(weighted, n * sum);
}

/** Herfindahl-Hirschman index: sum of squared shares, 1/n to 1; its inverse is the effective number of holders. */
export function hhi(stakes: readonly bigint[]): number {
  let squares = 0n;
  let sum = 0n;
  for (const v of stakes) {
    squares += v * v;
    sum += v;
  }
  return sum === 0n ? 0 : ratio(squares, sum * sum);
}

/** Fewest holders that together have strictly more than num/den of all stake. */
export function nakamoto(stakes: readonly bigint[], num: bigint, den: bigint): number {
  const x = [...stakes].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const sum = x.reduce((a, b) => a + b, 0n);
  let top = 0n;
  for (let i = 0; i < x.length; i++) {
    top += x[i]!;
    if (top * den > num * sum) return i + 1;
  }
  return x.length;
}

const ratio = (a: bigint, b: bigint): number => ratToNumber(rat(a, b));

/** Least stake for an attacker to take `seats` of `total` seats against honest voters who act as one. */
export type CaptureRule =
  | { readonly rule: 'top-k'; readonly honest: bigint }
  | { readonly rule: 'proportional'; readonly honest: bigint }
  | { readonly rule: 'one-vote'; readonly honestCandidates: readonly bigint[] };

/**
 * Stake the attacker needs, in whole units, ties lost. top-k with free approvals: more than all honest stake, for one seat or all.
 * Proportional rules (Phragmén, PhragMMS, D'Hondt): a/j > H/(k-j+1). One vote each: each of j own candidates must beat the
 * (k-j+1)-th honest candidate.
 */
export function captureStake(c: CaptureRule, seats: number, total: number): bigint {
  if (!(seats >= 1 && seats <= total)) throw new Error(`capture of ${seats} of ${total} seats`);
  switch (c.rule) {
    case 'top-k':
      return c.honest + 1n;
    case 'proportional':
      return (c.honest * BigInt(seats)) / BigInt(total - seats + 1) + 1n;
    case 'one-vote': {
      const sorted = [...c.honestCandidates].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
      const rival = sorted[total - seats] ?? 0n;
      return BigInt(seats) * (rival + 1n);
    }
  }
}

/** P(at least `threshold` of `size` seats fall to the adversary), seats drawn with replacement by stake share p. */
export function binomialCapture(size: number, p: number, threshold: number): number {
  return upperTail(threshold, size, (x) => logChoose(size, x) + x * log(p) + (size - x) * log1p(-p));
}

/** The same without replacement: `bad` of `pool` members, hypergeometric. */
export function hypergeometricCapture(pool: number, bad: number, size: number, threshold: number): number {
  const all = logChoose(pool, size);
  return upperTail(threshold, Math.min(size, bad), (x) =>
    size - x > pool - bad ? Number.NEGATIVE_INFINITY : logChoose(bad, x) + logChoose(pool - bad, size - x) - all,
  );
}

function upperTail(from: number, to: number, logTerm: (x: number) => number): number {
  let sum = 0;
  for (let x = to; x >= from; x--) {
    const l = logTerm(x);
    if (l > -745) sum += exp(l);
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);

/** Chance to capture at least once when the beacon can be ground `tries` times. */
export function grinding(p: number, tries: number): number {
  return p >= 1 ? 1 : -expm1(tries * log1p(-p));
}

/**
 * Cost per epoch of bribing delegators away from honest candidates: they ask for what they lose (the honest yield) and for the trouble
 * of switching. Amounts in micro-units; stake in token units; yield and switching cost in micro-units per token and epoch.
 */
export function bribeCost(stakeNeeded: bigint, honestYieldMicro: bigint, switchingMicro: bigint): bigint {
  return stakeNeeded * (honestYieldMicro + switchingMicro);
}
