/** Would a job have fitted, and what stood in its way: asked of core's own picture of the machines. */
import type { GangShape, TaskShape } from '../../core/interfaces.ts';
import type { Cluster } from '../../core/pool/cluster.ts';
import { WHOLE_GPU } from '../../core/types.ts';

/**
 * Codes of a wait: too few GPUs in nobody's use in the classes the job may use; room on idle GPUs, but its pool had not bought them in
 * its supply auction; enough, but not as its tasks need them (together on a machine, or with processors and memory beside them); room
 * for all of it, but the queue gave it to others.
 */
export const waitCodes = ['no-room', 'not-bought', 'scattered', 'queue-order'] as const;
export type WaitCode = (typeof waitCodes)[number];

/** What the node's pool keeps closed of each GPU because it did not buy it; null = nothing. */
function closedOn(cluster: Cluster, node: number): { milli: number; memoryMiB: number }[] | null {
  const closed = cluster.allocations[node]!.filter((a) => a.closed === true);
  if (closed.length === 0) return null;
  return Array.from({ length: cluster.gpusOf(node) }, (_, g) => {
    const own = closed.filter((a) => a.gpus.includes(g));
    return {
      milli: own.reduce((n, a) => n + a.gpuMilli, 0),
      memoryMiB: own.reduce((n, a) => n + (a.gpuMilli === WHOLE_GPU ? cluster.gpuMemoryOf(node) : a.gpuMemoryMiB), 0),
    };
  });
}

/** Tasks of the demand that the node could take if what its pool keeps closed were open: by GPUs, processors and memory beside them. */
function idleSlotsOn(cluster: Cluster, node: number, s: TaskShape): number {
  const closed = closedOn(cluster, node);
  if (closed === null || s.gpus === 0) return slotsOn(cluster, node, s);
  if (!cluster.isUp(node) || s.allowed[cluster.classOf(node)] === 0 || cluster.gpuMemoryOf(node) < s.gpuMemoryMiB)
    return 0;
  let fit = 0;
  closed.forEach(({ milli, memoryMiB }, g) => {
    const idle = milli + cluster.freeMilliOf(node, g);
    const memory = memoryMiB + cluster.freeMemoryOf(node, g);
    if (s.mig !== undefined) fit += cluster.instancesOn(node, s.mig, cluster.slicesOf(node, g), idle);
    else if (cluster.slicesOf(node, g) === 0)
      fit += Math.min(
        Math.floor(idle / s.gpuMilli),
        s.gpuMemoryMiB > 0 ? Math.floor(memory / s.gpuMemoryMiB) : WHOLE_GPU,
        s.gpus > 1 ? 1 : WHOLE_GPU,
      );
  });
  let slots = Math.floor(fit / s.gpus);
  if (s.cpuMilli > 0) slots = Math.min(slots, Math.floor(cluster.freeCpuMilli(node) / s.cpuMilli));
  if (s.ramMiB > 0) slots = Math.min(slots, Math.floor(cluster.freeRamMiB(node) / s.ramMiB));
  return slots;
}

/** Tasks of the demand that the node could take now. */
export function slotsOn(cluster: Cluster, node: number, s: TaskShape): number {
  if (!cluster.fits(node, s)) return 0;
  let slots = Number.MAX_SAFE_INTEGER;
  if (s.gpus > 0 && s.gpuMilli === WHOLE_GPU) slots = Math.floor(cluster.freeWholeGpus(node) / s.gpus);
  else if (s.gpus > 0) {
    let fit = 0;
    for (let g = 0; g < cluster.gpusOf(node); g++) {
      if (cluster.isOut(node, g)) continue;
      if (s.mig !== undefined) {
        fit += cluster.instancesOn(node, s.mig, cluster.slicesOf(node, g), cluster.freeMilliOf(node, g));
        continue;
      }
      if (cluster.slicesOf(node, g) !== 0) continue;
      const byMemory = s.gpuMemoryMiB > 0 ? Math.floor(cluster.freeMemoryOf(node, g) / s.gpuMemoryMiB) : 1000;
      fit += Math.min(Math.floor(cluster.freeMilliOf(node, g) / s.gpuMilli), byMemory);
    }
    slots = Math.max(1, Math.floor(fit / s.gpus));
  }
  if (s.cpuMilli > 0) slots = Math.min(slots, Math.floor(cluster.freeCpuMilli(node) / s.cpuMilli));
  if (s.ramMiB > 0) slots = Math.min(slots, Math.floor(cluster.freeRamMiB(node) / s.ramMiB));
  return slots;
}

/** Reasons a machine cannot take a task, in the order they are looked at. */
export const filterNames = [
  'down',
  'class',
  'card-memory',
  'not-bought',
  'gpus-out',
  'gpus-busy',
  'cpu',
  'ram',
  'fits',
] as const;
export type FilterName = (typeof filterNames)[number];

/**
 * What keeps the task off the node now; `class` = another class, or one its bid cannot pay; `not-bought` = it would fit on GPUs that
 * are idle, but its pool did not buy them in its supply auction; `gpus-out` = with its failed GPUs it would do.
 */
export function filterOf(cluster: Cluster, node: number, s: TaskShape): FilterName {
  if (!cluster.isUp(node)) return 'down';
  if (s.allowed[cluster.classOf(node)] === 0) return 'class';
  if (s.gpus > 0 && cluster.gpuMemoryOf(node) < s.gpuMemoryMiB) return 'card-memory';
  if (cluster.fits(node, s)) return 'fits';
  if (idleSlotsOn(cluster, node, s) > 0) return 'not-bought';
  if (s.gpus > 0 && !hasGpus(cluster, node, s)) return withOut(cluster, node, s) ? 'gpus-out' : 'gpus-busy';
  return cluster.freeCpuMilli(node) < s.cpuMilli ? 'cpu' : 'ram';
}

function hasGpus(cluster: Cluster, node: number, s: TaskShape): boolean {
  if (s.gpuMilli === WHOLE_GPU) return cluster.freeWholeGpus(node) >= s.gpus;
  let fit = 0;
  for (let g = 0; g < cluster.gpusOf(node); g++) if (cluster.gpuFits(node, g, s)) fit++;
  return fit >= s.gpus;
}

/** The node would have the GPUs if those out of service that nobody has were not. */
function withOut(cluster: Cluster, node: number, s: TaskShape): boolean {
  if (cluster.outCards(node) === 0) return false;
  let fit = 0;
  for (let g = 0; g < cluster.gpusOf(node); g++)
    if (cluster.gpuFits(node, g, s) || cluster.heldMilliOf(node, g) >= s.gpuMilli) fit++;
  return fit >= s.gpus;
}

export interface Standing {
  code: WaitCode;
  /** Milli-GPU free in the classes the job may use, and idle ones that its pool keeps closed because it did not buy them. */
  freeMilli: number;
  closedMilli: number;
  /** Machines by what keeps the job's largest task off them. */
  filters: Record<FilterName, number>;
}

/** Where a waiting gang stands against the machines as they are. */
export function standing(cluster: Cluster, gang: GangShape): Standing {
  const filters = Object.fromEntries(filterNames.map((f) => [f, 0])) as Record<FilterName, number>;
  const groups = gang.groups.map((g) => ({ ...g, slots: 0, idleSlots: 0 }));
  const largest = groups.reduce((a, b) =>
    b.shape.gpus * b.shape.gpuMilli > a.shape.gpus * a.shape.gpuMilli ? b : a,
  ).shape;
  let freeMilli = 0;
  let closedMilli = 0;
  for (let n = 0; n < cluster.nodeCount; n++) {
    filters[filterOf(cluster, n, largest)]++;
    if (!cluster.isUp(n) || largest.allowed[cluster.classOf(n)] === 0) continue;
    freeMilli += cluster.freeMilli(n);
    closedMilli += closedOn(cluster, n)?.reduce((sum, c) => sum + c.milli, 0) ?? 0;
    for (const g of groups) {
      g.slots += slotsOn(cluster, n, g.shape);
      g.idleSlots += idleSlotsOn(cluster, n, g.shape);
    }
  }
  return { code: code(), freeMilli, closedMilli, filters };

  function code(): WaitCode {
    if (freeMilli + closedMilli < gang.totalMilli) return 'no-room';
    if (freeMilli >= gang.totalMilli && groups.every((g) => g.slots >= g.tasks)) return 'queue-order';
    return closedMilli > 0 && groups.every((g) => g.idleSlots >= g.tasks) ? 'not-bought' : 'scattered';
  }
}
