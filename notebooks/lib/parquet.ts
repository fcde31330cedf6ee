/** Columns of a Parquet file that a reader of the page has chosen. */
import { type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';

/** Rows beyond which a table is not read in a tab. */
const MOST_ROWS = 20_000_000;

/** Reads by slices of the file: a big one is never in memory as a whole. */
const bufferOf = (file: File) => ({
  byteLength: file.size,
  slice: (a: number, b?: number): Promise<ArrayBuffer> => file.slice(a, b).arrayBuffer(),
});

export async function metadataOf(file: File): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(bufferOf(file));
  } catch {
    throw new Error(`${file.name} is no Parquet file: it was cut off or damaged`);
  }
}

/** Named numeric columns; NaN where a value is missing or no number. Throws with one line that names the file. */
export async function numbersOf<K extends string>(
  file: File,
  wanted: readonly K[],
): Promise<{ rows: number; columns: Record<K, Float64Array> }> {
  const metadata = await metadataOf(file);
  const has = new Set(metadata.schema.map((s) => s.name));
  for (const name of wanted)
    if (!has.has(name)) throw new Error(`${file.name} has no column ${name}: it is of another version`);
  const rows = Number(metadata.num_rows);
  if (rows > MOST_ROWS)
    throw new Error(`${file.name} has ${rows} rows: too many for a browser tab; use janction report`);
  const columns = Object.fromEntries(wanted.map((n) => [n, new Float64Array(rows)])) as Record<K, Float64Array>;
  try {
    if (rows > 0)
      await parquetRead({
        file: bufferOf(file),
        metadata,
        columns: [...wanted],
        onChunk: ({ columnName, columnData, rowStart }) => {
          const target = columns[columnName as K];
          for (let i = 0; i < columnData.length; i++) {
            const v = columnData[i];
            target[rowStart + i] = v === null || v === undefined || typeof v === 'string' ? Number.NaN : Number(v);
          }
        },
      });
  } catch {
    throw new Error(`${file.name} cannot be read to its end: it was cut off or damaged`);
  }
  return { rows, columns };
}
