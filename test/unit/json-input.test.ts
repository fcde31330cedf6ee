/** What is said of a JSON file of the wrong shape. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseJsonInput } from '../../lab/json-input.ts';
import { inTemp, janctionInside } from '../support/cli.ts';

const schema = z.strictObject({
  stake: z.union([z.number().int('a stake is a whole number'), z.string().regex(/^\d+$/, 'a stake is a whole number')]),
  ops: z.array(
    z.union([z.tuple([z.literal('alloc'), z.number()]), z.tuple([z.literal('slash'), z.string(), z.number()])]),
  ),
});

test.each([
  ['{"stake":1.5,"ops":[]}', 'f:1:10: stake: a stake is a whole number'],
  [
    '{"stake":1,"ops":[["alloq",1]]}',
    'f:1:19: ops.0: has none of the forms that can stand here; see --help for an example',
  ],
  ['{"stake":1}', 'f:1:1: ops: missing; add it (array)'],
  ['{"stake":1,"ops":3}', 'f:1:18: ops: want array'],
])('%s', (text, message) => {
  expect(() => parseJsonInput(text, 'f', schema)).toThrow(message);
});

test('elect refuses a flag that its rule has no use for', async () => {
  await inTemp(async (dir) => {
    const file = join(dir, 'e.json');
    writeFileSync(file, '{"seats":1,"candidates":["a"],"ballots":[[5,["a"]]]}');
    const flags = ['elect', '--rule', 'stv', '--election', file];
    expect((await janctionInside(flags)).code).toBe(0);
    expect(await janctionInside([...flags, '--balance'])).toMatchObject({ code: 2, out: '' });
  });
});
