import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CalibrationJson } from '../../executor/calibrate.ts';
import type { ValidateJson } from '../../lab/commands/validate.ts';
import type { ClosedLoopJson } from '../../lab/execution/closed-loop.ts';
import { gates } from '../../lab/execution/gates.ts';
import {
  compareRuns,
  figuresOf,
  kolmogorovSmirnov,
  type OpenLoopJson,
  type Outcomes,
} from '../../lab/execution/open-loop.ts';
import { inTemp, janction, janctionInside } from '../support/cli.ts';

const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);

describe('distance of two samples', () => {
  test('is the largest difference of their distribution functions, at any point', () => {
    const sample = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const below = (list: readonly number[], x: number): number => list.filter((v) => v <= x).length / list.length;
        const slow = Math.max(...[...a, ...b].map((x) => Math.abs(below(a, x) - below(b, x))));
        expect(kolmogorovSmirnov(sorted(a), sorted(b))).toBeCloseTo(slow, 12);
      }),
      { seed: 5, numRuns: 300 },
    );
    expect(kolmogorovSmirnov([], [])).toBe(0);
    expect(kolmogorovSmirnov([], [1])).toBe(1);
  });
});

/** A run in which each of the jobs took so long; one user pays a micro-unit a second. */
function run(seconds: readonly number[], utilisation = 0.8): Outcomes {
  const completionSeconds = sorted(seconds);
  const total = seconds.reduce((a, b) => a + b, 0);
  return {
    metrics: {
      makespanSeconds: 10 * Math.max(...seconds),
      meanCompletionSeconds: total / seconds.length,
      p95CompletionSeconds: completionSeconds[Math.ceil(0.95 * seconds.length) - 1]!,
      utilisation,
      completed: seconds.length,
    },
    completionSeconds,
    bills: new Map([['ann', BigInt(Math.round(total))]]),
  };
}

const closed = {
  decisionMismatches: 0,
  invoiceMismatches: 0,
  unansweredActions: 0,
  unusedAnswers: 0,
} as ClosedLoopJson;

function group(runs: Outcomes[], guess: Outcomes, over: Partial<OpenLoopJson> = {}): OpenLoopJson {
  const { prediction, measured, noise } = compareRuns(runs, guess);
  return {
    scenario: 's',
    scenarioSha256: '',
    queueing: 'easy',
    load: 1,
    repeats: runs.length,
    measured,
    eachRun: runs.map(figuresOf),
    noise,
    uncalibrated: prediction,
    calibrated: null,
    ...over,
  };
}

const verdicts = (c: ClosedLoopJson, groups: OpenLoopJson[]): (boolean | null)[] => gates(c, groups).map((g) => g.pass);
const five = [100, 101, 99, 100, 100].map((x) => run([x, 2 * x, 3 * x]));

describe('gates of fidelity', () => {
  test('one run decides decisions and bills, but no noise floor, ranking or envelope', () => {
    expect(verdicts(closed, [group([run([100])], run([100]))])).toEqual([false, true, true, true, null, null]);
  });

  test('errors below what the runs differ by are neither right nor wrong', () => {
    const near = compareRuns(five, run([101, 202, 303])).prediction;
    expect(near.errors.meanCompletion).toBeCloseTo(0.01, 6);
    expect(near.indistinguishable).toContain('meanCompletion');
    const far = compareRuns(five, run([104, 208, 312])).prediction;
    expect(far.indistinguishable).not.toContain('meanCompletion');
    const { noise } = compareRuns(five, run([100, 200, 300]));
    expect(noise).toMatchObject({ makespan: 0.02, meanCompletion: 0.02, utilisationPoints: 0 });
    expect(compareRuns(five.slice(1, 2), run([100, 200, 300])).noise).toBeNull();
    expect(figuresOf(five[0]!).completionTwentieths.filter((_, k) => [0, 6, 7, 20].includes(k))).toEqual([
      100, 100, 200, 300,
    ]);
    expect(far.errors).toMatchObject({ makespan: 0.04, meanCompletion: 0.04, p95Completion: 0.04, bill: 0.04 });
  });

  test('the worst group decides, and each limit is a limit', () => {
    const good = group(five, run([100, 200, 300]));
    expect(verdicts(closed, [good])).toEqual([true, true, true, true, null, null]);
    expect(verdicts(closed, [good, group(five, run([106, 212, 318]))])[2]).toBe(false);
    expect(verdicts(closed, [group(five, run([100, 200, 300], 0.84))])[2]).toBe(false);
    expect(verdicts(closed, [group(five, run([103, 206, 309]))])[3]).toBe(false);
    expect(verdicts({ ...closed, decisionMismatches: 1 }, [good])[1]).toBe(false);
    expect(verdicts({ ...closed, invoiceMismatches: 1 }, [good])[3]).toBe(false);
  });

  test('what was calibrated is judged by its calibrated prediction', () => {
    const g = group(five, run([120, 240, 360]));
    expect(verdicts(closed, [g])[2]).toBe(false);
    expect(verdicts(closed, [{ ...g, calibrated: group(five, run([100, 200, 300])).uncalibrated }])[2]).toBe(true);
  });

  test('policies are ranked when they differ by more than the noise', () => {
    const fifo = (guess: Outcomes) =>
      group(
        [150, 151, 149, 150, 150].map((x) => run([x, 2 * x, 3 * x])),
        guess,
        { queueing: 'fifo' },
      );
    const easy = group(five, run([100, 200, 300]));
    expect(verdicts(closed, [easy, fifo(run([150, 300, 450]))])[4]).toBe(true);
    expect(verdicts(closed, [easy, fifo(run([90, 180, 270]))])[4]).toBe(false);
    expect(verdicts(closed, [easy, { ...easy, queueing: 'sjf' }])[4]).toBeNull();
  });

  test('three loads make an envelope, and the first that fails is named', () => {
    const at = (load: number, guess: number) => group(five, run([guess, 2 * guess, 3 * guess]), { load });
    expect(verdicts(closed, [at(0.5, 100), at(0.8, 100), at(1.3, 100)])[5]).toBe(true);
    const [, , , , , envelope] = gates(closed, [at(0.5, 100), at(0.8, 110), at(1.3, 120)]);
    expect(envelope).toMatchObject({ pass: false, why: 'beyond its limits from load 0.8 on' });
  });
});

test('a machine is measured, and runs are held against what that predicts', async () => {
  await inTemp(async (dir) => {
    const machine = join(dir, 'machine.json');
    const c = janction(['calibrate', '--repeats', '2', '--json', '--quiet']);
    expect([c.code, c.err]).toEqual([0, '']);
    const json = JSON.parse(c.out) as CalibrationJson;
    for (const v of [json.startMs.mean, json.stopMs.mean, json.matmulGflops]) expect(v).toBeGreaterThan(0);
    expect(json.overheadMs.mean).toBeLessThan(5000);
    writeFileSync(machine, c.out);
    const runs = ['a', 'b'].map((name) => {
      const out = join(dir, name);
      const flags = ['--devices', 'cpu:2', '--time-scale', '7200', '--load', '2', '--out', out, '--quiet'];
      expect(janction(['execute', 'scenarios/executed/philly-slice.yaml', ...flags]).err).toBe('');
      return out;
    });
    const page = join(dir, 'fidelity.html');
    const a = await janctionInside(['validate', ...runs, '--calibration', machine, '--report', page, '--json']);
    expect(a.code).toBe(0);
    const v = JSON.parse(a.out) as ValidateJson;
    expect(v.closedLoop).toMatchObject({ decisionMismatches: 0, invoiceMismatches: 0 });
    expect(v.openLoop).toHaveLength(1);
    expect(v.openLoop[0]).toMatchObject({ repeats: 2, load: 2, queueing: 'easy' });
    expect(v.openLoop[0]!.calibrated).not.toBeNull();
    // How many end within their limits is up to how busy the machine is.
    expect(v.openLoop[0]!.measured.completed.mean).toBeGreaterThan(0);
    expect(v.gates.map((g) => g.name.slice(0, 2))).toEqual(['G0', 'G1', 'G2', 'G3', 'G4', 'G5']);
    expect(v.gates[0]!.pass).toBe(false);
    const html = readFileSync(page, 'utf8');
    for (const word of ['G0 noise floor', 'uncalibrated', 'within the noise', 'KS distance'])
      expect(html).toContain(word);
    expect(html).not.toMatch(/https?:|<script|src=/);
    expect(await janctionInside(['validate', runs[0]!, '--report', join(dir, 'no', 'x.html')])).toMatchObject({
      code: 2,
      out: '',
    });
    // Two repeats are no noise floor: with --gates that is a finding.
    expect((await janctionInside(['validate', ...runs, '--gates', '--json'])).code).toBe(1);
    expect((await janctionInside(['validate', ...runs])).out).toMatch(
      /uncalibrated[\s\S]*G0 noise floor: .*2 of 5 repeats/,
    );
    writeFileSync(machine, '{"schema":"janction.calibration/1"}');
    expect((await janctionInside(['validate', runs[0]!, '--calibration', machine])).err).toMatch(
      /^error: .*no calibration; make one/,
    );
    expect(
      janction(['execute', 'scenarios/replay-philly/scenario.yaml', '--load', '2', '--out', join(dir, 'c')]).code,
    ).toBe(2);
  });
});
