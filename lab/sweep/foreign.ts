/**
 * Files besides the scenario that decide a run: its trace, the user's modules, lists of machines and of faults. Their content is part of
 * a run's id; size and time of change say when a plan must be made again.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CATALOGUE_FILE, type ResolvedScenario } from '../../scenarios/index.ts';
import { UsageError } from '../errors.ts';
import { loadScenario } from '../load.ts';
import { refsOf } from '../modules/registry.ts';

export class ForeignFiles {
  readonly #scenario: string;
  readonly #hashes = new Map<string, string>();

  /** `scenario`: path of the scenario file, beside which modules lie. */
  constructor(scenario: string) {
    this.#scenario = scenario;
  }

  /** The scenario with its overrides; lists that it reads are noted. */
  async load(sets: readonly string[], seed: number | null): Promise<ResolvedScenario> {
    const lists: string[] = [];
    const scenario = await loadScenario(this.#scenario, sets, seed, (path) => lists.push(path));
    // What a list says is in the scenario by now; only its changes matter.
    for (const path of lists) if (path !== CATALOGUE_FILE) this.#hashes.set(path, '');
    return scenario;
  }

  /** One hash over the trace and the modules of a scenario; their places do not count. */
  async hashOf(scenario: ResolvedScenario): Promise<string> {
    const h = createHash('sha256');
    if (scenario.demand.kind === 'trace') h.update(`trace ${await this.#content(scenario.demand.path, TRACE)}\n`);
    for (const ref of refsOf(scenario)) {
      const beside = resolve(dirname(this.#scenario), ref);
      h.update(`module ${await this.#content(existsSync(beside) ? beside : resolve(ref), MODULE)}\n`);
    }
    return h.digest('hex');
  }

  /** Size and time of change of every file seen so far. */
  stamps(): Record<string, string> {
    return Object.fromEntries([...this.#hashes.keys()].map((path) => [path, stampOf(path)]));
  }

  async #content(path: string, mend: string): Promise<string> {
    const known = this.#hashes.get(path);
    if (known !== undefined && known !== '') return known;
    const h = createHash('sha256');
    try {
      for await (const chunk of createReadStream(path)) h.update(chunk as Buffer);
    } catch {
      throw new UsageError(`${path}: cannot be read; ${mend}`);
    }
    const digest = h.digest('hex');
    this.#hashes.set(path, digest);
    return digest;
  }
}

const TRACE = 'set demand.trace.path in the study\'s "set"';
const MODULE = 'give the path of a module, beside the scenario or from the working directory';

function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'absent' : `${stat.size}/${stat.mtimeNs}`;
}

/** Whether files are still as they were. */
export const unchanged = (stamps: Readonly<Record<string, string>>): boolean =>
  Object.entries(stamps).every(([path, stamp]) => stampOf(path) === stamp);
