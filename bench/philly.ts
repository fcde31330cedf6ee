/**
 * The whole Philly trace with billing, journal and Parquet: 350 and 200 nodes of 8 GPUs, and how cost grows with jobs. Each
 * run is a process of its own (`janction run … --out`), best of three; CPU time and peak memory as the system accounts them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atMost, type BenchReport, type Figure, plain } from './report.ts';
import { sharedPath } from './shared-data.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const trace = sharedPath('traces/philly_rfold/philly_trace.csv');
const probe = fileURLToPath(new URL('./measured-run.js', import.meta.url));
const REPEATS = 3;

interface Measured {
  cpuSeconds: number;
  maxRssMiB: number;
  fingerprint: string;
  submitted: number;
  maxWaiting: number;
}

function measure(scenario: string, sets: string[]): Measured {
  let best = null as Measured | null;
  for (let i = 0; i < REPEATS; i++) {
    const dir = mkdtempSync(join(tmpdir(), 'janction-bench-'));
    try {
      const args = [probe, join(root, scenario), join(dir, 'run'), ...sets.flatMap((s) => ['--set', s])];
      const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      if (done.status !== 0) throw new Error(`bench philly: the run ended with ${done.status}`);
      const m = JSON.parse(done.stdout) as Measured;
      if (best !== null && m.fingerprint !== best.fingerprint) throw new Error('bench philly: two runs differ');
      if (best === null || m.cpuSeconds < best.cpuSeconds)
        best = { ...m, maxRssMiB: Math.max(m.maxRssMiB, best === null ? 0 : best.maxRssMiB) };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  return best!;
}

export function philly(): BenchReport {
  if (!existsSync(trace)) {
    return {
      schema: 'janction.bench/1',
      bench: 'philly',
      figures: [],
      workHash: '',
      skipped: 'the trace is not at ../shared/traces/philly_rfold',
    };
  }
  const path = `demand.trace.path=${trace}`;
  const rows = readFileSync(trace, 'latin1').split('\n').length - 1;
  const wide = measure('scenarios/replay-philly/scenario.yaml', [path]);
  const narrow = measure('scenarios/replay-philly/scenario-200.yaml', [path]);
  // EASY reserves nodes, so 200 of them never let more than some 7,500 jobs queue (the scenario's README); fewer nodes do.
  const crowded = measure('scenarios/replay-philly/scenario-200.yaml', [path, 'fleet.groups.0.nodes=160']);
  const half = measure('scenarios/replay-philly/scenario.yaml', [
    path,
    `demand.trace.firstRows=${Math.floor(rows / 2)}`,
  ]);
  const startup = measure('scenarios/replay-philly/scenario.yaml', [path, 'demand.trace.firstRows=1']);
  const figures: Figure[] = [
    atMost('cpu350', wide.cpuSeconds, 4, 's'),
    atMost('rss350', wide.maxRssMiB, 350, 'MiB'),
    atMost('cpu200easy', narrow.cpuSeconds, 8, 's'),
    plain('rss200easy', narrow.maxRssMiB, 'MiB'),
    plain('backlog200', narrow.maxWaiting, 'jobs'),
    atMost('cpu160easy', crowded.cpuSeconds, 8, 's'),
    plain('backlog160', crowded.maxWaiting, 'jobs'),
    // Start-up is taken off both sides: it would flatter the ratio.
    atMost(
      'twiceTheJobs',
      (wide.cpuSeconds - startup.cpuSeconds) / (half.cpuSeconds - startup.cpuSeconds),
      2.2,
      'ratio',
    ),
    plain('jobs', wide.submitted, 'jobs'),
    plain('startup', startup.cpuSeconds, 's'),
  ];
  return { schema: 'janction.bench/1', bench: 'philly', figures, workHash: `${wide.fingerprint}${narrow.fingerprint}` };
}
