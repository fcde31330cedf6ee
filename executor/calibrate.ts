/**
 * What this machine takes to start, end and stop a job under its isolation, and how fast its processor slots are: the constants
 * that a prediction needs and that nobody should have to guess.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ActionKind, type Fact, FactKind, type StartAction } from '../core/facts.ts';
import type { Device } from './devices/devices.ts';
import { ExecutorError } from './executor-error.ts';
import type { Isolation } from './work/isolation.ts';
import { LocalLauncher, type LocalOptions } from './work/local.ts';

export interface Spread {
  mean: number;
  p50: number;
  p95: number;
}

export interface CalibrationJson {
  schema: 'janction.calibration/1';
  isolation: string;
  device: string;
  name: string;
  repeats: number;
  beside: number;
  /** Wall milliseconds from the order to start until the process is up. */
  startMs: Spread;
  /** Beyond the work, from the process being up until its end is known and nothing of it is left. */
  overheadMs: Spread;
  /** From the order to stop (SIGTERM, heeded) until nothing of it is left. */
  stopMs: Spread;
  /** From the start of the process until its device has done the first piece of work: on a GPU mostly the driver's context. */
  firstWorkMs: Spread;
  /** From the end of a job until its device is free again: on a GPU, the driver lists nothing of it and its memory is back. */
  freeMs: Spread;
  /** What a preemption costs: from the order to stop one job until the next one's device has done its first piece of work. */
  preemptionMs: Spread;
  /** Of one job on a whole device: single precision on a GPU, double precision in plain JavaScript on a processor. */
  matmulGflops: number;
  /** Read and written. */
  bandwidthGiBs: number;
}

export interface CalibrateOptions {
  dir: string;
  device: Device;
  isolation: Isolation;
  repeats: number;
  /** Says what is on the GPUs; absent for a slot of a processor. */
  gpus?: LocalOptions['gpus'];
  /** Other jobs that work on the same device meanwhile, each with a fifth of it. */
  beside: number;
  onProgress?: (share: number) => void;
}

/** Wall milliseconds of built-in work in each repeat: on a GPU the driver's context alone takes some hundred. */
const WORK_MS = { cpu: 200, gpu: 1500 };
/** How long and how much the jobs beside work; they are ended when all is measured. */
const BESIDE_MS = 3_600_000;
const BESIDE_PERCENT = 20;

export async function calibrate(o: CalibrateOptions): Promise<CalibrationJson> {
  const workMs = o.device.kind === 'cpu' ? WORK_MS.cpu : WORK_MS.gpu;
  const launchers = (['matmul', 'copy'] as const).map((kind) => new Bench(o, kind));
  const [matmul, copy] = launchers as [Bench, Bench];
  const others = new Bench(o, 'matmul', 'beside', BESIDE_PERCENT);
  launchers.push(others);
  const v = {
    starts: [] as number[],
    overheads: [] as number[],
    stops: [] as number[],
    firsts: [] as number[],
    frees: [] as number[],
    preemptions: [] as number[],
    gflops: [] as number[],
    gibs: [] as number[],
  };
  try {
    for (let i = 0; i < o.beside; i++) await others.start(BESIDE_MS);
    if (o.beside > 0) await new Promise((resolve) => setTimeout(resolve, workMs));
    for (let i = 0; i < o.repeats; i++) {
      const one = await matmul.run(workMs);
      v.starts.push(one.upMs);
      v.overheads.push(Math.max(0, one.tookMs - workMs));
      v.frees.push(one.freeMs);
      v.firsts.push(one.said.firstMs);
      v.gflops.push(one.said.gflops);
      const stopped = await matmul.stop(workMs);
      v.stops.push(stopped.stopMs);
      v.frees.push(stopped.freeMs);
      const next = await copy.run(workMs);
      v.preemptions.push(stopped.stopMs + stopped.freeMs + next.upMs + next.said.firstMs);
      v.gibs.push(next.said.gibs);
      o.onProgress?.((i + 1) / o.repeats);
    }
  } finally {
    for (const l of launchers) await l.close();
  }
  return {
    schema: 'janction.calibration/1',
    isolation: matmul.isolation,
    device: o.device.id,
    name: o.device.name,
    repeats: o.repeats,
    beside: o.beside,
    startMs: spread(v.starts),
    overheadMs: spread(v.overheads),
    stopMs: spread(v.stops),
    firstWorkMs: spread(v.firsts),
    freeMs: spread(v.frees),
    preemptionMs: spread(v.preemptions),
    matmulGflops: round(Math.max(...v.gflops)),
    bandwidthGiBs: round(Math.max(...v.gibs)),
  };
}

interface Said {
  gflops: number;
  gibs: number;
  firstMs: number;
}

/** Jobs one after the other on one device, timed by what the launcher reports. */
class Bench {
  readonly #launcher: LocalLauncher;
  readonly #facts: { at: number; fact: Fact }[] = [];
  readonly #dir: string;
  #heard: () => void = () => {};
  #lease = 0;

  constructor(o: CalibrateOptions, kind: 'matmul' | 'copy', name: string = kind, percent = 100) {
    this.#dir = join(o.dir, name);
    this.#launcher = new LocalLauncher({
      // A lease is known by the number of its run: the benches have one each.
      run: randomUUID(),
      dir: this.#dir,
      nodeName: () => 'calibration',
      deviceOf: () => o.device,
      timeScale: 1,
      graceMs: 5000,
      utilisation: percent,
      workload: { kind, rate: 0 },
      isolation: o.isolation,
      diskMiB: 0,
      processes: 512,
      network: false,
      shares: [],
      // With others on the device its memory never is what it was before.
      ...(o.gpus === undefined || o.beside > 0 ? {} : { gpus: o.gpus }),
    });
    this.#launcher.open((fact) => {
      this.#facts.push({ at: performance.now(), fact });
      this.#heard();
    });
  }

  get isolation(): string {
    return this.#launcher.isolation;
  }

  close(): Promise<void> {
    return this.#launcher.close();
  }

  async #until(kind: number, lease: number): Promise<{ at: number; fact: Fact }> {
    for (;;) {
      const found = this.#facts.find((f) => f.fact.kind === kind && (f.fact as { lease: number }).lease === lease);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async start(workMs: number): Promise<{ action: StartAction; upMs: number; up: number }> {
    const lease = ++this.#lease;
    const action: StartAction = {
      kind: ActionKind.start,
      node: 0,
      lease,
      fence: lease,
      job: lease,
      attempt: 1,
      part: 0,
      parts: 1,
      gpus: [0],
      gpuMilli: 1000,
      limitUs: 60_000_000,
    };
    const at = performance.now();
    this.#launcher.act(action, { workUs: workMs * 1000, fails: false }, null);
    const up = await this.#until(FactKind.started, lease);
    return { action, upMs: up.at - at, up: up.at };
  }

  /** Milliseconds from the end of a job until its device may be given to the next. */
  async #free(action: StartAction, ended: { at: number; fact: Fact }): Promise<number> {
    if ((ended.fact as { clean?: boolean }).clean === true) return 0;
    const { node, lease, fence } = action;
    this.#launcher.act({ kind: ActionKind.release, node, lease, fence }, null, null);
    return (await this.#until(FactKind.released, lease)).at - ended.at;
  }

  async run(workMs: number): Promise<{ upMs: number; tookMs: number; freeMs: number; said: Said }> {
    const { action, upMs, up } = await this.start(workMs);
    const ended = await this.#until(FactKind.exited, action.lease);
    const freeMs = await this.#free(action, ended);
    const own = join(this.#dir, `${action.job}-1-0`);
    const out = readFileSync(join(own, 'stdout'), 'utf8');
    if (out === '') {
      const fault = readFileSync(join(own, 'stderr'), 'utf8').trim().split('\n').slice(-1)[0];
      throw new ExecutorError(`a job on ${action.gpus.length} device ended without a result: ${fault ?? ''}`);
    }
    return { upMs, tookMs: ended.at - up, freeMs, said: JSON.parse(out) as Said };
  }

  async stop(workMs: number): Promise<{ stopMs: number; freeMs: number }> {
    const { action } = await this.start(60_000);
    await new Promise((resolve) => setTimeout(resolve, workMs));
    const ordered = performance.now();
    this.#launcher.act({ ...action, kind: ActionKind.kill }, null, null);
    const ended = await this.#until(FactKind.exited, action.lease);
    return { stopMs: ended.at - ordered, freeMs: await this.#free(action, ended) };
  }
}

const round = (x: number): number => Math.round(x * 1000) / 1000;

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!;
  return { mean: round(values.reduce((a, b) => a + b, 0) / values.length), p50: round(at(0.5)), p95: round(at(0.95)) };
}
