/** Tasks and classes that are divided by MIG profiles: from names and the catalogue to what core places. */
import { type GpuClass, type MigProfile, type TaskGroup, WHOLE_GPU } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import { advice } from '../suggest.ts';
import type { CatalogueEntry } from './catalogue.ts';
import type { Report } from './names.ts';

/**
 * Where instances of each profile may begin. A card of 7 compute slices has 8 memory slices, one of 4 has 4; an instance begins at a
 * multiple of the memory slices it covers, where both kinds of slices reach to its end. That rule gives the placements of NVIDIA's
 * Multi-Instance GPU User Guide for A100, H100 and A30 (19 full divisions of an A100; tested).
 */
export function migLayout(entry: Pick<CatalogueEntry, 'mig' | 'memoryGiB'>): MigProfile[] {
  const compute = Math.max(...entry.mig.map((p) => p.slices));
  const memory = compute === 7 ? 8 : compute;
  return entry.mig.map(({ name, slices, memoryGiB }) => {
    const width = Math.max(1, Math.round((memoryGiB * memory) / entry.memoryGiB!));
    const starts: number[] = [];
    for (let s = 0; s + slices <= compute && s + width <= memory; s += width) starts.push(s);
    return { name, milli: Math.floor((WHOLE_GPU * slices) / compute), width, starts };
  });
}

interface TaskFields {
  tasks: number;
  gpus: number;
  share: number;
  memory: number;
  cpu: number;
  ram: number;
  mig?: string | undefined;
  least?: number | undefined;
}

/** `allowed`: classes the task may run on, by index; empty = all. */
export function taskGroup(
  t: TaskFields,
  classes: readonly GpuClass[],
  allowed: readonly number[],
  path: readonly (string | number)[],
  report: Report,
): TaskGroup {
  const group: TaskGroup = {
    tasks: t.tasks,
    gpus: t.gpus,
    gpuMilli: t.share,
    gpuMemoryMiB: t.memory,
    cpuMilli: t.cpu,
    ramMiB: t.ram,
  };
  if (t.least !== undefined) {
    if (t.least > t.tasks) report([...path, 'least'], 'more than tasks; write at most as many');
    group.least = t.least;
  }
  if (t.mig === undefined) return group;
  const at = [...path, 'mig'];
  const may = classes.filter((c, i) => c.mig !== undefined && (allowed.length === 0 || allowed.includes(i)));
  const found = may.map((c) => profileOf(c, t.mig)).find((p) => p !== undefined);
  if (may.length === 0)
    report(at, 'no GPU class it may use is divided on demand; give one a model and "mig: on-demand"');
  else if (found === undefined) {
    const names = [...new Set(may.flatMap((c) => c.mig!.map((p) => p.name)))];
    report(at, `no card it may use has the profile ${quoted(t.mig)}; ${advice(t.mig, names, 'have')}`);
  } else if (t.gpus !== 1 || t.share !== 1000 || t.memory !== 0)
    report(at, 'stands beside gpus, share or memory; a task takes one instance, which has its own (write more tasks)');
  else group.gpuMilli = found.milli;
  return { ...group, mig: t.mig };
}

export const profileOf = (c: GpuClass, name: string | undefined): MigProfile | undefined =>
  c.mig?.find((p) => p.name === name);
