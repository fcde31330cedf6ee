/**
 * Third part of an audit: does run.json speak of this run? The journal must be of the scenario it names, and its figures must be
 * what the replayed rows add up to.
 */
import { createHash } from 'node:crypto';
import type { JournalHeader } from '../../core/journal/journal.ts';
import type { Market, RowSink } from '../../core/market/market.ts';
import { Recorder } from '../../core/record/recorder.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { canonicalScenario, type ResolvedScenario } from '../../scenarios/index.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { demandSource, marketConfig, resultOf } from '../../sim/run.ts';
import { Summary } from '../../sim/summary.ts';
import { withCosts } from '../../sim/world/costs.ts';
import type { Manifest } from '../rundir/writer.ts';

/** Figures that follow from what only the demand knows: not judged where the jobs came from a trace, which an audit does not have. */
const FROM_TRACE = new Set(['economics.welfare', 'economics.userSurplus', 'economics.firstBestWelfare']);

/** Gathers the figures of a run from its replayed rows. */
export class ManifestCheck implements RowSink {
  readonly #manifest: Manifest;
  readonly #scenario: ResolvedScenario;
  readonly #recorder = new Recorder(null);
  readonly #summary: Summary;
  readonly #worth = new Map<number, number>();

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    const { scenario } = manifest;
    const streams = new Streams(scenario.seed);
    this.#scenario = withCosts(scenario, streams);
    this.#summary = new Summary(this.#scenario);
    if (scenario.demand.kind === 'trace') return;
    // Worth is drawn with the demand, whatever the market does: drawn again, it must be the same.
    const demand = demandSource(this.#scenario, streams, undefined);
    for (let a = demand.next(); a !== null && a.timeUs < scenario.horizonUs; a = demand.next())
      this.#worth.set(a.spec.job, a.valueMicro);
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'jobs') this.#summary.value(this.#worth.get((row as Row<'jobs'>).job_id) ?? -1);
    this.#recorder.row(table, row);
    this.#summary.row(table, row);
  }

  /** First thing run.json says that is not so, or null. `submitted`: submit facts in the journal. */
  difference(header: JournalHeader, market: Market, submitted: number, journalBytes: number): string | null {
    const m = this.#manifest;
    const { scenario, result } = m;
    const sha = createHash('sha256').update(canonicalScenario(scenario)).digest('hex');
    if (sha !== m.scenarioSha256) return `scenarioSha256 is ${m.scenarioSha256}, its scenario gives ${sha}`;
    for (const [name, seed] of [
      ['seed', m.seed],
      ['result.seed', result.seed],
    ] as const)
      if (seed !== scenario.seed) return `${name} is ${seed}, the scenario's is ${scenario.seed}`;
    if (m.engine !== header.engine) return `engine is ${m.engine}, the journal's is ${header.engine}`;
    if (m.journalBytes !== journalBytes) return `journalBytes is ${m.journalBytes}, the journal has ${journalBytes}`;
    const config = firstDifference(marketConfig(scenario), header.config, 'scenario.market');
    if (config !== null) return `${config.path} is ${config.a}, the journal's market has ${config.b}`;
    const figures = resultOf([market], this.#recorder, this.#summary, {
      now: market.now,
      submitted,
      checks: result.invariants.checks,
      imputed: result.economics.imputed,
    });
    const skip = scenario.demand.kind === 'trace' ? FROM_TRACE : new Set<string>();
    const wrong = firstDifference(result, JSON.parse(JSON.stringify(figures)), '', skip);
    return wrong === null ? null : `result.${wrong.path} is ${wrong.a}, the rows give ${wrong.b}`;
  }
}

interface Difference {
  path: string;
  a: string;
  b: string;
}

/** Walks two JSON values in the order of keys; null when they are equal but for the skipped paths. */
function firstDifference(a: unknown, b: unknown, path: string, skip?: ReadonlySet<string>): Difference | null {
  if (a === b || skip?.has(path) === true) return null;
  const nested = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
  if (!nested(a) || !nested(b) || Array.isArray(a) !== Array.isArray(b)) return { path, a: show(a), b: show(b) };
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const d = firstDifference(a[key], b[key], path === '' ? key : `${path}.${key}`, skip);
    if (d !== null) return d;
  }
  return null;
}

const show = (v: unknown): string => {
  const text = v === undefined ? 'nothing' : JSON.stringify(v);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};
