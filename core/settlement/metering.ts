/**
 * From metered use to money. A charge is computed once per hold from exact integers and rounded once, down, in the buyer's
 * favour; what the parts of a gang earned is then divided by largest remainder, so that parts always sum to the charge.
 */

import type { Quote } from '../messages.ts';
import { gcd, largestRemainder } from '../num/index.ts';
import { HOUR_US, type Outcome, Outcome as outcomes, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { GangDemand } from './demand.ts';

/** micro-units/GPU-hour x milli-GPU x us per micro-unit. */
const PER_MICRO = HOUR_US * WHOLE_GPU;
const DENOMINATOR = BigInt(PER_MICRO);

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

/**
 * rate x milli / 3.6e12 in lowest terms, remembered for the last few products: bills of a run share few of them, and with small
 * terms nearly every division is exact in doubles (a year at 2.17 USD is 217 x 3.2e13 / 360,000). A prime number of places:
 * products are multiples of thousands.
 */
const KEPT = 61;
const keptProduct = new Float64Array(KEPT).fill(-1);
const keptTimes = new Float64Array(KEPT);
const keptPer = new Float64Array(KEPT);

/** A use in whole micro-units, rounded down, or up. */
export function microOf(rateMicro: number, milli: number, us: TimeUs, up: boolean): bigint {
  const product = rateMicro * milli;
  if (product <= Number.MAX_SAFE_INTEGER) {
    const slot = product % KEPT;
    if (keptProduct[slot] !== product) {
      const common = Number(gcd(DENOMINATOR, BigInt(product)));
      keptProduct[slot] = product;
      keptTimes[slot] = product / common;
      keptPer[slot] = PER_MICRO / common;
    }
    const n = us * keptTimes[slot]!;
    // floor(fl(n / d)) is floor(n / d) for 0 <= n < 2^53 (core/num/int.ts, divInt).
    if (n >= 0 && n <= Number.MAX_SAFE_INTEGER) {
      const per = keptPer[slot]!;
      const q = Math.floor(n / per);
      return BigInt(up && q * per !== n ? q + 1 : q);
    }
  }
  const n = usageNumerator({ rateMicro, milli, us });
  return (up ? n + DENOMINATOR - 1n : n) / DENOMINATOR;
}

/** Charge of a whole gang, rounded down once, and the share each part earned (sums to the charge). */
export function chargeOf(parts: readonly Usage[]): { charge: bigint; shares: bigint[] } {
  if (parts.length === 1) {
    const { rateMicro, milli, us } = parts[0]!;
    const charge = microOf(rateMicro, milli, us, false);
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
  return microOf(dearest, demand.totalMilli, limitUs, true);
}

/** Rule `provider-bears-own-failures`: lost or never started work costs the user nothing; all other use is paid. */
export function isCharged(outcome: Outcome): boolean {
  return (
    outcome !== outcomes.nodeFailure &&
    outcome !== outcomes.gpuFailure &&
    outcome !== outcomes.notStarted &&
    outcome !== outcomes.aborted
  );
}

const precedence: readonly Outcome[] = [
  outcomes.nodeFailure,
  outcomes.gpuFailure,
  outcomes.notStarted,
  outcomes.failed,
  outcomes.limit,
  outcomes.cancelled,
  outcomes.preempted,
  outcomes.aborted,
  outcomes.completed,
];

/** Outcome of a gang: the cause outranks its consequences (a part aborted because a partner failed). */
export function gangOutcome(parts: readonly { outcome: Outcome }[]): Outcome {
  if (parts.length === 1) return parts[0]!.outcome;
  for (const o of precedence) if (parts.some((p) => p.outcome === o)) return o;
  throw new Error('gangOutcome: no parts');
}
