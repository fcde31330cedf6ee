/** Rows kept by a test, as the independent auditor reads them from a run directory. */
import { type TableName, tables } from '../../core/record/schema.ts';
import type { AuditInput, AuditTable } from '../../lab/audit/independent.ts';
import type { Rows } from './market.ts';

/** A table as an audit reads it. */
function table(rows: Rows, name: TableName): AuditTable {
  const list = rows.of(name) as Record<string, string | number | bigint>[];
  const columns: AuditTable['columns'] = {};
  for (const column of Object.keys(tables[name]))
    columns[column] = list.map((r) => (typeof r[column] === 'number' ? BigInt(r[column]) : r[column]!));
  return { rows: list.length, columns };
}

export const auditedTables = [
  'jobs',
  'placements',
  'transfers',
  'prices',
  'supply',
  'accounts',
  'elections',
  'contributions',
  'quotes',
  'meters',
  'adjustments',
  'disputes',
  'budgets',
] as const;

export function auditInput(rows: Rows, journal: Uint8Array): AuditInput {
  const t = {} as Omit<AuditInput, 'journal'>;
  for (const n of auditedTables) t[n] = table(rows, n);
  return { journal, ...t };
}
