/** What a sweep prints for people: how many runs, and money in units one can read. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inTemp, janctionInside } from '../support/cli.ts';
import { STUDY, writeStudy } from '../support/sweeps.ts';

test('fixed replications say exactly how many runs; adaptive ones at most, or more; money is in units', async () => {
  await inTemp(async (dir) => {
    const small = STUDY.replace('[0.1 USD/hour, 0.3 USD/hour, 0.6 USD/hour, 0.9 USD/hour]', '[0.1 USD/hour]');
    const study = writeStudy(dir, small.replace('replications: 4', 'replications: 2'));
    const out = join(dir, 'out');
    const say = async (...args: string[]): Promise<string> => (await janctionInside(['sweep', ...args])).out;
    expect(await say('plan', study, '--quiet')).toContain('replications 2: 6 runs; seed');
    expect(await say('status', study, '--out', out)).toContain('0 of 6 runs done at 3 points\n');
    expect((await janctionInside(['sweep', 'run', study, '--out', out, '--workers', '1', '--quiet'])).code).toBe(0);
    expect(await say('status', study, '--out', out)).toContain('6 of 6 runs done at 3 points, complete');
    const collected = await say('collect', study, '--out', out);
    expect(collected).toContain('money_charged (USD)');
    // Some dollars an hour, not millions of their millionths.
    const [, mean] = /^ {2}0: .* (?:stable|backlogged|unknown) +[\d.]+ ± [\d.]+ +([\d.]+) ± /m.exec(collected)!;
    expect(Number(mean)).toBeGreaterThan(0.01);
    expect(Number(mean)).toBeLessThan(1000);
    const adaptive = writeStudy(
      dir,
      small.replace(
        'replications: 4',
        'replications: { min: 3, max: 20, step: 3, metric: gpu_utilisation, relativeHalfWidth: 0.15 }',
      ),
    );
    expect(await say('plan', adaptive, '--quiet')).toContain(': at most 60 runs; seed');
    expect(await say('status', adaptive, '--out', join(dir, 'other'))).toContain('0 of 9 or more runs done');
  });
});

test('compare prints money in units', async () => {
  await inTemp(async (dir) => {
    writeStudy(dir);
    const path = join(dir, 'scenario.yaml');
    const args = ['--replications', '2', '--workers', '1', '--quiet', '--b-set', 'pricing.rates.gpu=0.6 USD/hour'];
    const done = await janctionInside(['compare', path, ...args]);
    expect(done.err).toBe('');
    const [, mean] = /^ {2}money_charged \(USD\) +([\d.]+) ± /m.exec(done.out)!;
    expect(Number(mean)).toBeLessThan(1000);
    expect(done.out).toMatch(/economics_welfare \(USD\)/);
  });
});
