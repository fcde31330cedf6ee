/** Every scenario of the world runs under every law after every step, audits, and its README says what would refute it and what was found. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { auditCommand } from '../../lab/commands/audit.ts';
import { runCommand } from '../../lab/commands/run.ts';
import { root } from '../support/cli.ts';

/** With the part of the horizon that the laws are checked over: the whole is in the golden runs. */
const scenarios: [string, string][] = [
  ['owner-returns', '1 day'],
  ['rack-outage', '4 day'],
  ['gpu-failures', '3 day'],
  ['cold-start', '6 hour'],
  ['fixed-vgpu-fragmentation', '7 hour'],
  ['price-spike', '10 hour'],
  ['fee-spike', '30 hour'],
  ['idle-subsidy', '30 hour'],
  ['liars', '12 hour'],
];

describe.each(scenarios)('%s', (name, horizon) => {
  const path = join(root, `scenarios/${name}/scenario.yaml`);

  test('keeps every law after every step, and an auditor who shares no code agrees', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'janction-world-'));
    try {
      const out = join(dir, 'run');
      const set = [`horizon=${horizon}`, 'warmup=0 hour'];
      const { result } = await runCommand(path, { set, out, quiet: true, check: 'every-event' });
      expect(result!.invariants.violations).toBe(0);
      expect(result!.invariants.checks).toBeGreaterThan(1000);
      expect(result!.jobs.completed).toBeGreaterThan(10);
      expect((await auditCommand(out)).firstDifference).toBeNull();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test('README: a number that would refute it, and what was found with an interval', () => {
    const text = readFileSync(join(root, `scenarios/${name}/README.md`), 'utf8');
    expect(text).toMatch(/\*\*Question\.\*\*/);
    expect(text).toMatch(/\*\*Hypothesis\.\*\*[\s\S]*\d[\s\S]*\*\*Refuted\*\*/);
    expect(text).toMatch(/\*\*Found\*\*[\s\S]*(upheld|refuted|inconclusive)[\s\S]*±/);
    expect(text).toContain(`janction compare scenarios/${name}/scenario.yaml`);
  });
});
