/** A market whose hosts talk over bad wires: the same run after restores and by replay of its journal, and what the tables say of it. */
import { describe, expect, test } from 'vitest';
import { readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { clonePlain } from '../../core/plain.ts';
import { tableNames, tables, worldTables } from '../../core/record/schema.ts';
import { HOUR_US } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { assignDevices } from '../../lab/execution/plan.ts';
import { shipped } from '../../mechanisms/index.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import type { SimulationState } from '../../sim/driver.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { auditInput } from '../support/audit.ts';
import { Rows } from '../support/market.ts';
import { meshScenario, prepared } from '../support/mesh.ts';

const bad = (seed: number): ResolvedScenario =>
  meshScenario(
    `
  loss: 5 %
  duplicate: 5 %
  reorder: { share: 5 %, by: 5 second }
  takeover: { after: 10 minute }
  partitions:
    - { name: cable, from: 2 hour, to: 3 hour, side: { pools: east, groups: hall } }
    - { from: 7 hour, to: 8 hour, side: { chain: true } }
  crashes: [{ pool: west, from: 4 hour, to: 6 hour }]`,
    { scheduling: '{ routing: { name: power-of-two, advertise: 60 second } }', seed },
  );

describe('a market over bad wires', () => {
  for (const seed of [1, 2])
    test(`its journal, that of all hosts, replays to the same rows and the auditor agrees (seed ${seed})`, () => {
      const bytes: Uint8Array[] = [];
      const run = prepared(bad(seed), { onJournal: (b) => bytes.push(b.slice()), checkEveryEvent: true });
      const json = finishRun(run);
      const journal = Buffer.concat(bytes);
      const rows = new Rows();
      const replayed = replay(readJournal(journal), shipped, rows);
      for (const m of replayed.markets) m.report();
      expect(replayed.difference).toBeNull();
      expect(replayed.complete).toBe(true);
      for (const t of tableNames) if (!worldTables.has(t)) expect(rows.of(t), t).toEqual(run.rows.of(t));
      expect(auditIndependently(auditInput(run.rows, journal)).difference).toBeNull();
      expect(json.network!.packets.lost).toBeGreaterThan(100);
      const j = json.jobs;
      expect(j.completed + j.failed + j.rejected + j.cancelled + j.running + j.pending).toBe(j.submitted);
      expect(j.completed).toBeGreaterThan(50);
      // One bit of it changed is found.
      const bent = Buffer.from(journal);
      bent[Math.floor(bent.length / 2)]! ^= 1;
      expect(() => replay(readJournal(bent), shipped)).toThrow(/journal: byte/);
    });

  test('killed and restored from its snapshot, in partitions and crashes too, it does the same', () => {
    const scenario = bad(3);
    const whole = prepared(scenario);
    const { fingerprint } = finishRun(whole);
    let run = prepared(scenario);
    const { rows } = run;
    for (let hour = 1; hour < 12; hour++) {
      run.simulation.runUntil(hour * HOUR_US + 17);
      const state = clonePlain(run.simulation.snapshot()) as SimulationState;
      const next = prepareRun(scenario, { registry: shipped, watch: rows, streams: state.streams });
      next.simulation.restore(state);
      run = { ...next, rows };
    }
    run.simulation.finish();
    expect(rows.recorder.fingerprint).toBe(fingerprint);
  });

  test('the tables say when partitions open and heal, who crashed and who took over', () => {
    const { simulation, rows } = prepared(bad(1));
    simulation.finish();
    const told = rows
      .of('network')
      .map((n) => `${n.time_us / HOUR_US} ${n.event} ${n.name}${n.pool} ${n.to_pool}`.trim());
    expect(told.map((t) => t.replace(/^(\d\.\d\d)\d+/, '$1'))).toEqual([
      '2 partition cable',
      '2.16 takeover east west',
      '3 heal cable',
      '4 crash west',
      '4.16 takeover west east',
      '6 restart west',
      // All are cut off from the chain: nobody is left who could take over.
      '7 partition partition-2',
      '8 heal partition-2',
    ]);
    const views = rows.of('views');
    expect(views.some((v) => v.host === 'cut' && v.time_us > 2 * HOUR_US)).toBe(true);
    expect(views.some((v) => v.host === 'down')).toBe(true);
    expect(views.some((v) => v.ghost_milli > 0)).toBe(true);
    expect(Object.keys(views[0]!)).toEqual(Object.keys(tables.views));
  });

  test('what only the simulator can act out is refused by an execution', () => {
    expect(() => assignDevices(bad(1), [])).toThrow(/^network: .* simulated only/);
    const { network: _, ...routed } = bad(1);
    expect(() => assignDevices(routed, [])).toThrow(/^scheduling\.routing: /);
  });

  test('without faults the wires change no bill', () => {
    const calm = meshScenario('{}');
    const { network: _, ...single } = calm;
    const bills = (s: ResolvedScenario) => {
      const { simulation, rows } = prepared(s);
      simulation.finish();
      return new Map(
        rows
          .of('jobs')
          .filter((j) => j.final_state === 'completed' && j.execution_time_us > 0)
          .map((j) => [j.job_id, j.charged_micro]),
      );
    };
    const a = bills(calm);
    const b = bills(single);
    expect(a.size).toBeGreaterThan(100);
    const both = [...a.keys()].filter((k) => b.has(k));
    expect(both.length).toBeGreaterThan(0.9 * a.size);
    let same = 0;
    for (const k of both) if (a.get(k) === b.get(k)) same++;
    expect(same).toBeGreaterThan(0.9 * both.length);
  });
});
