/**
 * Style is a test: the import table of ARCHITECTURE.md, banned names, file length, dead files, documentation beside
 * each mechanism. Works on the source text, so it sees what a type checker does not.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const rooms = ['core', 'mechanisms', 'scenarios', 'sim', 'executor', 'lab', 'notebooks', 'bench', 'test'] as const;
const MAX_LINES = 700;

function* walk(dir: string): Generator<string> {
  for (const name of readdirSync(dir).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    if (name === 'node_modules' || name === 'dist') continue;
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* walk(path);
    else yield path;
  }
}

interface Source {
  path: string;
  room: string;
  text: string;
  code: string;
  imports: string[];
}

/** Comments and string contents blanked, so that a banned name in prose is no finding. */
function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, (m) => m.replace(/[^\n]/g, ' ')).replace(/(^|[^:'"`])\/\/[^\n]*/g, '$1');
}

const importRe =
  /(?:^|\n)\s*(?:import|export)\s[^;'"`]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|new URL\(\s*['"](\.[^'"]+\.(?:ts|js))['"]/g;

function importsOf(text: string): string[] {
  const code = stripComments(text);
  return [...code.matchAll(importRe)].map((m) => (m[1] ?? m[2] ?? m[3] ?? m[4])!);
}

const sources: Source[] = rooms.flatMap((room) => {
  try {
    return [...walk(join(root, room))]
      .filter((f) => f.endsWith('.ts') && !f.endsWith('.d.ts'))
      .map((f) => {
        const text = readFileSync(f, 'utf8');
        return {
          path: relative(root, f).split(sep).join('/'),
          room,
          text,
          code: stripComments(text),
          imports: importsOf(text),
        };
      });
  } catch {
    return [];
  }
});

const target = (from: string, spec: string): string => posix.normalize(posix.join(posix.dirname(from), spec));

/** Door policy: null when allowed, else the reason. `to` is a repository path. */
function doorFault(from: string, to: string): string | null {
  const a = from.split('/')[0]!;
  const b = to.split('/')[0]!;
  if (a === b && a !== 'mechanisms') {
    return null;
  }
  if (a === 'bench' || a === 'test') return null;
  if (b === 'bench' || b === 'test') return `${a} may not import ${b}`;
  const pure = (p: string) => /^core\/(num\/|interfaces\.ts$|types\.ts$)/.test(p);
  switch (a) {
    case 'core':
      return 'core imports no other room';
    case 'mechanisms': {
      if (b === 'mechanisms') {
        const fa = from.split('/');
        const fb = to.split('/');
        if (fa.length === 2) return null; // mechanisms/index.ts registers every family
        return fa[1] === fb[1] ? null : 'a mechanism imports only its own family';
      }
      if (b === 'core') return pure(to) ? null : 'mechanisms see only interfaces, types and num of core';
      return `mechanisms may not import ${b}`;
    }
    case 'scenarios':
      if (b === 'core') return pure(to) ? null : 'scenarios see only types and num of core';
      if (b === 'mechanisms') return to === 'mechanisms/names.ts' ? null : 'scenarios see only the names of mechanisms';
      return `scenarios may not import ${b}`;
    case 'sim':
      return b === 'core' || b === 'mechanisms' || b === 'scenarios' ? null : `sim may not import ${b}`;
    case 'executor':
      return b === 'core' || b === 'mechanisms' || b === 'scenarios' ? null : `executor may not import ${b}`;
    case 'lab':
      return b === 'notebooks' ? 'lab may not import notebooks' : null;
    case 'notebooks':
      if (b === 'executor') return 'notebooks may not import executor';
      if (b === 'lab')
        return /^lab\/(certify|stats|results)\//.test(to)
          ? null
          : 'notebooks see only certify, stats and results of lab';
      return null;
    default:
      return `unknown room ${a}`;
  }
}

const pureRooms = new Set(['core', 'mechanisms', 'sim', 'scenarios']);
const npmAllowed: Record<string, RegExp> = {
  core: /^$/,
  // The linear programs of queueing/heterogeneity (docs/decisions/0012).
  mechanisms: /^yalps$/,
  sim: /^seedrandom(\/|$)/,
  scenarios: /^(yaml|zod|mathjs)(\/|$)/,
};

interface Ban {
  name: string;
  re: RegExp;
  where: (s: Source) => boolean;
}
const clock = (s: Source) =>
  s.room !== 'executor' && s.room !== 'bench' && s.room !== 'test' && s.path !== 'lab/progress.ts';
const bans: Ban[] = [
  { name: 'Date', re: /\bDate\b(?!\w)|\bperformance\.now\b|\bprocess\.hrtime\b/, where: clock },
  { name: 'Math.random', re: /\bMath\.random\b/, where: (s) => s.room !== 'bench' },
  {
    name: 'timers',
    re: /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
    where: (s) => clock(s) && s.room !== 'notebooks',
  },
  {
    name: 'async',
    re: /\basync\b|\bawait\b|\bPromise\b/,
    where: (s) => s.room === 'core' || s.room === 'mechanisms' || s.room === 'sim',
  },
  { name: 'locale', re: /\blocaleCompare\b|\bIntl\b|\btoLocale\w+\b/, where: (s) => s.room !== 'notebooks' },
  {
    name: 'platform-dependent Math',
    re: /\bMath\.(exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot)\b|[^*/]\*\*[^*/]/,
    where: (s) => !s.path.startsWith('core/num/') && s.room !== 'bench' && s.room !== 'test' && s.room !== 'notebooks',
  },
  { name: 'sort without a comparator', re: /\.sort\(\s*\)|\.toSorted\(\s*\)/, where: () => true },
  { name: 'enum', re: /\b(const\s+)?enum\s+\w/, where: () => true },
];

describe('tidy', () => {
  test('there are sources to check', () => {
    expect(sources.length).toBeGreaterThan(2);
  });

  test('imports keep to the doors of ARCHITECTURE.md', () => {
    const faults: string[] = [];
    for (const s of sources) {
      for (const spec of s.imports) {
        if (spec.startsWith('.')) {
          const to = target(s.path, spec);
          const fault = doorFault(s.path, to);
          if (fault) faults.push(`${s.path} -> ${to}: ${fault}`);
          if (!/\.(ts|js|json|css|yaml\?raw)$/.test(spec)) faults.push(`${s.path} -> ${spec}: write the extension`);
        } else if (pureRooms.has(s.room)) {
          if (!npmAllowed[s.room]!.test(spec)) faults.push(`${s.path} -> ${spec}: ${s.room} takes no such package`);
        }
      }
    }
    expect(faults).toEqual([]);
  });

  test('the door policy refuses what it should', () => {
    expect(doorFault('core/pool/pool.ts', 'sim/driver.ts')).not.toBeNull();
    expect(doorFault('sim/driver.ts', 'executor/driver.ts')).not.toBeNull();
    expect(doorFault('executor/driver.ts', 'sim/driver.ts')).not.toBeNull();
    expect(doorFault('mechanisms/queueing/fifo.ts', 'core/pool/pool.ts')).not.toBeNull();
    expect(doorFault('mechanisms/queueing/fifo.ts', 'mechanisms/pricing/posted.ts')).not.toBeNull();
    expect(doorFault('mechanisms/queueing/fifo.ts', 'core/interfaces.ts')).toBeNull();
    expect(
      importsOf("import { a } from './x.ts';\nexport { b } from '../y.ts';\nconst c = await import('z');"),
    ).toEqual(['./x.ts', '../y.ts', 'z']);
  });

  test('banned names', () => {
    const faults: string[] = [];
    for (const s of sources) {
      if (s.path === 'test/tidy.test.ts') continue;
      const lines = s.code.split('\n');
      for (const ban of bans) {
        if (!ban.where(s)) continue;
        lines.forEach((line, i) => {
          const bare = line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "''");
          if (ban.re.test(bare)) faults.push(`${s.path}:${i + 1}: ${ban.name}: ${line.trim()}`);
        });
      }
    }
    expect(faults).toEqual([]);
  });

  test(`no file is longer than ${MAX_LINES} lines`, () => {
    const long = sources.filter((s) => s.text.split('\n').length > MAX_LINES).map((s) => s.path);
    expect(long).toEqual([]);
  });

  test('no dead files: everything is reached from a door', () => {
    const byPath = new Map(sources.map((s) => [s.path, s]));
    // Notebooks are HTML: what their cells import is reached.
    const cells = readdirSync(join(root, 'notebooks'))
      .filter((f) => f.endsWith('.html'))
      .flatMap((f) => importsOf(readFileSync(join(root, 'notebooks', f), 'utf8').replace(/^ +/gm, '')))
      .filter((spec) => spec.startsWith('.'))
      .map((spec) => target('notebooks/x.html', spec));
    const isDoor = (p: string) =>
      cells.includes(p) ||
      p === 'notebooks/vite.config.ts' ||
      /^[a-z]+\/index\.ts$/.test(p) ||
      /\.test\.ts$/.test(p) ||
      /^test\/(setup|soak|golden)\//.test(p) ||
      /^bench\/[a-z-]+\.ts$/.test(p) ||
      /\.worker\.ts$/.test(p) ||
      p === 'lab/cli.ts' ||
      p === 'lab/start.ts' ||
      /^sim\/kernel\/index\.ts$/.test(p);
    const seen = new Set<string>();
    const stack = sources.filter((s) => isDoor(s.path)).map((s) => s.path);
    while (stack.length > 0) {
      const p = stack.pop()!;
      if (seen.has(p)) continue;
      seen.add(p);
      for (const spec of byPath.get(p)?.imports ?? []) {
        if (spec.startsWith('.')) stack.push(target(p, spec).replace(/\.js$/, '.ts'));
      }
    }
    expect(sources.map((s) => s.path).filter((p) => !seen.has(p))).toEqual([]);
  });

  test('every mechanism has its page', () => {
    const missing = sources
      .filter(
        (s) =>
          s.room === 'mechanisms' &&
          s.path.split('/').length === 3 &&
          !/\/(index|shared|[a-z-]*-index)\.ts$/.test(s.path),
      )
      .map((s) => s.path.replace(/\.ts$/, '.md'))
      .filter((p) => {
        try {
          return readFileSync(join(root, p), 'utf8').length < 80;
        } catch {
          return true;
        }
      });
    expect(missing).toEqual([]);
  });
});
