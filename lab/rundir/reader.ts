import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Frame, JournalError, readJournal } from '../../core/journal/journal.ts';
import type { TableName } from '../../core/record/schema.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { withCosts } from '../../sim/world/costs.ts';
import { oneLine, UsageError } from '../errors.ts';
import { readTable, type TableData } from './parquet.ts';
import type { Manifest } from './writer.ts';

/** The manifest of a finished run; a usage error when the directory is none. */
export function readManifest(dir: string): Manifest {
  const path = join(dir, 'run.json');
  if (!existsSync(dir))
    throw new UsageError(`${dir}: no such run directory; make one with: janction run SCENARIO --out ${dir}`);
  if (!existsSync(path))
    throw new UsageError(
      `${dir}: no run.json in it, so this is no finished run directory; make one with: janction run SCENARIO --out DIR`,
    );
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch (e) {
    throw new UsageError(`${path}: not JSON (${oneLine(e)}); the run directory is damaged`);
  }
  if (manifest.schema !== 'janction.rundir/1') {
    throw new UsageError(
      manifest.schema === undefined
        ? `${path}: is no manifest of a run (it has no schema); make the run again`
        : `${path}: schema ${String(manifest.schema)} is not janction.rundir/1; read it with the version that wrote it`,
    );
  }
  return manifest;
}

/** The run's scenario with the private costs of its providers: the manifest holds only their distribution, so they are drawn again. */
export function scenarioOf(manifest: Manifest): ResolvedScenario {
  return withCosts(manifest.scenario, new Streams(manifest.seed));
}

export function readJournalBytes(dir: string): Uint8Array {
  const path = join(dir, 'journal');
  if (!existsSync(path))
    throw new UsageError(
      `${path}: missing; the run directory is damaged, or was written by a version without it: make it again with the command in run.json`,
    );
  return readFileSync(path);
}

/** Frames of a run's journal; a usage error where it stops making sense. */
export function* journalFrames(dir: string): Generator<Frame> {
  try {
    yield* readJournal(readJournalBytes(dir));
  } catch (e) {
    if (e instanceof JournalError)
      throw new UsageError(`${join(dir, 'journal')}: ${e.message}; the run directory is damaged`);
    throw e;
  }
}

export async function readRunTable(dir: string, table: TableName): Promise<TableData> {
  const path = join(dir, `${table}.parquet`);
  if (!existsSync(path))
    throw new UsageError(
      `${path}: missing; the run directory is damaged, or was written by a version without it: make it again with the command in run.json`,
    );
  try {
    return await readTable(path, table);
  } catch (e) {
    throw new UsageError(`${path}: cannot be read as the ${table} table (${oneLine(e)}); the run directory is damaged`);
  }
}
