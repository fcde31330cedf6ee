/**
 * SHA-256 (FIPS 180-4) of bytes, streaming or at once, without the host's crypto module: core has none.
 * Messages up to 2^53 - 1 bytes. The round constants are computed, not copied: they are the first 32 bits of the
 * fractions of the cube roots (and, for the start value, square roots) of the first primes.
 */
import { isqrt } from './int.ts';

const BLOCK = 64;
const START = new Int32Array(8);
const K = new Int32Array(64);
fillConstants();

/** Streaming hasher: any number of `update`, then `digest` or `hex` once. */
export class Sha256 {
  readonly #h = START.slice();
  readonly #w = new Int32Array(64);
  readonly #block = new Uint8Array(BLOCK);
  #filled = 0;
  #length = 0;

  update(bytes: Uint8Array): this {
    this.#length += bytes.length;
    let i = 0;
    if (this.#filled > 0) {
      while (i < bytes.length && this.#filled < BLOCK) this.#block[this.#filled++] = bytes[i++]!;
      if (this.#filled < BLOCK) return this;
      this.#compress(this.#block, 0);
      this.#filled = 0;
    }
    for (; i + BLOCK <= bytes.length; i += BLOCK) this.#compress(bytes, i);
    while (i < bytes.length) this.#block[this.#filled++] = bytes[i++]!;
    return this;
  }

  /** The 32 bytes; the hasher is used up. */
  digest(): Uint8Array {
    const block = this.#block;
    block[this.#filled++] = 0x80;
    if (this.#filled > BLOCK - 8) {
      block.fill(0, this.#filled);
      this.#compress(block, 0);
      this.#filled = 0;
    }
    block.fill(0, this.#filled);
    const bitsHigh = Math.floor(this.#length / 0x20000000);
    const bitsLow = this.#length << 3;
    for (let i = 0; i < 4; i++) {
      block[56 + i] = bitsHigh >>> (24 - 8 * i);
      block[60 + i] = bitsLow >>> (24 - 8 * i);
    }
    this.#compress(block, 0);
    const result = new Uint8Array(32);
    for (let i = 0; i < 32; i++) result[i] = this.#h[i >> 2]! >>> (24 - 8 * (i & 3));
    return result;
  }

  /** 64 lower-case hex digits; the hasher is used up. */
  hex(): string {
    let text = '';
    for (const byte of this.digest()) text += byte.toString(16).padStart(2, '0');
    return text;
  }

  #compress(bytes: Uint8Array, at: number): void {
    const w = this.#w;
    const h = this.#h;
    for (let i = 0; i < 16; i++) {
      const j = at + 4 * i;
      w[i] = (bytes[j]! << 24) | (bytes[j + 1]! << 16) | (bytes[j + 2]! << 8) | bytes[j + 3]!;
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
    }
    let a = h[0]!;
    let b = h[1]!;
    let c = h[2]!;
    let d = h[3]!;
    let e = h[4]!;
    let f = h[5]!;
    let g = h[6]!;
    let last = h[7]!;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (last + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      last = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    h[0] = (h[0]! + a) | 0;
    h[1] = (h[1]! + b) | 0;
    h[2] = (h[2]! + c) | 0;
    h[3] = (h[3]! + d) | 0;
    h[4] = (h[4]! + e) | 0;
    h[5] = (h[5]! + f) | 0;
    h[6] = (h[6]! + g) | 0;
    h[7] = (h[7]! + last) | 0;
  }
}

/** SHA-256 of the bytes as 64 lower-case hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return new Sha256().update(bytes).hex();
}

function fillConstants(): void {
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = Number(isqrt(BigInt(n) << 64n) & 0xffffffffn);
    K[found++] = Number(cubeRoot(BigInt(n) << 96n) & 0xffffffffn);
  }
}

/** floor of the cube root by bisection; the argument has at most 105 bits. */
function cubeRoot(n: bigint): bigint {
  let lo = 0n;
  let hi = 1n << 36n;
  while (hi - lo > 1n) {
    const mid = (lo + hi) >> 1n;
    if (mid * mid * mid <= n) lo = mid;
    else hi = mid;
  }
  return lo;
}
