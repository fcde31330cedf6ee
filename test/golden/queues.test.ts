/** The quickstart gives the same fingerprint whatever orders its events, whatever is checked, and however often it is resumed. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { loadScenario } from '../../lab/load.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { HeapQueue } from '../../sim/kernel/heap-queue.ts';
import { LadderQueue } from '../../sim/kernel/ladder-queue.ts';
import { type EventQueue, emptyEvent, type QueueState, type SimEvent } from '../../sim/kernel/queue.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { demandSource, finishRun, prepareRun, runScenario } from '../../sim/run.ts';
import { generator } from '../support/market.ts';

const file = fileURLToPath(new URL('../../scenarios/quickstart/scenario.yaml', import.meta.url));
/** Half of its day: the golden runs have the whole. */
const half = ['horizon=12 hour'];
const quickstart = () => loadScenario(file, half, null);

/** The slowest queue: a list that is searched. Shares nothing with the others. */
class ListQueue implements EventQueue {
  now = 0;
  #events: (SimEvent & { handle: number })[] = [];
  #pushes = 0;
  get size(): number {
    return this.#events.length;
  }
  push(timeUs: number, phase: number, type: number, a: number, b: number): number {
    const handle = ++this.#pushes;
    this.#events.push({ timeUs, phase, type, a, b, handle });
    return handle;
  }
  cancel(handle: number): boolean {
    const i = this.#events.findIndex((e) => e.handle === handle);
    if (i >= 0) this.#events.splice(i, 1);
    return i >= 0;
  }
  #first(): number {
    let best = 0;
    this.#events.forEach((e, i) => {
      const b = this.#events[best]!;
      if (e.timeUs < b.timeUs || (e.timeUs === b.timeUs && e.phase < b.phase)) best = i;
    });
    return best;
  }
  peekTime(): number {
    return this.#events[this.#first()]?.timeUs ?? Number.MAX_SAFE_INTEGER;
  }
  pop(event: SimEvent): boolean {
    if (this.#events.length === 0) return false;
    const [e] = this.#events.splice(this.#first(), 1);
    Object.assign(event, { ...emptyEvent(), timeUs: e!.timeUs, phase: e!.phase, type: e!.type, a: e!.a, b: e!.b });
    this.now = e!.timeUs;
    return true;
  }
  snapshot(): QueueState {
    throw new Error('not kept');
  }
  restore(): void {
    throw new Error('not kept');
  }
}

describe('the quickstart', () => {
  let reference = '';
  test('runs', async () => {
    const run = runScenario(await quickstart(), { registry: shipped });
    reference = run.fingerprint;
    expect(run.jobs.submitted).toBeGreaterThan(500);
    const other = runScenario(await loadScenario(file, half, 2), { registry: shipped });
    expect(other.fingerprint).not.toBe(reference);
  });

  test.each([
    ['a heap', () => new HeapQueue()],
    ['a list', () => new ListQueue()],
    ['the ladder, starting small', () => new LadderQueue({ capacity: 16 })],
    // Core sorts the facts of a stamp itself, so the order of ties in the queue must not matter.
    ['ties shuffled by seed 1', () => new LadderQueue({ shuffleSeed: 1 })],
    ['ties shuffled by seed 2', () => new LadderQueue({ shuffleSeed: 2 })],
  ] as [string, () => EventQueue][])('on %s', async (_, make) => {
    expect(runScenario(await quickstart(), { registry: shipped, queue: make() }).fingerprint).toBe(reference);
  });

  test('with every law checked after every step', async () => {
    const run = runScenario(await quickstart(), { registry: shipped, checkEveryEvent: true });
    expect(run.fingerprint).toBe(reference);
    expect(run.invariants.checks).toBeGreaterThan(10_000);
  });

  test('saved and resumed in a fresh instance at random moments', async () => {
    const scenario = await quickstart();
    const prepared = prepareRun(scenario, { registry: shipped });
    const r = generator(17);
    let { simulation } = prepared;
    let resumed = 0;
    for (let t = 0; t < scenario.horizonUs; t += Math.floor((r() * scenario.horizonUs) / 6)) {
      simulation.runUntil(t);
      const state = clonePlain(simulation.snapshot()) as SimulationState;
      const streams = new Streams(scenario.seed);
      streams.restore(state.streams);
      const demand = demandSource(scenario, streams, undefined);
      simulation = new Simulation({ ...simulation.options, streams, demand });
      simulation.onValue((v) => prepared.summary.value(v));
      simulation.restore(state);
      resumed++;
    }
    expect(resumed).toBeGreaterThan(5);
    expect(finishRun({ ...prepared, simulation }).fingerprint).toBe(reference);
  });
});
