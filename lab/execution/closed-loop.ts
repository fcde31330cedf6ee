/**
 * The same-core proof: the simulator's own driver takes from a recorded run only what was submitted and, for each action on the
 * world, the answers with their delays. What it decides and bills must be what was decided and billed, row by row.
 */
import { type Action, ActionKind } from '../../core/facts.ts';
import { type Frame, FrameType, type JournalHeader, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import type { RowSink } from '../../core/market/market.ts';
import { type Row, type TableName, tableNames, tables } from '../../core/record/schema.ts';
import type { TimeUs } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Simulation } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { ListDemand } from '../../sim/world/demand.ts';
import { answerKey, RecordedWorld, type Recording, RecordingBuilder } from '../../sim/world/recorded.ts';
import type { TableData } from '../rundir/parquet.ts';

export interface ClosedLoopJson {
  /** Actions on the world, and rows about jobs, placements, prices and machines, that differ or stand on one side only. */
  decisionMismatches: number;
  /** Charges, transfers and balances that do. */
  invoiceMismatches: number;
  /** The first in words; null when there is none. */
  firstMismatch: string | null;
  /** Actions of the simulator that the run never took. */
  unansweredActions: number;
  /** Answers of the run that the simulator never asked for. */
  unusedAnswers: number;
  /** How much was compared. */
  actions: number;
  decisions: number;
  invoices: number;
  /** Hash over every decision: recorded, and of the simulation. */
  digest: { recorded: string; simulated: string };
}

/** What a run did, taken from its journal. */
export interface Recorded {
  header: JournalHeader;
  recording: Recording;
  actions: Map<string, string>;
  digest: string;
}

/** Takes a journal apart. Throws JournalError when it is damaged. */
export function recordedRun(journal: Uint8Array): Recorded {
  const builder = new RecordingBuilder();
  const actions = new Map<string, string>();
  let current: Frame | null = null;
  const frames = (function* (): Generator<Frame, void, void> {
    for (const f of readJournal(journal)) {
      current = f;
      yield f;
    }
  })();
  const result = replay(frames, shipped, undefined, (now, effects) => {
    // Deadlines before a frame's stamp are pulsed first; its facts belong to the step at its own stamp.
    if (current?.type === FrameType.step && current.now === now) builder.facts(now, current.facts);
    builder.actions(now, effects.actions);
    for (const a of effects.actions) actions.set(answerKey(a), describe(now, a));
  });
  return { header: result.header, recording: builder.recording, actions, digest: result.market.digest };
}

function describe(now: TimeUs, a: Action): string {
  const what = { [ActionKind.start]: 'start', [ActionKind.kill]: 'kill', [ActionKind.release]: 'release' }[a.kind];
  const start =
    a.kind === ActionKind.start
      ? ` job ${a.job} attempt ${a.attempt} part ${a.part}/${a.parts} gpus ${a.gpus.join('+')} milli ${a.gpuMilli} limit ${a.limitUs}`
      : '';
  return `${what} lease ${a.lease} fence ${a.fence} on node ${a.node} at ${now}${start}`;
}

/** Columns that are money; everything else in a row is a decision or follows from one. */
const invoiceTables: readonly TableName[] = ['transfers', 'accounts', 'adjustments', 'disputes'];
const isMoney = (table: TableName, column: string): boolean =>
  invoiceTables.includes(table) || /charge|charged|due_micro/.test(column);

/** Columns that name a row. */
const keys: Record<TableName, readonly string[]> = {
  jobs: ['job_id'],
  placements: ['lease_id'],
  transfers: ['transfer_id'],
  prices: ['pool', 'epoch', 'gpu_class'],
  supply: ['pool', 'epoch', 'node'],
  samples: ['pool', 'time_us'],
  failures: ['node', 'time_us', 'kind', 'gpu', 'cause'],
  preemptions: ['lease_id', 'time_us'],
  devices: ['node'],
  stakes: ['time_us', 'act', 'staker', 'provider', 'pool', 'offence_id'],
  elections: ['time_us', 'occasion', 'pool', 'voter'],
  quotes: ['job_id', 'attempt'],
  meters: ['lease_id', 'until_us', 'reading'],
  budgets: ['job_id', 'attempt', 'event', 'threshold_bps'],
  disputes: ['lease_id', 'time_us', 'event'],
  adjustments: ['job_id', 'attempt', 'part', 'kind', 'time_us'],
  network: ['time_us', 'event', 'name', 'pool'],
  views: ['pool', 'time_us'],
  contributions: ['epoch', 'time_us', 'provider'],
  accounts: ['account', 'currency'],
};

type Cells = Record<string, bigint | string>;

/** `published`: the tables of the run directory. */
export function closedLoop(run: Recorded, published: Record<TableName, TableData>): ClosedLoopJson {
  const simulatedRows = new Map<TableName, Map<string, Cells>>();
  for (const t of tableNames) simulatedRows.set(t, new Map());
  const rows: RowSink = {
    row: (table, row) => {
      const cells = cellsOf(table, row);
      put(simulatedRows.get(table)!, keyOf(table, cells), cells);
    },
  };
  const actions = new Map<string, string>();
  let world: RecordedWorld | null = null;
  const { config } = run.header;
  const simulation = new Simulation({
    config,
    registry: shipped,
    demand: new ListDemand(run.recording.arrivals),
    streams: new Streams(0),
    lives: config.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    speedMilli: config.nodes.map(() => 1000),
    processes: (queue) => {
      world = new RecordedWorld(queue, run.recording);
      return world;
    },
    horizonUs: run.recording.endUs,
    rows,
    observer: {
      fact: () => {},
      action: (now, a) => {
        actions.set(answerKey(a), describe(now, a));
      },
    },
  });
  simulation.finish();
  const count = new Comparison();
  for (const [key, text] of run.actions) count.action(text, actions.get(key));
  for (const [key, text] of actions) if (!run.actions.has(key)) count.action(undefined, text);
  for (const table of tableNames) count.table(table, rowsOf(table, published[table]), simulatedRows.get(table)!);
  const simulated = simulation.markets[0]!.digest;
  return {
    decisionMismatches: count.decisionMismatches,
    invoiceMismatches: count.invoiceMismatches,
    firstMismatch: count.first,
    unansweredActions: world!.unansweredActions,
    unusedAnswers: world!.unusedAnswers,
    actions: run.actions.size,
    decisions: count.decisions,
    invoices: count.invoices,
    digest: { recorded: run.digest, simulated },
  };
}

function cellsOf<T extends TableName>(_table: T, row: Row<T>): Cells {
  const cells: Cells = {};
  for (const [name, v] of Object.entries(row as Record<string, number | bigint | string>))
    cells[name] = typeof v === 'number' ? BigInt(v) : v;
  return cells;
}

const keyOf = (table: TableName, cells: Cells): string => keys[table].map((k) => String(cells[k])).join('/');

/** A key that comes twice (a job refused as a duplicate) keeps both rows. */
function put(rows: Map<string, Cells>, key: string, cells: Cells): void {
  let unique = key;
  for (let n = 2; rows.has(unique); n++) unique = `${key}#${n}`;
  rows.set(unique, cells);
}

function rowsOf(table: TableName, data: TableData): Map<string, Cells> {
  const rows = new Map<string, Cells>();
  const names = Object.keys(tables[table]);
  for (let i = 0; i < data.rows; i++) {
    const cells: Cells = {};
    for (const n of names) cells[n] = data.columns[n]![i]!;
    put(rows, keyOf(table, cells), cells);
  }
  return rows;
}

class Comparison {
  decisionMismatches = 0;
  invoiceMismatches = 0;
  first: string | null = null;
  decisions = 0;
  invoices = 0;

  action(recorded: string | undefined, simulated: string | undefined): void {
    this.decisions++;
    if (recorded === simulated) return;
    this.decisionMismatches++;
    this.first ??= `action: recorded ${recorded ?? 'none'}, simulated ${simulated ?? 'none'}`;
  }

  table(table: TableName, recorded: Map<string, Cells>, simulated: Map<string, Cells>): void {
    const money = invoiceTables.includes(table);
    for (const [key, a] of recorded) this.#row(table, key, a, simulated.get(key), money);
    for (const [key, b] of simulated) if (!recorded.has(key)) this.#row(table, key, undefined, b, money);
  }

  #row(table: TableName, key: string, a: Cells | undefined, b: Cells | undefined, money: boolean): void {
    const names = Object.keys(tables[table]);
    const hasMoney = names.some((n) => isMoney(table, n));
    if (!money) this.decisions++;
    if (hasMoney) this.invoices++;
    const differs = names.filter((n) => a === undefined || b === undefined || a[n] !== b[n]);
    if (differs.length === 0) return;
    if (differs.some((n) => !isMoney(table, n))) this.decisionMismatches++;
    if (differs.some((n) => isMoney(table, n))) this.invoiceMismatches++;
    const column = differs[0]!;
    const side = (cells: Cells | undefined): string => (cells === undefined ? 'no such row' : String(cells[column]));
    this.first ??= `${table} ${key}, ${column}: recorded ${side(a)}, simulated ${side(b)}`;
  }
}
