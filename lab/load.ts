/** Opens what the pure rooms must not: scenario files and traces. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  CATALOGUE_FILE,
  NeedsUnits,
  type ResolvedScenario,
  readTrace,
  requireTrace,
  resolveScenario,
  ScenarioError,
  type TraceJob,
} from '../scenarios/index.ts';
import { UsageError } from './errors.ts';
import { listFiles, reason, traceFiles } from './trace-files.ts';

/** Bytes of a file, or a usage error that says what to do. */
export function bytesOf(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new UsageError(`${path}: ${reason(e)}; ${what}`);
  }
}

const catalogue = fileURLToPath(new URL('../../scenarios/gpus.csv', import.meta.url));
const catalogueBeside = fileURLToPath(new URL('../scenarios/gpus.csv', import.meta.url));

/** The catalogue of this project, and machine lists that a scenario names. */
function* openList(path: string): Generator<Uint8Array> {
  if (path === CATALOGUE_FILE) {
    // From dist/lab in the package, from lab when run as source.
    yield readFileSync(existsSync(catalogue) ? catalogue : catalogueBeside);
    return;
  }
  for (const file of listFiles(path)) yield* file.open();
}

/** A scenario file with its `--set` overrides; `onList` hears of lists that it reads; mathjs is loaded only when a quantity is a real expression. */
export async function loadScenario(
  path: string,
  sets: readonly string[] = [],
  seed: number | null = null,
  onList: (path: string) => void = () => {},
  purpose: 'simulate' | 'execute' = 'simulate',
): Promise<ResolvedScenario> {
  const bytes = bytesOf(path, 'give the path of a scenario file, for example scenarios/quickstart/scenario.yaml');
  const open = (list: string): Generator<Uint8Array> => {
    onList(list);
    return openList(list);
  };
  const all = seed === null ? sets : [...sets, `seed=${seed}`];
  try {
    try {
      return resolveScenario(bytes, path, all, undefined, open, purpose);
    } catch (e) {
      if (!(e instanceof NeedsUnits)) throw e;
      const { evaluator } = await import('../scenarios/units-mathjs.ts');
      return resolveScenario(bytes, path, all, evaluator, open, purpose);
    }
  } catch (e) {
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
}

/**
 * Rows of the scenario's trace, read as the run asks for them; undefined when it replays none. A format that is to be detected is
 * put into the scenario, so that a run says what it read.
 */
export function traceRows(scenario: ResolvedScenario): Iterable<TraceJob> | undefined {
  const { demand } = scenario;
  if (demand.kind !== 'trace') return undefined;
  try {
    const files = traceFiles(demand.path, demand.member);
    if (demand.format === 'detect') demand.format = requireTrace(files[0]!);
    return readTrace(demand.format, files, demand.firstRows);
  } catch (e) {
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
}
