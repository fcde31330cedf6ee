/** One challenge on one device, as a job under the same isolation as any other. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ActionKind, FactKind } from '../core/facts.ts';
import { CHALLENGE_MODULUS } from '../mechanisms/verification/index.ts';
import type { Device } from './devices/devices.ts';
import { ExecutorError } from './executor-error.ts';
import { BITS, type Challenge, type Verdict } from './work/challenge.ts';
import type { Isolation } from './work/isolation.ts';
import { LocalLauncher, type LocalOptions } from './work/local.ts';

export interface ChallengeOptions {
  dir: string;
  device: Device;
  isolation: Isolation;
  challenge: Challenge;
  gpus?: LocalOptions['gpus'];
}

export interface ChallengeResult extends Verdict {
  device: string;
  isolation: string;
  side: number;
  modulus: number;
  bits: number;
  /** What the worker says of itself: its device, wall milliseconds to derive the matrices and to multiply. */
  worker: { device: string; generateMs: number; computeMs: number; commitment: string };
}

export async function runChallenge(o: ChallengeOptions): Promise<ChallengeResult> {
  const launcher = new LocalLauncher({
    run: randomUUID(),
    dir: o.dir,
    nodeName: () => 'challenge',
    deviceOf: () => o.device,
    timeScale: 1,
    graceMs: 1000,
    utilisation: 100,
    isolation: o.isolation,
    diskMiB: 0,
    processes: 512,
    network: false,
    shares: [],
    ...(o.gpus === undefined ? {} : { gpus: o.gpus }),
  });
  try {
    await new Promise<void>((resolve) => {
      launcher.open((fact) => {
        if (fact.kind === FactKind.exited) resolve();
      });
      const id = { node: 0, lease: 1, fence: 1, job: 1, attempt: 1, part: 0, parts: 1 };
      const action = { kind: ActionKind.start, ...id, gpus: [0], gpuMilli: 1000, limitUs: 600_000_000 } as const;
      launcher.act({ ...action, gpus: [0] }, { workUs: 0, fails: false, challenge: o.challenge }, null);
    });
  } finally {
    await launcher.close();
  }
  const own = join(o.dir, '1-1-0');
  const text = readFileSync(join(own, 'stdout'), 'utf8');
  const status = JSON.parse(readFileSync(join(own, 'status.json'), 'utf8')) as { challenge?: Verdict; reason: string };
  if (text === '' || status.challenge === undefined) {
    const said = readFileSync(join(own, 'stderr'), 'utf8').trim().split('\n').at(-1);
    throw new ExecutorError(`the worker on ${o.device.id} gave no answer: ${said || status.reason}`);
  }
  const { device, generateMs, computeMs, commitment } = JSON.parse(text) as ChallengeResult['worker'];
  return {
    device: o.device.id,
    isolation: launcher.isolation,
    side: o.challenge.side,
    modulus: CHALLENGE_MODULUS,
    bits: BITS,
    ...status.challenge,
    worker: { device, generateMs, computeMs, commitment },
  };
}
