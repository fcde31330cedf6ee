/**
 * What this machine takes to start, end and stop a job under its isolation, and how fast its processor slots are: the constants
 * that a prediction needs and that nobody should have to guess.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ActionKind, type Fact, FactKind, type StartAction } from '../core/facts.ts';
import type { Device } from './devices/devices.ts';
import type { Isolation } from './work/isolation.ts';
import { LocalLauncher } from './work/local.ts';

export interface Spread {
  mean: number;
  p50: number;
  p95: number;
}

export interface CalibrationJson {
  schema: 'janction.calibration/1';
  isolation: string;
  device: string;
  repeats: number;
  /** Wall milliseconds from the order to start until the process is up. */
  startMs: Spread;
  /** Beyond the work, from the process being up until its end is known and nothing of it is left. */
  overheadMs: Spread;
  /** From the order to stop (SIGTERM, heeded) until nothing of it is left. */
  stopMs: Spread;
  /** Of one job on a whole processor, double precision, plain JavaScript. */
  matmulGflops: number;
  bandwidthGiBs: number;
}

export interface CalibrateOptions {
  dir: string;
  run: string;
  device: Device;
  isolation: Isolation;
  repeats: number;
  onProgress?: (share: number) => void;
}

/** Wall milliseconds of built-in work in each repeat. */
const WORK_MS = 200;

export async function calibrate(o: CalibrateOptions): Promise<CalibrationJson> {
  const launcher = new LocalLauncher({
    run: o.run,
    dir: o.dir,
    nodeName: () => 'calibration',
    deviceOf: () => o.device,
    timeScale: 1,
    graceMs: 2000,
    utilisation: 100,
    isolation: o.isolation,
    diskMiB: 0,
    processes: 512,
    network: false,
    shares: [],
  });
  const facts: { at: number; fact: Fact }[] = [];
  let heard: () => void = () => {};
  launcher.open((fact) => {
    facts.push({ at: performance.now(), fact });
    heard();
  });
  const until = async (kind: number, lease: number): Promise<number> => {
    for (;;) {
      const found = facts.find((f) => f.fact.kind === kind && (f.fact as { lease: number }).lease === lease);
      if (found !== undefined) return found.at;
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  let lease = 0;
  const start = (workMs: number): { action: StartAction; at: number } => {
    const action: StartAction = {
      kind: ActionKind.start,
      node: 0,
      lease: ++lease,
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
    launcher.act(action, { workUs: workMs * 1000, fails: false }, null);
    return { action, at };
  };
  const starts: number[] = [];
  const overheads: number[] = [];
  const stops: number[] = [];
  const gflops: number[] = [];
  const gibs: number[] = [];
  try {
    for (let i = 0; i < o.repeats; i++) {
      const { action, at } = start(WORK_MS);
      const up = await until(FactKind.started, action.lease);
      const end = await until(FactKind.exited, action.lease);
      starts.push(up - at);
      overheads.push(Math.max(0, end - up - WORK_MS));
      const said = JSON.parse(readFileSync(join(o.dir, `${action.job}-1-0`, 'stdout'), 'utf8')) as {
        gflops: number;
        gibs: number;
      };
      gflops.push(said.gflops);
      gibs.push(said.gibs);
      const long = start(60_000);
      await until(FactKind.started, long.action.lease);
      await new Promise((resolve) => setTimeout(resolve, WORK_MS));
      const ordered = performance.now();
      launcher.act({ ...long.action, kind: ActionKind.kill }, null, null);
      stops.push((await until(FactKind.exited, long.action.lease)) - ordered);
      o.onProgress?.((i + 1) / o.repeats);
    }
  } finally {
    await launcher.close();
  }
  return {
    schema: 'janction.calibration/1',
    isolation: launcher.isolation,
    device: o.device.id,
    repeats: o.repeats,
    startMs: spread(starts),
    overheadMs: spread(overheads),
    stopMs: spread(stops),
    matmulGflops: round(Math.max(...gflops)),
    bandwidthGiBs: round(Math.max(...gibs)),
  };
}

const round = (x: number): number => Math.round(x * 1000) / 1000;

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!;
  return { mean: round(values.reduce((a, b) => a + b, 0) / values.length), p50: round(at(0.5)), p95: round(at(0.95)) };
}
