/**
 * Jobs that mean harm, run for real: contained, billed for what they used up to their limit, the others unharmed. What this
 * machine cannot contain is skipped with the reason.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeIsolation } from '../../executor/work/isolation.ts';
import type { ValidateJson } from '../../lab/commands/validate.ts';
import { readRunTable } from '../../lab/rundir/reader.ts';
import { janction, scratch } from '../support/cli.ts';

const found = probeIsolation();
const linux = process.platform === 'linux';
const confined =
  found.bubblewrap && found.cgroups?.controllers.includes('pids') && found.cgroups.controllers.includes('memory');

/** Scenario time per wall time; limits are in scenario time. */
const SCALE = 60;
const LIMIT_MINUTES = 2;

interface Job {
  name: string;
  command: string;
  ram?: string;
}

function scenario(jobs: readonly Job[]): string {
  const list = jobs.map((j) =>
    JSON.stringify({
      name: j.name,
      command: j.command,
      work: '1 minute',
      limit: `${LIMIT_MINUTES} minute`,
      ram: j.ram ?? '512 MiB',
      cpu: '0.5 cores',
      attempts: 1,
    }),
  );
  return `name: hostile
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owner, nodes: 1, gpus: ${jobs.length}, class: card, cpu: 64 cores, ram: 256 GiB }]
demand:
  jobs:
${list.map((l) => `    - ${l}`).join('\n')}
pricing: { rates: { card: 0.6 USD/hour } }
output: { sample: none }
`;
}

interface Ended {
  outcome: string;
  wallMs: number;
  chargeMicro: bigint;
  stdout: string;
  status: { exitCode: number | null; signal: string | null; reason: string | null };
  bytes: number;
}

/** Runs the jobs side by side, one device each; answers how each ended, by name. */
async function runAll(dir: string, jobs: readonly Job[], flags: string[]): Promise<Map<string, Ended>> {
  const file = join(dir, 'jobs.yaml');
  const out = join(dir, 'x');
  writeFileSync(file, scenario(jobs));
  const args = [
    'execute',
    file,
    '--devices',
    `cpu:${jobs.length}`,
    '--time-scale',
    String(SCALE),
    '--out',
    out,
    '--quiet',
  ];
  const a = janction([...args, '--disk', '32', '--grace', '300', ...flags]);
  expect([a.code, a.err]).toEqual([0, '']);
  const c = (await readRunTable(out, 'placements')).columns;
  const ended = new Map<string, Ended>();
  c['job_id']!.forEach((id, i) => {
    const own = join(out, 'jobs', `${id}-1-0`);
    const stdout = readFileSync(join(own, 'stdout'), 'latin1');
    ended.set(jobs[Number(id) - 1]!.name, {
      outcome: c['outcome']![i] as string,
      wallMs: Number((c['end_us']![i] as bigint) - (c['start_us']![i] as bigint)) / 1000 / SCALE,
      chargeMicro: c['charge_micro']![i] as bigint,
      stdout: stdout.slice(0, 10_000),
      status: JSON.parse(readFileSync(join(own, 'status.json'), 'utf8')) as Ended['status'],
      bytes: stdout.length,
    });
  });
  const v = JSON.parse(janction(['validate', out, '--json']).out) as ValidateJson;
  expect(v.closedLoop).toMatchObject({ decisionMismatches: 0, invoiceMismatches: 0 });
  return ended;
}

/** Command lines of living processes that contain `mark`. */
function marked(mark: string): string[] {
  const lines: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      if (line.includes(mark)) lines.push(line);
    } catch {
      // gone meanwhile
    }
  }
  return lines;
}

/** Most wall time an attempt may be billed for: its limit and the allowance. */
const MOST_MS = (LIMIT_MINUTES * 60_000) / SCALE + 250 + 1;

describe.skipIf(!linux)('a job that will not go', () => {
  const { dir, remove } = scratch();
  afterAll(remove);

  test('forks, daemonises, ignores SIGTERM: at its limit nothing of it is left, even without isolation', async () => {
    const mark = `7${process.pid}1`;
    const ended = await runAll(
      dir,
      [
        {
          name: 'stubborn',
          command: `trap '' TERM; setsid sh -c "trap '' TERM HUP; sleep ${mark}" & while :; do sleep 0.2; done`,
        },
        { name: 'leaves', command: `(setsid sh -c "trap '' TERM HUP; sleep ${mark}" > /dev/null 2>&1 &) ; exit 0` },
        { name: 'polite', command: "trap 'echo saved; exit 0' TERM; while :; do sleep 0.05; done" },
      ],
      ['--isolation', 'none'],
    );
    expect(ended.get('stubborn')).toMatchObject({ outcome: 'limit', status: { signal: 'SIGKILL', reason: 'stopped' } });
    expect(ended.get('stubborn')!.wallMs).toBeLessThanOrEqual(MOST_MS);
    expect(ended.get('leaves')!.outcome).toBe('completed');
    // SIGTERM came first, and there was time to answer it.
    expect(ended.get('polite')).toMatchObject({ outcome: 'limit', stdout: 'saved\n' });
    expect(marked(`sleep ${mark}`)).toEqual([]);
  });
});

describe.skipIf(!confined)('hostile jobs, with bubblewrap and control groups', () => {
  const { dir, remove } = scratch();
  const mark = `7${process.pid}2`;
  let ended: Map<string, Ended>;
  beforeAll(async () => {
    const secret = join(dir, 'secret');
    writeFileSync(secret, 'secret of the host');
    process.env['JANCTION_TEST_SECRET'] = 'leaked';
    const spy = [
      `for f in ${secret} ${dir}/x.partial/journal ${dir}/x.partial/jobs/1-1-0/stdout /etc/shadow /etc/passwd /etc/ssh/sshd_config; do cat $f 2>/dev/null && echo LEAK $f; done`,
      `for d in ${dir} ${dir}/x.partial /home /var /srv; do ls $d 2>/dev/null && echo LEAK $d; done`,
      '[ -n "$JANCTION_TEST_SECRET" ] && echo LEAK environment',
      'touch /usr/janction-was-here 2>/dev/null && echo LEAK /usr',
      'echo looked; exit 0',
    ].join('; ');
    ended = await runAll(
      dir,
      [
        { name: 'bomb', command: 'bomb() { bomb | bomb & }; bomb; sleep 60' },
        {
          name: 'hog',
          command: `exec ${process.execPath} -e "const a=[];for(;;)a.push(Buffer.alloc(1<<24,1))"`,
          ram: '128 MiB',
        },
        {
          name: 'filler',
          command: 'i=0; while :; do dd if=/dev/zero of=f$i bs=1M count=8 2>/dev/null; i=$((i+1)); done',
        },
        { name: 'spammer', command: 'exec yes all work and no play makes a dull log' },
        { name: 'spy', command: spy },
        { name: 'daemon', command: `env -i setsid sh -c "trap '' TERM HUP; sleep ${mark}" & exit 0` },
        { name: 'network', command: 'cat /proc/net/dev | tail -n +3; exit 0' },
        { name: 'neighbour', command: 'i=0; while [ $i -lt 5 ]; do sleep 0.1; i=$((i+1)); done; echo well' },
      ],
      [],
    );
  });
  afterAll(() => {
    delete process.env['JANCTION_TEST_SECRET'];
    remove();
  });

  test('none is billed past its limit, each pays for what it used', () => {
    for (const [name, e] of ended) {
      expect([name, e.wallMs <= MOST_MS]).toEqual([name, true]);
      expect([name, e.chargeMicro > 0n]).toEqual([name, true]);
    }
  });

  test('a fork bomb ends at its limit or for want of processes', () => {
    expect(['limit', 'failed', 'completed']).toContain(ended.get('bomb')!.outcome);
    expect(ended.get('bomb')!.wallMs).toBeGreaterThan(0);
    expect(marked('bomb() { bomb')).toEqual([]);
  });

  test('a memory hog is ended by the limit on its memory', () => {
    expect(ended.get('hog')!.outcome).toBe('failed');
    expect(ended.get('hog')!.status.reason).toMatch(/memory/);
  });

  test('a disk filler and a log spammer are ended by the limit on their files', () => {
    expect(ended.get('filler')!.outcome).toBe('failed');
    expect(ended.get('filler')!.status.reason).toMatch(/disk/);
    expect(ended.get('spammer')!.outcome).toBe('failed');
    expect(ended.get('spammer')!.status.reason).toMatch(/disk: /);
    expect(ended.get('spammer')!.bytes).toBeLessThanOrEqual(32 * 1048576);
  });

  test('a spy sees neither the journal nor other jobs nor the host’s files nor its environment', () => {
    expect(ended.get('spy')).toMatchObject({ outcome: 'completed', stdout: 'looked\n' });
    // No network but its own loopback.
    expect(
      ended
        .get('network')!
        .stdout.trim()
        .split('\n')
        .map((l) => l.trim().split(':')[0]),
    ).toEqual(['lo']);
  });

  test('a daemon without a trace of its lease dies with its job', () => {
    expect(ended.get('daemon')!.outcome).toBe('completed');
    expect(marked(`sleep ${mark}`)).toEqual([]);
  });

  test('the neighbour was not harmed', () => {
    expect(ended.get('neighbour')).toMatchObject({ outcome: 'completed', stdout: 'well\n' });
  });
});
