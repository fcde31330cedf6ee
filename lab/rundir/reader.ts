import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Frame, JournalError, readJournal } from '../../core/journal/journal.ts';
import type { TableName } from '../../core/record/schema.ts';
import { quoted } from '../../scenarios/input-error.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { withCosts } from '../../sim/world/costs.ts';
import { oneLine, UsageError } from '../errors.ts';
import { manifestFault, scenarioHash } from './manifest.ts';
import { readTable, type TableData } from './parquet.ts';
import { MAKE_AGAIN, runFile } from './run-files.ts';
import type { Manifest } from './writer.ts';

/** The manifest of a finished run. Throws UsageError when the directory is none, or its run.json is damaged or changed. */
export function readManifest(dir: string): Manifest {
  const manifest = readManifestAsIs(dir);
  if (manifest.scenarioSha256 !== scenarioHash(manifest.scenario))
    throw new UsageError(
      `${join(dir, 'run.json')}: the scenario in it is not the one that ran (scenarioSha256 is of another); ${MAKE_AGAIN}`,
    );
  return manifest;
}

/** As `readManifest`, but the scenario may be another than the hash beside it says: whoever audits tells that, too. */
export function readManifestAsIs(dir: string): Manifest {
  const path = join(dir, 'run.json');
  if (!existsSync(dir))
    throw new UsageError(`${dir}: no such run directory; make one with: janction run SCENARIO --out ${dir}`);
  if (!existsSync(path))
    throw new UsageError(
      `${dir}: no run.json in it, so this is no finished run directory; make one with: janction run SCENARIO --out DIR`,
    );
  const text = readFileSync(runFile(dir, 'run.json'), 'utf8');
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch (e) {
    throw new UsageError(`${path}: not JSON (${oneLine(e)}); ${MAKE_AGAIN}`);
  }
  const schema = (manifest as Manifest | null)?.schema;
  if (schema !== 'janction.rundir/1')
    throw new UsageError(
      schema === undefined
        ? `${path}: is no manifest of a run (it has no schema); make the run again`
        : `${path}: schema ${quoted(String(schema))} is not janction.rundir/1; read it with the version that wrote it`,
    );
  const fault = manifestFault(manifest);
  if (fault !== null) throw new UsageError(`${path}: damaged: ${fault}; ${MAKE_AGAIN}`);
  return manifest;
}

/** The run's scenario with the private costs of its providers: the manifest holds only their distribution, so they are drawn again. */
export function scenarioOf(manifest: Manifest): ResolvedScenario {
  return withCosts(manifest.scenario, new Streams(manifest.seed));
}

export const readJournalBytes = (dir: string): Uint8Array => readFileSync(runFile(dir, 'journal'));

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

/** Throws UsageError when the table is missing, damaged, or a link out of the directory. */
export const readRunTable = (dir: string, table: TableName): Promise<TableData> =>
  readTable(runFile(dir, `${table}.parquet`), table);
