/**
 * The placement rules the slow obvious way: every node is looked at for every task, what is free is counted from what stands there,
 * nothing is kept. Written from the rules' pages, as the oracle of the quick policies and of core's own counters.
 */
import type { ClusterView, NodeSet, PlacementContext, PlacementPolicy, TaskShape } from '../../core/interfaces.ts';
import { exp } from '../../core/num/index.ts';
import type { Allocation } from '../../core/pool/cluster.ts';
import type { MigProfile, NodeSpec } from '../../core/types.ts';
import type { TypicalTask } from '../../mechanisms/placement/lib/fragmentation.ts';

/** What a node has free, counted afresh. */
export interface Free {
  milli: number[];
  memory: number[];
  cpu: number;
  ram: number;
  /** Memory slices of each GPU that MIG instances have, and the profiles of its class. */
  slices: number[][];
  profiles: readonly MigProfile[];
}

/** What a class' GPUs have: memory, and MIG profiles where they are divided on demand. */
export interface Cards {
  memoryMiB: number;
  mig?: readonly MigProfile[];
}

export function freeOf(cluster: ClusterView, node: number, spec: NodeSpec, cards: readonly Cards[]): Free {
  const { memoryMiB: full, mig: profiles = [] } = cards[spec.gpuClass]!;
  const free: Free = {
    milli: Array.from({ length: spec.gpus }, () => 1000),
    memory: Array.from({ length: spec.gpus }, () => full),
    cpu: spec.cpuMilli,
    ram: spec.ramMiB,
    slices: Array.from({ length: spec.gpus }, () => []),
    profiles,
  };
  for (const a of cluster.allocationsOf(node)) {
    free.cpu -= a.cpuMilli;
    free.ram -= a.ramMiB;
    for (const g of a.gpus) {
      free.milli[g]! -= a.gpuMilli;
      const { gpuMemoryMiB, slices = 0 } = a as Partial<Allocation>;
      free.memory[g]! -= a.gpuMilli === 1000 ? full : gpuMemoryMiB!;
      for (let k = 0; k < 8; k++) if ((slices >> k) & 1) free.slices[g]!.push(k);
    }
  }
  return free;
}

const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
/** Slices of an instance that begins there. */
const covered = (p: MigProfile, start: number): number[] => Array.from({ length: p.width }, (_, k) => start + k);
/** Places of an instance of the profile beside what is taken. */
const places = (p: MigProfile, taken: readonly number[]): number[][] =>
  p.starts.map((s) => covered(p, s)).filter((slices) => !slices.some((k) => taken.includes(k)));

/** Instances of the profile that go on a card, one after the other, each where most places of all profiles stay open. */
export function instances(profiles: readonly MigProfile[], name: string | undefined, taken: readonly number[]): number {
  const p = profiles.find((x) => x.name === name);
  const open = (t: readonly number[]) => sum(profiles.map((x) => places(x, t).length));
  const next = p === undefined ? [] : places(p, taken).map((slices) => [...taken, ...slices]);
  if (next.length === 0) return 0;
  return (
    1 +
    instances(
      profiles,
      name,
      next.reduce((best, t) => (open(t) > open(best) ? t : best)),
    )
  );
}

const takes = (f: Free, g: number, s: TaskShape): boolean => {
  const divided = f.slices[g]!.length > 0;
  // A card that is divided takes instances only, and one that is shared or taken whole is not divided.
  if (s.mig !== undefined) return (divided || f.milli[g] === 1000) && instances(f.profiles, s.mig, f.slices[g]!) > 0;
  return !divided && f.milli[g]! >= s.gpuMilli && f.memory[g]! >= s.gpuMemoryMiB;
};
const takers = (f: Free, s: TaskShape): number[] => f.milli.map((_, g) => g).filter((g) => takes(f, g, s));

export function fitsIn(f: Free, spec: NodeSpec, s: TaskShape): boolean {
  return s.allowed[spec.gpuClass] === 1 && f.cpu >= s.cpuMilli && f.ram >= s.ramMiB && takers(f, s).length >= s.gpus;
}

/** Those that fit with the least left first. */
const fullest = (f: Free, s: TaskShape): number[] =>
  takers(f, s)
    .sort((a, b) => f.milli[a]! - f.milli[b]! || a - b)
    .slice(0, s.gpus);

function fragmentation(spec: NodeSpec, left: readonly number[], cpu: number, typical: readonly TypicalTask[]): number {
  // In this order, which the published rounding depends on: both short, GPUs, CPU, without GPUs, without GPUs and CPU short, no access.
  const lost = [0, 0, 0, 0, 0, 0];
  for (const t of typical) {
    const all = sum(left);
    const enough = left.filter((l) => l >= t.gpuMilli).length >= t.gpus;
    const cpuFits = cpu >= t.cpuMilli;
    if (t.gpus === 0) lost[cpuFits ? 3 : 4]! += t.share * all;
    else if (t.classes.length > 0 && !t.classes.includes(spec.gpuClass)) lost[5]! += t.share * all;
    else if (enough && cpuFits) lost[1]! += t.share * sum(left.filter((l) => l < t.gpuMilli));
    else if (enough) lost[2]! += t.share * all;
    else lost[cpuFits ? 1 : 0]! += t.share * all;
  }
  return sum(lost);
}

interface Seen {
  cluster: ClusterView;
  node: number;
  spec: NodeSpec;
  free: Free;
  shape: TaskShape;
  context: PlacementContext;
}
/** Less is better, the first entry counts most; ties go to the first node. */
type Key = (s: Seen) => number[];
/** GPUs for the task, in any order. */
type Pick = (s: Seen) => number[];

const left = ({ free, shape }: Seen): number => (shape.gpus > 0 ? sum(free.milli) : free.cpu);

function fgdScore(s: Seen, gpus: readonly number[], typical: readonly TypicalTask[] | undefined): number {
  const { shape, free, spec } = s;
  const own = [{ ...shape, share: 1, classes: [...shape.allowed.keys()].filter((c) => shape.allowed[c] === 1) }];
  const after = free.milli.map((m, g) => (gpus.includes(g) ? m - shape.gpuMilli : m));
  const tasks = typical ?? own;
  const less =
    fragmentation(spec, free.milli, free.cpu, tasks) - fragmentation(spec, after, free.cpu - shape.cpuMilli, tasks);
  return Math.trunc(100 / (1 + exp(-less / 1000)));
}

function fgdGpus(s: Seen, typical: readonly TypicalTask[] | undefined): number[] {
  if (s.shape.gpus !== 1 || s.shape.gpuMilli === 1000) return fullest(s.free, s.shape);
  const able = takers(s.free, s.shape);
  return [able.reduce((best, g) => (fgdScore(s, [g], typical) > fgdScore(s, [best], typical) ? g : best), able[0]!)];
}

/** Tasks of the gang there already = 2, in its rack = 1; twice that, and 1 more when one NVLink island can hold the task. */
function closeness({ cluster, node, spec, free, shape, context }: Seen): number {
  const rack = (n: number) => cluster.rackOf(n);
  const near = context.chosen.includes(node)
    ? 2
    : context.chosen.some((o) => rack(o) >= 0 && rack(o) === rack(node))
      ? 1
      : 0;
  const wide = spec.island ?? 1;
  const island =
    shape.gpus <= 1 || islands(wide, free).some((gs) => gs.filter((g) => takes(free, g, shape)).length >= shape.gpus);
  return 2 * near + (island && (shape.gpus <= 1 || wide >= shape.gpus) ? 1 : 0);
}

const islands = (wide: number, free: Free): number[][] => {
  const out: number[][] = [];
  free.milli.forEach((_, g) => {
    const i = Math.floor(g / wide);
    out[i] = [...(out[i] ?? []), g];
  });
  return out;
};

/** The island with the fewest GPUs able that holds all; else islands with most able first. Within one the fullest GPUs first. */
function islandGpus({ spec, free, shape }: Seen): number[] {
  const able = islands(spec.island ?? 1, free).map((gs) =>
    gs.filter((g) => takes(free, g, shape)).sort((a, b) => free.milli[a]! - free.milli[b]! || a - b),
  );
  const whole = able.filter((gs) => gs.length >= shape.gpus).sort((a, b) => a.length - b.length);
  const rest = able.filter((gs) => gs.length < shape.gpus).sort((a, b) => b.length - a.length);
  return [...whole, ...rest].flat().slice(0, shape.gpus);
}

const randomGpus: Pick = ({ free, shape, context }) => {
  const able = takers(free, shape);
  return Array.from(
    { length: shape.gpus },
    (_, k) => able.splice(context.draw(`placement-gpu-${k}`, able.length), 1)[0]!,
  );
};

const kind = (gpus: number, milli: number): number => (milli < 1000 ? 0 : gpus);

function packing({ free, shape }: Seen): number {
  if (shape.gpus === 0) return 0;
  const idle = free.milli.filter((m) => m === 1000).length;
  if (idle === free.milli.length) return Math.max(33 - idle, idle);
  const gpus = fullest(free, shape);
  const whole = gpus.filter((g) => free.milli[g] === 1000).length;
  if (whole > 0) return Math.max(50 - whole, 33);
  return Math.max(100 - Math.floor(sum(gpus.map((g) => Math.floor(free.milli[g]! / 10))) / 10), 50);
}

function clustering({ cluster, node, free, shape }: Seen): number {
  if (shape.gpus === 0) return 0;
  const there = cluster.allocationsOf(node).filter((a) => a.gpus.length > 0);
  const kinds = new Set(there.map((a) => kind(a.gpus.length, a.gpuMilli)));
  const full = Math.floor((25 * (8000 - sum(free.milli))) / 8000);
  if (kinds.has(kind(shape.gpus, shape.gpuMilli))) return full + (kinds.size === 1 ? 75 : 50);
  return full + (kinds.size === 0 ? 25 : 0);
}

const rules: Record<string, (typical: readonly TypicalTask[] | undefined) => { key: Key; pick?: Pick }> = {
  'first-fit': () => ({ key: () => [] }),
  'best-fit': () => ({ key: (s) => [left(s)] }),
  'worst-fit': () => ({ key: (s) => [-left(s)] }),
  'dot-product': () => ({
    key: ({ free, shape }) => {
      const cpu = (free.cpu / 128_000) * (shape.cpuMilli / 128_000);
      const gpu = (sum(free.milli) / 8_000) * ((shape.gpus * shape.gpuMilli) / 8_000);
      return [-Math.trunc(100 * (1 - (cpu + gpu) / 2))];
    },
  }),
  'best-fit-2d': () => ({
    key: ({ free, shape }) => {
      const gpu = sum(free.milli) - shape.gpus * shape.gpuMilli;
      return [-Math.trunc((1 - ((free.cpu - shape.cpuMilli) / 256_000 + gpu / 16_000)) * 100)];
    },
  }),
  'gpu-packing': () => ({ key: (s) => [-packing(s)] }),
  'gpu-clustering': () => ({ key: (s) => [-clustering(s)] }),
  fgd: (typical) => ({
    key: (s) => [-fgdScore(s, fgdGpus(s, typical), typical)],
    pick: (s) => fgdGpus(s, typical),
  }),
  'topology-aware': () => ({ key: (s) => [-closeness(s), left(s)], pick: islandGpus }),
  'price-aware': () => ({ key: (s) => [s.context.rateOf(s.spec.gpuClass), left(s)] }),
  'reliability-aware': () => ({
    key: (s) => {
      const part = s.shape.gpus > 0 ? sum(s.free.milli) / 64_000 : s.free.cpu / 4_096_000;
      return [s.cluster.lossesOf(s.node), Math.min(1023, Math.floor(part * 1024))];
    },
  }),
  'cache-aware': () => ({
    key: (s) => {
      const { image } = s.shape;
      if (image === undefined) return [0, left(s)];
      if (s.cluster.holdsImage(s.node, image.name)) return [0, left(s)];
      return [s.cluster.diskRoomMiB(s.node) >= image.mib ? 1 : 2, left(s)];
    },
  }),
  random: () => ({ key: () => [], pick: randomGpus }),
};

const before = (a: readonly number[], b: readonly number[]): boolean => {
  const i = a.findIndex((x, k) => x !== b[k]);
  return i >= 0 && a[i]! < b[i]!;
};

/** `nodes`: the machines of the pool in its own order; `cards`: by class. */
export function slowPlacement(
  name: string,
  params: Record<string, unknown>,
  nodes: readonly NodeSpec[],
  cards: readonly Cards[],
): PlacementPolicy {
  const { key, pick } = rules[name]!(params['typical'] as readonly TypicalTask[] | undefined);
  const see = (cluster: ClusterView, node: number, shape: TaskShape, context: PlacementContext): Seen => {
    const spec = nodes[node]!;
    return { cluster, node, spec, free: freeOf(cluster, node, spec, cards), shape, context };
  };
  return {
    name: `slow ${name}`,
    choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null, context: PlacementContext): number {
      const able = nodes
        .map((_, n) => n)
        .filter((n) => cluster.isUp(n) && !avoid?.has(n))
        .map((n) => see(cluster, n, shape, context))
        .filter((s) => fitsIn(s.free, s.spec, shape));
      if (able.length === 0) return -1;
      if (name === 'random') return able[context.draw('placement-node', able.length)]!.node;
      return able.map((s) => ({ s, k: key(s) })).reduce((best, x) => (before(x.k, best.k) ? x : best)).s.node;
    },
    ...(pick === undefined
      ? {}
      : {
          pickGpus(cluster, node, shape, out, context) {
            out.length = 0;
            out.push(...pick(see(cluster, node, shape, context)));
          },
        }),
    reset: () => {},
  };
}
