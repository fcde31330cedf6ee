/**
 * Named chance: a draw is a pure function of (key, purpose, id), so replaying a journal gives the same draws in any
 * order, and a new purpose or entity never shifts another one's. The key is in the journal's header.
 *
 * Layout: Philox4x32-10 with key = run key XOR a 64-bit hash of the purpose, counter = the 54-bit two's complements
 * of the one or two ids, each in a word and 22 bits of the next; the 10 bits left of the second word say whether
 * there were one or two ids, those of the fourth count the attempts of the rejection sampler.
 */
import { hashString } from './hash.ts';
import { NumError } from './num-error.ts';
import { philox4x32 } from './philox.ts';

/** Two 32-bit words; read modulo 2^32. */
export type ChanceKey = readonly [number, number];

/** Whom the draw is for: one safe integer, or a pair of them. 7 and [7, 0] are different ids. */
export type ChanceId = number | readonly [number, number];

const TWO32 = 4294967296;
const TWO53 = 9007199254740992;
const HALF_SEED = 0x9747b28c;
const out = new Uint32Array(4);

/** The last purpose and its two hashes: callers ask for one purpose many times. Dropping it changes no draw. */
let known = '';
let knownHash0 = hashString('');
let knownHash1 = hashString('', HALF_SEED);

/** Uniform on [0, 1) with 53 random bits: a multiple of 2^-53. Throws `not-safe-integer`. */
export function chance(key: ChanceKey, purpose: string, id: ChanceId): number {
  return draw53(key, purpose, id, 0) / TWO53;
}

/**
 * Uniform on 0 .. n-1, exactly: draws above the last multiple of n below 2^53 are rejected and drawn again.
 * 1 <= n < 2^53, else throws `range`; throws `not-safe-integer` for a bad id.
 */
export function chanceInt(key: ChanceKey, purpose: string, id: ChanceId, n: number): number {
  if (!Number.isSafeInteger(n) || n < 1) throw new NumError('range', `chanceInt over ${n} values`);
  const end = TWO53 - (TWO53 % n);
  // A draw is rejected with probability below 1/2, so 1,024 rejections in a row do not happen.
  for (let attempt = 0; attempt < 1024; attempt++) {
    const x = draw53(key, purpose, id, attempt);
    if (x < end) return x % n;
  }
  throw new NumError('overflow', `chanceInt(${purpose}) rejected 1024 draws`);
}

/** 53 random bits as an integer. */
function draw53(key: ChanceKey, purpose: string, id: ChanceId, attempt: number): number {
  const pair = typeof id !== 'number';
  const first = pair ? id[0] : id;
  const second = pair ? id[1] : 0;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second))
    throw new NumError('not-safe-integer', `chance(${purpose}) of id ${String(id)}`);
  if (purpose !== known) {
    known = purpose;
    knownHash0 = hashString(purpose);
    knownHash1 = hashString(purpose, HALF_SEED);
  }
  philox4x32(
    first,
    (Math.floor(first / TWO32) & 0x3fffff) | (pair ? 1 << 22 : 0),
    second,
    (Math.floor(second / TWO32) & 0x3fffff) | (attempt << 22),
    key[0] ^ knownHash0,
    key[1] ^ knownHash1,
    out,
  );
  return (out[0]! >>> 5) * 67108864 + (out[1]! >>> 6);
}
