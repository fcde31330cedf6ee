/**
 * Built-in work sized to a job: either until a time has passed, or, where the device's rate is known from calibration, as much work
 * as the device would do in the share of that time. Then a slower or shared device takes longer, which is what a validation wants to
 * see. All times are wall milliseconds from the start of the process, so starting up is part of the work and is caught up with.
 */

export interface PaceArguments {
  workMs: number;
  /** Share of the device, percent. */
  percent: number;
  /** Exit status at the end. */
  status: number;
  kind: 'matmul' | 'copy';
  /** GFLOP/s or GiB/s of the whole device; 0 = work until the time is over. */
  rate: number;
}

export interface Paced {
  /** FLOP or bytes. */
  done: number;
  batches: number;
  /** Milliseconds in batches, and until the first was done. */
  busyMs: number;
  firstMs: number;
}

export const GIB = 1073741824;

export function paceArguments(argv: readonly string[]): PaceArguments {
  const [workMs, percent, status, kind, rate] = argv as [string, string, string, 'matmul' | 'copy', string];
  return { workMs: Number(workMs), percent: Number(percent), status: Number(status), kind, rate: Number(rate) };
}

/** `batch` does a piece of work and answers how much that was. At least one is done however short the job. */
export async function pace(p: PaceArguments, batch: () => number | Promise<number>): Promise<Paced> {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const quota = ((p.workMs / 1000) * p.rate * (p.kind === 'matmul' ? 1e9 : GIB) * p.percent) / 100;
  const r: Paced = { done: 0, batches: 0, busyMs: 0, firstMs: 0 };
  for (let now = performance.now(); r.batches === 0 || (quota > 0 ? r.done < quota : now < p.workMs); ) {
    r.done += await batch();
    r.batches++;
    const after = performance.now();
    if (r.batches === 1) r.firstMs = after;
    r.busyMs += after - now;
    const until =
      quota > 0
        ? p.workMs * Math.min(1, r.done / quota)
        : Math.min(p.workMs, after + ((after - now) * (100 - p.percent)) / Math.max(p.percent, 1));
    if (until > after && p.percent < 100) Atomics.wait(sleeper, 0, 0, until - after);
    now = performance.now();
  }
  return r;
}

/** What a worker prints: one line of JSON. */
export function report(p: PaceArguments, r: Paced, more: Record<string, unknown>): string {
  const perMs = r.busyMs > 0 ? r.done / r.busyMs : 0;
  return `${JSON.stringify({
    workload: p.kind,
    batches: r.batches,
    done: r.done,
    firstMs: r.firstMs,
    endMs: performance.now(),
    gflops: p.kind === 'matmul' ? perMs / 1e6 : 0,
    gibs: p.kind === 'copy' ? (perMs * 1000) / GIB : 0,
    ...more,
  })}\n`;
}
