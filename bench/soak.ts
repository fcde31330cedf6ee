/**
 * `npm run soak -- NAME --runs N`: the long version of a randomised test. The test files read JANCTION_RUNS; the last line
 * says how many runs passed.
 */
import { spawnSync } from 'node:child_process';

/** Test file and usual full count of each soak. */
const soaks: Record<string, { file: string; runs: number; about: string }> = {
  wires: {
    file: 'test/fuzz/network-faults.test.ts',
    runs: 100,
    about: 'fault patterns on the wires, random workloads of 400 jobs',
  },
  state: {
    file: 'test/unit/market-state.test.ts',
    runs: 200,
    about: 'snapshot, restore and dropped caches at random moments',
  },
};

const usage = (): number => {
  const list = Object.entries(soaks).map(([n, s]) => `  ${n.padEnd(10)} ${s.about} (full: ${s.runs} runs)`);
  process.stderr.write(`error: usage: npm run soak -- NAME [--runs N]; have\n${list.join('\n')}\n`);
  return 2;
};

function main(args: string[]): number {
  const soak = soaks[args[0] ?? ''];
  if (soak === undefined) return usage();
  let runs = soak.runs;
  if (args[1] === '--runs') runs = Number(args[2]);
  else if (args.length > 1) return usage();
  if (!Number.isSafeInteger(runs) || runs < 1) return usage();
  const done = spawnSync('npx', ['vitest', 'run', soak.file, '--testTimeout', '3600000'], {
    stdio: 'inherit',
    env: { ...process.env, JANCTION_RUNS: String(runs) },
  });
  process.stdout.write(`soak ${args[0]}: ${runs} runs ${done.status === 0 ? 'passed' : 'FAILED'}\n`);
  return done.status === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
