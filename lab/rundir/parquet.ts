/**
 * Tables as Parquet files. One file per table, one row group per chunk of the recorder, integers as INT64
 * (DELTA_BINARY_PACKED), names as dictionary-encoded strings; column documentation travels as key-value metadata.
 */
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import type { Chunk } from '../../core/record/recorder.ts';
import { type Column, type TableName, tables } from '../../core/record/schema.ts';
import { ENGINE } from '../../core/version.ts';
import { writeRowGroup } from './parquet-pages.ts';

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

function schemaOf(table: TableName): SchemaElement[] {
  const columns = Object.entries(tables[table] as Record<string, Column>);
  return [
    { name: 'root', num_children: columns.length },
    ...columns.map(
      ([name, c]): SchemaElement =>
        c.type === 'text'
          ? { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' }
          : { name, type: 'INT64', repetition_type: 'REQUIRED' },
    ),
  ];
}

/** Writes one table chunk by chunk. */
export class TableFile {
  readonly #writer: ParquetWriter;
  rows = 0;

  constructor(path: string, table: TableName) {
    const columns = Object.entries(tables[table] as Record<string, Column>);
    this.#writer = new ParquetWriter({
      writer: fileWriter(path),
      schema: schemaOf(table),
      codec: 'UNCOMPRESSED',
      createdBy: ENGINE,
      kvMetadata: columns.map(([name, c]) => ({ key: `janction.${name}`, value: `${c.unit}: ${c.about}` })),
    });
  }

  write(chunk: Chunk): void {
    this.rows += chunk.rows;
    if (chunk.rows === 0) return;
    writeRowGroup(this.#writer, chunk);
  }

  close(): void {
    this.#writer.finish();
  }
}

/** A table in memory: integers as bigint, names as string. */
export interface TableData {
  rows: number;
  columns: Record<string, (bigint | string)[]>;
}

/** Reads a whole table; throws when the file is no Parquet file or lacks a column. */
export async function readTable(path: string, table: TableName): Promise<TableData> {
  // Only readers pay for loading the reader.
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead } = await import('hyparquet');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const rows = Number(metadata.num_rows);
  const columns: Record<string, (bigint | string)[]> = {};
  for (const name of Object.keys(tables[table])) columns[name] = new Array<bigint | string>(rows);
  const found = new Set(metadata.schema.map((s) => s.name));
  for (const name of Object.keys(columns)) if (!found.has(name)) throw new Error(`column ${name} is missing`);
  if (rows === 0) return { rows, columns };
  await parquetRead({
    file,
    metadata,
    columns: Object.keys(columns),
    onChunk: ({ columnName, columnData, rowStart }) => {
      const target = columns[columnName]!;
      for (let i = 0; i < columnData.length; i++) target[rowStart + i] = columnData[i] as bigint | string;
    },
  });
  return { rows, columns };
}
