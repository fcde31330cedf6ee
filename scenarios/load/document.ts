/**
 * YAML 1.2 to plain values, with the place of every key and value kept for messages. Guards against what a hostile or broken
 * file can do: size, nesting, anchors that expand without end, bytes that are not UTF-8. Anchors and merge keys work; tags,
 * complex keys and several documents are refused. A key without a value counts as absent.
 */
import {
  type Alias,
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Pair,
  Parser,
  visit,
  type YAMLError,
  YAMLParseError,
} from 'yaml';
import { type Problem, quoted, ScenarioError } from '../input-error.ts';
import { utf8Fault, utf8Text } from '../utf8.ts';

/** Largest scenario file: a fleet of thousands of groups is far below, and YAML this long takes seconds to read. */
export const SCENARIO_MAX_BYTES = 1_048_576;
const MAX_DEPTH = 64;
const MAX_INDENT = 400;
const MAX_VALUES = 50_000;
/** Faults of one file that are counted before reading stops. */
const MAX_PROBLEMS = 100;

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
export type Path = readonly (string | number)[];

/** Where a value came from: an offset in the file, or the text of an override. */
export type Origin = number | string;

export interface Place {
  key: Origin;
  value: Origin;
}

/** Places of one document's keys and values, by path. */
export class Places {
  readonly #file: string;
  readonly #text: string;
  readonly #at = new Map<string, Place>();
  #lines: LineCounter | null = null;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    this.set([], { key: 0, value: 0 });
  }

  /** `FILE:LINE:COL`, or the override. */
  name(origin: Origin): string {
    if (typeof origin === 'string') return origin;
    this.#lines ??= linesOf(this.#text);
    const { line, col } = this.#lines.linePos(origin);
    return `${this.#file}:${line}:${col}`;
  }

  set(path: Path, place: Place): void {
    this.#at.set(JSON.stringify(path), place);
  }

  delete(path: Path): void {
    this.#at.delete(JSON.stringify(path));
  }

  /** Forget everything at and below the path, which is not the root. */
  drop(path: Path): void {
    const own = JSON.stringify(path);
    const below = `${own.slice(0, -1)},`;
    for (const key of [...this.#at.keys()]) if (key === own || key.startsWith(below)) this.#at.delete(key);
  }

  /** Place of the key at the end of the path, else of the nearest part of the path that is there. */
  ofKey(path: Path): string {
    for (let n = path.length; n > 0; n--) {
      const place = this.#at.get(JSON.stringify(path.slice(0, n)));
      if (place !== undefined) return this.name(place.key);
    }
    return this.name(this.#at.get('[]')!.key);
  }

  /** Place of the value at the path, else of the key of the nearest part that is there. */
  ofValue(path: Path): string {
    const own = this.#at.get(JSON.stringify(path));
    return own === undefined ? this.ofKey(path) : this.name(own.value);
  }
}

function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lines.addNewLine(i + 1);
  return lines;
}

/** Text of a scenario file. Throws ScenarioError with the line of the first byte that is not UTF-8. */
export function decodeScenario(source: Uint8Array | string, file: string): string {
  const size = source.length;
  if (size > SCENARIO_MAX_BYTES)
    throw fault(
      `${file}:1:1`,
      `${size} bytes are over the limit of ${SCENARIO_MAX_BYTES} for a scenario; give the scenario file, not its data`,
    );
  const text = typeof source === 'string' ? source : decode(source, file);
  const nul = text.indexOf('\0');
  if (nul >= 0) throw fault(`${file}:${lineCol(text, nul)}`, 'a NUL byte; save the file as plain text');
  return text;
}

function decode(bytes: Uint8Array, file: string): string {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const bad = utf8Fault(bytes, start, bytes.length);
  if (bad < 0) return utf8Text(bytes, start, bytes.length);
  const hex = bytes[bad]!.toString(16).padStart(2, '0');
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const what = utf16 ? 'the file is UTF-16' : `byte 0x${hex} is not UTF-8`;
  const before = utf8Text(bytes, start, bad);
  throw fault(`${file}:${lineCol(before, before.length)}`, `${what}; save the file as UTF-8`);
}

function lineCol(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${before[before.length - 1]!.length + 1}`;
}

const fault = (place: string, text: string): ScenarioError => new ScenarioError([{ place, text }]);

/**
 * The plain value of a YAML text that stands at `base`. All of it comes from `origin` when that is given, else from its offsets.
 * Throws ScenarioError with every fault found.
 */
export function readYaml(text: string, places: Places, base: Path = [], origin?: string): Plain {
  const placeOf = (offset: number) => places.name(origin ?? offset);
  const doc = compose(text, (offset) => {
    throw fault(placeOf(offset), `nested more than ${MAX_DEPTH} deep; a scenario needs fewer than ten levels`);
  });
  const problems = [...doc.errors, ...doc.warnings].slice(0, MAX_PROBLEMS).map((e) => ({
    place: placeOf(e.pos[0]),
    text: `not valid YAML: ${lowerFirst(e.message.split('\n')[0]!)}; ${yamlAdvice(e)}`,
  }));
  if (problems.length > 0) throw new ScenarioError(problems);
  if (doc.contents === null) return null;
  return new Converter(doc, places, origin).convert(base);
}

const lowerFirst = (s: string): string => s.slice(0, 1).toLowerCase() + s.slice(1);

function yamlAdvice({ code, message }: YAMLError): string {
  if (message.startsWith('Implicit map keys')) return 'write "key: value", or see whether the file was cut off';
  if (message.startsWith('All mapping items')) return 'align the keys of one level';
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'indent with spaces';
    case 'MISSING_CHAR':
    case 'BAD_INDENT':
      return 'close the quote or bracket, or see whether the file was cut off';
    case 'MULTIPLE_DOCS':
      return 'one scenario per file: remove the line ---';
    case 'TAG_RESOLVE_FAILED':
      return 'write the value without a tag';
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return 'put a text that holds ": " in quotes and align keys of one level';
    default:
      return 'mend the syntax at this place';
  }
}

/** The one document of a text. `deep` is told where it is nested too deep, and must throw. */
function compose(text: string, deep: (offset: number) => never): Document {
  const composer = new Composer({ merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  const [doc, second] = composer.compose(guardedTokens(text, deep), true, text.length);
  if (second !== undefined)
    doc!.errors.push(new YAMLParseError([second.range[0], second.range[1]], 'MULTIPLE_DOCS', 'more than one document'));
  return doc!;
}

/**
 * The syntax tree's tokens, watched for nesting while they are made: the library recurses over them, and recursion over a
 * hundred thousand brackets ends the process. Brackets nest, and so do indicators that follow each other without a comma or,
 * outside of brackets, a line end between them; deeper lines are indented further.
 */
function* guardedTokens(text: string, deep: (offset: number) => never): Generator<CST.Token> {
  const parser = new Parser();
  let offset = 0;
  let open = 0;
  let run = 0;
  let lineStart = true;
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '[' || lexeme === '{') open++;
    else if (lexeme === ']' || lexeme === '}') open--;
    if (lexeme === ':' || lexeme === '?' || lexeme === '-') run++;
    else if (',[]{}'.includes(lexeme) || (open <= 0 && lexeme.endsWith('\n'))) run = 0;
    if (open > MAX_DEPTH || run > MAX_DEPTH || (lineStart && /^ *$/.test(lexeme) && lexeme.length > MAX_INDENT))
      deep(offset);
    for (const token of parser.next(lexeme)) {
      yield token;
      if (token.type === 'error' && ++errors >= MAX_PROBLEMS) return;
    }
    if (controlTokens.includes(lexeme)) continue;
    offset += lexeme.length;
    lineStart = lexeme.endsWith('\n');
  }
  yield* parser.end();
}

/** Tokens that the lexer puts in and that stand for no text. */
const controlTokens: readonly string[] = [CST.DOCUMENT, CST.FLOW_END, CST.SCALAR];

/** The node that each alias stands for: the last one before it with the anchor. */
function targetsOf(doc: Document): Map<Alias, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<Alias, unknown>();
  visit(doc, {
    Alias: (_, alias) => {
      targets.set(alias, anchors.get(alias.source));
    },
    Value: (_, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** Walks the nodes once: values out, places in, aliases followed within a budget. */
class Converter {
  readonly #doc: Document;
  readonly #places: Places;
  readonly #origin: string | undefined;
  readonly #targets: Map<Alias, unknown>;
  readonly #problems: Problem[] = [];
  #values = 0;

  constructor(doc: Document, places: Places, origin: string | undefined) {
    this.#doc = doc;
    this.#places = places;
    this.#origin = origin;
    this.#targets = targetsOf(doc);
  }

  convert(base: Path): Plain {
    const value = this.#node(this.#doc.contents, base, [], null);
    if (this.#problems.length > 0) throw new ScenarioError(this.#problems);
    return value;
  }

  #from(node: unknown): Origin {
    return this.#origin ?? (node as { range?: [number, number, number] | null } | null)?.range?.[0] ?? 0;
  }

  #at(node: unknown): string {
    return this.#places.name(this.#from(node));
  }

  /** `above` holds the nodes being converted: an alias to one of them would never end. */
  #node(given: unknown, path: Path, above: readonly unknown[], key: Origin | null): Plain {
    const node = isAlias(given) ? this.#follow(given, above) : given;
    const from = this.#from(given);
    this.#places.set(path, { key: key ?? from, value: from });
    this.#spend(given);
    if (isMap(node)) return this.#map(node.items, path, [...above, node]);
    if (isSeq(node)) return node.items.map((item, i) => this.#node(item, [...path, i], [...above, node], null));
    return isScalar(node) ? (node.value as Plain) : null;
  }

  #follow(alias: Alias, above: readonly unknown[]): unknown {
    const node = this.#targets.get(alias);
    if (node === undefined)
      throw fault(this.#at(alias), `no anchor &${alias.source} before this; define it or write the value`);
    if (above.includes(node))
      throw fault(this.#at(alias), `*${alias.source} stands inside what it stands for; write the value`);
    return node;
  }

  #map(items: readonly Pair[], path: Path, above: readonly unknown[]): Plain {
    const pairs = new Map<string, Pair>();
    this.#collect(items, pairs, above);
    const result: { [key: string]: Plain } = {};
    for (const [key, pair] of pairs) {
      const at = [...path, key];
      const value = this.#node(pair.value, at, above, this.#from(pair.key));
      if (value !== null) result[key] = value;
      else this.#places.delete(at);
    }
    return result;
  }

  /** Own keys first, then those of merged mappings that are not there yet. */
  #collect(items: readonly Pair[], into: Map<string, Pair>, above: readonly unknown[]): void {
    const own = new Set<string>();
    const merged: Pair[] = [];
    for (const pair of items) {
      this.#spend(pair.key);
      const key = this.#key(pair);
      if (key === null) continue;
      if (key === '<<') merged.push(pair);
      else if (own.has(key)) this.#report(pair.key, `duplicate key ${quoted(key)}; keep one of them`);
      else if (!into.has(key)) into.set(key, pair);
      own.add(key);
    }
    for (const pair of merged) {
      for (const source of isSeq(pair.value) ? pair.value.items : [pair.value]) {
        const node = isAlias(source) ? this.#follow(source, above) : source;
        if (isMap(node)) this.#collect(node.items, into, [...above, node]);
        else this.#report(source, '<< takes a mapping or a list of mappings; name an anchor of one');
      }
    }
  }

  #key(pair: Pair): string | null {
    const k = pair.key;
    const value = isScalar(k) ? k.value : undefined;
    if (typeof value === 'symbol') return '<<';
    if (typeof value === 'string' && value !== '__proto__') return value;
    if (typeof value === 'number' || typeof value === 'boolean')
      return String((k as { source?: string }).source ?? value);
    this.#report(k, 'a key that is no plain name; write a word before the colon');
    return null;
  }

  #report(node: unknown, text: string): void {
    const place = this.#at(node);
    // What stands under an anchor is walked once for each alias.
    if (!this.#problems.some((p) => p.place === place)) this.#problems.push({ place, text });
    if (this.#problems.length >= MAX_PROBLEMS) throw new ScenarioError(this.#problems);
  }

  #spend(node: unknown): void {
    if (++this.#values > MAX_VALUES)
      throw fault(this.#at(node), `anchors and lists expand to more than ${MAX_VALUES} values; write fewer`);
  }
}
