/** A report says when partitions opened and healed and who took over; one of a market on one host says nothing of it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { auditCommand } from '../../lab/commands/audit.ts';
import { runCommand } from '../../lab/commands/run.ts';
import { readRun } from '../../lab/report/data.ts';
import { networkSection } from '../../lab/report/network.ts';
import { reportPage } from '../../lab/report/page.ts';
import { root } from '../support/cli.ts';

const file = join(root, 'scenarios/partition-heals/scenario.yaml');

test('the network has its section, and the run its audit', async () => {
  const out = join(mkdtempSync(join(tmpdir(), 'janction-network-')), 'run');
  await runCommand(file, { set: ['horizon=20 hour'], out, quiet: true, check: 'end' });
  const run = await readRun(out);
  const section = networkSection(run)!;
  expect(section.title).toMatch(/^1 partition, 0 crashes of aggregators, 1 takeover; [\d.]+ GPU-hours were free/);
  for (const text of ['15 h', 'partition', 'east-alone', 'east to west', '18 h', 'heal'])
    expect(section.html).toContain(text);
  expect(reportPage([run])).toContain('<section id="network">');
  expect((await auditCommand(out)).firstDifference).toBeNull();
});

test('a market on one host has none', async () => {
  const out = join(mkdtempSync(join(tmpdir(), 'janction-network-')), 'run');
  await runCommand(file, { set: ['horizon=8 hour', 'network='], out, quiet: true, check: 'end' });
  const run = await readRun(out);
  expect(networkSection(run)).toBeNull();
  expect(reportPage([run])).not.toContain('id="network"');
});
