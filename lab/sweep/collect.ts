/** From results to one table (Parquet, a row per run). Rows by point and replication, whatever order runs ended in. */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { ENGINE } from '../../core/version.ts';
import type { FigureValue } from './figures.ts';
import { Needs } from './needs.ts';
import { type Plan, substreamOf } from './plan.ts';
import { lookupOf } from './run.ts';
import type { RunRecord } from './store.ts';
import type { Scalar } from './study.ts';

export interface SweepTable {
  columns: { name: string; type: 'STRING' | 'DOUBLE' | 'INT64'; data: (string | number | bigint | null)[] }[];
  rows: number;
}

/** Every finished run that the plan needs. */
export function tableOf(plan: Plan, records: ReadonlyMap<string, RunRecord>): SweepTable {
  const rows: {
    head: Record<string, FigureValue>;
    parameters: Record<string, Scalar>;
    figures: Record<string, FigureValue>;
  }[] = [];
  const figureNames: string[] = [];
  const known = new Set<string>();
  const lookup = lookupOf(plan, records);
  const needs = new Needs(plan, lookup);
  for (const [place, p] of plan.points.entries()) {
    const { count } = needs.of(place);
    for (let r = 0; r < count; r++) {
      const x = lookup(place, r);
      if (x === undefined || x.figures === null) continue;
      rows.push({
        head: {
          run_id: x.id,
          point: p.index,
          replication: r,
          seed: BigInt(plan.seed),
          substream: BigInt(substreamOf(plan, p.index, r)),
          engine: plan.engine,
        },
        parameters: Object.fromEntries(p.point),
        figures: x.figures,
      });
      for (const name of Object.keys(x.figures)) {
        if (known.has(name)) continue;
        known.add(name);
        figureNames.push(name);
      }
    }
  }
  const parameterNames = [...new Set(plan.points.flatMap((p) => p.point.map(([path]) => path)))];
  const columns: SweepTable['columns'] = [
    { name: 'run_id', type: 'STRING', data: rows.map((r) => r.head['run_id'] as string) },
    { name: 'point', type: 'INT64', data: rows.map((r) => BigInt(r.head['point'] as number)) },
    { name: 'replication', type: 'INT64', data: rows.map((r) => BigInt(r.head['replication'] as number)) },
    { name: 'seed', type: 'INT64', data: rows.map((r) => r.head['seed'] as bigint) },
    { name: 'substream', type: 'INT64', data: rows.map((r) => r.head['substream'] as bigint) },
    { name: 'engine', type: 'STRING', data: rows.map((r) => r.head['engine'] as string) },
    ...parameterNames.map((name) =>
      typed(
        name,
        rows.map((r) => scalarValue(r.parameters[name])),
      ),
    ),
    ...figureNames.map((name) =>
      typed(
        name,
        rows.map((r) => r.figures[name] ?? null),
      ),
    ),
  ];
  return { columns, rows: rows.length };
}

const scalarValue = (v: Scalar | undefined): FigureValue =>
  v === undefined ? null : typeof v === 'boolean' ? String(v) : v;

function typed(name: string, values: FigureValue[]): SweepTable['columns'][number] {
  const present = values.filter((v) => v !== null);
  if (present.length > 0 && present.every((v) => typeof v === 'bigint')) return { name, type: 'INT64', data: values };
  if (present.every((v) => typeof v !== 'string'))
    return { name, type: 'DOUBLE', data: values.map((v) => (v === null ? null : Number(v))) };
  return { name, type: 'STRING', data: values.map((v) => (v === null ? null : String(v))) };
}

export function parquetBytes(t: SweepTable): Uint8Array {
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    createdBy: ENGINE,
    codec: 'UNCOMPRESSED',
    schema: [
      { name: 'root', num_children: t.columns.length },
      ...t.columns.map((c) =>
        c.type === 'STRING'
          ? ({ name: c.name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const)
          : ({ name: c.name, type: c.type, repetition_type: 'OPTIONAL' } as const),
      ),
    ],
  });
  file.write({ columnData: t.columns.map((c) => ({ name: c.name, data: c.data })) });
  file.finish();
  return writer.getBytes();
}
