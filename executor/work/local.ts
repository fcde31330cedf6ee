/**
 * Jobs as processes of this machine. Each gets a session of its own, a private directory, an environment of named variables,
 * files for its output and what isolation there is. An order to stop is SIGTERM, a grace, then SIGKILL; a job is over when no
 * process of its lease is left, and a GPU is free when none is left on it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  type Action,
  ActionKind,
  CardState,
  FactKind,
  type ReleaseAction,
  type StartAction,
} from '../../core/facts.ts';
import { Outcome } from '../../core/types.ts';
import { xidClasses } from '../../scenarios/xids.ts';
import type { Device } from '../devices/devices.ts';
import type { GpuDriver, GpuUse } from '../devices/gpu-driver.ts';
import type { HealthSink, HealthState } from '../devices/health.ts';
import type { FactSink, Launcher, LeaseLimits, Work } from '../launcher.ts';
import type { Remote } from '../launchers/slurm.ts';
import { JobGroup, reapGroups } from './cgroup.ts';
import { type Challenge, challengeArguments, type Verdict } from './challenge.ts';
import { checkpointFault } from './checkpoint.ts';
import { INSIDE, INSIDE_CHECKPOINT, INSIDE_RESUME, type Isolation, isolationName, wrap } from './isolation.ts';
import { commandName, LEASE_VARIABLE, pause, processesOf, RUN_VARIABLE, reapRun, signal, startTicks } from './proc.ts';
import { holdsMoreThan } from './usage.ts';

export interface LocalOptions {
  run: string;
  /** Each attempt's directory is made below it. */
  dir: string;
  nodeName(node: number): string;
  /** Device of each GPU of the scenario, by node and index. */
  deviceOf(node: number, gpu: number): Device;
  timeScale: number;
  /** Wall milliseconds between SIGTERM and SIGKILL. */
  graceMs: number;
  /** Share of its device that the built-in work uses, percent. */
  utilisation: number;
  /** What the built-in work does, and what a whole device does of it in a second (GFLOP or GiB; 0 = not known). */
  workload?: { kind: 'matmul' | 'copy'; rate: number };
  isolation: Isolation;
  /** Most that an attempt may keep in files, logs included, MiB; 0 = any. */
  diskMiB: number;
  /** Most processes and threads of an attempt. */
  processes: number;
  network: boolean;
  /** Directories that jobs may read. */
  shares: readonly string[];
  /** Says what is on the GPUs; absent = there are none. */
  gpus?: Pick<GpuDriver, 'use'>;
  /** Wall milliseconds between two looks after the cards; default ten seconds. */
  healthMs?: number;
  /** Looks after the cards; absent = there are none to look after. */
  watch?: (
    onChange: HealthSink,
    draining: readonly { node: number; gpu: number }[],
  ) => { look(news?: boolean): Promise<void> };
  /** The scenario's GPUs that are the card or a part of it; needed with `watch`. */
  gpusOn?: (card: string) => readonly { node: number; gpu: number }[];
  /** Carries jobs to other machines; absent = they run here. */
  remote?: Remote;
  /** Told what an operator should know. */
  say?: (text: string) => void;
}

const builtin = fileURLToPath(new URL('./builtin.worker.js', import.meta.url));
const cudaBuiltin = fileURLToPath(new URL('./cuda.worker.js', import.meta.url));
const webgpuBuiltin = fileURLToPath(new URL('./webgpu.worker.js', import.meta.url));
const challengeWorker = fileURLToPath(new URL('./challenge.worker.js', import.meta.url));
const FILE_TOO_LARGE = 153;
const WATCH_MS = 250;
const SWEEP_MS = 5;
/** A process that has ended is off its GPU within some of these. */
const GPU_POLL_MS = 10;
const GPU_POLL_MOST_MS = 500;
/** Memory above what was in use before the run that still counts as free; a context of the driver takes hundreds. */
const GPU_SLACK_MIB = 64;
/** A GPU that is not free after this is worth a word. */
const QUARANTINE_MS = 5000;
const HEALTH_MS = 10_000;
/** A job that fails so soon after an error of its card that ends work on it was ended by it. */
const CARD_FAULT_MS = 10_000;
const UP_MS = 20;
const REMOTE_SWEEP_MS = 100;

interface Job {
  key: string;
  action: StartAction;
  /** Directory of the attempt: stdout, stderr, status.json, work/, checkpoint/. */
  dir: string;
  child: ChildProcess;
  group: JobGroup | null;
  state: 'starting' | 'up' | 'leaving';
  killTimer: NodeJS.Timeout | null;
  /** An order to stop was given. */
  ordered: boolean;
  /** A GPU under it is dead. */
  lost: boolean;
  /** Its GPU's last error that is no program's and ends what meets it, and when it was heard of. */
  fault: { xid: number; at: number } | null;
  /** Why this launcher ended it, if it did. */
  reason: string | null;
  challenge: Challenge | null;
  verdict: Verdict | null;
  exitCode: number | null;
  signal: string | null;
}

export class LocalLauncher implements Launcher {
  readonly isolation: string;
  readonly #options: LocalOptions;
  /** By lease and fence: an order is carried out once. */
  readonly #jobs = new Map<string, Job>();
  /** Jobs whose first process is gone and whose others are being looked for. */
  readonly #leaving: { job: Job; outcome: Outcome }[] = [];
  /** GPUs that are not yet known to be free. */
  readonly #releasing: { action: ReleaseAction; key: string; since: number; told: boolean }[] = [];
  /** GPUs of each lease that has or had a process on some. */
  readonly #gpusOf = new Map<string, string[]>();
  /** MiB in use on each before the run; what comes back is held against it. */
  #before: Promise<ReadonlyMap<string, GpuUse>> | null = null;
  #sweep: NodeJS.Timeout | null = null;
  #watch: NodeJS.Timeout | null = null;
  #gpuPoll: NodeJS.Timeout | null = null;
  #health: NodeJS.Timeout | null = null;
  #cards: { look(news?: boolean): Promise<void> } | null = null;
  #sink: FactSink = () => {};
  #closed: (() => void) | null = null;
  #isClosed = false;

  constructor(options: LocalOptions) {
    this.#options = options;
    const layers = isolationName(options.isolation);
    this.isolation = options.remote === undefined ? layers : `${options.remote.name}+${layers}`;
    mkdirSync(options.dir, { recursive: true });
  }

  open(sink: FactSink, draining: readonly { node: number; gpu: number }[] = []): void {
    this.#sink = sink;
    this.#options.remote?.open();
    this.#before = this.#options.gpus?.use().catch(() => new Map<string, GpuUse>()) ?? null;
    this.#cards = this.#options.watch?.((...said) => this.#healthChanged(...said), draining) ?? null;
    if (this.#cards !== null || this.#options.gpus !== undefined) {
      this.#health = setInterval(() => {
        void this.#cards?.look();
        void this.#findStrays();
      }, this.#options.healthMs ?? HEALTH_MS);
    }
  }

  /** A job that is on a GPU it was not given is ended: somebody else pays for that one. */
  async #findStrays(): Promise<void> {
    const use = this.#jobs.size === 0 ? null : await this.#askGpus();
    if (use === null || [...use.values()].every((u) => u.pids.length === 0)) return;
    const alive = processesOf(this.#options.run);
    for (const job of this.#jobs.values()) {
      if (job.state !== 'up') continue;
      const own = this.#gpusOf.get(job.key) ?? [];
      const pids = new Set([...(alive.get(job.key) ?? []), ...(job.group?.processes() ?? [])]);
      const stray = [...use].find(([id, u]) => !own.includes(id) && u.pids.some((pid) => pids.has(pid)));
      if (stray === undefined) continue;
      job.reason ??= `was on ${stray[0]}, which it had not been given`;
      this.#destroy(job);
    }
  }

  /**
   * Core takes the GPU out of the market and has what stands on a dead one ended; that is done at once, and nobody waits for a dead card's
   * driver to say that its memory is back.
   */
  #healthChanged(card: string, state: HealthState, evidence: string, xid = 0): void {
    this.#options.say?.(`GPU ${card} is ${state} (${evidence})`);
    const now = state === 'dead' ? CardState.dead : state === 'drain' ? CardState.draining : CardState.fine;
    const known = xidClasses.get(xid);
    const ends = known !== undefined && known.card !== 'stays' && known.ends !== 'none';
    for (const { node, gpu } of this.#options.gpusOn?.(card) ?? []) {
      this.#sink({ kind: FactKind.gpu, node, gpu, state: now, xid });
      for (const job of ends ? this.#jobs.values() : [])
        if (job.action.node === node && job.action.gpus.includes(gpu)) job.fault = { xid, at: performance.now() };
      if (now !== CardState.dead) continue;
      const id = this.#options.deviceOf(node, gpu).id;
      for (const job of this.#jobs.values()) {
        if (job.action.node !== node || !job.action.gpus.includes(gpu)) continue;
        job.reason ??= 'its GPU is dead';
        job.lost = true;
        // One that is not up yet is ended as soon as it is.
        job.ordered = true;
        this.#spare(job.key, id);
        if (job.state === 'up') this.#destroy(job);
      }
      for (const r of this.#releasing) if (r.action.node === node) this.#spare(r.key, id);
    }
  }

  /** The lease is not held any longer for what is on this device. */
  #spare(key: string, device: string): void {
    const ids = this.#gpusOf.get(key)?.filter((d) => d !== device);
    if (ids?.length === 0) this.#gpusOf.delete(key);
    else if (ids !== undefined) this.#gpusOf.set(key, ids);
  }

  get run(): string {
    return this.#options.run;
  }

  get running(): number {
    return this.#jobs.size;
  }

  reap(): number {
    const { cgroups } = this.#options.isolation;
    this.#options.remote?.close();
    const killed = reapRun(this.#options.run);
    if (cgroups !== null) reapGroups(cgroups, this.#groupPrefix, pause);
    return killed;
  }

  act(action: Action, work: Work | null, limits: LeaseLimits | null): void {
    const key = keyOf(action);
    switch (action.kind) {
      case ActionKind.start:
        if (!this.#jobs.has(key)) this.#start(key, action, work, limits);
        return;
      case ActionKind.kill: {
        const job = this.#jobs.get(key);
        if (job === undefined || job.ordered) return;
        job.ordered = true;
        if (job.state === 'up') this.#terminate(job, 'stopped');
        return;
      }
      case ActionKind.release:
        this.#releasing.push({ action, key, since: performance.now(), told: false });
        if (this.#gpuPoll === null) void this.#pollGpus();
        return;
    }
  }

  get #groupPrefix(): string {
    return `janction-${this.#options.run.slice(0, 8)}-`;
  }

  // ---- start ----

  #start(key: string, action: StartAction, work: Work | null, limits: LeaseLimits | null): void {
    const o = this.#options;
    const dir = join(o.dir, `${action.job}-${action.attempt}-${action.part}`);
    const cwd = join(dir, 'work');
    mkdirSync(cwd, { recursive: true });
    mkdirSync(join(dir, 'checkpoint'), { recursive: true });
    const devices = action.gpus.map((g) => o.deviceOf(action.node, g));
    const resume = this.#checkpointBefore(action);
    let group: JobGroup | null = null;
    let child: ChildProcess;
    const out = openSync(join(dir, 'stdout'), 'a');
    const err = openSync(join(dir, 'stderr'), 'a');
    try {
      if (o.isolation.cgroups !== null) {
        group = new JobGroup(o.isolation.cgroups, `${this.#groupPrefix}${action.lease}`, {
          memoryMiB: limits?.ramMiB ?? 0,
          cpuMilli: limits?.cpuMilli ?? 0,
          processes: o.processes,
        });
      }
      const command = this.#commandOf(action, work, devices);
      const [file, ...args] = wrap(
        o.isolation,
        o.remote?.wrap(
          key,
          action.node,
          devices.map((d) => d.id),
          command,
          cwd,
          join(dir, 'up'),
        ) ?? command,
        {
          cwd,
          hidden: resolve(o.dir, '..'),
          shares: o.shares,
          network: o.network,
          devices,
          fileMiB: o.diskMiB,
          checkpoint: join(dir, 'checkpoint'),
          resume,
        },
        group?.joinFiles ?? [],
      );
      child = spawn(file!, args, {
        cwd,
        detached: true,
        stdio: ['ignore', out, err],
        env: { ...this.#environment(key, action, dir, devices, resume), ...o.remote?.environment() },
      });
    } finally {
      closeSync(out);
      closeSync(err);
    }
    const job: Job = {
      key,
      action,
      dir,
      child,
      group,
      state: 'starting',
      killTimer: null,
      ordered: false,
      lost: false,
      fault: null,
      reason: null,
      challenge: work?.challenge ?? null,
      verdict: null,
      exitCode: null,
      signal: null,
    };
    this.#jobs.set(key, job);
    const gpus = devices.filter((d) => d.card !== undefined).map((d) => d.id);
    if (gpus.length > 0) this.#gpusOf.set(key, gpus);
    this.#follow(job);
    this.#watch ??= setInterval(() => this.#watchDisks(), WATCH_MS);
  }

  #follow(job: Job): void {
    const { node, lease, fence } = job.action;
    const started = (): void => {
      job.state = 'up';
      this.#sink({ kind: FactKind.started, node, lease, fence });
      if (job.ordered) this.#terminate(job, 'stopped');
    };
    const isUp = (): boolean => existsSync(join(job.dir, 'up'));
    const remote = this.#options.remote !== undefined;
    // Here a process that was spawned runs; elsewhere it runs when it says so.
    const look = (): void => {
      if (job.state !== 'starting') return;
      if (isUp()) started();
      else if (this.#jobs.has(job.key)) setTimeout(look, UP_MS);
    };
    job.child.once('spawn', remote ? look : started);
    job.child.once('error', (e) => {
      // It could not be started at all: nothing of it is left behind.
      if (job.state !== 'starting') return;
      job.reason = `cannot be started: ${e.message}`;
      this.#over(job, Outcome.failed);
    });
    job.child.once('exit', (code, sig) => {
      if (remote && job.state === 'starting') {
        if (isUp()) started();
        else {
          job.reason ??= 'the machine did not start it';
          job.exitCode = code;
          return this.#over(job, job.lost ? Outcome.gpuFailure : job.ordered ? Outcome.aborted : Outcome.failed);
        }
      }
      if (job.state !== 'up') return;
      job.exitCode = code;
      job.signal = sig;
      this.#leave(
        job,
        job.lost
          ? Outcome.gpuFailure
          : job.ordered
            ? Outcome.aborted
            : code === 0 && job.reason === null
              ? Outcome.completed
              : Outcome.failed,
      );
    });
  }

  #commandOf(action: StartAction, work: Work | null, devices: readonly Device[]): readonly string[] {
    if (work?.command !== undefined) return work.command;
    const node = [process.execPath, '--max-old-space-size=64'];
    if (work?.challenge !== undefined) return [...node, challengeWorker, ...challengeArguments(work.challenge)];
    const { timeScale, utilisation, workload } = this.#options;
    const ms = (work?.workUs ?? 0) / timeScale / 1000;
    const status = work?.fails === true ? '1' : '0';
    const { kind, rate } = workload ?? { kind: 'matmul', rate: 0 };
    const has = (k: Device['kind']): boolean => devices.some((d) => d.kind === k);
    const program = has('nvidia') ? cudaBuiltin : has('webgpu') ? webgpuBuiltin : builtin;
    // The last argument only names the job in lists of processes.
    return [...node, program, ms.toFixed(3), String(utilisation), status, kind, String(rate), String(action.job)];
  }

  /** The checkpoint of the attempt before, when it is whole. */
  #checkpointBefore(a: StartAction): string | null {
    for (let attempt = a.attempt - 1; attempt >= 1; attempt--) {
      const dir = join(this.#options.dir, `${a.job}-${attempt}-${a.part}`, 'checkpoint');
      if (existsSync(dir) && checkpointFault(dir) === null) return dir;
    }
    return null;
  }

  /** Only these variables: nothing of the operator's environment reaches a job but the search path. */
  #environment(
    key: string,
    a: StartAction,
    dir: string,
    devices: readonly Device[],
    resume: string | null,
  ): Record<string, string> {
    const { nodeName, run, isolation } = this.#options;
    const boxed = isolation.bubblewrap;
    const home = boxed ? INSIDE : join(dir, 'work');
    return {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      HOME: home,
      TMPDIR: boxed ? '/tmp' : home,
      [RUN_VARIABLE]: run,
      [LEASE_VARIABLE]: key,
      JANCTION_JOB: String(a.job),
      JANCTION_ATTEMPT: String(a.attempt),
      JANCTION_PART: String(a.part),
      JANCTION_PARTS: String(a.parts),
      JANCTION_NODE: nodeName(a.node),
      JANCTION_DEVICES: devices.map((d) => d.id).join(','),
      JANCTION_CHECKPOINT: boxed ? INSIDE_CHECKPOINT : join(dir, 'checkpoint'),
      ...(resume === null ? {} : { JANCTION_RESUME: boxed ? INSIDE_RESUME : resume }),
      ...librariesOf(devices),
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      CUDA_VISIBLE_DEVICES: idsOf(devices, 'nvidia'),
      ROCR_VISIBLE_DEVICES: idsOf(devices, 'amd'),
    };
  }

  // ---- stop ----

  /** SIGTERM to the job itself, and after the grace SIGKILL to all of it. */
  #terminate(job: Job, reason: string): void {
    job.reason ??= reason;
    if (this.#options.remote !== undefined) this.#options.remote.signal(job.key, 'TERM');
    else if (this.#options.isolation.bubblewrap) {
      // bubblewrap would die of the signal and take the job with it before its grace.
      for (const pid of processesOf(this.#options.run).get(job.key) ?? [])
        if (commandName(pid) !== 'bwrap') signal(pid, 'SIGTERM');
    } else signal(-job.child.pid!, 'SIGTERM');
    job.killTimer ??= setTimeout(() => this.#destroy(job), this.#options.graceMs);
  }

  #destroy(job: Job): void {
    // Its local end ends with it.
    if (this.#options.remote !== undefined && job.state === 'up') return this.#options.remote.signal(job.key, 'KILL');
    signal(-job.child.pid!, 'SIGKILL');
    job.group?.kill();
  }

  #watchDisks(): void {
    const limit = this.#options.diskMiB * 1048576;
    if (limit === 0) return;
    for (const job of this.#jobs.values()) {
      if (job.state !== 'up' || job.reason !== null || !holdsMoreThan(job.dir, limit)) continue;
      job.reason = `disk: more than ${this.#options.diskMiB} MiB in files`;
      this.#destroy(job);
    }
  }

  // ---- end ----

  /** The first process is gone: what it left behind goes too before the devices are free. */
  #leave(job: Job, outcome: Outcome): void {
    job.state = 'leaving';
    if (job.killTimer !== null) clearTimeout(job.killTimer);
    this.#destroy(job);
    const sweep = (why: Outcome): void => {
      this.#leaving.push({ job, outcome: why });
      // One pass over /proc serves every job that leaves now.
      this.#sweep ??= setTimeout(() => this.#sweepNow(), 0);
    };
    if (outcome !== Outcome.failed || this.#cards === null || !this.#gpusOf.has(job.key)) return sweep(outcome);
    // The driver tells of an error before the process that met it has ended: whose fault it was is known before anybody is charged.
    void this.#cards.look(true).then(() => sweep(this.#isCards(job) ? Outcome.gpuFailure : outcome));
  }

  /** It failed because its card did. */
  #isCards(job: Job): boolean {
    if (job.lost) return true;
    const { fault } = job;
    if (fault === null || job.reason !== null || performance.now() - fault.at > CARD_FAULT_MS) return false;
    job.reason = `its GPU had Xid ${fault.xid}`;
    return true;
  }

  #sweepNow(): void {
    this.#sweep = null;
    const alive = processesOf(this.#options.run);
    const steps = this.#options.remote?.live();
    for (const entry of this.#leaving.splice(0)) {
      const { job, outcome } = entry;
      const far = steps?.has(job.key) === true ? [0] : [];
      const pids = [...far, ...(alive.get(job.key) ?? []), ...(job.group?.processes() ?? [])];
      if (pids.length === 0) {
        if (job.challenge !== null && outcome === Outcome.completed) this.#judge(job, job.challenge);
        else this.#over(job, outcome);
        continue;
      }
      for (const pid of pids) if (pid > 0) signal(pid, 'SIGKILL');
      this.#leaving.push(entry);
    }
    const ms = steps === undefined ? SWEEP_MS : REMOTE_SWEEP_MS;
    if (this.#leaving.length > 0) this.#sweep ??= setTimeout(() => this.#sweepNow(), ms);
  }

  /** The answer to a challenge is checked before the job counts as completed, on a thread of its own. */
  #judge(job: Job, challenge: Challenge): void {
    const judged = (verdict: Verdict | null, fault: string | null): void => {
      if (job.verdict !== null || job.reason !== null) return;
      job.verdict = verdict;
      if (verdict?.accepted !== true) job.reason = `challenge: ${fault ?? verdict?.reason ?? 'not judged'}`;
      this.#over(job, verdict?.accepted === true ? Outcome.completed : Outcome.failed);
    };
    const worker = new Worker(new URL('./judge.worker.js', import.meta.url), {
      workerData: { dir: join(job.dir, 'work'), challenge },
    });
    worker.once('message', (v: Verdict) => judged(v, null));
    worker.once('error', (e) => judged(null, e.message));
    worker.once('exit', () => judged(null, null));
  }

  #over(job: Job, outcome: Outcome): void {
    // Whoever writes beyond the limit of a file is ended by this signal; a shell or bubblewrap passes it on as 128 + 25.
    if (job.signal === 'SIGXFSZ' || job.exitCode === FILE_TOO_LARGE)
      job.reason ??= `disk: a file of more than ${this.#options.diskMiB} MiB`;
    if (job.group?.outOfMemory === true) job.reason ??= 'memory: more than the job had asked for';
    job.group?.remove();
    const { exitCode, signal: sig, reason } = job;
    const status = {
      exitCode,
      signal: sig,
      reason,
      devices: job.action.gpus.map((g) => this.#deviceId(job, g)),
      isolation: this.isolation,
      ...(job.verdict === null ? {} : { challenge: job.verdict }),
    };
    writeFileSync(join(job.dir, 'status.json'), `${JSON.stringify(status)}\n`);
    this.#jobs.delete(job.key);
    if (this.#jobs.size === 0 && this.#watch !== null) {
      clearInterval(this.#watch);
      this.#watch = null;
    }
    const { node, lease, fence } = job.action;
    const clean = this.#options.gpus === undefined || !this.#gpusOf.has(job.key);
    if (clean) this.#gpusOf.delete(job.key);
    this.#sink({ kind: FactKind.exited, node, lease, fence, outcome, clean });
    if (this.#jobs.size === 0) this.#closed?.();
  }

  #deviceId(job: Job, gpu: number): string {
    return this.#options.deviceOf(job.action.node, gpu).id;
  }

  /** A GPU stays taken (is in quarantine) until the driver says that the job is off it and its memory is back. */
  async #pollGpus(): Promise<void> {
    // Holds the place of the timer while the driver is asked.
    this.#gpuPoll = setTimeout(() => {}, 0);
    const before = (await this.#before) ?? new Map<string, GpuUse>();
    const now = await this.#askGpus();
    let youngest = Number.POSITIVE_INFINITY;
    for (const entry of this.#releasing.splice(0)) {
      const held = this.#heldBy(entry.key, before, now);
      if (held === null) {
        const { node, lease, fence } = entry.action;
        this.#gpusOf.delete(entry.key);
        this.#sink({ kind: FactKind.released, node, lease, fence });
        continue;
      }
      const age = performance.now() - entry.since;
      youngest = Math.min(youngest, age);
      if (age > QUARANTINE_MS && !entry.told) {
        entry.told = true;
        this.#options.say?.(`in quarantine after lease ${entry.action.lease}: ${held}`);
      }
      this.#releasing.push(entry);
    }
    this.#gpuPoll = null;
    if (this.#releasing.length === 0 || this.#isClosed) return;
    const ms = Math.min(GPU_POLL_MOST_MS, Math.max(GPU_POLL_MS, youngest / 4));
    this.#gpuPoll = setTimeout(() => void this.#pollGpus(), ms);
  }

  /** What keeps the GPUs of a lease from being free, or null. */
  #heldBy(key: string, before: ReadonlyMap<string, GpuUse>, now: ReadonlyMap<string, GpuUse> | null): string | null {
    for (const id of this.#gpusOf.get(key) ?? []) {
      const use = now?.get(id);
      if (use === undefined) return `${id}: the driver does not answer`;
      const shared = [...this.#gpusOf].some(([other, ids]) => other !== key && ids.includes(id));
      // On a shared GPU others go on: only what is dead and still listed holds memory that should be back.
      const left = shared ? use.pids.filter((pid) => startTicks(pid) === null) : use.pids;
      if (left.length > 0) return `${id}: processes ${left.join(', ')}`;
      const was = before.get(id)?.usedMiB ?? null;
      if (shared || was === null || use.usedMiB === null) continue;
      if (use.usedMiB > was + GPU_SLACK_MIB) return `${id}: ${use.usedMiB - was} MiB more in use than before the run`;
    }
    return null;
  }

  /** Null when the driver does not answer: then nothing is known to be free. */
  async #askGpus(): Promise<ReadonlyMap<string, GpuUse> | null> {
    try {
      return (await this.#options.gpus?.use()) ?? new Map<string, GpuUse>();
    } catch {
      return null;
    }
  }

  async close(): Promise<void> {
    this.#sink = () => {};
    this.#isClosed = true;
    // Giving the machines back ends what runs on them, known step or not.
    this.#options.remote?.close();
    if (this.#jobs.size > 0) {
      const gone = new Promise<void>((resolve) => {
        this.#closed = resolve;
      });
      for (const job of this.#jobs.values()) {
        job.ordered = true;
        job.reason ??= 'the run ended';
        if (job.state === 'up') this.#destroy(job);
      }
      await gone;
    }
    for (const timer of [this.#sweep, this.#watch, this.#gpuPoll, this.#health])
      if (timer !== null) clearTimeout(timer);
    const { cgroups } = this.#options.isolation;
    if (cgroups !== null) reapGroups(cgroups, this.#groupPrefix, pause);
  }
}

const keyOf = (a: { lease: number; fence: number }): string => `${a.lease}:${a.fence}`;

const idsOf = (devices: readonly Device[], kind: Device['kind']): string =>
  devices
    .filter((d) => d.kind === kind)
    .map((d) => d.id)
    .join(',');

/** Where the driver's libraries lie, if the operator had to say so; a job on a processor gets none of it. */
function librariesOf(devices: readonly Device[]): Record<string, string> {
  if (devices.every((d) => d.kind === 'cpu')) return {};
  const names = ['LD_LIBRARY_PATH', 'VK_ICD_FILENAMES', 'VK_DRIVER_FILES'];
  return Object.fromEntries(names.flatMap((n) => (process.env[n] === undefined ? [] : [[n, process.env[n]]])));
}
