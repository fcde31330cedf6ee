/** The simulations published with Muri against our own run of them; needs the public data beside the repository. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { type MuriPolicy, muriJobs, muriPublished, readMuri, reproduceMuri } from '../../lab/reproduce/muri.ts';
import { dataDir } from '../../lab/reproduce/study.ts';
import { shipped } from '../../mechanisms/index.ts';
import { inTemp, janction } from '../support/cli.ts';

const data = dataDir(undefined);
const have = data !== null && existsSync(join(data, 'reference/muri'));
const why = have ? '' : ' (skipped: no ../shared/reference/muri)';

const run = (trace: string, policy: MuriPolicy, registry: MechanismRegistry = shipped) =>
  reproduceMuri(muriJobs(data, trace), muriPublished(data, trace, policy)?.figures ?? null, trace, policy, {
    registry,
  });

describe.skipIf(!have)(`Muri's simulations${why}`, () => {
  for (const trace of ['trace3', 'trace3_pr']) {
    for (const policy of ['srtf', 'srsf', 'tiresias-l'] as const) {
      test(`${trace}, ${policy}: equal in every digit printed`, () => {
        const r = run(trace, policy);
        expect(r.agreement).toMatchObject({ toPrintedDigits: true });
        expect(r.note).toBeNull();
      });
    }
  }

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
    expect(run('trace3', 'srtf', registry).agreement!.toPrintedDigits).toBe(false);
  });
});

describe('janction reproduce muri', () => {
  test('bad input: one line, exit 2, nothing on stdout', async () => {
    await inTemp((dir) => {
      for (const args of [
        ['--data', dir],
        ['--trace', 'trace9'],
        ['--policy', 'srft'],
      ]) {
        const r = janction(['reproduce', 'muri', ...args]);
        expect([r.code, r.out, r.err.trim().split('\n').length]).toEqual([2, '', 1]);
      }
    });
    expect(() => readMuri('a,b\n1,2\n', 'x.csv')).toThrow(/x.csv:1: no column "num_gpu"/);
    const header = 'job_id,num_gpu,submit_time,iterations,model_name,iteration_time\n';
    expect(() => readMuri(`${header}0,4,soon,5,bert,1\n`, 'x.csv')).toThrow(/x.csv:2: submit_time "soon"/);
  });
});
