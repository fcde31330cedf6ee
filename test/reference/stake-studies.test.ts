/** Every stake study agrees with what was published, and `reproduce` says so in its JSON. */
import { expect, test } from 'vitest';
import { stakeStudies } from '../../lab/reproduce/stake-studies.ts';
import { janctionInside } from '../support/cli.ts';

test.each(stakeStudies.map((s) => ({ name: s.name, study: s })))('reproduce $name', async ({ study }) => {
  const rows = await study.validate(null);
  expect(rows.length).toBeGreaterThan(3);
  expect(rows.filter((r) => !r.agrees)).toEqual([]);
});

test('janction reproduce f1 --json', async () => {
  const a = await janctionInside(['reproduce', 'f1', '--json']);
  expect(a.code).toBe(0);
  const json = JSON.parse(a.out) as {
    study: string;
    published: Record<string, string>;
    obtained: Record<string, string>;
  };
  expect(json.study).toBe('f1');
  expect(json.obtained).toEqual(json.published);
});
