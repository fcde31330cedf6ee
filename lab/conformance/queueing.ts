import type {
  MechanismRegistry,
  QueueingPolicy,
  RunningJob,
  SchedulerView,
  WaitingJob,
} from '../../core/interfaces.ts';
import { viewOver, WatchedQueueing } from '../../core/pool/delegates.ts';
import { NEVER } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { type Law, must } from './law.ts';
import { type MarketOutcome, marketScene, runScene } from './scenes.ts';

const JOBS = 120;

const run = (scene: number, make: () => QueueingPolicy): MarketOutcome => {
  const registry: MechanismRegistry = { ...shipped, queueing: make };
  return runScene(marketScene(scene, JOBS), registry);
};

const plains = new WeakMap<() => QueueingPolicy, Map<number, MarketOutcome>>();

/** The scene under the policy as it is: run once for all the laws that compare with it. */
function plain(scene: number, make: () => QueueingPolicy): MarketOutcome {
  const known = plains.get(make) ?? new Map<number, MarketOutcome>();
  plains.set(make, known);
  const outcome = known.get(scene) ?? run(scene, make);
  known.set(scene, outcome);
  return outcome;
}

/** Hands every call on to a policy and lets a law look. */
class Spy extends WatchedQueueing {
  readonly waiting = new Set<WaitingJob>();
  readonly leased = new Set<RunningJob>();
  readonly #around: (spy: Spy, view: SchedulerView) => void;

  constructor(inner: QueueingPolicy, around: (spy: Spy, view: SchedulerView) => void) {
    super(inner);
    this.#around = around;
  }
  override add(job: WaitingJob): void {
    this.waiting.add(job);
    super.add(job);
  }
  override remove(job: WaitingJob): void {
    this.waiting.delete(job);
    super.remove(job);
  }
  override started(job: RunningJob): void {
    this.leased.add(job);
    super.started(job);
  }
  override ended(job: RunningJob): void {
    this.leased.delete(job);
    super.ended(job);
  }
  override schedule(view: SchedulerView): void {
    this.#around(this, view);
  }
  override reset(): void {
    this.waiting.clear();
    this.leased.clear();
    super.reset();
  }
}

export const queueingLaws: readonly Law<QueueingPolicy>[] = [
  {
    name: 'serves everybody that can be served',
    check(make) {
      for (let scene = 1; scene <= 12; scene++) {
        const { jobs } = plain(scene, make);
        must(jobs.length === JOBS, () => `scene ${scene}: ${JOBS - jobs.length} of ${JOBS} jobs never ended`);
        for (const j of jobs)
          must(
            j.final_state === 'completed' || j.reason === 'never-fits',
            () => `scene ${scene}: job ${j.job_id} ended ${j.final_state} (${j.reason})`,
          );
      }
    },
  },
  {
    name: 'decides alike when run again',
    check(make) {
      for (let scene = 1; scene <= 4; scene++) {
        const once = plain(scene, make).fingerprint;
        const twice = run(scene, make).fingerprint;
        must(once === twice, () => `scene ${scene}: fingerprint ${once}, then ${twice}`);
      }
    },
  },
  {
    name: 'a pass is exhaustive: asked again at once it starts nothing more',
    check(make) {
      for (let scene = 1; scene <= 8; scene++) {
        run(
          scene,
          () =>
            new Spy(make(), (spy, view) => {
              spy.inner.schedule(view);
              spy.inner.schedule(
                viewOver(view, {
                  start: (job, avoid, most) => {
                    const started = view.start(job, avoid, most);
                    must(!started, () => `scene ${scene}: job ${job.spec.job} started only when the pass was repeated`);
                    return started;
                  },
                }),
              );
            }),
        );
      }
    },
  },
  {
    name: 'proposes only jobs that wait, and takes a refusal',
    check(make) {
      run(
        3,
        () =>
          new Spy(make(), (spy, view) => {
            let asked = 0;
            spy.inner.schedule(
              viewOver(view, {
                start: (job) => {
                  must(spy.waiting.has(job), () => `job ${job.spec.job} was proposed and does not wait`);
                  must(++asked < 10_000, () => 'refused 10,000 times, it goes on asking');
                  return false;
                },
              }),
            );
            spy.inner.schedule(view);
          }),
      );
    },
  },
  {
    name: 'explains who waits, when it explains, and changes nothing by it',
    check(make) {
      for (let scene = 1; scene <= 4; scene++) {
        const told = plain(scene, make).fingerprint;
        const asked = run(
          scene,
          () =>
            new Spy(make(), (spy, view) => {
              spy.inner.schedule(view);
              for (const job of spy.waiting) {
                const said = spy.inner.explain?.(job, view);
                if (said === undefined || said === null) continue;
                must(
                  /^[a-z]+(-[a-z]+)*$/.test(said.code) && said.about.length > 0,
                  () => `scene ${scene}: job ${job.spec.job} waits for ${JSON.stringify(said)}`,
                );
              }
            }),
        ).fingerprint;
        must(asked === told, () => `scene ${scene}: fingerprint ${told}, asked for reasons ${asked}`);
      }
    },
  },
  {
    name: 'keeps no secret: rebuilt before every pass it decides the same',
    check(make) {
      for (let scene = 1; scene <= 8; scene++) {
        const told = plain(scene, make).fingerprint;
        const forgetful = run(
          scene,
          () =>
            new Spy(make(), (spy, view) => {
              // As core does it: what it remembers, the waiting jobs by arrival, the others by lease.
              const memory = spy.inner.snapshot?.();
              spy.inner.reset();
              for (const j of [...spy.waiting].sort((a, b) => a.order - b.order)) spy.inner.add(j);
              for (const j of [...spy.leased].sort((a, b) => a.lease - b.lease)) spy.inner.started?.(j);
              if (memory !== undefined && memory !== null) spy.inner.restore?.(structuredClone(memory));
              spy.inner.schedule(view);
            }),
        ).fingerprint;
        must(
          told === forgetful,
          () => `scene ${scene}: after reset() and add() of the waiting jobs in order it decides otherwise`,
        );
      }
    },
  },
  {
    name: 'does not depend on the numbers of shapes',
    check(make) {
      for (let scene = 1; scene <= 4; scene++) {
        const told = plain(scene, make).fingerprint;
        const renumbered = run(scene, () => renumber(make())).fingerprint;
        must(
          told === renumbered,
          () => `scene ${scene}: with shapes numbered the other way round it decides otherwise`,
        );
      }
    },
  },
];

/** The policy sees the same jobs, but the numbers of their shapes sort the other way round. */
function renumber(inner: QueueingPolicy): QueueingPolicy {
  const aliases = new Map<WaitingJob, WaitingJob>();
  const reals = new Map<WaitingJob, WaitingJob>();
  const alias = (j: WaitingJob): WaitingJob => {
    let a = aliases.get(j);
    if (a === undefined) {
      const shape = Object.create(j.shape, { id: { value: 1_000_000 - j.shape.id } }) as WaitingJob['shape'];
      a = Object.create(j, { shape: { value: shape } }) as WaitingJob;
      aliases.set(j, a);
      reals.set(a, j);
    }
    return a;
  };
  const real = (j: WaitingJob): WaitingJob => reals.get(j) ?? j;
  const running = (j: WaitingJob): RunningJob => j as RunningJob;
  return {
    name: inner.name,
    preemptive: inner.preemptive === true,
    started: (j) => inner.started?.(running(alias(j))),
    ended: (j) => inner.ended?.(running(alias(j))),
    changed: (j) => inner.changed?.(running(alias(j))),
    classesFor: (spec, may) => inner.classesFor?.(spec, may) ?? may,
    nextWakeup: (view) => inner.nextWakeup?.(view) ?? NEVER,
    add: (j) => inner.add(alias(j)),
    remove: (j) => inner.remove(alias(j)),
    reset: () => inner.reset(),
    schedule: (view) =>
      inner.schedule(
        viewOver(view, {
          start: (j, avoid, most) => view.start(real(j), avoid, most),
          reserve: (j, avoid) => view.reserve(real(j), avoid),
          running: () => view.running().map((j) => running(alias(j))),
          victims: (j, { candidates, ...e }) =>
            view
              .victims(real(j), {
                may: (v) => e.may(running(alias(v))),
                order: (a, b) => e.order(running(alias(a)), running(alias(b))),
                ...(candidates === undefined
                  ? {}
                  : { candidates: () => [...candidates()].map((v) => running(real(v))) }),
              })
              ?.map((v) => running(alias(v))) ?? null,
          preempt: (v, heir) => view.preempt(running(real(v)), heir === null ? null : real(heir)),
          layout: (jobs) => view.layout([...jobs].map(real)),
          nodesOf: (j) => view.nodesOf(running(real(j))),
        }),
      ),
  };
}
