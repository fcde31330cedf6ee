/**
 * Input of the FGD study (Weng et al., "Beware of Fragmentation", USENIX ATC 2023): the openb node and pod lists, the random
 * order in which its simulator brings the pods, and the typical pods that its measure of fragmentation is taken against.
 */
import { GoRand } from './go-rand.ts';

export interface FgdNode {
  name: string;
  cpuMilli: number;
  memoryMiB: number;
  gpus: number;
  model: string;
}

export interface FgdPod {
  name: string;
  cpuMilli: number;
  memoryMiB: number;
  gpus: number;
  /** On each GPU, 0..1000; 0 without GPUs. */
  gpuMilli: number;
  /** Models joined with `|`; empty = any. */
  spec: string;
}

/** A kind of pod with its share of the workload. */
export interface TypicalPod extends Omit<FgdPod, 'name' | 'memoryMiB'> {
  share: number;
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Fields of a CSV file without quotes, one record per line after the header; a missing column reads as "". */
function records(text: string, file: string, columns: readonly string[]): string[][] {
  const lines = text.split(/\r?\n/).filter((l) => l !== '');
  const header = (lines[0] ?? '').split(',');
  const at = columns.map((c) => header.indexOf(c));
  if (at[0] === -1) throw new Error(`${file}:1: no column "${columns[0]}"; want a list of the openb trace`);
  return lines.slice(1).map((l) => {
    const cells = l.split(',');
    return at.map((i) => (i < 0 ? '' : (cells[i] ?? '')));
  });
}

function whole(cell: string, file: string, row: number, column: string): number {
  const n = Number(cell);
  if (cell === '' || !Number.isSafeInteger(n) || n < 0)
    throw new Error(`${file}:${row + 2}: ${column} "${cell}" is not a whole number`);
  return n;
}

export function readNodes(text: string, file: string): FgdNode[] {
  return records(text, file, ['sn', 'cpu_milli', 'memory_mib', 'gpu', 'model'])
    .map(([name, cpu, memory, gpus, model], i) => ({
      name: name!,
      cpuMilli: whole(cpu!, file, i, 'cpu_milli'),
      memoryMiB: whole(memory!, file, i, 'memory_mib'),
      gpus: whole(gpus!, file, i, 'gpu'),
      model: model!,
    }))
    .sort((a, b) => byCodeUnits(a.name, b.name));
}

export function readPods(text: string, file: string): FgdPod[] {
  return records(text, file, ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli', 'gpu_spec'])
    .map(([name, cpu, memory, num, milli, spec], i) => {
      const gpus = whole(num!, file, i, 'num_gpu');
      const asked = milli === '' ? 1000 : whole(milli!, file, i, 'gpu_milli');
      return {
        name: name!,
        cpuMilli: whole(cpu!, file, i, 'cpu_milli'),
        memoryMiB: whole(memory!, file, i, 'memory_mib'),
        gpus,
        gpuMilli: gpus === 0 ? 0 : Math.min(asked, 1000),
        spec: spec!,
      };
    })
    .sort((a, b) => byCodeUnits(a.name, b.name));
}

export const demandMilli = (p: Pick<FgdPod, 'gpus' | 'gpuMilli'>): number => p.gpus * p.gpuMilli;

/** The study's workload inflation: 130 % of the cluster's GPUs are asked for. */
const TUNE = 1.3;
/** Draws that the study's mocked API server takes between tuning the pods and naming the nodes. */
const WATCH_DRAWS = 10;

/** Positions of the pods (sorted by name) in order of arrival, and the study's rank of each node (sorted by name). */
export function studyOrder(
  pods: readonly FgdPod[],
  nodes: readonly FgdNode[],
  seed: number,
): { order: number[]; rank: number[] } {
  const target = TUNE * 1000 * nodes.reduce((n, x) => n + x.gpus, 0);
  const random = new GoRand(seed);
  random.skip();
  const order = pods.map((_, i) => i);
  random.shuffle(order);
  let asked = pods.reduce((sum, p) => sum + demandMilli(p), 0);
  if (asked > target) {
    while (asked > target) asked -= demandMilli(pods[order.splice(random.intn(order.length), 1)[0]!]!);
  } else {
    for (;;) {
      const i = random.intn(pods.length);
      // As in the study: the test counts one GPU of the pod, the sum all of them.
      if (asked + pods[i]!.gpuMilli > target) break;
      order.push(i);
      asked += demandMilli(pods[i]!);
    }
  }
  for (let i = 0; i < WATCH_DRAWS; i++) random.skip();
  return { order, rank: random.perm(nodes.length) };
}

/** The most frequent kinds of pods that make up 95 % of the list, with their shares among themselves. */
export function typicalPods(pods: readonly FgdPod[]): TypicalPod[] {
  const groups = new Map<string, TypicalPod & { count: number }>();
  for (const p of pods) {
    const key = `${p.cpuMilli},${p.gpuMilli},${p.gpus},${p.spec}`;
    const group = groups.get(key);
    if (group !== undefined) group.count++;
    else
      groups.set(key, { cpuMilli: p.cpuMilli, gpus: p.gpus, gpuMilli: p.gpuMilli, spec: p.spec, share: 0, count: 1 });
  }
  const sorted = [...groups.values()].sort(
    (a, b) =>
      b.count - a.count ||
      b.cpuMilli - a.cpuMilli ||
      b.gpuMilli - a.gpuMilli ||
      b.gpus - a.gpus ||
      byCodeUnits(b.spec, a.spec),
  );
  const total = pods.length;
  const kept: typeof sorted = [];
  let cumulated = 0;
  for (const g of sorted) {
    kept.push(g);
    cumulated += g.count;
    if (cumulated / total >= 0.95) break;
  }
  return kept.map(({ count, ...g }) => ({ ...g, share: count / total / (cumulated / total) }));
}
