/** Opens what the pure rooms must not: scenario files and traces. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import {
  NeedsUnits,
  type ResolvedScenario,
  readPhilly,
  resolveScenario,
  ScenarioError,
  type TraceJob,
} from '../scenarios/index.ts';
import { UsageError } from './errors.ts';

/** Bytes of a file, or a usage error that says what to do. */
export function bytesOf(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new UsageError(`${path}: ${reason(e)}; ${what}`);
  }
}

function reason(e: unknown): string {
  const code = (e as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'is a directory';
  if (code === 'EACCES') return 'may not be read';
  return `cannot be read (${code ?? String(e)})`;
}

/** A scenario file with its `--set` overrides; mathjs is loaded only when a quantity is a real expression. */
export async function loadScenario(
  path: string,
  sets: readonly string[],
  seed: number | null,
): Promise<ResolvedScenario> {
  const bytes = bytesOf(path, 'give the path of a scenario file, for example scenarios/quickstart/scenario.yaml');
  const all = seed === null ? sets : [...sets, `seed=${seed}`];
  try {
    try {
      return resolveScenario(bytes, path, all);
    } catch (e) {
      if (!(e instanceof NeedsUnits)) throw e;
      const { evaluator } = await import('../scenarios/units-mathjs.ts');
      return resolveScenario(bytes, path, all, evaluator);
    }
  } catch (e) {
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
}

const CHUNK = 1 << 20;

function* chunksOf(path: string): Generator<Uint8Array> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (e) {
    throw new UsageError(`${path}: ${reason(e)}; give the trace with --set demand.trace.path=FILE`);
  }
  try {
    if (fstatSync(fd).isDirectory()) throw new UsageError(`${path}: is a directory; give the trace file itself`);
    for (;;) {
      // A fresh buffer per chunk: readers may keep a view of the last one.
      const buffer = new Uint8Array(CHUNK);
      const n = readSync(fd, buffer, 0, CHUNK, null);
      if (n === 0) return;
      yield buffer.subarray(0, n);
    }
  } finally {
    closeSync(fd);
  }
}

/** Rows of the scenario's trace, read as the run asks for them; undefined when it replays none. */
export function traceRows(scenario: ResolvedScenario): Iterable<TraceJob> | undefined {
  if (scenario.demand.kind !== 'trace') return undefined;
  return readPhilly(chunksOf(scenario.demand.path), scenario.demand.path);
}
