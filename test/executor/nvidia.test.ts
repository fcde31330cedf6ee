/**
 * The way from the command line through koffi to a driver and back, with a stand-in for NVIDIA's libraries (support/fake-nvidia.c):
 * what is declared, packed and read back is what a driver would be handed. The real one was met in docs/fidelity.md.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNative, type Native } from '../../executor/devices/native.ts';
import { openNvml } from '../../executor/devices/nvml.ts';
import { openCuda } from '../../executor/gpu/cuda.ts';
import type { ChallengeJson } from '../../lab/commands/challenge.ts';
import type { ValidateJson } from '../../lab/commands/validate.ts';
import { readRunTable } from '../../lab/rundir/reader.ts';
import { type Answer, janction, janctionInside } from '../support/cli.ts';

const UUID = 'GPU-8f4a1e0c-0000-1111-2222-333344445555';
const native = loadNative();
const compiler = ((): boolean => {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test('without koffi or the library there is no card, and no error', () => {
  const missing: Native = {
    load: () => {
      throw new Error('Failed to load shared library');
    },
  } as unknown as Native;
  for (const none of [null, missing]) expect([openNvml(none), openCuda(none)]).toEqual([null, null]);
});

// Needs koffi and a C compiler.
describe.skipIf(native === null || !compiler || process.platform !== 'linux')('a stand-in for the driver', () => {
  const dir = mkdtempSync(join(tmpdir(), 'janction-nvidia-'));
  const library = join(dir, 'libcuda.so.1');
  beforeAll(() => {
    const source = resolve(import.meta.dirname, '../support/fake-nvidia.c');
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source]);
    copyFileSync(library, join(dir, 'libnvidia-ml.so.1'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const there = (args: string[]): Answer => janction(args, undefined, { LD_LIBRARY_PATH: dir });

  test('NVML: devices, what is on them, errors of programs and of cards', async () => {
    const nvml = openNvml({ ...native!, load: () => native!.load(join(dir, 'libnvidia-ml.so.1')) } as Native)!;
    expect(nvml.devices()).toEqual([
      { id: UUID, kind: 'nvidia', name: 'Fake card', memoryMiB: 1024, card: UUID, minor: 0 },
    ]);
    expect([...(await nvml.use())]).toEqual([[UUID, { pids: [], usedMiB: 10 }]]);
    writeFileSync(join(dir, `pid-${process.pid}`), '');
    expect([...(await nvml.use())]).toEqual([[UUID, { pids: [process.pid], usedMiB: 110 }]]);
    rmSync(join(dir, `pid-${process.pid}`));
    expect(await nvml.health()).toEqual([{ card: UUID, uncorrected: 0, xids: [] }]);
    writeFileSync(join(dir, 'xid'), '79');
    expect(await nvml.health()).toEqual([{ card: UUID, uncorrected: 0, xids: [79] }]);
    expect(await nvml.health()).toEqual([{ card: UUID, uncorrected: 0, xids: [] }]);
  });

  test('a challenge is answered by the card under isolation; a tampered answer is refused', () => {
    const good = there(['challenge', '--devices', 'nvidia', '--side', '128', '--json']);
    expect([good.code, good.err]).toEqual([0, '']);
    const c = JSON.parse(good.out) as ChallengeJson;
    expect(c).toMatchObject({ device: UUID, accepted: true, rounds: 4, worker: { device: UUID } });
    expect(c.commitment).toBe(c.worker.commitment);
    const bad = there(['challenge', '--devices', 'nvidia', '--side', '128', '--tamper', '--json']);
    expect([bad.code, (JSON.parse(bad.out) as ChallengeJson).reason]).toEqual([1, 'not the product']);
  });

  test('jobs on shares of the card and whole: executed, judged, billed alike by the simulator', async () => {
    const file = join(dir, 'jobs.yaml');
    const out = join(dir, 'x');
    writeFileSync(
      file,
      `name: shares
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owner, nodes: 1, gpus: 1, class: card, cpu: 16 cores, ram: 64 GiB }]
demand:
  jobs:
    - { name: half, work: 1 minute, share: 50 % }
    - { name: other-half, work: 1 minute, share: 50 % }
    - { name: whole, command: 'echo $CUDA_VISIBLE_DEVICES', work: 1 minute }
    - { name: proof, challenge: 128, work: 1 minute }
pricing: { rates: { card: 0.6 USD/hour } }
output: { sample: none }
`,
    );
    const args = ['execute', file, '--devices', 'nvidia', '--time-scale', '60', '--out', out, '--quiet', '--json'];
    const ran = there(args);
    expect([ran.code, ran.err]).toEqual([0, '']);
    const said = (job: number, name: string): string => readFileSync(join(out, 'jobs', `${job}-1-0`, name), 'utf8');
    for (const half of [1, 2]) expect(JSON.parse(said(half, 'stdout'))).toMatchObject({ device: UUID });
    expect(said(3, 'stdout')).toBe(`${UUID}\n`);
    expect(JSON.parse(said(4, 'status.json'))).toMatchObject({ reason: null, challenge: { accepted: true } });
    const v = JSON.parse((await janctionInside(['validate', out, '--json'])).out) as ValidateJson;
    expect(v.closedLoop).toMatchObject({ decisionMismatches: 0, invoiceMismatches: 0, unansweredActions: 0 });
  });

  test('a program that makes the card fault pays and harms nobody; one that the card failed costs its user nothing', async () => {
    const file = join(dir, 'faults.yaml');
    const out = join(dir, 'faults');
    const faults = (xid: number): string => `command: 'echo ${xid} > ${dir}/xid; exit 1'`;
    writeFileSync(
      file,
      `name: faults
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owner, nodes: 1, gpus: 1, class: card, cpu: 16 cores, ram: 64 GiB }]
demand:
  jobs:
    - { name: neighbour, work: 4 minute, share: 50 % }
    - { name: own-fault, user: wild, at: 1 minute, ${faults(31)}, work: 1 minute, share: 50 % }
    - { name: next, at: 1 minute, command: 'true', work: 1 minute, share: 50 % }
    - { name: cards-fault, user: unlucky, at: 3 minute, ${faults(94)}, work: 1 minute, share: 50 %, attempts: 1 }
pricing: { rates: { card: 60 USD/hour } }
output: { sample: none }
`,
    );
    const flags = ['--devices', 'nvidia', '--isolation', 'none', '--time-scale', '60', '--quiet', '--json'];
    expect(there(['execute', file, '--out', out, ...flags])).toMatchObject({ code: 0, err: '' });
    const p = (await readRunTable(out, 'placements')).columns;
    const ends = p['job_id']!.map((job, i) => [Number(job), p['outcome']![i], (p['charge_micro']![i] as bigint) > 0n]);
    expect(ends.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
      [1, 'completed', true],
      [2, 'failed', true],
      [3, 'completed', true],
      [4, 'gpu-failure', false],
    ]);
    const f = (await readRunTable(out, 'failures')).columns;
    expect(f['kind']!.map((kind, i) => [kind, f['cause']![i], Number(f['leases_lost']![i])])).toEqual([
      ['gpu-error', 'Xid 31', 0],
      ['gpu-drain', 'Xid 94', 0],
    ]);
    expect((await janctionInside(['audit', out])).code).toBe(0);
    const v = JSON.parse((await janctionInside(['validate', out, '--json'])).out) as ValidateJson;
    expect(v.closedLoop).toMatchObject({ decisionMismatches: 0, invoiceMismatches: 0, unansweredActions: 0 });
  });
});
