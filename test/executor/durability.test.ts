import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FrameType, JournalError, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { Market } from '../../core/market/market.ts';
import { NEVER } from '../../core/types.ts';
import { Executor, type ExecutorOptions } from '../../executor/driver.ts';
import { Lock } from '../../executor/durable/lock.ts';
import { recover } from '../../executor/durable/recover.ts';
import { readSnapshot, type Snapshot, writeSnapshot } from '../../executor/durable/snapshot.ts';
import type { PlannedArrival } from '../../executor/launcher.ts';
import { startTicks } from '../../executor/work/proc.ts';
import { shipped } from '../../mechanisms/index.ts';
import { inTemp } from '../support/cli.ts';
import { listed, TwinLauncher, TwinStorage } from '../support/executor-twins.ts';
import { config, generator, SECOND, spec, task } from '../support/market.ts';

const JOBS = 340;

function jobs(): PlannedArrival[] {
  const r = generator(7);
  return Array.from({ length: JOBS }, (_, i) => ({
    timeUs: (i * SECOND) / 100,
    pool: i % 2,
    spec: spec(i + 1, {
      user: i % 5 === 0 ? 'carol' : 'bob',
      currency: i % 5 === 0 ? 1 : 0,
      groups: [task(1 + (i % 3))],
    }),
    workUs: Math.floor(r() * 10) * SECOND,
    fails: false,
  }));
}

interface Twin {
  storage: TwinStorage;
  launcher: TwinLauncher;
  snapshots: Snapshot[];
  executor: Executor;
}

function twin(over: Partial<ExecutorOptions> = {}): Twin {
  const storage = new TwinStorage();
  // Rule: nothing leaves the host before its cause is on disk.
  const launcher = new TwinLauncher(() => expect(storage.synced).toBe(storage.length));
  const snapshots: Snapshot[] = [];
  const executor = new Executor({
    config: config(),
    registry: shipped,
    arrivals: listed(jobs()),
    launcher,
    storage: () => storage,
    former: null,
    keep: (s) => snapshots.push(structuredClone({ schema: 'janction.snapshot/1', ...s })),
    snapshotEvery: 4,
    horizonUs: NEVER,
    snapshotRest: 0,
    timeScale: 10,
    ...over,
  });
  return { storage, launcher, snapshots, executor };
}

/** Length of the whole frames of `bytes`, read from a frame boundary on. */
function wholeLength(bytes: Uint8Array, from: { offset: number; last: number }): number {
  try {
    for (const _ of readJournal(bytes, from)) {
      // only the end matters
    }
    return bytes.length;
  } catch (e) {
    if (!(e instanceof JournalError)) throw e;
    return e.offset;
  }
}

describe('what power loss leaves of a journal', async () => {
  const run = twin();
  const result = await run.executor.run();
  const { storage, snapshots } = run;
  const bytes = storage.bytes;
  // What a journal that is cut at a frame's begin stands for: digest of every decision so far, and the last stamp.
  const states = new Map<number, { digest: string; last: number }>();
  const reference = new Market(config(), shipped);
  let last = 0;
  for (const f of readJournal(bytes)) {
    states.set(f.offset, { digest: reference.digest, last });
    if (f.type !== FrameType.step) continue;
    for (let at = reference.nextWakeup(); at < f.now; at = reference.nextWakeup()) reference.pulse(at);
    reference.step(f.now, f.facts);
    last = f.now;
  }
  states.set(bytes.length, { digest: reference.digest, last });
  /** Journal as it may lie on disk when power fails after `synced` bytes were acknowledged and `written` were appended. */
  const kinds = {
    dropped: (_written: number, b: number) => bytes.slice(0, b),
    torn: (written: number, b: number) => {
      // Garbage that differs from the truth in every byte.
      const left = bytes.slice(0, written);
      for (let i = b; i < written; i++) left[i]! ^= 0x55;
      return left;
    },
    flipped: (written: number, b: number) => {
      const left = bytes.slice(0, written);
      left[b]! ^= 1 << (b % 8);
      return left;
    },
  };
  const intervals = storage.syncs.slice(1).map((written, i) => ({ synced: storage.syncs[i]!, written }));

  test('a run of a thousand commands, synced often, acted only upon what was durable', () => {
    expect(result.complete).toBe(true);
    expect(result.facts).toBeGreaterThanOrEqual(1000);
    expect(run.launcher.actions.length).toBe(JOBS);
    expect(intervals.length).toBeGreaterThan(50);
    expect(snapshots.length).toBeGreaterThan(2);
    for (const s of storage.syncs) expect(states.has(s)).toBe(true);
  });

  test('at every byte of the tail, dropped, torn or flipped: everything acknowledged is whole, nothing false is taken', () => {
    let tried = 0;
    for (const { synced, written } of intervals) {
      const from = { offset: synced, last: states.get(synced)!.last };
      for (let b = synced; b < written; b++) {
        for (const damage of Object.values(kinds)) {
          const whole = wholeLength(damage(written, b), from);
          if (whole < synced || whole > b || !states.has(whole))
            expect({ synced, written, b, whole }).toBe('a whole frame');
          tried++;
        }
      }
    }
    expect(tried).toBe(3 * (bytes.length - storage.syncs[0]!));
  });

  test('a restart stands exactly where the whole frames end, from a snapshot or from the start', () => {
    const r = generator(3);
    intervals.forEach(({ synced, written }, i) => {
      const b = synced + Math.floor(r() * (written - synced));
      for (const damage of Object.values(kinds)) {
        const snapshot = i % 3 === 0 ? null : (snapshots.findLast((s) => s.offset <= synced) ?? null);
        const found = recover(damage(written, b), snapshot, shipped);
        expect(found.length).toBeGreaterThanOrEqual(synced);
        expect(found.market.digest).toBe(states.get(found.length)!.digest);
        expect(found.position.last).toBe(states.get(found.length)!.last);
        expect(found.fromSnapshot).toBe(snapshot !== null);
      }
    });
  });

  test('a run that goes on after each of many such crashes ends with every job over, once', async () => {
    let cut = twin();
    let stoppedAt = 0;
    let left: Uint8Array = new Uint8Array(0);
    let over: Twin | null = null;
    const r = generator(11);
    for (let crashes = 0; crashes < 8; crashes++) {
      // The executor dies when its journal has grown by some thousand bytes; what was not synced may be lost.
      const limit = stoppedAt + 2000 + Math.floor(r() * 4000);
      const { storage: disk, executor, snapshots: kept } = cut;
      const done = executor.run();
      while (disk.length < limit && !(await settled(done))) await new Promise((resolve) => setImmediate(resolve));
      executor.stop();
      if ((await done).complete) break;
      left = disk.bytes.slice(0, disk.synced + Math.floor(r() * (disk.length - disk.synced + 1)));
      stoppedAt = left.length;
      const next = new TwinStorage();
      over = twin({
        former: { bytes: left, snapshot: kept.at(-1) ?? null },
        storage: (keep) => {
          next.append(left.subarray(0, keep!));
          next.sync();
          return next;
        },
      });
      cut = { ...over, storage: next, launcher: over.launcher };
    }
    const { storage: disk, executor } = cut;
    if (!executor.market.pools.every((p) => [...p!.jobs()].length === 0) || executor.market.stepCount < JOBS)
      await executor.run();
    const ends = new Map<number, number>();
    const replayed = replay(readJournal(disk.bytes), shipped, {
      row: (table, row) => {
        if (table !== 'jobs') return;
        const { job_id } = row as { job_id: number };
        ends.set(job_id, (ends.get(job_id) ?? 0) + 1);
      },
    });
    expect(replayed.difference).toBeNull();
    expect(replayed.complete).toBe(true);
    expect(ends.size).toBe(JOBS);
    expect([...ends.values()].filter((n) => n !== 1)).toEqual([]);
  });

  test('damage before what a snapshot vouched for is the disk’s, and is not cut away', () => {
    const snapshot = snapshots.at(-1)!;
    expect(() => recover(bytes.subarray(0, snapshot.offset - 1), snapshot, shipped)).toThrow(/were on disk/);
    const flipped = kinds.flipped(bytes.length, Math.floor(snapshot.offset / 2));
    // Another engine's snapshot is not used, but what it says of the disk still holds.
    expect(() => recover(flipped, { ...snapshot, engine: 'another' }, shipped)).toThrow(/damaged at byte/);
  });

  test('a snapshot is read back whole or not at all', async () => {
    await inTemp((dir) => {
      const path = join(dir, 'snapshot');
      expect(readSnapshot(path)).toBeNull();
      const { schema: _, ...s } = snapshots[1]!;
      writeSnapshot(path, s);
      expect(readSnapshot(path)).toEqual(snapshots[1]);
      const raw = readFileSync(path);
      for (let b = 0; b < raw.length; b += 997) {
        const bent = Uint8Array.from(raw);
        bent[b]! ^= 4;
        writeFileSync(path, bent);
        expect(readSnapshot(path)).toBeNull();
      }
      writeFileSync(path, raw.subarray(0, raw.length - 1));
      expect(readSnapshot(path)).toBeNull();
    });
  });
});

const settled = (p: Promise<unknown>): Promise<boolean> =>
  Promise.race([p.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe('what else may happen to a journal', () => {
  test('a full disk is waited out: nothing leaves, nothing is lost', async () => {
    const told: boolean[] = [];
    const five = jobs()
      .slice(0, 5)
      .map((j) => ({ ...j, timeUs: 0 }));
    const t = twin({ arrivals: listed(five), timeScale: 1, onStorage: (full) => told.push(full) });
    t.storage.full = 2;
    const result = await t.executor.run();
    expect(told).toEqual([true, false]);
    expect(result.complete).toBe(true);
    expect(t.launcher.actions.length).toBe(5);
    expect(replay(readJournal(t.storage.bytes), shipped).difference).toBeNull();
  });

  test('one executor per journal; a dead holder’s lock is taken over, even when its number lives again', async () => {
    await inTemp((dir) => {
      const path = join(dir, 'lock');
      const lock = Lock.take(path);
      expect(() => Lock.take(path)).toThrow(/another executor \(process \d+\) runs on this journal/);
      lock.release();
      Lock.take(path).release();
      const dead = spawnSync(process.execPath, ['-e', ''], { stdio: 'ignore' }).pid;
      writeFileSync(path, JSON.stringify({ pid: dead, ticks: '1' }));
      Lock.take(path).release();
      if (startTicks(process.pid) !== null) {
        writeFileSync(path, JSON.stringify({ pid: process.pid, ticks: '1' }));
        Lock.take(path).release();
      }
      writeFileSync(path, 'torn');
      Lock.take(path).release();
    });
  });
});
