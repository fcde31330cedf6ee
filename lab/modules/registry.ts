/**
 * Mechanisms of a run: the shipped ones, and the files that its scenario names. Their source goes into the run directory, so that
 * an audit years later runs the same text, whose hash stands in run.json and in the journal's header.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Bidder, MechanismRegistry } from '../../core/interfaces.ts';
import type { MechanismRef, PoolSpec } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { isModulePath, type ResolvedScenario } from '../../scenarios/index.ts';
import { UsageError } from '../errors.ts';
import { runFile } from '../rundir/run-files.ts';
import type { Manifest } from '../rundir/writer.ts';
import { ModuleFault } from './fault.ts';
import { guardedBidder, guardedPlacement, guardedPricing, guardedQueueing } from './guard.ts';
import { type LoadedModule, loadModule } from './load.ts';
import { readModule } from './source.ts';

/** What run.json says of a module. */
export interface ModuleRecord {
  /** As the scenario names it. */
  ref: string;
  kind: string;
  name: string;
  sha256: string;
  /** Where its source lies in the run directory. */
  file: string;
}

export interface ModuleSet {
  registry: MechanismRegistry;
  /** Builds the agent of a persona. */
  bidder: (ref: MechanismRef) => Bidder;
  records: ModuleRecord[];
  /** Source bytes by place in the run directory. */
  sources: Map<string, Uint8Array>;
}

/** Paths that the pools and personas of a scenario name, in order of their first use. */
export function refsOf(scenario: ResolvedScenario): string[] {
  const refs = new Set<string>();
  const { pools } = scenario.market;
  for (const p of pools)
    for (const m of [p.queueing, p.placement, p.pricing]) if (isModulePath(m.name)) refs.add(m.name);
  for (const ref of biddersOf(scenario)) refs.add(ref.name);
  return [...refs];
}

const biddersOf = (scenario: ResolvedScenario): MechanismRef[] =>
  scenario.demand.kind === 'personas' ? scenario.demand.personas.flatMap((p) => p.bidder ?? []) : [];

export function registryWith(loaded: ReadonlyMap<string, LoadedModule>): MechanismRegistry {
  if (loaded.size === 0) return shipped;
  return {
    ...shipped,
    queueing: (name, params) => {
      const m = loaded.get(name);
      return m === undefined ? shipped.queueing(name, params) : guardedQueueing(m, params);
    },
    placement: (name, params) => {
      const m = loaded.get(name);
      return m === undefined ? shipped.placement(name, params) : guardedPlacement(m, params);
    },
    pricing: (name, params, classes) => {
      const m = loaded.get(name);
      return m === undefined ? shipped.pricing(name, params, classes) : guardedPricing(m, params, classes);
    },
  };
}

/** Modules of a scenario that is about to run. Paths are looked for beside the scenario, then from the working directory. */
export function modulesOf(scenario: ResolvedScenario, scenarioPath: string): ModuleSet {
  const loaded = new Map<string, LoadedModule>();
  const sources = new Map<string, Uint8Array>();
  const records = refsOf(scenario).map((ref, i): ModuleRecord => {
    const beside = resolve(dirname(scenarioPath), ref);
    const path = existsSync(beside) ? beside : resolve(ref);
    const m = loadModule(readModule(path, ref));
    loaded.set(ref, m);
    const file = `modules/${i + 1}-${m.name}.${ref.endsWith('ts') ? 'ts' : 'js'}`;
    sources.set(file, m.source.bytes);
    return { ref, kind: m.kind, name: m.name, sha256: m.source.sha256, file };
  });
  const registry = registryWith(loaded);
  const bidder = bidderOf(loaded);
  tryOut(registry, scenario.market.pools);
  for (const ref of biddersOf(scenario)) bidder(ref);
  return { registry, bidder, records, sources };
}

const bidderOf =
  (loaded: ReadonlyMap<string, LoadedModule>) =>
  (ref: MechanismRef): Bidder =>
    guardedBidder(loaded.get(ref.name)!, ref.params);

/** Builds every mechanism once before anything is written, so that what cannot be built is said at once. */
function tryOut(registry: MechanismRegistry, pools: readonly PoolSpec[]): void {
  for (const p of pools) {
    if (isModulePath(p.queueing.name)) registry.queueing(p.queueing.name, p.queueing.params);
    if (isModulePath(p.placement.name)) registry.placement(p.placement.name, p.placement.params);
  }
}

/** The source kept with a run is not the one that ran. */
export class ModuleChanged extends UsageError {}

/** Modules as a finished run keeps them. Throws ModuleChanged when a source is not the one that ran. */
export const modulesOfRun = (dir: string, manifest: Manifest): MechanismRegistry => keptModules(dir, manifest).registry;

export function keptModules(dir: string, manifest: Manifest): Pick<ModuleSet, 'registry' | 'bidder'> {
  const loaded = new Map<string, LoadedModule>();
  for (const r of manifest.modules ?? []) {
    const source = readModule(runFile(dir, r.file), r.ref);
    if (source.sha256 !== r.sha256)
      throw new ModuleChanged(
        `${join(dir, r.file)}: SHA-256 ${source.sha256.slice(0, 16)}… is not the ${r.sha256.slice(0, 16)}… of run.json; the module was changed after the run`,
      );
    loaded.set(r.ref, loadModule(source));
  }
  for (const ref of refsOf(manifest.scenario))
    if (!loaded.has(ref))
      throw new ModuleFault(
        join(dir, 'run.json'),
        `names no source of the module ${ref}; the run directory is damaged`,
      );
  return { registry: registryWith(loaded), bidder: bidderOf(loaded) };
}

/** For the journal's header: what must be there to replay it. */
export const solversOf = (records: readonly ModuleRecord[]): Record<string, string> =>
  Object.fromEntries(records.map((r) => [r.ref, `sha256:${r.sha256}`]));
