/** A model of typed events can be saved at any moment, and goes on bit for bit: split run = whole run, and every fork the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Digest } from '../../core/num/index.ts';
import { erlang, gamma, lognormal } from '../../sim/kernel/distributions.ts';
import { Kernel } from '../../sim/kernel/kernel.ts';
import { Streams } from '../../sim/kernel/streams.ts';

/** Servers that are taken in turn, jobs that give up after a while: pushes, cancels, ties, several streams. */
class Clinic {
  readonly kernel = new Kernel();
  readonly streams: Streams;
  readonly digest = new Digest();
  readonly #arrival: number;
  readonly #leave: number;
  readonly #giveUp: number;
  servers: number;
  line: { id: number; handle: number }[] = [];
  busy = 0;
  count = 0;

  constructor(seed: number, replication: number, servers: number) {
    this.streams = new Streams(seed, replication);
    this.servers = servers;
    this.#arrival = this.kernel.define(() => this.#arrive());
    this.#leave = this.kernel.define((id) => this.#left(id));
    this.#giveUp = this.kernel.define((id) => this.#gaveUp(id));
  }
  open(): void {
    this.kernel.post(0, this.#arrival);
  }
  #draw(purpose: string, law: { sample: (s: ReturnType<Streams['get']>) => number }): number {
    return Math.round(law.sample(this.streams.get(purpose, 'all')));
  }
  #note(what: number, id: number): void {
    for (const x of [this.kernel.now, what, id, this.busy, this.line.length]) this.digest.mixInt(x);
  }
  #arrive(): void {
    const { kernel } = this;
    const id = this.count++;
    this.#note(1, id);
    kernel.post(kernel.now + this.#draw('gap', gamma(0.7, 30)), this.#arrival);
    const handle = kernel.schedule(kernel.now + this.#draw('patience', lognormal(5, 1)), this.#giveUp, id, 0, 1);
    this.line.push({ id, handle });
    this.#serve();
  }
  #serve(): void {
    while (this.busy < this.servers && this.line.length > 0) {
      const next = this.line.shift()!;
      if (!this.kernel.cancel(next.handle)) throw new Error('a waiting job has a timer');
      this.busy++;
      this.kernel.post(this.kernel.now + this.#draw('work', erlang(3, 60)), this.#leave, next.id);
    }
  }
  #left(id: number): void {
    this.busy--;
    this.#note(2, id);
    this.#serve();
  }
  #gaveUp(id: number): void {
    this.line = this.line.filter((j) => j.id !== id);
    this.#note(3, id);
  }
  save() {
    const { line, busy, count } = this;
    return {
      kernel: this.kernel.snapshot(),
      streams: this.streams.snapshot(),
      digest: this.digest.state(),
      line,
      busy,
      count,
    };
  }
  static resume(seed: number, replication: number, servers: number, state: ReturnType<Clinic['save']>): Clinic {
    // Through text: nothing is shared with the instance that was saved.
    const s = JSON.parse(JSON.stringify(state)) as typeof state;
    const c = new Clinic(seed, replication, servers);
    c.kernel.restore(s.kernel);
    c.streams.restore(s.streams);
    c.digest.restore(s.digest);
    c.line = s.line;
    c.busy = s.busy;
    c.count = s.count;
    return c;
  }
}

/** Handles stay valid through a restore, but later ones may be numbered differently: they are names, not results. */
function withoutHandles(c: Clinic) {
  const s = c.save();
  const events = s.kernel.events.map((e) => e.slice(0, 6));
  return { ...s, kernel: { ...s.kernel, events }, line: s.line.map((j) => j.id) };
}

describe('snapshot, restore and fork', () => {
  test('split run = whole run, wherever it is split', () => {
    const splits = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.nat(50), fc.nat(3), fc.integer({ min: 1, max: 4 }), splits, (seed, replication, servers, at) => {
        const whole = new Clinic(seed, replication, servers);
        whole.open();
        whole.kernel.run(20_000);
        let split = new Clinic(seed, replication, servers);
        split.open();
        for (const t of [...at].sort((x, y) => x - y)) {
          split.kernel.run(t);
          split = Clinic.resume(seed, replication, servers, split.save());
        }
        split.kernel.run(20_000);
        expect(split.digest.hex()).toBe(whole.digest.hex());
        expect(withoutHandles(split)).toEqual(withoutHandles(whole));
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  test('one warm-up, many variants: equal ones end equal, and each continues the same past', () => {
    const warm = new Clinic(1, 0, 2);
    warm.open();
    warm.kernel.run(10_000);
    const state = warm.save();
    const ends = [2, 3, 2, 1].map((servers) => {
      const fork = Clinic.resume(1, 0, servers, state);
      fork.kernel.run(30_000);
      return fork.digest.hex();
    });
    expect(ends[0]).toBe(ends[2]);
    expect(new Set(ends).size).toBe(3);
    warm.kernel.run(30_000);
    expect(warm.digest.hex()).toBe(ends[0]);
  });

  test('code at work cannot be saved, and says so', () => {
    const a = new Kernel();
    a.at(5, () => {});
    expect(() => a.snapshot()).toThrow('typed events');
    const b = new Kernel();
    b.process(function* () {
      yield b.hold(1);
    });
    expect(() => b.snapshot()).toThrow('typed events');
    b.run();
    expect(b.snapshot().events).toEqual([]);
    const c = new Kernel();
    c.post(
      1,
      c.define(() => {}),
    );
    expect(() => new Kernel().restore(c.snapshot())).toThrow('no handler defined for event type 3');
  });
});
