/**
 * Runs what a plan still lacks. Points are walked in order, replications of a point in order; which runs a point needs follows from its
 * results alone, so workers, shards and interruptions change nothing but the order of lines on disk.
 */
import { UsageError } from '../errors.ts';
import type { Figures } from './figures.ts';
import { type Lookup, Needs } from './needs.ts';
import { maxReplications, mostRuns, type Plan, type PlannedPoint, runId, substreamOf } from './plan.ts';
import { openPool } from './pool.ts';
import type { RunRecord, SweepStore } from './store.ts';
import type { Task } from './task.ts';

export interface SweepOptions {
  workers: number;
  /** This process takes points with index % of === i. */
  shard: { i: number; of: number };
  failFast: boolean;
  /** Failed runs of an earlier call are tried again. */
  retryFailed: boolean;
  /** Sees the figures of every run that was made; what it throws ends the sweep. */
  onFigures?: (figures: Figures) => void;
  onProgress: (done: number, total: number, failed: number) => void;
}

export interface SweepTotals {
  made: number;
  reused: number;
  failed: number;
}

class PointState {
  readonly planned: PlannedPoint;
  readonly results: (RunRecord | undefined)[] = [];
  /** Replications handed out or reused. */
  started = 0;
  open = 0;

  constructor(planned: PlannedPoint) {
    this.planned = planned;
  }
}

export async function runSweep(plan: Plan, store: SweepStore, o: SweepOptions): Promise<SweepTotals> {
  const { records } = store.read(plan.tables);
  const mine = plan.points.filter((p) => p.index % o.shard.of === o.shard.i).map((p) => new PointState(p));
  const totals: SweepTotals = { made: 0, reused: 0, failed: 0 };
  const upper = mostRuns(plan.replications, mine.length);
  const places = new Map(plan.points.map((p, place) => [p.index, place]));
  const byPlace = new Map(mine.map((s) => [places.get(s.planned.index)!, s]));
  const needs = new Needs(plan, (place, r) => byPlace.get(place)?.results[r]);
  const need = (s: PointState) => needs.of(places.get(s.planned.index)!);
  /** No run of the point is on its way and none will be asked for. */
  const over = (s: PointState): boolean => s.open === 0 && need(s).decided;
  const r = plan.replications;
  /** The figure that decides how many replications there are. */
  const metric = typeof r === 'number' ? null : 'select' in r ? r.select : r.metric;
  let settled = 0;
  let spared = 0;
  let stop = false;

  /** Next run of a point that is not on disk, or null when the point needs no more for now. */
  const next = (s: PointState): Task | null => {
    for (;;) {
      if (s.started >= need(s).count) return null;
      const replication = s.started++;
      const substream = substreamOf(plan, s.planned.index, replication);
      const id = runId(s.planned, substream);
      const known = records.get(id);
      if (known !== undefined && (known.figures !== null || !o.retryFailed)) {
        s.results[replication] = known;
        totals.reused++;
        settled++;
        if (known.figures === null) totals.failed++;
        continue;
      }
      return {
        id,
        point: s.planned.index,
        replication,
        substream,
        scenario: plan.scenario,
        sets: s.planned.sets,
        seed: plan.seed,
        ...(plan.tables.length === 0 ? {} : { tables: { dir: store.tables, names: plan.tables } }),
      };
    }
  };

  const active: PointState[] = [];
  let cursor = 0;
  const take = (): { state: PointState; task: Task } | null => {
    for (let i = 0; i < active.length; i++) {
      const s = active[i]!;
      const task = next(s);
      if (task !== null) return { state: s, task };
      if (over(s)) {
        spared += maxReplications(plan.replications) - s.started;
        active.splice(i--, 1);
      }
    }
    while (cursor < mine.length) {
      const s = mine[cursor++]!;
      active.push(s);
      const task = next(s);
      if (task !== null) return { state: s, task };
      if (over(s)) {
        spared += maxReplications(plan.replications) - s.started;
        active.pop();
      }
    }
    return null;
  };

  let pool: ReturnType<typeof openPool> | null = null;
  const running = new Set<Promise<void>>();
  try {
    for (;;) {
      while (!stop && running.size < o.workers) {
        const job = take();
        if (job === null) break;
        // A finished sweep starts no thread.
        pool ??= openPool(o.workers);
        const { state, task } = job;
        state.open++;
        const p: Promise<void> = pool.run(task).then((a) => {
          state.open--;
          const record: RunRecord = {
            id: a.id,
            point: a.point,
            replication: a.replication,
            figures: a.figures,
            ...(a.error === undefined ? {} : { error: a.error }),
          };
          store.append(record);
          state.results[a.replication] = record;
          totals.made++;
          settled++;
          if (a.figures !== null) o.onFigures?.(a.figures);
          if (metric !== null && a.figures !== null && !(metric in a.figures))
            throw new UsageError(
              `replications: no figure is called "${metric}"; have ${Object.keys(a.figures)
                .filter((k) => typeof a.figures![k] !== 'string')
                .join(', ')}`,
            );
          if (a.figures === null) {
            totals.failed++;
            if (o.failFast) stop = true;
          }
          o.onProgress(settled, upper - spared, totals.failed);
        });
        const tracked = p.finally(() => running.delete(tracked));
        running.add(tracked);
      }
      if (running.size === 0) break;
      await Promise.race(running);
    }
  } finally {
    await Promise.allSettled(running);
    await pool?.close();
    store.close();
  }
  return totals;
}

/** What stands on disk against what the plan needs. */
export interface SweepStatus {
  points: number;
  runsNeeded: number;
  done: number;
  failed: { id: string; point: number; replication: number; error: string }[];
  /** Results that no point of this plan asks for. */
  stale: number;
  complete: boolean;
}

export function statusOf(plan: Plan, records: ReadonlyMap<string, RunRecord>): SweepStatus {
  let runsNeeded = 0;
  let done = 0;
  let complete = true;
  const used = new Set<string>();
  const failed: SweepStatus['failed'] = [];
  const lookup = lookupOf(plan, records);
  const needs = new Needs(plan, lookup);
  for (const [place, p] of plan.points.entries()) {
    const want = needs.of(place);
    if (!want.decided) complete = false;
    runsNeeded += want.count;
    for (let r = 0; r < want.count; r++) {
      const x = lookup(place, r);
      if (x === undefined) {
        complete = false;
        continue;
      }
      used.add(x.id);
      done++;
      if (x.figures === null) failed.push({ id: x.id, point: p.index, replication: r, error: x.error ?? '' });
    }
  }
  return {
    points: plan.points.length,
    runsNeeded,
    done,
    failed,
    stale: [...records.keys()].filter((id) => !used.has(id)).length,
    complete,
  };
}

/** Results on disk by place in the plan and replication; ids are worked out once. */
export function lookupOf(plan: Plan, records: ReadonlyMap<string, RunRecord>): Lookup {
  const ids: string[][] = plan.points.map(() => []);
  return (place, r) => {
    const p = plan.points[place]!;
    const known = ids[place]!;
    const id = (known[r] ??= runId(p, substreamOf(plan, p.index, r)));
    return records.get(id);
  };
}
