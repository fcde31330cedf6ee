/** One run as the command line does it, in a process of its own; prints what it cost. Used by benchmarks. */
import { join } from 'node:path';
import { runCommand } from '../lab/commands/run.ts';
import { readRunTable } from '../lab/rundir/reader.ts';

const [scenario, out, ...rest] = process.argv.slice(2) as [string, string, ...string[]];
const set = rest.filter((_, i) => i % 2 === 1);
const { result } = await runCommand(scenario, { set, out, json: true, quiet: true, check: 'end' });
const { user, system } = process.cpuUsage();
const maxRssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
const { columns } = await readRunTable(join(out), 'jobs');
const maxWaiting = longestQueue(
  columns['submission_time_us']!,
  columns['starting_time_us']!,
  columns['finish_time_us']!,
);

/** Most jobs that had been submitted and had not started at any one stamp; those that start at once do not count. */
function longestQueue(submitted: readonly unknown[], started: readonly unknown[], ended: readonly unknown[]): number {
  const into = Float64Array.from(submitted, Number).sort((a, b) => a - b);
  // A job that never ran waits until it is given up.
  const out = Float64Array.from(started, (s, i) => (Number(s) >= 0 ? Number(s) : Number(ended[i]))).sort(
    (a, b) => a - b,
  );
  // Starting takes a microsecond or more: jobs of one stamp that start within it have not queued.
  const START_US = 1;
  let most = 0;
  for (let i = 0, o = 0; i < into.length; i++) {
    if (i + 1 < into.length && into[i + 1] === into[i]) continue;
    while (o < out.length && out[o]! <= into[i]! + START_US) o++;
    most = Math.max(most, i + 1 - o);
  }
  return most;
}

process.stdout.write(
  `${JSON.stringify({ cpuSeconds: (user + system) / 1e6, maxRssMiB, fingerprint: result!.fingerprint, submitted: result!.jobs.submitted, violations: result!.invariants.violations, maxWaiting })}\n`,
);
