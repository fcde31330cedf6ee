/**
 * One large pool, in a process of its own: 1,000,000 jobs on 100,000 GPUs (12,500 nodes of 8) at an offered load of 0.95, with
 * bursts of urgent jobs that push others out. Ledger, journal, checkpoints and rows on. Prints what it cost as JSON.
 * Arguments: jobs, queueing policy, nodes (default 1000000 priority 12500); under srtf, srsf and las jobs push each other out all
 * the time.
 *
 * Generator (32-bit xorshift, seed 1): a steady stream of jobs of priority 0 with 1, 2, 4 or 8 GPUs for 10 to 110 minutes, and twice
 * in the run a burst of jobs of priority 1 with one GPU for 5 to 15 minutes within a minute.
 */
import { JOURNAL_SCHEMA, JournalWriter } from '../core/journal/journal.ts';
import { Recorder } from '../core/record/recorder.ts';
import { HOUR_US, type MarketConfig, NEVER, type TaskGroup } from '../core/types.ts';
import { shipped } from '../mechanisms/index.ts';
import { Simulation } from '../sim/driver.ts';
import { Streams } from '../sim/kernel/streams.ts';
import type { Arrival, DemandSource } from '../sim/world/demand.ts';

const PER_NODE = 8;
const LOAD = 0.95;
const BURSTS = 2;
/** Share of the jobs that comes in bursts. */
const URGENT = 0.22;
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

export interface LargeRun {
  jobs: number;
  cpuSeconds: number;
  maxRssMiB: number;
  preemptions: number;
  completed: number;
  maxBacklog: number;
  simulatedHours: number;
  journalMiB: number;
  fingerprint: string;
}

class Bursty implements DemandSource {
  readonly #jobs: number;
  readonly #inBurst: number;
  readonly #gapUs: number;
  readonly #everyUs: number;
  readonly #groups: TaskGroup[][];
  #x = 1_013_904_223;
  #made = 0;
  #steadyUs = 0;
  #burst = 0;
  #left = 0;
  #burstUs = 0;

  constructor(jobs: number, nodes: number) {
    this.#jobs = jobs;
    this.#inBurst = Math.floor((URGENT * jobs) / BURSTS);
    const steady = jobs - BURSTS * this.#inBurst;
    // Mean GPU-time: steady 2.14 GPUs x 60 minutes, urgent 1 GPU x 10 minutes.
    const work = steady * 2.14 * 60 * MINUTE + BURSTS * this.#inBurst * 10 * MINUTE;
    const spanUs = work / (LOAD * nodes * PER_NODE);
    this.#gapUs = spanUs / steady;
    this.#everyUs = Math.floor(spanUs / (BURSTS + 1));
    this.#groups = [1, 2, 4, 8].map((gpus) => [
      { tasks: 1, gpus, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 0, ramMiB: 0 },
    ]);
    this.#burstUs = this.#everyUs;
  }

  #below(n: number): number {
    let x = this.#x;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#x = x;
    return Math.floor(((x >>> 0) / 4294967296) * n);
  }

  next(): Arrival | null {
    if (this.#made === this.#jobs) return null;
    if (this.#left === 0 && this.#burst < BURSTS && this.#steadyUs >= this.#burstUs) {
      this.#burst++;
      this.#left = this.#inBurst;
      this.#burstUs = this.#burst * this.#everyUs;
    }
    if (this.#left > 0) {
      const timeUs = this.#burstUs;
      if (this.#steadyUs >= timeUs) {
        this.#left--;
        this.#burstUs += Math.ceil(MINUTE / this.#inBurst);
        if (this.#left === 0) this.#burstUs = (this.#burst + 1) * this.#everyUs;
        return this.#arrival(timeUs, 0, (5 + this.#below(11)) * MINUTE, 1);
      }
    }
    const timeUs = Math.floor(this.#steadyUs);
    this.#steadyUs += 2 * this.#gapUs * (this.#below(1000) / 1000);
    // 1, 2, 4, 8 GPUs with weights 50, 28, 17, 5.
    const w = this.#below(100);
    const size = w < 50 ? 0 : w < 78 ? 1 : w < 95 ? 2 : 3;
    return this.#arrival(timeUs, size, (10 + this.#below(101)) * MINUTE, 0);
  }

  #arrival(timeUs: number, size: number, workUs: number, priority: number): Arrival {
    const job = ++this.#made;
    return {
      timeUs,
      pool: 0,
      spec: {
        job,
        user: 'tenant',
        label: priority === 0 ? 'steady' : 'urgent',
        groups: this.#groups[size]!,
        classes: [],
        bids: [],
        currency: 0,
        limitUs: 2 * workUs,
        estimateUs: workUs,
        patienceUs: NEVER,
        maxAttempts: 3,
        priority,
      },
      workUs,
      fails: false,
      valueMicro: -1,
    };
  }

  snapshot(): unknown {
    throw new Error('bench: this demand is not forked');
  }
  restore(): void {
    throw new Error('bench: this demand is not forked');
  }
}

function largeRun(jobs: number, queueing: string, nodes: number): LargeRun {
  const config: MarketConfig = {
    schema: 'janction.core/1',
    key: [1, 0],
    epochUs: HOUR_US,
    sampleUs: 60 * SECOND,
    currencies: [{ code: 'USD', scale: 6 }],
    classes: [{ name: 'gpu', memoryMiB: 81_920 }],
    pools: [
      {
        id: 'large',
        aggregator: 'large',
        queueing: { name: queueing, params: { preempt: true, skip: true } },
        placement: { name: 'best-fit', params: {} },
        pricing: { name: 'posted', params: { rates: { gpu: 1_000_000 } } },
      },
    ],
    nodes: Array.from({ length: nodes }, (_, i) => ({
      id: `n${i}`,
      provider: `p${i % 100}`,
      pool: 0,
      gpuClass: 0,
      gpus: PER_NODE,
      cpuMilli: 0,
      ramMiB: 0,
    })),
    users: [{ id: 'tenant', currency: 0, deposit: '0', postpaid: true }],
    tokenPriceMicro: 0,
    shares: { providerBps: 10_000, stakerBps: 0, aggregatorBps: 0, verifierBps: 0, treasuryBps: 0 },
    stakes: [],
    graces: {
      startWindowUs: MINUTE,
      startAllowanceUs: MINUTE,
      poolUs: MINUTE,
      holdUs: MINUTE,
      quoteUs: 7 * 24 * HOUR_US,
    },
  };
  const recorder = new Recorder(null);
  let maxBacklog = 0;
  let journalBytes = 0;
  const journal = new JournalWriter(
    { schema: JOURNAL_SCHEMA, engine: 'bench', host: 0, config, solvers: {} },
    (bytes) => {
      journalBytes += bytes.length;
    },
  );
  const simulation = new Simulation({
    config,
    registry: shipped,
    demand: new Bursty(jobs, nodes),
    streams: new Streams(1),
    lives: config.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    speedMilli: config.nodes.map(() => 1000),
    processes: { startUs: 0, killUs: 0, checkpoint: { everyUs: 0, saveUs: 0, restoreUs: 0 } },
    horizonUs: NEVER,
    journals: [journal],
    rows: {
      row: (table, row) => {
        recorder.row(table, row);
        if (table === 'samples')
          maxBacklog = Math.max(maxBacklog, (row as unknown as { waiting_jobs: number }).waiting_jobs);
      },
    },
  });
  simulation.finish();
  recorder.finish();
  const { counts } = simulation.markets[0]!.pools[0]!;
  const { user, system } = process.cpuUsage();
  return {
    jobs,
    cpuSeconds: (user + system) / 1e6,
    maxRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    preemptions: counts.preemptions,
    completed: counts.completed,
    maxBacklog,
    simulatedHours: simulation.now / HOUR_US,
    journalMiB: journalBytes / 1048576,
    fingerprint: recorder.fingerprint,
  };
}

const [jobs = '1000000', queueing = 'priority', nodes = '12500'] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(largeRun(Number(jobs), queueing, Number(nodes)))}\n`);
