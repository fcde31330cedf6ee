/**
 * From metered use to money. A charge is computed once per hold from exact integers and rounded once, down, in the buyer's
 * favour; what the parts of a gang earned is then divided by largest remainder, so that parts always sum to the charge.
 */

import type { Quote } from '../messages.ts';
import { largestRemainder } from '../num/index.ts';
import { HOUR_US, type Outcome, Outcome as outcomes, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { GangDemand } from './demand.ts';

/** micro-units/GPU-hour x milli-GPU x us per micro-unit. */
const DENOMINATOR = BigInt(HOUR_US) * BigInt(WHOLE_GPU);

/** Use of one part of a gang. */
export interface Usage {
  rateMicro: number;
  milli: number;
  us: TimeUs;
}

/** Exact numerator of a use: divide by 3.6e12 for micro-units. */
export function usageNumerator(u: Usage): bigint {
  const milliRate = u.rateMicro * u.milli;
  if (milliRate <= Number.MAX_SAFE_INTEGER) {
    const product = milliRate * u.us;
    return product <= Number.MAX_SAFE_INTEGER ? BigInt(product) : BigInt(milliRate) * BigInt(u.us);
  }
  return BigInt(u.rateMicro) * BigInt(u.milli) * BigInt(u.us);
}

/** Charge of a whole gang, rounded down once, and the share each part earned (sums to the charge). */
export function chargeOf(parts: readonly Usage[]): { charge: bigint; shares: bigint[] } {
  if (parts.length === 1) {
    const charge = usageNumerator(parts[0]!) / DENOMINATOR;
    return { charge, shares: [charge] };
  }
  const numerators = parts.map(usageNumerator);
  let sum = 0n;
  for (const n of numerators) sum += n;
  const charge = sum / DENOMINATOR;
  return { charge, shares: charge === 0n ? parts.map(() => 0n) : largestRemainder(charge, numerators) };
}

/** What a quote reserves: the dearest class for the whole limit, rounded up. */
export function maxCharge(demand: GangDemand, quote: Pick<Quote, 'rates'>, limitUs: TimeUs): bigint {
  let dearest = 0;
  for (const r of quote.rates) if (r > dearest) dearest = r;
  const n = usageNumerator({ rateMicro: dearest, milli: demand.totalMilli, us: limitUs });
  return (n + DENOMINATOR - 1n) / DENOMINATOR;
}

/** Rule `provider-bears-own-failures`: lost or never started work costs the user nothing; all other use is paid. */
export function isCharged(outcome: Outcome): boolean {
  return outcome !== outcomes.nodeFailure && outcome !== outcomes.notStarted && outcome !== outcomes.aborted;
}

const precedence: readonly Outcome[] = [
  outcomes.nodeFailure,
  outcomes.notStarted,
  outcomes.failed,
  outcomes.limit,
  outcomes.cancelled,
  outcomes.aborted,
  outcomes.completed,
];

/** Outcome of a gang: the cause outranks its consequences (a part aborted because a partner failed). */
export function gangOutcome(parts: readonly { outcome: Outcome }[]): Outcome {
  if (parts.length === 1) return parts[0]!.outcome;
  for (const o of precedence) if (parts.some((p) => p.outcome === o)) return o;
  throw new Error('gangOutcome: no parts');
}
