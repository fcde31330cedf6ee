/**
 * Contracts that are paid while jobs run, on real processes: what was released or noted follows from meters that were read on a wall clock, the
 * books audit, the simulator decides and bills alike from the same answers, and a script without project code finds every job billed as quoted.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { AuditResult } from '../../lab/commands/audit.ts';
import { readRunTable } from '../../lab/rundir/reader.ts';
import { janction, janctionInside, root, scratch } from '../support/cli.ts';

describe('executed', () => {
  const { dir, remove } = scratch();
  afterAll(remove);

  test.each([
    ['prepaid', ['escrow', 'release', 'refund']],
    ['notes', ['note', 'invoice']],
  ])('under %s', async (kind, reasons) => {
    const out = join(dir, kind);
    const contract = `billing.contract={kind: ${kind}, period: 10 minute, accept: 30 minute, loss: fault-bears}`;
    const args = ['--devices', 'cpu:2', '--time-scale', '3600', '--set', 'horizon=2 hour', '--set', contract];
    const ran = janction(['execute', 'scenarios/quickstart/executed.yaml', ...args, '--out', out, '--quiet']);
    expect(ran).toMatchObject({ code: 0, err: '' });
    const readings = (await readRunTable(out, 'meters')).columns['reading']!;
    expect(readings).toContain('running');
    expect(readings).toContain('final');
    const moved = new Set((await readRunTable(out, 'transfers')).columns['reason']!);
    for (const reason of reasons) expect([...moved]).toContain(reason);
    const audit = JSON.parse((await janctionInside(['audit', out, '--json'])).out) as AuditResult;
    expect(audit.firstDifference).toBeNull();
    const same = await janctionInside(['validate', out, '--json']);
    expect(same.out).toContain('"closedLoop":{"decisionMismatches":0,"invoiceMismatches":0,"firstMismatch":null');
    const billed = spawnSync(process.execPath, [join(root, 'test/independent/billed-as-quoted.mjs'), out], {
      encoding: 'utf8',
      cwd: root,
    });
    expect(billed.stdout).toMatch(/: [1-9]\d* completed jobs billed as quoted/);
    const s = JSON.parse((await janctionInside(['statement', out, '--json'])).out) as {
      currencies: { unit: string; sumOfBalances: string; invoiced: string; charged: string }[];
    };
    const usd = s.currencies.find((c) => c.unit === 'microUSD')!;
    expect(usd.sumOfBalances).toBe('0');
    expect(BigInt(usd.charged)).toBeGreaterThan(0n);
  });
});
