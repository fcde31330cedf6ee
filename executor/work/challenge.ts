/**
 * The proof-of-contribution challenge, verifier's side: the answer is a product of two matrices that both sides derive from the
 * beacon, and Freivalds' check (mechanisms/verification/freivalds.ts) decides in three matrix-vector products a round. The vectors
 * come from a key drawn after the answer lies there, so a worker cannot fit a wrong one to them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChanceKey } from '../../core/num/index.ts';
import { challengeMatrix, freivalds, roundsFor } from '../../mechanisms/verification/index.ts';

/** Where a worker leaves the product: little-endian 32-bit integers, row by row. */
export const ANSWER = 'answer.bin';
/** A wrong answer passes with a chance of at most 2^-BITS. */
export const BITS = 40;
/** Sides are multiples of this, up to the other. */
export const SIDE_STEP = 64;
export const MAX_SIDE = 4096;

export interface Challenge {
  key: ChanceKey;
  id: number;
  side: number;
  /** To see a check fail: one entry of the answer is made wrong. */
  tamper?: boolean;
}

export interface Verdict {
  accepted: boolean;
  /** Why not, when not. */
  reason: string | null;
  rounds: number;
  commitment: string | null;
  /** The verifier's key: whoever has the answer can check again. */
  key: ChanceKey | null;
  /** Wall milliseconds to derive the matrices, and to check. */
  deriveMs: number;
  checkMs: number;
}

export const challengeArguments = (c: Challenge): string[] => [
  ...[c.key[0], c.key[1], c.id, c.side].map(String),
  c.tamper === true ? 'tamper' : 'honest',
];

/** Judges the answer in a job's working directory; whatever the job left there, this does not throw. */
export function judge(dir: string, c: Challenge): Verdict {
  const verdict: Verdict = {
    accepted: false,
    reason: null,
    rounds: roundsFor(BITS),
    commitment: null,
    key: null,
    deriveMs: 0,
    checkMs: 0,
  };
  let bytes: Buffer;
  try {
    const path = join(dir, ANSWER);
    const s = lstatSync(path);
    if (!s.isFile() || s.size !== 4 * c.side * c.side) return { ...verdict, reason: 'no answer of the right size' };
    bytes = readFileSync(path);
  } catch {
    return { ...verdict, reason: 'no answer' };
  }
  verdict.commitment = createHash('sha256').update(bytes).digest('hex');
  const product = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const begin = performance.now();
  const a = challengeMatrix(c.key, c.id, 'A', c.side);
  const b = challengeMatrix(c.key, c.id, 'B', c.side);
  const derived = performance.now();
  const random = randomBytes(8);
  verdict.key = [random.readUInt32LE(0), random.readUInt32LE(4)];
  verdict.accepted = freivalds(verdict.key, c.id, a, b, product, c.side, verdict.rounds);
  verdict.checkMs = performance.now() - derived;
  verdict.deriveMs = derived - begin;
  if (!verdict.accepted) verdict.reason = 'not the product';
  return verdict;
}
