import type { TraceJob } from '../resolved.ts';

/** Rows of a file up to this many are kept, in flat arrays of some 100 bytes a row, and given out from there. */
const KEPT = 300_000;
/** Rows that one pass over a large unsorted file brings in order. */
const WINDOW = 200_000;

const BLOCK = 4096;
const NUMBERS = 10;

/** Jobs as numbers and names, made again when asked for: a hundred thousand live objects would cost more than reading twice. */
class KeptJobs {
  readonly #blocks: Float64Array[] = [];
  readonly #ids: string[] = [];
  readonly #models: string[] = [];
  readonly #users: string[] = [];

  get size(): number {
    return this.#ids.length;
  }

  push(job: TraceJob): void {
    const i = this.#ids.push(job.id) - 1;
    this.#models.push(job.models);
    this.#users.push(job.user);
    if (i % BLOCK === 0) this.#blocks.push(new Float64Array(BLOCK * NUMBERS));
    const block = this.#blocks[this.#blocks.length - 1]!;
    const at = (i % BLOCK) * NUMBERS;
    block[at] = job.submitUs;
    block[at + 1] = job.gpus;
    block[at + 2] = job.gpuMilli;
    block[at + 3] = job.cpuMilli;
    block[at + 4] = job.ramMiB;
    block[at + 5] = job.durationUs;
    block[at + 6] = job.limitUs;
    block[at + 7] = job.inputTokens;
    block[at + 8] = job.outputTokens;
    block[at + 9] = job.fails ? 1 : 0;
  }

  submitUs(i: number): number {
    return this.#blocks[Math.floor(i / BLOCK)]![(i % BLOCK) * NUMBERS]!;
  }

  get(i: number): TraceJob {
    const block = this.#blocks[Math.floor(i / BLOCK)]!;
    const at = (i % BLOCK) * NUMBERS;
    return {
      id: this.#ids[i]!,
      submitUs: block[at]!,
      gpus: block[at + 1]!,
      gpuMilli: block[at + 2]!,
      cpuMilli: block[at + 3]!,
      ramMiB: block[at + 4]!,
      models: this.#models[i]!,
      durationUs: block[at + 5]!,
      limitUs: block[at + 6]!,
      inputTokens: block[at + 7]!,
      outputTokens: block[at + 8]!,
      user: this.#users[i]!,
      fails: block[at + 9] === 1,
    };
  }
}

/**
 * The jobs in order of submission, ties as they stand in the file. Memory is bounded whatever the length: a file of more than
 * `kept` jobs is first read once to see whether it is in order and then streamed; if it is not, each further pass takes the
 * next `window` jobs. `open` must give the same jobs each time.
 */
export function* inOrder(open: () => Iterable<TraceJob>, kept = KEPT, window = WINDOW): Generator<TraceJob> {
  let jobs: KeptJobs | null = new KeptJobs();
  let last = Number.NEGATIVE_INFINITY;
  let sorted = true;
  for (const job of open()) {
    if (job.submitUs < last) sorted = false;
    last = job.submitUs;
    if (jobs !== null && jobs.size < kept) jobs.push(job);
    else jobs = null;
    if (jobs === null && !sorted) break;
  }
  if (jobs === null) {
    if (sorted) yield* open();
    else yield* passes(open, window);
    return;
  }
  if (sorted) {
    for (let i = 0; i < jobs.size; i++) yield jobs.get(i);
    return;
  }
  const all = jobs;
  const order = Uint32Array.from({ length: all.size }, (_, i) => i);
  order.sort((a, b) => all.submitUs(a) - all.submitUs(b) || a - b);
  for (const i of order) yield all.get(i);
}

interface Row {
  job: TraceJob;
  index: number;
}

const byTime = (a: Row, b: Row): number => a.job.submitUs - b.job.submitUs || a.index - b.index;

function* passes(open: () => Iterable<TraceJob>, window: number): Generator<TraceJob> {
  let floor: Row | null = null;
  for (;;) {
    let kept: Row[] = [];
    let index = 0;
    for (const job of open()) {
      const row = { job, index: index++ };
      if (floor !== null && byTime(row, floor) <= 0) continue;
      kept.push(row);
      if (kept.length >= 2 * window) kept = kept.sort(byTime).slice(0, window);
    }
    if (kept.length === 0) return;
    kept = kept.sort(byTime).slice(0, window);
    for (const row of kept) yield row.job;
    floor = kept[kept.length - 1]!;
  }
}
