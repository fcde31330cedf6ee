/**
 * Where journal bytes go. `append` may sit in a cache; what was appended before `sync` returned survives the loss of power.
 * Tests put a misbehaving twin in the place of the file.
 */
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface JournalStorage {
  /** Bytes appended so far, those found at the start included. */
  readonly length: number;
  append(bytes: Uint8Array): void;
  sync(): void;
  close(): void;
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A write failed for want of space: nothing of it is kept, and it may be tried again. */
export class StorageFull extends Error {
  constructor() {
    super('no space left for the journal');
    this.name = 'StorageFull';
  }
}

export class FileStorage implements JournalStorage {
  readonly #fd: number;
  #length: number;

  /** Opens or creates; a length cuts off what lies behind it. */
  constructor(path: string, keep: number | null = null) {
    this.#fd = openSync(path, keep === null ? 'wx' : 'r+');
    this.#length = fstatSync(this.#fd).size;
    if (keep !== null && keep < this.#length) {
      ftruncateSync(this.#fd, keep);
      fsyncSync(this.#fd);
      this.#length = keep;
    }
    if (keep === null) syncDirectory(dirname(path));
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#length + at);
    } catch (e) {
      if (!FULL.has((e as NodeJS.ErrnoException).code ?? '')) throw e;
      ftruncateSync(this.#fd, this.#length);
      throw new StorageFull();
    }
    this.#length += bytes.length;
  }

  sync(): void {
    fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Makes the names in a directory durable: a file that was synced can still be lost without its name. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
