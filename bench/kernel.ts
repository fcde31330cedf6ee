/**
 * Our kernel against simjs, SimPy and a C++ loop on `std::priority_queue`: hold with 1e3, 1e5 and 1e6 events pending, M/M/1 at
 * load 0.9, M/M/32 at 0.95, and a cluster of 1,000 nodes of 8 GPUs. All engines walk through the same recorded times and must
 * reach the same sums. Engines take turns, each in its own process; best CPU time of all rounds. An event of M/M/c and
 * of the cluster is an arrival or a departure, whatever an engine makes of it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../core/num/index.ts';
import { isHold, type ModelName, models, type Outcome, packed, workOf } from './kernel-trace.ts';
import { atLeast, atMost, type BenchReport, type Figure, plain } from './report.ts';

const ROUNDS = 3;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type PeerName = 'simjs' | 'simpy' | 'cpp';
type Ratios = Partial<Record<ModelName, number>>;
export interface KernelReport extends BenchReport {
  peers: Record<PeerName, Ratios | null>;
  /** Every engine reached the same sums on every model. */
  workHashEqual: boolean;
  /** Nanoseconds of CPU per event, best of all rounds. */
  nsPerEvent: Record<string, Partial<Record<ModelName, number>>>;
  /** The same per hold, through the interface that the market uses, by queue and events pending. */
  nsPerHoldBySize: Record<string, Record<string, number>>;
}

/** What ratios are aimed at: peer's time over ours. */
const targets: Record<PeerName, Ratios> = {
  simjs: { hold1e3: 4.5, hold1e5: 15, hold1e6: 15, mm1: 8, mm32: 8, gpuLoop: 8 },
  simpy: { hold1e3: 15, hold1e5: 15, hold1e6: 15, mm1: 40, mm32: 40, gpuLoop: 40 },
  cpp: { hold1e5: 0.9, hold1e6: 0.9, mm1: 0.6, mm32: 0.6, gpuLoop: 0.7 },
};

interface Engine {
  name: string;
  command: (model: ModelName, workFile: string) => [string, string[]];
  runs: (model: ModelName) => boolean;
}

const note = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** The engines this machine has, and why others are missing. */
function engines(dir: string): { list: Engine[]; missing: string[] } {
  const node = (name: string, runs: Engine['runs']): Engine => ({
    name,
    command: (model) => [process.execPath, [here('./kernel-engine.js'), name, model]],
    runs,
  });
  const list = [
    node('ours', () => true),
    node('callbacks', (m) => m === 'mm1'),
    node('processes', (m) => m === 'mm1' || m === 'mm32'),
    node('simjs', () => true),
  ];
  const missing: string[] = [];
  const binary = join(dir, 'kernel-cpp');
  const source = here('../../bench/peers/kernel.cpp');
  const built = spawnSync('g++', ['-O3', '-std=c++17', '-o', binary, source], { encoding: 'utf8' });
  if (built.status === 0) list.push({ name: 'cpp', command: (m, f) => [binary, [m, f]], runs: () => true });
  else missing.push(`cpp: ${built.error === undefined ? built.stderr.trim().split('\n')[0] : 'no g++'}`);
  const python = ['python3', '/usr/bin/python3'].find((p) => spawnSync(p, ['-c', 'import simpy']).status === 0);
  if (python !== undefined) {
    const script = here('../../bench/peers/kernel_simpy.py');
    list.push({ name: 'simpy', command: (m, f) => [python, [script, m, f]], runs: () => true });
  } else missing.push("simpy: no python3 with SimPy (Debian's python3-simpy3, or pip install simpy)");
  return { list, missing };
}

function measure(engine: Engine, model: ModelName, workFile: string): Outcome {
  const [file, args] = engine.command(model, workFile);
  const done = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0) throw new Error(`bench kernel: ${engine.name} on ${model} ended with ${done.status}`);
  return JSON.parse(done.stdout) as Outcome;
}

export function kernel(): KernelReport {
  const dir = mkdtempSync(join(tmpdir(), 'janction-kernel-'));
  try {
    return compare(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function compare(dir: string): KernelReport {
  const { list, missing } = engines(dir);
  const best: Record<string, Partial<Record<ModelName, Outcome>>> = {};
  let equal = true;
  let hashed = '';
  for (const model of models) {
    const workFile = join(dir, model);
    writeFileSync(workFile, packed(workOf(model)));
    let reference: string | null = null;
    for (let round = 0; round < ROUNDS; round++) {
      for (const engine of list) {
        // The slow one runs once: its ratios are far from their targets.
        if (!engine.runs(model) || (engine.name === 'simpy' && round > 0)) continue;
        note(`kernel: ${model}, round ${round + 1} of ${ROUNDS}, ${engine.name}`);
        const o = measure(engine, model, workFile);
        const sums = `${o.waits} ${o.end} ${o.order}`;
        reference ??= sums;
        if (sums !== reference) {
          equal = false;
          note(`kernel: ${engine.name} did other work on ${model}: ${sums}, not ${reference}`);
        }
        const row = (best[engine.name] ??= {});
        if (row[model] === undefined || o.nsPerEvent < row[model].nsPerEvent) row[model] = o;
      }
    }
    hashed += `${model} ${reference}\n`;
  }
  const bySize = sizes();
  return report(best, bySize, equal, sha256Hex(new TextEncoder().encode(hashed)), missing);
}

/** Hold by the number of events pending, on the market's queue and on a plain heap: best of the rounds. */
function sizes(): Record<string, Record<string, number>> {
  const out: Record<string, Record<string, number>> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const queue of ['ladder', 'heap']) {
      note(`kernel: hold by size, round ${round + 1} of ${ROUNDS}, ${queue}`);
      const args = [here('./kernel-engine.js'), 'sizes', queue];
      const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      if (done.status !== 0) throw new Error(`bench kernel: hold by size on ${queue} ended with ${done.status}`);
      const row = (out[queue] ??= {});
      for (const [size, ns] of Object.entries(JSON.parse(done.stdout) as Record<string, number>))
        row[size] = Math.min(row[size] ?? Infinity, Math.round(10 * ns) / 10);
    }
  }
  return out;
}

function report(
  best: Record<string, Partial<Record<ModelName, Outcome>>>,
  nsPerHoldBySize: KernelReport['nsPerHoldBySize'],
  workHashEqual: boolean,
  workHash: string,
  missing: string[],
): KernelReport {
  const figures: Figure[] = [];
  const peers: KernelReport['peers'] = { simjs: null, simpy: null, cpp: null };
  const ns = (engine: string, model: ModelName): number => best[engine]![model]!.nsPerEvent;
  for (const model of models)
    figures.push(plain(`ours/${model}`, ns('ours', model), isHold(model) ? 'ns/hold' : 'ns/event'));
  for (const peer of ['simjs', 'simpy', 'cpp'] as const) {
    if (best[peer] === undefined) continue;
    const ratios: Ratios = {};
    for (const model of models) {
      const ratio = ns(peer, model) / ns('ours', model);
      ratios[model] = Math.round(ratio * 1000) / 1000;
      const target = targets[peer][model];
      const name = `${peer}/${model}`;
      figures.push(target === undefined ? plain(name, ratio, 'ratio') : atLeast(name, ratio, target, 'ratio'));
    }
    peers[peer] = ratios;
  }
  figures.push(atMost('callbacks/mm1', ns('callbacks', 'mm1') / ns('ours', 'mm1'), 1.3, 'times typed events'));
  figures.push(atMost('processes/mm1', ns('processes', 'mm1') / ns('ours', 'mm1'), 2.5, 'times typed events'));
  figures.push(plain('processes/mm32', ns('processes', 'mm32') / ns('ours', 'mm32'), 'times typed events'));
  figures.push(atMost('bytesPerPending', best['ours']!.hold1e6!.bytes!, 45, 'bytes'));
  const rounded = Object.entries(best).map(([engine, row]) => [
    engine,
    Object.fromEntries(Object.entries(row).map(([m, o]) => [m, Math.round(o.nsPerEvent * 10) / 10])),
  ]);
  return {
    schema: 'janction.bench/1',
    bench: 'kernel',
    figures,
    workHash,
    ...(missing.length > 0 ? { skipped: missing.join('; ') } : {}),
    peers,
    workHashEqual,
    nsPerEvent: Object.fromEntries(rounded),
    nsPerHoldBySize,
  };
}
