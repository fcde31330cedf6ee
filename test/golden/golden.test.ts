/** The recorded fingerprints and draws, as `npm run golden` compares them: same scenario, seed and version, same bytes anywhere. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/cli.ts';

test('shipped scenarios give their recorded fingerprints, and a million draws of every distribution theirs (npm run golden)', () => {
  const done = spawnSync(process.execPath, [join(root, 'dist/bench/golden.js')], { encoding: 'utf8' });
  expect(done.stdout.split('\n').filter((l) => l.startsWith('DIFF'))).toEqual([]);
  expect(done.status, done.stderr).toBe(0);
  expect(done.stdout).toMatch(/ [1-9]\d* passed, 0 failed/);
  const [, draws, distributions] = /^drew {2}(\d+) times from each of (\d+) distributions$/m.exec(done.stdout)!;
  expect(Number(draws)).toBeGreaterThanOrEqual(1_000_000);
  expect(Number(distributions)).toBeGreaterThanOrEqual(19);
});
