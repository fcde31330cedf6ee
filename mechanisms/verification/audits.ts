/** Spot checks, replication quorums and adaptive replication: closed forms that simulations are held against. Page: audits.md. */
import { exp, log1p, type Rational, rat, ratAdd, ratMul } from '../../core/num/index.ts';

/** P(at least one of b bad items among N is in a sample of k without replacement) = 1 - C(N-b,k)/C(N,k), exact. */
export function spotCheck(items: number, bad: number, sample: number): Rational {
  let miss = rat(1);
  for (let i = 0; i < sample; i++) {
    const good = items - bad - i;
    if (good <= 0) return rat(1);
    miss = ratMul(miss, rat(BigInt(good), BigInt(items - i)));
  }
  return rat(miss.den - miss.num, miss.den);
}

/** The same when every item is drawn anew, share f bad: 1 - (1-f)^k. */
export const spotCheckReplaced = (f: number, sample: number): number => 1 - exp(sample * log1p(-f));

/** Least sample that finds a bad share f with probability `level`. */
export function sampleFor(f: number, level: number): number {
  let k = 1;
  while (spotCheckReplaced(f, k) < level) k++;
  return k;
}

/** P(at least q of n independent replicas return the same wrong answer) when a share f colludes. */
export function quorumCaptured(f: Rational, quorum: number, n: number): Rational {
  let sum = rat(0);
  let choose = 1n;
  const honest = rat(f.den - f.num, f.den);
  for (let k = 0; k <= n; k++) {
    if (k > 0) choose = (choose * BigInt(n - k + 1)) / BigInt(k);
    if (k >= quorum) sum = ratAdd(sum, ratMul(rat(choose), ratMul(power(f, k), power(honest, n - k))));
  }
  return sum;
}

function power(x: Rational, n: number): Rational {
  let out = rat(1);
  for (let i = 0; i < n; i++) out = ratMul(out, x);
  return out;
}

/** Valid results in a row before a host may be trusted with a single copy. */
export const TRUSTED_AFTER = 10;

/** Adaptive replication (BOINC): chance that the next job of a host goes out as a single copy. */
export const singleCopyChance = (consecutiveValid: number): number =>
  consecutiveValid < TRUSTED_AFTER ? 0 : 1 - 1 / consecutiveValid;

/** A host's standing; a job that went out alone does not count, an invalid result starts over. */
export function nextConsecutive(consecutiveValid: number, replicated: boolean, valid: boolean): number {
  if (!valid) return 0;
  return replicated ? consecutiveValid + 1 : consecutiveValid;
}

/** Expected replicated jobs among the first n of an honest host, by the Markov chain of its standing. */
export function expectedReplicated(n: number): number {
  // p[c] = P(standing c); only valid results, so standing never falls.
  let p = new Float64Array(n + 1);
  p[0] = 1;
  let expected = 0;
  for (let job = 0; job < n; job++) {
    const next = new Float64Array(n + 1);
    for (let c = 0; c <= job; c++) {
      const here = p[c]!;
      if (here === 0) continue;
      const alone = singleCopyChance(c);
      expected += here * (1 - alone);
      next[c]! += here * alone;
      next[c + 1]! += here * (1 - alone);
    }
    p = next;
  }
  return expected;
}
