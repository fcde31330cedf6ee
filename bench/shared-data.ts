import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where the public data lies that tests and benchmarks read when it is there: the environment variable JANCTION_SHARED, or the
 * folder `shared` beside the repository. Works from the sources and from dist/.
 */
export function sharedPath(path: string): string {
  const given = process.env['JANCTION_SHARED'];
  if (given !== undefined && given !== '') return join(given, path);
  const here = resolve(fileURLToPath(import.meta.url), '../..');
  const root = here.endsWith('dist') ? resolve(here, '..') : here;
  return resolve(root, '../shared', path);
}

export const hasShared = (path: string): boolean => existsSync(sharedPath(path));
