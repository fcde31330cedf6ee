/** Where a run may be written: results are never mixed, and nothing that exists is ever removed but an empty directory. */
import { accessSync, constants, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../errors.ts';

const lookAt = (path: string): Stats | undefined => {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (e) {
    // A file stands where a directory would have to: the parents say so below.
    if ((e as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw new UsageError(`${path}: cannot be looked at (${(e as NodeJS.ErrnoException).code}); choose another --out`);
  }
};

/** Refuses a target that is or holds anything; answers its absolute path. */
export function checkTarget(dir: string): string {
  if (dir.trim() === '') throw new UsageError('--out is empty; give the name of a directory to make');
  if (dir.includes('\0')) throw new UsageError('--out holds a NUL character; give the name of a directory to make');
  const path = resolve(dir);
  if (path === process.cwd())
    throw new UsageError(`${dir}: is the working directory; give the name of a directory to make`);
  const there = lookAt(path);
  if (there?.isSymbolicLink())
    throw new UsageError(`${dir}: is a symbolic link; name the directory itself or choose another --out`);
  if (there !== undefined && !there.isDirectory())
    throw new UsageError(`${dir}: exists and is no directory; choose another --out`);
  if (there !== undefined && readdirSync(path).length > 0)
    throw new UsageError(`${dir}: the output directory exists and is not empty; choose another --out or remove it`);
  if (lookAt(`${path}.partial`) !== undefined)
    throw new UsageError(
      `${path}.partial: left over from a run that was cut off, or another run is writing it; remove it or choose another --out`,
    );
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    if (lookAt(parent) === undefined) continue;
    if (statSync(parent, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new UsageError(`${dir}: ${parent} is no directory; choose another --out`);
    try {
      accessSync(parent, constants.W_OK | constants.X_OK);
    } catch {
      throw new UsageError(`${dir}: ${parent} may not be written; choose another --out`);
    }
    return path;
  }
}
