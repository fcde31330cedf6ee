/**
 * The rules of policies that resize, move and plan by rounds, the slow obvious way, from their pages: elastic, las with `migrate`,
 * heterogeneity. The linear program of the last is solved by the policy's own solver, whose answer is then shown to be optimal.
 */
import type { NodeSet, QueueingPolicy, RunningJob, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import type { Cluster } from '../../core/pool/cluster.ts';
import { NEVER } from '../../core/types.ts';
import { fairestParts, type Kind } from '../../mechanisms/queueing/lib/allocation.ts';
import { leastWorth, upperBound } from './max-min-certificate.ts';
import { attained, byOrder, gpus, type Machines, type Params, remaining, SlowQueueing } from './slow-queueing.ts';

/** Up since before now and not told to end. */
const mayMove = (r: RunningJob, now: number): boolean => r.startedUs >= 0 && r.startedUs < now && !r.stopping;

function elastic(m: Machines, p: Params): QueueingPolicy {
  const settle = Math.max(1_000_000, (p['settleUs'] as number | undefined) ?? 600_000_000);
  const settled = (r: RunningJob, now: number) => mayMove(r, now) && r.startedUs + settle <= now;
  const tasks = (v: SchedulerView, r: RunningJob) => v.nodesOf(r).length;
  const shrink = (v: SchedulerView, head: WaitingJob): void => {
    if (head.pledged > 0) return;
    const above = (r: RunningJob) => (r.shape.least === undefined ? 0 : tasks(v, r) - r.shape.least);
    const victims = v.victims(head, {
      may: (r) => above(r) > 0 && settled(r, v.now),
      order: (a, b) => above(b) - above(a) || b.order - a.order,
    });
    for (const r of victims ?? []) v.preempt(r, head);
  };
  const grow = (v: SchedulerView): void => {
    if (v.running().some((r) => r.stopping)) return;
    const real = v.cluster as Cluster;
    const part = (r: RunningJob) => tasks(v, r) / r.shape.groups[0]!.tasks;
    const able = v
      .running()
      .filter((r) => r.shape.least !== undefined && part(r) < 1 && settled(r, v.now))
      .filter((r) => m.nodes.some((_, n) => real.isUp(n) && m.taskFits(real, n, r.shape.groups[0]!.shape)))
      .sort((a, b) => part(a) - part(b) || byOrder(a, b));
    if (able.length > 0) v.preempt(able[0]!, null);
  };
  return new SlowQueueing(
    'elastic',
    m,
    true,
    (v, waiting) => {
      for (const [i, job] of waiting.entries()) {
        const others = i + 1 < waiting.length;
        if (!v.start(job, null, others ? job.shape.least : undefined)) return shrink(v, job);
      }
      grow(v);
    },
    // Whenever an elastic job has settled, whether that can matter or not.
    (v) =>
      Math.min(
        NEVER,
        ...v.running().flatMap((r) => {
          const at = (r.startedUs < 0 ? v.now : r.startedUs) + settle;
          return r.shape.least === undefined || r.stopping || at <= v.now ? [] : [at];
        }),
      ),
  );
}

function lasAfresh(m: Machines, p: Params): QueueingPolicy {
  const limits = (p['limitsGpuUs'] as number[] | undefined) ?? [3_250_000_000, 7_200_000_000];
  const had = (j: WaitingJob, now: number) => attained(j, now) * gpus(j);
  let queues: WaitingJob[][] = [...limits.map(() => []), []];
  return new SlowQueueing(
    'las',
    m,
    true,
    (v, _, came) => {
      const there = new Set<WaitingJob>([...came, ...v.running()]);
      queues = queues.map((q) => q.filter((j) => there.has(j)));
      for (const j of came)
        if (!queues.some((q) => q.includes(j))) queues[limits.filter((l) => had(j, v.now) >= l).length]!.push(j);
      // Whoever has had a queue's limit goes behind those of the next.
      limits.forEach((limit, q) => {
        const falls = queues[q]!.filter((j) => had(j, v.now) >= limit).sort(byOrder);
        queues[q] = queues[q]!.filter((j) => !falls.includes(j));
        queues[q + 1]!.push(...falls);
      });
      const line = queues.flat();
      const plan = v.layout(line);
      const runs = new Set<WaitingJob>(v.running());
      const leaves = line.filter(
        (j, i) =>
          runs.has(j) && mayMove(j as RunningJob, v.now) && String(plan[i]) !== String(v.nodesOf(j as RunningJob)),
      );
      for (const j of leaves) v.preempt(j as RunningJob, null);
      if (v.running().some((r) => r.stopping)) return;
      line.forEach((j, i) => {
        if (plan[i] !== null && !runs.has(j)) v.start(j, null);
      });
      const now = new Set<WaitingJob>(v.running());
      queues = queues.map((q) => [...q.filter((j) => now.has(j)), ...q.filter((j) => !now.has(j))]);
    },
    (v) =>
      Math.min(
        NEVER,
        ...v.running().map((r) => {
          const limit = limits.find((l) => had(r, v.now) < l);
          if (limit === undefined || r.stopping) return NEVER;
          const needs = Math.ceil(limit / gpus(r) / 1e6) * 1e6;
          return Math.max(v.now + 1, (r.startedUs >= 0 ? r.startedUs : v.now) + needs - r.servedUs);
        }),
      ),
  );
}

function heterogeneity(m: Machines, p: Params): QueueingPolicy {
  const length = (p['roundUs'] as number | undefined) ?? 360_000_000;
  const table = p['throughputs'] as Record<string, number[]> | undefined;
  const classes = m.cards.length;
  const given = new Map<number, number[]>();
  const seen = new Map<number, number>();
  let planned = -1;
  let plan: { job: number; at: number }[] = [];

  const milliOf = (j: WaitingJob) => j.shape.groups.reduce((n, g) => n + g.tasks * g.shape.gpus * g.shape.gpuMilli, 0);
  const speed = (label: string, c: number): number => (table === undefined ? 1 : (table[label] ?? table['*']!)[c]!);
  const speeds = (j: WaitingJob): number[] =>
    Array.from({ length: classes }, (_, c) => {
      return j.shape.groups.every((g) => g.shape.allowed[c] === 1) ? speed(j.spec.label, c) : 0;
    });

  const newPlan = (v: SchedulerView, jobs: WaitingJob[]): typeof plan => {
    const capacity = Array.from({ length: classes }, (_, c) =>
      m.nodes.reduce((n, spec, i) => n + (spec.gpuClass === c && v.cluster.isUp(i) ? spec.gpus : 0), 0),
    );
    const all = capacity.reduce((a, b) => a + b, 0);
    const worthOf = (j: WaitingJob): number[] => {
      const s = speeds(j);
      // What an equal share of every class would give, by GPU; or the work that is left.
      const share = all === 0 ? 0 : s.reduce((sum, x, c) => sum + (x * capacity[c]!) / all, 0) / Math.max(1, gpus(j));
      const left = Math.max(1, remaining(j, v.now)) * Math.max(...s, 1e-9);
      const base = p['objective'] === 'makespan' ? left : share;
      return s.map((x) => (base > 0 ? x / base : 0));
    };
    const kinds: (Kind & { members: WaitingJob[] })[] = [];
    for (const j of jobs) {
      const worth = worthOf(j);
      const alike = kinds.find((k) => k.gpus === gpus(j) && k.worth.every((w, c) => w === worth[c]));
      if (alike === undefined) kinds.push({ jobs: 1, gpus: gpus(j), worth, members: [j] });
      else {
        alike.jobs++;
        alike.members.push(j);
      }
    }
    const parts = fairestParts(kinds, capacity);
    // Prices of large programs take a while to find.
    if (kinds.length <= 8 || planned % 16 === 0) {
      const [least, most] = [leastWorth(kinds, capacity, parts), upperBound(kinds, capacity)];
      if (!(Math.abs(least - most) <= 1e-4 * most))
        throw new Error(`heterogeneity: the worst-off job has ${least} and could have ${most}`);
    }
    const claims = kinds.flatMap((k, i) =>
      k.members.flatMap((j) => {
        const rounds = (seen.get(j.spec.job) ?? 0) + 1;
        seen.set(j.spec.job, rounds);
        return parts[i]!.flatMap((part, at) => {
          const had = given.get(j.spec.job)?.[at] ?? 0;
          return part > 0 ? [{ j, at, claim: (part * rounds) / Math.max(had, 1e-9) }] : [];
        });
      }),
    );
    claims.sort((a, b) => b.claim - a.claim || byOrder(a.j, b.j) || a.at - b.at);
    const room = capacity.map((c) => c * 1000);
    const made: typeof plan = [];
    for (const { j, at } of claims) {
      if (made.some((x) => x.job === j.spec.job) || room[at]! < milliOf(j)) continue;
      room[at]! -= milliOf(j);
      made.push({ job: j.spec.job, at });
      const had = given.get(j.spec.job) ?? Array.from({ length: classes }, () => 0);
      had[at]!++;
      given.set(j.spec.job, had);
    }
    return made;
  };

  return new SlowQueueing(
    'heterogeneity',
    m,
    true,
    (v, waiting) => {
      const round = Math.floor(v.now / length);
      if (round > planned) {
        planned = round;
        plan = newPlan(v, [...v.running(), ...waiting].sort(byOrder));
        for (const r of v.running()) {
          const at = plan.find((x) => x.job === r.spec.job)?.at;
          if (mayMove(r, v.now) && v.nodesOf(r).some((n) => m.nodes[n]!.gpuClass !== at)) v.preempt(r, null);
        }
      }
      const left = new Set(waiting);
      for (const { job, at } of plan) {
        const j = waiting.find((w) => w.spec.job === job);
        const elsewhere: NodeSet = { has: (n) => m.nodes[n]!.gpuClass !== at };
        if (j !== undefined && v.start(j, elsewhere)) left.delete(j);
      }
      if (v.running().some((r) => r.stopping)) return;
      for (const j of left) {
        const runs = speeds(j);
        v.start(j, { has: (n) => !(runs[m.nodes[n]!.gpuClass]! > 0) });
      }
    },
    (v) => (v.running().length > 0 ? (Math.floor(v.now / length) + 1) * length : NEVER),
    (spec, c) => speed(spec.label, c) > 0,
  );
}

export const movingRules: Record<string, (m: Machines, p: Params) => QueueingPolicy> = {
  elastic,
  'las afresh': lasAfresh,
  heterogeneity,
};
