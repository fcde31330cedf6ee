/**
 * First half of an audit: replay the journal through core and hold every row it makes against the tables on disk.
 */

import type { MechanismRegistry } from '../../core/interfaces.ts';
import { readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { checkInvariants, viewOf } from '../../core/market/invariants.ts';
import type { RowSink } from '../../core/market/market.ts';
import { Recorder } from '../../core/record/recorder.ts';
import { type Row, type TableName, tableNames, worldTables } from '../../core/record/schema.ts';
import type { TableData } from '../rundir/parquet.ts';

export interface ReplayFinding {
  facts: number;
  checks: number;
  rows: number;
  fingerprint: string;
  /** First difference in words, or null. */
  difference: string | null;
}

class Comparer implements RowSink {
  readonly #tables: Record<TableName, TableData>;
  readonly #at = new Map<TableName, number>();
  readonly recorder = new Recorder(null);
  rows = 0;
  difference: string | null = null;

  constructor(tables: Record<TableName, TableData>) {
    this.#tables = tables;
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    this.recorder.row(table, row);
    if (this.difference !== null) return;
    this.rows++;
    const i = this.#at.get(table) ?? 0;
    this.#at.set(table, i + 1);
    const data = this.#tables[table];
    if (i >= data.rows) {
      this.difference = `${table}.parquet row ${i}: missing; the replay makes it`;
      return;
    }
    for (const [name, value] of Object.entries(row as Record<string, number | bigint | string>)) {
      const replayed = typeof value === 'number' ? BigInt(value) : value;
      const stored = data.columns[name]![i];
      if (stored !== replayed) {
        this.difference = `${table}.parquet row ${i}, column ${name}: the table says ${String(stored)}, the replay ${String(replayed)}`;
        return;
      }
    }
  }

  /** What the world wrote, as it stands in the tables: no replay makes it, but it counts in the fingerprint. */
  world(): void {
    for (const t of tableNames) {
      if (!worldTables.has(t)) continue;
      const { rows, columns } = this.#tables[t];
      for (let i = 0; i < rows; i++) {
        const cells = Object.entries(columns).map(([name, c]) => [
          name,
          typeof c[i] === 'bigint' ? Number(c[i]) : c[i],
        ]);
        this.recorder.row(t, Object.fromEntries(cells) as Row<typeof t>);
      }
    }
  }

  /** Rows the table has beyond the replay's. */
  surplus(): string | null {
    for (const t of tableNames) {
      if (worldTables.has(t)) continue;
      const seen = this.#at.get(t) ?? 0;
      if (this.#tables[t].rows > seen) return `${t}.parquet row ${seen}: the replay does not make it`;
    }
    return null;
  }
}

/** Throws JournalError when the journal itself is damaged. */
export function replayCheck(
  journal: Uint8Array,
  registry: MechanismRegistry,
  tables: Record<TableName, TableData>,
): ReplayFinding {
  const comparer = new Comparer(tables);
  const result = replay(readJournal(journal), registry, comparer);
  // Of several hosts only what must always hold: there may be messages on their way.
  checkInvariants(viewOf(result.markets), result.markets.length === 1);
  for (const m of result.markets) m.report();
  comparer.world();
  const cut = result.complete ? null : 'journal: no end frame; the run was cut off';
  return {
    facts: result.facts,
    checks: result.checks,
    rows: comparer.rows,
    fingerprint: comparer.recorder.fingerprint,
    difference: result.difference ?? comparer.difference ?? cut ?? comparer.surplus(),
  };
}
