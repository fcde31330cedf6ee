import type { RunningJob } from '../../../core/interfaces.ts';

interface Entry {
  readonly job: RunningJob;
  readonly line: number;
  readonly key: number;
}

/** Entries of a chunk before it is cut in two; below a quarter of it, it joins its neighbour. */
const CHUNK = 256;

const comesBefore = (a: Entry, b: Entry): boolean => a.key < b.key || (a.key === b.key && a.job.order < b.job.order);

/** First position of a sorted list at which `beyond` holds. */
function search<T>(list: readonly T[], beyond: (x: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (beyond(list[mid]!)) high = mid;
    else low = mid + 1;
  }
  return low;
}

/** Entries by (key, arrival), in chunks: one comes or goes at the cost of its chunk. */
class Line {
  readonly #chunks: Entry[][] = [];

  add(e: Entry): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) {
      chunks.push([e]);
      return;
    }
    const c = Math.min(
      chunks.length - 1,
      search(chunks, (x) => comesBefore(e, x[x.length - 1]!)),
    );
    const chunk = chunks[c]!;
    chunk.splice(
      search(chunk, (x) => comesBefore(e, x)),
      0,
      e,
    );
    if (chunk.length > CHUNK) chunks.splice(c + 1, 0, chunk.splice(CHUNK >> 1));
  }

  remove(e: Entry): void {
    const chunks = this.#chunks;
    const c = search(chunks, (x) => !comesBefore(x[x.length - 1]!, e));
    const chunk = chunks[c]!;
    const at = search(chunk, (x) => !comesBefore(x, e));
    if (chunk[at] !== e) throw new Error(`victim lines: job ${e.job.spec.job} is not where it was put`);
    chunk.splice(at, 1);
    const next = chunks[c + 1];
    if (chunk.length === 0) chunks.splice(c, 1);
    else if (next !== undefined && chunk.length + next.length < CHUNK >> 2) {
      for (const x of next) chunk.push(x);
      chunks.splice(c + 1, 1);
    }
  }

  get empty(): boolean {
    return this.#chunks.length === 0;
  }

  *fromTheEnd(): Generator<RunningJob, undefined> {
    for (let c = this.#chunks.length - 1; c >= 0; c--) {
      const chunk = this.#chunks[c]!;
      for (let i = chunk.length - 1; i >= 0; i--) yield chunk[i]!.job;
    }
  }
}

/**
 * Running jobs in lines within which their order as victims stays what it is while time passes: the higher key goes first, of
 * equal keys the later arrival. How the heads of different lines compare is asked anew each time, so a search for victims looks at
 * no more jobs than it takes.
 */
export class VictimLines {
  readonly #lines = new Map<number, Line>();
  readonly #entries = new Map<RunningJob, Entry>();

  /** The job stands there from now on, wherever it stood before. */
  put(job: RunningJob, line: number, key: number): void {
    const old = this.#entries.get(job);
    if (old !== undefined) {
      if (old.line === line && old.key === key) return;
      this.drop(job);
    }
    const e: Entry = { job, line, key };
    this.#entries.set(job, e);
    let l = this.#lines.get(line);
    if (l === undefined) {
      l = new Line();
      this.#lines.set(line, l);
    }
    l.add(e);
  }

  drop(job: RunningJob): void {
    const e = this.#entries.get(job);
    if (e === undefined) return;
    this.#entries.delete(job);
    const l = this.#lines.get(e.line)!;
    l.remove(e);
    if (l.empty) this.#lines.delete(e.line);
  }

  clear(): void {
    this.#lines.clear();
    this.#entries.clear();
  }

  /** All of them, first victims first; `order` must agree with the lines. Nothing may be put or dropped meanwhile. */
  *inOrder(order: (a: RunningJob, b: RunningJob) => number): Generator<RunningJob, undefined> {
    const walks = [...this.#lines.values()].map((l) => l.fromTheEnd());
    if (walks.length === 1) return yield* walks[0]!;
    const heads = walks.map((w) => w.next().value);
    for (;;) {
      let first = -1;
      for (let i = 0; i < heads.length; i++) {
        const head = heads[i];
        if (head !== undefined && (first < 0 || order(head, heads[first]!) < 0)) first = i;
      }
      if (first < 0) return;
      yield heads[first]!;
      heads[first] = walks[first]!.next().value;
    }
  }
}
