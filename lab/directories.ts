/** Directories made one after the other: Node 20's recursive mkdir never returns below places such as /proc, where none can be made. */
import { lstatSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Makes a directory and what lies above it. Throws the system's error of the first one that cannot be made. */
export function makeDirectories(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !isThere(at); at = dirname(at)) missing.push(at);
  for (const dir of missing.reverse()) {
    try {
      mkdirSync(dir);
    } catch (e) {
      // Another process of the same sweep may have made it meanwhile.
      if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
    }
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (e) {
    // A file in the middle of the path is there, though not what is wanted.
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
    return false;
  }
}
