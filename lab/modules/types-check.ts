/**
 * Types of a user's module against the public interfaces, by the TypeScript that is at hand: beside the module, in the working
 * directory, or in a checkout of this project. Runs do not need it; check-module says so when there is none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface TypesFinding {
  /** Null when types were not checked. */
  compiler: string | null;
  /** FILE:LINE:COL: message, or why nothing was checked. */
  faults: string[];
}

function findCompiler(from: readonly string[]): { bin: string; version: string } | null {
  for (const dir of from) {
    try {
      const manifest = createRequire(join(dir, 'x.js')).resolve('typescript/package.json');
      const { bin, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string }; version: string };
      return { bin: join(dirname(manifest), bin.tsc), version };
    } catch {
      // try the next
    }
  }
  return null;
}

/** Where the declarations of janction-lab/core lie: beside this file's build. */
function declarations(): string {
  const built = fileURLToPath(new URL('../../core/index.d.ts', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../../dist/core/index.d.ts', import.meta.url));
}

/** `file` is what messages call the module. */
export function checkTypes(path: string, file: string): TypesFinding {
  if (!/\.m?ts$/.test(path)) return { compiler: null, faults: ['not a TypeScript file'] };
  const here = dirname(fileURLToPath(import.meta.url));
  const found = findCompiler([dirname(resolve(path)), process.cwd(), here]);
  if (found === null)
    return {
      compiler: null,
      faults: ['no TypeScript here; npm install --save-dev typescript, and run check-module again'],
    };
  const dir = mkdtempSync(join(tmpdir(), 'janction-types-'));
  try {
    const config = join(dir, 'tsconfig.json');
    const options = {
      target: 'es2023',
      lib: ['es2023'],
      types: [],
      module: 'nodenext',
      moduleResolution: 'nodenext',
      moduleDetection: 'force',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      erasableSyntaxOnly: true,
      paths: { 'janction-lab/core': [declarations()] },
    };
    writeFileSync(config, JSON.stringify({ compilerOptions: options, files: [resolve(path)] }));
    const done = spawnSync(process.execPath, [found.bin, '-p', config, '--pretty', 'false'], {
      encoding: 'utf8',
      cwd: dir,
    });
    if (done.status === 0) return { compiler: found.version, faults: [] };
    // PATH(LINE,COL): error TS123: text
    const faults = `${done.stdout}${done.stderr}`
      .split('\n')
      .filter((l) => /error TS\d+/.test(l))
      .map((l) => l.replace(/^.*?\((\d+),(\d+)\): error (TS\d+): /, `${file}:$1:$2: $3 `));
    return {
      compiler: found.version,
      faults: faults.length > 0 ? faults : [`tsc ended with ${String(done.status ?? done.error?.message)}`],
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
