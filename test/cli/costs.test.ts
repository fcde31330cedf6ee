/** `janction costs`: hours and money add up, electricity is priced, budgets ring, wrong input is one line. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inTemp, janctionInside } from '../support/cli.ts';

interface CostsJson {
  gpuHours: {
    up: number;
    used: number;
    idle: number;
    stranded: number;
    paid: number;
    useful: number;
    wasted: Record<string, number>;
    open: number;
  };
  idleForgone: string;
  strandedForgone: string;
  classes: {
    upGpuHours: number;
    usedGpuHours: number;
    idleForgone: string;
    providersCost: string;
    energyCost: string;
    energyKWh: number;
  }[];
  groups: { name: string; charged: string; paidGpuHours: number }[];
  budgets: { spent: string; alerts: { percent: number; atUs: number }[] }[];
}

test('paid, used, wasted and idle add up; electricity has a price; budgets ring in order', async () => {
  await inTemp(async (dir) => {
    const run = join(dir, 'run');
    const set = [
      'fleet.classes.0={name: rtx-4090, model: rtx-4090}',
      'fleet.groups.0.energy={price: 0.30 USD/kWh, overhead: 1.2}',
      'billing.contract.kind=prepaid',
    ];
    const args = set.flatMap((s) => ['--set', s]);
    const ran = await janctionInside(['run', 'scenarios/contracts/scenario.yaml', ...args, '--out', run, '--json']);
    expect(ran.code, ran.err).toBe(0);
    const charged = BigInt((JSON.parse(ran.out) as { money: { charged: string } }).money.charged);
    const a = await janctionInside([
      'costs',
      run,
      '--json',
      '--by',
      'job',
      '--budget',
      'lab-1=1000000',
      '--budget',
      'pool:main=100',
    ]);
    // The pool's budget is exceeded.
    expect([a.code, a.err]).toEqual([1, '']);
    const c = JSON.parse(a.out) as CostsJson;
    const near = (x: number, y: number) => expect(Math.abs(x - y)).toBeLessThan(1e-4);
    near(c.gpuHours.up, c.gpuHours.used + c.gpuHours.idle);
    const wasted = Object.values(c.gpuHours.wasted).reduce((s, w) => s + w, 0);
    expect(wasted).toBeGreaterThan(0);
    near(c.gpuHours.used, c.gpuHours.useful + wasted + c.gpuHours.open);
    expect(c.gpuHours.stranded).toBeLessThanOrEqual(c.gpuHours.idle);
    expect(BigInt(c.strandedForgone)).toBeLessThanOrEqual(BigInt(c.idleForgone));
    for (const k of c.classes) {
      // 0.45 USD for every idle GPU-hour.
      near(Number(k.idleForgone) / 450_000, k.upGpuHours - k.usedGpuHours);
      expect(BigInt(k.energyCost)).toBeGreaterThan(0n);
      expect(BigInt(k.energyCost)).toBeLessThan(BigInt(k.providersCost));
      // 1.2 x 450 W at 0.30 USD/kWh, on the lenders' machines only.
      near(k.energyKWh * 0.3, Number(k.energyCost) / 1e6);
    }
    const [user, pool] = c.budgets;
    expect(user!.alerts.every((x) => x.atUs === -1)).toBe(true);
    const at = pool!.alerts.map((x) => x.atUs);
    expect(at[0]).toBeGreaterThan(0);
    expect(at).toEqual([...at].sort((x, y) => x - y));
    expect(BigInt(pool!.spent)).toBe(charged);
    expect(c.groups.every((g) => /^\d+$/.test(g.name))).toBe(true);
    for (const by of ['region', 'outcome'])
      expect((await janctionInside(['costs', run, '--by', by])).out).toContain(
        by === 'region' ? 'main' : 'node-failure',
      );
    for (const bad of [
      ['--budget', 'lab-1'],
      ['--budget', 'lab-1=-5'],
      ['--budget', 'lab-1=0'],
      ['--budget', 'nobody=5'],
      ['--budget', 'lab-1=1e999'],
      ['--alert', '0'],
      ['--by', 'moon'],
    ]) {
      const b = await janctionInside(['costs', run, ...bad]);
      expect([b.code, b.out], bad.join(' ')).toEqual([2, '']);
      expect(b.err.trim().split('\n').length).toBe(1);
    }
    expect((await janctionInside(['costs', join(dir, 'absent')])).code).toBe(2);
  });
});
