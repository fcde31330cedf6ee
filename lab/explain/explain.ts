/**
 * Why one job waited, where it ran and what it paid: the run's journal is replayed through core, and after every pass of the
 * scheduler over a queue that holds the job the machines are asked what kept it out. Simulated and executed runs alike.
 */

import { FactKind } from '../../core/facts.ts';
import type {
  MechanismRegistry,
  NodeSet,
  PlacementPolicy,
  QueueingPolicy,
  SchedulerView,
  WaitingJob,
  WaitReason,
} from '../../core/interfaces.ts';
import { type Frame, FrameType } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import type { RowSink } from '../../core/market/market.ts';
import type { Cluster } from '../../core/pool/cluster.ts';
import { viewOver, WatchedQueueing } from '../../core/pool/delegates.ts';
import { JobState } from '../../core/pool/job.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import type { JobSpec, MarketConfig } from '../../core/types.ts';
import type { AdversaryKind } from '../../scenarios/adversary-spec.ts';
import { Comers, type Crowd, StartWatch } from './crowd.ts';
import { type FilterName, standing, type WaitCode, waitCodes } from './fit.ts';

/** One stretch of the wait under one reason. */
export interface Stretch {
  fromUs: number;
  toUs: number;
  code: WaitCode;
  /** In the classes the job may use; beside them idle ones that its pool had not bought in its supply auction. */
  freeGpus: number;
  notBoughtGpus: number;
  /** Jobs before it in the queue, those that were put back among them. */
  ahead: number;
}

export interface Pass {
  timeUs: number;
  freeGpus: number;
  notBoughtGpus: number;
  filters: Record<FilterName, number>;
}

/** Someone who had to do with the job and does not play by the rules, as the scenario says. */
export interface Suspect {
  agent: string;
  kind: AdversaryKind;
}

export interface Explanation {
  schema: 'janction.explain/1';
  job: number;
  user: string;
  label: string;
  pool: string;
  state: string;
  reason: string;
  /** Its pool sells only what it bought in its supply auction. */
  supplyAuction: boolean;
  asked: { tasks: number; gpus: number; milliGpu: number; limitSeconds: number; classes: string[] };
  submittedUs: number;
  startedUs: number | null;
  finishedUs: number | null;
  wait: {
    seconds: number | null;
    byReason: { code: WaitCode; seconds: number }[];
    stretches: Stretch[];
    stretchesInAll: number;
    firstPass: Pass | null;
    lastPass: Pass | null;
    /** As in `Crowd`. */
    aheadWhenItCame: number;
    /** As in `Crowd`; the first of them by their start. */
    overtakenBy: { jobs: number; first: number[] };
    /** What the queueing policy itself says of the last pass. */
    policy: WaitReason | null;
  };
  /** The decision about the first task of its last attempt: machines that could take it and how the rule scored them. */
  placed: {
    timeUs: number;
    filters: Record<FilterName, number>;
    /** Machines with room that were not kept for others. */
    candidates: number;
    /** The chosen machine and the best of the others; score null = the rule has none. */
    chosen: { node: string; score: number | null };
    others: { node: string; score: number | null }[];
  } | null;
  attempts: {
    attempt: number;
    startUs: number;
    endUs: number;
    /** Of a gang the cause, not what followed from it. */
    outcome: string;
    /** What failed under it, as the machine said; null = nothing did. */
    lostTo: string | null;
    parts: {
      node: string;
      provider: string;
      gpus: string;
      gpuClass: string;
      rateMicroPerGpuHour: number;
      chargeMicro: string;
    }[];
  }[];
  paid: {
    currency: string;
    quotedMaxMicro: string;
    chargedMicro: string;
    transfers: { timeUs: number; kind: string; reason: string; amountMicro: string }[];
  };
  /** Disputes about what it was charged, step by step. */
  disputes: {
    timeUs: number;
    attempt: number;
    part: number;
    event: string;
    reason: string;
    by: string;
    amountMicro: string;
    bondMicro: string;
  }[];
}

/** Stretches kept: a wait of weeks has thousands. */
const MOST_STRETCHES = 40;
/** Overtakers that are named. */
const OVERTAKERS = 10;

interface Decision {
  timeUs: number;
  filters: Record<FilterName, number>;
  scored: { node: number; score: number | null }[];
  chosen: number;
}

/** Other machines shown beside the chosen one. */
const OTHERS = 4;

class Watcher {
  readonly target: number;
  /** The watched job is being placed for good. */
  placing = false;
  decision: Decision | null = null;
  readonly stretches: Stretch[] = [];
  stretchesInAll = 0;
  readonly spent = new Map<WaitCode, number>();
  #open: Stretch | null = null;
  first: Pass | null = null;
  last: Pass | null = null;
  policy: WaitReason | null = null;
  job: WaitingJob | null = null;

  constructor(target: number) {
    this.target = target;
  }

  /** After a pass: where does the job stand? */
  look(view: SchedulerView, inner: QueueingPolicy, waiting: ReadonlySet<WaitingJob>): void {
    const job = this.job!;
    const now = view.now;
    const s = standing(view.cluster as Cluster, job.shape);
    let ahead = 0;
    for (const w of waiting) if (w.order < job.order) ahead++;
    const free = { freeGpus: s.freeMilli / 1000, notBoughtGpus: s.closedMilli / 1000 };
    const pass: Pass = { timeUs: now, ...free, filters: s.filters };
    this.first ??= pass;
    this.last = pass;
    this.policy = inner.explain?.(job, view) ?? null;
    if (this.#open?.code === s.code) return;
    this.close(now);
    this.#open = { fromUs: now, toUs: now, code: s.code, ...free, ahead };
  }

  /** The job left the queue, or its reason changed. */
  close(now: number): void {
    const open = this.#open;
    this.#open = null;
    if (open === null || now <= open.fromUs) return;
    open.toUs = now;
    this.spent.set(open.code, (this.spent.get(open.code) ?? 0) + now - open.fromUs);
    this.stretchesInAll++;
    if (this.stretches.length < MOST_STRETCHES) this.stretches.push(open);
  }
}

/** Passes everything on to the real policy and looks at the watched job after each pass. */
class Spy extends WatchedQueueing {
  readonly #watcher: Watcher;
  readonly #waiting = new Set<WaitingJob>();

  constructor(inner: QueueingPolicy, watcher: Watcher) {
    super(inner);
    this.#watcher = watcher;
  }

  override add(job: WaitingJob): void {
    this.#waiting.add(job);
    if (job.spec.job === this.#watcher.target) this.#watcher.job = job;
    this.inner.add(job);
  }

  override remove(job: WaitingJob): void {
    this.#waiting.delete(job);
    this.inner.remove(job);
  }

  override schedule(view: SchedulerView): void {
    const w = this.#watcher;
    const mine = w.job !== null && this.#waiting.has(w.job);
    if (!mine) return this.inner.schedule(view);
    const spied = viewOver(view, {
      start: (job: WaitingJob, avoid: NodeSet | null, most?: number) => {
        const own = job === w.job;
        const before = w.decision;
        if (own) {
          w.placing = true;
          w.decision = null;
        }
        const started = view.start(job, avoid, most);
        if (own) {
          w.placing = false;
          if (!started) w.decision = before;
          else if (w.decision !== null) (w.decision as Decision).timeUs = view.now;
        }
        return started;
      },
    });
    this.inner.schedule(spied);
    if (this.#waiting.has(w.job!)) w.look(view, this.inner, this.#waiting);
    else w.close(view.now);
  }

  override reset(): void {
    this.#waiting.clear();
    this.inner.reset();
  }
}

/** Passes everything on to the real policy; of the decision about the watched job it keeps what the policy saw. */
class PlacementSpy implements PlacementPolicy {
  readonly name: string;
  readonly #inner: PlacementPolicy;
  readonly #watcher: Watcher;
  readonly pickGpus?: NonNullable<PlacementPolicy['pickGpus']>;

  constructor(inner: PlacementPolicy, watcher: Watcher) {
    this.#inner = inner;
    this.#watcher = watcher;
    this.name = inner.name;
    if (inner.pickGpus !== undefined) this.pickGpus = (...args) => inner.pickGpus!(...args);
  }

  choose(...[cluster, shape, avoid, context]: Parameters<PlacementPolicy['choose']>): number {
    const chosen = this.#inner.choose(cluster, shape, avoid, context);
    const w = this.#watcher;
    if (!w.placing || w.decision !== null || chosen < 0) return chosen;
    const scored: Decision['scored'] = [];
    for (let node = 0; node < cluster.nodeCount; node++)
      if (cluster.fits(node, shape) && !avoid?.has(node))
        scored.push({ node, score: this.#inner.explain?.(cluster, node, shape) ?? null });
    const gang = { id: -1, groups: [{ tasks: 1, shape }], totalMilli: shape.gpus * shape.gpuMilli };
    w.decision = { timeUs: 0, filters: standing(cluster as Cluster, gang).filters, scored, chosen };
    return chosen;
  }

  reset(): void {
    this.#inner.reset();
  }
}

interface Kept {
  job: Row<'jobs'> | null;
  placements: Row<'placements'>[];
  transfers: Row<'transfers'>[];
  disputes: Row<'disputes'>[];
  failures: Row<'failures'>[];
}

/** Null when the journal has no such job. */
export function explainJob(journal: Iterable<Frame>, registry: MechanismRegistry, target: number): Explanation | null {
  const watcher = new Watcher(target);
  const comers = new Comers();
  const starts = new StartWatch(comers);
  const kept: Kept = { job: null, placements: [], transfers: [], disputes: [], failures: [] };
  const rows: RowSink = {
    row<T extends TableName>(table: T, row: Row<T>): void {
      if (table === 'failures') {
        const f = row as Row<'failures'>;
        if (f.gpu >= 0 || f.leases_lost > 0) kept.failures.push(f);
      }
      if (table !== 'jobs' && table !== 'placements' && table !== 'transfers' && table !== 'disputes') return;
      if (table === 'jobs') comers.gone((row as Row<'jobs'>).job_id, (row as Row<'jobs'>).finish_time_us);
      if ((row as Row<'jobs'>).job_id !== target) return;
      if (table === 'jobs') kept.job = row as Row<'jobs'>;
      else if (table === 'placements') kept.placements.push(row as Row<'placements'>);
      else if (table === 'disputes') kept.disputes.push(row as Row<'disputes'>);
      else kept.transfers.push(row as Row<'transfers'>);
    },
  };
  const spies: MechanismRegistry = {
    ...registry,
    queueing: (name, params) => new Spy(registry.queueing(name, params), watcher),
    placement: (name, params) => new PlacementSpy(registry.placement(name, params), watcher),
  };
  let spec: JobSpec | null = null;
  let submittedUs = 0;
  let pool = 0;
  let endUs = 0;
  // The rest of the journal says nothing about a job that is over, except that it was charged at that stamp, and may be disputed for a while.
  let afterUs = 0;
  function* until(): Generator<Frame> {
    for (const f of journal) {
      if (f.type === FrameType.header) {
        const d = f.header.config.disputes;
        if (d !== undefined) afterUs = d.windowUs + d.answerUs + d.decideUs;
      } else if (f.type === FrameType.step) {
        if (kept.job !== null && f.now > endUs + afterUs) return;
        if (kept.job === null) endUs = Math.max(endUs, f.now);
        for (const x of f.facts) {
          if (x.kind !== FactKind.submit) continue;
          comers.submitted(x.spec.job, x.pool, f.now);
          if (x.spec.job !== target) continue;
          spec = x.spec;
          submittedUs = f.now;
          pool = x.pool;
        }
        starts.frame(f);
      } else if (f.type === FrameType.end) endUs = Math.max(endUs, f.now);
      yield f;
    }
  }
  const { markets, header } = replay(until(), spies, rows, starts.effects);
  watcher.close(endUs);
  if (spec === null) return null;
  // Local numbers of the machines of the pool that placed it.
  const by = kept.placements.at(-1)?.pool;
  const nodes =
    markets
      .flatMap((m) => m.pools)
      .find((p) => p !== null && p.id === by)
      ?.nodes() ?? [];
  const nameOf = (local: number): string => header.config.nodes[nodes[local] ?? -1]?.id ?? 'unknown';
  return explanation(header.config, spec, pool, submittedUs, watcher, comers.crowdOf(target), kept, stateNow(), nameOf);

  function stateNow(): string {
    for (const p of markets.flatMap((m) => m.pools))
      for (const j of p?.jobs() ?? [])
        if (j.spec.job === target) return j.state === JobState.leased ? 'running' : 'waiting';
    return 'unknown';
  }
}

function explanation(
  config: MarketConfig,
  spec: JobSpec,
  pool: number,
  submittedUs: number,
  w: Watcher,
  crowd: Crowd,
  kept: Kept,
  live: string,
  nameOf: (local: number) => string,
): Explanation {
  const { job, placements, transfers } = kept;
  const attempts = new Map<number, Row<'placements'>[]>();
  for (const p of placements) attempts.set(p.attempt, [...(attempts.get(p.attempt) ?? []), p]);
  const ups = kept.placements.map((p) => p.start_us).filter((t) => t >= 0);
  const started = job?.starting_time_us ?? (ups.length > 0 ? Math.min(...ups) : -1);
  const gpusOf = (groups: JobSpec['groups']): number => groups.reduce((n, g) => n + g.tasks * g.gpus, 0);
  const poolOf = (id: string | undefined) => config.pools.find((p) => p.id === id) ?? config.pools[pool]!;
  const classes = w.job?.shape.groups[0]?.shape.allowed;
  const text = String;
  return {
    schema: 'janction.explain/1',
    job: spec.job,
    user: spec.user,
    label: spec.label,
    pool: poolOf(job?.pool).id,
    state: job?.final_state ?? live,
    reason: job?.reason ?? 'ok',
    supplyAuction: poolOf(job?.pool).supply !== undefined,
    asked: {
      tasks: spec.groups.reduce((n, g) => n + g.tasks, 0),
      gpus: gpusOf(spec.groups),
      milliGpu: spec.groups.reduce((n, g) => n + g.tasks * g.gpus * g.gpuMilli, 0),
      limitSeconds: spec.limitUs / 1e6,
      classes: config.classes.filter((_, c) => classes === undefined || classes[c] === 1).map((c) => c.name),
    },
    submittedUs,
    startedUs: started < 0 ? null : started,
    finishedUs: job?.finish_time_us ?? null,
    wait: {
      seconds: started < 0 ? null : (started - submittedUs) / 1e6,
      byReason: waitCodes.filter((c) => w.spent.has(c)).map((code) => ({ code, seconds: w.spent.get(code)! / 1e6 })),
      stretches: w.stretches,
      stretchesInAll: w.stretchesInAll,
      firstPass: w.first,
      lastPass: w.last,
      aheadWhenItCame: crowd.ahead,
      overtakenBy: { jobs: crowd.overtakenBy.length, first: crowd.overtakenBy.slice(0, OVERTAKERS) },
      policy: w.policy,
    },
    placed: w.decision === null ? null : placedBy(w.decision, nameOf),
    attempts: [...attempts].map(([attempt, parts]) => ({
      attempt,
      startUs: Math.min(...parts.map((p) => p.start_us)),
      endUs: Math.max(...parts.map((p) => p.end_us)),
      outcome: causeOf(parts)?.outcome ?? 'completed',
      lostTo: lostTo(causeOf(parts), kept.failures),
      parts: parts.map((p) => ({
        node: p.node,
        provider: p.provider,
        gpus: p.gpus,
        gpuClass: p.gpu_class,
        rateMicroPerGpuHour: p.rate_micro_per_gpu_hour,
        chargeMicro: text(p.charge_micro),
      })),
    })),
    paid: {
      currency: config.currencies[spec.currency]?.code ?? 'unknown',
      quotedMaxMicro: text(job?.quoted_max_micro ?? 0n),
      // Of a job that was not over, what its ended attempts cost.
      chargedMicro: text(job?.charged_micro ?? kept.placements.reduce((sum, p) => sum + p.charge_micro, 0n)),
      transfers: transfers.map((t) => ({
        timeUs: t.time_us,
        kind: t.kind,
        reason: t.reason,
        amountMicro: text(t.amount_micro),
      })),
    },
    disputes: kept.disputes.map((d) => ({
      timeUs: d.time_us,
      attempt: d.attempt,
      part: d.part,
      event: d.event,
      reason: d.reason,
      by: d.event.startsWith('file')
        ? d.user
        : d.event === 'contested' || d.event === 'answer-refused'
          ? d.provider
          : '',
      amountMicro: text(d.amount_micro),
      bondMicro: text(d.bond_micro),
    })),
  };
}

/** The part that ended the attempt: one whose provider failed it before those that were called off for it. */
const causeOf = (parts: readonly Row<'placements'>[]): Row<'placements'> | undefined =>
  parts.find((p) => p.outcome !== 'completed' && p.outcome !== 'aborted') ??
  parts.find((p) => p.outcome !== 'completed');

/** The machine's own word on what was lost under the part. */
function lostTo(p: Row<'placements'> | undefined, failures: readonly Row<'failures'>[]): string | null {
  if (p === undefined || (p.outcome !== 'node-failure' && p.outcome !== 'gpu-failure')) return null;
  const gpus = p.gpus.split('+').map(Number);
  const f = failures.find((x) => x.node === p.node && x.time_us === p.end_us && (x.gpu < 0 || gpus.includes(x.gpu)));
  if (f === undefined) return null;
  return f.gpu < 0 ? `${f.node}: ${f.cause}` : `${f.node} GPU ${f.gpu}: ${f.cause}`;
}

function placedBy(d: Decision, nameOf: (local: number) => string): NonNullable<Explanation['placed']> {
  const shown = (x: Decision['scored'][number]) => ({ node: nameOf(x.node), score: x.score });
  const others = d.scored
    .filter((x) => x.node !== d.chosen)
    .sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.node - b.node)
    .slice(0, OTHERS);
  return {
    timeUs: d.timeUs,
    filters: d.filters,
    candidates: d.scored.length,
    chosen: shown(d.scored.find((x) => x.node === d.chosen) ?? { node: d.chosen, score: null }),
    others: others.map(shown),
  };
}
