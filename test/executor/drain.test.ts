import { describe, expect, test } from 'vitest';
import { type Action, ActionKind, CardState, FactKind } from '../../core/facts.ts';
import { NEVER, Outcome } from '../../core/types.ts';
import { Executor } from '../../executor/driver.ts';
import type { FactSink, Launcher, PlannedArrival } from '../../executor/launcher.ts';
import { recordedRun } from '../../lab/execution/closed-loop.ts';
import { shipped } from '../../mechanisms/index.ts';
import { listed, TwinStorage } from '../support/executor-twins.ts';
import { config, node, pool, SECOND, spec, task } from '../support/market.ts';

/** Starts at once; a job ends when the test says so. */
class Manual implements Launcher {
  readonly isolation = 'none';
  running = 0;
  readonly log: string[] = [];
  sink: FactSink = () => {};
  onStart: (job: number) => void = () => {};
  readonly #leases = new Map<number, { node: number; lease: number; fence: number }>();

  draining: readonly { node: number; gpu: number }[] = [];

  open(sink: FactSink, draining: readonly { node: number; gpu: number }[] = []): void {
    this.sink = sink;
    this.draining = draining;
  }
  reap(): number {
    return 0;
  }
  async close(): Promise<void> {
    this.sink = () => {};
  }
  act(action: Action): void {
    if (action.kind !== ActionKind.start) return;
    const { node, lease, fence, job } = action;
    this.running++;
    this.#leases.set(job, { node, lease, fence });
    this.log.push(`start ${job} on ${node}`);
    this.sink({ kind: FactKind.started, node, lease, fence });
    this.onStart(job);
  }
  end(job: number): void {
    this.running--;
    this.log.push(`end ${job}`);
    const at = this.#leases.get(job)!;
    this.sink({ kind: FactKind.exited, ...at, outcome: Outcome.completed, clean: true });
  }
}

const rest = (keep: number | null): TwinStorage => {
  const storage = new TwinStorage();
  storage.append(new Uint8Array(keep ?? 0));
  return storage;
};

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Two jobs of so many GPUs, one after the other. */
const twoJobs = (gpus: number, apartUs: number): PlannedArrival[] =>
  [1, 2].map((job) => ({
    timeUs: (job - 1) * apartUs,
    pool: 0,
    spec: spec(job, { groups: [task(gpus)] }),
    workUs: SECOND,
    fails: false,
  }));

/** Machines of two GPUs under one pool, in real time. */
const machines = (count: number) => ({
  config: config({
    pools: [pool('east')],
    nodes: Array.from({ length: count }, (_, i) => node(`n${i}`, { gpus: 2 })),
  }),
  registry: shipped,
  former: null,
  snapshotEvery: Number.MAX_SAFE_INTEGER,
  snapshotRest: 0,
  horizonUs: NEVER,
  timeScale: 1,
});

describe('a machine that is to be drained', () => {
  test('keeps what runs, takes nothing new, and works again when it is heard of', async () => {
    const launcher = new Manual();
    const arrivals = twoJobs(1, 0.1 * SECOND);
    const storage = new TwinStorage();
    const options = machines(1);
    const executor = new Executor({ ...options, arrivals: listed(arrivals), launcher, storage: () => storage });
    const hear = (until: number): void => launcher.sink({ kind: FactKind.contact, pool: 0, node: 0, until });
    const done = executor.run();
    while (launcher.log.length === 0) await later(5);
    hear(0);
    await later(300);
    // The second job came meanwhile, and a GPU is free; the first goes on and may end.
    expect(launcher.log).toEqual(['start 1 on 0']);
    launcher.end(1);
    await later(100);
    expect(launcher.log).toEqual(['start 1 on 0', 'end 1']);
    // A restart here finds a machine that nobody speaks against any more.
    const again = new Manual();
    again.onStart = (job) => setTimeout(() => again.end(job), 10);
    const former = { bytes: storage.bytes.slice(0, storage.synced), snapshot: null };
    const resumed = new Executor({ ...options, arrivals: listed(arrivals), launcher: again, former, storage: rest });
    expect(await resumed.run()).toMatchObject({ complete: true, restart: { lost: 0 } });
    expect(again.log).toEqual(['start 2 on 0', 'end 2']);
    launcher.onStart = (job) => setTimeout(() => launcher.end(job), 10);
    hear(NEVER);
    expect(await done).toMatchObject({ complete: true, submitted: 2 });
    expect(launcher.log.slice(2)).toEqual(['start 2 on 0', 'end 2']);
    // What was heard is in the journal: the simulator is told it at the same stamps.
    const heard = recordedRun(storage.bytes).recording.others.map((o) => o.fact);
    expect(heard).toEqual([0, NEVER].map((until) => ({ kind: FactKind.contact, pool: 0, node: 0, until })));
  });
});

test('after a restart a card that waits for its reset still waits, and a dead one is looked at anew', async () => {
  const launcher = new Manual();
  const arrivals = twoJobs(2, 0.2 * SECOND);
  const storage = new TwinStorage();
  const options = machines(2);
  const executor = new Executor({ ...options, arrivals: listed(arrivals), launcher, storage: () => storage });
  const done = executor.run();
  while (launcher.log.length === 0) await later(5);
  const tell = (n: number, state: CardState, xid: number): void =>
    launcher.sink({ kind: FactKind.gpu, node: n, gpu: 1, state, xid });
  tell(0, CardState.draining, 63);
  tell(1, CardState.dead, 79);
  await later(400);
  // No machine has two cards to sell: the second job waits.
  expect(launcher.log).toEqual(['start 1 on 0']);
  launcher.end(1);
  await later(100);
  const again = new Manual();
  again.onStart = (job) => setTimeout(() => again.end(job), 10);
  const former = { bytes: storage.bytes.slice(0, storage.synced), snapshot: null };
  const resumed = new Executor({ ...options, arrivals: listed(arrivals), launcher: again, former, storage: rest });
  expect(await resumed.run()).toMatchObject({ complete: true, restart: { lost: 0 } });
  expect(again.draining).toEqual([{ node: 0, gpu: 1 }]);
  expect(again.log).toEqual(['start 2 on 1', 'end 2']);
  launcher.onStart = (job) => setTimeout(() => launcher.end(job), 10);
  tell(0, CardState.fine, 0);
  expect(await done).toMatchObject({ complete: true, submitted: 2 });
});
