/** What the scenarios of stake claim: where cheating begins to pay, what a share of stake buys, whether votes raise service. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import { root } from '../support/cli.ts';

const run = (name: string, ...sets: string[]) => {
  const file = `scenarios/${name}/scenario.yaml`;
  return runScenario(resolveScenario(readFileSync(join(root, file)), file, sets), { registry: shipped });
};

test('token-crash: results are made up from the price on where a lease saves more than an audit costs', () => {
  const madeUp = (to: number) => run('token-crash', `verification.token.crash.to=${to} %`).stake!.verification!.madeUp;
  expect(madeUp(22)).toBe(0);
  expect(madeUp(21)).toBeGreaterThan(1500);
});

test('captured-committee: j of k seats from a share of j / (k + 1) on, all of them under top-k', () => {
  const cartel = (...sets: string[]) => {
    const { seatEpochs, elections } = run('captured-committee', ...sets).stake!;
    const seats = Object.entries(seatEpochs).filter(([pool]) => pool.startsWith('cartel'));
    return seats.reduce((n, [, epochs]) => n + epochs, 0) / elections;
  };
  for (const rule of ['phragmen', 'phragmms', 'mes']) expect(cartel(`stake.rules.election=${rule}`), rule).toBe(2);
  expect(cartel('stake.stakers.cartel.count=14')).toBe(3);
  expect(cartel('stake.rules.election=top-k')).toBe(4);
});

test('does-election-raise-service: with voters who look, jobs wait less than half as long', () => {
  for (const seed of [1, 2]) {
    const wait = (...sets: string[]) => run('does-election-raise-service', `seed=${seed}`, ...sets).waitSeconds.mean;
    expect(wait() / wait('stake.stakers.holder.votes=apathetic')).toBeLessThan(0.5);
  }
});
