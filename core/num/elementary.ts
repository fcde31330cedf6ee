/**
 * The elementary functions of core: same arguments, same bits, on every platform and engine. ECMAScript leaves the
 * results of Math.log and its kin to the implementation, and engines do differ (see docs of each file for sources
 * and error bounds). Only + - * /, Math.sqrt and Math.floor are used here, which IEEE 754 fixes to the bit.
 */
export { exp, expm1, tanh } from './exp.ts';
export { log, log1p, log2, log10 } from './log.ts';
export { pow } from './pow.ts';
export { atan, cos, sin, tan } from './trig.ts';

/** Square root, correctly rounded (IEEE 754); NaN below 0. */
export function sqrt(x: number): number {
  return Math.sqrt(x);
}
