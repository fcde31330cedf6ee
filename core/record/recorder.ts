/**
 * Rows to columns, and a fingerprint over all of them. Columns are handed on in chunks, so a long run keeps a bounded number
 * of rows in memory; the fingerprint depends on every cell and on the order of the rows of each table, and on nothing else.
 */
import { Digest, type DigestState } from '../num/index.ts';
import { type Column, type Row, sparseTables, type TableName, tableNames, tables, worldTables } from './schema.ts';

export type ColumnData = Float64Array | BigInt64Array | string[];

export interface Chunk {
  table: TableName;
  rows: number;
  columns: ChunkColumn[];
}

/** One column of a chunk: flat arrays that hold `rows` cells at least, of which only the first `rows` count. */
export class ChunkColumn {
  readonly name: string;
  readonly column: Column;
  readonly rows: number;
  /** `int`: the values; `text`: the number of each name in `names`; empty for `big`. */
  readonly ints: Float64Array;
  readonly bigs: BigInt64Array;
  readonly names: readonly string[];

  constructor(
    name: string,
    column: Column,
    rows: number,
    ints: Float64Array,
    bigs: BigInt64Array,
    names: readonly string[],
  ) {
    this.name = name;
    this.column = column;
    this.rows = rows;
    this.ints = ints;
    this.bigs = bigs;
    this.names = names;
  }

  /** Exactly the cells, texts as strings (made anew by each call). */
  get data(): ColumnData {
    if (this.column.type === 'big') return this.bigs.subarray(0, this.rows);
    if (this.column.type === 'int') return this.ints.subarray(0, this.rows);
    const texts = new Array<string>(this.rows);
    for (let i = 0; i < this.rows; i++) texts[i] = this.names[this.ints[i]!]!;
    return texts;
  }
}

/** Most rows of one chunk. */
export const CHUNK_ROWS = 65_536;
const FIRST_CAPACITY = 64;

/** One column of the chunk being filled; texts are kept as numbers of the recorder's list of names. */
class ColumnBuilder {
  readonly name: string;
  readonly column: Column;
  readonly isBig: boolean;
  readonly isText: boolean;
  ints: Float64Array;
  /** 64-bit cells without a heap object each. */
  bigs: BigInt64Array;
  /** The last two texts and their numbers: most columns repeat themselves or go to and fro. */
  lastText: string | null = null;
  lastId = -1;
  formerText: string | null = null;
  formerId = -1;

  constructor(name: string, column: Column) {
    this.name = name;
    this.column = column;
    this.isBig = column.type === 'big';
    this.isText = column.type === 'text';
    this.ints = new Float64Array(this.isBig ? 0 : FIRST_CAPACITY);
    this.bigs = new BigInt64Array(this.isBig ? FIRST_CAPACITY : 0);
  }
}

class TableBuilder {
  readonly table: TableName;
  readonly columns: ColumnBuilder[];
  rows = 0;
  total = 0;
  capacity = FIRST_CAPACITY;

  constructor(table: TableName) {
    this.table = table;
    this.columns = Object.entries(tables[table] as Record<string, Column>).map(
      ([name, c]) => new ColumnBuilder(name, c),
    );
  }

  grow(): void {
    this.capacity = Math.min(this.capacity * 4, CHUNK_ROWS);
    for (const c of this.columns) {
      if (c.isBig) {
        const grown = new BigInt64Array(this.capacity);
        grown.set(c.bigs);
        c.bigs = grown;
      } else {
        const grown = new Float64Array(this.capacity);
        grown.set(c.ints);
        c.ints = grown;
      }
    }
  }

  mixInto(digest: Digest): void {
    if (this.rows === 0) return;
    digest.mixInt(this.rows);
    for (const c of this.columns) {
      try {
        if (c.isBig) digest.mixBigInts(c.bigs, this.rows);
        else digest.mixInts(c.ints, this.rows);
      } catch (e) {
        throw new Error(`record: ${this.table}.${c.name}: ${(e as Error).message}`);
      }
    }
  }
}

/** A cell holds 64 bits; more would wrap without a word. */
function inRange(v: bigint): bigint {
  if (BigInt.asIntN(64, v) !== v) throw new Error(`${v} does not fit 64 bits`);
  return v;
}

export interface RecorderState {
  digest: DigestState;
  names: string[];
  tables: { table: TableName; rows: number; total: number; columns: (number[] | bigint[])[] }[];
  world: [TableName, RecorderState][];
}

export class Recorder {
  readonly #tables = new Map<TableName, TableBuilder>();
  /** Over the finished chunks. */
  readonly #digest = new Digest();
  readonly #names: string[] = [];
  readonly #nameIds = new Map<string, number>();
  readonly #flush: ((chunk: Chunk) => void) | null;
  /** Each table that the world writes has names and a digest of its own: a replay makes the rest without it. */
  readonly #world = new Map<TableName, Recorder>();

  /** `flush` receives full chunks, valid only during the call; null = fingerprint and counts only. */
  constructor(flush: ((chunk: Chunk) => void) | null, only: TableName | null = null) {
    this.#flush = flush;
    for (const t of only === null ? tableNames : [only]) {
      if (only === null && worldTables.has(t)) this.#world.set(t, new Recorder(flush, t));
      else this.#tables.set(t, new TableBuilder(t));
    }
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    const t = this.#tables.get(table);
    if (t === undefined) return this.#world.get(table)!.row(table, row);
    if (t.rows === t.capacity) t.grow();
    const at = t.rows;
    const columns = t.columns;
    let i = 0;
    // for-in over a literal is the fastest way through its cells; the name check makes its order a rule.
    for (const name in row) {
      const c = columns[i++];
      if (c === undefined || c.name !== name)
        throw new Error(`record: ${table} row has ${name} where ${c?.name ?? 'nothing'} belongs`);
      const v = (row as Record<string, number | bigint | string>)[name]!;
      if (typeof v === 'number' && !c.isText && !c.isBig) c.ints[at] = v;
      else if (typeof v === 'string' && c.isText) c.ints[at] = v === c.lastText ? c.lastId : this.#nameId(c, v);
      else if (typeof v === 'bigint' && c.isBig) c.bigs[at] = inRange(v);
      else throw new Error(`record: ${table}.${name} = ${String(v)} is no ${c.column.type}`);
    }
    if (i !== columns.length) throw new Error(`record: ${table} row lacks ${columns[i]!.name}`);
    t.total++;
    if (++t.rows === CHUNK_ROWS) this.#emit(t);
  }

  #nameId(c: ColumnBuilder, name: string): number {
    if (name === c.formerText) {
      const { lastText, lastId, formerId } = c;
      c.formerText = lastText;
      c.formerId = lastId;
      c.lastText = name;
      c.lastId = formerId;
      return formerId;
    }
    let id = this.#nameIds.get(name);
    if (id === undefined) {
      id = this.#names.length;
      this.#names.push(name);
      this.#nameIds.set(name, id);
    }
    c.formerText = c.lastText;
    c.formerId = c.lastId;
    c.lastText = name;
    c.lastId = id;
    return id;
  }

  #emit(t: TableBuilder): void {
    t.mixInto(this.#digest);
    this.#flush?.({
      table: t.table,
      rows: t.rows,
      columns: t.columns.map((c) => new ChunkColumn(c.name, c.column, t.rows, c.ints, c.bigs, this.#names)),
    });
    t.rows = 0;
  }

  /** Hands on what is left, empty tables included, so that every table exists. */
  finish(): void {
    for (const t of this.#tables.values()) if (t.rows > 0 || t.total === 0) this.#emit(t);
    for (const w of this.#world.values()) w.finish();
  }

  rowsOf(table: TableName): number {
    return this.#tables.get(table)?.total ?? this.#world.get(table)!.rowsOf(table);
  }

  /** 16 hex digits over every cell of every row so far, whether its chunk is full or not. */
  get fingerprint(): string {
    const d = new Digest();
    d.restore(this.#digest.state());
    for (const t of this.#tables.values()) t.mixInto(d);
    for (const t of this.#tables.values()) if (t.total > 0 || !sparseTables.has(t.table)) d.mixInt(t.total);
    for (const name of this.#names) d.mixString(name);
    for (const [t, w] of this.#world) if (w.rowsOf(t) > 0) d.mixString(w.fingerprint);
    return d.hex();
  }

  /** Plain data. */
  snapshot(): RecorderState {
    return {
      digest: this.#digest.state(),
      names: [...this.#names],
      tables: [...this.#tables.values()].map((t) => ({
        table: t.table,
        rows: t.rows,
        total: t.total,
        columns: t.columns.map((c) =>
          c.isBig ? Array.from(c.bigs.subarray(0, t.rows)) : Array.from(c.ints.subarray(0, t.rows)),
        ),
      })),
      world: [...this.#world].map(([t, w]) => [t, w.snapshot()]),
    };
  }

  /** Into a fresh recorder. */
  restore(state: RecorderState): void {
    for (const [t, w] of state.world) this.#world.get(t)!.restore(w);
    this.#digest.restore(state.digest);
    for (const name of state.names) {
      this.#nameIds.set(name, this.#names.length);
      this.#names.push(name);
    }
    for (const s of state.tables) {
      const t = this.#tables.get(s.table)!;
      t.rows = s.rows;
      t.total = s.total;
      while (t.capacity <= s.rows) t.grow();
      t.columns.forEach((c, i) => {
        if (c.isBig) c.bigs.set(s.columns[i] as bigint[]);
        else c.ints.set(s.columns[i] as number[]);
      });
    }
  }
}
