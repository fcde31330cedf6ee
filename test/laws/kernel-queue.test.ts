/** Both event queues against a stable sort, on random and adversarial inputs; handles, refusals, state, memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NEVER } from '../../core/types.ts';
import { HeapQueue } from '../../sim/kernel/heap-queue.ts';
import { LadderQueue } from '../../sim/kernel/ladder-queue.ts';
import { type EventQueue, emptyEvent } from '../../sim/kernel/queue.ts';
import { tieShuffle } from '../../sim/kernel/tie-shuffle.ts';
import { generator } from '../support/market.ts';
import { runs } from '../support/runs.ts';

const kinds: [string, () => EventQueue][] = [
  ['LadderQueue', () => new LadderQueue()],
  ['LadderQueue that starts small', () => new LadderQueue({ capacity: 16 })],
  ['HeapQueue', () => new HeapQueue()],
];

interface Pending {
  t: number;
  phase: number;
  n: number;
  handle: number;
}

/** The slow queue: an array sorted when asked; `sort` is stable, so equal keys keep the order of pushes. */
class SortedList {
  list: Pending[] = [];
  push(p: Pending): void {
    this.list.push(p);
  }
  pop(): Pending | undefined {
    this.list.sort((x, y) => x.t - y.t || x.phase - y.phase);
    return this.list.shift();
  }
}

type Law = (r: () => number, now: number) => number;
const laws: Record<string, Law> = {
  'exponential gaps': (r, now) => now + Math.floor(-1000 * Math.log(1 - r())),
  'all ties': (_, now) => now,
  'few distinct times': (r, now) => (Math.floor(now / 100) + 1 + Math.floor(r() * 3)) * 100,
  bimodal: (r, now) => now + Math.floor(-(r() < 0.9 ? 1 : 1e6) * 1000 * Math.log(1 - r())),
  'Pareto(1.1)': (r, now) => now + Math.min(1e14, Math.floor(1000 * (1 - r()) ** (-1 / 1.1))),
  'falling times': (r, now) => now + 1e9 - (r() < 0.01 ? 0 : Math.floor(1e9 * r() ** 8)),
  'one far event in a thousand': (r, now) => now + (r() < 0.001 ? 1e15 : Math.floor(r() * 50)),
  'near the end of time': (r, now) => Math.min(NEVER - 1, Math.max(now, NEVER - 1 - Math.floor(r() * 1e5))),
};

/** Random pushes, pops and cancels, the number pending drifting towards changing goals; every answer is compared. */
function duel(make: () => EventQueue, law: Law, seed: number, steps: number, most: number, cancels: number): void {
  const r = generator(seed);
  const queue = make();
  const slow = new SortedList();
  const event = emptyEvent();
  let goal = most;
  let batch: Pending[] = [];
  for (let step = 0; step < steps; step++) {
    if (step % Math.ceil(steps / 6) === 0) goal = Math.floor(r() * most) * (r() < 0.3 ? 0 : 1);
    const grow = queue.size < goal ? 0.7 : 0.3;
    if (r() < grow) {
      const p = { t: law(r, queue.now), phase: Math.floor(r() * 3), n: step, handle: 0 };
      p.handle = queue.push(p.t, p.phase, 7, step, -step);
      slow.push(p);
      batch.push(p);
    } else if (r() < cancels && batch.length > 0) {
      const p = batch[Math.floor(r() * batch.length)]!;
      const i = slow.list.indexOf(p);
      if (queue.cancel(p.handle) !== i >= 0) throw new Error(`cancel disagrees at step ${step}`);
      if (i >= 0) slow.list.splice(i, 1);
      if (batch.length > 4 * most) batch = [];
    } else {
      const expected = slow.pop();
      const next = queue.peekTime();
      if (next !== (expected?.t ?? NEVER)) throw new Error(`peek disagrees at step ${step}`);
      const got = queue.pop(event);
      if (got !== (expected !== undefined)) throw new Error(`emptiness disagrees at step ${step}`);
      if (expected === undefined) continue;
      if (
        event.timeUs !== expected.t ||
        event.phase !== expected.phase ||
        event.a !== expected.n ||
        event.b !== -event.a
      )
        throw new Error(`order disagrees at step ${step}: ${JSON.stringify(event)} for ${JSON.stringify(expected)}`);
      if (queue.now !== expected.t) throw new Error('clock disagrees');
    }
    if (queue.size !== slow.list.length) throw new Error(`size disagrees at step ${step}`);
  }
}

for (const [name, make] of kinds) {
  describe(name, () => {
    for (const [law, draw] of Object.entries(laws)) {
      test(`is a stable sort: ${law}`, () => {
        for (let seed = 1; seed <= runs(4); seed++) {
          duel(make, draw, seed, 3000, 20, 0.2);
          duel(make, draw, seed, 3000, 130, 0.2);
          duel(make, draw, seed, 3000, 700, 0.6);
        }
      });
    }

    test('is a stable sort of any list', () => {
      const time = fc.oneof(
        fc.integer({ min: 0, max: 20 }),
        fc.maxSafeNat().map((t) => Math.min(t, NEVER - 1)),
      );
      const list = fc.array(fc.tuple(time, fc.integer({ min: 0, max: 4095 })), { maxLength: 400, size: 'max' });
      fc.assert(
        fc.property(list, (events) => {
          const queue = make();
          events.forEach(([t, phase], i) => {
            queue.push(t, phase, 0, i, 0);
          });
          const order = events.map((_, i) => i);
          order.sort((x, y) => events[x]![0] - events[y]![0] || events[x]![1] - events[y]![1]);
          const event = emptyEvent();
          const got: number[] = [];
          while (queue.pop(event)) got.push(event.a);
          expect(got).toEqual(order);
        }),
        { seed: 4, numRuns: 200 },
      );
    });

    test('a hundred thousand events at ten stamps come out in order, and in no time', () => {
      const queue = make();
      for (let i = 0; i < 100_000; i++) queue.push((i * 7) % 10, 0, 0, i, 0);
      const event = emptyEvent();
      let last = -1;
      let lastTime = -1;
      let count = 0;
      while (queue.pop(event)) {
        if (event.timeUs === lastTime && event.a <= last) throw new Error('ties out of order');
        lastTime = event.timeUs;
        last = event.a;
        count++;
      }
      expect(count).toBe(100_000);
    });

    test('refuses what is no event', () => {
      const queue = make();
      queue.push(10, 0, 0, 0, 0);
      queue.pop(emptyEvent());
      for (const t of [NaN, Infinity, -Infinity, 10.5, 9, -1, 2 ** 53]) {
        expect(() => queue.push(t, 0, 0, 0, 0)).toThrow(RangeError);
      }
      expect(() => queue.push(9, 0, 0, 0, 0)).toThrow('event time 9 is before now (10)');
      for (const phase of [-1, 4096, 0.5, NaN]) expect(() => queue.push(11, phase, 0, 0, 0)).toThrow('phase');
      for (const type of [-1, 0.5, 2 ** 31]) expect(() => queue.push(11, 0, type, 0, 0)).toThrow('type');
      for (const b of [0.5, 2 ** 31, NaN]) expect(() => queue.push(11, 0, 0, 0, b)).toThrow('operand');
      expect(queue.size).toBe(0);
      expect(queue.peekTime()).toBe(NEVER);
    });

    test('an old handle cancels nothing, and no handle is 0', () => {
      const queue = make();
      const handles: number[] = [];
      const event = emptyEvent();
      for (let i = 0; i < 2000; i++) {
        handles.push(queue.push(i, 0, 0, i, 0));
        queue.pop(event);
      }
      expect(new Set(handles).size).toBe(2000);
      queue.push(5000, 0, 0, 0, 0);
      for (const h of [0, -1, NaN, 1.5, 2 ** 53, ...handles]) expect(queue.cancel(h)).toBe(false);
      expect(queue.size).toBe(1);
    });

    test('going on in a fresh instance changes nothing, handles included', () => {
      fc.assert(
        fc.property(fc.nat(), fc.integer({ min: 1, max: 600 }), (seed, most) => {
          const r = generator(seed);
          const whole = make();
          let split = make();
          const a = emptyEvent();
          const b = emptyEvent();
          const handles: number[] = [];
          for (let i = 0; i < 1500; i++) {
            if (i % 200 === 199) {
              const fresh = make();
              fresh.restore(JSON.parse(JSON.stringify(split.snapshot())));
              split = fresh;
            }
            const u = r();
            if (u < (whole.size < most ? 0.7 : 0.3)) {
              const t = whole.now + Math.floor(r() * 1000);
              handles.push(whole.push(t, 1, 2, i, 3));
              split.push(t, 1, 2, i, 3);
            } else if (u < 0.8 && handles.length > 0) {
              // The two instances may number their slots differently: cancel by what the event is.
              const h = whole.snapshot().events[0];
              const k = split.snapshot().events[0];
              if (h !== undefined && k !== undefined) expect(whole.cancel(h[6])).toBe(split.cancel(k[6]));
            } else {
              expect(whole.pop(a)).toBe(split.pop(b));
              expect(a).toEqual(b);
            }
            expect(split.peekTime()).toBe(whole.peekTime());
          }
        }),
        { seed: 11, numRuns: 6 },
      );
      const used = make();
      used.push(1, 0, 0, 0, 0);
      expect(() => used.restore(make().snapshot())).toThrow('fresh instance');
    });
  });
}

describe('LadderQueue', () => {
  test('memory: at most 45 bytes per event at a million, and follows live events under cancellation', () => {
    const queue = new LadderQueue();
    const r = generator(1);
    for (let i = 0; i < 1_000_000; i++) queue.post(Math.floor(r() * 1e9), 0, 0, i, 0);
    queue.peekTime();
    expect(queue.bytes / 1e6).toBeLessThanOrEqual(45);
    const timers = new LadderQueue();
    for (let i = 0; i < 200_000; i++) {
      expect(timers.cancel(timers.push(1e9 + i, 0, 0, i, 0))).toBe(true);
    }
    expect(timers.size).toBe(0);
    expect(timers.bytes).toBeLessThan(100_000);
  });

  test('shuffled ties: another order, the same for the same seed, never across stamps or phases', () => {
    const order = (shuffleSeed?: number): number[] => {
      const queue = new LadderQueue(shuffleSeed === undefined ? {} : { shuffleSeed });
      for (let i = 0; i < 300; i++) queue.push(i % 3, i % 2, 0, i, 0);
      const event = emptyEvent();
      const out: number[] = [];
      let last = -1;
      while (queue.pop(event)) {
        const rank = event.timeUs * 2 + event.phase;
        expect(rank).toBeGreaterThanOrEqual(last);
        last = rank;
        out.push(event.a);
      }
      expect(out).toHaveLength(300);
      return out;
    };
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order());
    expect(order(1)).not.toEqual(order(2));
  });

  test('the shuffle is a permutation', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 20_000; i++) seen.add(tieShuffle(i, 5));
    for (let i = 0; i < 1000; i++) seen.add(tieShuffle(2 ** 40 - 1 - i, 5));
    expect(seen.size).toBe(21_000);
    for (const x of seen)
      if (!(Number.isSafeInteger(x) && x >= 0 && x < 2 ** 40)) throw new Error(`out of range: ${x}`);
  });
});
