/** Processes, resources, stores and signals: what a model can observe, in SimPy's and simjs's terms. */
import { describe, expect, test } from 'vitest';
import { Kernel } from '../../sim/kernel/kernel.ts';
import { Interrupt, type Wait } from '../../sim/kernel/process.ts';
import { Preempted, preemptedFrom, Resource } from '../../sim/kernel/resource.ts';
import { allOf, anyOf, Signal, timeout } from '../../sim/kernel/signal.ts';
import { Container, Store } from '../../sim/kernel/store.ts';

type Body<T = void> = Generator<Wait, T, unknown>;

function world() {
  const kernel = new Kernel();
  const log: string[] = [];
  return { kernel, log, say: (what: string) => log.push(`${kernel.now} ${what}`) };
}

describe('the three levels share one clock and one order', () => {
  test('events at one stamp: phase, then the order of posting; ready processes before the next event', () => {
    const { kernel, say, log } = world();
    const type = kernel.define((a, b) => say(`event ${a} ${b}`));
    kernel.post(5, type, 1, 2, 1);
    kernel.post(5, type, 3, 4);
    kernel.at(5, () => say('callback'));
    kernel.process(function* (): Body {
      yield kernel.hold(5);
      say('process');
      kernel.process(function* (): Body {
        say('child');
        yield kernel.hold(0);
      });
      kernel.at(5, () => say('late'));
    });
    expect(kernel.run()).toBe(false);
    // The process starts, and so posts its hold, when the run begins: after the others.
    expect(log).toEqual(['5 event 3 4', '5 callback', '5 process', '5 child', '5 late', '5 event 1 2']);
    expect(kernel.now).toBe(5);
  });

  test('run(until) includes its stamp, keeps what is later, and sets the clock', () => {
    const { kernel, say, log } = world();
    for (const t of [3, 4, 5]) kernel.at(t, () => say('x'));
    expect(kernel.run(4)).toBe(true);
    expect(log).toEqual(['3 x', '4 x']);
    expect(kernel.run(4)).toBe(true);
    kernel.at(4, () => say('now'));
    expect(kernel.run(20)).toBe(false);
    expect(log).toEqual(['3 x', '4 x', '4 now', '5 x']);
    expect(kernel.now).toBe(20);
    expect(() => kernel.run(19)).toThrow('before now');
    expect(() => kernel.after(-1, () => {})).toThrow('before now');
    expect(() => kernel.after(0.5, () => {})).toThrow('whole number');
    expect(() => kernel.after(NaN, () => {})).toThrow(RangeError);
  });

  test('cancel and stop', () => {
    const { kernel, say, log } = world();
    const h = kernel.at(1, () => say('never'));
    expect(kernel.cancel(h)).toBe(true);
    expect(kernel.cancel(h)).toBe(false);
    kernel.at(2, () => kernel.stop());
    kernel.at(3, () => say('later'));
    expect(kernel.run(10)).toBe(true);
    expect(kernel.now).toBe(2);
    kernel.run(10);
    expect(log).toEqual(['3 later']);
  });

  test('a long chain of signals needs no stack', () => {
    const { kernel } = world();
    const signals = Array.from({ length: 30_000 }, () => new Signal<number>(kernel));
    signals.slice(1).forEach((s, i) => {
      kernel.process(function* (): Body {
        const v = (yield signals[i]!.wait()) as number;
        s.fire(v + 1);
      });
    });
    kernel.at(1, () => signals[0]!.fire(0));
    kernel.run();
    expect(signals.at(-1)!.value).toBe(29_999);
    expect(kernel.now).toBe(1);
  });
});

describe('processes', () => {
  test('join brings the result, also of one that is over; what a body throws ends the run', () => {
    const { kernel, say, log } = world();
    const worker = kernel.process(function* (): Body<string> {
      yield kernel.hold(3);
      return 'made';
    });
    for (const at of [0, 7]) {
      kernel.process(function* (): Body {
        yield kernel.hold(at);
        say(String(yield worker.join()));
      });
    }
    kernel.run();
    expect(log).toEqual(['3 made', '7 made']);
    expect(worker.done && worker.result).toBe('made');
    kernel.process(function* (): Body {
      yield kernel.hold(1);
      throw new Error('boom');
    });
    expect(() => kernel.run()).toThrow('boom');
    // The kernel is usable afterwards.
    kernel.at(9, () => say('on'));
    kernel.run();
    expect(log.at(-1)).toBe('9 on');
  });

  test('misuse is named: a wait outside, a wait that was not yielded, a yield of nothing', () => {
    const { kernel } = world();
    expect(() => kernel.hold(1)).toThrow('in a process');
    kernel.process(function* (): Body {
      kernel.hold(1);
      yield kernel.hold(2);
    });
    expect(() => kernel.run()).toThrow('not yielded');
    for (const type of [0, 1, 2, 3, -1, 1.5, NaN]) expect(() => kernel.post(9, type)).toThrow('was not defined');
    kernel.at(0, () => kernel.run());
    expect(() => kernel.run()).toThrow('is running');
    kernel.process(function* (): Body {
      yield 5 as unknown as Wait;
    }, 'five');
    expect(() => kernel.run()).toThrow('process five yielded 5');
  });

  test('interrupt: leaves the line and the timer, carries its cause; at the next wait when it cannot come at once', () => {
    const { kernel, say, log } = world();
    const server = new Resource(kernel);
    const holder = kernel.process(function* (): Body {
      yield server.request();
      yield kernel.hold(100);
      server.release();
    });
    const waiter = kernel.process(function* (): Body {
      try {
        yield server.request({ patience: 50 });
      } catch (e) {
        say(`interrupted by ${(e as Interrupt).cause}`);
      }
      say(`line ${server.waiting}`);
      yield kernel.hold(1);
      say('free');
    });
    const sleeper = kernel.process(function* (): Body {
      for (;;) {
        try {
          yield kernel.hold(1000);
          return;
        } catch (e) {
          say(`sleeper ${(e as Interrupt).cause}`);
        }
      }
    });
    kernel.at(10, () => {
      expect(waiter.interrupt('me')).toBe(true);
      expect(sleeper.interrupt('one')).toBe(true);
      expect(sleeper.interrupt('two')).toBe(true);
    });
    kernel.run();
    expect(log).toEqual(['10 interrupted by me', '10 line 0', '10 sleeper one', '10 sleeper two', '11 free']);
    expect(kernel.now).toBe(1010);
    expect(holder.interrupt()).toBe(false);
    // Nothing of the cancelled timers is left.
    expect(kernel.queue.size).toBe(0);
  });

  test('an interrupt that meets a process served by its own request comes at its next wait, once', () => {
    const { kernel, say, log } = world();
    const tank = new Container(kernel, 10, 5);
    const p = kernel.process(function* (): Body {
      yield kernel.hold(1);
      p.interrupt('self');
      say(`got ${yield tank.get(2)}`);
      try {
        yield kernel.hold(10);
      } catch (e) {
        say(`interrupted by ${(e as Interrupt).cause}`);
      }
      yield kernel.hold(5);
      say('on');
    });
    kernel.run();
    expect(log).toEqual(['1 got true', '1 interrupted by self', '6 on']);
  });

  test('an interrupt between grant and resumption does not lose the grant', () => {
    const { kernel, say, log } = world();
    const server = new Resource(kernel);
    kernel.process(function* (): Body {
      yield server.request();
      yield kernel.hold(5);
      server.release();
      second.interrupt('late');
    });
    const second = kernel.process(function* (): Body {
      yield server.request();
      say('granted');
      try {
        yield kernel.hold(10);
      } catch (e) {
        if (!(e instanceof Interrupt)) throw e;
        say('interrupted');
      }
      server.release();
    });
    kernel.run();
    expect(log).toEqual(['5 granted', '5 interrupted']);
    expect(server.busy).toBe(0);
  });
});

describe('resources', () => {
  test('first come first served, by priority, with patience', () => {
    const { kernel, say, log } = world();
    const server = new Resource(kernel, 1, { statistics: true });
    const job = (name: string, at: number, priority?: number, patience?: number): void => {
      kernel.process(function* (): Body {
        yield kernel.hold(at);
        const options = {
          ...(priority === undefined ? {} : { priority }),
          ...(patience === undefined ? {} : { patience }),
        };
        if (yield server.request(options)) {
          say(name);
          yield kernel.hold(10);
          server.release();
        } else say(`${name} left`);
      });
    };
    job('a', 0);
    job('b', 1, 5);
    job('c', 2, 1);
    job('d', 3, 5);
    job('e', 4, 9, 20);
    job('f', 5, -1, 6);
    kernel.run();
    expect(log).toEqual(['0 a', '10 f', '20 c', '24 e left', '30 b', '40 d']);
    expect(server.utilization()).toBe(1);
    // Waits: a 0, f 5, c 18, e 20, b 29, d 37, over 50 ticks.
    expect(server.meanWaiting()).toBe((5 + 18 + 20 + 29 + 37) / 50);
    expect(() => server.release()).toThrow('no unit');
  });

  test('pre-emption takes from the lowest, the latest of several; the victim learns since when it had the unit', () => {
    const { kernel, say, log } = world();
    const machines = new Resource(kernel, 2, { preemptive: true });
    const job = (name: string, at: number, work: number, priority: number, preempt: boolean): void => {
      kernel.process(function* (): Body {
        yield kernel.hold(at);
        for (let left = work; left > 0; ) {
          yield machines.request({ priority, preempt });
          const began = kernel.now;
          try {
            yield kernel.hold(left);
            left = 0;
          } catch (e) {
            if (!preemptedFrom(e, machines)) throw e;
            left -= kernel.now - began;
            say(`${name} lost its unit, had it since ${e.cause.since}, ${left} left`);
          } finally {
            machines.release();
          }
        }
        say(`${name} done`);
      });
    };
    job('low1', 0, 10, 5, true);
    job('low2', 1, 10, 5, true);
    job('polite', 2, 5, 1, false);
    job('urgent', 4, 3, 0, true);
    kernel.run();
    expect(log).toEqual([
      '4 low2 lost its unit, had it since 1, 7 left',
      '7 urgent done',
      '10 low1 done',
      '12 polite done',
      '17 low2 done',
    ]);
    const plain = new Resource(kernel);
    kernel.process(function* (): Body {
      yield plain.request({ preempt: true });
    });
    expect(() => kernel.run()).toThrow('preemptive: true');
    expect(new Preempted(null as never, plain, 3).since).toBe(3);
  });
});

describe('stores, containers and signals', () => {
  test('a bounded store holds producers back; filters pick; patience ends', () => {
    const { kernel, say, log } = world();
    const store = new Store<number>(kernel, 2);
    kernel.process(function* (): Body {
      for (let i = 1; i <= 4; i++) {
        yield store.put(i);
        say(`put ${i}`);
      }
    });
    kernel.process(function* (): Body {
      yield kernel.hold(10);
      say(`even ${yield store.get((x) => x % 2 === 0)}`);
      say(`first ${yield store.get()}`);
      say(`big ${yield store.get((x) => x > 100, { patience: 5 })}`);
    });
    kernel.run();
    expect(log).toEqual(['0 put 1', '0 put 2', '10 even 2', '10 first 1', '10 put 3', '10 put 4', '15 big false']);
    expect(store.items).toEqual([3, 4]);
    expect(store.tryPut(5)).toBe(false);
  });

  test('a container serves strictly in turn', () => {
    const { kernel, say, log } = world();
    const tank = new Container(kernel, 10, 4);
    const take = (name: string, amount: number, patience?: number): void => {
      kernel.process(function* (): Body {
        const ok = yield tank.get(amount, patience === undefined ? {} : { patience });
        say(`${name} ${ok}`);
      });
    };
    take('large', 8, 7);
    take('small', 1);
    kernel.process(function* (): Body {
      yield kernel.hold(5);
      yield tank.put(1);
      say(`level ${tank.level}`);
    });
    kernel.run();
    // The small one waits behind the large one until that gives up.
    expect(log).toEqual(['5 level 5', '7 large false', '7 small true']);
    expect(tank.level).toBe(4);
    expect(() => new Container(kernel, 3, 5)).toThrow('level 5');
  });

  test('timeouts and combinations of signals', () => {
    const { kernel, say, log } = world();
    const a = timeout(kernel, 5, 'a');
    const b = timeout(kernel, 3, 'b');
    kernel.process(function* (): Body {
      say(`any ${yield anyOf(kernel, [a, b]).wait()}`);
      say(`all ${yield allOf(kernel, [a, b]).wait()}`);
      say(`none ${yield allOf(kernel, []).wait()}`);
      say(`late ${yield new Signal(kernel).wait({ patience: 2 })}`);
    });
    kernel.run();
    expect(log).toEqual(['3 any 1', '5 all a,b', '5 none ', '7 late false']);
    expect(() => a.fire('again')).toThrow('once');
  });
});
