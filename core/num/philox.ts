/**
 * Philox4x32-10, a counter-based generator: 128 bits of counter and 64 bits of key in, 128 random bits out, no state.
 * The same (counter, key) gives the same words on every platform, so a draw can be named instead of sequenced.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11; the constants and the
 * known answers of the tests are those of Random123. Not cryptographic.
 */

const M0 = 0xd2511f53 | 0;
const M0_HIGH = 0xd251;
const M0_LOW = 0x1f53;
const M1 = 0xcd9e8d57 | 0;
const M1_HIGH = 0xcd9e;
const M1_LOW = 0x8d57;
const WEYL0 = 0x9e3779b9 | 0; // 2^32 times the golden ratio's fraction
const WEYL1 = 0xbb67ae85 | 0; // 2^32 times (sqrt(3) - 1)
const ROUNDS = 10;

/**
 * Writes the four output words of counter (c0, c1, c2, c3) under key (k0, k1) to out[0..3]. Arguments are read modulo
 * 2^32, so signed and unsigned words mean the same. Allocates nothing.
 *
 * The high halves of the 32 x 32 bit products come from 16-bit pieces: low * low, then each cross product plus a
 * carry of at most 16 bits, which still fits 32 bits ((2^16 - 1)^2 + 2^16 - 1 < 2^32).
 */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  let x0 = c0 | 0;
  let x1 = c1 | 0;
  let x2 = c2 | 0;
  let x3 = c3 | 0;
  let key0 = k0 | 0;
  let key1 = k1 | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const a = x0 & 0xffff;
    const b = x0 >>> 16;
    const ab = (Math.imul(b, M0_LOW) + (Math.imul(a, M0_LOW) >>> 16)) | 0;
    const ac = (Math.imul(a, M0_HIGH) + (ab & 0xffff)) | 0;
    const high0 = (Math.imul(b, M0_HIGH) + (ab >>> 16) + (ac >>> 16)) | 0;
    const c = x2 & 0xffff;
    const d = x2 >>> 16;
    const cd = (Math.imul(d, M1_LOW) + (Math.imul(c, M1_LOW) >>> 16)) | 0;
    const ce = (Math.imul(c, M1_HIGH) + (cd & 0xffff)) | 0;
    const high1 = (Math.imul(d, M1_HIGH) + (cd >>> 16) + (ce >>> 16)) | 0;
    const low0 = Math.imul(x0, M0);
    const low1 = Math.imul(x2, M1);
    x0 = high1 ^ x1 ^ key0;
    x1 = low1;
    x2 = high0 ^ x3 ^ key1;
    x3 = low0;
    key0 = (key0 + WEYL0) | 0;
    key1 = (key1 + WEYL1) | 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}
