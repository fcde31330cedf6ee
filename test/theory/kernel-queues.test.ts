/**
 * Queues on the kernel against theory: Erlang B and C, Pollaczek-Khinchine, processor sharing and its insensitivity, priorities
 * with and without pre-emption and their conservation law, servers that break down. Parameters and values come from
 * ../shared/vectors/queueing.json where it is present, and the formulas from Kleinrock (Queueing Systems I, 1975) and the file;
 * they are checked against each other. Seeds 1..R, family-wise 99.9 %; times in ticks of 1e-6 of the mean service.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Distribution, erlang, exponential, hyperexponentialFit } from '../../sim/kernel/distributions.ts';
import { TimeAverage } from '../../sim/kernel/estimators.ts';
import { Kernel } from '../../sim/kernel/kernel.ts';
import type { Wait } from '../../sim/kernel/process.ts';
import { ProcessorSharing } from '../../sim/kernel/processor-sharing.ts';
import { preemptedFrom, Resource } from '../../sim/kernel/resource.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { interval } from '../support/interval.ts';

const REPLICATIONS = 12;
const TICKS = 1e6;
/** Interval claims in this file. */
const CLAIMS = 40;

type Body = Generator<Wait, void, unknown>;
const vectorsFile = new URL('../../../shared/vectors/queueing.json', import.meta.url);
const vectors = existsSync(vectorsFile) ? JSON.parse(readFileSync(vectorsFile, 'utf8')) : null;

function expectTheory(name: string, values: readonly number[], theory: number): void {
  const ci = interval(values, CLAIMS);
  // The interval must be able to fail: it is much narrower than what it is about.
  expect(ci.half, `${name}: half-width`).toBeLessThan(0.35 * theory + 0.01);
  expect(Math.abs(ci.mean - theory), `${name}: ${ci.mean} +- ${ci.half}, theory ${theory}`).toBeLessThanOrEqual(
    ci.half,
  );
}

const over = (f: (seed: number) => number): number[] => Array.from({ length: REPLICATIONS }, (_, i) => f(i + 1));

/** Starts `customer(i)` at Poisson arrivals; the first `warm` do not count. Returns the mean of what they yield at their end. */
function poisson(
  seed: number,
  rate: number,
  customers: number,
  customer: (kernel: Kernel, streams: Streams) => (i: number) => Generator<Wait, number, unknown>,
  more?: (kernel: Kernel, streams: Streams) => void,
): { mean: (group?: (i: number) => boolean) => number; kernel: Kernel } {
  const kernel = new Kernel();
  const streams = new Streams(seed);
  const serve = customer(kernel, streams);
  const results = new Float64Array(customers);
  const gap = streams.get('arrivals', 'all');
  let over = 0;
  more?.(kernel, streams);
  kernel.process(function* (): Body {
    for (let i = 0; i < customers; i++) {
      yield kernel.hold(Math.round(gap.exponential(TICKS / rate)));
      kernel.process(function* (): Body {
        results[i] = yield* serve(i);
        if (++over === customers) kernel.stop();
      });
    }
  });
  kernel.run();
  const warm = Math.floor(customers / 10);
  return {
    kernel,
    mean: (group = () => true) => {
      let sum = 0;
      let n = 0;
      for (let i = warm; i < customers; i++) {
        if (!group(i)) continue;
        sum += results[i]!;
        n++;
      }
      return sum / n;
    },
  };
}

/** Mean wait over the mean service in a queue with c servers. */
function meanWait(seed: number, rate: number, servers: number, service: Distribution, customers: number): number {
  return poisson(seed, rate, customers, (kernel, streams) => {
    const server = new Resource(kernel, servers);
    const s = streams.get('service', 'all');
    return function* () {
      const came = kernel.now;
      yield server.request();
      const wait = (kernel.now - came) / TICKS;
      yield kernel.hold(Math.round(TICKS * service.sample(s)));
      server.release();
      return wait;
    };
  }).mean();
}

function erlangB(c: number, a: number): number {
  let b = 1;
  for (let k = 1; k <= c; k++) b = (a * b) / (k + a * b);
  return b;
}
function erlangWait(c: number, a: number): number {
  const b = erlangB(c, a);
  return (c * b) / (c - a * (1 - b)) / (c - a);
}

describe('Erlang', () => {
  test.skipIf(vectors === null)('our formulas are those of the vectors (skipped when ../shared is absent)', () => {
    for (const v of vectors.erlang.vectors) {
      expect(erlangB(v.servers, v.offered_load)).toBeCloseTo(v.erlang_B, 10);
      expect(erlangWait(v.servers, v.offered_load)).toBeCloseTo(v.Wq_mu1, 10);
    }
  });

  for (const [c, a] of [
    [1, 0.5],
    [2, 1],
    [10, 8],
  ] as const) {
    test(`C: mean wait with ${c} servers at offered load ${a}`, () => {
      expectTheory(
        'wait',
        over((seed) => meanWait(seed, a, c, exponential(1), c === 10 ? 30_000 : 12_000)),
        erlangWait(c, a),
      );
    });

    test(`B: share of customers lost with ${c} servers and no queue at offered load ${a}; insensitive to the law`, () => {
      for (const law of [exponential(1), erlang(4, 1), hyperexponentialFit(1, 4)]) {
        const lost = over((seed) =>
          poisson(seed, a, 10_000, (kernel, streams) => {
            const server = new Resource(kernel, c);
            const s = streams.get('service', 'all');
            return function* () {
              const work = Math.round(TICKS * law.sample(s));
              if (server.busy === c) return 1;
              yield server.request();
              yield kernel.hold(work);
              server.release();
              return 0;
            };
          }).mean(),
        );
        expectTheory('loss', lost, erlangB(c, a));
      }
    });
  }
});

describe('M/G/1', () => {
  const cases: [number, number, Distribution][] = [
    [0.5, 1, exponential(1)],
    [0.5, 1 / 3, erlang(3, 1)],
    [0.8, 4, hyperexponentialFit(1, 4)],
  ];
  for (const [load, scv, law] of cases) {
    test(`Pollaczek-Khinchine: load ${load}, squared coefficient of variation ${scv}`, () => {
      const theory = (load * (1 + scv)) / (2 * (1 - load));
      expect(law.variance).toBeCloseTo(scv, 9);
      for (const v of vectors?.mg1_pk.vectors ?? []) {
        if (v.lambda === load && v.scv === scv) expect(theory).toBeCloseTo(v.Wq, 9);
      }
      expectTheory(
        'wait',
        over((seed) => meanWait(seed, load, 1, law, 25_000)),
        theory,
      );
    });
  }

  test('processor sharing: mean time 1 / (1 - load) whatever the law, and proportional to the work', () => {
    for (const law of [exponential(1), hyperexponentialFit(1, 4)]) {
      const load = 0.7;
      const long = (work: number): boolean => work > 1;
      const times: number[] = [];
      const slowdowns: number[] = [];
      for (let seed = 1; seed <= REPLICATIONS; seed++) {
        const works = new Float64Array(12_000);
        const run = poisson(seed, load, works.length, (kernel, streams) => {
          const cpu = new ProcessorSharing(kernel);
          const s = streams.get('service', 'all');
          return function* (i) {
            const came = kernel.now;
            works[i] = law.sample(s);
            yield cpu.serve(Math.round(TICKS * works[i]!));
            return (kernel.now - came) / TICKS;
          };
        });
        times.push(run.mean());
        let sum = 0;
        let total = 0;
        works.forEach((w, i) => {
          if (i >= 1200 && long(w)) {
            sum += w;
            total++;
          }
        });
        slowdowns.push(run.mean((i) => long(works[i]!)) / (sum / total));
      }
      expectTheory('time', times, 1 / (1 - load));
      expectTheory('slowdown of long jobs', slowdowns, 1 / (1 - load));
    }
  });
});

describe('priorities', () => {
  const lambdas = [0.2, 0.3, 0.3];
  const rate = 0.8;
  const classOf = (u: number): number => (u < 0.25 ? 0 : u < 0.625 ? 1 : 2);
  /** Mean residual work found in service and the classes' loads up to k: M/G/1 with E S = 1, E S^2 = 2. */
  const upTo = [0, 0.2, 0.5, 0.8];

  function byClass(preempt: boolean): number[][] {
    const waits: number[][] = [[], [], []];
    for (let seed = 1; seed <= REPLICATIONS; seed++) {
      const classes = new Int8Array(24_000);
      const run = poisson(seed, rate, classes.length, (kernel, streams) => {
        const server = new Resource(kernel, 1, { preemptive: preempt });
        const s = streams.get('service', 'all');
        const pick = streams.get('class', 'all');
        return function* (i) {
          const priority = classOf(pick.uniform());
          classes[i] = priority;
          const came = kernel.now;
          const work = Math.round(s.exponential(TICKS));
          for (let left = work; ; ) {
            yield server.request({ priority, preempt });
            const began = kernel.now;
            try {
              yield kernel.hold(left);
              server.release();
              break;
            } catch (e) {
              if (!preemptedFrom(e, server)) throw e;
              left -= kernel.now - began;
            }
          }
          return (kernel.now - came - work) / TICKS;
        };
      });
      for (const k of [0, 1, 2]) waits[k]!.push(run.mean((i) => classes[i] === k));
    }
    return waits;
  }

  test('without pre-emption: mean waits of three classes and the conservation law', () => {
    const waits = byClass(false);
    const residual = 0.8;
    const theory = [0, 1, 2].map((k) => residual / ((1 - upTo[k]!) * (1 - upTo[k + 1]!)));
    if (vectors !== null) {
      theory.forEach((w, k) => {
        expect(w).toBeCloseTo(vectors.mg1_priority.vectors[0].Wq[k], 9);
      });
    }
    theory.forEach((w, k) => {
      expectTheory(`class ${k}`, waits[k]!, w);
    });
    const conserved = waits[0]!.map((_, r) => lambdas.reduce((sum, l, k) => sum + l * waits[k]![r]!, 0));
    expectTheory('conservation', conserved, 3.2);
  });

  test('with pre-emption, work resumed: mean time in the system less the work', () => {
    const waits = byClass(true);
    [0, 1, 2].forEach((k) => {
      const before = upTo[k]!;
      const after = upTo[k + 1]!;
      // T_k = 1 / (1 - before) + R_k / ((1 - before)(1 - after)), R_k = half the sum of lambda E S^2 up to class k = after
      expectTheory(`class ${k}`, waits[k]!, 1 / (1 - before) + after / ((1 - before) * (1 - after)) - 1);
    });
  });
});

describe('breakdowns', () => {
  const formula = (lambda: number, mu: number, f: number, r: number): number =>
    (lambda * ((r + f) ** 2 + mu * f)) / ((r + f) * (mu * r - lambda * (r + f)));

  test('one server that fails at any time, work resumed: mean number in the system', () => {
    const [lambda, f, r] = [0.5, 0.1, 1];
    if (vectors !== null) {
      const v = vectors.breakdowns.ctmc[0];
      expect([v.lambda, v.fail, v.repair]).toEqual([lambda, f, r]);
      expect(formula(lambda, 1, f, r)).toBeCloseTo(v.L, 6);
    }
    const numbers = over((seed) => {
      const inside = new TimeAverage();
      let ready = false;
      const { kernel } = poisson(seed, lambda, 16_000, (kernel, streams) => {
        const server = new Resource(kernel, 1, { preemptive: true });
        const s = streams.get('service', 'all');
        const up = streams.get('up', 0);
        const down = streams.get('down', 0);
        kernel.process(function* (): Body {
          for (;;) {
            yield kernel.hold(Math.round(up.exponential(TICKS / f)));
            yield server.request({ priority: -1, preempt: true });
            yield kernel.hold(Math.round(down.exponential(TICKS / r)));
            server.release();
          }
        });
        return function* (i) {
          if (i === 1600 && !ready) {
            inside.restart(kernel.now);
            ready = true;
          }
          inside.change(kernel.now, 1);
          for (let left = Math.round(s.exponential(TICKS)); ; ) {
            yield server.request({ priority: i });
            const began = kernel.now;
            try {
              yield kernel.hold(left);
              server.release();
              break;
            } catch (e) {
              if (!preemptedFrom(e, server)) throw e;
              left -= kernel.now - began;
            }
          }
          inside.change(kernel.now, -1);
          return 0;
        };
      });
      return inside.mean(kernel.now);
    });
    expectTheory('number', numbers, formula(lambda, 1, f, r));
  });
});
