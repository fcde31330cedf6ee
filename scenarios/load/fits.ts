/**
 * Jobs that no machine can ever take, found before a run starts: what is reported here is certain, whatever the policies and however
 * idle the machines. Gangs of several kinds of task are judged kind by kind; whether all of them fit together is left to the run.
 */
import { type GpuClass, type NodeSpec, type PoolSpec, type TaskGroup, WHOLE_GPU } from '../../core/types.ts';
import type { ResolvedScenario } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import type { Path } from './document.ts';
import { profileOf } from './mig.ts';
import type { Report } from './names.ts';

/** The field at fault, of which kind of task of the gang, and what to say. */
export interface Misfit {
  group: number;
  field: 'classes' | 'gpus' | 'memory' | 'mig' | 'cpu' | 'ram' | 'tasks';
  text: string;
}

/** Machines that are alike. */
interface Kind {
  gpuClass: number;
  gpus: number;
  cpuMilli: number;
  ramMiB: number;
  count: number;
}

/** Machines as kinds, so that a hundred thousand jobs can be held against a hundred thousand machines. */
export class Machines {
  readonly #classes: readonly GpuClass[];
  readonly #kinds: Kind[];
  readonly #known = new Map<string, Misfit | null>();

  constructor(nodes: Iterable<NodeSpec>, classes: readonly GpuClass[]) {
    const kinds = new Map<string, Kind>();
    for (const { gpuClass, gpus, cpuMilli, ramMiB } of nodes) {
      const key = `${gpuClass} ${gpus} ${cpuMilli} ${ramMiB}`;
      const kind = kinds.get(key);
      if (kind === undefined) kinds.set(key, { gpuClass, gpus, cpuMilli, ramMiB, count: 1 });
      else kind.count++;
    }
    this.#classes = classes;
    this.#kinds = [...kinds.values()];
  }

  /** Why the gang can never start on them; null when it may. `allowed`: GPU classes, empty = all. */
  misfit(groups: readonly TaskGroup[], allowed: readonly number[]): Misfit | null {
    const key = JSON.stringify([groups, allowed]);
    let known = this.#known.get(key);
    if (known === undefined) {
      known = this.#judge(groups, allowed);
      this.#known.set(key, known);
    }
    return known;
  }

  #judge(groups: readonly TaskGroup[], allowed: readonly number[]): Misfit | null {
    const kinds = this.#kinds.filter((k) => allowed.length === 0 || allowed.includes(k.gpuClass));
    for (let g = 0; g < groups.length; g++) {
      const found = this.#misfitOf(groups[g]!, kinds);
      if (found !== null) return { group: g, ...found };
    }
    return null;
  }

  #misfitOf(t: TaskGroup, kinds: readonly Kind[]): Omit<Misfit, 'group'> | null {
    const most = (of: (k: Kind) => number): number => kinds.reduce((n, k) => Math.max(n, of(k)), 0);
    if (kinds.length === 0)
      return {
        field: 'classes',
        text: 'no machine is of a class it may use; allow other classes, or add such machines',
      };
    const gpus = most((k) => k.gpus);
    if (t.gpus > gpus)
      return {
        field: 'gpus',
        text: `${t.gpus} GPUs for one task, and no machine it may use has more than ${gpus}; write fewer, or several tasks`,
      };
    const memory = most((k) => (k.gpus > 0 ? this.#classes[k.gpuClass]!.memoryMiB : 0));
    if (t.gpus > 0 && t.gpuMemoryMiB > memory)
      return {
        field: 'memory',
        text: `${gib(t.gpuMemoryMiB)} of GPU memory, and no GPU it may use has more than ${gib(memory)}; write less, or allow other classes`,
      };
    const cpu = most((k) => k.cpuMilli);
    if (t.cpuMilli > cpu)
      return {
        field: 'cpu',
        text: `${t.cpuMilli / 1000} cores for one task, and no machine it may use has more than ${cpu / 1000}; write fewer`,
      };
    const ram = most((k) => k.ramMiB);
    if (t.ramMiB > ram)
      return {
        field: 'ram',
        text: `${gib(t.ramMiB)} of main memory for one task, and no machine it may use has more than ${gib(ram)}; write less`,
      };
    let room = 0;
    for (const k of kinds) room += k.count * this.#tasksOn(k, t);
    if (room === 0)
      return t.mig === undefined
        ? {
            field: 'gpus',
            text: 'no machine it may use has the GPUs, GPU memory, cores and main memory of one task together; write less of one of them',
          }
        : {
            field: 'mig',
            text: 'no machine it may use has a GPU with that profile and the cores and memory beside it',
          };
    const needs = t.least ?? t.tasks;
    if (needs <= room) return null;
    return {
      field: 'tasks',
      text: `a gang of ${needs}, and all machines it may use hold ${room} such tasks when they are idle; write fewer`,
    };
  }

  /** Tasks that one empty machine of the kind holds. */
  #tasksOn(k: Kind, t: TaskGroup): number {
    const c = this.#classes[k.gpuClass]!;
    let room = Number.POSITIVE_INFINITY;
    if (t.gpus > 0) {
      if (k.gpus < t.gpus || c.memoryMiB < t.gpuMemoryMiB) return 0;
      // GPUs of a task are different ones, so of those each gives as many places as tasks fit on it.
      const places = t.mig === undefined ? shares(t, c.memoryMiB) : (profileOf(c, t.mig)?.starts.length ?? 0);
      room = Math.floor((k.gpus * places) / t.gpus);
    }
    if (t.cpuMilli > 0) room = Math.min(room, Math.floor(k.cpuMilli / t.cpuMilli));
    if (t.ramMiB > 0) room = Math.min(room, Math.floor(k.ramMiB / t.ramMiB));
    return room;
  }
}

/** Tasks that one GPU takes. */
function shares(t: TaskGroup, memoryMiB: number): number {
  if (t.gpuMilli === WHOLE_GPU) return 1;
  const byShare = Math.floor(WHOLE_GPU / t.gpuMilli);
  return t.gpuMemoryMiB > 0 ? Math.min(byShare, Math.floor(memoryMiB / t.gpuMemoryMiB)) : byShare;
}

const gib = (mib: number): string => `${Math.round((mib / 1024) * 100) / 100} GiB`;

const OTHERWISE = 'or "neverFits: reject" under demand, to have such jobs rejected when they come';

/** Classes on which the pool's policy never runs such jobs, though they may use them. */
function idleClasses({ queueing }: PoolSpec, label: string, may: readonly number[]): number[] {
  const table = queueing.params['throughputs'] as Record<string, readonly number[]> | undefined;
  const row = queueing.name === 'heterogeneity' ? (table?.[label] ?? table?.['*']) : undefined;
  const idle = row === undefined ? [] : may.filter((c) => row[c] === 0);
  // A label that runs nowhere is reported with its table.
  return idle.length === may.length ? [] : idle;
}

/** Reports the shapes of personas and the written jobs that fit into none of the pools they may enter. */
export function checkFits(s: ParsedScenario, r: ResolvedScenario, report: Report): void {
  if (s.demand.neverFits === 'reject' || r.demand.kind === 'trace') return;
  const { nodes, classes } = r.market;
  const everyPool = r.market.pools.map((_, p) => p);
  // Where machines pass from pool to pool, one pool may come to have them all.
  const one = r.network?.takeover != null || r.market.staking !== undefined;
  const pools = one
    ? [new Machines(nodes, classes)]
    : r.market.pools.map(
        (_, p) =>
          new Machines(
            nodes.filter((n) => n.pool === p),
            classes,
          ),
      );
  const check = (
    groups: readonly TaskGroup[],
    allowed: readonly number[],
    label: string,
    may: readonly number[],
    at: Path[],
  ): void => {
    let first: Misfit | null = null;
    const asked = allowed.length > 0 ? allowed : classes.map((_, c) => c);
    for (const p of one ? everyPool : may) {
      const idle = idleClasses(r.market.pools[p]!, label, asked);
      const machines = one ? pools[0]! : pools[p]!;
      if (idle.length === 0) {
        const misfit = machines.misfit(groups, allowed);
        if (misfit === null) return;
        first ??= misfit;
        continue;
      }
      const misfit = machines.misfit(
        groups,
        asked.filter((c) => !idle.includes(c)),
      );
      if (misfit === null) return;
      const names = idle.map((c) => classes[c]!.name).join(', ');
      first ??= { ...misfit, text: `${misfit.text} (its throughput is 0 on ${names})` };
    }
    if (first !== null) report([...at[first.group]!, first.field], `${first.text}, ${OTHERWISE}`);
  };
  const everywhere = r.routing === undefined ? null : everyPool;
  if (r.demand.kind === 'personas') {
    r.demand.personas.forEach((p, i) => {
      p.shapes.forEach(({ groups, weight }, k) => {
        const at: Path = ['demand', 'personas', i, 'shapes', k];
        const paths = groups.map((_, g): Path => (g === 0 ? at : [...at, 'with', g - 1]));
        if (weight > 0) check(groups, p.classes, p.name, p.pools, paths);
      });
    });
    return;
  }
  const jobs = s.demand.jobs ?? [];
  const written = jobs.map((_, i) => i).sort((a, b) => jobs[a]!.at - jobs[b]!.at || a - b);
  r.demand.arrivals.forEach(({ spec, pool }, k) => {
    check(spec.groups, spec.classes, spec.label, everywhere ?? [pool], [['demand', 'jobs', written[k]!]]);
  });
}
