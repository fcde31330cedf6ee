/**
 * Every public trace that is there, replayed in a process of its own: jobs submitted against the rows that its PROVENANCE.md
 * counts, laws broken, peak memory as the system accounts it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256Hex, utf8 } from '../core/num/index.ts';
import { atMost, type BenchReport, type Figure } from './report.ts';
import { sharedPath } from './shared-data.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const probe = fileURLToPath(new URL('./measured-run.js', import.meta.url));
const MAX_RSS_MIB = 400;

interface Replay {
  scenario: string;
  /** Rows of the file that are no jobs: its header. */
  header: number;
  sets: string[];
  /** Takes only what the provenance counts: the file ends in the middle of a line. */
  cutOff?: boolean;
}

const general = 'scenarios/replay/scenario.yaml';
const plain = (header: number, sets: string[] = []): Replay => ({ scenario: general, header, sets });

/** How the files of a folder are replayed; null = no job list, or none that can be. */
function replayOf(dir: string, file: string): Replay | null {
  switch (dir) {
    case 'openb': {
      if (!file.startsWith('openb_pod_list')) return null;
      const nodes = sharedPath('traces/openb/openb_node_list_gpu_node.csv');
      return { scenario: 'scenarios/replay/openb.yaml', header: 1, sets: [`fleet.list.path=${nodes}`] };
    }
    case 'philly_rfold':
      return file.endsWith('.csv') ? plain(1) : null;
    case 'muri':
      return file.includes('trace-data') ? plain(1) : null;
    case 'tiresias':
      return /60_job|yarn-gput/.test(file) ? plain(1) : null;
    case 'gavel_msr':
      // This copy ends in the middle of its last line.
      if (file.endsWith('ee9e8c.trace')) return { ...plain(0), cutOff: true };
      return file.endsWith('.trace') ? plain(0) : null;
    case 'shockwave':
      return file.endsWith('.trace') ? plain(0) : null;
    case 'microsoft_itp_elasticflow':
      return file.endsWith('.tar.gz') ? plain(0) : null;
    case 'azure_llm_2023':
      return file.endsWith('.csv') ? { scenario: 'scenarios/replay/llm.yaml', header: 1, sets: [] } : null;
    case 'mooncake_fast25':
      return file.endsWith('.jsonl') ? { scenario: 'scenarios/replay/llm.yaml', header: 0, sets: [] } : null;
    default:
      return null;
  }
}

/** Rows of each file that the folder's PROVENANCE.md counts: its table of lines, or what it says of an archive. */
function counted(dir: string): Map<string, number> {
  const text = readFileSync(sharedPath(`traces/${dir}/PROVENANCE.md`), 'utf8');
  const counts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const cells = line.split('|').map((c) => c.trim());
    if (cells.length > 5 && /^\d+$/.test(cells[4]!)) counts.set(cells[1]!, Number(cells[4]));
  }
  const jobs = /10 clusters, ([\d,]+) jobs/.exec(text);
  if (jobs !== null) {
    const n = Number(jobs[1]!.replaceAll(',', ''));
    counts.set('raw-traces.tar.gz', n);
    // The other archive repeats the ten clusters and adds the 195 jobs of the authors' testbed.
    counts.set('elasticflow-traces.tar.gz', n + 195);
  }
  return counts;
}

/** Jobs in a file by the count of its lines: a last line without an end is one too, unless it is cut off. */
function expectedJobs(path: string, lines: number, replay: Replay): number {
  if (path.endsWith('.tar.gz')) return lines;
  const text = readFileSync(path);
  const openEnd = text.length > 0 && text[text.length - 1] !== 10;
  // The provenance counts line ends (wc -l).
  const ends = text.reduce((n, b) => n + (b === 10 ? 1 : 0), 0);
  return lines - replay.header + (openEnd && lines === ends && replay.cutOff !== true ? 1 : 0);
}

export function traces(): BenchReport {
  const base = sharedPath('traces');
  if (!existsSync(base))
    return {
      schema: 'janction.bench/1',
      bench: 'traces',
      figures: [],
      workHash: '',
      skipped: 'there is no ../shared/traces; JANCTION_SHARED names another place',
    };
  const figures: Figure[] = [];
  const hashes: string[] = [];
  const passed: string[] = [];
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  for (const dir of readdirSync(base).sort(byName)) {
    const counts = counted(dir);
    for (const file of readdirSync(join(base, dir)).sort(byName)) {
      const replay = replayOf(dir, file);
      const lines = counts.get(file);
      if (replay === null || lines === undefined) {
        passed.push(`${dir}/${file}`);
        continue;
      }
      const path = join(base, dir, file);
      const jobs = expectedJobs(path, lines, replay);
      const sets = [`demand.trace.path=${path}`, ...replay.sets];
      if (replay.cutOff === true) sets.push(`demand.trace.firstRows=${jobs}`);
      const short = `${dir}/${file.replace(/^(scheduler|simulator|cluster_exp)__/, '').slice(0, 60)}`;
      const m = replayed(replay.scenario, sets);
      hashes.push(m.fingerprint);
      figures.push({
        name: `${short} submitted`,
        value: m.submitted,
        unit: 'jobs',
        target: `= ${jobs}`,
        met: m.submitted === jobs,
      });
      figures.push(atMost(`${short} violations`, m.violations, 0, 'laws'));
      figures.push(atMost(`${short} rss`, m.maxRssMiB, MAX_RSS_MIB, 'MiB'));
    }
  }
  return {
    schema: 'janction.bench/1',
    bench: 'traces',
    figures,
    workHash: sha256Hex(utf8(hashes.join(''))).slice(0, 16),
    skipped: `no job lists: ${passed.join(', ')}`,
  };
}

interface Measured {
  maxRssMiB: number;
  fingerprint: string;
  submitted: number;
  violations: number;
}

function replayed(scenario: string, sets: string[]): Measured {
  const dir = mkdtempSync(join(tmpdir(), 'janction-bench-'));
  try {
    const args = [probe, join(root, scenario), join(dir, 'run'), ...sets.flatMap((s) => ['--set', s])];
    const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    if (done.status !== 0) throw new Error(`bench traces: ${sets[0]} ended with ${done.status}`);
    return JSON.parse(done.stdout) as Measured;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
