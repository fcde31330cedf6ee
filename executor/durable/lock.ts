/**
 * One executor per journal. The lock names its holder by process number and start time, so that a number used again after a
 * crash is not taken for the dead holder; a lock whose holder is gone is taken over by an atomic rename.
 */
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { ExecutorError } from '../executor-error.ts';
import { startTicks } from '../work/proc.ts';

interface Holder {
  pid: number;
  /** Start of the process in clock ticks since boot; "" where the system does not say. */
  ticks: string;
}

export class Lock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws ExecutorError when a living process holds the lock. */
  static take(path: string): Lock {
    for (let round = 0; round < 10; round++) {
      if (create(path)) return new Lock(path);
      const holder = read(path);
      if (holder === 'gone') continue;
      if (holder !== null && isAlive(holder)) {
        throw new ExecutorError(
          `${path}: another executor (process ${holder.pid}) runs on this journal; wait for it or stop it`,
        );
      }
      evict(path, holder);
    }
    throw new ExecutorError(`${path}: the lock keeps changing hands; is another executor starting on this journal?`);
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

function create(path: string): boolean {
  // Written under another name and linked, so that no reader ever sees a lock without its holder.
  const mine = `${path}.${process.pid}`;
  const fd = openSync(mine, 'w');
  writeSync(fd, JSON.stringify({ pid: process.pid, ticks: startTicks(process.pid) ?? '' } satisfies Holder));
  closeSync(fd);
  try {
    linkSync(mine, path);
    return true;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw e;
  } finally {
    rmSync(mine, { force: true });
  }
}

function read(path: string): Holder | null | 'gone' {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return 'gone';
  }
  try {
    const holder = JSON.parse(text) as Holder;
    return Number.isSafeInteger(holder.pid) ? holder : null;
  } catch {
    return null;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const ticks = startTicks(holder.pid);
  return ticks === null || holder.ticks === '' || ticks === holder.ticks;
}

/** Moves a dead holder's lock aside; puts it back when in the meantime somebody living has taken it. */
function evict(path: string, holder: Holder | null): void {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  if (moved !== 'gone' && moved !== null && (moved.pid !== holder?.pid || moved.ticks !== holder.ticks)) {
    try {
      linkSync(aside, path);
    } catch {
      // taken again already: then the one we moved aside has lost and will be told so
    }
  }
  rmSync(aside, { force: true });
}
