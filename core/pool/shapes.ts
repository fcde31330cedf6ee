import type { GangShape, TaskShape } from '../interfaces.ts';
import { migProfile } from '../mig.ts';
import type { GpuClass, JobSpec, TaskGroup } from '../types.ts';

const imageKey = ({ image }: TaskGroup): string => (image === undefined ? '' : `,${image.mib} ${image.name}`);

/** Interns demands, so that equal ones share one object and a policy can reason per shape. */
export class Shapes {
  readonly #classCount: number;
  readonly #classes: readonly GpuClass[];
  readonly #tasks = new Map<string, TaskShape>();
  readonly #gangs = new Map<string, GangShape>();
  /** Sources often give many jobs the very same list of groups. */
  readonly #byList = new WeakMap<readonly TaskGroup[], { classes: readonly number[]; gang: GangShape }>();

  /** Without the classes themselves no shape of a MIG instance is allowed anywhere. */
  constructor(classes: number | readonly GpuClass[]) {
    this.#classCount = typeof classes === 'number' ? classes : classes.length;
    this.#classes = typeof classes === 'number' ? [] : classes;
  }

  /** `classes`: allowed GPU classes, ascending. */
  gang(spec: JobSpec, classes: readonly number[]): GangShape {
    const known = this.#byList.get(spec.groups);
    if (known !== undefined && known.classes === classes) return known.gang;
    const gang = this.#intern(spec, classes);
    this.#byList.set(spec.groups, { classes, gang });
    return gang;
  }

  #intern(spec: JobSpec, classes: readonly number[]): GangShape {
    const allowed = classes.join('.');
    let key = allowed;
    for (const g of spec.groups)
      key += `|${g.tasks},${g.gpus},${g.gpuMilli},${g.gpuMemoryMiB},${g.cpuMilli},${g.ramMiB},${g.mig ?? ''},${g.least ?? ''}${imageKey(g)}`;
    let gang = this.#gangs.get(key);
    if (gang === undefined) {
      gang = {
        id: this.#gangs.size,
        groups: spec.groups.map((g) => ({ tasks: g.tasks, shape: this.#task(g, classes, allowed) })),
        ...(spec.groups[0]?.least === undefined ? {} : { least: spec.groups[0].least }),
        totalMilli: spec.groups.reduce((sum, g) => sum + g.tasks * g.gpus * g.gpuMilli, 0),
      };
      this.#gangs.set(key, gang);
    }
    return gang;
  }

  #task(g: TaskGroup, classes: readonly number[], allowedKey: string): TaskShape {
    const key = `${g.gpus},${g.gpuMilli},${g.gpuMemoryMiB},${g.cpuMilli},${g.ramMiB},${g.mig ?? ''}${imageKey(g)}|${allowedKey}`;
    let shape = this.#tasks.get(key);
    if (shape === undefined) {
      const allowed = new Uint8Array(this.#classCount);
      for (const c of classes) if (g.mig === undefined || this.#offers(c, g.mig, g.gpuMilli)) allowed[c] = 1;
      shape = {
        id: this.#tasks.size,
        gpus: g.gpus,
        gpuMilli: g.gpuMilli,
        gpuMemoryMiB: g.gpuMemoryMiB,
        cpuMilli: g.cpuMilli,
        ramMiB: g.ramMiB,
        ...(g.mig === undefined ? {} : { mig: g.mig }),
        ...(g.image === undefined ? {} : { image: g.image }),
        allowed,
      };
      this.#tasks.set(key, shape);
    }
    return shape;
  }

  #offers(c: number, mig: string, milli: number): boolean {
    return migProfile(this.#classes[c]?.mig, mig)?.milli === milli;
  }
}
