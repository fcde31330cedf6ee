/**
 * The elementary functions of core: same arguments, same bits, on every platform and engine. ECMAScript leaves the
 * results of Math.log and its kin to the implementation, and engines do differ (see each file for sources and error
 * bounds). Only + - * /, Math.sqrt, Math.floor, Math.abs, Math.fround and the words of a double are used here, which
 * ECMAScript and IEEE 754 fix to the bit.
 */
export { exp, expm1, tanh } from './exp.ts';
export { log, log1p, log2, log10 } from './log.ts';
export { pow } from './pow.ts';
export { atan, cos, sin, tan } from './trig.ts';

/** Square root, correctly rounded (IEEE 754); NaN below 0. */
export function sqrt(x: number): number {
  return Math.sqrt(x);
}
