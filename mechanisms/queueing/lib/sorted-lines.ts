import type { GangShape, WaitingJob } from '../../../core/interfaces.ts';

const LINES_KEPT = 64;

interface Entry {
  readonly job: WaitingJob;
  readonly key: number;
}

/** The waiting jobs of one demand, smallest key first, ties to the earlier arrival. */
class Line {
  readonly shape: GangShape;
  readonly entries: Entry[] = [];
  /** Entries before it have left. */
  first = 0;
  /** Where the present pass stands. */
  at = 0;
  blocked = false;

  constructor(shape: GangShape) {
    this.shape = shape;
  }

  get size(): number {
    return this.entries.length - this.first;
  }

  /** All entries have left; the list keeps its room. */
  empty(): void {
    while (this.entries.length > 0) this.entries.pop();
    this.first = 0;
    this.at = 0;
  }

  /** The shorter side makes room: a job that comes back often belongs near the front of a long line. */
  insert(e: Entry): void {
    const { entries } = this;
    const slot = this.slot(e.key, e.job.order);
    if (slot === entries.length) entries.push(e);
    else if (this.first === 0 || slot - this.first > entries.length - slot) entries.splice(slot, 0, e);
    else {
      entries.copyWithin(this.first - 1, this.first, slot);
      entries[slot - 1] = e;
      this.first--;
    }
  }

  /** First slot whose entry does not come before (key, order). */
  slot(key: number, order: number): number {
    let low = this.first;
    let high = this.entries.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      const e = this.entries[mid]!;
      if (e.key < key || (e.key === key && e.job.order < order)) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}

/**
 * Waiting jobs by a key that does not change while they wait, one line per demand: capacity only shrinks during a pass, so a
 * demand that failed once is not tried again in it.
 */
export class SortedLines {
  readonly #lines = new Map<number, Line>();

  add(job: WaitingJob, key: number): void {
    let line = this.#lines.get(job.shape.id);
    if (line === undefined) {
      line = new Line(job.shape);
      this.#lines.set(job.shape.id, line);
    }
    line.insert({ job, key });
  }

  /** `key`: that under which it was added. */
  remove(job: WaitingJob, key: number): void {
    const line = this.#lines.get(job.shape.id);
    const at = line?.slot(key, job.order) ?? -1;
    if (line === undefined || line.entries[at]?.job !== job)
      throw new Error(`sorted lines: job ${job.spec.job} does not wait under key ${key}`);
    const { entries } = line;
    if (at === line.first) {
      entries[line.first++] = null as unknown as Entry;
      if (line.at < line.first) line.at = line.first;
      if (line.first === entries.length) line.empty();
      else if (line.first > 1024 && 2 * line.first > entries.length) {
        entries.splice(0, line.first);
        line.at -= line.first;
        line.first = 0;
      }
    } else {
      entries.splice(at, 1);
      if (at < line.at) line.at--;
    }
    // The few demands that come again and again keep their lines.
    if (line.size === 0 && this.#lines.size > LINES_KEPT) this.#lines.delete(job.shape.id);
  }

  clear(): void {
    this.#lines.clear();
  }

  /** Begins a pass over all jobs in order of key. */
  open(): void {
    for (const line of this.#lines.values()) {
      line.at = line.first;
      line.blocked = false;
    }
  }

  /** The next job of the pass, or null. It stays the next until it leaves, is passed over or its demand is blocked. */
  next(): WaitingJob | null {
    let best: Entry | null = null;
    for (const line of this.#lines.values()) {
      if (line.blocked || line.at >= line.entries.length) continue;
      const e = line.entries[line.at]!;
      if (best === null || e.key < best.key || (e.key === best.key && e.job.order < best.job.order)) best = e;
    }
    return best?.job ?? null;
  }

  passOver(job: WaitingJob): void {
    this.#lines.get(job.shape.id)!.at++;
  }

  block(job: WaitingJob): void {
    this.#lines.get(job.shape.id)!.blocked = true;
  }

  /** Waiting jobs that come before this one. */
  ahead(job: WaitingJob, key: number): number {
    let n = 0;
    for (const line of this.#lines.values()) n += line.slot(key, job.order) - line.first;
    return n;
  }

  /** All jobs in order of key. */
  *inOrder(): Generator<WaitingJob> {
    this.open();
    for (let job = this.next(); job !== null; job = this.next()) {
      this.passOver(job);
      yield job;
    }
  }
}
