import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Frame, JournalError, readJournal } from '../../core/journal/journal.ts';
import type { TableName } from '../../core/record/schema.ts';
import { oneLine, UsageError } from '../errors.ts';
import { readTable, type TableData } from './parquet.ts';
import type { Manifest } from './writer.ts';

/** The manifest of a finished run; a usage error when the directory is none. */
export function readManifest(dir: string): Manifest {
  const path = join(dir, 'run.json');
  if (!existsSync(dir))
    throw new UsageError(`${dir}: no such run directory; make one with: janction run SCENARIO --out ${dir}`);
  if (!existsSync(path)) throw new UsageError(`${dir}: no run.json in it, so this is no finished run directory`);
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch (e) {
    throw new UsageError(`${path}: not JSON (${oneLine(e)}); the run directory is damaged`);
  }
  const record = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
  if (!record(manifest)) throw new UsageError(`${path}: not an object; the run directory is damaged`);
  if (manifest.schema !== 'janction.rundir/1') {
    throw new UsageError(
      `${path}: schema ${String(manifest.schema)} is not janction.rundir/1; read it with the version that wrote it`,
    );
  }
  for (const key of ['tables', 'files', 'scenario', 'result'] as const)
    if (!record(manifest[key])) throw new UsageError(`${path}: ${key} is missing; the run directory is damaged`);
  return manifest;
}

/** Read piece by piece: journals can be large. */
export function sha256OfFile(path: string): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(1 << 18);
    for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) hash.update(buffer.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}

export function readJournalBytes(dir: string): Uint8Array {
  const path = join(dir, 'journal');
  if (!existsSync(path)) throw new UsageError(`${path}: missing; the run directory is damaged`);
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

/** Throws when the file is not what the writer made of that many rows: whatever its bytes say is not to be trusted. */
export async function readRunTable(dir: string, table: TableName, rows?: number): Promise<TableData> {
  const path = join(dir, `${table}.parquet`);
  if (!existsSync(path)) throw new UsageError(`${path}: missing; the run directory is damaged`);
  try {
    return await readTable(path, table, rows);
  } catch (e) {
    throw new UsageError(`${path}: cannot be read as the ${table} table (${oneLine(e)})`);
  }
}
