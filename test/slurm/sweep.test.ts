/** A sweep as a job array of a real Slurm: the same table as here, and lost tasks are submitted again. Run by `.ci/run`. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../support/cli.ts';
import { type Cluster, slurmMissing, startCluster } from '../support/slurm.ts';
import { writeStudy } from '../support/sweeps.ts';

const missing = slurmMissing();
const cli = join(root, 'dist/lab/cli.js');

test.skipIf(missing === null)(`skipped: ${missing}`, () => {});

describe.skipIf(missing !== null)('Slurm', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterAll(() => cluster?.stop());
  const janction = (args: string[]) =>
    spawnSync(process.execPath, [cli, ...args], { env: cluster.env, encoding: 'utf8' });

  test('a job array makes the table that this machine makes', () => {
    const study = writeStudy(cluster.shared);
    const [there, here] = [join(cluster.shared, 'there'), join(cluster.shared, 'here')];
    const a = janction([
      'sweep',
      'run',
      study,
      '--out',
      there,
      '--engine',
      'slurm',
      '--slurm-tasks',
      '3',
      '--quiet',
      '--json',
    ]);
    expect(a.stderr).toBe('');
    expect((JSON.parse(a.stdout) as { complete: boolean }).complete).toBe(true);
    expect(janction(['sweep', 'run', study, '--out', here, '--workers', '1', '--quiet']).status).toBe(0);
    for (const out of [there, here]) expect(janction(['sweep', 'collect', study, '--out', out]).status).toBe(0);
    expect(readFileSync(join(there, 'table.parquet')).equals(readFileSync(join(here, 'table.parquet')))).toBe(true);
    // A finished sweep submits nothing.
    const again = janction(['sweep', 'run', study, '--out', there, '--engine', 'slurm', '--quiet', '--json']);
    expect(again.status).toBe(0);
  }, 120_000);

  test('cancelled tasks are submitted again', async () => {
    const study = writeStudy(cluster.shared);
    const out = join(cluster.shared, 'cancelled');
    const child = spawn(
      process.execPath,
      [cli, 'sweep', 'run', study, '--out', out, '--engine', 'slurm', '--slurm-tasks', '2', '--quiet'],
      {
        env: cluster.env,
        stdio: 'ignore',
      },
    );
    const ended = new Promise<number | null>((done) => child.on('exit', done));
    for (let i = 0; i < 200; i++) {
      const queue = spawnSync('squeue', ['--noheader', '--format=%i'], {
        env: cluster.env,
        encoding: 'utf8',
      }).stdout.trim();
      if (queue !== '') {
        spawnSync('scancel', queue.split('\n')[0]!.split('_').slice(0, 1), { env: cluster.env });
        break;
      }
      await new Promise((r) => setTimeout(r, 50));
    }
    expect(await ended).toBe(0);
    expect(janction(['sweep', 'collect', study, '--out', out]).status).toBe(0);
  }, 120_000);
});
