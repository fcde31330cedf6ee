/** What a command must not do to files: replace what it did not write, leave halves behind, or end with a stack where the disk is full. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cli, inTemp, janctionInside, root } from '../support/cli.ts';

const quickstart = join(root, 'scenarios/quickstart/scenario.yaml');
const short = ['--set', 'horizon=2 hour', '--set', 'warmup=0 hour', '--quiet'];

const refused = (a: { code: number | null; out: string; err: string }, says: RegExp): void => {
  expect([a.code, a.out]).toEqual([2, '']);
  expect(a.err).toMatch(/^error: [^\n]+\n$/);
  expect(a.err).toMatch(says);
};

test('report and timeline replace their own files and no others', async () => {
  await inTemp(async (dir) => {
    const run = join(dir, 'run');
    expect((await janctionInside(['run', quickstart, ...short, '--out', run])).code).toBe(0);
    const mine = join(dir, 'mine.yaml');
    writeFileSync(mine, 'name: mine\n');
    symlinkSync(mine, join(dir, 'link'));
    mkdirSync(join(dir, 'folder'));
    for (const [command, own] of [
      ['report', 'page.html'],
      ['timeline', 'trace.json'],
    ] as const) {
      for (const [out, says] of [
        [mine, new RegExp(`mine\\.yaml: is there and is no ${command}; remove it`)],
        [join(run, 'run.json'), /is there and is no/],
        [join(dir, 'link'), /no plain file/],
        [join(dir, 'folder'), /no plain file/],
      ] as const)
        refused(await janctionInside([command, run, '--out', out, '--quiet']), says);
      const path = join(dir, own);
      for (let twice = 0; twice < 2; twice++)
        expect((await janctionInside([command, run, '--out', path, '--quiet'])).code).toBe(0);
    }
    expect(readFileSync(mine, 'utf8')).toBe('name: mine\n');
    expect((await janctionInside(['audit', run])).code).toBe(0);
  });
});

test('a run that was killed does not stand in the way of the next; another’s half does', async () => {
  await inTemp(async (dir) => {
    const out = join(dir, 'run');
    const args = [cli, 'run', quickstart, '--set', 'horizon=300 day', '--quiet', '--out', out];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    while (!existsSync(join(`${out}.partial`, 'owner'))) await new Promise((r) => setTimeout(r, 20));
    // While it lives its half is its own.
    refused(await janctionInside(['run', quickstart, ...short, '--out', out]), /cut off/);
    await new Promise((over) => {
      child.on('exit', over);
      child.kill('SIGKILL');
    });
    expect((await janctionInside(['run', quickstart, ...short, '--out', out])).code).toBe(0);
    expect(existsSync(`${out}.partial`)).toBe(false);
    expect(existsSync(join(out, 'owner'))).toBe(false);
    // Of another machine nobody here knows whether it still runs.
    for (const owner of [`${hostname()}-b 1`, `${hostname()} x`, '']) {
      const other = join(dir, 'other');
      mkdirSync(`${other}.partial`, { recursive: true });
      writeFileSync(join(`${other}.partial`, 'owner'), owner);
      refused(await janctionInside(['run', quickstart, ...short, '--out', other]), /cut off/);
    }
  });
});

test.skipIf(!existsSync('/dev/full'))('a full disk behind stdout is one line', () => {
  for (const args of [
    ['run', quickstart, ...short],
    ['run', '--help'],
  ]) {
    const done = spawnSync('sh', ['-c', '"$0" "$@" > /dev/full', process.execPath, cli, ...args], { encoding: 'utf8' });
    expect([done.status, done.stderr]).toEqual([
      2,
      'error: stdout: cannot be written (ENOSPC); send it where there is room\n',
    ]);
  }
});

describe('sweeps', () => {
  const study = (dir: string, metrics: string): string => {
    const path = join(dir, 'study.yaml');
    writeFileSync(
      path,
      `name: s
scenario: ${quickstart}
set: { horizon: 1 hour, warmup: 0 hour }
replications: 2
metrics: [${metrics}]
design: { kind: grid, parameters: { pricing.epoch: [15 minute, 30 minute] } }
`,
    );
    return path;
  };

  test('a misspelt figure is found by the first run', async () => {
    await inTemp(async (dir) => {
      const path = study(dir, 'jobs_completed, gpu_utlilisation');
      const says = /study\.yaml:5:27: no figure is called "gpu_utlilisation"; did you mean "gpu_utilisation"\?/;
      refused(await janctionInside(['sweep', 'plan', path, '--quiet']), says);
      refused(
        await janctionInside(['sweep', 'run', path, '--out', join(dir, 'out'), '--quiet', '--workers', '1']),
        says,
      );
      const two = ['compare', quickstart, quickstart, '--set', 'horizon=1 hour', '--set', 'warmup=0 hour'];
      const misspelt = [...two, '--b-set', 'pricing.epoch=15 minute', '--metric', 'jobs', '--workers', '1'];
      refused(await janctionInside(misspelt), /--metric: no figure is called "jobs"/);
    });
  });

  test('what is refused leaves no directory', async () => {
    await inTemp(async (dir) => {
      const path = study(dir, 'jobs_completed');
      const out = join(dir, 'out');
      refused(await janctionInside(['sweep', 'collect', path, '--out', out]), /no finished run/);
      refused(await janctionInside(['sweep', 'run', path, '--out', out, '--only', 'zz', '--quiet']), /--only zz/);
      expect(existsSync(out)).toBe(false);
    });
  });
});

test('--dry-run reads the trace to its end; more periods than anyone can want are refused', async () => {
  await inTemp(async (dir) => {
    const list = join(dir, 'jobs.csv');
    const head = '#job id,arrival time (sec),topology,shape,size,duration (sec)\n0,1,CLOS,1,1,9\n';
    const args = ['run', join(root, 'scenarios/replay-philly/scenario.yaml'), '--set', `demand.trace.path=${list}`];
    writeFileSync(list, head);
    expect((await janctionInside([...args, '--dry-run'])).out).toMatch(/\(1 jobs\)/);
    writeFileSync(list, `${head}1,NaN,CLOS,1,1,9\n`);
    refused(await janctionInside([...args, '--dry-run']), /jobs\.csv:3:3: arrival time "NaN"/);
    for (const set of ['output.sample=1 us', 'pricing.epoch=1 ms'])
      refused(await janctionInside(['run', quickstart, '--set', set, '--dry-run']), /periods of the horizon, 2000000/);
  });
});
