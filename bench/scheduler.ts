/**
 * The scheduler: the FGD study's openb-default run through Market.step, ledger and journal; its decisions alone; the
 * incremental scores against scoring every node every time; and how the cost of a decision grows with the fleet. CPU time,
 * best of three.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MechanismRegistry, PlacementContext, PlacementPolicy, TaskShape } from '../core/interfaces.ts';
import { type Allocation, Cluster } from '../core/pool/cluster.ts';
import { Shapes } from '../core/pool/shapes.ts';
import { type JobSpec, NEVER, type NodeSpec } from '../core/types.ts';
import { type FgdInput, fgdInput, fgdScenario, measureFgd } from '../lab/reproduce/fgd.ts';
import { dataDir } from '../lab/reproduce/study.ts';
import { Fgd, type FgdParams, shipped } from '../mechanisms/index.ts';
import { atLeast, atMost, type BenchReport, type Figure, plain } from './report.ts';
import type { LargeRun } from './scheduler-large.ts';

const REPEATS = 3;

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Counts the time inside the policy. */
class Timed implements PlacementPolicy {
  readonly name = 'fgd';
  readonly #inner: PlacementPolicy;
  seconds = 0;
  decisions = 0;

  constructor(inner: PlacementPolicy) {
    this.#inner = inner;
  }
  choose(...args: Parameters<PlacementPolicy['choose']>): number {
    const start = process.hrtime.bigint();
    const node = this.#inner.choose(...args);
    this.seconds += Number(process.hrtime.bigint() - start) / 1e9;
    this.decisions++;
    return node;
  }
  pickGpus(...args: Parameters<NonNullable<PlacementPolicy['pickGpus']>>): void {
    const start = process.hrtime.bigint();
    this.#inner.pickGpus!(...args);
    this.seconds += Number(process.hrtime.bigint() - start) / 1e9;
  }
  reset(): void {
    this.#inner.reset();
  }
}

interface StudyRun {
  cpu: number;
  decisions: number;
  decisionSeconds: number;
  allocated: number;
  journalBytes: number;
}

function studyRun(input: FgdInput, slow: boolean): StudyRun {
  const timed: Timed[] = [];
  const registry: MechanismRegistry = {
    ...shipped,
    placement: (_, params) => {
      const t = new Timed(new Fgd(params as FgdParams, slow));
      timed.push(t);
      return t;
    },
  };
  const scenario = fgdScenario(input, 'default', 42, 'fgd');
  let journalBytes = 0;
  const start = cpuSeconds();
  const obtained = measureFgd(input, scenario, {
    registry,
    onJournal: (bytes) => {
      journalBytes += bytes.length;
    },
  });
  return {
    cpu: cpuSeconds() - start,
    decisions: timed.reduce((n, t) => n + t.decisions, 0),
    decisionSeconds: timed.reduce((n, t) => n + t.seconds, 0),
    allocated: obtained.allocatedPercent['130']!,
    journalBytes,
  };
}

const noContext: PlacementContext = { chosen: [], rateOf: () => 0, draw: () => 0 };

/** A reproducible generator for inputs: 32-bit xorshift. */
function generator(seed: number): (n: number) => number {
  let x = (seed * 2654435761) | 0 || 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return Math.floor(((x >>> 0) / 4294967296) * n);
  };
}

/** Microseconds per decision of FGD on a fleet of 8-GPU nodes kept about 80 % full by placing one task and ending another. */
function costPerDecision(nodeCount: number, decisions: number): number {
  const below = generator(7);
  const nodes = Array.from(
    { length: nodeCount },
    (_, i): NodeSpec => ({
      id: `n${i}`,
      provider: 'p',
      pool: 0,
      gpuClass: i % 3,
      gpus: 8,
      cpuMilli: 96_000,
      ramMiB: 1 << 20,
    }),
  );
  const cluster = new Cluster(nodes, [16_384, 16_384, 16_384]);
  for (let n = 0; n < nodeCount; n++) cluster.setUp(n, true);
  const shapes = new Shapes(3);
  const kinds: TaskShape[] = Array.from({ length: 30 }, (_, i) => {
    const gpus = i < 15 ? 1 : [1, 2, 4, 8][i % 4]!;
    const groups = [
      {
        tasks: 1,
        gpus,
        gpuMilli: i < 15 ? 100 + 50 * i : 1000,
        gpuMemoryMiB: 0,
        cpuMilli: 1000 * (1 + below(8)),
        ramMiB: 0,
      },
    ];
    return shapes.gang({ groups } as JobSpec, i % 5 === 0 ? [i % 3] : [0, 1, 2]).groups[0]!.shape;
  });
  const typical = kinds.map((k) => ({
    share: 1 / kinds.length,
    ...k,
    classes: [...k.allowed.keys()].filter((c) => k.allowed[c] === 1),
  }));
  const policy = new Fgd({ typical });
  const running: { node: number; a: Allocation }[] = [];
  const gpus: number[] = [];
  const place = (): boolean => {
    const shape = kinds[below(kinds.length)]!;
    const node = policy.choose(cluster, shape, null);
    if (node < 0) return false;
    gpus.length = 0;
    policy.pickGpus(cluster, node, shape, gpus, noContext);
    const a: Allocation = {
      lease: 0,
      gpus: [...gpus].sort((x, y) => x - y),
      gpuMilli: shape.gpuMilli,
      gpuMemoryMiB: 0,
      cpuMilli: shape.cpuMilli,
      ramMiB: 0,
      endUs: NEVER,
    };
    cluster.take(node, a);
    running.push({ node, a });
    return true;
  };
  const end = (): void => {
    const i = below(running.length);
    const { node, a } = running[i]!;
    running[i] = running[running.length - 1]!;
    running.pop();
    cluster.give(node, a, true);
  };
  const target = 0.8 * nodeCount * 8000;
  const used = () => cluster.usedMilli.reduce((x, y) => x + y, 0);
  for (let k = 0; used() < target && k < 20 * nodeCount; k++) place();
  let best = Number.POSITIVE_INFINITY;
  for (let r = 0; r < REPEATS; r++) {
    const start = cpuSeconds();
    for (let k = 0; k < decisions; k++) {
      place();
      while (used() > target) end();
    }
    best = Math.min(best, (cpuSeconds() - start) / decisions);
  }
  return best * 1e6;
}

function best<T>(runs: T[], cost: (r: T) => number): T {
  return runs.reduce((a, b) => (cost(b) < cost(a) ? b : a));
}

/** A million jobs on a hundred thousand GPUs, in a process of its own: a small heap, with room for young garbage. */
function largeRun(): LargeRun {
  const program = fileURLToPath(new URL('./scheduler-large.js', import.meta.url));
  const done = spawnSync(process.execPath, ['--max-old-space-size=640', '--max-semi-space-size=64', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`bench scheduler: the large run ended with ${done.status}`);
  return JSON.parse(done.stdout) as LargeRun;
}

export function scheduler(): BenchReport {
  const figures: Figure[] = [];
  const skipped: string[] = [];
  const work: string[] = [];
  const data = dataDir(undefined);
  if (data === null) skipped.push('FGD study: no ../shared with the openb trace');
  else {
    const input = fgdInput(data, 'default');
    const quick = Array.from({ length: REPEATS }, () => studyRun(input, false));
    const whole = best(quick, (r) => r.cpu);
    const loop = best(quick, (r) => r.decisionSeconds);
    const slow = studyRun(input, true);
    if (slow.allocated !== whole.allocated) throw new Error('bench scheduler: the slow and the quick policy differ');
    figures.push(
      atMost('fgdRun', whole.cpu, 1, 's'),
      atMost('fgdDecisions', loop.decisionSeconds, 0.35, 's'),
      atLeast('incrementalOverSlow', slow.decisionSeconds / loop.decisionSeconds, 20, 'ratio'),
      plain('slowDecisions', slow.decisionSeconds, 's'),
      plain('decisions', whole.decisions, 'decisions'),
      plain('journal', whole.journalBytes / 1048576, 'MiB'),
    );
    work.push(`fgd ${whole.decisions} ${whole.allocated}`);
  }
  const small = costPerDecision(1_000, 30_000);
  const large = costPerDecision(16_000, 30_000);
  figures.push(
    plain('usPerDecision1000', small, 'us'),
    plain('usPerDecision16000', large, 'us'),
    atMost('growth1000To16000', large / small, 2, 'ratio'),
  );
  const pool = largeRun();
  figures.push(
    atMost('largeCpu', pool.cpuSeconds, 60, 's'),
    atMost('largeRss', pool.maxRssMiB, 1024, 'MiB'),
    atLeast('largeBacklog', pool.maxBacklog, 50_000, 'jobs'),
    atLeast('largePreemptions', pool.preemptions, 50_000, 'preemptions'),
    plain('largeJobs', pool.completed, 'jobs'),
    plain('largeJournal', pool.journalMiB, 'MiB'),
  );
  work.push(`large ${pool.fingerprint}`);
  return {
    schema: 'janction.bench/1',
    bench: 'scheduler',
    figures,
    workHash: work.join(' '),
    ...(skipped.length > 0 ? { skipped: skipped.join('; ') } : {}),
  };
}
