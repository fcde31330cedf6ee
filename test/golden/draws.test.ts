/** A million draws from every distribution, bit for bit as recorded. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { GoldenDraws } from '../../bench/golden.ts';
import { drawFingerprints } from '../../bench/golden-draws.ts';

test('draws are those recorded (npm run golden -- --record)', () => {
  const golden = JSON.parse(readFileSync(new URL('./draws.json', import.meta.url), 'utf8')) as GoldenDraws;
  expect(golden.count).toBeGreaterThanOrEqual(1_000_000);
  expect(Object.keys(golden.fingerprints).length).toBeGreaterThanOrEqual(19);
  expect(drawFingerprints(golden.count)).toEqual(golden.fingerprints);
});
