/**
 * Rows to columns, and a fingerprint over all of them. Columns are handed on in chunks, so a long run keeps a bounded number
 * of rows in memory; the fingerprint depends on every cell and on the order of rows, and on nothing else.
 */
import { Digest, type DigestState } from '../num/index.ts';
import { type Column, type Row, type TableName, tableNames, tables } from './schema.ts';

export type ColumnData = Float64Array | bigint[] | string[];

export interface Chunk {
  table: TableName;
  rows: number;
  columns: { name: string; column: Column; data: ColumnData }[];
}

interface Builder {
  name: string;
  column: Column;
  ints: Float64Array;
  bigs: bigint[];
  texts: string[];
}

const FIRST_CAPACITY = 256;

class TableBuilder {
  readonly table: TableName;
  readonly builders: Builder[];
  rows = 0;
  total = 0;
  #capacity = FIRST_CAPACITY;

  constructor(table: TableName) {
    this.table = table;
    this.builders = Object.entries(tables[table]).map(([name, column]) => ({
      name,
      column,
      ints: column.type === 'int' ? new Float64Array(FIRST_CAPACITY) : new Float64Array(0),
      bigs: [],
      texts: [],
    }));
  }

  grow(limit: number): void {
    if (this.rows < this.#capacity) return;
    this.#capacity = Math.min(this.#capacity * 2, limit);
    for (const b of this.builders) {
      if (b.column.type !== 'int') continue;
      const grown = new Float64Array(this.#capacity);
      grown.set(b.ints);
      b.ints = grown;
    }
  }

  take(): Chunk {
    const rows = this.rows;
    const chunk: Chunk = {
      table: this.table,
      rows,
      columns: this.builders.map((b) => ({
        name: b.name,
        column: b.column,
        data: b.column.type === 'int' ? b.ints.subarray(0, rows) : b.column.type === 'big' ? b.bigs : b.texts,
      })),
    };
    this.rows = 0;
    return chunk;
  }

  clear(): void {
    for (const b of this.builders) {
      b.bigs = [];
      b.texts = [];
    }
  }
}

export interface RecorderState {
  digest: DigestState;
  names: string[];
  totals: [TableName, number][];
}

/** Most rows of one chunk. */
export const CHUNK_ROWS = 65_536;

export class Recorder {
  readonly #tables = new Map<TableName, TableBuilder>();
  readonly #digest = new Digest();
  /** Texts seen, so that the fingerprint hashes each name once. */
  readonly #names = new Map<string, number>();
  readonly #flush: ((chunk: Chunk) => void) | null;

  /** `flush` receives full chunks, valid only during the call; null = fingerprint and counts only. */
  constructor(flush: ((chunk: Chunk) => void) | null) {
    this.#flush = flush;
    tableNames.forEach((t) => {
      this.#tables.set(t, new TableBuilder(t));
    });
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    const t = this.#tables.get(table)!;
    const d = this.#digest;
    const keep = this.#flush !== null;
    if (keep) t.grow(CHUNK_ROWS);
    const at = t.rows;
    d.mixInt(t.total);
    for (let i = 0; i < t.builders.length; i++) {
      const b = t.builders[i]!;
      const v = (row as Record<string, number | bigint | string>)[b.name]!;
      if (b.column.type === 'int') {
        if (!Number.isSafeInteger(v))
          throw new Error(`record: ${table}.${b.name} = ${String(v)} is not a safe integer`);
        d.mixInt(v as number);
        if (keep) b.ints[at] = v as number;
      } else if (b.column.type === 'big') {
        d.mixBigInt(v as bigint);
        if (keep) b.bigs.push(v as bigint);
      } else {
        d.mixInt(this.#nameId(v as string));
        if (keep) b.texts.push(v as string);
      }
    }
    t.total++;
    if (keep && ++t.rows === CHUNK_ROWS) this.#emit(t);
  }

  #nameId(name: string): number {
    let id = this.#names.get(name);
    if (id === undefined) {
      id = this.#names.size;
      this.#names.set(name, id);
      this.#digest.mixString(name);
    }
    return id;
  }

  #emit(t: TableBuilder): void {
    this.#flush!(t.take());
    t.clear();
  }

  /** Hands on what is left, empty tables included, so that every table exists. */
  finish(): void {
    if (this.#flush === null) return;
    for (const t of this.#tables.values()) if (t.rows > 0 || t.total === 0) this.#emit(t);
  }

  rowsOf(table: TableName): number {
    return this.#tables.get(table)!.total;
  }

  /** 16 hex digits over every cell of every row so far. */
  get fingerprint(): string {
    return this.#digest.hex();
  }

  snapshot(): RecorderState {
    return {
      digest: this.#digest.state(),
      names: [...this.#names.keys()],
      totals: [...this.#tables].map(([name, t]) => [name, t.total]),
    };
  }

  restore(state: RecorderState): void {
    this.#digest.restore(state.digest);
    for (const name of state.names) this.#names.set(name, this.#names.size);
    for (const [name, total] of state.totals) this.#tables.get(name)!.total = total;
  }
}
