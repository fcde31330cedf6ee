import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdMap } from '../../core/id-map.ts';
import type { RunningJob, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import { Las } from '../../mechanisms/queueing/las.ts';
import { Sjf } from '../../mechanisms/queueing/sjf.ts';
import { generator } from '../support/market.ts';

test('an id map answers as a map does, over the whole range of ids', () => {
  const id = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 9 }))
    .map(([h, l]) => h * 0x3ffffffffff + l);
  const act = fc.tuple(fc.constantFrom('set', 'delete', 'get', 'clear'), id, fc.integer());
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const ours = new IdMap<number>();
      const plain = new Map<number, number>();
      for (const [what, key, value] of acts) {
        if (what === 'set') {
          ours.set(key, value);
          plain.set(key, value);
        } else if (what === 'delete') {
          ours.delete(key);
          plain.delete(key);
        } else if (what === 'clear' && value % 8 === 0) {
          ours.clear();
          plain.clear();
        }
        expect(ours.get(key)).toBe(plain.get(key));
        expect(ours.has(key)).toBe(plain.has(key));
        expect(ours.size).toBe(plain.size);
      }
      expect(ours.entries()).toEqual([...plain]);
      expect(ours.values()).toEqual([...plain.values()]);
    }),
    { seed: 7, numRuns: 300 },
  );
});

test('an id map that was large is small again when it is empty, and right all the way', () => {
  const ours = new IdMap<number>();
  const plain = new Map<number, number>();
  const r = generator(11);
  for (const target of [5000, 3, 900, 0, 2000, 40]) {
    while (plain.size < target) {
      const id = Math.floor(r() * 2 ** 45);
      ours.set(id, plain.size);
      plain.set(id, plain.size);
    }
    for (const id of [...plain.keys()].sort((a, b) => (a % 1009) - (b % 1009) || a - b)) {
      if (plain.size <= target) break;
      expect(ours.delete(id)).toBe(true);
      plain.delete(id);
    }
    expect(ours.entries()).toEqual([...plain]);
    for (const [id, value] of plain) expect(ours.get(id)).toBe(value);
    // At most two thirds full, and never under a sixteenth but for the least table.
    expect(ours.capacity).toBeLessThanOrEqual(Math.max(8, 16 * plain.size));
  }
});

test('sjf: a job that left from the middle of the line and came back is proposed once', () => {
  const job = (n: number): WaitingJob =>
    ({
      spec: { job: n, estimateUs: n * 10 },
      shape: { id: 1, groups: [], totalMilli: 1000 },
      order: n,
    }) as unknown as WaitingJob;
  const [short, long] = [job(1), job(2)];
  const queue = new Sjf(false);
  queue.add(short);
  queue.add(long);
  queue.remove(long);
  queue.add(long);
  const started: number[] = [];
  const view = {
    start: (j: WaitingJob) => {
      started.push(j.spec.job);
      queue.remove(j);
      return true;
    },
  } as unknown as SchedulerView;
  queue.schedule(view);
  expect(started).toEqual([1, 2]);
});

test('las: a job whose start is corrected after a takeover falls when a policy that is built anew says so', () => {
  const SECOND_US = 1e6;
  const play = (anew: boolean): unknown[] => {
    const las = new Las({ limitsGpuUs: [100 * SECOND_US, 200 * SECOND_US], preempt: true });
    const running = (n: number, startedUs: number): RunningJob =>
      ({
        spec: { job: n, user: 'u', estimateUs: 1e12 },
        shape: { totalMilli: 1000, groups: [], id: 1 },
        order: n,
        lease: n,
        servedUs: 0,
        startedUs,
        stopping: false,
      }) as unknown as RunningJob;
    const gang = running(1, -1);
    las.started(gang);
    for (const heard of [0, 60 * SECOND_US]) {
      (gang as { startedUs: number }).startedUs = heard;
      las.changed(gang);
    }
    if (anew) {
      las.reset();
      las.started(gang);
    }
    const seen: unknown[] = [];
    for (const now of [0, 100, 130, 160, 260]) {
      las.schedule({ now: now * SECOND_US, start: () => false, victims: () => null } as unknown as SchedulerView);
      seen.push([
        las.nextWakeup(),
        (las as unknown as { rank: (j: RunningJob, at: number) => number }).rank(gang, now * SECOND_US),
      ]);
    }
    return seen;
  };
  expect(play(false)).toEqual(play(true));
});
