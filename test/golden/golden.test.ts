/** The recorded fingerprints, as `npm run golden` compares them: same scenario, seed and version, same bytes anywhere. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/cli.ts';

test('shipped scenarios give their recorded fingerprints (npm run golden)', () => {
  const done = spawnSync(process.execPath, [join(root, 'dist/bench/golden.js')], { encoding: 'utf8' });
  expect(done.stdout.split('\n').filter((l) => l.startsWith('DIFF'))).toEqual([]);
  expect(done.status, done.stderr).toBe(0);
  expect(done.stdout).toMatch(/ [1-9]\d* passed, 0 failed/);
});
