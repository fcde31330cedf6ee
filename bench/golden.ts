/**
 * `npm run golden [-- --record]`: runs every entry of test/golden/fingerprints.json, draws 1e6 times from every distribution of
 * test/golden/draws.json, and compares with what is recorded; exit 1 when something differs. `--record` writes what was found instead, for a change that is meant to change results.
 * To add a case, append an entry without a fingerprint and record.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../lab/commands/run.ts';
import { drawFingerprints } from './golden-draws.ts';

export interface GoldenEntry {
  /** Scenario file, from the root of the repository. */
  scenario: string;
  /** Overrides, as `--set` takes them. */
  set?: string[];
  /** One more override, `path.to.key=FILE`: public data beside the repository. The entry is skipped where FILE is absent. */
  data?: string;
  /** Fingerprint of every row of the run; empty until it is recorded. */
  fingerprint: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const file = join(root, 'test/golden/fingerprints.json');
const drawsFile = join(root, 'test/golden/draws.json');

interface GoldenDraws {
  count: number;
  fingerprints: Record<string, string>;
}

async function main(flags: readonly string[]): Promise<number> {
  if (flags.some((f) => f !== '--record')) {
    process.stderr.write('error: usage: npm run golden [-- --record]\n');
    return 2;
  }
  process.chdir(root);
  const entries = JSON.parse(readFileSync(file, 'utf8')) as GoldenEntry[];
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const e of entries) {
    const set = [...(e.set ?? []), ...(e.data === undefined ? [] : [e.data])];
    const name = [e.scenario, ...set].join(' ');
    const missing = e.data?.split('=')[1];
    if (missing !== undefined && !existsSync(missing)) {
      process.stdout.write(`skip  ${name}: ${missing} is absent\n`);
      count.skipped++;
      continue;
    }
    const { result } = await runCommand(e.scenario, { set, quiet: true, check: 'end' });
    const found = result!.fingerprint;
    const equal = found === e.fingerprint;
    if (equal) count.passed++;
    else count.failed++;
    process.stdout.write(
      equal ? `same  ${name} ${found}\n` : `DIFF  ${name}: recorded ${e.fingerprint || 'nothing'}, found ${found}\n`,
    );
    e.fingerprint = found;
  }
  const draws = JSON.parse(readFileSync(drawsFile, 'utf8')) as GoldenDraws;
  const drawn = drawFingerprints(draws.count);
  for (const name of new Set([...Object.keys(drawn), ...Object.keys(draws.fingerprints)])) {
    if (drawn[name] !== undefined && drawn[name] === draws.fingerprints[name]) {
      count.passed++;
      continue;
    }
    count.failed++;
    process.stdout.write(`DIFF  draws of ${name}: recorded ${draws.fingerprints[name]}, found ${drawn[name]}\n`);
  }
  process.stdout.write(`drew  ${draws.count} times from each of ${Object.keys(drawn).length} distributions\n`);
  if (flags.includes('--record')) {
    writeFileSync(drawsFile, `${JSON.stringify({ count: draws.count, fingerprints: drawn }, null, 2)}\n`);
    writeFileSync(file, `[\n${entries.map((e) => `  ${JSON.stringify(e)}`).join(',\n')}\n]\n`);
    process.stdout.write(`recorded ${entries.length - count.skipped} fingerprints, left ${count.skipped}\n`);
    return 0;
  }
  process.stdout.write(
    `golden on Node ${process.version}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`,
  );
  return count.failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
