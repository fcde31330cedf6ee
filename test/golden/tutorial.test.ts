/** The programs of the kernel's tutorial print what the page says. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/cli.ts';

const page = readFileSync(join(root, 'docs/tutorials/kernel-for-simpy-users.md'), 'utf8');
const programs = [...page.matchAll(/```js\n([\s\S]*?)```\n```text\n([\s\S]*?)```/g)];

test('there are programs, each with its output', () => {
  expect(programs.length).toBeGreaterThanOrEqual(4);
  expect(page.match(/```js/g)).toHaveLength(programs.length);
});

test.each(programs.map((p, i) => [i + 1, p[1]!, p[2]!] as const))('program %i', (_, code, output) => {
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' });
  expect(done.stderr).toBe('');
  expect(done.stdout).toBe(output);
});
