/**
 * Jobs as processes of this machine. Each gets a session of its own, a private directory, an environment of named variables and
 * files for its output. An order to stop is SIGTERM, a grace, then SIGKILL; a job is over when no process of its lease is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Action, ActionKind, FactKind, type StartAction } from '../../core/facts.ts';
import { type MarketConfig, Outcome } from '../../core/types.ts';
import type { Device } from '../devices/devices.ts';
import type { FactSink, Launcher, Work } from '../launcher.ts';
import { LEASE_VARIABLE, processesOf, RUN_VARIABLE, reapRun, signal } from './proc.ts';

export interface LocalOptions {
  run: string;
  /** Each attempt's directory is made below it. */
  dir: string;
  config: MarketConfig;
  /** Device of each GPU of the scenario, by node and index. */
  deviceOf(node: number, gpu: number): Device;
  timeScale: number;
  /** Wall milliseconds between SIGTERM and SIGKILL. */
  graceMs: number;
  /** Share of a processor the built-in workload uses, percent. */
  utilisation: number;
}

const builtin = fileURLToPath(new URL('./builtin.worker.js', import.meta.url));

interface Job {
  key: string;
  action: StartAction;
  child: ChildProcess;
  state: 'starting' | 'up' | 'leaving';
  killTimer: NodeJS.Timeout | null;
  ordered: boolean;
}

export class LocalLauncher implements Launcher {
  readonly isolation = 'process-group';
  readonly #options: LocalOptions;
  /** By lease and fence: an order is carried out once. */
  readonly #jobs = new Map<string, Job>();
  /** Jobs whose first process is gone and whose others are being looked for. */
  readonly #leaving: { job: Job; outcome: Outcome }[] = [];
  #sweep: NodeJS.Timeout | null = null;
  #sink: FactSink = () => {};
  #closed: (() => void) | null = null;

  constructor(options: LocalOptions) {
    this.#options = options;
    mkdirSync(options.dir, { recursive: true });
  }

  open(sink: FactSink): void {
    this.#sink = sink;
  }

  get running(): number {
    return this.#jobs.size;
  }

  reap(): number {
    return reapRun(this.#options.run);
  }

  act(action: Action, work: Work | null): void {
    const key = `${action.lease}:${action.fence}`;
    switch (action.kind) {
      case ActionKind.start:
        if (!this.#jobs.has(key)) this.#start(key, action, work);
        return;
      case ActionKind.kill: {
        const job = this.#jobs.get(key);
        if (job !== undefined) this.#kill(job);
        return;
      }
      case ActionKind.release:
        // Answered by the sweep, which goes on until no process of the lease is left.
        return;
    }
  }

  #start(key: string, action: StartAction, work: Work | null): void {
    const { dir } = this.#options;
    const own = join(dir, `${action.job}-${action.attempt}-${action.part}`);
    const cwd = join(own, 'work');
    mkdirSync(cwd, { recursive: true });
    const out = openSync(join(own, 'stdout'), 'a');
    const err = openSync(join(own, 'stderr'), 'a');
    const [file, ...args] = this.#commandOf(action, work);
    const child = spawn(file!, args, {
      cwd,
      detached: true,
      stdio: ['ignore', out, err],
      env: this.#environment(key, action, cwd),
    });
    closeSync(out);
    closeSync(err);
    const job: Job = { key, action, child, state: 'starting', killTimer: null, ordered: false };
    this.#jobs.set(key, job);
    const { node, lease, fence } = action;
    child.once('spawn', () => {
      job.state = 'up';
      this.#sink({ kind: FactKind.started, node, lease, fence });
      if (job.ordered) this.#terminate(job);
    });
    child.once('error', () => {
      // It could not be started at all: nothing of it is left behind.
      if (job.state === 'starting') this.#over(job, Outcome.failed, true);
    });
    child.once('exit', (code) => {
      if (job.state === 'up')
        this.#leave(job, job.ordered ? Outcome.aborted : code === 0 ? Outcome.completed : Outcome.failed);
    });
  }

  #commandOf(action: StartAction, work: Work | null): readonly string[] {
    if (work?.command !== undefined) return work.command;
    const ms = (work?.workUs ?? 0) / this.#options.timeScale / 1000;
    return [
      process.execPath,
      '--max-old-space-size=64',
      builtin,
      ms.toFixed(3),
      String(this.#options.utilisation),
      work?.fails === true ? '1' : '0',
      String(action.job),
    ];
  }

  /** Only these variables: nothing of the operator's environment reaches a job but the search path. */
  #environment(key: string, a: StartAction, cwd: string): Record<string, string> {
    const devices = a.gpus.map((g) => this.#options.deviceOf(a.node, g));
    return {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      HOME: cwd,
      TMPDIR: cwd,
      [RUN_VARIABLE]: this.#options.run,
      [LEASE_VARIABLE]: key,
      JANCTION_JOB: String(a.job),
      JANCTION_ATTEMPT: String(a.attempt),
      JANCTION_PART: String(a.part),
      JANCTION_PARTS: String(a.parts),
      JANCTION_NODE: this.#options.config.nodes[a.node]!.id,
      JANCTION_DEVICES: devices.map((d) => d.id).join(','),
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      CUDA_VISIBLE_DEVICES: devices
        .filter((d) => d.kind === 'nvidia')
        .map((d) => d.id)
        .join(','),
    };
  }

  #kill(job: Job): void {
    if (job.ordered) return;
    job.ordered = true;
    if (job.state === 'up') this.#terminate(job);
  }

  #terminate(job: Job): void {
    signalGroup(job.child.pid!, 'SIGTERM');
    job.killTimer = setTimeout(() => signalGroup(job.child.pid!, 'SIGKILL'), this.#options.graceMs);
  }

  /** The first process is gone: what it left behind goes too before the devices are free. */
  #leave(job: Job, outcome: Outcome): void {
    job.state = 'leaving';
    if (job.killTimer !== null) clearTimeout(job.killTimer);
    signalGroup(job.child.pid!, 'SIGKILL');
    this.#leaving.push({ job, outcome });
    // One pass over /proc serves every job that leaves now.
    this.#sweep ??= setTimeout(() => this.#sweepNow(), 0);
  }

  #sweepNow(): void {
    this.#sweep = null;
    const alive = processesOf(this.#options.run);
    const waiting = this.#leaving.splice(0);
    for (const entry of waiting) {
      const pids = alive.get(entry.job.key) ?? [];
      if (pids.length === 0) {
        this.#over(entry.job, entry.outcome, true);
        continue;
      }
      for (const pid of pids) signal(pid, 'SIGKILL');
      this.#leaving.push(entry);
    }
    if (this.#leaving.length > 0) this.#sweep ??= setTimeout(() => this.#sweepNow(), 5);
  }

  #over(job: Job, outcome: Outcome, clean: boolean): void {
    this.#jobs.delete(job.key);
    const { node, lease, fence } = job.action;
    this.#sink({ kind: FactKind.exited, node, lease, fence, outcome, clean });
    if (this.#jobs.size === 0) this.#closed?.();
  }

  async close(): Promise<void> {
    this.#sink = () => {};
    if (this.#jobs.size > 0) {
      const gone = new Promise<void>((resolve) => {
        this.#closed = resolve;
      });
      for (const job of this.#jobs.values()) if (job.state === 'up') signalGroup(job.child.pid!, 'SIGKILL');
      for (const job of this.#jobs.values()) job.ordered = true;
      await gone;
    }
    if (this.#sweep !== null) clearTimeout(this.#sweep);
  }
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  signal(-pid, name);
}
