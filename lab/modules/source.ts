/**
 * A user's file becomes a function: types are stripped in place (line and column stay), every name it uses is looked at, and
 * every loop and function counts a step, so that one that never returns is stopped after the same number of steps on every
 * machine. No sandbox against malice: it is the user's own code, and these checks keep a run reproducible.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { transformSync } from '@swc/wasm-typescript';
import { type Node, parse } from 'acorn';
import { ModuleFault } from './fault.ts';

/** Bytes of a module file at most: it is one rule, not an application. */
const MOST_BYTES = 1 << 20;

export interface ModuleSource {
  /** As the scenario names it. */
  file: string;
  /** SHA-256 of the file's bytes. */
  sha256: string;
  bytes: Uint8Array;
  /** JavaScript of a function body, types stripped, steps counted. */
  body: string;
  /** Names it takes from janction-lab/core: [imported, local]. */
  imports: [string, string][];
}

/** Reads a module's file; `file` is what messages and manifests call it. */
export function readModule(path: string, file: string): ModuleSource {
  let bytes: Uint8Array;
  try {
    const fd = openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new ModuleFault(file, 'is no file; name the module itself');
      if (stat.size > MOST_BYTES)
        throw new ModuleFault(file, `has ${stat.size} bytes; a module may have ${MOST_BYTES}`);
      bytes = readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (e) {
    if (e instanceof ModuleFault) throw e;
    const code = (e as NodeJS.ErrnoException).code;
    throw new ModuleFault(
      file,
      code === 'ENOENT' ? 'no such file; give the path of a .ts or .js module' : `cannot be read (${code})`,
    );
  }
  return compileModule(bytes, file);
}

export function compileModule(bytes: Uint8Array, file: string): ModuleSource {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ModuleFault(file, 'is not UTF-8 text; save it as UTF-8');
  }
  if (text.trim() === '')
    throw new ModuleFault(file, 'is empty; export a mechanism by default', { line: 1, column: 1 });
  const js = file.endsWith('.ts') || file.endsWith('.mts') ? strip(text, file) : text;
  const { body, imports } = prepare(js, file);
  return { file, bytes, sha256: createHash('sha256').update(bytes).digest('hex'), body, imports };
}

function strip(text: string, file: string): string {
  try {
    return transformSync(text, { mode: 'strip-only', module: true, filename: file }).code;
  } catch (e) {
    const fault = e as { message?: string; startLine?: number; startColumn?: number; snippet?: string };
    const what = (fault.message ?? String(e)).split('\n')[0]!.trim().replace(/\.$/, '');
    const at =
      fault.startLine === undefined ? undefined : { line: fault.startLine, column: (fault.startColumn ?? 0) + 1 };
    throw new ModuleFault(
      file,
      `${lower(what)}; only TypeScript whose types can be erased is taken (no enum, no namespace)`,
      at,
    );
  }
}

const lower = (s: string): string => s.slice(0, 1).toLowerCase() + s.slice(1);

/** Names that would make a run depend on more than its scenario and seed, or reach outside it; with what to do instead. */
const banned: Record<string, string> = {};
for (const [names, advice] of [
  ['Date performance', 'time is what the view or the input says (now)'],
  ['setTimeout setInterval setImmediate queueMicrotask Promise', 'a mechanism answers at once'],
  ['fetch XMLHttpRequest WebSocket', 'a mechanism sees only what it is given'],
  ['process require module exports global globalThis window self Deno Bun', 'a mechanism sees only what it is given'],
  ['eval Function WebAssembly Worker', 'write the code in the module'],
  ['crypto', 'draw with context.draw(purpose, n), which replays'],
  ['Intl', 'texts must not depend on where a run is made'],
  ['SharedArrayBuffer Atomics WeakRef FinalizationRegistry', 'what these see differs from run to run'],
] as const)
  for (const name of names.split(' ')) banned[name] = advice;

const inexact = new Set(
  'exp expm1 log log2 log10 log1p pow sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh cbrt hypot'.split(
    ' ',
  ),
);

interface Walked extends Node {
  [key: string]: unknown;
}

const loops = new Set(['ForStatement', 'ForInStatement', 'ForOfStatement', 'WhileStatement', 'DoWhileStatement']);
const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** Names of the step counter inside the body. */
export const STEP = '$janctionStep';

/** Checks the program and turns it into a function body; `$janction` receives the default export. */
function prepare(js: string, file: string): { body: string; imports: [string, string][] } {
  let program: Walked;
  try {
    program = parse(js, { ecmaVersion: 2023, sourceType: 'module', locations: true }) as unknown as Walked;
  } catch (e) {
    const at = (e as { loc?: { line: number; column: number } }).loc;
    const what = (e as Error).message.replace(/ \(\d+:\d+\)$/, '');
    throw new ModuleFault(file, `${lower(what)}; mend the syntax`, at && { line: at.line, column: at.column + 1 });
  }
  const edits: { at: number; end: number; text: string; order: number }[] = [];
  const replace = (at: number, end: number, text: string): void => {
    edits.push({ at, end, text, order: edits.length });
  };
  const refuse = (node: Walked, what: string): never => {
    const { line, column } = (node['loc'] as { start: { line: number; column: number } }).start;
    throw new ModuleFault(file, what, { line, column: column + 1 });
  };
  const imports: [string, string][] = [];
  let exported = false;
  for (const s of program['body'] as Walked[]) {
    if (s.type === 'ImportDeclaration') {
      const from = (s['source'] as { value: string }).value;
      if (from !== 'janction-lab/core')
        refuse(s, `imports "${from}"; a module is one file and may import values only from "janction-lab/core"`);
      for (const p of s['specifiers'] as Walked[]) {
        if (p.type !== 'ImportSpecifier') refuse(p, 'import names in braces: import { log } from "janction-lab/core"');
        imports.push([(p['imported'] as { name: string }).name, (p['local'] as { name: string }).name]);
      }
      replace(s.start, s.end, '');
    } else if (s.type === 'ExportDefaultDeclaration') {
      exported = true;
      const d = s['declaration'] as Walked;
      if (d.type.endsWith('Declaration'))
        refuse(s, 'export default wants an object: export default { kind, name, create }');
      replace(s.start, d.start, '$janction.default = ');
    } else if (s.type === 'ExportNamedDeclaration') {
      const d = s['declaration'] as Walked | null;
      replace(s.start, d === null ? s.end : d.start, '');
    } else if (s.type === 'ExportAllDeclaration') refuse(s, 'exports another file; a module is one file');
  }
  if (!exported)
    throw new ModuleFault(file, 'exports nothing by default; write: export default { kind, name, create }');
  walk(program, null, '', (node, parent, key) => {
    check(node, parent, key, refuse);
    const body = node['body'] as Walked;
    if (loops.has(node.type)) {
      if (body.type === 'BlockStatement') replace(body.start + 1, body.start + 1, `${STEP}();`);
      else {
        replace(body.start, body.start, `{${STEP}();`);
        replace(body.end, body.end, '}');
      }
    } else if (functions.has(node.type)) {
      if (body.type === 'BlockStatement') replace(body.start + 1, body.start + 1, `${STEP}();`);
      else {
        replace(body.start, body.start, `(${STEP}(),`);
        replace(body.end, body.end, ')');
      }
    }
  });
  // At one place closers come first, inner before outer; then openers, outer before inner.
  const rank = (e: (typeof edits)[number]): number => (e.text === '}' || e.text === ')' ? 0 : e.at === e.end ? 1 : 2);
  edits.sort((a, b) => a.at - b.at || rank(a) - rank(b) || (rank(a) === 0 ? b.order - a.order : a.order - b.order));
  let out = '';
  let at = 0;
  for (const e of edits) {
    out += js.slice(at, e.at) + e.text;
    // Lines of what is taken out stay, so that places in messages are places in the file.
    out += js.slice(e.at, e.end).replace(/[^\n]/g, '');
    at = e.end;
  }
  return { body: out + js.slice(at), imports };
}

function walk(
  node: Walked,
  parent: Walked | null,
  key: string,
  visit: (n: Walked, p: Walked | null, k: string) => void,
): void {
  visit(node, parent, key);
  for (const k of Object.keys(node)) {
    if (k === 'loc') continue;
    const v = node[k];
    if (Array.isArray(v)) {
      for (const c of v) if (c !== null && typeof (c as Walked).type === 'string') walk(c as Walked, node, k, visit);
    } else if (v !== null && typeof v === 'object' && typeof (v as Walked).type === 'string')
      walk(v as Walked, node, k, visit);
  }
}

/** Refuses what would make a run differ from machine to machine. */
function check(node: Walked, parent: Walked | null, key: string, refuse: (n: Walked, what: string) => never): void {
  switch (node.type) {
    case 'Identifier': {
      const name = node['name'] as string;
      const isName =
        parent !== null &&
        parent['computed'] !== true &&
        ((parent.type === 'MemberExpression' && key === 'property') ||
          (/^(Property|MethodDefinition|PropertyDefinition)$/.test(parent.type) &&
            key === 'key' &&
            parent['shorthand'] !== true) ||
          parent.type === 'ImportSpecifier' ||
          parent.type === 'LabeledStatement');
      if (name.startsWith('$janction')) refuse(node, `uses the name ${name}, which is taken; choose another`);
      if (!isName && Object.hasOwn(banned, name)) refuse(node, `uses ${name}; ${banned[name]}`);
      return;
    }
    case 'MemberExpression': {
      const object = node['object'] as Walked;
      const property = node['property'] as Walked;
      const name = (node['computed'] === true ? property['value'] : property['name']) as string | undefined;
      if (object.type === 'Identifier' && object['name'] === 'Math' && name !== undefined) {
        if (name === 'random') refuse(node, 'uses Math.random; draw with context.draw(purpose, n), which replays');
        if (inexact.has(name))
          refuse(
            node,
            `uses Math.${name}, whose last bit differs between engines; import { ${name} } from "janction-lab/core"`,
          );
      }
      if (name === 'localeCompare' || (typeof name === 'string' && name.startsWith('toLocale')))
        refuse(node, `uses ${name}; texts must not depend on where a run is made`);
      if (name === 'constructor' || name === '__proto__')
        refuse(node, `uses ${name}; a mechanism sees only what it is given`);
      return;
    }
    case 'BinaryExpression':
    case 'AssignmentExpression':
      if (node['operator'] === '**' || node['operator'] === '**=')
        refuse(
          node,
          'uses **, whose last bit differs between engines; multiply, or import { pow } from "janction-lab/core"',
        );
      return;
    case 'AwaitExpression':
      return refuse(node, 'waits (await); a mechanism answers at once');
    case 'ImportExpression':
      return refuse(node, 'imports while it runs; import at the top, from "janction-lab/core"');
    case 'MetaProperty':
      return refuse(node, 'uses import.meta; a mechanism sees only what it is given');
    default:
      if (node['async'] === true) refuse(node, 'is asynchronous; a mechanism answers at once');
  }
}
