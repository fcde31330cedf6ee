/** Heartbeats in closed form against the same world told beat by beat: ages, lapses, and every row of a market. */
import { describe, expect, test } from 'vitest';
import { NEVER } from '../../core/types.ts';
import { type Hearing, Heartbeats } from '../../sim/world/heartbeats.ts';
import { merged, type Windows } from '../../sim/world/network.ts';
import { generator, SECOND } from '../support/market.ts';
import { meshScenario, prepared } from '../support/mesh.ts';

const HORIZON = 4_000 * SECOND;

/** Random windows, some open to the end. */
function windows(r: () => number, most: number): Windows {
  const list: [number, number][] = [];
  for (let i = Math.floor(r() * (most + 1)); i > 0; i--) {
    const from = Math.floor(r() * HORIZON);
    list.push([from, r() < 0.1 ? NEVER : from + Math.floor(r() * r() * 600 * SECOND) + 1]);
  }
  return merged(list);
}

function world(seed: number): { beats: Heartbeats; h: Hearing } {
  const r = generator(seed);
  const everyUs = (1 + Math.floor(r() * 20)) * SECOND;
  const loss = r() < 0.5 ? 0 : r() * 0.5;
  return {
    beats: new Heartbeats({ everyUs, ttlUs: everyUs * (1 + Math.floor(r() * 4)), loss, key: [seed, 0] }),
    h: {
      pair: seed,
      phaseUs: Math.floor(r() * everyUs),
      delayUs: Math.floor(r() * (r() < 0.2 ? 60 : 1) * SECOND),
      cuts: windows(r, 4),
      downs: windows(r, 3),
    },
  };
}

/** Last stamp until which the machine is counted on, as it stands at every stamp where that changes: by a rule of contacts. */
function told(beats: Heartbeats, h: Hearing, rule: 'contact' | 'everyBeat'): { atUs: number; untilUs: number }[] {
  const list = [];
  for (let k = beats.nextArrived(h, 0); k >= 0 && beats.arrivalUs(h, k) < HORIZON; ) {
    const { untilUs, nextBeat } = beats[rule](h, k);
    list.push({ atUs: beats.arrivalUs(h, k), untilUs });
    k = nextBeat;
  }
  return list;
}

/** Whether it is counted on at each of the stamps, ascending, by what was told before. */
function counted(list: { atUs: number; untilUs: number }[], stamps: readonly number[]): boolean[] {
  let n = 0;
  return stamps.map((t) => {
    while (n < list.length && list[n]!.atUs <= t) n++;
    return n > 0 && list[n - 1]!.untilUs >= t;
  });
}

describe('heartbeats', () => {
  test('in closed form a machine is counted on exactly when its beats say so (300 random wires)', () => {
    let lapses = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const { beats, h } = world(seed);
      const closed = told(beats, h, 'contact');
      const oracle = told(beats, h, 'everyBeat');
      // Everything that can change between two stamps changes at one of these or just after it.
      const stamps = oracle
        .flatMap((c) => [c.atUs - 1, c.atUs, c.untilUs, c.untilUs + 1])
        .filter((t) => t < HORIZON)
        .sort((a, b) => a - b);
      expect(counted(closed, stamps), `wire ${seed}`).toEqual(counted(oracle, stamps));
      lapses += closed.filter((c) => c.untilUs < NEVER).length;
      expect(closed.length).toBeLessThanOrEqual(oracle.length);
    }
    expect(lapses).toBeGreaterThan(300);
  });

  test('the age is the time since the last beat that arrived', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { beats, h } = world(seed);
      let last = -1;
      const ages: [number, number][] = [];
      const want: [number, number][] = [];
      const arrivals = new Map<number, number>();
      for (let k = 0; beats.sentUs(h, k) < HORIZON; k++)
        if (beats.arrives(h, k)) arrivals.set(beats.arrivalUs(h, k), beats.sentUs(h, k));
      for (const [at, sent] of arrivals) {
        if (at >= HORIZON) continue;
        ages.push([beats.ageUs(h, at - 1), beats.ageUs(h, at)]);
        want.push([last < 0 ? -1 : at - 1 - last, at - sent]);
        last = sent;
      }
      expect(ages, `wire ${seed}`).toEqual(want);
      if (last >= 0) expect(beats.ageUs(h, HORIZON)).toBeGreaterThanOrEqual(0);
    }
  });

  test('a quiet wire costs one contact, however long', () => {
    const beats = new Heartbeats({ everyUs: SECOND, ttlUs: 3 * SECOND, loss: 0, key: [1, 0] });
    const h: Hearing = { pair: 1, phaseUs: 0, delayUs: 5, cuts: [], downs: [] };
    expect(beats.contact(h, 0)).toEqual({ untilUs: NEVER, nextBeat: -1 });
  });

  for (const seed of [1, 2, 3])
    test(`the market does the same, row for row, when it is told of every beat (seed ${seed})`, () => {
      const scenario = meshScenario(
        `
  loss: 10 %
  heartbeat: { every: 20 second, missed: 2 }
  takeover: { after: 10 minute }
  partitions:
    - { from: 2 hour, to: 150 minute, every: 5 hour, side: { pools: east } }
    - { from: 4 hour, to: 270 minute, side: { groups: hall } }
    - { from: 5 hour, to: 330 minute, side: { groups: hall }, way: out }
    - { from: 6 hour, to: 390 minute, side: { groups: hall }, way: in }
  crashes: [{ pool: west, from: 6 hour, to: 8 hour }]`,
        { hours: 10, seed },
      );
      const run = (every: boolean): string => {
        const { simulation, recorder } = prepared(scenario, {
          ...(every ? { contact: (b: Heartbeats, h: Hearing, k: number) => b.everyBeat(h, k) } : {}),
        });
        simulation.finish();
        return recorder.fingerprint;
      };
      expect(run(true)).toBe(run(false));
    });
});
