import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Link, type Packet } from '../../core/link/link.ts';
import { NEVER } from '../../core/types.ts';

const options = { resendUs: 100, resendMaxUs: 1600, window: 4 };
const letter = (n: number) => ({ from: 1, to: 2, message: { kind: 35, hold: n, closing: 0, term: 1 } as const });

/** Two links and a wire that drops, doubles and reorders by the given bytes until `quietAt`. */
function exchange(letters: number, chaos: readonly number[], restart: boolean): { got: number[]; packets: number } {
  let a = new Link(0, 1, options);
  let b = new Link(1, 0, options);
  const got: number[] = [];
  const wire: { at: number; p: Packet }[] = [];
  let packets = 0;
  let c = 0;
  const send = (now: number, link: Link) => {
    for (let p = link.flush(now); p !== null; p = link.flush(now)) {
      packets++;
      const dice = c < chaos.length ? chaos[c++]! : 1;
      if (dice % 5 === 0) continue;
      wire.push({ at: now + 1 + (dice % 7) * 30, p });
      if (dice % 5 === 2) wire.push({ at: now + 1 + (dice % 11) * 40, p });
    }
  };
  let posted = 0;
  for (let now = 0; now < 200_000; now++) {
    if (now % 13 === 0 && posted < letters) a.post(letter(++posted));
    for (const w of wire.filter((x) => x.at === now)) {
      if (w.p.toHost === 1) got.push(...b.receive(now, w.p).map((l) => (l.message as { hold: number }).hold));
      else a.receive(now, w.p);
    }
    for (let i = wire.length - 1; i >= 0; i--) if (wire[i]!.at <= now) wire.splice(i, 1);
    send(now, a);
    send(now, b);
    if (restart && now % 97 === 0) {
      const [sa, sb] = [a.snapshot(), b.snapshot()];
      a = new Link(0, 1, options);
      b = new Link(1, 0, options);
      a.restore(sa);
      b.restore(sb);
    }
    if (posted === letters && a.idle && wire.length === 0 && a.nextWakeup() === NEVER) break;
  }
  return { got, packets };
}

describe('link', () => {
  test('whatever the wire drops, doubles or reorders, letters arrive once and in order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat(255), { maxLength: 300 }),
        fc.boolean(),
        (n, chaos, restart) => {
          expect(exchange(n, chaos, restart).got).toEqual(Array.from({ length: n }, (_, i) => i + 1));
        },
      ),
      { seed: 1, numRuns: 120 },
    );
  });

  test('on a good wire nothing is sent twice', () => {
    const link = new Link(0, 1, options);
    for (let i = 1; i <= 10; i++) link.post(letter(i));
    const sizes: number[] = [];
    for (let p = link.flush(0); p !== null; p = link.flush(0)) sizes.push(p.letters.length);
    expect(sizes).toEqual([4, 4, 2]);
    expect(link.flush(50)).toBeNull();
    expect(link.nextWakeup()).toBe(100);
  });

  test('resending backs off to its ceiling', () => {
    const link = new Link(0, 1, options);
    link.post(letter(1));
    link.flush(0);
    const gaps: number[] = [];
    let now = 0;
    for (let i = 0; i < 7; i++) {
      const due = link.nextWakeup();
      gaps.push(due - now);
      now = due;
      expect(link.flush(now)!.letters).toHaveLength(1);
    }
    expect(gaps).toEqual([100, 200, 400, 800, 1600, 1600, 1600]);
  });

  test('a dropped outbox is skipped by the peer, later letters arrive', () => {
    const a = new Link(0, 1, options);
    const b = new Link(1, 0, options);
    a.post(letter(1));
    a.flush(0);
    a.drop(() => true);
    expect(a.idle).toBe(true);
    expect(a.nextWakeup()).toBe(NEVER);
    a.post(letter(2));
    const p = a.flush(1)!;
    expect(b.receive(2, p).map((l) => (l.message as { hold: number }).hold)).toEqual([2]);
  });

  test('dropping some letters keeps the numbers of the others, whatever had arrived', () => {
    for (const arrived of [0, 2, 4]) {
      const a = new Link(0, 1, options);
      const b = new Link(1, 0, options);
      for (let i = 1; i <= 4; i++) a.post(letter(i));
      const first = a.flush(0)!;
      const got: number[] = [];
      const take = (p: Packet) => {
        for (const l of b.receive(1, p)) got.push((l.message as { hold: number }).hold);
      };
      if (arrived > 0) take({ ...first, letters: first.letters.slice(0, arrived) });
      a.drop((l) => (l.message as { hold: number }).hold % 2 === 0);
      a.post(letter(5));
      // The confirmation was lost: everything is sent again, the dropped letters as gaps.
      for (let p = a.flush(a.nextWakeup()); p !== null; p = a.flush(a.nextWakeup() - 1)) take(p);
      expect(got).toEqual(arrived === 0 ? [1, 3, 5] : arrived === 2 ? [1, 2, 3, 5] : [1, 2, 3, 4, 5]);
    }
  });
});
