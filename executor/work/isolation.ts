/**
 * What keeps a job from the host and from other jobs. Layers, each used where the machine has it: a namespace of its own with
 * nothing in it but system software and its working directory (bubblewrap), limits on memory, processes and processor time
 * (control groups), limits on files (prlimit). What there is, is named with every bill.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../devices/devices.ts';
import { nativeDirectories, packageDirectory } from '../devices/native.ts';
import { ExecutorError } from '../executor-error.ts';
import { type Cgroups, findCgroups, JobGroup } from './cgroup.ts';

export interface Isolation {
  bubblewrap: boolean;
  cgroups: Cgroups | null;
  prlimit: boolean;
}

export const noIsolation: Isolation = { bubblewrap: false, cgroups: null, prlimit: false };

export interface Confinement {
  /** Read-write directory of the job, and where it appears inside. */
  cwd: string;
  /** Directory of the run, which no job may see. */
  hidden: string;
  /** Further directories a job may read. */
  shares: readonly string[];
  /** The job keeps the host's network. */
  network: boolean;
  /** Devices of the job; of the machine's GPUs it gets the files of these. */
  devices: readonly Device[];
  /** Largest file, MiB; 0 = any. */
  fileMiB: number;
  /** The attempt's own checkpoint, and that of the attempt before when it is good. */
  checkpoint: string;
  resume: string | null;
}

/** `auto`: all there is; `none`; `bubblewrap`: refuse to run without it. */
export function chooseIsolation(wanted: string, found = probeIsolation()): Isolation {
  if (wanted === 'auto') return found;
  if (wanted === 'none') return noIsolation;
  if (!found.bubblewrap)
    throw new ExecutorError('--isolation bubblewrap: it does not work on this machine; see janction doctor');
  return found;
}

/** Each layer is tried, not only looked for: one that fails in the middle of a run would fail every job. */
export function probeIsolation(): Isolation {
  // The built-in workload must be able to run inside, wherever this Node is installed.
  const node = [process.execPath, '--version'];
  const readable = [dirname(process.execPath), '/opt'];
  const cgroups = findCgroups();
  return {
    bubblewrap: works('bwrap', [...sandbox(readable), '--', ...node]),
    cgroups: cgroups !== null && canEnter(cgroups) ? cgroups : null,
    prlimit: works('prlimit', ['--core=0', '--nofile=4096', '--', 'true']),
  };
}

function canEnter(cgroups: Cgroups): boolean {
  const name = `janction-probe-${process.pid}`;
  try {
    const group = new JobGroup(cgroups, name, { memoryMiB: 256, cpuMilli: 1000, processes: 64 });
    const [file, ...args] = entering(['/bin/sh', '-c', 'exit 0'], group.joinFiles);
    const entered = works(file!, args);
    group.remove();
    return entered;
  } catch {
    return false;
  }
}

function works(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** Weakest first: what a bill says of how its job was kept apart. */
export function isolationName(i: Isolation): string {
  const layers = ['process-group'];
  if (i.prlimit) layers.push('prlimit');
  if (i.cgroups !== null) layers.push(`cgroup${i.cgroups.version}(${i.cgroups.controllers.join(',')})`);
  if (i.bubblewrap) layers.push('bubblewrap');
  return layers.join('+');
}

/** The built-in work, wherever this package is installed. */
const ownCode = fileURLToPath(new URL('../..', import.meta.url));

/** Where the working directory appears. */
export const INSIDE = '/janction/job';
/** Where the attempt's own checkpoint appears, and the one to resume from. */
export const INSIDE_CHECKPOINT = '/janction/checkpoint';
export const INSIDE_RESUME = '/janction/resume';

/** The command, wrapped in the layers of `i`; `join`: files of the control groups to enter first. */
export function wrap(
  i: Isolation,
  argv: readonly string[],
  c: Confinement,
  join: readonly string[],
  devFiles: readonly string[] = readdirSync('/dev'),
): string[] {
  let command = [...argv];
  if (i.bubblewrap) command = ['bwrap', ...confinement(c, devFiles), '--', ...command];
  if (i.prlimit) {
    const size = c.fileMiB > 0 ? [`--fsize=${c.fileMiB * 1048576}`] : [];
    command = ['prlimit', '--core=0', '--nofile=4096', ...size, '--', ...command];
  }
  return entering(command, join);
}

/** The command, which enters its groups before anything of it runs; a job that could not be limited is not run. */
function entering(command: readonly string[], join: readonly string[]): string[] {
  if (join.length === 0) return [...command];
  const script = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 125; shift; n=$((n-1)); done; exec "$@"';
  return ['/bin/sh', '-c', script, 'enter', String(join.length), ...join, ...command];
}

/** Namespaces, system software read-only, nothing else. */
function sandbox(readOnly: readonly string[]): string[] {
  const args = ['--unshare-all', '--die-with-parent', '--new-session', '--uid', '65534', '--gid', '65534'];
  args.push('--ro-bind', '/usr', '/usr');
  for (const dir of ['/bin', '/sbin', '/lib', '/lib32', '/lib64']) {
    if (!existsSync(dir)) continue;
    if (lstatSync(dir).isSymbolicLink()) args.push('--symlink', readlinkSync(dir), dir);
    else args.push('--ro-bind', dir, dir);
  }
  // Of /etc what the loader, time zones and certificates need; no accounts, no keys.
  for (const f of [
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
    'alternatives',
    'localtime',
    'ssl/certs',
    'ca-certificates',
  ])
    args.push('--ro-bind-try', `/etc/${f}`, `/etc/${f}`);
  args.push('--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp');
  for (const path of readOnly) args.push('--ro-bind-try', path, path);
  return args;
}

function confinement(c: Confinement, devFiles: readonly string[]): string[] {
  const nvidia = c.devices.filter((d) => d.kind === 'nvidia');
  const has = (kind: Device['kind']): boolean => c.devices.some((d) => d.kind === kind);
  const webgpu = has('webgpu');
  const gpu = has('nvidia') || has('amd') || webgpu;
  const readable = [dirname(process.execPath), ownCode, '/opt', ...c.shares, ...(gpu ? driverDirectories() : [])];
  const args = sandbox(readable);
  // A run kept below a directory that jobs may read is hidden from them: the journal is nobody's but the operator's.
  if (['/usr', ...readable].some((d) => `${c.hidden}/`.startsWith(`${d.replace(/\/$/, '')}/`)))
    args.push('--tmpfs', c.hidden);
  args.push('--bind', c.cwd, INSIDE, '--bind', c.checkpoint, INSIDE_CHECKPOINT, '--chdir', INSIDE);
  if (c.resume !== null) args.push('--ro-bind', c.resume, INSIDE_RESUME);
  if (c.network) args.push('--share-net', '--ro-bind-try', '/etc/resolv.conf', '/etc/resolv.conf');
  // Of AMD's cards all: which device file is whose its program does not say.
  if (webgpu || has('amd')) for (const f of ['/dev/dri', '/dev/kfd']) args.push('--dev-bind-try', f, f);
  if (gpu) {
    for (const name of nvidiaFiles(nvidia, webgpu, devFiles)) args.push('--dev-bind', `/dev/${name}`, `/dev/${name}`);
    for (const dir of ['/sys', '/etc/vulkan']) args.push('--ro-bind-try', dir, dir);
  }
  return args;
}

/** What a job on a GPU must read beside system software: the packages that call drivers, and drivers where the operator says. */
function driverDirectories(): string[] {
  const webgpu = packageDirectory('webgpu');
  const said = (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((d) => d.startsWith('/'));
  return [...nativeDirectories(), ...(webgpu === null ? [] : [webgpu]), ...said];
}

/** Of the cards' files only those of the job, where the driver says which they are; else all, and CUDA_VISIBLE_DEVICES alone tells. */
function nvidiaFiles(devices: readonly Device[], all: boolean, files: readonly string[]): string[] {
  const known = !all && devices.every((d) => d.minor !== undefined);
  const own = new Set(devices.map((d) => `nvidia${d.minor ?? ''}`));
  return files.filter((f) => (/^nvidia\d+$/.test(f) ? !known || own.has(f) : f.startsWith('nvidia')));
}
