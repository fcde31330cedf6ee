/** A job whose machine fails under it goes on from its checkpoint when that is whole, and from nothing when it is not. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkpointFault } from '../../executor/work/checkpoint.ts';
import { cli, inTemp, janction, janctionInside } from '../support/cli.ts';

/** Leaves a checkpoint whose digest is right or wrong and waits to be killed; started again, says what it found. */
const command = (digest: string): string =>
  [
    'if [ -n "$JANCTION_RESUME" ]; then echo resumed at $(cat $JANCTION_RESUME/step); exit 0; fi',
    'if [ $JANCTION_ATTEMPT -gt 1 ]; then echo from nothing; exit 0; fi',
    'cd $JANCTION_CHECKPOINT; echo 41 > step',
    `echo "{\\"schema\\":\\"janction.checkpoint/1\\",\\"files\\":{\\"step\\":\\"${digest}\\"}}" > manifest.json`,
    'sleep 600',
  ].join('; ');

const scenario = (good: string, bad: string): string => `name: checkpoints
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owner, nodes: 1, gpus: 2, class: card }]
demand:
  jobs:
    - { work: 1 hour, command: ${JSON.stringify(good)}, user: ann }
    - { work: 1 hour, command: ${JSON.stringify(bad)}, user: bob }
pricing: { rates: { card: 1 USD/hour } }
`;

// sha256 of "41\n"
const DIGEST = '0cfa9f8c4d5ec1d3b3ef87bb43bb7ee4bae0a2d9d50e0b2c3ab8a7b2b8a9ad8c';

test('a manifest vouches for each of its files, and for nothing outside', async () => {
  await inTemp(async (dir) => {
    const write = (manifest: unknown): void => writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
    const schema = 'janction.checkpoint/1';
    const hello = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    expect(checkpointFault(dir)).toMatch(/no readable manifest/);
    writeFileSync(join(dir, 'a'), 'hello');
    write({ schema, files: { a: hello } });
    expect(checkpointFault(dir)).toBeNull();
    writeFileSync(join(dir, 'a'), 'hellO');
    expect(checkpointFault(dir)).toMatch(/a: changed/);
    write({ schema, files: { b: hello } });
    expect(checkpointFault(dir)).toMatch(/b: missing/);
    write({ schema, files: {} });
    expect(checkpointFault(dir)).toMatch(/names no file/);
    write({ schema: 'x', files: { a: hello } });
    expect(checkpointFault(dir)).toMatch(/not a janction/);
    for (const name of ['../a', '/etc/hostname', 'x/../../a']) {
      write({ schema, files: { [name]: hello } });
      expect(checkpointFault(dir)).toMatch(/outside/);
    }
    mkdirSync(join(dir, 'host'));
    writeFileSync(join(dir, 'host', 'f'), 'hello');
    symlinkSync(join(dir, 'host', 'f'), join(dir, 'link'));
    write({ schema, files: { link: hello } });
    expect(checkpointFault(dir)).toMatch(/link: not a file of the checkpoint/);
    writeFileSync(join(dir, 'manifest.json'), 'x'.repeat(2 << 20));
    expect(checkpointFault(dir)).toMatch(/no readable manifest/);
  });
});

test.skipIf(process.platform !== 'linux')(
  'the next attempt finds a whole checkpoint; a second executor is refused',
  async () => {
    await inTemp(async (dir) => {
      const { createHash } = await import('node:crypto');
      const right = createHash('sha256').update('41\n').digest('hex');
      expect(right).not.toBe(DIGEST);
      const file = join(dir, 's.yaml');
      const out = join(dir, 'x');
      writeFileSync(file, scenario(command(right), command(DIGEST)));
      const args = [cli, 'execute', file, '--devices', 'cpu:2', '--time-scale', '10', '--out', out, '--quiet'];
      const p = spawn(process.execPath, args, { stdio: 'ignore' });
      const exited = new Promise((resolve) => p.once('exit', resolve));
      const manifests = [1, 2].map((job) =>
        join(`${out}.partial`, 'jobs', `${job}-1-0`, 'checkpoint', 'manifest.json'),
      );
      while (p.exitCode === null && !manifests.every((m) => existsSync(m) && readFileSync(m, 'utf8').endsWith('}\n')))
        await new Promise((resolve) => setTimeout(resolve, 20));
      const second = janction(['execute', '--resume', out]);
      expect([second.code, second.out]).toEqual([2, '']);
      expect(second.err).toMatch(/another executor \(process \d+\) runs on this journal/);
      p.kill('SIGKILL');
      await exited;
      const resumed = janction(['execute', '--resume', out, '--quiet']);
      expect([resumed.code, resumed.err]).toEqual([0, '']);
      const said = (job: number): string => readFileSync(join(out, 'jobs', `${job}-2-0`, 'stdout'), 'utf8');
      expect(said(1)).toBe('resumed at 41\n');
      expect(said(2)).toBe('from nothing\n');
      expect((await janctionInside(['audit', out])).code).toBe(0);
      expect((await janctionInside(['validate', out])).code).toBe(0);
    });
  },
);
