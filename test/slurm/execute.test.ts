/** Leases as steps of a real Slurm, on the machines and GPUs that core chose; stops, crashes and what is left afterwards. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ValidateJson } from '../../lab/commands/validate.ts';
import { readRunTable } from '../../lab/rundir/reader.ts';
import { cli } from '../support/cli.ts';
import { type Cluster, slurmMissing, startCluster } from '../support/slurm.ts';

const missing = slurmMissing();

test.skipIf(missing === null)(`skipped: ${missing}`, () => {});

const scenario = (jobs: string): string => `name: cluster
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owner, nodes: 2, gpus: 2, class: card }]
demand:
  jobs:
${jobs}
scheduling: { placement: first-fit }
pricing: { rates: { card: 1 USD/hour } }
output: { sample: none }
`;
const where = 'echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES';

describe.skipIf(missing !== null)('Slurm', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterAll(() => cluster?.stop());
  const janction = (args: string[]) =>
    spawnSync(process.execPath, [cli, ...args], { env: cluster.env, encoding: 'utf8' });
  const queue = (): string => spawnSync('squeue', ['--noheader'], { env: cluster.env, encoding: 'utf8' }).stdout;

  async function check(out: string): Promise<Map<string, string>> {
    const said = new Map<string, string>();
    const c = (await readRunTable(out, 'placements')).columns;
    c['job_id']!.forEach((id, i) => {
      const path = join(out, 'jobs', `${id}-${c['attempt']![i]}-${c['part']![i]}`, 'stdout');
      const stdout = existsSync(path) ? readFileSync(path, 'utf8') : '';
      said.set(`${id}`, `${c['outcome']![i]}: ${stdout.trim()}`.trim());
      if (c['outcome']![i] !== 'completed') return;
      // first machine of the scenario is n1, second n2; GPUs by number
      const machine = (c['node']![i] as string).endsWith('/0') ? 'n1' : 'n2';
      expect(stdout.trim().split('\n').at(-1)).toBe(`${machine} ${(c['gpus']![i] as string).replaceAll('+', ',')}`);
    });
    expect(janction(['audit', out]).status).toBe(0);
    const v = JSON.parse(janction(['validate', out, '--json']).stdout) as ValidateJson;
    expect(v.closedLoop).toMatchObject({ decisionMismatches: 0, invoiceMismatches: 0 });
    expect(queue()).toBe('');
    return said;
  }

  test('each lease runs on its machine and GPUs; one that will not end is ended; nothing is left', async () => {
    const file = join(cluster.shared, 'a.yaml');
    const out = join(cluster.shared, 'a');
    const jobs = [
      `{ work: 1 minute, limit: 1 hour, gpus: 2, command: '${where}' }`,
      `{ work: 1 minute, limit: 1 hour, command: '${where}' }`,
      `{ work: 1 minute, limit: 1 minute, command: "trap '' TERM; while :; do sleep 0.2; done" }`,
      `{ at: 1 second, work: 1 minute, limit: 1 hour, tasks: 2, command: '${where}' }`,
      `{ at: 1 second, work: 1 minute, limit: 1 hour, command: 'exit 3' }`,
    ];
    writeFileSync(file, scenario(jobs.map((j) => `    - ${j}`).join('\n')));
    const flags = ['--launcher', 'slurm', '--slurm-nodes', 'n1,n2', '--time-scale', '60', '--grace', '300', '--quiet'];
    const a = janction(['execute', file, ...flags, '--out', out, '--json']);
    expect([a.status, a.stderr]).toEqual([0, '']);
    expect((JSON.parse(a.stdout) as { execution: { isolation: string } }).execution.isolation).toMatch(/^slurm\+/);
    const said = await check(out);
    expect(said.get('1')).toBe('completed: n1 0,1');
    expect(said.get('3')).toBe('limit:');
    expect(said.get('5')).toBe('failed:');
  }, 120_000);

  test('after a crash the allocation of the dead executor is taken down and the jobs run again', async () => {
    const file = join(cluster.shared, 'b.yaml');
    const out = join(cluster.shared, 'b');
    const command = `[ $JANCTION_ATTEMPT -gt 1 ] || sleep 600; ${where}`;
    writeFileSync(file, scenario(`    - { work: 1 minute, limit: 10 hour, command: '${command}' }`));
    const flags = ['--launcher', 'slurm', '--time-scale', '60', '--quiet'];
    const p = spawn(process.execPath, [cli, 'execute', file, ...flags, '--out', out], {
      env: cluster.env,
      stdio: 'ignore',
    });
    const exited = new Promise((resolve) => p.once('exit', resolve));
    const up = join(`${out}.partial`, 'jobs', '1-1-0', 'up');
    while (p.exitCode === null && !existsSync(up)) await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 200));
    p.kill('SIGKILL');
    await exited;
    expect(queue()).not.toBe('');
    const r = janction(['execute', '--resume', out, '--quiet']);
    expect([r.status, r.stderr]).toEqual([0, '']);
    await check(out);
    const jobs = (await readRunTable(out, 'jobs')).columns;
    expect(jobs['attempts']).toEqual([2n]);
  }, 120_000);

  test('machines that are not there are refused before anything is written', () => {
    const file = join(cluster.shared, 'c.yaml');
    const out = join(cluster.shared, 'c');
    writeFileSync(file, scenario(`    - { work: 1 minute, command: '${where}' }`));
    const a = janction(['execute', file, '--launcher', 'slurm', '--slurm-nodes', 'n1,n9', '--out', out]);
    expect(a.status).toBe(2);
    expect(a.stderr).toMatch(/^error: [^\n]*n9 can stand for machine 2[^\n]*\n$/);
    expect(existsSync(`${out}.partial`)).toBe(false);
  });
});
