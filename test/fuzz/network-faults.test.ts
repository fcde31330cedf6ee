/**
 * With delays, loss, duplication and partitions on the wires no job runs twice, is billed twice or is lost. Four fault
 * patterns x 400 jobs (contract, rules 7-9).
 */
import { describe, expect, test } from 'vitest';
import { ActionKind, type Fact, FactKind } from '../../core/facts.ts';
import { HOUR_US, Outcome } from '../../core/types.ts';
import type { Network } from '../../sim/world/network.ts';
import { SECOND, simulation } from '../support/market.ts';
import { runs } from '../support/runs.ts';
import { nodeHost, poolHost, repeatedly, settlementHost, wires } from '../support/wires.ts';
import { type Workload, workload } from '../support/workload.ts';

const HORIZON = 60 * HOUR_US;
const patterns: Record<string, (w: Workload, seed: number) => Network> = {
  'slow wires': (w, seed) => wires(w.config, seed, { minUs: 50_000, meanUs: 2 * SECOND }),
  'a tenth lost, a tenth doubled': (w, seed) => wires(w.config, seed, { loss: 0.1, duplicate: 0.1 }),
  'pools cut off from Settlement, a tenth lost': (w, seed) =>
    wires(w.config, seed, {
      loss: 0.1,
      partitions: [
        ...repeatedly([settlementHost], 4 * HOUR_US, 20 * 60 * SECOND, HORIZON),
        ...repeatedly([poolHost(0)], 5 * HOUR_US, 30 * 60 * SECOND, HORIZON),
      ],
    }),
  'nodes cut off, a tenth lost': (w, seed) =>
    wires(w.config, seed, {
      loss: 0.1,
      partitions: w.config.nodes.flatMap((_, n) =>
        repeatedly([nodeHost(w.config, n)], (3 + n) * HOUR_US, (10 + 5 * n) * 60 * SECOND, HORIZON),
      ),
    }),
};

/** What really happened on the machines: every process of every attempt, from the orders and reports that passed. */
class Witness {
  readonly runs = new Map<number, { attempt: number; from: number; to: number; lease: number; done: boolean }[]>();
  readonly #byLease = new Map<number, { attempt: number; from: number; to: number; lease: number; done: boolean }>();

  action(now: number, a: { kind: number; lease: number; job?: number; attempt?: number }): void {
    if (a.kind !== ActionKind.start) return;
    const run = { attempt: a.attempt!, from: now, to: Infinity, lease: a.lease, done: false };
    this.#byLease.set(a.lease, run);
    this.runs.set(a.job!, [...(this.runs.get(a.job!) ?? []), run]);
  }
  fact(now: number, f: Fact): void {
    if (f.kind !== FactKind.exited) return;
    const run = this.#byLease.get(f.lease);
    if (run !== undefined) {
      run.to = now;
      run.done = f.outcome === Outcome.completed;
    }
  }
}

describe('faults on the wires', () => {
  const cases = Object.entries(patterns).flatMap(([name, network], i) =>
    Array.from({ length: runs(1) }, (_, k) => ({ name, network, seed: 1 + i + 4 * k })),
  );
  for (const { name, network, seed } of cases) {
    test(`${name}: 400 jobs (seed ${seed})`, () => {
      const w = workload(seed, 400);
      // Machines do not fail here: whatever goes wrong comes from the wires. Holds outlast the longest partition.
      const graces = { ...w.config.graces, startWindowUs: 30 * SECOND, holdUs: 6 * HOUR_US };
      const c = { ...w.config, graces };
      const witness = new Witness();
      const { sim, rows } = simulation(c, w.arrivals, {
        seed,
        network: network({ ...w, config: c }, seed),
        observer: witness,
        checkEveryEvent: true,
      });
      sim.finish();
      expect(sim.checks).toBeGreaterThan(0);

      // Nobody is lost, nobody ends twice.
      const ended = new Map<number, number>();
      for (const j of rows.of('jobs')) ended.set(j.job_id, (ended.get(j.job_id) ?? 0) + 1);
      expect(ended.size).toBe(400);
      expect([...ended.values()].every((n) => n === 1)).toBe(true);

      // Nobody runs twice: attempts of a job never overlap, and at most one completes.
      for (const [job, runs] of witness.runs) {
        const attempts = new Map<number, { from: number; to: number; done: boolean }>();
        for (const r of runs) {
          const a = attempts.get(r.attempt) ?? { from: Infinity, to: 0, done: true };
          attempts.set(r.attempt, { from: Math.min(a.from, r.from), to: Math.max(a.to, r.to), done: a.done && r.done });
        }
        const ordered = [...attempts].sort((x, y) => x[0] - y[0]).map(([, a]) => a);
        for (let i = 1; i < ordered.length; i++)
          expect(ordered[i]!.from, `job ${job}`).toBeGreaterThanOrEqual(ordered[i - 1]!.to);
        expect(ordered.filter((a) => a.done).length, `job ${job}`).toBeLessThanOrEqual(1);
      }

      // Nobody is billed twice, and who completed is billed.
      const posts = new Map<number, bigint[]>();
      for (const t of rows.of('transfers'))
        if (t.kind === 'post') posts.set(t.job_id, [...(posts.get(t.job_id) ?? []), t.amount_micro]);
      for (const j of rows.of('jobs')) {
        const p = posts.get(j.job_id) ?? [];
        expect(p.length, `job ${j.job_id}`).toBeLessThanOrEqual(1);
        expect(p[0] ?? 0n).toBe(j.charged_micro);
        if (j.final_state === 'completed') expect(p.length).toBe(1);
      }
      const completed = rows.of('jobs').filter((j) => j.final_state === 'completed').length;
      expect(completed).toBeGreaterThan(100);
    });
  }
});

describe('canary', () => {
  test('without the link’s de-duplication the same faults are noticed', async () => {
    const { Link } = await import('../../core/link/link.ts');
    const sound = Link.prototype.receive;
    Link.prototype.receive = function (now, p) {
      sound.call(this, now, p);
      return p.letters.filter((l) => l !== null);
    };
    try {
      const w = workload(2, 400);
      const network = patterns['a tenth lost, a tenth doubled']!(w, 2);
      const { sim, rows } = simulation(w.config, w.arrivals, { seed: 2, network, checkEveryEvent: true });
      let noticed = '';
      try {
        sim.finish();
        const jobs = rows.of('jobs').map((j) => j.job_id);
        if (new Set(jobs).size !== jobs.length || jobs.length !== 400) noticed = 'a job ended twice or never';
      } catch (e) {
        noticed = (e as Error).message;
      }
      expect(noticed).not.toBe('');
    } finally {
      Link.prototype.receive = sound;
    }
  });
});
