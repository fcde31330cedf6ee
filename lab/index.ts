/**
 * janction-lab: the market as a typed library. Build a scenario, run it, read its figures; the command line is a thin layer
 * over this. The rooms have doors of their own: janction-lab/core, /mechanisms, /sim, /scenarios.
 */

export { ENGINE, ENGINE_VERSION } from '../core/version.ts';
export { shipped } from '../mechanisms/index.ts';
export { type ResolvedScenario, resolveScenario } from '../scenarios/index.ts';
export { type RunJson, type RunOptions, runScenario } from '../sim/index.ts';
export { type AuditResult, auditCommand as auditRun } from './commands/audit.ts';
export { dataDictionary } from './dictionary.ts';
export { loadScenario, traceRows } from './load.ts';
export type { TableData } from './rundir/parquet.ts';
export { readManifest, readRunTable } from './rundir/reader.ts';
export type { Manifest } from './rundir/writer.ts';
export { correctSelection, ocba, type Selection, type SelectionOptions, selectBest } from './stats/selection.ts';
