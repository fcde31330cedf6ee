/** How much a fault costs, as live chains set it. Page: slash-size.md. Exact fractions of the offender's slashable stake. */
import { RAT_ONE, type Rational, rat, ratMin, ratMul } from '../../core/num/index.ts';

/** Polkadot: x of n equivocate together: min((3x/n)^2, 1). */
export function equivocation(offenders: number, validators: number): Rational {
  const x = rat(BigInt(3 * offenders), BigInt(validators));
  return ratMin(ratMul(x, x), RAT_ONE);
}

/** Polkadot: x of n unresponsive: min(3 (x - (n/10 + 1)) / n, 1) x 7 %, nothing up to a tenth. */
export function unresponsive(offenders: number, validators: number): Rational {
  const over = offenders - (Math.floor(validators / 10) + 1);
  if (over <= 0) return rat(0);
  return ratMul(ratMin(rat(BigInt(3 * over), BigInt(validators)), RAT_ONE), rat(7, 100));
}

/** Stake that backed an offence: bonded then, plus what began to unbond after it. */
export function slashable(
  bonded: bigint,
  unbonding: readonly { readonly startedUs: number; readonly amount: bigint }[],
  offenceUs: number,
): bigint {
  return unbonding.reduce((sum, u) => (u.startedUs >= offenceUs ? sum + u.amount : sum), bonded);
}
