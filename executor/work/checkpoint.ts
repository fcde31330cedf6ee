/**
 * Checkpoints: an attempt may leave files in its own checkpoint directory with a `manifest.json` that names each with its
 * SHA-256. Only one whose files are all there and unchanged is handed to the next attempt, read-only; nothing is ever written
 * over, so a retry that begins at nought cannot destroy what the attempt before had reached.
 */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

export const MANIFEST = 'manifest.json';
const MAX_MANIFEST = 1 << 20;

export interface CheckpointManifest {
  schema: 'janction.checkpoint/1';
  /** Name relative to the directory, without `..`, to hex digest. */
  files: Record<string, string>;
}

/** Why the checkpoint cannot be resumed from, or null when it can. */
export function checkpointFault(dir: string): string | null {
  let manifest: CheckpointManifest;
  try {
    // Whoever wrote it may mean harm: it is small, and what it names lies in the directory itself.
    if (lstatSync(join(dir, MANIFEST)).size > MAX_MANIFEST) return 'no readable manifest';
    manifest = JSON.parse(readFileSync(join(dir, MANIFEST), 'utf8')) as CheckpointManifest;
  } catch {
    return 'no readable manifest';
  }
  if (manifest.schema !== 'janction.checkpoint/1' || typeof manifest.files !== 'object' || manifest.files === null)
    return 'not a janction.checkpoint/1 manifest';
  const names = Object.keys(manifest.files);
  if (names.length === 0) return 'names no file';
  for (const name of names) {
    if (name.startsWith('/') || name.split('/').includes('..')) return `${name}: outside the checkpoint`;
    const path = join(dir, name);
    try {
      if (!lstatSync(path).isFile() || realpathSync(path) !== join(realpathSync(dir), name))
        return `${name}: not a file of the checkpoint`;
    } catch {
      return `${name}: missing`;
    }
    if (digestOf(path) !== manifest.files[name]) return `${name}: changed`;
  }
  return null;
}

/** SHA-256 of a file, read piece by piece: a checkpoint may be larger than memory. */
function digestOf(path: string): string {
  const hash = createHash('sha256');
  const piece = new Uint8Array(1 << 20);
  const fd = openSync(path, 'r');
  try {
    for (let n = readSync(fd, piece); n > 0; n = readSync(fd, piece)) hash.update(piece.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
