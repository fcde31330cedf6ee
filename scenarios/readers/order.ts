import type { TraceJob } from '../resolved.ts';

/** Rows of a file up to this many are kept and sorted at once. */
const SMALL = 20_000;
/** Rows that one pass over a large unsorted file brings in order. */
const WINDOW = 200_000;

/**
 * The jobs in order of submission, ties as they stand in the file. Memory is bounded whatever the length: a large file is first
 * read once to see whether it is in order and then streamed; if it is not, each further pass takes the next `window` jobs.
 * `open` must give the same jobs each time.
 */
export function* inOrder(open: () => Iterable<TraceJob>, small = SMALL, window = WINDOW): Generator<TraceJob> {
  const head: TraceJob[] = [];
  let last = Number.NEGATIVE_INFINITY;
  let sorted = true;
  let large = false;
  for (const job of open()) {
    if (job.submitUs < last) sorted = false;
    last = job.submitUs;
    if (head.length < small) head.push(job);
    else large = true;
    if (large && !sorted) break;
  }
  if (!large) {
    if (!sorted) head.sort((a, b) => a.submitUs - b.submitUs);
    yield* head;
    return;
  }
  head.length = 0;
  if (sorted) yield* open();
  else yield* passes(open, window);
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
