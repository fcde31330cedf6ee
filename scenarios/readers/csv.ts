/**
 * Lines and fields of a file separated by commas or another byte, from chunks of bytes, with one line in memory at a time. Fields are read where they
 * lie: no strings are made unless a reader asks for one. Takes LF and CRLF, a last line without an end and a byte-order mark;
 * refuses lines over 1 MiB, NUL bytes and bytes that are not UTF-8. Quoted fields are not interpreted: the formats read here
 * have none.
 */
import { TraceError } from '../input-error.ts';
import { utf8Fault, utf8Text } from '../utf8.ts';
import { recogniseBytes } from './formats.ts';

export const MAX_LINE_BYTES = 1_048_576;

const LF = 10;
const CR = 13;
const COMMA = 44;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
/** Digits up to which a double holds every whole number. */
const SAFE_DIGITS = 15;
const MICRO_DIGITS = 6;
const NOTHING = new Uint8Array(0);

const isDigit = (c: number): boolean => c >= ZERO && c <= NINE;

/** A cursor over the lines: `next` moves it, the other methods read the line it stands on. */
export class CsvReader {
  readonly #file: string;
  readonly #separator: number;
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** Beginning of a line whose end lies in a later chunk. */
  #rest: Uint8Array = new Uint8Array(4096);
  #restSize = 0;
  /** Number of the line, counted from 1; 0 before the first. */
  line = 0;
  #bytes: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;
  /** Where each field starts, and one past the end of the last. */
  #starts: Int32Array = new Int32Array(16);
  #fields = 0;

  constructor(chunks: Iterable<Uint8Array>, file: string, separator: number = COMMA) {
    this.#file = file;
    this.#separator = separator;
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Moves to the next line; false after the last. Throws TraceError. */
  next(): boolean {
    for (;;) {
      const lf = this.#chunk.indexOf(LF, this.#at);
      if (lf >= 0) {
        this.#take(lf);
        this.#at = lf + 1;
        return true;
      }
      this.#keep(this.#chunk.length);
      const step = this.#chunks.next();
      if (step.done === true) break;
      // A plain view, whatever subclass the caller reads into: the loops below stay monomorphic.
      this.#chunk = new Uint8Array(step.value.buffer, step.value.byteOffset, step.value.length);
      this.#at = 0;
    }
    this.#chunk = NOTHING;
    this.#at = 0;
    if (this.#restSize === 0) return false;
    this.#take(0);
    return true;
  }

  /** The line that ends before `to` in the chunk. It is not copied when it lies there whole. */
  #take(to: number): void {
    if (this.#restSize === 0) {
      this.#bytes = this.#chunk;
      this.#start = this.#at;
      this.#end = to;
    } else {
      this.#keep(to);
      this.#bytes = this.#rest;
      this.#start = 0;
      this.#end = this.#restSize;
      this.#restSize = 0;
    }
    this.line++;
    this.#limit(this.#end - this.#start, this.line);
    this.#trim();
    this.#scan();
  }

  /** Copies the chunk up to `to` behind the rest. */
  #keep(to: number): void {
    const more = to - this.#at;
    if (more <= 0) return;
    const size = this.#restSize + more;
    this.#limit(size, this.line + 1);
    if (size > this.#rest.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#rest.length));
      grown.set(this.#rest.subarray(0, this.#restSize));
      this.#rest = grown;
    }
    this.#rest.set(this.#chunk.subarray(this.#at, to), this.#restSize);
    this.#restSize = size;
  }

  #limit(size: number, line: number): void {
    if (size > MAX_LINE_BYTES)
      throw new TraceError(
        this.#file,
        line,
        1,
        `a line of more than ${MAX_LINE_BYTES} bytes; give a text file of short lines`,
      );
  }

  /** Takes off the carriage return and the byte-order mark. */
  #trim(): void {
    const b = this.#bytes;
    if (this.#end > this.#start && b[this.#end - 1] === CR) this.#end--;
    const s = this.#start;
    if (this.line === 1 && this.#end - s >= 3 && b[s] === 0xef && b[s + 1] === 0xbb && b[s + 2] === 0xbf)
      this.#start += 3;
  }

  /** Finds the fields and what has no place in a text. */
  #scan(): void {
    const b = this.#bytes;
    const end = this.#end;
    const separator = this.#separator;
    let starts = this.#starts;
    let n = 0;
    let high = 0;
    starts[n++] = this.#start;
    for (let i = this.#start; i < end; i++) {
      const c = b[i]!;
      high |= c;
      if (c === separator) {
        if (n + 1 >= starts.length) starts = this.#grow();
        starts[n++] = i + 1;
      } else if (c === 0) throw this.#notText(i, 'a NUL byte; give a text file');
    }
    starts[n] = end + 1;
    this.#fields = n;
    const bad = high < 0x80 ? -1 : utf8Fault(b, this.#start, end);
    if (bad >= 0) throw this.#notText(bad, `byte 0x${b[bad]!.toString(16)} is not UTF-8; save the file as UTF-8`);
  }

  #grow(): Int32Array {
    const more = new Int32Array(2 * this.#starts.length);
    more.set(this.#starts);
    this.#starts = more;
    return more;
  }

  #notText(at: number, text: string): TraceError {
    const found = this.line === 1 ? recogniseBytes(this.#bytes, this.#start) : null;
    if (found !== null) return new TraceError(this.#file, 1, 1, `this is ${found}`);
    return new TraceError(this.#file, this.line, at - this.#start + 1, text);
  }

  get fields(): number {
    return this.#fields;
  }

  /** Bytes of the line. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** The whole line. */
  text(): string {
    return utf8Text(this.#bytes, this.#start, this.#end);
  }

  empty(i: number): boolean {
    return this.#starts[i]! === this.#starts[i + 1]! - 1;
  }

  field(i: number): string {
    return utf8Text(this.#bytes, this.#starts[i]!, this.#starts[i + 1]! - 1);
  }

  /** The field as a whole number of at most 15 digits in its shortest form, or -1. */
  whole(i: number): number {
    const b = this.#bytes;
    const from = this.#starts[i]!;
    const to = this.#starts[i + 1]! - 1;
    if (from === to || to - from > SAFE_DIGITS || (b[from] === ZERO && to - from > 1)) return -1;
    let value = 0;
    for (let at = from; at < to; at++) {
      const c = b[at]!;
      if (!isDigit(c)) return -1;
      value = value * 10 + (c - ZERO);
    }
    return value;
  }

  /**
   * The field as seconds, in whole microseconds: exact, further decimals rounded half up. -1 when it is no plain decimal number,
   * Infinity when it reaches 2^53 us.
   */
  micros(i: number): number {
    const b = this.#bytes;
    const from = this.#starts[i]!;
    const to = this.#starts[i + 1]! - 1;
    let at = from;
    let seconds = 0;
    for (; at < to; at++) {
      const c = b[at]!;
      if (!isDigit(c)) break;
      seconds = seconds * 10 + (c - ZERO);
    }
    if (at === from) return -1;
    const fraction = at < to ? this.#fraction(at, to) : 0;
    if (fraction < 0) return -1;
    const total = seconds * 1_000_000 + fraction;
    return total < Number.MAX_SAFE_INTEGER ? total : Number.POSITIVE_INFINITY;
  }

  /** Microseconds of ".d…" in [at, to), or -1. */
  #fraction(point: number, to: number): number {
    const b = this.#bytes;
    if (b[point] !== DOT || point + 1 === to) return -1;
    let micros = 0;
    for (let digit = 0; digit < MICRO_DIGITS; digit++) {
      const at = point + 1 + digit;
      const c = at < to ? b[at]! : ZERO;
      if (!isDigit(c)) return -1;
      micros = micros * 10 + (c - ZERO);
    }
    for (let at = point + 1 + MICRO_DIGITS; at < to; at++) if (!isDigit(b[at]!)) return -1;
    const next = point + 1 + MICRO_DIGITS;
    return next < to && b[next]! >= ZERO + 5 ? micros + 1 : micros;
  }

  /** A fault of field `i`. */
  fault(text: string, i = 0): TraceError {
    const column = i < this.#fields ? this.#starts[i]! - this.#start + 1 : 1;
    return new TraceError(this.#file, this.line, column, text);
  }
}
