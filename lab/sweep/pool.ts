/** Warm worker threads, one task each at a time; a thread that dies fails its task and is replaced. */
import { Worker } from 'node:worker_threads';
import { Runner } from './runner.ts';
import type { Task, TaskAnswer } from './task.ts';

export interface Pool {
  readonly size: number;
  run(task: Task): Promise<TaskAnswer>;
  close(): Promise<void>;
}

/** One worker runs in this thread: nothing to start, nothing to send. */
class Inline implements Pool {
  readonly size = 1;
  readonly #runner = new Runner();
  run(task: Task): Promise<TaskAnswer> {
    return this.#runner.run(task);
  }
  async close(): Promise<void> {}
}

class Threads implements Pool {
  readonly size: number;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #busy = new Map<Worker, { task: Task; done: (a: TaskAnswer) => void }>();

  constructor(size: number) {
    this.size = size;
    for (let i = 0; i < size; i++) this.#start();
  }

  #start(): void {
    // A run's garbage dies young: room for it saves one thread's collector from taking the other's core.
    const w = new Worker(new URL('./sweep.worker.js', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    this.#all.add(w);
    this.#idle.push(w);
    w.on('message', (a: TaskAnswer) => {
      const job = this.#busy.get(w);
      this.#busy.delete(w);
      this.#idle.push(w);
      job?.done(a);
    });
    w.on('error', (e: Error) => this.#lost(w, e.message));
    w.on('exit', (code) => {
      if (this.#all.has(w)) this.#lost(w, `the worker thread ended with ${code}`);
    });
  }

  #lost(w: Worker, why: string): void {
    if (!this.#all.delete(w)) return;
    const at = this.#idle.indexOf(w);
    if (at >= 0) this.#idle.splice(at, 1);
    const job = this.#busy.get(w);
    this.#busy.delete(w);
    this.#start();
    if (job !== undefined)
      job.done({
        id: job.task.id,
        point: job.task.point,
        replication: job.task.replication,
        figures: null,
        error: why,
      });
  }

  run(task: Task): Promise<TaskAnswer> {
    const w = this.#idle.pop();
    if (w === undefined) throw new Error('sweep: a task without a free worker');
    return new Promise((done) => {
      this.#busy.set(w, { task, done });
      w.postMessage(task);
    });
  }

  async close(): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    await Promise.all(all.map((w) => w.terminate()));
  }
}

export const openPool = (workers: number): Pool => (workers <= 1 ? new Inline() : new Threads(workers));
