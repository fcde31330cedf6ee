/**
 * The inspection game between a provider that may cheat and a verifier that may audit, and its repeated form. Page: inspection.md.
 *
 * Payoffs (provider, verifier): honest and unaudited 0, 0; honest and audited 0, -c; cheat unaudited g, -L; cheat audited -P, R - c.
 */
import {
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  rat,
  ratAdd,
  ratCmp,
  ratDiv,
  ratMul,
  ratNeg,
  ratSub,
} from '../../core/num/index.ts';

export interface InspectionGame {
  /** Provider's gain from a cheat that goes unaudited. */
  readonly gain: Rational;
  /** What a caught cheat loses. */
  readonly penalty: Rational;
  readonly auditCost: Rational;
  /** What an undetected cheat costs the verifier. */
  readonly loss: Rational;
  readonly bounty: Rational;
}

export interface InspectionEquilibrium {
  /** p*: audit rate that makes the provider indifferent. */
  readonly auditRate: Rational;
  /** q*: cheat rate that makes the verifier indifferent; 1 when auditing never pays. */
  readonly cheatRate: Rational;
  readonly providerValue: Rational;
  readonly inspectorValue: Rational;
}

export function inspectionEquilibrium(g: InspectionGame): InspectionEquilibrium {
  const q = ratDiv(g.auditCost, ratAdd(g.bounty, g.loss));
  if (ratCmp(q, RAT_ONE) > 0)
    return { auditRate: RAT_ZERO, cheatRate: RAT_ONE, providerValue: g.gain, inspectorValue: ratNeg(g.loss) };
  return {
    auditRate: ratDiv(g.gain, ratAdd(g.gain, g.penalty)),
    cheatRate: q,
    providerValue: RAT_ZERO,
    inspectorValue: ratNeg(ratMul(q, g.loss)),
  };
}

/** Provider's payoff of a cheat at audit rate p. */
export function cheatValue(g: InspectionGame, p: Rational): Rational {
  return ratSub(ratMul(ratSub(RAT_ONE, p), g.gain), ratMul(p, g.penalty));
}

/** With detection d < 1 and false alarms phi: audit rate p deters iff p (d - phi) P + p d g >= g. */
export function deterringRate(
  gain: Rational,
  penalty: Rational,
  detection: Rational,
  falseAlarm: Rational,
): Rational | null {
  const per = ratAdd(ratMul(ratSub(detection, falseAlarm), penalty), ratMul(detection, gain));
  if (per.num <= 0n) return null;
  const p = ratDiv(gain, per);
  return ratCmp(p, RAT_ONE) <= 0 ? p : null;
}

/** An honest provider stays when income - cost - p phi P >= 0. */
export function participates(
  income: Rational,
  cost: Rational,
  p: Rational,
  falseAlarm: Rational,
  penalty: Rational,
): boolean {
  return ratSub(ratSub(income, cost), ratMul(ratMul(p, falseAlarm), penalty)).num >= 0n;
}

/** Stake that makes cheating at audit rate p (with sure detection) worthless: g (1 - p) / p. */
export const stakeNeeded = (gain: Rational, p: Rational): Rational => ratDiv(ratMul(gain, ratSub(RAT_ONE, p)), p);

/** Cheat every round until caught and banned: ((1-p)(w+g) - pP) / (1 - delta (1-p)). */
export function cheatForever(
  income: Rational,
  gain: Rational,
  penalty: Rational,
  p: Rational,
  discount: Rational,
): Rational {
  const free = ratSub(RAT_ONE, p);
  return ratDiv(
    ratSub(ratMul(free, ratAdd(income, gain)), ratMul(p, penalty)),
    ratSub(RAT_ONE, ratMul(discount, free)),
  );
}

/** Honest for ever: w / (1 - delta); null = unbounded (no discounting). */
export const honestForever = (income: Rational, discount: Rational): Rational | null =>
  ratCmp(discount, RAT_ONE) >= 0 ? null : ratDiv(income, ratSub(RAT_ONE, discount));

/** Expected cheats before the first is caught: (1-p)/p. */
export const cheatsBeforeCaught = (p: Rational): Rational => ratDiv(ratSub(RAT_ONE, p), p);

/** Verifier's dilemma (Truebit): k verifiers who find a forced error share at most J / 2^(k-1) each. */
export const jackpotShare = (jackpot: Rational, verifiers: number): Rational =>
  ratDiv(jackpot, rat(1n << BigInt(verifiers - 1)));

/** Expected gain of one of `verifiers` per task: forced errors times jackpot share, less the cost of checking. */
export const verifierGain = (forcedError: Rational, jackpot: Rational, verifiers: number, cost: Rational): Rational =>
  ratSub(ratMul(forcedError, jackpotShare(jackpot, verifiers)), cost);
