import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findCgroups, JobGroup } from '../../executor/work/cgroup.ts';
import { type Confinement, noIsolation, wrap } from '../../executor/work/isolation.ts';
import { inTemp } from '../support/cli.ts';

/** A tree of control groups, version 2, as files: by path, its processes and what it hands down. */
async function tree(
  groups: Record<string, { procs: string; down: string }>,
  own: string,
  body: (root: string, self: string) => void,
): Promise<void> {
  await inTemp((root) => {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory pids\n');
    for (const [path, g] of Object.entries(groups)) {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, 'cgroup.procs'), g.procs);
      writeFileSync(join(root, path, 'cgroup.subtree_control'), g.down);
    }
    const self = join(root, 'self');
    writeFileSync(self, `0::${own}\n`);
    body(root, self);
  });
}

const all = 'cpuset cpu io memory pids\n';

test('control groups 2: our own has processes, the one above hands nothing down, the root does', async () => {
  const groups = {
    '/': { procs: '1\n2\n', down: all },
    '/api': { procs: '', down: '\n' },
    '/api/me': { procs: '7\n', down: '' },
  };
  await tree(groups, '/api/me', (root, self) => {
    const found = findCgroups(root, self)!;
    expect(found).toEqual({
      version: 2,
      controllers: ['memory', 'pids', 'cpu'],
      base: { memory: root, pids: root, cpu: root },
    });
    // Nothing was switched on above us.
    expect(readFileSync(join(root, 'api/cgroup.subtree_control'), 'utf8')).toBe('\n');
    const group = new JobGroup(found, 'janction-x-1', { memoryMiB: 256, cpuMilli: 500, processes: 64 });
    const dir = join(root, 'janction-x-1');
    expect(group.joinFiles).toEqual([join(dir, 'cgroup.procs')]);
    const set = Object.fromEntries(readdirSync(dir).map((f) => [f, readFileSync(join(dir, f), 'utf8')]));
    expect(set).toEqual({ 'memory.max': '268435456', 'pids.max': '64', 'cpu.max': '50000 100000' });
  });
});

test('control groups 2: a delegated group above us is nearer than the root', async () => {
  const groups = {
    '/': { procs: '1\n', down: all },
    '/user': { procs: '', down: 'memory pids\n' },
    '/user/scope': { procs: '7\n', down: '' },
  };
  await tree(groups, '/user/scope', (root, self) => {
    expect(findCgroups(root, self)).toMatchObject({
      controllers: ['memory', 'pids'],
      base: { pids: join(root, 'user') },
    });
  });
});

test('control groups 2: none where nobody hands controllers down', async () => {
  await tree({ '/': { procs: '1\n', down: '\n' }, '/me': { procs: '7\n', down: '' } }, '/me', (root, self) => {
    expect(findCgroups(root, self)).toBeNull();
  });
});

const confinement: Confinement = {
  cwd: '/data/x.partial/jobs/1-1-0/work',
  hidden: '/data/x.partial',
  shares: [],
  network: false,
  devices: [],
  fileMiB: 0,
  checkpoint: '/data/x.partial/jobs/1-1-0/checkpoint',
  resume: null,
};

test('a run below a directory that jobs may read is hidden from them, before their own directory is put in', () => {
  const boxed = { ...noIsolation, bubblewrap: true };
  const seen = (over: Partial<Confinement>): string => wrap(boxed, ['true'], { ...confinement, ...over }, []).join(' ');
  expect(seen({})).not.toContain('--tmpfs /data/x.partial');
  expect(seen({ shares: ['/dat'] })).not.toContain('--tmpfs /data/x.partial');
  for (const over of [{ shares: ['/data/'] }, { shares: ['/'] }])
    expect(seen(over)).toMatch(/--ro-bind-try \/\S* .*--tmpfs \/data\/x\.partial .*--bind \/data\/x\.partial\/jobs/);
  // Where the driver's libraries lie is readable for jobs on a card.
  const before = process.env['LD_LIBRARY_PATH'];
  process.env['LD_LIBRARY_PATH'] = '/data';
  try {
    const devices = [{ id: 'GPU-1', kind: 'nvidia', name: '', memoryMiB: 0 } as const];
    expect(seen({ devices })).toMatch(/--ro-bind-try \/data \/data .*--tmpfs \/data\/x\.partial .*--bind \/data/);
    expect(seen({})).not.toContain('/data /data');
  } finally {
    if (before === undefined) delete process.env['LD_LIBRARY_PATH'];
    else process.env['LD_LIBRARY_PATH'] = before;
  }
  expect(seen({ hidden: '/opt/runs/x.partial' })).toContain('--tmpfs /opt/runs/x.partial');
});

test('of the cards a job gets the files of its own', () => {
  const boxed = { ...noIsolation, bubblewrap: true };
  const devices = [{ id: 'GPU-1', kind: 'nvidia', name: '', memoryMiB: 0, card: 'GPU-1', minor: 1 } as const];
  const files = ['nvidia0', 'nvidia1', 'nvidia10', 'nvidiactl', 'nvidia-uvm', 'sda'];
  const given = (over: Partial<Confinement>): string[] => {
    const args = wrap(boxed, ['true'], { ...confinement, ...over }, [], files);
    return args.flatMap((a, i) => (a === '--dev-bind' ? [args[i + 1]!] : []));
  };
  expect(given({ devices })).toEqual(['/dev/nvidia1', '/dev/nvidiactl', '/dev/nvidia-uvm']);
  // Where nobody says which file is whose, all of them.
  const nameless = [{ ...devices[0], minor: undefined }] as unknown as Confinement['devices'];
  expect(given({ devices: nameless })).toHaveLength(5);
  expect(given({})).toEqual([]);
});
