/** A file that a command is asked to write: absent, or one of the same kind that may be made anew. Nothing else is ever replaced. */
import { closeSync, lstatSync, openSync, readSync, rmSync, type Stats } from 'node:fs';
import { UsageError } from './errors.ts';

/**
 * Refuses a path that holds something this command did not write.
 * @param what kind of file, in words: "report"
 * @param sign text that such a file has in its first kilobyte
 */
export function refuseForeign(path: string, what: string, sign: string): void {
  let found: Stats;
  try {
    found = lstatSync(path);
  } catch {
    return;
  }
  if (!found.isFile()) throw new UsageError(`${path}: is there and is no plain file; choose another file for --out`);
  if (found.size > 0 && !beginning(path).includes(sign))
    throw new UsageError(`${path}: is there and is no ${what}; remove it or choose another file for --out`);
}

function beginning(path: string): string {
  const head = Buffer.alloc(1024);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    return head.toString('utf8', 0, readSync(file, head, 0, head.length, 0));
  } finally {
    closeSync(file);
  }
}

/** Removes PATH.partial, where there is one. */
export function dropPartial(path: string): void {
  try {
    rmSync(`${path}.partial`, { force: true });
  } catch {
    // A part of the path is no directory: nothing was written there.
  }
}

/** Opens PATH.partial anew for writing. What was left there goes; a link there is not followed. Throws the system's error. */
export function openPartial(path: string): number {
  rmSync(`${path}.partial`, { force: true });
  return openSync(`${path}.partial`, 'wx');
}
