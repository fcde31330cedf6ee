/** The built command line as a user runs it. `npm test` builds first. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { vi } from 'vitest';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const cli = join(root, 'dist/lab/cli.js');

export interface Answer {
  code: number | null;
  out: string;
  err: string;
}

export function janction(args: readonly string[], cwd = root, variables: Record<string, string> = {}): Answer {
  const env = { ...process.env, ...variables };
  const done = spawnSync(process.execPath, [cli, ...args], { cwd, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

interface Cli {
  main: (args: readonly string[]) => Promise<number>;
}
const load = { build: () => import(pathToFileURL(cli).href), source: () => import('../../lab/cli.ts') };

/**
 * The same built command line without a process of its own, which takes most of a second: for every test that asks what a command says
 * and does, not how its process ends. `source`: for a test that plants a fault in a class of the source; it can start no worker threads.
 */
export async function janctionInside(args: readonly string[], from: keyof typeof load = 'build'): Promise<Answer> {
  const { main } = (await load[from]()) as Cli;
  const answer: Answer = { code: null, out: '', err: '' };
  const into = (stream: 'out' | 'err') =>
    ((text: string | Uint8Array, ...rest: unknown[]) => {
      answer[stream] += typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    }) as typeof process.stdout.write;
  const out = vi.spyOn(process.stdout, 'write').mockImplementation(into('out'));
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(into('err'));
  try {
    answer.code = await main(args);
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return answer;
}

/** Runs `body` with a fresh directory that is gone afterwards. */
export async function inTemp<T>(body: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-test-'));
  try {
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A fresh directory for a whole group of tests. */
export function scratch(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'janction-test-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
