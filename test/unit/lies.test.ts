/** Machines that are not what their providers say, by hand. */
import { describe, expect, test } from 'vitest';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import { arrival, config, node, SECOND, simulation, spec } from '../support/market.ts';
import { group, minimal, refusal } from '../support/scenario-text.ts';

const jobs = (...at: number[]) => at.map((t, i) => arrival(t * SECOND, 100 * SECOND, spec(i + 1)));
const ends = (r: ReturnType<typeof simulation>) =>
  r.rows
    .of('jobs')
    .sort((a, b) => a.job_id - b.job_id)
    .map((j) => j.finish_time_us / SECOND);

describe('lies', () => {
  test('twice the speed claimed is half the speed had', () => {
    const c = config({ nodes: [node('n0', { gpus: 1 })] });
    const r = simulation(c, jobs(0), { lies: new Map([[0, { speedFactorMilli: 2000, realGpus: 1 }]]) });
    r.sim.finish();
    expect(ends(r)).toEqual([200]);
  });

  test('one GPU registered twice: alone a job runs as promised, two share it, and no work is lost', () => {
    const c = config({ nodes: [node('n0', { gpus: 2 })] });
    const lies = new Map([[0, { speedFactorMilli: 1000, realGpus: 1 }]]);
    const alone = simulation(c, jobs(0), { lies });
    alone.sim.finish();
    expect(ends(alone)).toEqual([100]);
    const both = simulation(c, jobs(0, 40), { lies });
    both.sim.finish();
    // 40 s alone, 120 s for the other 60 s of work; then the second has had 60 s and runs its last 40 s alone.
    expect(ends(both)).toEqual([160, 200]);
    const honest = simulation(c, jobs(0, 40), { lies: new Map([[0, { speedFactorMilli: 1000, realGpus: 2 }]]) });
    honest.sim.finish();
    expect(ends(honest)).toEqual([100, 140]);
  });

  test('in a scenario: payoffs of every group, which add up to what providers have; none where nobody lies', () => {
    const text = group('cost: 0.1 USD/hour, lies: { speed: 1.5, copies: 3 }').replace(
      'horizon: 1 day',
      'horizon: 6 hour',
    );
    const s = resolveScenario(text, 'f.yaml');
    expect(s.market.nodes.map((n) => n.gpus)).toEqual([3, 3, 3, 3]);
    const r = runScenario(s, { registry: shipped, checkEveryEvent: true });
    const { lab } = r.payoffs!;
    expect(lab).toMatchObject({ speedFactor: 1.5, copies: 3, providers: 4, realGpus: 4 });
    expect(lab!.revenueUsd).toBeCloseTo(Number(r.money.providers) / 1e6, 5);
    // Four cards cannot cost more than four cards do, however many are leased; both places say the same.
    expect(r.gpu.usedGpuHours).toBeGreaterThan(4 * 6);
    expect(lab!.costUsd).toBeLessThanOrEqual(4 * 6 * 0.1);
    expect(r.economics.providerProfit).toBeCloseTo(lab!.profitUsd, 5);
    expect(runScenario(resolveScenario(minimal, 'f.yaml'), { registry: shipped }).payoffs).toBeUndefined();
  });

  test.each([
    ['lies: { speed: 0.5 }', 'out of range'],
    ['lies: { copies: 0 }', 'copies'],
    ['gpus: 64, lies: { copies: 64 }', 'at most 1024 in all'],
    ['lies: { memory: 2 }', 'memory'],
  ])('%s is refused: %s', (text, what) => {
    expect(refusal(group(text))).toContain(what);
  });
});
