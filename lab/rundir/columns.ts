/**
 * Tables column by column and row group by row group: what reports and timelines read, with bounded memory however long the
 * run was. Integers come as doubles (exact up to 2^53), names as strings.
 */
import { type Column, type TableName, tables } from '../../core/record/schema.ts';
import { runFile } from './run-files.ts';
import { openTable, readRows } from './table-file.ts';

type IntColumn<T extends TableName> = {
  [K in keyof (typeof tables)[T]]: (typeof tables)[T][K] extends { type: 'text' } ? never : K;
}[keyof (typeof tables)[T]];

/** Some rows of a table: `Float64Array` for numbers, `string[]` for names. */
export type ColumnsOf<T extends TableName, K extends keyof (typeof tables)[T]> = {
  [C in K]: C extends IntColumn<T> ? Float64Array : string[];
} & { rows: number };

/** One item per row group, in order. Usage errors name the file. */
export async function* rowGroups<T extends TableName, K extends keyof (typeof tables)[T] & string>(
  dir: string,
  table: T,
  names: readonly K[],
): AsyncGenerator<ColumnsOf<T, K>> {
  const t = await openTable(runFile(dir, `${table}.parquet`), table, names);
  const columns = tables[table] as Record<string, Column>;
  let start = 0;
  for (const rows of t.groups) {
    if (rows === 0) continue;
    const out: Record<string, Float64Array | string[]> = {};
    for (const name of names)
      out[name] = columns[name]!.type === 'text' ? new Array<string>(rows) : new Float64Array(rows);
    await readRows(t, names, start, start + rows, (name, values, rowStart) => {
      const target = out[name]!;
      const at = rowStart - start;
      if (target instanceof Float64Array) for (let i = 0; i < values.length; i++) target[at + i] = Number(values[i]);
      else for (let i = 0; i < values.length; i++) target[at + i] = values[i] as string;
    });
    start += rows;
    yield { rows, ...out } as ColumnsOf<T, K>;
  }
}

/** The named columns of a whole table. */
export async function readColumns<T extends TableName, K extends keyof (typeof tables)[T] & string>(
  dir: string,
  table: T,
  names: readonly K[],
): Promise<ColumnsOf<T, K>> {
  const groups: ColumnsOf<T, K>[] = [];
  let rows = 0;
  for await (const g of rowGroups(dir, table, names)) {
    groups.push(g);
    rows += g.rows;
  }
  if (groups.length === 1) return groups[0]!;
  const out: Record<string, Float64Array | string[]> = {};
  const columns = tables[table] as Record<string, Column>;
  for (const name of names) {
    if (columns[name]!.type === 'text')
      out[name] = groups.flatMap((g) => (g as Record<string, unknown>)[name] as string[]);
    else {
      const all = new Float64Array(rows);
      let at = 0;
      for (const g of groups) {
        all.set((g as Record<string, unknown>)[name] as Float64Array, at);
        at += g.rows;
      }
      out[name] = all;
    }
  }
  return { rows, ...out } as ColumnsOf<T, K>;
}
