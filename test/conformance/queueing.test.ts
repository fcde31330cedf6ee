/** What every queueing policy must keep, run by each through a whole market. Add a policy to the registry and it is tested here. */
import { describe, expect, test } from 'vitest';
import type { MechanismRegistry, QueueingPolicy, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import { viewOver, WatchedQueueing } from '../../core/pool/delegates.ts';
import { queueingLaws } from '../../lab/conformance/queueing.ts';
import { queueingNames, shipped } from '../../mechanisms/index.ts';
import type { Arrival } from '../../sim/world/demand.ts';
import { arrival, config, generator, node, pool, SECOND, simulation, spec, task } from '../support/market.ts';

const variants: { label: string; name: string; params: Record<string, unknown> }[] = [
  { label: 'heterogeneity for makespan', name: 'heterogeneity', params: { objective: 'makespan' } },
  ...queueingNames.map((name) => ({ label: name, name, params: {} })),
  { label: 'sjf with skip', name: 'sjf', params: { skip: true } },
  { label: 'las, all placed afresh', name: 'las', params: { migrate: true } },
  { label: 'srtf, moving jobs', name: 'srtf', params: { migrate: true } },
  { label: 'srtf, without preemption', name: 'srtf', params: { preempt: false } },
  { label: 'srsf with a least run', name: 'srsf', params: { minRunUs: 300 * SECOND } },
  { label: 'priority with ageing', name: 'priority', params: { ageingUs: 600 * SECOND } },
  { label: 'priority with preemption', name: 'priority', params: { preempt: true, ageingUs: 600 * SECOND } },
  { label: 'edf with preemption', name: 'edf', params: { preempt: true, skip: true } },
];

/** One pool of a few nodes under pressure. */
function scene(seed: number, jobs = 120) {
  const r = generator(seed);
  const below = (n: number) => Math.floor(r() * n);
  const c = config({
    pools: [pool('east', { placement: { name: 'best-fit', params: {} } })],
    nodes: Array.from({ length: 2 + below(4) }, (_, i) => node(`n${i}`, { gpus: 2 + 2 * below(4) })),
    users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
  });
  const arrivals: Arrival[] = [];
  let t = 0;
  for (let job = 1; job <= jobs; job++) {
    t += below(120) * SECOND;
    const work = (1 + below(1200)) * SECOND;
    const limit = Math.ceil(work * (1 + r()));
    const groups = [
      task(1 + below(2) * below(4), { tasks: below(8) === 0 ? 2 : 1, gpuMilli: below(6) === 0 ? 500 : 1000 }),
    ];
    arrivals.push(arrival(t, work, spec(job, { groups, limitUs: limit, estimateUs: Math.ceil(work * (0.5 + r())) })));
  }
  return { c, arrivals };
}

/** The market of a scene under a policy of the caller's making. */
function runWith(seed: number, make: () => QueueingPolicy, jobs?: number) {
  const { c, arrivals } = scene(seed, jobs);
  const registry: MechanismRegistry = { ...shipped, queueing: make };
  const { sim, rows } = simulation(c, arrivals, { registry });
  sim.finish();
  return { sim, rows };
}

/** Hands every call on to `inner` and lets the test look. */
class Spy extends WatchedQueueing {
  readonly waiting = new Set<WaitingJob>();
  readonly around: (spy: Spy, view: SchedulerView) => void;
  constructor(inner: QueueingPolicy, around: (spy: Spy, view: SchedulerView) => void) {
    super(inner);
    this.around = around;
  }
  override add(job: WaitingJob): void {
    this.waiting.add(job);
    this.inner.add(job);
  }
  override remove(job: WaitingJob): void {
    this.waiting.delete(job);
    this.inner.remove(job);
  }
  override schedule(view: SchedulerView): void {
    this.around(this, view);
  }
  override reset(): void {
    this.waiting.clear();
    this.inner.reset();
  }
}

/** A view that lets the policy see, and records what it would start without letting it. */
const counting = (
  view: SchedulerView,
  start: (job: WaitingJob, avoid: Parameters<SchedulerView['start']>[1]) => boolean,
): SchedulerView => viewOver(view, { start });

for (const { label, name, params } of variants) {
  describe(`queueing ${label}`, () => {
    const make = () => shipped.queueing(name, params);
    test('says its name, and why jobs wait', () => {
      expect(make().name).toBe(name);
      expect(make().explain).toBeTypeOf('function');
    });
    for (const law of queueingLaws) test(law.name, () => law.check(make));
  });
}

describe('fifo', () => {
  test('jobs start in order of arrival', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const jobs = runWith(seed, () => shipped.queueing('fifo', {}))
        .rows.of('jobs')
        .filter((j) => j.starting_time_us >= 0)
        .sort((a, b) => a.job_id - b.job_id);
      for (let i = 1; i < jobs.length; i++)
        expect(jobs[i]!.starting_time_us).toBeGreaterThanOrEqual(jobs[i - 1]!.starting_time_us);
    }
  });
});

describe('sjf', () => {
  test('whoever starts has the smallest estimate of all that wait (strict), or of all that fit (skip)', () => {
    for (const skip of [false, true]) {
      for (let seed = 1; seed <= 5; seed++) {
        runWith(
          seed,
          () =>
            new Spy(shipped.queueing('sjf', { skip }), (spy, view) => {
              spy.inner.schedule(
                counting(view, (job, avoid) => {
                  const key = (j: WaitingJob) => [j.spec.estimateUs, j.order] as const;
                  const shorter = [...spy.waiting].filter(
                    (j) => key(j)[0] < key(job)[0] || (key(j)[0] === key(job)[0] && key(j)[1] < key(job)[1]),
                  );
                  if (skip)
                    for (const j of shorter)
                      expect(view.cluster.mayFit(j.shape.groups[0]!.shape) && j.shape === job.shape).toBe(false);
                  else expect(shorter).toHaveLength(0);
                  return view.start(job, avoid);
                }),
              );
            }),
        );
      }
    }
  });
});

/** EASY by scanning the whole queue for every decision: the slow obvious way. */
class SlowEasy implements QueueingPolicy {
  readonly name = 'easy';
  #jobs: WaitingJob[] = [];
  add(job: WaitingJob): void {
    this.#jobs.push(job);
    this.#jobs.sort((a, b) => a.order - b.order);
  }
  remove(job: WaitingJob): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
  }
  reset(): void {
    this.#jobs = [];
  }
  schedule(view: SchedulerView): void {
    while (this.#jobs.length > 0 && view.start(this.#jobs[0]!, null));
    const head = this.#jobs[0];
    if (head === undefined) return;
    const r = view.reserve(head);
    for (const job of this.#jobs.slice(1)) {
      const inWindow = r === null || view.now + job.spec.limitUs <= r.startUs;
      view.start(job, inWindow ? null : r!.nodes);
    }
  }
}

describe('easy', () => {
  test('decides as the slow obvious version does', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const fast = runWith(seed, () => shipped.queueing('easy', {}), 150);
      const slow = runWith(seed, () => new SlowEasy(), 150);
      expect(fast.rows.recorder.fingerprint, `seed ${seed}`).toBe(slow.rows.recorder.fingerprint);
    }
  });

  test('nobody’s overtaking delays the head past its first reservation', () => {
    let heads = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const promised = new Map<number, number>();
      const { rows } = runWith(
        seed,
        () =>
          new Spy(shipped.queueing('easy', {}), (spy, view) => {
            spy.inner.schedule(view);
            const head = [...spy.waiting].sort((a, b) => a.order - b.order)[0];
            if (head === undefined || promised.has(head.spec.job)) return;
            const r = view.reserve(head);
            if (r !== null) promised.set(head.spec.job, r.startUs);
          }),
      );
      for (const j of rows.of('jobs')) {
        const promise = promised.get(j.job_id);
        if (promise === undefined || j.starting_time_us < 0) continue;
        heads++;
        expect(j.starting_time_us, `seed ${seed} job ${j.job_id}`).toBeLessThanOrEqual(promise);
      }
    }
    expect(heads).toBeGreaterThan(300);
  });

  test('it does overtake: mean wait is below fifo’s', () => {
    const mean = (name: string) => {
      let sum = 0;
      for (let seed = 1; seed <= 6; seed++) {
        for (const j of runWith(seed, () => shipped.queueing(name, {})).rows.of('jobs'))
          sum += Math.max(0, j.waiting_time_us);
      }
      return sum;
    };
    expect(mean('easy')).toBeLessThan(0.9 * mean('fifo'));
  });
});

describe('a policy that breaks its contract', () => {
  test('is refused by name when it proposes a job that does not wait', () => {
    const keep: WaitingJob[] = [];
    const make = (): QueueingPolicy => ({
      name: 'ghost',
      add: (j) => keep.push(j),
      remove: () => {},
      reset: () => {},
      schedule: (view) => {
        for (const j of keep) view.start(j, null);
      },
    });
    expect(() => runWith(1, make)).toThrow(/queueing policy ghost proposed job \d+, which is not waiting/);
  });
});
