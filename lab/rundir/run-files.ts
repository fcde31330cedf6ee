/** The files of a run directory: each is a plain file in it, wherever a link that stands for it leads. */
import { closeSync, lstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { quoted } from '../../scenarios/input-error.ts';
import { UsageError } from '../errors.ts';

/** What to do about a file that cannot be used; the command is in run.json. */
export const MAKE_AGAIN = 'copy the run directory again, or make the run again with the command in run.json';

/**
 * The path of a file of a run directory. Throws UsageError when it is missing, is no plain file, or is a link that leads out of the
 * directory: a run that somebody hands on must not make its reader's own files part of a report.
 */
export function runFile(dir: string, name: string): string {
  const path = join(dir, name);
  try {
    lstatSync(path);
  } catch {
    throw new UsageError(
      `${path}: missing; the run directory is damaged, or was written by a version without it: make it again with the command in run.json`,
    );
  }
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    throw new UsageError(`${path}: a link that leads nowhere; ${MAKE_AGAIN}`);
  }
  if (!real.startsWith(realpathSync(dir) + sep))
    throw new UsageError(
      `${path}: a link that leads out of the run directory, which is not followed; put the file itself in its place`,
    );
  if (!statSync(real).isFile()) throw new UsageError(`${path}: is no plain file; ${MAKE_AGAIN}`);
  return path;
}

/** A Parquet file begins and ends with it; before the end stands the length of the footer. */
const MAGIC = 'PAR1';
const LEAST_BYTES = 12;

/** What is wrong with the ends of a Parquet file, or null. */
export function outsideFault(path: string): string | null {
  const { size } = statSync(path);
  if (size === 0) return 'empty, where a Parquet table should be';
  const file = openSync(path, 'r');
  const ends = Buffer.alloc(LEAST_BYTES);
  try {
    readSync(file, ends, 0, 4, 0);
    if (ends.toString('latin1', 0, 4) !== MAGIC)
      return `no Parquet table (it begins with ${quoted(ends.toString('latin1', 0, Math.min(4, size)))}, not with "${MAGIC}")`;
    if (size < LEAST_BYTES) return `cut off after ${size} bytes`;
    readSync(file, ends, 4, 8, size - 8);
  } finally {
    closeSync(file);
  }
  if (ends.toString('latin1', 8) !== MAGIC) return `cut off, or changed at its end: after ${size} bytes no "${MAGIC}"`;
  if (ends.readUInt32LE(4) > size - LEAST_BYTES) return 'damaged at its end: the footer would be longer than the file';
  return null;
}
