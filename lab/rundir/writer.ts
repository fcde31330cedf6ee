/**
 * A run directory: written as DIR.partial and renamed when complete, so that a directory that exists is a finished run.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Chunk } from '../../core/record/recorder.ts';
import { type TableName, tableNames } from '../../core/record/schema.ts';
import { ENGINE } from '../../core/version.ts';
import type { LagJson } from '../../executor/lag.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import type { RunJson } from '../../sim/summary.ts';
import { TableFile } from './parquet.ts';
import { sha256OfFile } from './reader.ts';
import { checkTarget } from './target.ts';

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
  /** SHA-256 of every other file. */
  files: Record<string, string>;
  scenario: ResolvedScenario;
  result: RunJson;
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
  /** Wall time added to every limit, scenario us. */
  allowanceUs: number;
  /** Times the executor was started again after a crash or a stop. */
  resumes: number;
  /** Wall time of acting minus stamp, of the last start. */
  lag: { deadlines: LagJson; facts: LagJson };
  syncs: number;
}

export class RunDirWriter {
  readonly #dir: string;
  readonly #partial: string;
  readonly #files = new Map<TableName, TableFile>();
  #journal: number;
  /** First directory above the target that had to be made. */
  readonly #made: string | undefined;
  #journalBytes = 0;

  /** `journalBytes`: an executed run, whose DIR.partial and journal are there already. */
  constructor(dir: string, journalBytes: number | null = null) {
    this.#dir = resolve(dir);
    this.#partial = `${this.#dir}.partial`;
    if (journalBytes === null) {
      checkTarget(dir);
      this.#made = mkdirSync(dirname(this.#partial), { recursive: true });
      // Not recursive: of two runs that were given one name, the second must fail here.
      mkdirSync(this.#partial);
    } else this.#journalBytes = journalBytes;
    for (const t of tableNames) this.#files.set(t, new TableFile(join(this.#partial, `${t}.parquet`), t));
    this.#journal = openSync(join(this.#partial, 'journal'), journalBytes === null ? 'w' : 'r');
  }

  chunk(chunk: Chunk): void {
    this.#files.get(chunk.table)!.write(chunk);
  }

  journal(bytes: Uint8Array): void {
    writeSync(this.#journal, bytes);
    this.#journalBytes += bytes.length;
  }

  finish(manifest: Omit<Manifest, 'schema' | 'engine' | 'node' | 'tables' | 'journalBytes' | 'files'>): void {
    this.#closeJournal();
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
      files: Object.fromEntries(
        ['journal', ...tableNames.map((t) => `${t}.parquet`)].map((f) => [f, sha256OfFile(join(this.#partial, f))]),
      ),
      ...manifest,
    };
    writeFileSync(join(this.#partial, 'run.json'), `${JSON.stringify(full, null, 1)}\n`);
    // Empty when it was checked; if it is not any more, this fails and nobody's files are lost.
    if (existsSync(this.#dir)) rmdirSync(this.#dir);
    renameSync(this.#partial, this.#dir);
  }

  #closeJournal(): void {
    if (this.#journal >= 0) closeSync(this.#journal);
    this.#journal = -1;
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#closeJournal();
    rmSync(this.#partial, { recursive: true, force: true });
    if (this.#made === undefined) return;
    try {
      for (let dir = dirname(this.#partial); dir.length >= this.#made.length; dir = dirname(dir)) rmdirSync(dir);
    } catch {
      // somebody else uses it by now
    }
  }
}
