/** Copies of source files with a planted fault, loaded beside the built code. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from '@swc/wasm-typescript';
import { root } from './cli.ts';

export interface Mutation {
  file: string;
  from: string;
  to: string;
}

/**
 * Everything that the files of `together` export, taken from source, one of them mutated; all their other imports come from the build.
 * Throws when the text to replace is not there exactly once: a mutant that changes nothing is no test.
 */
export async function loadMutant<T>(together: readonly string[], mutation: Mutation | null): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-mutant-'));
  for (const file of together) {
    let text = readFileSync(join(root, file), 'utf8');
    if (mutation?.file === file) {
      if (text.split(mutation.from).length !== 2)
        throw new Error(`mutant: "${mutation.from}" stands ${text.split(mutation.from).length - 1} times in ${file}`);
      text = text.replace(mutation.from, () => mutation.to);
    }
    const { code } = transformSync(text, { mode: 'strip-only', filename: file });
    const js = code.replace(/from '(\.[^']+)\.ts'/g, (_, spec: string) => {
      const target = join(dirname(file), `${spec}.ts`);
      const at = together.includes(target)
        ? join(dir, target.replace(/\.ts$/, '.mjs'))
        : join(root, 'dist', target.replace(/\.ts$/, '.js'));
      const from = join(dir, dirname(file));
      const path = relative(from, at);
      return `from '${path.startsWith('.') ? path : `./${path}`}'`;
    });
    const out = join(dir, file.replace(/\.ts$/, '.mjs'));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, js);
  }
  const index = join(dir, 'index.mjs');
  writeFileSync(index, together.map((f) => `export * from './${f.replace(/\.ts$/, '.mjs')}';\n`).join(''));
  return (await import(pathToFileURL(index).href)) as T;
}
