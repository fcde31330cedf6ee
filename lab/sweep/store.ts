/**
 * Results of a sweep on disk. Every process appends to files of its own, one checksummed line per finished run; a line cut off by a
 * crash is passed over, and its run is made again. No database, no locks: a run made twice has the same line twice.
 *
 *   OUT/plan.json          the plan, renamed into place
 *   OUT/results/*.ndjson   lines `crc32 json`
 *   OUT/tables/ID/*     whole tables of a run, where the study asks for them
 *   OUT/table.parquet      written by collect, renamed into place
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { TableName } from '../../core/record/schema.ts';
import { makeDirectories } from '../directories.ts';
import { UsageError } from '../errors.ts';
import { decodeFigures, encodeFigures, type Figures } from './figures.ts';
import { hasTables } from './kept-tables.ts';
import type { Plan } from './plan.ts';

export interface RunRecord {
  id: string;
  point: number;
  replication: number;
  /** Null when the run failed. */
  figures: Figures | null;
  error?: string;
}

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');

export class SweepStore {
  readonly dir: string;
  #fd = -1;

  constructor(dir: string) {
    this.dir = dir;
  }

  get #results(): string {
    return join(this.dir, 'results');
  }

  /** Refuses a directory that holds something else. */
  refuseForeign(): void {
    try {
      if (existsSync(this.dir)) {
        const foreign = readdirSync(this.dir).filter(
          (n) =>
            ![
              'plan.json',
              'results',
              'tables',
              'slurm',
              'table.parquet',
              'summary.json',
              'best.yaml',
              'tune.json',
              'sensitivity.json',
            ].includes(n) && !n.includes('.partial'),
        );
        if (foreign.length > 0)
          throw new UsageError(
            `${this.dir}: holds ${foreign[0]}, which is no sweep's; give an empty directory or a sweep's own`,
          );
      }
    } catch (e) {
      throw diskFault(e, this.dir);
    }
  }

  /** Makes the directory; one that holds something else is refused. */
  open(): void {
    this.refuseForeign();
    try {
      makeDirectories(this.#results);
    } catch (e) {
      throw diskFault(e, this.dir);
    }
  }

  plan(): Plan | null {
    const path = join(this.dir, 'plan.json');
    if (!existsSync(path)) return null;
    try {
      const plan = JSON.parse(readFileSync(path, 'utf8')) as Plan;
      if (plan.schema !== 'janction.plan/1') throw new Error('another schema');
      return plan;
    } catch (e) {
      throw new UsageError(
        `${path}: cannot be read as a plan (${(e as Error).message}); remove it and run sweep again`,
      );
    }
  }

  writePlan(plan: Plan): void {
    this.place('plan.json', `${JSON.stringify(plan)}\n`);
  }

  /** Writes a file beside its place and renames it. */
  place(name: string, data: string | Uint8Array): void {
    const path = join(this.dir, name);
    const partial = `${path}.partial-${process.pid}`;
    try {
      writeFileSync(partial, data, { flush: true });
      renameSync(partial, path);
    } catch (e) {
      throw diskFault(e, path);
    }
  }

  /** Where runs keep whole tables. */
  get tables(): string {
    return join(this.dir, 'tables');
  }

  /**
   * Everything that finished, last line of an id counts; damaged and cut lines are counted, not trusted. A run that should have kept
   * `tables` and has not is as good as not made.
   */
  read(tables: readonly TableName[] = []): { records: Map<string, RunRecord>; damaged: number } {
    const records = new Map<string, RunRecord>();
    let damaged = 0;
    if (!existsSync(this.#results)) return { records, damaged };
    for (const name of readdirSync(this.#results).sort((a, b) => (a < b ? -1 : 1))) {
      if (!name.endsWith('.ndjson')) continue;
      const lines = readFileSync(join(this.#results, name), 'utf8').split('\n');
      for (const line of lines) {
        if (line === '') continue;
        const json = line.slice(9);
        if (line[8] !== ' ' || checksum(json) !== line.slice(0, 8)) {
          damaged++;
          continue;
        }
        const r = JSON.parse(json) as RunRecord;
        // A success is never displaced by a failure of another engine's try.
        if (r.figures === null && (records.get(r.id)?.figures ?? null) !== null) continue;
        if (r.figures !== null && tables.length > 0 && !hasTables(this.tables, r.id, tables)) continue;
        if (r.figures !== null) decodeFigures(r.figures);
        records.set(r.id, r);
      }
    }
    return { records, damaged };
  }

  /** Of each file of results: how many lines, from when to when it was written, in ms since 1970. */
  activity(): { lines: number; fromMs: number; toMs: number }[] {
    if (!existsSync(this.#results)) return [];
    return readdirSync(this.#results)
      .filter((n) => n.endsWith('.ndjson'))
      .map((name) => {
        const path = join(this.#results, name);
        const { birthtimeMs, mtimeMs } = statSync(path);
        const lines = readFileSync(path, 'latin1').split('\n').length - 1;
        return { lines, fromMs: birthtimeMs, toMs: mtimeMs };
      });
  }

  append(r: RunRecord): void {
    const json = `${JSON.stringify({ id: r.id, point: r.point, replication: r.replication, ...(r.error === undefined ? {} : { error: r.error }) }).slice(0, -1)},"figures":${r.figures === null ? 'null' : encodeFigures(r.figures)}}`;
    const line = Buffer.from(`${checksum(json)} ${json}\n`);
    try {
      if (this.#fd < 0) this.#fd = this.#create();
      for (let at = 0; at < line.length; ) at += writeSync(this.#fd, line, at);
    } catch (e) {
      throw diskFault(e, this.#results);
    }
  }

  /** A file that nobody else writes. */
  #create(): number {
    for (let n = 0; ; n++) {
      try {
        return openSync(join(this.#results, `part-${String(n).padStart(5, '0')}.ndjson`), 'wx');
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
      }
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

function diskFault(e: unknown, where: string): Error {
  if (e instanceof UsageError) return e;
  const code = (e as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC')
    return new UsageError(
      `${where}: the disk is full; free space and run the same command again: finished runs are kept`,
    );
  if (code === 'ENOTDIR') return new UsageError(`${where}: a part of the path is a file; give another --out`);
  // Whatever else the system says of a directory: no right to it, a name too long, a place where none can be made.
  if (/^E[A-Z0-9]+$/.test(code ?? '') && (e as NodeJS.ErrnoException).syscall !== undefined)
    return new UsageError(`${where}: cannot be written (${code}); give another --out`);
  return e as Error;
}
