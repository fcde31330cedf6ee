import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeDirectories } from '../../lab/directories.ts';
import { inTemp } from '../support/cli.ts';

test('makes what is missing, and says why where it cannot', async () => {
  await inTemp((dir) => {
    makeDirectories(join(dir, 'a/b/c'));
    makeDirectories(join(dir, 'a/b/c'));
    mkdirSync(join(dir, 'a/b/c/d'));
    writeFileSync(join(dir, 'file'), '');
    expect(() => makeDirectories(join(dir, 'file/x'))).toThrow(/ENOTDIR/);
  });
  if (existsSync('/proc/self')) expect(() => makeDirectories('/proc/no/such')).toThrow(/ENOENT|EACCES|EPERM/);
});
