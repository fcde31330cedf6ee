import type { QueueingPolicy, SchedulerView, WaitingJob, WaitReason } from '../../core/interfaces.ts';

/** First in, first out: the head starts or everybody waits. */
export class Fifo implements QueueingPolicy {
  readonly name = 'fifo';
  /** In order of arrival; started and cancelled jobs become null and are skipped. */
  #jobs: (WaitingJob | null)[] = [];
  readonly #slot = new Map<WaitingJob, number>();
  #first = 0;

  add(job: WaitingJob): void {
    const last = this.#jobs.length > this.#first ? this.#jobs[this.#jobs.length - 1] : undefined;
    if (last === undefined || (last !== null && last.order < job.order)) {
      this.#slot.set(job, this.#jobs.length);
      this.#jobs.push(job);
    } else this.#rebuild([...this.#slot.keys(), job]);
  }

  remove(job: WaitingJob): void {
    const slot = this.#slot.get(job);
    if (slot === undefined) return;
    this.#slot.delete(job);
    this.#jobs[slot] = null;
    while (this.#first < this.#jobs.length && this.#jobs[this.#first] === null) this.#first++;
    if (this.#first > 1024 && this.#first * 2 > this.#jobs.length) this.#rebuild([...this.#slot.keys()]);
  }

  schedule(view: SchedulerView): void {
    for (let head = this.#jobs[this.#first]; head; head = this.#jobs[this.#first]) if (!view.start(head, null)) return;
  }

  explain(job: WaitingJob): WaitReason | null {
    const head = this.#jobs[this.#first];
    if (head === job) return { code: 'head-of-line', about: 'it is the head of the line and does not fit' };
    if (!head) return null;
    let ahead = 0;
    for (const j of this.#slot.keys()) if (j.order < job.order) ahead++;
    return {
      code: 'behind-head',
      about: `job ${head.spec.job} is the head and does not fit; ${ahead} waiting jobs came before it`,
    };
  }

  reset(): void {
    this.#jobs = [];
    this.#slot.clear();
    this.#first = 0;
  }

  #rebuild(jobs: WaitingJob[]): void {
    jobs.sort((a, b) => a.order - b.order);
    this.#jobs = jobs;
    this.#first = 0;
    this.#slot.clear();
    jobs.forEach((j, i) => {
      this.#slot.set(j, i);
    });
  }
}
