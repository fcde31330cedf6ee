/**
 * The executor against its duties: commands made durable in a second beside one sync a command (the naive way, same disk, same
 * run), time from a cause to the action it leads to with ten thousand jobs waiting, processor time while nothing happens. Wall
 * time, best of three: it is a wall clock that is measured.
 */
import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Action, ActionKind, FactKind, type StartAction } from '../core/facts.ts';
import { HOUR_US, type JobSpec, type MarketConfig, NEVER, Outcome } from '../core/types.ts';
import {
  Executor,
  type FactSink,
  FileStorage,
  type Launcher,
  LocalLauncher,
  noIsolation,
  type PlannedArrival,
  processesOf,
} from '../executor/index.ts';
import { shipped } from '../mechanisms/index.ts';
import { atLeast, atMost, type BenchReport, type Figure, plain } from './report.ts';

const JOBS = 4000;
const QUEUED = 10_000;
const DECISIONS = 300;
const IDLE_MS = 4000;
const NAIVE = 400;
const REPEATS = 3;
const SECOND = 1_000_000;

function config(gpus: number): MarketConfig {
  return {
    schema: 'janction.core/1',
    key: [1, 0],
    epochUs: HOUR_US,
    sampleUs: 0,
    currencies: [{ code: 'USD', scale: 6 }],
    classes: [{ name: 'card', memoryMiB: 24_576 }],
    pools: [
      {
        id: 'pool',
        aggregator: 'op',
        queueing: { name: 'easy', params: {} },
        placement: { name: 'best-fit', params: {} },
        pricing: { name: 'posted', params: { rates: { card: 1_000_000 } } },
      },
    ],
    nodes: [{ id: 'n', provider: 'p', pool: 0, gpuClass: 0, gpus, cpuMilli: 1_000_000, ramMiB: 1_000_000 }],
    users: [{ id: 'u', currency: 0, deposit: '0', postpaid: true }],
    tokenPriceMicro: 0,
    shares: { providerBps: 10_000, stakerBps: 0, aggregatorBps: 0, verifierBps: 0, treasuryBps: 0 },
    stakes: [],
    graces: {
      startWindowUs: 60 * SECOND,
      startAllowanceUs: 60 * SECOND,
      poolUs: 60 * SECOND,
      holdUs: 60 * SECOND,
      quoteUs: 1000 * HOUR_US,
    },
  };
}

function job(id: number): JobSpec {
  return {
    job: id,
    user: 'u',
    label: 'bench',
    groups: [{ tasks: 1, gpus: 1, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 0, ramMiB: 0 }],
    classes: [],
    bids: [],
    currency: 0,
    limitUs: HOUR_US,
    estimateUs: HOUR_US,
    patienceUs: NEVER,
    maxAttempts: 1,
    priority: 0,
  };
}

const arrivals = (count: number): { next(): PlannedArrival | null } => {
  let n = 0;
  return {
    next: () => (n < count ? { timeUs: 0, pool: 0, spec: job(++n), workUs: 0, fails: false } : null),
  };
};

/** Jobs without processes: they are up at once and end when told. */
class Instant implements Launcher {
  readonly isolation = 'none';
  running = 0;
  #sink: FactSink = () => {};
  readonly #onStart: (a: StartAction, end: () => void) => void;

  constructor(onStart: (a: StartAction, end: () => void) => void) {
    this.#onStart = onStart;
  }
  open(sink: FactSink): void {
    this.#sink = sink;
  }
  reap(): number {
    return 0;
  }
  async close(): Promise<void> {
    this.#sink = () => {};
  }
  act(a: Action): void {
    if (a.kind !== ActionKind.start) return;
    const { node, lease, fence } = a;
    this.running++;
    this.#sink({ kind: FactKind.started, node, lease, fence });
    this.#onStart(a, () => {
      this.running--;
      this.#sink({ kind: FactKind.exited, node, lease, fence, outcome: Outcome.completed, clean: true });
    });
  }
}

function executor(dir: string, gpus: number, jobs: number, launcher: Launcher, horizonUs = NEVER): Executor {
  return new Executor({
    config: config(gpus),
    registry: shipped,
    arrivals: arrivals(jobs),
    launcher,
    storage: (keep) => new FileStorage(join(dir, 'journal'), keep),
    former: null,
    snapshotEvery: Number.MAX_SAFE_INTEGER,
    snapshotRest: 0,
    horizonUs,
    timeScale: 1,
  });
}

async function inTemp<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-bench-'));
  try {
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Commands (facts) a second, each durable before its consequence; jobs end as soon as they are up. */
async function throughput(): Promise<{ perSecond: number; perSync: number }> {
  return inTemp(async (dir) => {
    const e = executor(dir, 32, JOBS, new Instant((_, end) => setImmediate(end)));
    const begin = performance.now();
    const r = await e.run();
    return { perSecond: r.facts / ((performance.now() - begin) / 1000), perSync: r.facts / r.syncs };
  });
}

async function naive(): Promise<number> {
  return inTemp(async (dir) => {
    const fd = openSync(join(dir, 'journal'), 'w');
    const record = new Uint8Array(60);
    const begin = performance.now();
    for (let i = 0; i < NAIVE; i++) {
      writeSync(fd, record);
      fdatasyncSync(fd);
    }
    return NAIVE / ((performance.now() - begin) / 1000);
  });
}

/** From the end of a job to the order that starts the next, with ten thousand waiting; sorted milliseconds of wall time. */
async function latencies(): Promise<{ times: number[]; cpuMs: number }> {
  return inTemp(async (dir) => {
    const times: number[] = [];
    let cpu = process.cpuUsage();
    let told = 0;
    let e: Executor | null = null;
    const launcher = new Instant((_, end) => {
      // The first start comes with the whole queue; what counts begins after it.
      if (told > 0) times.push(performance.now() - told);
      else cpu = process.cpuUsage();
      if (times.length >= DECISIONS) {
        e!.stop();
        return;
      }
      // Apart, so that each decision is one of its own.
      setTimeout(() => {
        told = performance.now();
        end();
      }, 2);
    });
    e = executor(dir, 1, QUEUED + DECISIONS, launcher);
    await e.run();
    const used = process.cpuUsage(cpu);
    return { times: times.sort((a, b) => a - b), cpuMs: (used.user + used.system) / 1000 / times.length };
  });
}

/** Processor time of the executor while two jobs sleep, as a share of a core. */
async function idle(): Promise<number> {
  return inTemp(async (dir) => {
    const run = `bench-${process.pid}`;
    const launcher = new LocalLauncher({
      run,
      dir: join(dir, 'jobs'),
      nodeName: () => 'n',
      deviceOf: () => ({ id: 'cpu:0', kind: 'cpu', name: '', memoryMiB: 0 }),
      timeScale: 1,
      graceMs: 100,
      utilisation: 1,
      isolation: noIsolation,
      diskMiB: 64,
      processes: 64,
      network: false,
      shares: [],
    });
    let n = 0;
    const e = new Executor({
      config: config(2),
      registry: shipped,
      arrivals: {
        next: () =>
          n < 2
            ? { timeUs: 0, pool: 0, spec: job(++n), workUs: 0, fails: false, command: ['/bin/sleep', '600'] }
            : null,
      },
      launcher,
      storage: (keep) => new FileStorage(join(dir, 'journal'), keep),
      former: null,
      snapshotEvery: Number.MAX_SAFE_INTEGER,
      snapshotRest: 0,
      horizonUs: NEVER,
      timeScale: 1,
    });
    const done = e.run();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (process.platform === 'linux' && processesOf(run).size < 2)
      throw new Error('bench executor: the jobs do not run');
    const before = process.cpuUsage();
    const begin = performance.now();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const used = process.cpuUsage(before);
    const wall = performance.now() - begin;
    e.stop();
    await done;
    return (used.user + used.system) / 1000 / wall;
  });
}

export async function executorBench(): Promise<BenchReport> {
  let best = { perSecond: 0, perSync: 0 };
  let naiveBest = 0;
  let p50 = Number.POSITIVE_INFINITY;
  let p99 = Number.POSITIVE_INFINITY;
  let cpu = Number.POSITIVE_INFINITY;
  let share = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const t = await throughput();
    if (t.perSecond > best.perSecond) best = t;
    naiveBest = Math.max(naiveBest, await naive());
    const { times, cpuMs } = await latencies();
    p50 = Math.min(p50, times[Math.floor(0.5 * times.length)]!);
    p99 = Math.min(p99, times[Math.floor(0.99 * times.length)]!);
    cpu = Math.min(cpu, cpuMs);
    share = Math.min(share, await idle());
  }
  const figures: Figure[] = [
    atLeast('durableCommands', best.perSecond, 2000, '1/s'),
    plain('commandsPerSync', best.perSync, 'count'),
    plain('naiveSyncs', naiveBest, '1/s'),
    plain('ratioToNaive', best.perSecond / naiveBest, 'ratio'),
    plain('decisionP50', p50, 'ms'),
    atMost('decisionP99', p99, 5, 'ms'),
    plain('decisionCpu', cpu, 'ms'),
    plain('queuedJobs', QUEUED, 'jobs'),
    atMost('idleCore', 100 * share, 1, '%'),
  ];
  return { schema: 'janction.bench/1', bench: 'executor', figures, workHash: `${JOBS}/${QUEUED}/${DECISIONS}` };
}
