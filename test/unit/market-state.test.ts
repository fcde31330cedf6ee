/** State is plain data: restore into a fresh instance, or drop every cache, at random moments, and nothing changes. */
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { cardTroubles } from '../support/card-troubles.ts';
import { generator, ListDemand, type Rows, simulation } from '../support/market.ts';
import { runs } from '../support/runs.ts';
import { workload } from '../support/workload.ts';

interface Outcome {
  fingerprint: string;
  digest: string;
  jobs: number;
}

const outcome = (sim: Simulation, rows: Rows): Outcome => ({
  fingerprint: rows.recorder.fingerprint,
  digest: sim.markets.map((m) => m.digest).join('+'),
  jobs: rows.of('jobs').length,
});

function whole(seed: number): Outcome {
  const w = workload(seed, 150);
  const { sim, rows } = simulation(w.config, w.arrivals, {
    lives: w.lives,
    cards: cardTroubles(seed, w.config.nodes.length, 1, 2),
    seed,
  });
  sim.finish();
  return outcome(sim, rows);
}

describe('state is plain data', () => {
  for (let seed = 1; seed <= runs(6); seed++) {
    test(`snapshot and restore into a fresh instance at random stamps changes nothing (workload ${seed})`, () => {
      const w = workload(seed, 150);
      const r = generator(seed + 1000);
      let { sim, rows } = simulation(w.config, w.arrivals, {
        lives: w.lives,
        cards: cardTroubles(seed, w.config.nodes.length, 1, 2),
        seed,
      });
      const last = w.arrivals.at(-1)!.timeUs;
      let restores = 0;
      for (let t = Math.floor((r() * last) / 8); t < last; t += Math.floor((r() * last) / 6)) {
        sim.runUntil(t);
        // Through a deep copy: nothing may be shared with the old instance.
        const state = clonePlain(sim.snapshot()) as SimulationState;
        const streams = new Streams(seed);
        streams.restore(state.streams);
        const next = new Simulation({ ...sim.options, streams, demand: new ListDemand(w.arrivals) });
        next.restore(state);
        sim = next;
        restores++;
      }
      sim.finish();
      expect(restores).toBeGreaterThan(5);
      expect(outcome(sim, rows)).toEqual(whole(seed));
    });

    test(`dropping every policy cache at random moments changes nothing (workload ${seed})`, () => {
      const w = workload(seed, 150);
      const r = generator(seed + 2000);
      const { sim, rows } = simulation(w.config, w.arrivals, {
        lives: w.lives,
        cards: cardTroubles(seed, w.config.nodes.length, 1, 2),
        seed,
      });
      const last = w.arrivals.at(-1)!.timeUs;
      for (let t = 0; t < last; t += 1 + Math.floor((r() * last) / 40)) {
        sim.runUntil(t);
        for (const m of sim.markets) m.dropCaches();
      }
      sim.finish();
      expect(outcome(sim, rows)).toEqual(whole(seed));
    });

    test(`every law holds after every step, failures included (workload ${seed})`, () => {
      const w = workload(seed, 150);
      const { sim, rows } = simulation(w.config, w.arrivals, {
        lives: w.lives,
        cards: cardTroubles(seed, w.config.nodes.length, 1, 2),
        seed,
        checkEveryEvent: true,
      });
      sim.finish();
      const states = new Map<string, number>();
      for (const j of rows.of('jobs')) states.set(j.final_state, (states.get(j.final_state) ?? 0) + 1);
      expect(rows.of('jobs')).toHaveLength(150);
      expect(states.get('completed')).toBeGreaterThan(20);
      expect(rows.of('failures').filter((f) => f.gpu < 0).length).toBeGreaterThan(5);
      expect(rows.of('failures').filter((f) => f.gpu >= 0).length).toBeGreaterThan(5);
    });
  }

  test('a restore into a used instance is refused', () => {
    const w = workload(1, 20);
    const { sim } = simulation(w.config, w.arrivals, { lives: w.lives });
    sim.runUntil(w.arrivals[10]!.timeUs);
    const state = sim.markets[0]!.snapshot();
    expect(() => sim.markets[0]!.restore(state)).toThrow(/fresh/);
  });
});
