/** Fixed point with 18 decimals on BigInt, with the roundings that Cosmos's distribution module uses (LegacyDec). */
import { formatDecimal, ratParse } from '../../../core/num/index.ts';

/** Units of 1e-18. */
export type Dec = bigint;
export const DEC_ONE = 1_000_000_000_000_000_000n;

export const decOf = (whole: bigint): Dec => whole * DEC_ONE;

/** Exact decimal text; throws for one with more than 18 decimals. */
export function decParse(text: string): Dec {
  const r = ratParse(text);
  const scaled = r.num * DEC_ONE;
  if (scaled % r.den !== 0n) throw new Error(`${text} has more than 18 decimals`);
  return scaled / r.den;
}

/** Shortest decimal text: "5", "0.5". */
export function decText(d: Dec): string {
  return formatDecimal(d, 18).replace(/\.?0+$/, '');
}

export const mulTrunc = (a: Dec, b: Dec): Dec => (a * b) / DEC_ONE;
export const quoTrunc = (a: Dec, b: Dec): Dec => (a * DEC_ONE) / b;

/** Half to even, for a, b >= 0. */
export function mulBank(a: Dec, b: Dec): Dec {
  const p = a * b;
  const q = p / DEC_ONE;
  const twice = (p % DEC_ONE) * 2n;
  if (twice < DEC_ONE) return q;
  if (twice > DEC_ONE) return q + 1n;
  return q % 2n === 0n ? q : q + 1n;
}
