import type { RunningJob, SchedulerView, WaitingJob } from '../../../core/interfaces.ts';

/**
 * Makes the machines hold what they would hold if all jobs were placed afresh in the given order: a running job that is not
 * among them, or would stand elsewhere, gives way; who is among them and does not run starts. While somebody is on the way
 * out nobody starts (false): the pass is repeated when the machines are free.
 */
export function followPlan(view: SchedulerView, order: readonly WaitingJob[]): boolean {
  const running = new Set<WaitingJob>(view.running());
  const plan = view.layout(order);
  const leaving: RunningJob[] = [];
  let onTheWay = false;
  const starts: WaitingJob[] = [];
  order.forEach((job, i) => {
    const nodes = plan[i] ?? null;
    if (!running.has(job)) {
      if (nodes !== null) starts.push(job);
      return;
    }
    const r = job as RunningJob;
    if (r.stopping) onTheWay = true;
    else if (r.startedUs >= 0 && r.startedUs < view.now && (nodes === null || !same(nodes, view.nodesOf(r))))
      leaving.push(r);
  });
  for (const r of leaving) view.preempt(r, null);
  if (leaving.length > 0 || onTheWay) return false;
  for (const job of starts) view.start(job, null);
  return true;
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);
