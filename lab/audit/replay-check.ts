/**
 * First half of an audit: replay the journal through core and hold every row it makes against the tables on disk.
 */

import { FactKind } from '../../core/facts.ts';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { FrameType, type JournalHeader, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { checkInvariants } from '../../core/market/invariants.ts';
import type { Market, RowSink } from '../../core/market/market.ts';
import { Recorder } from '../../core/record/recorder.ts';
import { type Row, type TableName, tableNames } from '../../core/record/schema.ts';
import type { TableData } from '../rundir/parquet.ts';

export interface ReplayFinding {
  header: JournalHeader;
  market: Market;
  /** Submit facts in the journal. */
  submitted: number;
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

  readonly #also: RowSink;

  constructor(tables: Record<TableName, TableData>, also: RowSink) {
    this.#tables = tables;
    this.#also = also;
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    this.recorder.row(table, row);
    this.#also.row(table, row);
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

  /** Rows the table has beyond the replay's. */
  surplus(): string | null {
    for (const t of tableNames) {
      const seen = this.#at.get(t) ?? 0;
      if (this.#tables[t].rows > seen) return `${t}.parquet row ${seen}: the replay does not make it`;
    }
    return null;
  }
}

/** `also` sees every replayed row. Throws JournalError when the journal itself is damaged. */
export function replayCheck(
  journal: Uint8Array,
  registry: MechanismRegistry,
  tables: Record<TableName, TableData>,
  also: RowSink,
): ReplayFinding {
  const comparer = new Comparer(tables, also);
  let submitted = 0;
  const frames = (function* () {
    for (const f of readJournal(journal)) {
      if (f.type === FrameType.step) for (const fact of f.facts) if (fact.kind === FactKind.submit) submitted++;
      yield f;
    }
  })();
  const result = replay(frames, registry, comparer);
  checkInvariants(result.market, true);
  result.market.report();
  const cut = result.complete ? null : 'journal: no end frame; the run was cut off';
  return {
    header: result.header,
    market: result.market,
    submitted,
    facts: result.facts,
    checks: result.checks,
    rows: comparer.rows,
    fingerprint: comparer.recorder.fingerprint,
    difference: result.difference ?? comparer.difference ?? cut ?? comparer.surplus(),
  };
}
