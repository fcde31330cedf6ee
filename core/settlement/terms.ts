/**
 * What a contract charges for use and what it takes beforehand. Every kind sells GPU time at the quoted rate; they differ in when money moves,
 * and `escrow` counts whole blocks, as chains that settle per block do (Akash). All exact integers.
 */
import type { Quote } from '../messages.ts';
import { type ContractRules, HOUR_US, type JobSpec, type TimeUs, WHOLE_GPU } from '../types.ts';
import { demandOf } from './demand.ts';
import { chargeOf, maxCharge } from './metering.ts';

/** One part's use between two stamps; `endUs` = `startUs` where nothing is billed. */
export interface PartUse {
  rateMicro: number;
  /** Milli-GPU over all of the part's GPUs. */
  milli: number;
  startUs: TimeUs;
  endUs: TimeUs;
}

/** Whole micro-units per block, rounded up: a block never costs less than its time at the quoted rate. */
export function blockPrice(rateMicro: number, milli: number, blockUs: TimeUs): bigint {
  const per = BigInt(HOUR_US) * BigInt(WHOLE_GPU);
  return (BigInt(rateMicro) * BigInt(milli) * BigInt(blockUs) + per - 1n) / per;
}

/** Block boundaries in (start, end]: blocks are counted from stamp 0, as heights are. */
const blocksOf = (u: PartUse, blockUs: TimeUs): bigint =>
  BigInt(Math.floor(u.endUs / blockUs) - Math.floor(u.startUs / blockUs));

/** The contract's charge function: of the whole attempt, and of each part; the parts sum to the charge. */
export function chargeUnder(
  rules: ContractRules | undefined,
  parts: readonly PartUse[],
): { charge: bigint; shares: bigint[] } {
  if (rules?.kind !== 'escrow')
    return chargeOf(parts.map((p) => ({ rateMicro: p.rateMicro, milli: p.milli, us: p.endUs - p.startUs })));
  const shares = parts.map((p) => blockPrice(p.rateMicro, p.milli, rules.blockUs) * blocksOf(p, rules.blockUs));
  return { charge: shares.reduce((a, b) => a + b, 0n), shares };
}

/** What one part owes while it runs: never more than its share in the end, because that is rounded down with the others'. */
export const dueSoFar = (rules: ContractRules, part: PartUse): bigint => chargeUnder(rules, [part]).charge;

/** The most that an attempt of `limitUs` can cost: every part on the dearest class of the quote. */
function mostFor(
  spec: JobSpec,
  quote: Pick<Quote, 'rates'>,
  rules: ContractRules | undefined,
  limitUs: TimeUs,
): bigint {
  if (rules?.kind !== 'escrow') return maxCharge(demandOf(spec), quote, limitUs);
  const dearest = Math.max(...quote.rates);
  const blocks = BigInt(Math.ceil(limitUs / rules.blockUs));
  let sum = 0n;
  for (const g of spec.groups)
    sum += BigInt(g.tasks) * blocks * blockPrice(dearest, g.gpus * g.gpuMilli, rules.blockUs);
  return sum;
}

/** `maxCharge` of a quote: what the user can owe for one attempt at most. */
export const mostCharged = (spec: JobSpec, quote: Pick<Quote, 'rates'>, rules: ContractRules | undefined): bigint =>
  mostFor(spec, quote, rules, spec.limitUs);

/** What is reserved before the job waits: everything (hold, prepaid), the first stretch (escrow), nothing (notes). */
export function depositFor(spec: JobSpec, quote: Quote, rules: ContractRules | undefined): bigint {
  if (rules === undefined || rules.kind === 'hold' || rules.kind === 'prepaid') return quote.maxCharge;
  if (rules.kind === 'notes') return 0n;
  const first = mostFor(spec, quote, rules, rules.depositUs);
  return first < quote.maxCharge ? first : quote.maxCharge;
}
