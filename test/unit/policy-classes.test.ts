/** Classes on which a policy starts a job: those it leaves out keep their bids, and a module of the user's own has its say. */
import { expect, test } from 'vitest';
import type { MechanismRef } from '../../core/types.ts';
import { ModuleFault } from '../../lab/modules/fault.ts';
import { guardedQueueing } from '../../lab/modules/guard.ts';
import { loadModule } from '../../lab/modules/load.ts';
import { compileModule } from '../../lab/modules/source.ts';
import { shipped } from '../../mechanisms/index.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';

const rates = { a: 1_000_000, b: 2_000_000 };
const onB: MechanismRef = { name: 'heterogeneity', params: { throughputs: { '*': [0, 1] } } };

/** Of a job of half an hour: how it ended, where it ran and what it cost. */
function outcome(
  bids: number[],
  classes: number[] = [],
  answer?: string,
): [string, string, string | undefined, bigint] {
  const c = config({
    pools: [
      pool('east', {
        pricing: { name: 'posted', params: { rates } },
        ...(answer === undefined ? { queueing: onB } : {}),
      }),
    ],
    nodes: [node('n0'), node('n1', { gpuClass: 1 })],
  });
  const text = `export default { kind: 'queueing', name: 'q', create() { let jobs = []; return {
    classesFor(spec, may) { return ${answer}; },
    add(job) { jobs.push(job); },
    remove(job) { jobs = jobs.filter((j) => j !== job); },
    schedule(view) { for (const j of [...jobs]) view.start(j, null); },
    reset() { jobs = []; } }; } };`;
  const loaded = answer === undefined ? null : loadModule(compileModule(new TextEncoder().encode(text), 'm.ts'));
  const registry = loaded === null ? shipped : { ...shipped, queueing: () => guardedQueueing(loaded, {}) };
  const { sim, rows } = simulation(c, [arrival(0, 1800 * SECOND, spec(1, { classes, bids }))], { registry });
  sim.finish();
  const [job] = rows.of('jobs');
  return [job!.final_state, job!.reason, rows.of('placements')[0]?.gpu_class, job!.charged_micro];
}

test('a job is held to what it bids for the class that it runs on', () => {
  for (const classes of [[], [0, 1]]) {
    expect(outcome([3_000_000, 1_500_000], classes)).toEqual(['rejected', 'price-above-bid', undefined, 0n]);
    expect(outcome([500_000, 2_000_000], classes)).toEqual(['completed', 'ok', 'b', 1_000_000n]);
  }
  expect(outcome([2_000_000], [1])).toEqual(['completed', 'ok', 'b', 1_000_000n]);
});

test('a module of the user’s own names the classes on which it starts a job', () => {
  expect(outcome([], [], 'may')).toEqual(['completed', 'ok', 'a', 500_000n]);
  expect(outcome([], [], 'may.slice(1)')).toEqual(['completed', 'ok', 'b', 1_000_000n]);
  expect(outcome([], [], '[]')).toEqual(['rejected', 'never-fits', undefined, 0n]);
  for (const wrong of ['[2]', '[1, 1]', '"b"', 'undefined']) {
    expect(() => outcome([], [], wrong), wrong).toThrow(ModuleFault);
    expect(() => outcome([], [], wrong), wrong).toThrow('some of the classes 0, 1');
  }
});
