/**
 * Freivalds' check of a matrix product, and the challenge built on it: the worker multiplies, the verifier needs only three
 * matrix-vector products. The executor runs this very code against real devices. Page: freivalds.md.
 */
import { type ChanceKey, chanceInt } from '../../core/num/index.ts';

/** Row-major n x n matrix of integers in [0, q). */
export type Matrix = Int32Array;

/** Prime modulus of the integer challenge: products of two residues and their sums stay exact in doubles and in 32-bit GPU integers. */
export const CHALLENGE_MODULUS = 4093;

/** Matrix of challenge `id`, side n, drawn from the beacon `key`: the worker cannot know it before. */
export function challengeMatrix(
  key: ChanceKey,
  id: number,
  which: 'A' | 'B',
  n: number,
  q = CHALLENGE_MODULUS,
): Matrix {
  const m = new Int32Array(n * n);
  for (let i = 0; i < m.length; i++) m[i] = chanceInt(key, `challenge-${which}`, [id, i], q);
  return m;
}

/** The honest work: A B mod q, 2 n^3 operations. */
export function multiplyMod(a: Matrix, b: Matrix, n: number, q = CHALLENGE_MODULUS): Matrix {
  const c = new Int32Array(n * n);
  const row = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    row.fill(0);
    for (let k = 0; k < n; k++) {
      const x = a[i * n + k]!;
      // (q-1)^2 n stays below 2^53 for every n that fits in memory.
      for (let j = 0; j < n; j++) row[j]! += x * b[k * n + j]!;
    }
    for (let j = 0; j < n; j++) c[i * n + j] = row[j]! % q;
  }
  return c;
}

function apply(m: Matrix, v: Float64Array, n: number, q: number): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += m[i * n + j]! * v[j]!;
    out[i] = sum % q;
  }
  return out;
}

/**
 * True when C passes one round with vector r over the field of q elements: A (B r) = C r. A right C always passes; a wrong one passes
 * a uniformly drawn r with probability q^-rank(C - AB).
 */
export function passesRound(
  a: Matrix,
  b: Matrix,
  c: Matrix,
  r: ArrayLike<number>,
  n: number,
  q = CHALLENGE_MODULUS,
): boolean {
  const v = Float64Array.from(r);
  const left = apply(a, apply(b, v, n, q), n, q);
  const right = apply(c, v, n, q);
  for (let i = 0; i < n; i++) if ((((left[i]! - right[i]!) % q) + q) % q !== 0) return false;
  return true;
}

/** `rounds` rounds with vectors drawn from the verifier's key, after the answer was committed. */
export function freivalds(
  key: ChanceKey,
  id: number,
  a: Matrix,
  b: Matrix,
  c: Matrix,
  n: number,
  rounds: number,
  q = CHALLENGE_MODULUS,
): boolean {
  if (c.length !== n * n) return false;
  const r = new Float64Array(n);
  for (let round = 0; round < rounds; round++) {
    for (let j = 0; j < n; j++) r[j] = chanceInt(key, 'freivalds', [id, round * n + j], q);
    if (!passesRound(a, b, c, r, n, q)) return false;
  }
  return true;
}

/** Rounds over q elements so that a wrong answer passes with probability at most 2^-bits. */
export function roundsFor(bits: number, q = CHALLENGE_MODULUS): number {
  let rounds = 0;
  for (let chance = 1n, want = 1n << BigInt(bits); chance < want; chance *= BigInt(q)) rounds++;
  return rounds;
}

/**
 * Floating-point products of a real GPU: accept when |A (B r) - C r| stays within gamma |A| |B| |r| row by row, the rounding bound of
 * an inner product of length n (Higham 2002, section 3.5) times `slack` for the order in which the device adds.
 * Row-major single-precision data; r has entries +1 and -1.
 */
export function passesFloatRound(
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  r: ArrayLike<number>,
  n: number,
  slack = 4,
): boolean {
  const unit = 1 / 16_777_216;
  const gamma = (n * unit * slack) / (1 - n * unit);
  const br = new Float64Array(n);
  const size = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      br[i]! += b[i * n + j]! * r[j]!;
      size[i]! += Math.abs(b[i * n + j]! * r[j]!);
    }
  }
  for (let i = 0; i < n; i++) {
    let left = 0;
    let bound = 0;
    let right = 0;
    for (let j = 0; j < n; j++) {
      left += a[i * n + j]! * br[j]!;
      bound += Math.abs(a[i * n + j]!) * size[j]!;
      right += c[i * n + j]! * r[j]!;
    }
    if (!(Math.abs(left - right) <= gamma * bound)) return false;
  }
  return true;
}
