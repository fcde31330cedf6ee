/**
 * How results are checked while a market runs: whom a completed lease sends to work, what the answers decide, and what chance that
 * leaves a cheat. Pure functions of the policy, standings and drawn numbers. Page: policies.md.
 */
import { type ChanceKey, exp, log1p } from '../../core/num/index.ts';
import { singleCopyChance, TRUSTED_AFTER } from './audits.ts';
import { challengeMatrix, freivalds, type Matrix, multiplyMod, roundsFor } from './freivalds.ts';

export type VerificationPolicy =
  /** A share of results is computed again by a verifier. */
  | { name: 'spot-check'; rate: number }
  /** The share falls from `rate` with results right in a row, down to `least`. */
  | { name: 'reputation'; rate: number; least: number }
  /** A share of leases is asked for a product of matrices that only a working device has in time. */
  | { name: 'challenge'; rate: number; side: number; bits: number }
  /** Every result is computed by `copies` providers, its own among them, until `quorum` agree. */
  | { name: 'quorum'; copies: number; quorum: number }
  /** BOINC: two agree, or a provider with ten right in a row is mostly trusted with a single copy. */
  | { name: 'adaptive' }
  /** Copies until the stake behind one answer is over 1 - 1/trust of the stake behind all, at most `most`. */
  | { name: 'consensus'; trust: number; most: number };

export type Look =
  | { kind: 'none' }
  | { kind: 'check' }
  | { kind: 'challenge' }
  /** Others who compute it too, to begin with. */
  | { kind: 'copies'; others: number };

/** What a completed result calls for; `valid` = its provider's right results in a row, `u` uniform on [0, 1). */
export function lookAt(p: VerificationPolicy, valid: number, u: number): Look {
  switch (p.name) {
    case 'spot-check':
      return { kind: u < p.rate ? 'check' : 'none' };
    case 'reputation':
      return { kind: u < reputationRate(p, valid) ? 'check' : 'none' };
    case 'challenge':
      return { kind: u < p.rate ? 'challenge' : 'none' };
    case 'quorum':
      return { kind: 'copies', others: p.copies - 1 };
    case 'adaptive':
      return u < singleCopyChance(valid) ? { kind: 'none' } : { kind: 'copies', others: 1 };
    case 'consensus':
      return { kind: 'copies', others: 1 };
  }
}

export const reputationRate = (p: { rate: number; least: number }, valid: number): number =>
  Math.max(p.least, p.rate / (1 + valid));

/** Most who compute one result in all, its provider among them. */
export function mostCopies(p: VerificationPolicy): number {
  if (p.name === 'quorum') return 2 * p.copies;
  return p.name === 'adaptive' ? 4 : p.name === 'consensus' ? p.most : 1;
}

export interface Vote {
  answer: string;
  /** Stake behind who answers. */
  weight: bigint;
}

/** The answer that is taken for right, or null while there is none. Needs two votes at least. */
export function accepted(p: VerificationPolicy, votes: readonly Vote[]): string | null {
  const groups = new Map<string, { count: number; weight: bigint }>();
  let total = 0n;
  for (const v of votes) {
    const g = groups.get(v.answer) ?? { count: 0, weight: 0n };
    groups.set(v.answer, { count: g.count + 1, weight: g.weight + v.weight });
    total += v.weight;
  }
  if (votes.length < 2) return null;
  for (const [answer, g] of groups) {
    if (p.name === 'quorum' && g.count >= p.quorum) return answer;
    if (p.name === 'adaptive' && g.count >= 2) return answer;
    if (p.name === 'consensus' && g.weight * BigInt(p.trust) > total * BigInt(p.trust - 1)) return answer;
  }
  return null;
}

/** A device that does the work, and one that does not: it can only guess. */
export const honestDevice = (a: Matrix, b: Matrix, side: number): Matrix => multiplyMod(a, b, side);
export const noDevice = (a: Matrix): Matrix => a;

/** Runs the real challenge `id` of side n against a device: true when its answer passes. */
export function passesChallenge(
  key: ChanceKey,
  id: number,
  p: { side: number; bits: number },
  device: (a: Matrix, b: Matrix, side: number) => Matrix,
): boolean {
  const a = challengeMatrix(key, id, 'A', p.side);
  const b = challengeMatrix(key, id, 'B', p.side);
  return freivalds(key, id, a, b, device(a, b, p.side), p.side, roundsFor(p.bits));
}

/** What a provider knows when it weighs a cheat. */
export interface CatchView {
  /** Chance that a comparison shows a made-up result; share of providers that are honest; of checks that are really made. */
  detection: number;
  honest: number;
  diligence: number;
  /** Its own right results in a row. */
  valid: number;
  /** It has no device that could answer a challenge. */
  spoofs: boolean;
}

/** Chance that one made-up result is called wrong. Copies are taken as independent draws of providers; nobody colludes. */
export function catchChance(p: VerificationPolicy, v: CatchView): number {
  switch (p.name) {
    case 'spot-check':
      return p.rate * v.detection * v.diligence;
    case 'reputation':
      return reputationRate(p, v.valid) * v.detection * v.diligence;
    case 'challenge':
      return v.spoofs ? p.rate * v.diligence : 0;
    case 'quorum':
      return v.detection * atLeast(p.quorum, mostCopies(p) - 1, v.honest);
    case 'adaptive':
      return (v.valid < TRUSTED_AFTER ? 1 : 1 / v.valid) * v.detection * atLeast(2, 3, v.honest);
    case 'consensus':
      return v.detection * atLeast(Math.min(2, p.most - 1), p.most - 1, v.honest);
  }
}

/** P(at least k of n), each with chance q. */
function atLeast(k: number, n: number, q: number): number {
  if (k <= 0 || q >= 1) return k <= n ? 1 : 0;
  if (q <= 0) return 0;
  let term = exp(n * log1p(-q));
  let below = 0;
  for (let i = 0; i < k; i++) {
    below += term;
    term *= ((n - i) / (i + 1)) * (q / (1 - q));
  }
  return Math.min(1, Math.max(0, 1 - below));
}
