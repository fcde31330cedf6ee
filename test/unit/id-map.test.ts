import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdMap } from '../../core/id-map.ts';
import type { SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import { Sjf } from '../../mechanisms/queueing/sjf.ts';

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
