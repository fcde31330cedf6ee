/** How much a directory holds: what a quota would count where there is none. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** More files than this count as too much whatever their size. */
export const MAX_FILES = 50_000;

/** True when the files below `dir` take more than `bytes`, or are too many. Stops looking as soon as that is clear. */
export function holdsMoreThan(dir: string, bytes: number): boolean {
  let total = 0;
  let files = 0;
  const stack = [dir];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    let entries: string[];
    try {
      entries = readdirSync(at);
    } catch {
      continue;
    }
    for (const name of entries) {
      const path = join(at, name);
      try {
        const s = lstatSync(path);
        if (s.isDirectory()) stack.push(path);
        total += s.blocks * 512;
      } catch {
        continue;
      }
      if (++files > MAX_FILES || total > bytes) return true;
    }
  }
  return false;
}
