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

/** Reads a whole table. Throws UsageError when the file is no such table, or damaged. */
export async function readTable(path: string, table: TableName): Promise<TableData> {
  // Only readers pay for loading the reader.
  const { openTable, readRows } = await import('./table-file.ts');
  const names = Object.keys(tables[table]);
  const t = await openTable(path, table, names);
  const columns: Record<string, (bigint | string)[]> = {};
  for (const name of names) columns[name] = new Array<bigint | string>(t.rows);
  if (t.rows > 0)
    await readRows(t, names, 0, t.rows, (name, values, at) => {
      const target = columns[name]!;
      for (let i = 0; i < values.length; i++) target[at + i] = values[i]!;
    });
  return { rows: t.rows, columns };
}
