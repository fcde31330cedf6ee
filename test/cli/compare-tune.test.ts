/** `janction compare`, `tune` and `sensitivity` on a market that takes milliseconds. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CompareJson } from '../../lab/commands/compare.ts';
import type { TuneJson } from '../../lab/commands/tune.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { writeStudy } from '../support/sweeps.ts';

const json = async <T>(args: string[]): Promise<T> => {
  const a = await janctionInside([...args, '--json', '--quiet']);
  expect(a.err).toBe('');
  return JSON.parse(a.out) as T;
};

test('a planted 1 % effect is seen with a third of the replications that independent seeds need', async () => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const scenario = join(dir, 'scenario.yaml');
    // One per cent on what users are worth moves welfare by a little over one per cent.
    const effect = [
      '--b-set',
      'demand.personas.u.value.median=0.808 USD/hour',
      '--metric',
      'economics_welfare',
      '--workers',
      '1',
    ];
    const counts = [4, 6, 9, 14, 21, 32, 48, 72, 108];
    const verdict = async (replications: number, ...more: string[]): Promise<string> => {
      const args = ['compare', scenario, ...effect, ...more, '--replications', String(replications)];
      return (await json<CompareJson>(args)).metrics['economics_welfare']!.verdict;
    };
    // Least of these numbers of replications at which the sign is sure; independent seeds are sure of none below three times as many.
    let paired = 0;
    for (const n of counts)
      if ((await verdict(n)) === 'higher') {
        paired = n;
        break;
      }
    expect(paired).toBeGreaterThan(0);
    for (const n of counts)
      if (n < 3 * paired) expect(await verdict(n, '--independent'), `${n}`).toBe('no difference found');
    const c = await json<CompareJson>(['compare', scenario, ...effect, '--replications', '21']);
    expect(c.metrics['economics_welfare']!.varianceReduction!).toBeGreaterThan(3);
  });
});

test('compare refuses a scenario against itself and an unknown figure', async () => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const scenario = join(dir, 'scenario.yaml');
    for (const [args, want] of [
      [[], /same scenario/],
      [['--b-set', 'seed=2', '--metric', 'welfair'], /welfair/],
      [['--b-set', 'demand.personas.u.usersx=2'], /usersx/],
    ] as const) {
      const a = await janctionInside([
        'compare',
        scenario,
        ...args,
        '--replications',
        '2',
        '--workers',
        '1',
        '--quiet',
      ]);
      expect([a.code, a.out]).toEqual([2, '']);
      expect(a.err).toMatch(want);
    }
  });
});

const TUNE = `name: t
scenario: scenario.yaml
parameters:
  pricing.rates.gpu: { from: 0.05, to: 2, unit: USD/hour }
objectives: [{ metric: economics_provider_profit, goal: max }]
budget: 60
replications: 2
finalists: 3
finalReplications: 8
`;

test('tune finds an inner price, writes a scenario that runs, and goes on where it was stopped', async () => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const study = join(dir, 'tune.yaml');
    writeFileSync(study, TUNE);
    const out = join(dir, 'out');
    const t = await json<TuneJson>(['tune', study, '--out', out, '--workers', '1']);
    const price = Number.parseFloat(String(t.best[0]!.parameters['pricing.rates.gpu']));
    // Values are lognormal around 0.8 USD: neither bound can be best.
    expect(price).toBeGreaterThan(0.3);
    expect(price).toBeLessThan(1.5);
    expect((await janctionInside(['run', join(out, 'best.yaml'), '--json'])).code).toBe(0);
    const before = readFileSync(join(out, 'results', 'part-00000.ndjson'), 'utf8');
    expect(await json<TuneJson>(['tune', study, '--out', out, '--workers', '1'])).toEqual(t);
    expect(readFileSync(join(out, 'results', 'part-00000.ndjson'), 'utf8')).toBe(before);
    expect(await json<TuneJson>(['tune', study, '--workers', '2'])).toEqual(t);
  });
});

test('two objectives: a front on fresh seeds with its hypervolume, ends of the trade-off first and last', async () => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const study = join(dir, 'tune.yaml');
    writeFileSync(
      study,
      TUNE.replace(
        /objectives.*\n/,
        'objectives: [{ metric: economics_provider_profit, goal: max, reference: 0 }, { metric: economics_user_surplus, goal: max, reference: 0 }]\n',
      ).replace('finalists: 3', 'finalists: 4'),
    );
    const t = await json<TuneJson>(['tune', study, '--workers', '1']);
    expect(t.method).toBe('nsga-ii');
    expect(t.hypervolume).toBeGreaterThan(0);
    const front = t.best.filter((b) => b.front);
    expect(front.length).toBeGreaterThan(1);
    const of = (m: string) => front.map((b) => b.objectives[m]!.mean);
    const profit = of('economics_provider_profit');
    const surplus = of('economics_user_surplus');
    // What providers gain along the front, users lose.
    for (let i = 1; i < front.length; i++) {
      expect(profit[i]).toBeLessThan(profit[i - 1]!);
      expect(surplus[i]).toBeGreaterThan(surplus[i - 1]!);
    }
  });
});

test('sensitivity: the parameter that does nothing has no share', async () => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const study = join(dir, 's.yaml');
    writeFileSync(
      study,
      `name: s
scenario: scenario.yaml
parameters:
  pricing.rates.gpu: { from: 0.05, to: 2, unit: USD/hour }
  output.sample: { from: 5, to: 20, integer: true, unit: minute }
metrics: [economics_provider_profit]
samples: 16
bootstrap: 100
`,
    );
    interface S {
      metrics: Record<string, Record<string, { first: { value: number }; total: { value: number } }>>;
    }
    const m = (await json<S>(['sensitivity', study, '--workers', '1'])).metrics['economics_provider_profit']!;
    expect(m['pricing.rates.gpu']!.total.value).toBeGreaterThan(0.5);
    expect(Math.abs(m['output.sample']!.total.value)).toBeLessThan(1e-9);
  });
});

test.each([
  ['no parameters', TUNE.replace(/ {2}pricing.*\n/, '').replace('parameters:', 'parameters: {}'), /parameters/],
  ['empty bounds', TUNE.replace('from: 0.05, to: 2', 'from: 2, to: 2'), /tune\.yaml:4:\d+: .*empty/],
  ['unknown figure', TUNE.replace('economics_provider_profit', 'profit'), /profit/],
  ['bounds that are no scenario', TUNE.replace('pricing.rates.gpu', 'pricing.rates.gpuu'), /gpuu/],
])('tune refuses: %s', async (_, text, want) => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const study = join(dir, 'tune.yaml');
    writeFileSync(study, text);
    const a = await janctionInside(['tune', study, '--workers', '1', '--quiet']);
    expect([a.code, a.out]).toEqual([2, '']);
    expect(a.err).toMatch(want);
    expect(a.err.trim().split('\n').length).toBe(1);
  });
});
