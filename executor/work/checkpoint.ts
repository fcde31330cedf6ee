/**
 * Checkpoints: an attempt may leave files in its own checkpoint directory with a `manifest.json` that names each with its
 * SHA-256. Only one whose files are all there and unchanged is handed to the next attempt, read-only; nothing is ever written
 * over, so a retry that begins at nought cannot destroy what the attempt before had reached.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const MANIFEST = 'manifest.json';

export interface CheckpointManifest {
  schema: 'janction.checkpoint/1';
  /** Name relative to the directory, without `..`, to hex digest. */
  files: Record<string, string>;
}

/** Why the checkpoint cannot be resumed from, or null when it can. */
export function checkpointFault(dir: string): string | null {
  let manifest: CheckpointManifest;
  try {
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
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(join(dir, name));
    } catch {
      return `${name}: missing`;
    }
    if (createHash('sha256').update(bytes).digest('hex') !== manifest.files[name]) return `${name}: changed`;
  }
  return null;
}
