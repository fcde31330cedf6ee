/**
 * Control groups: memory, processes and processor time of a job, and the one list of its processes that no trick of the job can
 * leave. Version 1 (one hierarchy per controller) and version 2; each job gets a group below the executor's own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signal } from './proc.ts';

export interface Limits {
  /** 0 = none declared. */
  memoryMiB: number;
  cpuMilli: number;
  processes: number;
}

const ROOT = '/sys/fs/cgroup';
const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
type Controller = (typeof CONTROLLERS)[number];

export interface Cgroups {
  version: 1 | 2;
  /** Directory below which groups are made, by controller; version 2 has one for all. */
  base: Partial<Record<Controller, string>>;
  controllers: Controller[];
}

/** Where groups can be made on this machine, or null. */
export function findCgroups(root = ROOT, self = '/proc/self/cgroup'): Cgroups | null {
  let own: string;
  try {
    own = readFileSync(self, 'utf8');
  } catch {
    return null;
  }
  const paths = new Map<string, string>();
  for (const line of own.trim().split('\n')) {
    const [, names, ...path] = line.split(':');
    for (const name of (names ?? '').split(',')) paths.set(name, path.join(':'));
  }
  return existsSync(join(root, 'cgroup.controllers')) ? findVersion2(root, paths) : findVersion1(root, paths);
}

function findVersion1(root: string, paths: Map<string, string>): Cgroups | null {
  const found: Cgroups = { version: 1, base: {}, controllers: [] };
  for (const c of CONTROLLERS) {
    const base = join(root, c, paths.get(c) ?? '/');
    if (!canMake(base)) continue;
    found.base[c] = base;
    found.controllers.push(c);
  }
  return found.controllers.includes('pids') || found.controllers.includes('memory') ? found : null;
}

/**
 * The nearest group, from our own up to the root, that may be written and hands controllers down to its children. One with
 * processes of its own cannot, so our own is passed over; the root may. Nothing is switched on in groups above us: they are not ours.
 */
function findVersion2(root: string, paths: Map<string, string>): Cgroups | null {
  const steps = (paths.get('') ?? '/').split('/').filter((s) => s !== '');
  for (let depth = steps.length; depth >= 0; depth--) {
    const base = join(root, ...steps.slice(0, depth));
    if (depth > 0 && readOr(join(base, 'cgroup.procs')).trim() !== '') continue;
    const enabled = new Set(readOr(join(base, 'cgroup.subtree_control')).trim().split(/\s+/));
    const controllers = CONTROLLERS.filter((c) => enabled.has(c));
    if (!canMake(base)) continue;
    if (controllers.length > 0)
      return { version: 2, base: Object.fromEntries(controllers.map((c) => [c, base])), controllers };
  }
  return null;
}

function canMake(base: string): boolean {
  const probe = join(base, `janction-probe-${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return true;
  } catch {
    return false;
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Kills what runs in groups whose name begins with `prefix` and removes them: what a dead executor left. */
export function reapGroups(found: Cgroups, prefix: string, pause: (ms: number) => void): void {
  const bases = [...new Set(Object.values(found.base))];
  for (const base of bases) {
    for (const name of readdirSync(base)) {
      if (!name.startsWith(prefix)) continue;
      const dir = join(base, name);
      for (let tries = 0; tries < 200; tries++) {
        const pids = readOr(join(dir, 'cgroup.procs'))
          .split('\n')
          .filter((l) => l !== '');
        for (const pid of pids) signal(Number(pid), 'SIGKILL');
        if (pids.length === 0 && remove(dir)) break;
        pause(10);
      }
    }
  }
}

function remove(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return !existsSync(dir);
  }
}

/** The group of one job. */
export class JobGroup {
  readonly #dirs: string[];

  constructor(found: Cgroups, name: string, limits: Limits) {
    const dirs = new Map<Controller, string>();
    for (const c of found.controllers) {
      const dir = join(found.base[c]!, name);
      mkdirSync(dir, { recursive: true });
      dirs.set(c, dir);
    }
    this.#dirs = [...new Set(dirs.values())];
    const set = (c: Controller, v1: [string, string], v2: [string, string]): void => {
      const dir = dirs.get(c);
      if (dir === undefined) return;
      const [file, value] = found.version === 1 ? v1 : v2;
      writeFileSync(join(dir, file), value);
    };
    const bytes = String(limits.memoryMiB * 1048576);
    if (limits.memoryMiB > 0) set('memory', ['memory.limit_in_bytes', bytes], ['memory.max', bytes]);
    set('pids', ['pids.max', String(limits.processes)], ['pids.max', String(limits.processes)]);
    // Thousandths of a processor in a period of 100 ms; the kernel takes no quota below 1 ms.
    const quota = String(Math.max(1000, limits.cpuMilli * 100));
    if (limits.cpuMilli > 0) set('cpu', ['cpu.cfs_quota_us', quota], ['cpu.max', `${quota} 100000`]);
  }

  /** Files a process writes "0" to in order to join. */
  get joinFiles(): string[] {
    return this.#dirs.map((d) => join(d, 'cgroup.procs'));
  }

  processes(): number[] {
    const pids = new Set<number>();
    for (const d of this.#dirs)
      for (const line of readOr(join(d, 'cgroup.procs')).split('\n')) if (line !== '') pids.add(Number(line));
    return [...pids];
  }

  kill(): void {
    // Version 2 kills a whole group at once, what is being forked included.
    for (const d of this.#dirs) if (existsSync(join(d, 'cgroup.kill'))) writeFileSync(join(d, 'cgroup.kill'), '1');
    for (const pid of this.processes()) signal(pid, 'SIGKILL');
  }

  /** True when memory ran out in it. */
  get outOfMemory(): boolean {
    return this.#dirs.some(
      (d) =>
        /^oom_kill [1-9]/m.test(readOr(join(d, 'memory.oom_control'))) ||
        /^oom_kill [1-9]/m.test(readOr(join(d, 'memory.events'))),
    );
  }

  /** Once it is empty. */
  remove(): void {
    // A process that is just being buried still counts; the empty group does no harm and goes with the next reaping.
    for (const d of this.#dirs) remove(d);
  }
}
