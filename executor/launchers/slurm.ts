/**
 * Jobs on a cluster through Slurm. One allocation holds the machines of the run for its whole length; each lease is a step in it,
 * started by `srun` on the machine and the GPUs that core chose: Slurm keeps others away and carries, core decides. The run's
 * directory must lie where every machine sees it.
 */
import { execFile, execFileSync } from 'node:child_process';
import type { Device } from '../devices/devices.ts';
import { ExecutorError } from '../executor-error.ts';
import { pause } from '../work/proc.ts';

/** Runs an attempt elsewhere than in a child process of this machine. */
export interface Remote {
  /** Stated with the isolation. */
  readonly name: string;
  /** Takes the machines; before any job. */
  open(): void;
  /** The command that runs `argv` for lease `key` on `node`, and creates the file `up` as soon as it does. */
  wrap(key: string, node: number, gpus: readonly string[], argv: readonly string[], cwd: string, up: string): string[];
  /** Environment that the local end needs. */
  environment(): Record<string, string>;
  /** Keys of leases that still have something running. */
  live(): Set<string>;
  signal(key: string, name: 'TERM' | 'KILL'): void;
  /** Gives the machines back and ends what still runs there. */
  close(): void;
}

const TIMEOUT_MS = 60_000;
const OPEN_TRIES = 1200;

const call = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'pipe'] });

export interface SlurmNode {
  name: string;
  gpus: number;
}

/** Machines that Slurm offers, with their GPUs, in its order. */
export function slurmNodes(list: () => string = () => call('sinfo', ['-N', '-h', '-o', '%N|%G|%T'])): SlurmNode[] {
  let text: string;
  try {
    text = list();
  } catch {
    throw new ExecutorError('--launcher slurm: sinfo does not answer; is there a Slurm on this machine?');
  }
  const nodes = new Map<string, SlurmNode>();
  for (const line of text.split('\n')) {
    const [name, gres, state] = line.split('|');
    if (name === undefined || name === '' || !/^(idle|mixed|allocated)/i.test(state ?? '')) continue;
    let gpus = 0;
    for (const m of (gres ?? '').matchAll(/gpu(?::[A-Za-z][\w.-]*)?:(\d+)/g)) gpus += Number(m[1]);
    nodes.set(name, { name, gpus });
  }
  return [...nodes.values()];
}

/** A machine of the cluster for each of the scenario's, in order; `wanted` names them, else the first that are large enough. */
export function chooseNodes(
  needed: readonly number[],
  wanted: readonly string[],
  offered: readonly SlurmNode[],
): SlurmNode[] {
  const chosen: SlurmNode[] = [];
  needed.forEach((gpus, i) => {
    const node =
      wanted.length > 0
        ? offered.find((n) => n.name === wanted[i])
        : offered.find((n) => n.gpus >= gpus && !chosen.includes(n));
    if (node === undefined || node.gpus < gpus || chosen.includes(node)) {
      const what = wanted.length > 0 ? `${wanted[i] ?? 'no machine'}` : 'no further machine';
      throw new ExecutorError(
        `--launcher slurm: ${what} can stand for machine ${i + 1} of the scenario, which has ${gpus} GPUs; Slurm offers ${offered.map((n) => `${n.name} (${n.gpus})`).join(', ') || 'none'}`,
      );
    }
    chosen.push(node);
  });
  return chosen;
}

/** GPUs of the chosen machines: numbered as the driver does in order of their bus, all of a machine being held. */
export const slurmDevices = (nodes: readonly SlurmNode[], needed: readonly number[]): Device[] =>
  nodes.flatMap((n, i) =>
    Array.from(
      { length: needed[i]! },
      (_, g): Device => ({ id: `${n.name}:${g}`, kind: 'slurm', name: n.name, memoryMiB: 0 }),
    ),
  );

export class Slurm implements Remote {
  readonly name = 'slurm';
  readonly #jobName: string;
  readonly #nodes: readonly string[];
  readonly #gpus: number;
  #allocation = '';

  /** `nodes`: machine of each of the scenario's; `gpus`: most GPUs used on one. */
  constructor(run: string, nodes: readonly string[], gpus: number) {
    this.#jobName = `janction-${run}`;
    this.#nodes = nodes;
    this.#gpus = gpus;
  }

  open(): void {
    this.close();
    const args = [
      '--parsable',
      `--job-name=${this.#jobName}`,
      `--nodes=${this.#nodes.length}`,
      `--nodelist=${this.#nodes.join(',')}`,
      '--ntasks-per-node=1',
      '--exclusive',
      ...(this.#gpus > 0 ? [`--gres=gpu:${this.#gpus}`] : []),
      '--no-requeue',
      '--output=/dev/null',
      '--chdir=/',
      '--wrap=sleep 2147483647',
    ];
    try {
      this.#allocation = call('sbatch', args).trim().split(';')[0]!;
    } catch (e) {
      throw new ExecutorError(`--launcher slurm: sbatch refuses the machines: ${reason(e)}`);
    }
    for (let i = 0; i < OPEN_TRIES; i++) {
      const state = this.#ask(['--jobs', this.#allocation, '--format', '%T'])[0] ?? '';
      if (state === 'RUNNING') return;
      if (state !== '' && !['PENDING', 'CONFIGURING'].includes(state)) break;
      pause(100);
    }
    this.close();
    throw new ExecutorError(
      `--launcher slurm: the machines ${this.#nodes.join(', ')} were not given; see squeue and sinfo`,
    );
  }

  #ask(args: readonly string[]): string[] {
    try {
      return call('squeue', ['--noheader', ...args])
        .split('\n')
        .map((l) => l.trim())
        .filter((l) => l !== '');
    } catch {
      // An allocation that is gone is an error to squeue.
      return [];
    }
  }

  wrap(key: string, node: number, gpus: readonly string[], argv: readonly string[], cwd: string, up: string): string[] {
    const indices = gpus.map((g) => g.slice(g.lastIndexOf(':') + 1)).join(',');
    // The file says that the step runs: only then has the job started.
    const script = 'up=$1; gpus=$2; shift 2; : > "$up" && CUDA_VISIBLE_DEVICES=$gpus exec "$@"';
    return [
      'srun',
      `--jobid=${this.#allocation}`,
      `--job-name=${key}`,
      '--overlap',
      '--nodes=1',
      '--ntasks=1',
      `--nodelist=${this.#nodes[node]!}`,
      '--gres=none',
      '--input=none',
      '--unbuffered',
      '--quiet',
      `--chdir=${cwd}`,
      '--export=ALL',
      '/bin/sh',
      '-c',
      script,
      'step',
      up,
      indices,
      ...argv,
    ];
  }

  environment(): Record<string, string> {
    const conf = process.env['SLURM_CONF'];
    return conf === undefined ? {} : { SLURM_CONF: conf };
  }

  /** Step of each lease. */
  #steps(): Map<string, string> {
    const steps = new Map<string, string>();
    for (const line of this.#ask(['--steps', '--jobs', this.#allocation, '--format', '%i %j'])) {
      const [id, name] = line.split(/\s+/);
      if (id !== undefined && name?.includes(':') === true) steps.set(name, id);
    }
    return steps;
  }

  live(): Set<string> {
    return new Set(this.#steps().keys());
  }

  signal(key: string, name: 'TERM' | 'KILL'): void {
    const step = this.#steps().get(key);
    if (step !== undefined) execFile('scancel', [`--signal=${name}`, step], { timeout: TIMEOUT_MS }, () => {});
  }

  close(): void {
    for (let i = 0; i < OPEN_TRIES; i++) {
      const mine = this.#ask(['--name', this.#jobName, '--format', '%A']);
      if (mine.length === 0) return;
      if (i % 50 === 0) {
        try {
          call('scancel', mine);
        } catch {
          // Gone meanwhile; the next look says so.
        }
      }
      pause(100);
    }
    throw new ExecutorError(`--launcher slurm: allocation ${this.#jobName} does not end; see squeue`);
  }
}

const reason = (e: unknown): string =>
  String((e as { stderr?: unknown }).stderr ?? (e as Error).message)
    .replace(/\s*\n\s*/g, ' ')
    .trim();
