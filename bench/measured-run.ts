/** One run as the command line does it, in a process of its own; prints what it cost. Used by benchmarks. */
import { join } from 'node:path';
import { runCommand } from '../lab/commands/run.ts';
import { readRunTable } from '../lab/rundir/reader.ts';

const [scenario, out, ...rest] = process.argv.slice(2) as [string, string, ...string[]];
const set = rest.filter((_, i) => i % 2 === 1);
const { result } = await runCommand(scenario, { set, out, json: true, quiet: true, check: 'end' });
const { user, system } = process.cpuUsage();
const maxRssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
const samples = await readRunTable(join(out), 'samples');
let maxWaiting = 0;
for (const v of samples.columns['waiting_jobs']!) maxWaiting = Math.max(maxWaiting, Number(v));
process.stdout.write(
  `${JSON.stringify({ cpuSeconds: (user + system) / 1e6, maxRssMiB, fingerprint: result!.fingerprint, submitted: result!.jobs.submitted, violations: result!.invariants.violations, maxWaiting })}\n`,
);
