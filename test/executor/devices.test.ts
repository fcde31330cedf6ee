import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Action, ActionKind, CardState, type Fact, FactKind, type StartAction } from '../../core/facts.ts';
import { Outcome } from '../../core/types.ts';
import { findDevices } from '../../executor/devices/devices.ts';
import type { CardHealth, GpuUse } from '../../executor/devices/gpu-driver.ts';
import {
  APPLICATION_XIDS,
  CLEAN,
  DeviceHealth,
  type HealthSink,
  type HealthState,
  HealthWatch,
  MISSES,
} from '../../executor/devices/health.ts';
import { NvidiaSmi, parseNvidiaList, parseXids } from '../../executor/devices/nvidia.ts';
import { RocmSmi } from '../../executor/devices/rocm.ts';
import { chooseNodes, slurmNodes } from '../../executor/launchers/slurm.ts';
import { noIsolation } from '../../executor/work/isolation.ts';
import { LocalLauncher, type LocalOptions } from '../../executor/work/local.ts';
import { processesOf } from '../../executor/work/proc.ts';
import { inTemp } from '../support/cli.ts';

const A = 'GPU-8f4a1e0c-0000-1111-2222-333344445555';
const B = 'GPU-9f4a1e0c-0000-1111-2222-333344445555';
const listing = `GPU 0: NVIDIA A100-SXM4-80GB (UUID: ${A})
GPU 1: NVIDIA A100-SXM4-80GB (UUID: ${B})
  MIG 3g.40gb     Device  0: (UUID: MIG-11111111-aaaa-bbbb-cccc-dddddddddddd)
  MIG 3g.40gb     Device  1: (UUID: MIG-22222222-aaaa-bbbb-cccc-dddddddddddd)
`;

describe('discovery', () => {
  test('GPUs go by UUID, a card in MIG mode is its instances', () => {
    expect(parseNvidiaList(listing).map((d) => [d.id, d.name])).toEqual([
      [A, 'NVIDIA A100-SXM4-80GB'],
      ['MIG-11111111-aaaa-bbbb-cccc-dddddddddddd', 'NVIDIA A100-SXM4-80GB MIG 3g.40gb'],
      ['MIG-22222222-aaaa-bbbb-cccc-dddddddddddd', 'NVIDIA A100-SXM4-80GB MIG 3g.40gb'],
    ]);
    expect(parseNvidiaList('')).toEqual([]);
    expect(parseNvidiaList('No devices were found\n')).toEqual([]);
  });

  test('without a driver there is simply no NVIDIA', async () => {
    const missing = (): string => {
      throw Object.assign(new Error('spawn nvidia-smi ENOENT'), { code: 'ENOENT' });
    };
    const none = new NvidiaSmi(missing, () => '');
    expect(none.devices()).toEqual([]);
    await expect(none.use()).rejects.toThrow();
    expect(findDevices('cpu:3', 0).map((d) => d.id)).toEqual(['cpu:0', 'cpu:1', 'cpu:2']);
    for (const bad of ['cpu:', 'cpu:0', 'cpu:-1', 'cpu:99999', 'gpu', '']) expect(() => findDevices(bad, 1)).toThrow();
  });

  test('processes, memory, health and Xid errors as the tools print them', async () => {
    let kernel = '';
    const smi = (args: readonly string[]): string => {
      const what = args.join(' ');
      if (what === '-L') return listing.split('\n').slice(0, 2).join('\n');
      if (what.includes('compute-apps')) return `${A}, 4711\n${A}, 4712\n${B}, 4713\n\n[N/A], [N/A]\n`;
      if (what.includes('memory.used')) return `${A}, 1024\n${B}, [N/A]\n`;
      return `${A}, 00000000:3B:00.0, 0\n${B}, 00000000:AF:00.0, [N/A]\n`;
    };
    const driver = new NvidiaSmi(smi, () => kernel);
    expect([...(await driver.use())]).toEqual([
      [A, { pids: [4711, 4712], usedMiB: 1024 }],
      [B, { pids: [4713], usedMiB: null }],
    ]);
    kernel = 'NVRM: Xid (PCI:0000:af:00): 79, GPU has fallen off the bus.';
    expect(await driver.health()).toEqual([
      { card: A, uncorrected: 0, xids: [] },
      { card: B, uncorrected: null, xids: [79] },
    ]);
    const log =
      '4,1,2,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.\nx\nNVRM: Xid (PCI:0000:AF:00): 31, pid=2';
    expect(parseXids(log)).toEqual([
      { bus: '3b:00', xid: 79 },
      { bus: 'af:00', xid: 31 },
    ]);
  });

  test('several lines of one error count once', () => {
    // An H100's on one store to an odd address (driver 580), shortened; then a driver that names no process.
    const log = `NVRM: Xid (PCI:0000:00:06): 13, Graphics SM Warp Exception on (GPC 1, TPC 2, SM 0): Misaligned Address
NVRM: Xid (PCI:0000:00:06): 13, Graphics SM Global Exception on (GPC 1, TPC 2, SM 0): Multiple Warp Errors
NVRM: Xid (PCI:0000:00:06): 13, Graphics Exception: ESR 0x517730=0x500000f
NVRM: Xid (PCI:0000:00:06): 13, pid=552, name=node, Graphics Exception: channel 0x0000000a
NVRM: Xid (PCI:0000:00:06): 31, pid=552, name=node, channel 0x0000000a, MMU Fault
NVRM: Xid (PCI:0000:00:06): 31, pid=553, name=node, channel 0x0000000b, MMU Fault
NVRM: Xid (PCI:0000:07:00): 13, Graphics SM Warp Exception
NVRM: Xid (PCI:0000:07:00): 13, Graphics Exception: ESR 0x517730=0x500000f
`;
    expect(parseXids(log).map((x) => [x.bus, x.xid])).toEqual([
      ['00:06', 13],
      ['00:06', 31],
      ['00:06', 31],
      ['07:00', 13],
    ]);
  });
});

test('AMD cards go by their unique number; one without is left out', async () => {
  const card = (id: string, used: string): Record<string, string> => ({
    'Unique ID': id,
    'Card Series': 'AMD Instinct MI300X',
    'VRAM Total Memory (B)': '206141652992',
    'VRAM Total Used Memory (B)': used,
  });
  const json = {
    card0: card('0xAB12CD34EF560001', '297816064'),
    card1: card('N/A', '1'),
    card2: { ...card('0x2', 'N/A'), 'Card series': 'other' },
    system: { 'Driver version': '6.7.0' },
  };
  const driver = new RocmSmi(() => JSON.stringify(json));
  expect(driver.devices()).toEqual([
    {
      id: 'GPU-ab12cd34ef560001',
      kind: 'amd',
      name: 'AMD Instinct MI300X',
      memoryMiB: 196592,
      card: 'GPU-ab12cd34ef560001',
    },
    { id: 'GPU-2', kind: 'amd', name: 'AMD Instinct MI300X', memoryMiB: 196592, card: 'GPU-2' },
  ]);
  expect([...(await driver.use())]).toEqual([
    ['GPU-ab12cd34ef560001', { pids: [], usedMiB: 284 }],
    ['GPU-2', { pids: [], usedMiB: null }],
  ]);
  expect(new RocmSmi(() => 'WARNING: no AMD GPU').devices()).toEqual([]);
});

test('machines of a cluster as sinfo prints them; each stands for one machine that it is large enough for', () => {
  const list = () =>
    'n1|gpu:h100:2(S:0)|idle\nn2|gpu:a100:4,gpu:t4:1|mixed\nn3|(null)|idle\nn4|gpu:8|down*\nn1|gpu:h100:2(S:0)|idle\n';
  const nodes = slurmNodes(list);
  expect(nodes).toEqual([
    { name: 'n1', gpus: 2 },
    { name: 'n2', gpus: 5 },
    { name: 'n3', gpus: 0 },
  ]);
  expect(chooseNodes([4, 2], [], nodes).map((n) => n.name)).toEqual(['n2', 'n1']);
  expect(chooseNodes([2, 4], ['n1', 'n2'], nodes).map((n) => n.name)).toEqual(['n1', 'n2']);
  expect(() => chooseNodes([2, 4], ['n2', 'n1'], nodes)).toThrow(/n1 can stand for machine 2/);
  expect(() => chooseNodes([1, 1], ['n1', 'n1'], nodes)).toThrow(/n1 can/);
  expect(() => chooseNodes([8], [], nodes)).toThrow(/no further machine/);
  expect(() =>
    slurmNodes(() => {
      throw new Error('ENOENT');
    }),
  ).toThrow(/sinfo does not answer/);
});

const ok = { present: true, uncorrected: 0, xids: [] };

describe('health', () => {
  test('errors that a program causes are evidence of nothing', () => {
    const h = new DeviceHealth();
    for (const x of APPLICATION_XIDS) expect(h.observe({ ...ok, xids: [x] })).toBe('healthy');
    expect(h.evidence).toHaveLength(APPLICATION_XIDS.size);
  });

  test('a card off the bus is dead, and alive again after clean looks', () => {
    const h = new DeviceHealth();
    expect(h.observe({ ...ok, xids: [79] })).toBe('dead');
    for (let i = 1; i < CLEAN; i++) expect(h.observe(ok)).toBe('dead');
    expect(h.observe(ok)).toBe('healthy');
  });

  test('missing once is suspect, missing for long is dead', () => {
    const h = new DeviceHealth();
    const gone = { ...ok, present: false };
    const seen = Array.from({ length: MISSES }, () => h.observe(gone));
    expect(seen).toEqual(['suspect', 'suspect', 'dead']);
    expect(h.evidence.at(-1)).toMatch(/not listed by the driver 3 times/);
  });

  test('uncorrected memory errors drain a card until it was reset', () => {
    const h = new DeviceHealth();
    expect(h.observe({ ...ok, uncorrected: 2 })).toBe('healthy'); // from before the run
    expect(h.observe({ ...ok, uncorrected: 3 })).toBe('drain');
    for (let i = 0; i < 2 * CLEAN; i++) expect(h.observe({ ...ok, uncorrected: 3 })).toBe('drain');
    expect(h.observe(ok)).toBe('healthy');
  });

  test('the watch gives each card its own errors', async () => {
    const changes: [string, HealthState][] = [];
    const fine = (card: string): CardHealth => ({ card, uncorrected: 0, xids: [] });
    let rows = [fine(A), fine(B)];
    const watch = new HealthWatch(
      [A, B],
      (card, state) => changes.push([card, state]),
      () => Promise.resolve(rows),
    );
    await watch.look();
    rows = [fine(A), { ...fine(B), xids: [79] }];
    await watch.look();
    expect(changes).toEqual([[B, 'dead']]);
    rows = [fine(B)];
    await watch.look();
    expect(changes.at(-1)).toEqual([A, 'suspect']);
    rows = [fine(A), fine(B)];
    for (let i = 0; i < CLEAN; i++) await watch.look();
    expect(changes.slice(2)).toEqual([
      [B, 'healthy'],
      [A, 'healthy'],
    ]);
    rows = [{ ...fine(A), xids: [31] }, fine(B)];
    await watch.look();
    expect(changes.splice(4)).toEqual([[A, 'healthy']]);
    rows = [{ ...fine(A), xids: [79], gone: true }];
    await watch.look();
    expect(changes.slice(4)).toEqual([
      [A, 'dead'],
      [B, 'suspect'],
    ]);
  });
});

test('a card that waited for its reset goes on waiting in the next executor', async () => {
  const said: [string, HealthState][] = [];
  let rows: CardHealth[] = [A, B].map((card) => ({ card, uncorrected: 2, xids: [] }));
  const watch = new HealthWatch(
    [A, B],
    (card, state) => said.push([card, state]),
    () => Promise.resolve(rows),
    new Set([A]),
  );
  for (let i = 0; i < 2 * CLEAN; i++) await watch.look();
  expect(said).toEqual([]);
  // The driver was loaded anew.
  rows = rows.map((r) => ({ ...r, uncorrected: 0 }));
  await watch.look();
  expect(said).toEqual([[A, 'healthy']]);
});

test('a look for news only takes errors; silence and absence wait for the look that is due', async () => {
  const said: [string, HealthState][] = [];
  let rows: CardHealth[] = [{ card: A, uncorrected: 0, xids: [79] }];
  const watch = new HealthWatch(
    [A, B],
    (card, state) => said.push([card, state]),
    () => Promise.resolve(rows),
  );
  await watch.look(true);
  expect(said.splice(0)).toEqual([[A, 'dead']]);
  rows = [{ card: A, uncorrected: 0, xids: [] }];
  for (let i = 0; i < CLEAN + MISSES; i++) await watch.look(true);
  expect(said).toEqual([]);
});

describe.skipIf(process.platform === 'win32')('a launcher of jobs on GPUs (a twin stands for the driver)', () => {
  async function launched(
    over: Partial<LocalOptions>,
    body: (l: LocalLauncher, facts: Fact[], until: (kind: number) => Promise<Fact>, dir: string) => Promise<void>,
  ): Promise<void> {
    await inTemp(async (dir) => {
      const facts: Fact[] = [];
      const launcher = new LocalLauncher({
        run: `test-${process.pid}-${Math.floor(performance.now() * 1000)}`,
        dir,
        nodeName: () => 'n',
        deviceOf: (_n, gpu) => {
          const id = gpu === 0 ? A : B;
          return { id, kind: 'nvidia', name: '', memoryMiB: 0, card: id };
        },
        gpusOn: (card) => [{ node: 0, gpu: card === A ? 0 : 1 }],
        timeScale: 1,
        graceMs: 200,
        utilisation: 1,
        isolation: noIsolation,
        diskMiB: 0,
        processes: 64,
        network: false,
        shares: [],
        ...over,
      });
      let heard: () => void = () => {};
      launcher.open((f) => {
        facts.push(f);
        heard();
      });
      const until = async (kind: number): Promise<Fact> => {
        for (;;) {
          const found = facts.find((f) => f.kind === kind);
          if (found !== undefined) return found;
          await new Promise<void>((resolve) => {
            heard = resolve;
          });
        }
      };
      try {
        await body(launcher, facts, until, dir);
      } finally {
        await launcher.close();
      }
    });
  }
  const start: StartAction = {
    kind: ActionKind.start,
    node: 0,
    lease: 1,
    fence: 1,
    job: 1,
    attempt: 1,
    part: 0,
    parts: 1,
    gpus: [0],
    gpuMilli: 1000,
    limitUs: 1e9,
  };
  const work = (command: string) => ({ workUs: 0, fails: false, command: ['/bin/sh', '-c', command] });
  const release: Action = { kind: ActionKind.release, node: 0, lease: 1, fence: 1 };

  /** Answers of the driver, one a question; the last is repeated. `null` = it does not answer. */
  function answers(list: ({ pids: number[]; usedMiB: number | null } | null)[]): {
    gpus: NonNullable<LocalOptions['gpus']>;
    asked: () => number;
  } {
    let asked = 0;
    const use = (): Promise<Map<string, GpuUse>> => {
      const now = list[Math.min(asked++, list.length - 1)]!;
      if (now === null) return Promise.reject(new Error('no answer'));
      return Promise.resolve(
        new Map([
          [A, now],
          [B, { pids: [4712], usedMiB: 0 }],
        ]),
      );
    };
    return { gpus: { use }, asked: () => asked };
  }

  test('a GPU is in quarantine until nothing is on it, its memory is back, and the driver says so', async () => {
    const { gpus, asked } = answers([
      { pids: [], usedMiB: 500 }, // before the run
      null,
      { pids: [4711], usedMiB: 2000 },
      { pids: [], usedMiB: 2000 },
      { pids: [], usedMiB: 510 },
    ]);
    await launched({ gpus }, async (launcher, facts, until) => {
      launcher.act(start, work('echo $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER'), null);
      expect(await until(FactKind.exited)).toMatchObject({ outcome: Outcome.completed, clean: false });
      launcher.act(release, null, null);
      expect(facts.some((f) => f.kind === FactKind.released)).toBe(false);
      await until(FactKind.released);
      expect(asked()).toBe(5);
    });
  });

  test('on a shared GPU only what is dead and still listed keeps a lease', async () => {
    const dead = 999_999_999;
    const { gpus, asked } = answers([
      { pids: [], usedMiB: 0 },
      { pids: [process.pid, dead], usedMiB: 900 },
      { pids: [process.pid], usedMiB: 900 },
    ]);
    await launched({ gpus }, async (launcher, _facts, until) => {
      const half = { ...start, gpuMilli: 500 };
      launcher.act({ ...half, lease: 2, fence: 2, job: 2 }, work('sleep 600'), null);
      launcher.act(half, work('true'), null);
      expect(await until(FactKind.exited)).toMatchObject({ lease: 1, clean: false });
      launcher.act(release, null, null);
      await until(FactKind.released);
      expect(asked()).toBe(3);
    });
  });

  test('a job on a GPU that it was not given is ended', async () => {
    let stray: number[] = [];
    const use = (): Promise<Map<string, GpuUse>> =>
      Promise.resolve(
        new Map([
          [A, { pids: stray, usedMiB: 0 }],
          [B, { pids: stray, usedMiB: 0 }],
        ]),
      );
    await launched({ gpus: { use }, healthMs: 20 }, async (launcher, facts, until) => {
      launcher.act(start, work('echo $$ > pid; exec sleep 600'), null);
      await until(FactKind.started);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(facts).toHaveLength(1);
      stray = [...processesOf(launcher.run).values()].flat();
      expect(stray).toHaveLength(1);
      expect(await until(FactKind.exited)).toMatchObject({ outcome: Outcome.failed });
    });
  });

  test('an order is carried out once; a program that is not there fails without having run', async () => {
    await launched({}, async (launcher, facts, until) => {
      launcher.act(start, { workUs: 0, fails: false, command: ['/no/such/program'] }, null);
      launcher.act(start, { workUs: 0, fails: false, command: ['/no/such/program'] }, null);
      expect(await until(FactKind.exited)).toMatchObject({ outcome: Outcome.failed });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(facts.map((f) => f.kind)).toEqual([FactKind.exited]);
    });
  });

  test('the market hears of cards that are to be reset, dead, back, and of errors that condemn none', async () => {
    let change: HealthSink = () => {};
    const watch: LocalOptions['watch'] = (onChange) => {
      change = onChange;
      return { look: () => Promise.resolve() };
    };
    await launched({ watch }, async (launcher, facts, until) => {
      launcher.act(start, work('sleep 600'), null);
      await until(FactKind.started);
      change(A, 'drain', 'Xid 48', 48);
      change(B, 'suspect', 'not listed by the driver', 0);
      change(A, 'healthy', 'reset', 0);
      change(A, 'healthy', 'Xid 31', 31);
      const node = 0;
      const kind = FactKind.gpu;
      expect(facts.slice(1)).toEqual([
        { kind, node, gpu: 0, state: CardState.draining, xid: 48 },
        { kind, node, gpu: 1, state: CardState.fine, xid: 0 },
        { kind, node, gpu: 0, state: CardState.fine, xid: 0 },
        { kind, node, gpu: 0, state: CardState.fine, xid: 31 },
      ]);
      expect(launcher.running).toBe(1);
    });
  });

  test('when a GPU dies only what is on it is ended, and nobody waits for its driver to say that it is free', async () => {
    let change: HealthSink = () => {};
    const said: string[] = [];
    const watch: LocalOptions['watch'] = (onChange) => {
      change = onChange;
      return { look: () => Promise.resolve() };
    };
    const { gpus } = answers([{ pids: [], usedMiB: 0 }]);
    await launched({ watch, gpus, say: (t) => said.push(t) }, async (launcher, facts, until) => {
      launcher.act(start, work('sleep 600'), null);
      await until(FactKind.started);
      const other = { ...start, lease: 2, fence: 2, job: 2, gpus: [1] };
      launcher.act(other, work('sleep 600'), null);
      await until(FactKind.started);
      change(A, 'dead', 'Xid 79', 79);
      expect(await until(FactKind.exited)).toMatchObject({ lease: 1, outcome: Outcome.gpuFailure, clean: true });
      expect(facts.find((f) => f.kind === FactKind.gpu)).toMatchObject({ gpu: 0, state: CardState.dead, xid: 79 });
      expect(facts.some((f) => f.kind === FactKind.nodeDown)).toBe(false);
      expect(launcher.running).toBe(1);
      expect(said[0]).toMatch(/is dead \(Xid 79\)/);
    });
  });

  test('what ended a job is asked before it is charged: its own error, or its card’s', async () => {
    const ends: [string, number, Outcome, string | null][] = [
      ['exit 1', 94, Outcome.gpuFailure, 'its GPU had Xid 94'],
      ['exit 1', 79, Outcome.gpuFailure, 'its GPU is dead'],
      ['exit 1', 31, Outcome.failed, null],
      ['exit 1', 63, Outcome.failed, null],
      ['exit 0', 94, Outcome.completed, null],
    ];
    for (const [command, xid, outcome, reason] of ends) {
      let rows: CardHealth[] = [];
      const watch: LocalOptions['watch'] = (onChange) =>
        new HealthWatch([A, B], onChange, () => Promise.resolve(rows.splice(0)));
      await launched({ watch }, async (launcher, facts, until, dir) => {
        const other = { ...start, lease: 2, fence: 2, job: 2, gpus: [1] };
        launcher.act(other, work('sleep 600'), null);
        await until(FactKind.started);
        rows = [{ card: A, uncorrected: 0, xids: [xid] }];
        launcher.act(start, work(command), null);
        expect(await until(FactKind.exited)).toMatchObject({ lease: 1, outcome });
        expect(launcher.running).toBe(1);
        const heard = facts.findIndex((f) => f.kind === FactKind.gpu);
        if (outcome !== Outcome.completed)
          expect(heard).toBeLessThan(facts.findIndex((f) => f.kind === FactKind.exited));
        const status = readFileSync(join(dir, '1-1-0', 'status.json'), 'utf8');
        expect(JSON.parse(status)).toMatchObject({ reason });
      });
    }
  });
});
