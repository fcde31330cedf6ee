/**
 * A run directory: written as DIR.partial and renamed when complete, so that a directory that exists is a finished run.
 */
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Chunk } from '../../core/record/recorder.ts';
import { type TableName, tableNames } from '../../core/record/schema.ts';
import { ENGINE } from '../../core/version.ts';
import type { LagJson } from '../../executor/lag.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import type { RunJson } from '../../sim/summary.ts';
import { makeDirectories } from '../directories.ts';
import { UsageError } from '../errors.ts';
import type { ModuleRecord } from '../modules/registry.ts';
import { TableFile } from './parquet.ts';

export interface Manifest {
  schema: 'janction.rundir/1';
  engine: string;
  /** How to make this run again. */
  command: string;
  node: string;
  seed: number;
  scenarioSha256: string;
  /** Rows of each table. */
  tables: Record<TableName, number>;
  journalBytes: number;
  scenario: ResolvedScenario;
  result: RunJson;
  /** Files of the user's own that took part; absent when none. */
  modules?: ModuleRecord[];
  /** How it was executed; absent when it was simulated. */
  execution?: ExecutionRecord;
}

/** What an executed run says of the real world it ran in. */
export interface ExecutionRecord {
  /** Number of the run: its processes carried it. */
  run: string;
  timeScale: number;
  /** Device behind each GPU of the fleet. */
  devices: { node: string; gpu: number; device: string; name: string }[];
  /** What kept the jobs apart: stated with every bill. */
  isolation: string;
  /** What built-in jobs did: rate of a whole device (0 = work for a time), share of it in percent. */
  work?: { kind: 'matmul' | 'copy'; rate: number; percent: number };
  /** Arrivals came this many times as fast as the scenario file's. */
  load: number;
  /** Wall time added to every limit, scenario us. */
  allowanceUs: number;
  /** Times the executor was started again after a crash or a stop. */
  resumes: number;
  /** Wall time of acting minus stamp, of the last start. */
  lag: { deadlines: LagJson; facts: LagJson };
  syncs: number;
}

/** What is there, links not followed; nothing where it cannot be looked at, which making the directory will say. */
function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/** Refuses a target that holds anything or is no directory: results are never mixed, and nothing is ever deleted for them. */
export function checkTarget(dir: string): void {
  const target = resolve(dir);
  const found = statusOf(target);
  if (found !== undefined && !found.isDirectory())
    throw new UsageError(`${dir}: is there and is no directory of its own; choose another --out`);
  if (found !== undefined && readdirSync(target).length > 0)
    throw new UsageError(`${dir}: the output directory exists and is not empty; choose another --out or remove it`);
  clearOrphan(`${target}.partial`);
  if (statusOf(`${target}.partial`) !== undefined)
    throw new UsageError(`${dir}.partial: left over from a run that was cut off; remove it or choose another --out`);
}

/** The disk, not the program, is at fault. */
export const isDiskFault = (e: unknown): boolean =>
  ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EFBIG'].includes((e as NodeJS.ErrnoException | null)?.code ?? '');

/** Who writes DIR.partial: gone with it, or with the rename. */
const OWNER = 'owner';

/** Clears what a run left that was cut off on this machine: its process is gone, and nothing of it can be gone on with. */
function clearOrphan(partial: string): void {
  let owner: string;
  try {
    owner = readFileSync(join(partial, OWNER), 'utf8');
  } catch {
    return;
  }
  const [host, pid] = owner.trim().split(' ');
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return;
  try {
    process.kill(Number(pid), 0);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ESRCH') rmSync(partial, { recursive: true, force: true });
  }
}

/** Makes DIR.partial, with what lies above it; a usage error where that cannot be. */
export function makePartial(dir: string): string {
  const partial = `${resolve(dir)}.partial`;
  try {
    makeDirectories(partial);
  } catch (e) {
    throw new UsageError(
      `${dir}: cannot be made (${(e as NodeJS.ErrnoException).code ?? String(e)}); choose another --out`,
    );
  }
  return partial;
}

export class RunDirWriter {
  readonly #dir: string;
  readonly #partial: string;
  readonly #files = new Map<TableName, TableFile>();
  readonly #journal: number;
  #journalBytes = 0;

  /** `journalBytes`: an executed run, whose DIR.partial and journal are there already. */
  constructor(dir: string, journalBytes: number | null = null) {
    this.#dir = resolve(dir);
    this.#partial = `${this.#dir}.partial`;
    if (journalBytes === null) {
      checkTarget(dir);
      makePartial(dir);
      writeFileSync(join(this.#partial, OWNER), `${hostname()} ${process.pid}\n`);
    } else this.#journalBytes = journalBytes;
    for (const t of tableNames) this.#files.set(t, new TableFile(join(this.#partial, `${t}.parquet`), t));
    this.#journal = openSync(join(this.#partial, 'journal'), journalBytes === null ? 'w' : 'r');
  }

  chunk(chunk: Chunk): void {
    this.#files.get(chunk.table)!.write(chunk);
  }

  journal(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#journal, bytes, at);
    this.#journalBytes += bytes.length;
  }

  /** Keeps the sources of the user's own modules beside the tables. */
  sources(files: ReadonlyMap<string, Uint8Array>): void {
    if (files.size > 0) makeDirectories(join(this.#partial, 'modules'));
    for (const [file, bytes] of files) writeFileSync(join(this.#partial, file), bytes);
  }

  finish(manifest: Omit<Manifest, 'schema' | 'engine' | 'node' | 'tables' | 'journalBytes'>): void {
    closeSync(this.#journal);
    const rows = {} as Record<TableName, number>;
    for (const [name, file] of this.#files) {
      file.close();
      rows[name] = file.rows;
    }
    const full: Manifest = {
      schema: 'janction.rundir/1',
      engine: ENGINE,
      node: process.version,
      tables: rows,
      journalBytes: this.#journalBytes,
      ...manifest,
    };
    writeFileSync(join(this.#partial, 'run.json'), `${JSON.stringify(full, null, 1)}\n`);
    rmSync(join(this.#partial, OWNER), { force: true });
    // Only ever an empty directory: whoever has put something there meanwhile keeps it.
    if (existsSync(this.#dir)) rmdirSync(this.#dir);
    renameSync(this.#partial, this.#dir);
  }

  /** Leaves nothing behind. */
  abandon(): void {
    try {
      closeSync(this.#journal);
    } catch {
      // already closed
    }
    rmSync(this.#partial, { recursive: true, force: true });
  }
}
