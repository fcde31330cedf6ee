/**
 * A Parquet file of this program's, opened and read with every fault told as one of a few kinds: which file, what of it is damaged, how to
 * mend it. The reader library's own words say what its code met, not what happened to the file.
 */
import { type AsyncBuffer, asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { CHUNK_ROWS } from '../../core/record/recorder.ts';
import { type Column, type TableName, tables } from '../../core/record/schema.ts';
import { UsageError } from '../errors.ts';
import { MAKE_AGAIN, outsideFault } from './run-files.ts';

export interface TableFileRead {
  path: string;
  table: TableName;
  rows: number;
  /** Rows of each group, in order. */
  groups: number[];
  file: AsyncBuffer;
  metadata: FileMetaData;
}

const damaged = (path: string, what: string): UsageError => new UsageError(`${path}: ${what}; ${MAKE_AGAIN}`);

/** Opens a table and reads its footer. Throws UsageError when it is no such table or lacks one of the columns. */
export async function openTable(path: string, table: TableName, names: readonly string[]): Promise<TableFileRead> {
  const outside = outsideFault(path);
  if (outside !== null) throw damaged(path, outside);
  const file = await asyncBufferFromFile(path);
  let metadata: FileMetaData;
  let groups: number[];
  try {
    metadata = await parquetMetadataAsync(file);
    groups = metadata.row_groups.map((g) => Number(g.num_rows));
  } catch {
    throw damaged(path, 'damaged: its footer, which says where the columns are, cannot be read');
  }
  const found = new Set(metadata.schema.map((s) => s.name));
  for (const name of names)
    if (!found.has(name))
      throw new UsageError(
        `${path}: has no column ${name}, so it is no ${table} table of this version; make the run again with the command in run.json`,
      );
  const rows = groups.reduce((a, b) => a + b, 0);
  const sound = groups.every((n) => Number.isSafeInteger(n) && n >= 0 && n <= CHUNK_ROWS);
  if (!sound || rows !== Number(metadata.num_rows) || !metadata.row_groups.every((g) => within(g, file.byteLength)))
    throw damaged(path, 'damaged: its footer tells of rows or columns that the file does not hold');
  return { path, table, rows, groups, file, metadata };
}

/** Its columns lie within the file. */
const within = ({ columns, num_rows }: FileMetaData['row_groups'][number], bytes: number): boolean =>
  columns.every(({ meta_data: m }) => {
    if (m === undefined) return false;
    const from = Number(m.dictionary_page_offset ?? m.data_page_offset);
    const size = Number(m.total_compressed_size);
    return from >= 0 && size >= 0 && from + size <= bytes && Number(m.num_values) === Number(num_rows);
  });

/** Takes the values of a column from row `at` on. */
export type ColumnSink = (name: string, values: ArrayLike<bigint | string>, at: number) => void;

/** Reads rows `from` to before `to` of the columns. Throws UsageError when they cannot be decoded, are too few, or of another type. */
export async function readRows(
  t: TableFileRead,
  names: readonly string[],
  from: number,
  to: number,
  sink: ColumnSink,
): Promise<void> {
  const columns = tables[t.table] as Record<string, Column>;
  const left = new Map(names.map((n) => [n, to - from]));
  let mistyped: string | null = null;
  try {
    await parquetRead({
      file: t.file,
      metadata: t.metadata,
      columns: [...names],
      rowStart: from,
      rowEnd: to,
      // What this throws nobody catches.
      onChunk: ({ columnName, columnData, rowStart }) => {
        const values = columnData as ArrayLike<bigint | string>;
        left.set(columnName, left.get(columnName)! - values.length);
        const type = columns[columnName]!.type === 'text' ? 'string' : 'bigint';
        for (let i = 0; i < values.length; i++) if (typeof values[i] !== type) mistyped ??= columnName;
        if (mistyped === null) sink(columnName, values, rowStart);
      },
    });
  } catch {
    throw damaged(t.path, `damaged between its ends: ${await whichColumn(t, names, from, to)}`);
  }
  if (mistyped !== null) throw damaged(t.path, `damaged between its ends: column ${mistyped} cannot be decoded`);
  for (const [name, n] of left)
    if (n !== 0) throw damaged(t.path, `damaged between its ends: column ${name} holds another number of rows`);
}

/** The first column that cannot be decoded by itself. */
async function whichColumn(t: TableFileRead, names: readonly string[], from: number, to: number): Promise<string> {
  const { file, metadata } = t;
  for (const name of names) {
    try {
      await parquetRead({ file, metadata, columns: [name], rowStart: from, rowEnd: to, onChunk: () => {} });
    } catch {
      return `column ${name} cannot be decoded`;
    }
  }
  return 'its columns cannot be decoded';
}
