import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import {
  type ChallengeResult,
  chooseIsolation,
  ExecutorError,
  firstDevice,
  gpuDrivers,
  runChallenge,
} from '../../executor/index.ts';
import { Finding, UsageError } from '../errors.ts';
import { print, wholeFrom } from '../flags.ts';

export interface ChallengeFlags {
  devices: string;
  side: number;
  tamper?: boolean;
  isolation: string;
  json?: boolean;
}

export interface ChallengeJson extends ChallengeResult {
  schema: 'janction.challenge/1';
}

/** Gives one device the challenge in a directory that is gone afterwards, and checks its answer. */
export async function challengeCommand(flags: ChallengeFlags): Promise<ChallengeJson> {
  if (flags.side % 64 !== 0) throw new UsageError(`--side ${flags.side}: write a multiple of 64`);
  const dir = mkdtempSync(join(tmpdir(), 'janction-challenge-'));
  try {
    const device = firstDevice(flags.devices);
    const driver = gpuDrivers().find((d) => d.devices().some((x) => x.id === device.id));
    const key = randomBytes(8);
    const result = await runChallenge({
      dir,
      device,
      isolation: chooseIsolation(flags.isolation),
      challenge: {
        key: [key.readUInt32LE(0), key.readUInt32LE(4)],
        id: 1,
        side: flags.side,
        ...(flags.tamper === true ? { tamper: true } : {}),
      },
      ...(driver === undefined ? {} : { gpus: driver }),
    });
    return { schema: 'janction.challenge/1', ...result };
  } catch (e) {
    if (e instanceof ExecutorError) throw new UsageError(e.message);
    throw e;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readable(c: ChallengeJson): string {
  const ms = (v: number): string => `${v.toFixed(1)} ms`;
  return `${c.device}: ${c.accepted ? 'accepted' : `REFUSED (${c.reason})`}
  product of two ${c.side} x ${c.side} matrices modulo ${c.modulus}
  worker: deriving the matrices ${ms(c.worker.generateMs)}, multiplying ${ms(c.worker.computeMs)}
  verifier: deriving the matrices ${ms(c.deriveMs)}, checking ${ms(c.checkMs)} (${c.rounds} rounds; a wrong answer passes with at most 2^-${c.bits})
`;
}

export function addChallenge(program: Command): void {
  program
    .command('challenge')
    .description('give a device the proof-of-contribution challenge and check its answer; exit 1 when it is refused')
    .option('--devices <which>', 'auto, cpu:1, nvidia or webgpu: the first device is challenged', 'auto')
    .option('--side <n>', 'side of the matrices, a multiple of 64', wholeFrom(64, 4096), 1024)
    .option('--tamper', 'the worker makes one entry of its answer wrong: the check must refuse it')
    .addOption(
      new Option('--isolation <how>', 'as for execute').choices(['auto', 'none', 'bubblewrap']).default('auto'),
    )
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
The worker derives two matrices from a key that nobody knew before and multiplies them, on the GPU by a kernel of our own. The
verifier needs only matrix-vector products (Freivalds 1977; mechanisms/verification/freivalds.md).

Examples:
  janction challenge --devices nvidia --side 4096
  janction challenge --devices cpu:1 --side 256 --tamper`,
    )
    .action(async (flags: ChallengeFlags) => {
      const c = await challengeCommand(flags);
      print(flags.json === true ? `${JSON.stringify(c)}\n` : readable(c));
      if (!c.accepted) throw new Finding('');
    });
}
