/**
 * JSON files that people write: markets, elections, reward inputs. Faults name file, line and column; a key given twice, bytes that
 * are not UTF-8 and numbers that lose digits are faults, where JSON.parse would pass over them in silence.
 */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { utf8Fault, utf8Text } from '../scenarios/utf8.ts';
import { oneLine, UsageError } from './errors.ts';

const MAX_BYTES = 256 * 1024 * 1024;
const MAX_DEPTH = 64;

type Path = readonly PropertyKey[];

/** A value of the schema from a JSON file. Throws UsageError `FILE:LINE:COL: what; how to mend it`. */
export function readJsonInput<S extends z.ZodType>(path: string, schema: S, example: string): z.output<S> {
  return parseJsonInput(textOf(path, example), path, schema);
}

/** The same from a text; `file` is only its name in messages. */
export function parseJsonInput<S extends z.ZodType>(text: string, file: string, schema: S): z.output<S> {
  const value = new JsonReader(text, file).read();
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  const more = checked.error.issues.length > 1 ? ` (and ${checked.error.issues.length - 1} more)` : '';
  const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
  const where = keys.length > 0 ? [...issue.path, keys[0]!] : issue.path;
  throw new UsageError(`${placeOf(text, file, where)}: ${whatIsWrong(issue)}${more}`);
}

/** Any JSON document, for readers that check it themselves. */
export const parseJson = (text: string, file: string): unknown => new JsonReader(text, file).read();

/** `FILE:LINE:COL` of the value at the path, for checks that a schema cannot make. */
export function placeOf(text: string, file: string, path: Path): string {
  const at = new JsonReader(text, file, path).find();
  return `${file}:${lineCol(text, at)}`;
}

function whatIsWrong(issue: z.core.$ZodIssue): string {
  const name = issue.path.length === 0 ? 'the document' : issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return `unknown key "${issue.keys[0]}"; take it out or correct its name`;
  return oneLine(`${name}: ${messageOf(issue)}`);
}

/** Of a value that may have several shapes, what its own schema says, if it says anything; else plain words. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union') {
    const own = issue.errors.map((branch) => branch[0]?.message ?? '').find((m) => !/^(?:Invalid|Too |$)/.test(m));
    return own ?? 'has none of the forms that can stand here; see --help for an example';
  }
  if (issue.code === 'invalid_type') {
    const missing = /received undefined$/.test(issue.message);
    if (/^Invalid/.test(issue.message))
      return missing ? `missing; add it (${issue.expected})` : `want ${issue.expected}`;
  }
  if (issue.code === 'too_small')
    return issue.origin === 'array' || issue.origin === 'string'
      ? `has too few entries; give at least ${issue.minimum}`
      : `too small; write ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
  if (issue.code === 'too_big')
    return issue.origin === 'array' || issue.origin === 'string'
      ? `has too many entries; give at most ${issue.maximum}`
      : `too large; write ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
  return issue.message;
}

/** UTF-8 text of a file; `example` says what a user should have given. */
export function textOf(path: string, example: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : `cannot be read (${code})`;
    throw new UsageError(`${path}: ${why}; ${example}`);
  }
  if (bytes.length > MAX_BYTES) throw new UsageError(`${path}: over ${MAX_BYTES} bytes; ${example}`);
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start));
  } catch {
    const before = utf8Text(bytes, start, utf8Fault(bytes, start, bytes.length));
    throw new UsageError(`${path}:${lineCol(before, before.length)}: not UTF-8; save the file as UTF-8`);
  }
}

function lineCol(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${before[before.length - 1]!.length + 1}`;
}

/** RFC 8259 reader; with a target path it also notes where that value, or the nearest part of its path, begins. */
class JsonReader {
  readonly #text: string;
  readonly #file: string;
  readonly #target: Path | null;
  #at = 0;
  #depth = 0;
  readonly #path: PropertyKey[] = [];
  #foundAt = 0;
  #foundLength = -1;

  constructor(text: string, file: string, target: Path | null = null) {
    this.#text = text;
    this.#file = file;
    this.#target = target;
  }

  read(): unknown {
    this.#space();
    if (this.#at >= this.#text.length) throw this.#fault(0, 'the file is empty; it must hold one JSON document');
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length)
      throw this.#fault(this.#at, 'text after the end of the JSON document; take it out');
    return value;
  }

  find(): number {
    this.read();
    return this.#foundAt;
  }

  #fault(at: number, what: string): UsageError {
    return new UsageError(`${this.#file}:${lineCol(this.#text, at)}: ${what}`);
  }

  #space(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return;
    }
  }

  #note(at: number): void {
    const target = this.#target;
    if (target === null) return;
    const n = this.#path.length;
    if (n <= this.#foundLength || n > target.length) return;
    for (let i = 0; i < n; i++) if (this.#path[i] !== target[i]) return;
    this.#foundAt = at;
    this.#foundLength = n;
  }

  #value(): unknown {
    this.#note(this.#at);
    const c = this.#text[this.#at];
    if (c === '{') return this.#object();
    if (c === '[') return this.#array();
    if (c === '"') return this.#string();
    return this.#scalar();
  }

  #open(): void {
    if (++this.#depth > MAX_DEPTH)
      throw this.#fault(this.#at, `nested more than ${MAX_DEPTH} deep; this input needs fewer`);
    this.#at++;
    this.#space();
  }

  #object(): unknown {
    const out: Record<string, unknown> = {};
    this.#open();
    for (let first = true; this.#text[this.#at] !== '}'; first = false) {
      if (!first) this.#comma('}');
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') throw this.#fault(keyAt, this.#unexpected('a key in double quotes'));
      const key = this.#string();
      if (Object.hasOwn(out, key)) throw this.#fault(keyAt, `key "${key}" given twice; keep one`);
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#fault(this.#at, this.#unexpected('":" after the key'));
      this.#at++;
      this.#space();
      this.#path.push(key);
      const value = this.#value();
      Object.defineProperty(out, key, { value, writable: true, enumerable: true, configurable: true });
      this.#path.pop();
      this.#space();
    }
    this.#at++;
    this.#depth--;
    return out;
  }

  #array(): unknown {
    const out: unknown[] = [];
    this.#open();
    while (this.#text[this.#at] !== ']') {
      if (out.length > 0) this.#comma(']');
      this.#path.push(out.length);
      out.push(this.#value());
      this.#path.pop();
      this.#space();
    }
    this.#at++;
    this.#depth--;
    return out;
  }

  #comma(close: string): void {
    if (this.#text[this.#at] !== ',') throw this.#fault(this.#at, this.#unexpected(`"," or "${close}"`));
    this.#at++;
    this.#space();
  }

  #unexpected(wanted: string): string {
    const c = this.#text[this.#at];
    return c === undefined
      ? `the file ends where ${wanted} should be; is it cut off?`
      : `not valid JSON: ${JSON.stringify(c)} where ${wanted} should be`;
  }

  #string(): string {
    const start = this.#at;
    for (let i = start + 1; i < this.#text.length; i++) {
      const c = this.#text.charCodeAt(i);
      if (c === 34) {
        this.#at = i + 1;
        try {
          return JSON.parse(this.#text.slice(start, i + 1)) as string;
        } catch {
          throw this.#fault(start, 'not valid JSON: a text with a bad escape');
        }
      }
      if (c === 92) i++;
      else if (c < 32) throw this.#fault(i, 'not valid JSON: a text with a line break or control character in it');
    }
    throw this.#fault(start, 'the file ends within a text; is it cut off?');
  }

  #scalar(): unknown {
    const start = this.#at;
    const word = /[^\s,\]}:"[{]*/y;
    word.lastIndex = start;
    const text = word.exec(this.#text)![0];
    if (text === '') throw this.#fault(start, this.#unexpected('a value'));
    this.#at = start + text.length;
    if (text === 'null') return null;
    if (text === 'true') return true;
    if (text === 'false') return false;
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
      throw this.#fault(
        start,
        `not valid JSON: ${JSON.stringify(text.slice(0, 40))}; write a number, or a text in double quotes`,
      );
    }
    const value = Number(text);
    if (!Number.isFinite(value)) throw this.#fault(start, `${text.slice(0, 40)} is too large for a number`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(text)) {
      throw this.#fault(
        start,
        `${text.slice(0, 40)} is beyond 2^53 and would lose digits; write it as a text in double quotes`,
      );
    }
    return value;
  }
}
