/** Whole tables of a sweep's run: written beside their place and renamed into it, before the run's line is. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { Chunk } from '../../core/record/recorder.ts';
import type { TableName } from '../../core/record/schema.ts';
import { makeDirectories } from '../directories.ts';
import { TableFile } from '../rundir/parquet.ts';
import { outsideFault } from '../rundir/run-files.ts';

export class KeptTables {
  readonly #place: string;
  readonly #partial: string;
  readonly #files: Map<TableName, TableFile>;

  constructor(dir: string, id: string, names: readonly TableName[]) {
    this.#place = join(dir, id);
    this.#partial = `${this.#place}.partial-${process.pid}-${threadId}`;
    rmSync(this.#partial, { recursive: true, force: true });
    makeDirectories(this.#partial);
    this.#files = new Map(names.map((t) => [t, new TableFile(join(this.#partial, `${t}.parquet`), t)]));
  }

  chunk(c: Chunk): void {
    this.#files.get(c.table)?.write(c);
  }

  finish(): void {
    for (const f of this.#files.values()) f.close();
    // Other tables of the same run, or the same ones: what is written now is complete.
    if (existsSync(this.#place)) rmSync(this.#place, { recursive: true });
    renameSync(this.#partial, this.#place);
  }

  abandon(): void {
    rmSync(this.#partial, { recursive: true, force: true });
  }
}

/** Whether a run's tables are all there, and none was cut off. */
export const hasTables = (dir: string, id: string, names: readonly TableName[]): boolean =>
  names.every((t) => {
    const path = join(dir, id, `${t}.parquet`);
    return existsSync(path) && outsideFault(path) === null;
  });
