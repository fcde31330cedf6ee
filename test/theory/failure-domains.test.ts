/** Machines that fail together, against the closed form and with machines' own failures untouched. */
import { describe, expect, test } from 'vitest';
import { DownCause, FactKind } from '../../core/facts.ts';
import { HOUR_US } from '../../core/types.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { LadderQueue } from '../../sim/kernel/ladder-queue.ts';
import { emptyEvent } from '../../sim/kernel/queue.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { Domains } from '../../sim/world/domains.ts';
import { WorldEvent } from '../../sim/world/events.ts';
import { Fleet } from '../../sim/world/fleet.ts';
import { added, group, minimal, refusal } from '../support/scenario-text.ts';

const DAY = 24 * HOUR_US;
const exponential = (meanUs: number) => ({ family: 'exponential', meanUs }) as const;

/** Time each machine is down within the horizon, and the stamps at which it changes. */
function live(racks: number, size: number, own: number, shared: boolean, days: number, seed: number) {
  const queue = new LadderQueue();
  const streams = new Streams(seed);
  const n = racks * size;
  const lives = Array.from({ length: n }, () => ({
    availability: { kind: 'always' } as const,
    mtbfUs: own,
    repairUs: HOUR_US,
  }));
  const fleet = new Fleet(
    queue,
    streams,
    lives,
    lives.map((_, i) => `n${i}`),
  );
  const domains = Array.from({ length: shared ? racks : 0 }, (_, r) => ({
    name: `rack/${r}`,
    nodes: Array.from({ length: size }, (_, k) => r * size + k),
    failures: { between: exponential(10 * DAY), causes: [{ name: 'rack', weight: 1, repair: exponential(2 * DAY) }] },
  }));
  const d = new Domains(queue, streams, domains, fleet);
  fleet.open();
  d.open();
  const downUs = new Array<number>(n).fill(0);
  const since = new Array<number>(n).fill(-1);
  const changes: string[] = [];
  const event = emptyEvent();
  while (queue.peekTime() < days * DAY) {
    queue.pop(event);
    const t = queue.now;
    const lost = () => {};
    const facts =
      event.type === WorldEvent.domain
        ? d.happen(t, event.a, event.b === 1, lost)
        : [fleet.happen(t, event.type, event.a, event.b, lost)].filter((f) => f !== null);
    for (const f of facts) {
      if (f.kind !== FactKind.nodeDown && f.kind !== FactKind.nodeUp) throw new Error('another fact');
      changes.push(`${t}:${f.node}:${f.kind}`);
      if (f.kind === FactKind.nodeDown) {
        expect(f.cause).toBe(DownCause.failure);
        expect(since[f.node]).toBe(-1);
        since[f.node] = t;
      } else {
        expect(since[f.node]).toBeGreaterThanOrEqual(0);
        downUs[f.node]! += t - since[f.node]!;
        since[f.node] = -1;
      }
    }
  }
  since.forEach((s, i) => {
    if (s >= 0) downUs[i]! += days * DAY - s;
  });
  return { downUs, changes, causes: fleet.causes };
}

describe('shared failures', () => {
  test('a rack is down 2 days of 12 in the long run, and its machines all at the same times', () => {
    const racks = 120;
    const days = 600;
    const { downUs } = live(racks, 3, 0, true, days, 1);
    const perRack: number[] = [];
    for (let r = 0; r < racks; r++) {
      expect(downUs[3 * r + 1]).toBe(downUs[3 * r]);
      expect(downUs[3 * r + 2]).toBe(downUs[3 * r]);
      perRack.push(downUs[3 * r]! / (days * DAY));
    }
    const mean = perRack.reduce((a, b) => a + b, 0) / racks;
    const sd = Math.sqrt(perRack.reduce((a, b) => a + (b - mean) ** 2, 0) / (racks - 1));
    // 3.29 deviations: 99.9 %. A run that begins whole is up a little longer: (1/6) (1 - tau / T), tau = 10/6 days.
    expect(Math.abs(mean - (1 / 6) * (1 - 10 / 6 / days))).toBeLessThan((3.29 * sd) / Math.sqrt(racks));
  });

  test('a machine that is broken itself stays down when its rack comes back', () => {
    const { downUs, causes } = live(40, 2, 5 * DAY, true, 300, 2);
    expect(causes.get('rack')).toBeGreaterThan(500);
    expect(causes.get('failure')).toBeGreaterThan(2000);
    expect(Math.max(...downUs)).toBeLessThan(300 * DAY);
  });

  test('racks change nothing about when machines break by themselves', () => {
    const alone = live(10, 2, 20 * DAY, false, 200, 3);
    const both = live(10, 2, 20 * DAY, true, 200, 3);
    // What the machines do alone happens too where racks fail, but where it is hidden behind a rack that is down.
    const seen = new Set(both.changes);
    const kept = alone.changes.filter((c) => seen.has(c)).length;
    expect(kept).toBeGreaterThan(0.6 * alone.changes.length);
  });
});

describe('in a scenario', () => {
  const outage = (text: string) => added(`failures:\n  shared:\n    - { ${text} }\n`);
  test.each([
    ['name: tor, of: rack, groups: lab', 'wants one of mtbf and between'],
    ['name: tor, of: rack, groups: lab, mtbf: 1 day', 'name no rack'],
    ['name: tor, of: site, groups: labs, mtbf: 1 day', 'unknown group "labs"; did you mean "lab"?'],
    ['name: tor, of: cage, groups: lab, mtbf: 1 day', 'of'],
    ['name: tor, of: site, groups: lab, mtbf: 0 day', 'no time at all'],
  ])('%s is refused: %s', (text, what) => {
    expect(refusal(outage(text))).toContain(what);
  });

  test('domains by rack, provider, site and card', () => {
    const of = (what: string) => {
      const text = group('nodes: 2, gpus: 4, rack: 2').replace('providers: 4', 'providers: 3');
      const shared = `failures:\n  shared:\n    - { name: x, of: ${what}, groups: lab, mtbf: 9 day }\n`;
      return resolveScenario(text + shared, 'f.yaml').domains!.map((d) => d.nodes);
    };
    expect(of('rack')).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(of('provider')).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(of('site')).toEqual([[0, 1, 2, 3, 4, 5]]);
    expect(of('gpu').length).toBe(24);
    expect(resolveScenario(minimal, 'f.yaml').domains).toBeUndefined();
  });
});
