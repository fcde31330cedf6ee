/**
 * A market's state at a byte of its journal, so that a restart replays only the tail. Written beside, synced and renamed: a
 * crash leaves the old one or the new one. It also says how far the journal was on disk for certain, so that damage before
 * that byte is told from a tail that a crash tore.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ByteSink, ByteSource, crc32 } from '../../core/journal/bytes.ts';
import { readPlain, writePlain } from '../../core/journal/plain-codec.ts';
import type { MarketState } from '../../core/market/market.ts';
import type { TimeUs } from '../../core/types.ts';
import { syncDirectory } from './storage.ts';

const SCHEMA = 'janction.snapshot/1';

export interface Snapshot {
  schema: typeof SCHEMA;
  /** Engine that wrote it: another one replays from the start. */
  engine: string;
  /** Length of the journal, all of it durable; a frame begins there. */
  offset: number;
  /** Stamp of the last frame before it, and steps with facts so far. */
  last: TimeUs;
  steps: number;
  market: MarketState;
}

export function writeSnapshot(path: string, snapshot: Omit<Snapshot, 'schema'>): void {
  const out = new ByteSink();
  writePlain(out, { schema: SCHEMA, ...snapshot });
  out.u32(crc32(out.bytes, 0, out.length));
  const fresh = `${path}.new`;
  const fd = openSync(fresh, 'w');
  try {
    for (let at = 0; at < out.length; ) at += writeSync(fd, out.bytes, at, out.length - at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
  syncDirectory(dirname(path));
}

/** The snapshot, or null when there is none or it is damaged: then the whole journal is replayed. */
export function readSnapshot(path: string): Snapshot | null {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    return null;
  }
  try {
    const end = bytes.length - 4;
    if (new ByteSource(bytes, end).u32() !== crc32(bytes, 0, end)) return null;
    const snapshot = readPlain(new ByteSource(bytes, 0, end)) as Snapshot;
    return snapshot.schema === SCHEMA ? snapshot : null;
  } catch {
    return null;
  }
}
