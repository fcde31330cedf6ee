/** Door of proof of contribution: challenges, audits, consensus on results, the game between cheats and inspectors. */
export * from './audits.ts';
export * from './freivalds.ts';
export * from './inspection.ts';
export { Poco, type PocoStep, pocoPayWeight, pocoScore } from './poco.ts';
export * from './policies.ts';
export { weightedMedian, type YumaResult, yumaEpoch } from './yuma.ts';
