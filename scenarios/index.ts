/**
 * janction-lab/scenarios: what a scenario file means once it is loaded, and the readers of scenario and trace files. Expressions
 * with units need `units-mathjs.ts`, which this door does not load.
 */
export { canonicalScenario } from './canonical.ts';
export { type Problem, ScenarioError, TraceError } from './input-error.ts';
export { scenarioJsonSchema } from './json-schema.ts';
export { CATALOGUE_FILE, type CatalogueEntry, catalogueSpeedMilli, readCatalogue } from './load/catalogue.ts';
export { SCENARIO_MAX_BYTES } from './load/document.ts';
export { resolveScenario } from './load/resolve.ts';
export { NeedsUnits, type QuantityEvaluator } from './quantity/quantity.ts';
export { detectTrace, readTrace, requireTrace, type TraceFile } from './readers/index.ts';
export { lostFields, type OptionalField, type TraceWriter, traceWriters } from './readers/write.ts';
export * from './resolved.ts';
export { isModulePath } from './schema/fields.ts';
