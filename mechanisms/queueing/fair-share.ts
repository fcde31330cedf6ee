import type { QueueingPolicy, RunningJob, SchedulerView, WaitingJob, WaitReason } from '../../core/interfaces.ts';

export interface FairShareParams {
  /** Weight of a user's share; 1 for users that are not named. */
  weights?: Readonly<Record<string, number>>;
  /** `dominant`: the largest of the shares of GPU, CPU and memory (DRF); `gpu`: GPUs alone (max-min). Default dominant. */
  share?: 'dominant' | 'gpu';
}

interface User {
  name: string;
  weight: number;
  /** What its running jobs hold. */
  milli: number;
  cpu: number;
  ram: number;
  /** Its waiting jobs in order of arrival. */
  jobs: WaitingJob[];
}

/** The user who holds the least goes first. */
export class FairShare implements QueueingPolicy {
  readonly name = 'fair-share';
  readonly #params: FairShareParams;
  readonly #users = new Map<string, User>();
  /** Running jobs by the tasks that they are counted for. */
  readonly #held = new Map<RunningJob, number>();
  /** Elastic jobs of which it is not yet known how many tasks they were given. */
  readonly #elastic = new Set<RunningJob>();

  constructor(params: FairShareParams = {}) {
    this.#params = params;
  }

  #user(name: string): User {
    let user = this.#users.get(name);
    if (user === undefined) {
      const weight = this.#params.weights?.[name] ?? 1;
      user = { name, weight, milli: 0, cpu: 0, ram: 0, jobs: [] };
      this.#users.set(name, user);
    }
    return user;
  }

  add(job: WaitingJob): void {
    const { jobs } = this.#user(job.spec.user);
    let at = jobs.length;
    while (at > 0 && jobs[at - 1]!.order > job.order) at--;
    jobs.splice(at, 0, job);
  }

  remove(job: WaitingJob): void {
    const { jobs } = this.#user(job.spec.user);
    jobs.splice(jobs.indexOf(job), 1);
    this.#forget(this.#user(job.spec.user));
  }

  started(job: RunningJob): void {
    if (job.shape.least === undefined) this.#hold(job, 1);
    else this.#elastic.add(job);
  }

  ended(job: RunningJob): void {
    this.#elastic.delete(job);
    if (this.#held.has(job)) this.#hold(job, -1);
  }

  /** Counts elastic jobs for what they were given; one whose machines are not known yet, after a takeover, for all it asked for. */
  #count(view: SchedulerView): void {
    for (const job of this.#elastic) this.#hold(job, 1, view.nodesOf(job).length);
    this.#elastic.clear();
  }

  /** `given`: tasks of the one group of an elastic job. */
  #hold(job: RunningJob, sign: 1 | -1, given = this.#held.get(job) ?? 0): void {
    const user = this.#user(job.spec.user);
    for (const { tasks, shape } of job.shape.groups) {
      const n = sign * (given > 0 ? given : tasks);
      user.milli += n * shape.gpus * shape.gpuMilli;
      user.cpu += n * shape.cpuMilli;
      user.ram += n * shape.ramMiB;
    }
    if (sign > 0) this.#held.set(job, given);
    else this.#held.delete(job);
    this.#forget(user);
  }

  #forget(u: User): void {
    if (u.jobs.length === 0 && u.milli === 0 && u.cpu === 0 && u.ram === 0) this.#users.delete(u.name);
  }

  /** A user's dominant share of what is up, over its weight. */
  #shares(view: SchedulerView): (u: User) => number {
    const { milli, cpu, ram } = view.cluster.capacity();
    return (u) => {
      const gpu = milli > 0 ? u.milli / milli : 0;
      const most =
        this.#params.share === 'gpu' ? gpu : Math.max(gpu, cpu > 0 ? u.cpu / cpu : 0, ram > 0 ? u.ram / ram : 0);
      return most / u.weight;
    };
  }

  explain(job: WaitingJob, view: SchedulerView): WaitReason {
    const share = this.#shares(view);
    const mine = this.#user(job.spec.user);
    let less = 0;
    for (const u of this.#users.values()) if (u !== mine && u.jobs.length > 0 && share(u) < share(mine)) less++;
    const own = mine.jobs.indexOf(job);
    const percent = Math.round(share(mine) * 1000) / 10;
    return {
      code: own > 0 ? 'behind-own' : 'share',
      about: `its user holds ${percent} % by share and weight; ${less} users with less go first, and ${Math.max(0, own)} of its own jobs`,
    };
  }

  schedule(view: SchedulerView): void {
    this.#count(view);
    const share = this.#shares(view);
    // Room only shrinks: a user whose next job did not fit is passed over for this pass.
    const passed = new Set<User>();
    for (;;) {
      let next: User | null = null;
      let least = 0;
      for (const u of this.#users.values()) {
        if (u.jobs.length === 0 || passed.has(u)) continue;
        const s = share(u);
        if (next === null || s < least || (s === least && u.jobs[0]!.order < next.jobs[0]!.order)) {
          next = u;
          least = s;
        }
      }
      if (next === null) return;
      if (view.start(next.jobs[0]!, null)) this.#count(view);
      else passed.add(next);
    }
  }

  reset(): void {
    this.#users.clear();
    this.#held.clear();
    this.#elastic.clear();
  }
}
