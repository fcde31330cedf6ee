/**
 * Why the longest waits were long. Core's own picture of the machines is filled and emptied again from the tables in order of
 * time, and at every change each watched job is asked whether it would have fitted: that costs a second for a hundred thousand
 * jobs. Only who overtook them takes a replay, and only when some jobs were not over at the end. `janction explain` replays the
 * scheduler in any case and gives its own account of one job.
 */

import { FactKind } from '../../core/facts.ts';
import type { TaskShape } from '../../core/interfaces.ts';
import { FrameType } from '../../core/journal/journal.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import { contractRate } from '../../core/settlement/demand.ts';
import { type JobSpec, NEVER, type TaskGroup } from '../../core/types.ts';
import { Comers, replayStarts } from '../explain/crowd.ts';
import { slotsOn } from '../explain/fit.ts';
import { modulesOfRun } from '../modules/registry.ts';
import { journalFrames } from '../rundir/reader.ts';
import type { RunData } from './data.ts';
import { percent } from './numbers.ts';

export interface LongWait {
  job: number;
  label: string;
  pool: string;
  submitUs: number;
  startUs: number;
  waitUs: number;
  gpus: number;
  tasks: number;
  /** GPU classes it may use and its bid could pay, when the pool has others too; empty = any. */
  classes: string[];
  /** As in `Crowd`. */
  ahead: number;
  overtakenBy: number;
  /**
   * Shares of the wait: too few free GPUs; enough idle ones, in a pool that sells only what it bought in its supply auction (the tables do
   * not say which of its GPUs it had bought); enough, but not as its tasks need them; room, but others were chosen.
   */
  noRoom: number;
  notBought: number;
  scattered: number;
  queueOrder: number;
  /** Most GPUs it could have used that were free at once while they were too few. */
  mostFree: number;
}

interface Watch extends LongWait {
  poolIndex: number;
  allowed: Uint8Array;
  /** Its pool buys its supply. */
  auction: boolean;
  milli: number;
  /** Demands of its tasks with the number of tasks, and how many of them would fit now. */
  demands: { shape: TaskShape; tasks: number; slots: number }[];
  spent: [number, number, number];
  lastUs: number;
  freeMilli: number;
  mostFreeMilli: number;
}

/** The `count` longest waits of jobs that started, longest first. */
export function longestWaits(run: RunData, count: number): LongWait[] {
  const { jobs } = run;
  const rows: number[] = [];
  for (let i = 0; i < jobs.rows; i++) if (jobs.waiting_time_us[i]! > 0) rows.push(i);
  rows.sort((a, b) => jobs.waiting_time_us[b]! - jobs.waiting_time_us[a]! || jobs.job_id[a]! - jobs.job_id[b]!);
  const top = rows.slice(0, count);
  if (top.length === 0) return [];
  const { specs, live, comers } = fromJournal(run);
  // Jobs that were not over when the run ended may have overtaken others, too.
  if (comers.size > jobs.rows) {
    const last = top.reduce((t, i) => Math.max(t, jobs.starting_time_us[i]!), 0);
    replayStarts(journalFrames(run.dir), modulesOfRun(run.dir, run.manifest), last, comers);
  }
  const shapes = new Shapes(run.scenario.market.classes);
  const watches = top.flatMap((i) => watch(run, i, specs, shapes, comers) ?? []);
  sweep(run, watches, specs, live);
  return watches.map((w) => {
    const total = Math.max(1, w.spent[0] + w.spent[1] + w.spent[2]);
    const { job, label, pool, submitUs, startUs, waitUs, gpus, tasks, classes, ahead, overtakenBy, auction } = w;
    const [short, apart, passedOver] = w.spent.map((s) => s / total) as [number, number, number];
    return {
      job,
      label,
      pool,
      submitUs,
      startUs,
      waitUs,
      gpus,
      tasks,
      classes,
      ahead,
      overtakenBy,
      noRoom: short,
      notBought: auction ? apart + passedOver : 0,
      scattered: auction ? 0 : apart,
      queueOrder: auction ? 0 : passedOver,
      mostFree: w.mostFreeMilli / 1000,
    };
  });
}

/** A lease that was running at the end: it has no row yet. */
interface Live {
  node: number;
  startUs: number;
  milli: number;
}

interface FromJournal {
  /** What every job asked for: the tables give only totals. */
  specs: Map<number, JobSpec>;
  live: Live[];
  comers: Comers;
}

function fromJournal(run: RunData): FromJournal {
  const specs = new Map<number, JobSpec>();
  const comers = new Comers();
  const started = new Map<number, Live>();
  for (const f of journalFrames(run.dir)) {
    if (f.type !== FrameType.step) continue;
    for (const x of f.facts) {
      if (x.kind === FactKind.submit) {
        specs.set(x.spec.job, x.spec);
        comers.submitted(x.spec.job, x.pool, f.now);
      } else if (x.kind === FactKind.started) started.set(x.lease, { node: x.node, startUs: f.now, milli: 0 });
      else if (x.kind === FactKind.exited || x.kind === FactKind.released) started.delete(x.lease);
    }
  }
  const p = run.placements;
  for (let i = 0; i < p.rows; i++) started.delete(p.lease_id[i]!);
  const { jobs } = run;
  for (let i = 0; i < jobs.rows; i++) {
    if (jobs.starting_time_us[i]! >= 0) comers.started(jobs.job_id[i]!, jobs.starting_time_us[i]!);
    comers.gone(jobs.job_id[i]!, jobs.finish_time_us[i]!);
  }
  return { specs, live: sized(run, [...started.values()]), comers };
}

/**
 * How much of its machine each live lease holds. The device's total use less that of finished leases is theirs; several on one
 * machine are taken to be of one size, so with more than one this is an estimate.
 */
function sized(run: RunData, live: Live[]): Live[] {
  const { placements: p, devices: d } = run;
  const left = new Map<string, number>();
  for (let i = 0; i < d.rows; i++) left.set(d.node[i]!, d.busy_milli_us[i]!);
  for (let i = 0; i < p.rows; i++) {
    if (p.start_us[i]! < 0 || p.gpus[i] === '') continue;
    const used = p.gpu_milli[i]! * p.gpus[i]!.split('+').length * (p.end_us[i]! - p.start_us[i]!);
    left.set(p.node[i]!, (left.get(p.node[i]!) ?? 0) - used);
  }
  const time = new Map<number, number>();
  for (const l of live) time.set(l.node, (time.get(l.node) ?? 0) + run.endUs - l.startUs);
  for (const l of live) {
    const milli = (left.get(run.scenario.market.nodes[l.node]!.id) ?? 0) / Math.max(1, time.get(l.node)!);
    l.milli = milli >= 1000 ? Math.round(milli / 1000) * 1000 : Math.max(0, Math.round(milli));
  }
  return live;
}

function watch(run: RunData, row: number, specs: Map<number, JobSpec>, shapes: Shapes, comers: Comers): Watch | null {
  const { jobs, scenario } = run;
  const { market } = scenario;
  const spec = specs.get(jobs.job_id[row]!);
  const poolIndex = market.pools.findIndex((p) => p.id === jobs.pool[row]);
  if (spec === undefined || poolIndex < 0) return null;
  const submitUs = jobs.submission_time_us[row]!;
  const startUs = jobs.starting_time_us[row]!;
  const classes = payable(run, spec, jobs.pool[row]!, submitUs);
  const gang = shapes.gang(spec, classes);
  const crowd = comers.crowdOf(spec.job);
  const held = new Set(market.nodes.filter((n) => n.pool === poolIndex).map((n) => n.gpuClass));
  const limited = [...held].some((c) => !classes.includes(c));
  return {
    job: spec.job,
    label: spec.label,
    pool: jobs.pool[row]!,
    poolIndex,
    submitUs,
    startUs,
    waitUs: startUs - submitUs,
    gpus: jobs.requested_number_of_resources[row]!,
    tasks: gang.groups.reduce((n, g) => n + g.tasks, 0),
    classes: limited ? classes.filter((c) => held.has(c)).map((c) => market.classes[c]!.name) : [],
    ahead: crowd.ahead,
    overtakenBy: crowd.overtakenBy.length,
    noRoom: 0,
    notBought: 0,
    scattered: 0,
    queueOrder: 0,
    auction: market.pools[poolIndex]!.supply !== undefined,
    mostFree: 0,
    allowed: Uint8Array.from(market.classes, (_, c) => (classes.includes(c) ? 1 : 0)),
    milli: gang.totalMilli,
    demands: gang.groups.map((g) => ({ shape: g.shape, tasks: g.tasks, slots: 0 })),
    spent: [0, 0, 0],
    lastUs: submitUs,
    freeMilli: 0,
    mostFreeMilli: 0,
  };
}

/** Classes that the job may use and its bid could pay under the prices it came to. */
function payable(run: RunData, spec: JobSpec, pool: string, at: number): number[] {
  const { market } = run.scenario;
  const wanted = spec.classes.length > 0 ? spec.classes : market.classes.map((_, c) => c);
  const rates = new Map<string, number>();
  const p = run.prices;
  for (let i = 0; i < p.rows && p.time_us[i]! <= at; i++)
    if (p.pool[i] === pool) rates.set(p.gpu_class[i]!, p.rate_micro_per_gpu_hour[i]!);
  const can = wanted.filter((c, k) => {
    const rate = rates.get(market.classes[c]!.name) ?? -1;
    if (rate < 0) return false;
    return spec.bids.length === 0 || contractRate(rate, spec.currency, market.tokenPriceMicro) <= spec.bids[k]!;
  });
  return can.length > 0 ? can : wanted;
}

/** The group of a job's task by its number in the gang. */
function groupOf(spec: JobSpec, part: number): TaskGroup {
  let left = part;
  for (const g of spec.groups) {
    if (left < g.tasks) return g;
    left -= g.tasks;
  }
  return spec.groups[spec.groups.length - 1]!;
}

interface Event {
  at: number;
  order: number;
  row: number;
}

/** Releases first, then machines, then starts: capacity that comes back at a stamp is there for who starts at it. */
function eventsUntil(run: RunData, live: readonly Live[], last: number): Event[] {
  const { placements: p, failures: f } = run;
  const events: Event[] = [];
  live.forEach((l, i) => {
    if (l.startUs <= last) events.push({ at: l.startUs, order: 3, row: i });
  });
  for (let i = 0; i < p.rows; i++) {
    if (p.start_us[i]! < 0 || p.start_us[i]! > last) continue;
    events.push({ at: p.start_us[i]!, order: 2, row: i });
    if (p.end_us[i]! <= last) events.push({ at: p.end_us[i]!, order: 0, row: i });
  }
  for (let i = 0; i < f.rows; i++) if (f.time_us[i]! <= last) events.push({ at: f.time_us[i]!, order: 1, row: i });
  return events.sort((a, b) => a.at - b.at || a.order - b.order || a.row - b.row);
}

/** On the GPUs that are free: which they are, the tables do not say. */
function liveAllocation(cluster: Cluster, node: number, l: Live): Allocation {
  const each = Math.min(1000, l.milli);
  const count = l.milli >= 1000 ? l.milli / 1000 : 1;
  const gpus: number[] = [];
  for (let g = 0; g < cluster.gpusOf(node) && gpus.length < count && each > 0; g++)
    if (cluster.freeMilliOf(node, g) >= each) gpus.push(g);
  return { lease: -1, gpus, gpuMilli: each, gpuMemoryMiB: 0, cpuMilli: 0, ramMiB: 0, endUs: NEVER };
}

/** Fills and empties the machines in order of time and accounts each watched job's wait. */
function sweep(run: RunData, watches: Watch[], specs: Map<number, JobSpec>, live: readonly Live[]): void {
  const { placements: p, failures: f } = run;
  const { market } = run.scenario;
  const index = new Map(market.nodes.map((n, i) => [n.id, i]));
  const cluster = new Cluster(
    market.nodes,
    market.classes.map((c) => c.memoryMiB),
  );
  // Machines whose first change is to come up were down before.
  const first = new Map<string, string>();
  for (let i = 0; i < f.rows; i++) if (f.gpu[i]! < 0 && !first.has(f.node[i]!)) first.set(f.node[i]!, f.kind[i]!);
  for (const [id, n] of index) cluster.setUp(n, first.get(id) !== 'node-up');
  const count = (n: number, sign: 1 | -1): void => {
    const pool = market.nodes[n]!.pool;
    const gpuClass = market.nodes[n]!.gpuClass;
    for (const w of watches) {
      if (w.poolIndex !== pool || w.allowed[gpuClass] === 0) continue;
      if (cluster.isUp(n)) w.freeMilli += sign * cluster.freeMilli(n);
      for (const d of w.demands) d.slots += sign * slotsOn(cluster, n, d.shape);
    }
  };
  for (let n = 0; n < market.nodes.length; n++) count(n, 1);
  const account = (w: Watch, until: number): void => {
    const t = Math.min(until, w.startUs);
    if (t <= w.lastUs) return;
    const kind = w.freeMilli < w.milli ? 0 : w.demands.some((d) => d.slots < d.tasks) ? 1 : 2;
    if (kind === 0) w.mostFreeMilli = Math.max(w.mostFreeMilli, w.freeMilli);
    w.spent[kind] += t - w.lastUs;
    w.lastUs = t;
  };
  const taken = new Map<number, Allocation>();
  let now = -1;
  for (const { at, order, row } of eventsUntil(
    run,
    live,
    watches.reduce((t, w) => Math.max(t, w.startUs), 0),
  )) {
    const n = order === 3 ? live[row]!.node : index.get(order === 1 ? f.node[row]! : p.node[row]!);
    if (n === undefined) continue;
    if (at !== now) for (const w of watches) account(w, at);
    now = at;
    count(n, -1);
    if (order === 1 && f.gpu[row]! < 0) cluster.setUp(n, f.kind[row] === 'node-up');
    else if (order === 1) {
      if (f.kind[row] !== 'gpu-error') cluster.setOut(n, f.gpu[row]!, f.kind[row] !== 'gpu-back');
    } else if (order === 2) {
      const g = groupOf(specs.get(p.job_id[row]!)!, p.part[row]!);
      const a: Allocation = {
        lease: row,
        gpus: p.gpus[row] === '' ? [] : p.gpus[row]!.split('+').map(Number),
        gpuMilli: p.gpu_milli[row]!,
        gpuMemoryMiB: g.gpuMemoryMiB,
        cpuMilli: g.cpuMilli,
        ramMiB: g.ramMiB,
        endUs: NEVER,
      };
      cluster.take(n, a);
      taken.set(row, a);
    } else if (order === 3) cluster.take(n, liveAllocation(cluster, n, live[row]!));
    else {
      const a = taken.get(row);
      if (a !== undefined) cluster.give(n, a, true);
      taken.delete(row);
    }
    count(n, 1);
  }
  for (const w of watches) account(w, w.startUs);
}

/** The reason in one sentence; it begins with the code. */
export function reasonOf(w: LongWait): string {
  const most = Math.max(w.noRoom, w.notBought, w.scattered, w.queueOrder);
  const gpus = w.gpus === 1 ? '1 GPU' : `${w.gpus} GPUs`;
  const kind = w.classes.length === 0 ? '' : ` of ${w.classes.join(' or ')} (all that it may use and could pay)`;
  const asked = `${gpus}${kind}${w.tasks > 1 ? ` for ${w.tasks} tasks at once` : w.gpus > 1 ? ' on one machine' : ''}`;
  if (most === w.noRoom)
    return `no-room: it asked for ${asked}; for ${part(w.noRoom)} of the wait fewer were free (at most ${Math.round(w.mostFree * 10) / 10})`;
  if (most === w.notBought)
    return `not-bought: it asked for ${asked}, and what its pool had bought in its supply auction was taken; for ${part(w.notBought)} of the wait as many or more stood idle`;
  if (most === w.scattered)
    return `scattered: it asked for ${asked}; enough were free for ${part(w.scattered + w.queueOrder)} of the wait, but hardly ever together on machines as its tasks need them`;
  return `queue-order: there was room for ${part(w.queueOrder)} of the wait, but the queue gave it to others (${w.overtakenBy} later jobs started first)`;
}

/** A share of the whole: 100 % is all of it. */
const part = (x: number): string => (x < 1 && x >= 0.9995 ? 'more than 99.9 %' : percent(x));
