/**
 * `npm run soak -- NAME --runs N`: the long version of a randomised test. The test files read JANCTION_RUNS; the last line
 * says how many runs passed.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Test files (separated by spaces) and usual full count of each soak; the longest come first, so that two lanes end together. `tested`: a
 * tenth is no more than what `npm test` plays, and is not played again after it.
 */
const soaks: Record<string, { file: string; runs: number; about: string; tested?: true }> = {
  scheduler: {
    file: 'test/laws/scheduler.test.ts',
    runs: 10_000,
    about: 'random clusters and job streams under every pair of policies, against the slow obvious scheduler',
  },
  partitions: {
    file: 'test/fuzz/partitions.test.ts',
    runs: 5_000,
    about: 'random markets of several aggregators under loss, partitions, crashes, takeovers and stealing',
  },
  ledger: {
    file: 'test/laws/ledger-model.test.ts',
    runs: 100_000,
    about: 'command sequences of over 100 transfers against the slow model',
  },
  scenarios: {
    file: 'test/fuzz/scenarios.test.ts',
    runs: 700,
    about: 'whole scenario documents of every two features together: laws, audit, second runs, restores, readers',
  },
  contracts: {
    file: 'test/laws/contracts.test.ts',
    runs: 2_000,
    about: 'random contracts under failures, takeovers and silent users: laws, audit, wires, restores',
  },
  budgets: {
    file: 'test/laws/budgets.test.ts',
    runs: 1_000,
    about: 'random budgets under random contracts: nothing beyond them, laws, audit, wires, restores, planted errors',
  },
  disputes: {
    file: 'test/laws/disputes.test.ts',
    runs: 1_000,
    about: 'random disputes under random rules and contracts: laws, audit, wires, restores, planted errors',
  },
  billed: {
    file: 'test/cli/billed.test.ts',
    runs: 1000,
    about: 'shipped scenarios (all there are), billed as quoted by a script that uses no project code',
  },
  adversaries: {
    file: 'test/laws/adversaries.test.ts',
    runs: 300,
    about: 'random adversaries under random contracts, failures and wires: laws, audit, forks',
  },
  'billing-stream': {
    file: 'test/laws/billing-stream.test.ts',
    runs: 200,
    about: 'retries, duplicates and crashes of what bills are made from: the same statements',
  },
  muri: {
    file: 'test/reference/muri.test.ts',
    runs: 24,
    about: "Muri's published simulations: 8 traces x 3 policies, equal in every digit or apart by arithmetic alone",
    tested: true,
  },
  elections: {
    file: 'test/laws/elections.test.ts test/laws/f1.test.ts',
    runs: 10_000,
    about: 'laws of each election rule on that many random elections; party lists and histories of F1, a tenth of it',
  },
  stake: {
    file: 'test/laws/stake.test.ts',
    runs: 300,
    about: 'random acts of stakers on a running market: laws after every step, restores, replay, order of stakers',
  },
  sweep: {
    file: 'test/sweep/sweep.test.ts',
    runs: 20,
    about: 'kills of a sweep (from 20 on of reserve-price), after which its table must be the same to the byte',
    tested: true,
  },
  wires: {
    file: 'test/fuzz/network-faults.test.ts',
    runs: 100,
    about: 'fault patterns on the wires, random workloads of 400 jobs',
  },
  'executor-kill': {
    file: 'test/same-core/executor-kill.test.ts',
    runs: 300,
    about: 'kill -9 of an executor under load, each time restarted',
  },
  takeovers: {
    file: 'test/fuzz/takeovers.test.ts',
    runs: 300,
    about: 'pools taken over back and forth among cancels, failures and faults on the wires',
  },
  queue: {
    file: 'test/laws/kernel-queue.test.ts',
    runs: 60,
    about: 'event queues against a stable sort, eight laws of times, cancels',
  },
  regret: {
    file: 'test/theory/supply-market.test.ts',
    runs: 30,
    about: 'asks of one provider per class on the running market, against a gross fee',
    tested: true,
  },
  state: {
    file: 'test/unit/market-state.test.ts',
    runs: 200,
    about: 'snapshot, restore and dropped caches at random moments',
  },
  fgd: {
    file: 'test/reference/fgd.test.ts',
    runs: 40,
    about: 'published (trace, seed) pairs of the FGD study, five policies each',
  },
};

const usage = (): number => {
  const list = Object.entries(soaks).map(([n, s]) => `  ${n.padEnd(10)} ${s.about} (full: ${s.runs} runs)`);
  process.stderr.write(
    `error: usage: npm run soak -- NAME [--runs N], or: npm run soak -- all [--tenth] (a tenth after npm test, which has played the first runs); have\n${list.join('\n')}\n`,
  );
  return 2;
};

/**
 * Runs one soak; with `whole` its output is kept and printed in one piece, so that several may go on at once; with `rest` without what
 * `npm test` plays of it.
 */
function soak(name: string, runs: number, whole = false, rest = false): Promise<boolean> {
  const child = spawn('npx', ['vitest', 'run', ...soaks[name]!.file.split(' '), '--testTimeout', '3600000'], {
    stdio: whole ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    env: { ...process.env, JANCTION_RUNS: String(runs), ...(rest ? { JANCTION_AFTER_TESTS: '1' } : {}) },
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve) => {
    const end = (passed: boolean) => {
      process.stdout.write(Buffer.concat(output));
      process.stdout.write(
        `soak ${name}: ${runs} runs${rest ? ' less those of npm test' : ''} ${passed ? 'passed' : 'FAILED'}\n`,
      );
      resolve(passed);
    };
    child.once('error', () => end(false));
    child.once('close', (code) => end(code === 0));
  });
}

async function main(args: string[]): Promise<number> {
  const [name = '', flag, count] = args;
  if (name === 'all') {
    if (args.length > 2 || (flag !== undefined && flag !== '--tenth')) return usage();
    // Every soak is run, whatever the one before it found; each keeps about one core busy.
    const tenth = flag !== undefined;
    const waiting = Object.entries(soaks).filter(([, s]) => !tenth || s.tested !== true);
    let ok = true;
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [n, s] = next;
        if (!(await soak(n, tenth ? Math.ceil(s.runs / 10) : s.runs, true, tenth))) ok = false;
      }
    };
    await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
    return ok ? 0 : 1;
  }
  if (soaks[name] === undefined || args.length > 3 || (flag !== undefined && flag !== '--runs')) return usage();
  const runs = flag === undefined ? soaks[name].runs : Number(count);
  if (!Number.isSafeInteger(runs) || runs < 1) return usage();
  return (await soak(name, runs)) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
