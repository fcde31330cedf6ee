/** Growing byte buffer and a reader over it: LEB128 integers, UTF-8 strings, CRC-32. Little endian throughout. */
import { utf8 } from '../num/index.ts';

const crcTable = new Int32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  crcTable[n] = c;
}

/** CRC-32 (IEEE 802.3, reflected, as in gzip). */
export function crc32(bytes: Uint8Array, from: number, to: number): number {
  let c = -1;
  for (let i = from; i < to; i++) c = (c >>> 8) ^ crcTable[(c ^ bytes[i]!) & 0xff]!;
  return (c ^ -1) >>> 0;
}

export class ByteSink {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 65536) {
    this.bytes = new Uint8Array(capacity);
  }

  #need(n: number): void {
    if (this.length + n <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(v: number): void {
    this.#need(1);
    this.bytes[this.length++] = v;
  }

  u32(v: number): void {
    this.#need(4);
    for (let i = 0; i < 4; i++) this.bytes[this.length++] = (v >>> (8 * i)) & 0xff;
  }

  /** Unsigned safe integer, LEB128. */
  uint(v: number): void {
    if (v < 0x80 && v >= 0 && (v | 0) === v) {
      this.u8(v);
      return;
    }
    if (!Number.isSafeInteger(v) || v < 0) throw new Error(`journal: ${v} is not a whole number`);
    this.#need(8);
    const bytes = this.bytes;
    let at = this.length;
    let rest = v;
    if (v >= 0x10000000) {
      // Four groups of seven bits at once, so that the rest is a small integer.
      const high = Math.floor(v / 0x10000000);
      const low = v - high * 0x10000000;
      bytes[at++] = (low & 0x7f) | 0x80;
      bytes[at++] = ((low >>> 7) & 0x7f) | 0x80;
      bytes[at++] = ((low >>> 14) & 0x7f) | 0x80;
      bytes[at++] = (low >>> 21) | 0x80;
      rest = high;
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.length = at;
  }

  text(s: string): void {
    const n = s.length;
    this.#need(8 + n);
    const start = this.length;
    this.uint(n);
    this.#need(n);
    for (let i = 0; i < n; i++) {
      const c = s.charCodeAt(i);
      if (c >= 0x80) {
        const raw = utf8(s);
        this.length = start;
        this.uint(raw.length);
        this.raw(raw);
        return;
      }
      this.bytes[this.length++] = c;
    }
  }

  /** All of another sink. Few bytes are copied one by one: a view costs more than they do. */
  append(from: ByteSink): void {
    const n = from.length;
    this.#need(n);
    if (n > 256) this.bytes.set(from.bytes.subarray(0, n), this.length);
    else {
      const source = from.bytes;
      const target = this.bytes;
      const at = this.length;
      for (let i = 0; i < n; i++) target[at + i] = source[i]!;
    }
    this.length += n;
  }

  raw(b: Uint8Array): void {
    this.#need(b.length);
    this.bytes.set(b, this.length);
    this.length += b.length;
  }
}

export class ByteSource {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    if (this.at >= this.end) throw new Error('ends too early');
    return this.bytes[this.at++]!;
  }

  u32(): number {
    let v = 0;
    for (let i = 0; i < 4; i++) v |= this.u8() << (8 * i);
    return v >>> 0;
  }

  uint(): number {
    let v = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const b = this.u8();
      v += (b & 0x7f) * scale;
      if (b < 0x80) {
        if (!Number.isSafeInteger(v)) throw new Error('integer out of range');
        return v;
      }
      scale *= 128;
    }
    throw new Error('integer too long');
  }

  text(): string {
    const n = this.uint();
    if (this.at + n > this.end) throw new Error('ends too early');
    const s = decodeUtf8(this.bytes, this.at, this.at + n);
    this.at += n;
    return s;
  }
}

/** Strict UTF-8: a malformed sequence is an error, not a replacement character. */
export function decodeUtf8(bytes: Uint8Array, from: number, to: number): string {
  let s = '';
  for (let i = from; i < to; ) {
    const b = bytes[i++]!;
    if (b < 0x80) {
      s += String.fromCharCode(b);
      continue;
    }
    const more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : 1;
    if (b < 0xc2 || b > 0xf4 || i + more > to) throw new Error(`not UTF-8 at byte ${i - 1}`);
    let code = b & (0x3f >> more);
    for (let k = 0; k < more; k++) {
      const next = bytes[i++]!;
      if ((next & 0xc0) !== 0x80) throw new Error(`not UTF-8 at byte ${i - 1}`);
      code = (code << 6) | (next & 0x3f);
    }
    const short = more === 2 ? code < 0x800 : more === 3 ? code < 0x10000 : false;
    if (short || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw new Error(`not UTF-8 before byte ${i}`);
    s += String.fromCodePoint(code);
  }
  return s;
}
