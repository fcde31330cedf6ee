/**
 * Pools are taken over, back and forth, while users cancel, machines fail, quotes run out and wires lose, double, delay and cut:
 * every submitted job ends exactly once, no two attempts of it overlap, it is billed at most once and for what its row says.
 */
import { describe, expect, test } from 'vitest';
import { type Fact, FactKind } from '../../core/facts.ts';
import { MessageKind } from '../../core/messages.ts';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US, type MarketConfig, NEVER } from '../../core/types.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import type { Network } from '../../sim/world/network.ts';
import { generator, ListDemand, type Rows, SECOND, simulation } from '../support/market.ts';
import { seeds } from '../support/runs.ts';
import { poolHost, repeatedly, settlementHost, wires } from '../support/wires.ts';
import { workload } from '../support/workload.ts';

const JOBS = 120;
const HORIZON = 60 * HOUR_US;

const settings: Record<string, (c: MarketConfig, seed: number) => Network | null> = {
  'one host': () => null,
  'wires that lose and double': (c, seed) => wires(c, seed, { loss: 0.15, duplicate: 0.15, meanUs: SECOND }),
  'wires that are cut': (c, seed) =>
    wires(c, seed, {
      loss: 0.05,
      partitions: [
        ...repeatedly([poolHost(0)], 5 * HOUR_US, 40 * 60 * SECOND, HORIZON),
        ...repeatedly([poolHost(1)], 7 * HOUR_US, 20 * 60 * SECOND, HORIZON),
        ...repeatedly([settlementHost], 11 * HOUR_US, 10 * 60 * SECOND, HORIZON),
      ],
    }),
};

/** What operators and users do on top of the workload: at most one list of facts per stamp, ascending. */
function meddling(seed: number, arrivals: readonly { timeUs: number; pool: number; spec: { job: number } }[]) {
  const r = generator(seed + 77);
  const acts: { at: number; facts: Fact[] }[] = [];
  for (const a of arrivals) {
    if (r() > 0.3) continue;
    const wait = r() < 0.3 ? 0 : Math.floor(r() * r() * 3 * HOUR_US);
    acts.push({ at: a.timeUs + wait, facts: [{ kind: FactKind.cancel, pool: a.pool, job: a.spec.job }] });
  }
  let seq = 0;
  for (let t = Math.floor(r() * 8 * HOUR_US); t < HORIZON; t += Math.floor(r() * 8 * HOUR_US)) {
    const from = r() < 0.5 ? 0 : 1;
    const facts: Fact[] = [{ kind: FactKind.takeover, from, to: 1 - from, seq: ++seq }];
    // Now and then straight back, or together with a cancel.
    if (r() < 0.3) facts.push({ kind: FactKind.takeover, from: 1 - from, to: from, seq: ++seq });
    const near = arrivals.filter((a) => a.timeUs <= t && a.timeUs > t - 2 * HOUR_US);
    for (const a of near)
      if (r() < 0.5) facts.push({ kind: FactKind.cancel, pool: r() < 0.5 ? 0 : 1, job: a.spec.job });
    acts.push({ at: t, facts });
  }
  return acts.sort((a, b) => a.at - b.at);
}

interface Run {
  from: number;
  to: number;
}

function judge(rows: Rows, jobs: number): void {
  const ended = rows.of('jobs').map((j) => j.job_id);
  expect([...ended].sort((a, b) => a - b)).toEqual(Array.from({ length: jobs }, (_, i) => i + 1));
  const attempts = new Map<number, Map<number, Run>>();
  for (const p of rows.of('placements')) {
    if (p.start_us < 0) continue;
    const byAttempt = attempts.get(p.job_id) ?? new Map<number, Run>();
    attempts.set(p.job_id, byAttempt);
    const a = byAttempt.get(p.attempt) ?? { from: Infinity, to: 0 };
    byAttempt.set(p.attempt, { from: Math.min(a.from, p.start_us), to: Math.max(a.to, p.end_us) });
  }
  for (const [job, byAttempt] of attempts) {
    const ordered = [...byAttempt].sort((a, b) => a[0] - b[0]).map(([, a]) => a);
    for (let i = 1; i < ordered.length; i++)
      expect(ordered[i]!.from, `job ${job}`).toBeGreaterThanOrEqual(ordered[i - 1]!.to);
  }
  const charged = new Map<number, bigint>();
  const posts = new Map<number, number>();
  for (const t of rows.of('transfers')) {
    if (t.kind !== 'post') continue;
    charged.set(t.job_id, (charged.get(t.job_id) ?? 0n) + t.amount_micro);
    posts.set(t.job_id, (posts.get(t.job_id) ?? 0) + 1);
  }
  for (const j of rows.of('jobs')) {
    expect(posts.get(j.job_id) ?? 0, `posts of job ${j.job_id}`).toBeLessThanOrEqual(1);
    expect(charged.get(j.job_id) ?? 0n, `charge of job ${j.job_id}`).toBe(j.charged_micro);
    // Attempts that ran, whoever saw them: the history travels with the job.
    expect(j.attempts, `attempts of job ${j.job_id}`).toBe(attempts.get(j.job_id)?.size ?? 0);
  }
}

function meddled(setting: string, seed: number, restoreEvery: number, horizonUs = NEVER) {
  const w = workload(seed, JOBS);
  const graces = { ...w.config.graces, startWindowUs: 30 * SECOND, holdUs: 6 * HOUR_US, quoteUs: 5 * HOUR_US };
  const c = { ...w.config, graces };
  const network = () => settings[setting]!(c, seed);
  const first = network();
  let { sim, rows } = simulation(c, w.arrivals, {
    seed,
    lives: w.lives,
    checkEveryEvent: true,
    horizonUs,
    ...(first === null ? {} : { network: first }),
  });
  let n = 0;
  for (const { at, facts } of meddling(seed, w.arrivals)) {
    if (sim.runUntil(at)) break;
    sim.inject(at, facts);
    if (restoreEvery > 0 && ++n % restoreEvery === 0) {
      const state = clonePlain(sim.snapshot()) as SimulationState;
      const streams = new Streams(seed);
      streams.restore(state.streams);
      const fresh = network();
      const { network: _, ...options } = sim.options;
      const next = new Simulation({
        ...options,
        streams,
        demand: new ListDemand(w.arrivals),
        ...(fresh === null ? {} : { network: fresh }),
      });
      next.restore(state);
      sim = next;
    }
  }
  sim.finish();
  return { sim, rows };
}

describe('takeovers, cancels and faults together', () => {
  const played = seeds(6);
  for (const setting of Object.keys(settings)) {
    test.each(played)(`${setting} (seed %i)`, (seed) => {
      const { rows } = meddled(setting, seed, 0);
      judge(rows, JOBS);
      const states = new Set(rows.of('jobs').map((j) => j.final_state));
      expect(states).toContain('completed');
      expect(states).toContain('cancelled');
    });
  }

  test('one host, killed and restored from its snapshot in between, does the same', () => {
    for (const seed of played.slice(0, 2)) {
      const { rows } = meddled('one host', seed, 5);
      expect(rows.recorder.fingerprint).toBe(meddled('one host', seed, 0).rows.recorder.fingerprint);
    }
  });
});

describe('canary', () => {
  test('pools that never hear of their takeover are noticed', async () => {
    const { Link } = await import('../../core/link/link.ts');
    const sound = Link.prototype.receive;
    Link.prototype.receive = function (now, p) {
      return sound.call(this, now, p).filter((l) => l.message.kind !== MessageKind.supersede);
    };
    try {
      expect(() => judge(meddled('wires that lose and double', 1, 0, 2 * HORIZON).rows, JOBS)).toThrow();
    } finally {
      Link.prototype.receive = sound;
    }
  });
});
