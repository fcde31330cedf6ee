/**
 * Fast non-cryptographic hashes: a streaming 64-bit digest of integers and texts, and a 32-bit hash of one text.
 * They detect accidents (two runs that differ), not adversaries: use sha256 where somebody gains by a collision.
 *
 * The block step and the final mix are those of MurmurHash3 (Austin Appleby, public domain), here on two lanes that
 * feed each other. For a fixed input the step is a bijection of the 64-bit state, and for a fixed state it is
 * injective in the 64 bits of input, so two streams that differ in one integer never collide.
 */
import { highWord, lowWord } from './double-bits.ts';
import { NumError } from './num-error.ts';

const C1 = 0x239b961b | 0;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5 | 0;
const TWO32 = 4294967296;
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** High words that no 53-bit integer has, so that a text or BigInt never reads as an integer. */
const TAG_STRING = 0x53000000;
const TAG_BIGINT = 0x42000000;
const TAG_DOUBLE = 0x44000000;

/** Plain data: what a snapshot keeps of a Digest. Two signed 32-bit words. */
export interface DigestState {
  readonly a: number;
  readonly b: number;
}

/**
 * Streaming 64-bit hash. The order, the kind and the boundaries of what is mixed all count: mixString('ab') differs
 * from mixString('a') then mixString('b'), and 5, 5n and '5' all differ.
 */
export class Digest {
  #a = 0;
  #b = 0;

  constructor(seed = 0) {
    this.#a = seed | 0;
    this.#b = ~seed | 0;
  }

  /** Mixes all 53 bits and the sign of a safe integer; -0 is 0. Throws `not-safe-integer`. */
  mixInt(x: number): void {
    const word = x | 0;
    if (word === x) {
      this.#step(word, word >> 31);
    } else {
      if (!Number.isSafeInteger(x)) throw new NumError('not-safe-integer', `mixInt(${x})`);
      this.#step(word, Math.floor(x / TWO32) | 0);
    }
  }

  /** mixInt of the first `count` values: the fast way through a column. */
  mixInts(values: ArrayLike<number>, count: number): void {
    for (let i = 0; i < count; i++) {
      const x = values[i]!;
      const word = x | 0;
      if (word === x) this.#step(word, word >> 31);
      else {
        if (!Number.isSafeInteger(x)) throw new NumError('not-safe-integer', `mixInts(${x})`);
        this.#step(word, Math.floor(x / TWO32) | 0);
      }
    }
  }

  /** Mixes the 64 bits of a double; every NaN is the same NaN, and -0 differs from 0. */
  mixDouble(x: number): void {
    this.#step(0, TAG_DOUBLE);
    if (Number.isNaN(x)) this.#step(0, 0x7ff80000);
    else this.#step(lowWord(x), highWord(x));
  }

  /** Mixes the length and the UTF-16 code units of a text. */
  mixString(s: string): void {
    const n = s.length;
    this.#step(n, TAG_STRING);
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      this.#step(s.charCodeAt(i) | (s.charCodeAt(i + 1) << 16), s.charCodeAt(i + 2) | (s.charCodeAt(i + 3) << 16));
    }
    if (i < n) {
      // charCodeAt past the end is NaN, which the bit operators read as 0; the length already tells them apart.
      this.#step(s.charCodeAt(i) | (s.charCodeAt(i + 1) << 16), s.charCodeAt(i + 2) | 0);
    }
  }

  /** Mixes sign, length and all bits of a BigInt. */
  mixBigInt(x: bigint): void {
    const small = Number(x);
    if (Number.isSafeInteger(small)) {
      this.#step(0, TAG_BIGINT);
      this.#step(small | 0, Math.floor(small / TWO32) | 0);
      return;
    }
    const negative = x < 0n;
    const hex = (negative ? -x : x).toString(16);
    const pairs = Math.floor((hex.length + 15) / 16);
    this.#step(negative ? -pairs : pairs, TAG_BIGINT);
    for (let end = hex.length; end > 0; end -= 16) {
      const middle = end > 8 ? end - 8 : 0;
      const start = end > 16 ? end - 16 : 0;
      this.#step(
        Number.parseInt(hex.slice(middle, end), 16) | 0,
        middle > start ? Number.parseInt(hex.slice(start, middle), 16) | 0 : 0,
      );
    }
  }

  /** mixBigInt of the first `count` values, without a BigInt object for each that a double holds. */
  mixBigInts(values: BigInt64Array, count: number): void {
    const words = new Int32Array(values.buffer, values.byteOffset, 2 * count);
    const low = littleEndian ? 0 : 1;
    for (let i = 0; i < count; i++) {
      const high = words[2 * i + 1 - low]!;
      if (high >= 0x200000 || high <= -0x200000) {
        this.mixBigInt(values[i]!);
        continue;
      }
      this.#step(0, TAG_BIGINT);
      this.#step(words[2 * i + low]!, high);
    }
  }

  /** 52 bits of the digest as a whole number, 0 .. 2^52-1. */
  value52(): number {
    let a = this.#a;
    let b = this.#b;
    a = (a + b) | 0;
    b = (b + a) | 0;
    return (finish(a) >>> 12) * TWO32 + (finish(b) >>> 0);
  }

  /** The digest so far as 16 lower-case hex digits; more may be mixed afterwards. */
  hex(): string {
    let a = this.#a;
    let b = this.#b;
    a = (a + b) | 0;
    b = (b + a) | 0;
    a = finish(a);
    b = finish(b);
    a = (a + b) | 0;
    b = (b + a) | 0;
    return hex32(a) + hex32(b);
  }

  /** A copy of the state for a snapshot. */
  state(): DigestState {
    return { a: this.#a, b: this.#b };
  }

  /** Continues from a state; throws `range` when it is not two 32-bit words. */
  restore(state: DigestState): void {
    if ((state.a | 0) !== state.a || (state.b | 0) !== state.b) throw new NumError('range', 'digest state');
    this.#a = state.a;
    this.#b = state.b;
  }

  #step(low: number, high: number): void {
    let k = Math.imul(low, C1);
    k = Math.imul((k << 15) | (k >>> 17), C2);
    let a = this.#a ^ k;
    const b = this.#b;
    a = (((a << 19) | (a >>> 13)) + b) | 0;
    a = (Math.imul(a, 5) + 0x561ccd1b) | 0;
    k = Math.imul(high, C2);
    k = Math.imul((k << 16) | (k >>> 16), C3);
    let c = b ^ k;
    c = (((c << 17) | (c >>> 15)) + a) | 0;
    this.#a = a;
    this.#b = (Math.imul(c, 5) + 0x0bcaa747) | 0;
  }
}

/** MurmurHash3 x86 32-bit of the UTF-16LE bytes of a text: an unsigned 32-bit integer. */
export function hashString(s: string, seed = 0): number {
  const n = s.length;
  let h = seed | 0;
  let i = 0;
  for (; i + 2 <= n; i += 2) {
    let k = Math.imul(s.charCodeAt(i) | (s.charCodeAt(i + 1) << 16), 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    h ^= k;
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (i < n) {
    let k = Math.imul(s.charCodeAt(i), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
  }
  return finish(h ^ (n * 2)) >>> 0;
}

/** The 32-bit finaliser of MurmurHash3: a bijection in which every input bit reaches every output bit. */
function finish(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hex32(x: number): string {
  return (x >>> 0).toString(16).padStart(8, '0');
}
