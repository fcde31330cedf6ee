/** Published vectors beside the repository, when they are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './cli.ts';

const folder = join(root, '../shared/vectors');

/** Parsed vector file, or null with the reason in `absent`. */
export function vectors<T>(file: string): T | null {
  const path = join(folder, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : null;
}

export const absent = 'skipped: ../shared/vectors is absent';
