/** The simulations published with Muri against our own run of them; needs the public data beside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import {
  type MuriPolicy,
  muriJobs,
  muriPolicies,
  muriTraces,
  readMuri,
  reproduceMuri,
} from '../../lab/reproduce/muri.ts';
import { artifact, parting } from '../../lab/reproduce/muri-artifact.ts';
import { agreementWith, muriPublished } from '../../lab/reproduce/muri-published.ts';
import { dataDir } from '../../lab/reproduce/study.ts';
import { shipped } from '../../mechanisms/index.ts';
import { inTemp, janctionInside } from '../support/cli.ts';

const data = dataDir(undefined);
const have = data !== null && existsSync(join(data, 'traces/muri'));
const why = have ? '' : ' (skipped: no ../shared/traces/muri)';
const policies = Object.keys(muriPolicies) as MuriPolicy[];

const run = (trace: string, policy: MuriPolicy, registry: MechanismRegistry = shipped) =>
  reproduceMuri(muriJobs(data, trace), trace, policy, { registry });

/** The quick ones first; the soak `muri` does all 24. */
const all = ['trace3', 'trace3_pr', 'trace4_pr', 'trace2', 'trace4', 'trace1', 'trace1_pr', 'trace2_pr'].flatMap(
  (trace) => policies.map((policy) => ({ trace, policy })),
);
const runs = Number(process.env.JANCTION_RUNS ?? 7);
const long = runs >= all.length;
/** Runs of which floating point and exact numbers give other digits; in those of Tiresias-L they decide otherwise. */
const apart = [
  'trace2/srtf',
  'trace2_pr/srtf',
  'trace2_pr/srsf',
  'trace2_pr/tiresias-l',
  'trace4_pr/srtf',
  'trace4_pr/srsf',
  'trace4_pr/tiresias-l',
];

describe.skipIf(!have)(`Muri's simulations${why}`, () => {
  for (const { trace, policy } of all.slice(0, runs)) {
    const equal = !apart.includes(`${trace}/${policy}`);
    test(`${trace}, ${policy}: ${equal ? 'equal in every digit printed' : 'apart by arithmetic alone'}`, () => {
      const r = run(trace, policy);
      expect(r.agreement.toPrintedDigits).toBe(equal);
      if (equal) expect([r.arithmetic, r.note]).toEqual([null, null]);
      else expect(r.arithmetic).toMatchObject({ explains: true });
    }, 1_200_000);
  }

  test('the program that counts as the artifact does gives every published digit', () => {
    for (const { trace, policy } of all) {
      if (!long && trace.startsWith('trace2') && policy !== 'srtf') continue;
      const events = artifact(muriJobs(data, trace), policy, 'binary-float');
      let e = events.next();
      while (e.done !== true) e = events.next();
      expect([trace, policy, agreementWith(e.value, trace, policy)]).toEqual([
        trace,
        policy,
        { largestDifference: 0, toPrintedDigits: true },
      ]);
    }
  });

  test('Tiresias-L: the first difference is a job that has had a limit exactly', () => {
    for (const [trace, event] of [['trace4_pr', 30] as const, ...(long ? [['trace2_pr', 82] as const] : [])]) {
      const { first } = parting(muriJobs(data, trace), 'tiresias-l');
      expect(first).toMatchObject({ event, seconds: 3250, fall: { wholeUs: 3250, limit: 3250 } });
      expect(first!.fall!.binaryFloat).toBeLessThan(3250);
      expect(first!.fall!.binaryFloat).toBeGreaterThan(3250 - 1e-11);
    }
  });

  test('SRTF and SRSF: every event is the same; only start costs make rounding errors grow', () => {
    for (const policy of ['srtf', 'srsf'] as const) {
      const jobs = muriJobs(data, 'trace4_pr');
      const as = parting(jobs, policy);
      expect(as.first).toBeNull();
      expect(as.drift).toBeGreaterThan(1e-6);
      const without = parting(
        jobs.map((j) => ({ ...j, overheadUs: 0 })),
        policy,
      );
      expect(without.drift).toBeLessThan(as.drift / 10);
    }
  });

  test('the table is the published one', () => {
    const lines = readFileSync(join(data!, 'reference/muri/published_simulation.csv'), 'utf8').trim().split('\n');
    const seen = lines.slice(1).flatMap((line) => {
      const [trace, theirs, ...cells] = line.split(',') as [string, string, ...string[]];
      const policy = policies.find((p) => muriPolicies[p].theirs === theirs);
      if (policy === undefined) return [];
      expect(Object.values(muriPublished(trace, policy))).toEqual(cells.map(Number));
      return [trace];
    });
    expect(seen).toHaveLength(12);
    expect(all).toHaveLength(muriTraces.length * policies.length);
  });

  test('an error planted in the rank is seen', () => {
    const registry: MechanismRegistry = {
      ...shipped,
      queueing: (name, params) => {
        const policy = shipped.queueing(name, params) as unknown as { rank(job: unknown, now: number): number };
        const right = policy.rank.bind(policy);
        // A microsecond of noise would not show; a second does.
        policy.rank = (job, now) => Math.ceil(right(job, now) / 60_000_000);
        return policy as never;
      },
    };
    const wrong = run('trace3', 'srtf', registry);
    expect(wrong.agreement.toPrintedDigits).toBe(false);
    // And is not taken for rounding.
    expect(wrong.arithmetic).toMatchObject({ explains: false });
  });
});

describe('janction reproduce muri', () => {
  test('bad input: one line, exit 2, nothing on stdout', async () => {
    await inTemp(async (dir) => {
      for (const args of [
        ['--data', dir],
        ['--trace', 'trace9'],
        ['--policy', 'srft'],
      ]) {
        const r = await janctionInside(['reproduce', 'muri', ...args]);
        expect([r.code, r.out, r.err.trim().split('\n').length]).toEqual([2, '', 1]);
      }
    });
    expect(() => readMuri('a,b\n1,2\n', 'x.csv')).toThrow(/x.csv:1: no column "num_gpu"/);
    const header = 'job_id,num_gpu,submit_time,iterations,model_name,iteration_time\n';
    expect(() => readMuri(`${header}0,4,soon,5,bert,1\n`, 'x.csv')).toThrow(/x.csv:2: submit_time "soon"/);
  });
});
