/** Door of the reward rules. */
export { Accumulator } from './accumulator.ts';
export { type CardanoParams, maxPool, type PoolSplit, poolReward, splitPool } from './cardano.ts';
export { Compounding, FACTOR_ONE, type Factors } from './compounding.ts';
export { F1, F1Error, type F1State } from './f1.ts';
export { DEC_ONE, type Dec, decOf, decParse, decText } from './lib/dec.ts';
export { sharesBy, sybilShare, type WeightRule, weightOf, weightRules } from './weights.ts';
