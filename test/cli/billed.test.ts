/**
 * For every completed job of every shipped scenario, billed = the quoted contract's charge function of metered usage, plus listed adjustments,
 * to the unit: asserted over the Parquet tables by a script that uses no project code.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inTemp, janctionInside, root } from '../support/cli.ts';
import { generator } from '../support/market.ts';
import { afterTests, runs } from '../support/runs.ts';

const script = (dirs: string[]) =>
  spawnSync(process.execPath, [join(root, 'test/independent/billed-as-quoted.mjs'), ...dirs], {
    encoding: 'utf8',
    cwd: root,
  });

/** Scenario files have a fleet; studies name one. */
const shipped = readdirSync(join(root, 'scenarios'))
  .flatMap((d) => {
    const dir = join(root, 'scenarios', d);
    return statSync(dir).isDirectory() ? readdirSync(dir).map((f) => `scenarios/${d}/${f}`) : [];
  })
  .filter((f) => f.endsWith('.yaml') && /^fleet:/m.test(readFileSync(join(root, f), 'utf8')))
  .sort((a, b) => (a < b ? -1 : 1));

/** Seven of them in `npm test`; all of them in `npm run soak -- billed`, which continuous integration calls. */
const share = (n: number) =>
  shipped.filter((_, i) => Math.floor((i * n) / shipped.length) !== Math.floor(((i - 1) * n) / shipped.length));
const few = [...share(7), 'scenarios/disputes/scenario.yaml'];
const wanted = afterTests
  ? share(runs(7)).filter((s) => !few.includes(s))
  : [...new Set([...share(runs(7)), ...few.slice(-1)])];

/** Thirty hours of jobs in the form of the public Philly list, where a scenario wants a trace of the user's own. */
function jobList(jobs: number): string {
  const r = generator(5);
  const lines = ['#job id,arrival time (sec),topology,shape,size,duration (sec)'];
  for (let i = 0, t = 0; i < jobs; i++) {
    t += r() * 30;
    const size = [1, 1, 1, 2, 4, 8, 16, 32][Math.floor(r() * 8)]!;
    lines.push(`${i},${t.toFixed(1)},CLOS,1,${size},${(10 + 9000 * r() ** 4).toFixed(1)}`);
  }
  return `${lines.join('\n')}\n`;
}

const openb = join(root, '../shared/traces/openb');
const azure = join(root, '../shared/traces/azure_llm_2023/AzureLLMInferenceTrace_code.csv');

/** Overrides that a scenario needs to run here; null = its data is absent. */
function settings(scenario: string, dir: string): string[] | null {
  if (scenario.endsWith('replay/openb.yaml'))
    return existsSync(openb)
      ? [
          `demand.trace.path=${join(openb, 'openb_pod_list_cpu050.csv')}`,
          `fleet.list.path=${join(openb, 'openb_node_list_gpu_node.csv')}`,
        ]
      : null;
  if (scenario.endsWith('replay/llm.yaml')) return existsSync(azure) ? [`demand.trace.path=${azure}`] : null;
  // A hundred thousand GPUs: the first hours of their month.
  if (scenario.endsWith('reach/scenario.yaml')) return ['horizon=5 hour'];
  if (!/scenarios\/replay/.test(scenario)) return [];
  const list = join(dir, 'jobs.csv');
  writeFileSync(list, jobList(3000));
  return [`demand.trace.path=${list}`];
}

const contracts = ['hold', 'prepaid', 'notes'].map((kind): [string, string[]] => [
  'scenarios/contracts/scenario.yaml',
  [`billing.contract.kind=${kind}`, 'billing.contract.loss=fault-bears'],
]);

test.skipIf(afterTests)('over wires the auditor agrees too', async () => {
  await inTemp(async (dir) => {
    const out = join(dir, 'run');
    const set = ['--set', 'billing.contract.kind=escrow', '--set', 'network={loss: 5 %}', '--set', 'horizon=1 day'];
    expect(
      (await janctionInside(['run', 'scenarios/contracts/scenario.yaml', ...set, '--out', out, '--quiet'])).code,
    ).toBe(0);
    expect(await janctionInside(['audit', out])).toMatchObject({ code: 0, err: '' });
    expect(script([out]).status).toBe(0);
  });
});

describe('a script that uses no project code', () => {
  test('there are scenarios', () => expect(shipped.length).toBeGreaterThan(15));

  test.for([
    ...wanted.map((s): [string, string[]] => [s, []]),
    ...(afterTests ? [] : contracts),
  ])('finds every job of %s %j billed as quoted', async ([file, more], ctx) => {
    await inTemp(async (dir) => {
      const set = settings(file, dir);
      if (set === null) return ctx.skip('its public trace is not beside the repository');
      const out = join(dir, 'run');
      const args = [...set, ...more].flatMap((s) => ['--set', s]);
      expect(await janctionInside(['run', file, ...args, '--out', out, '--quiet'])).toMatchObject({ code: 0, err: '' });
      expect(await janctionInside(['audit', out])).toMatchObject({ code: 0, err: '' });
      const found = script([out]);
      expect(found.stdout).toMatch(/: [1-9]\d* completed jobs billed as quoted, [1-9]\d* charges/);
      expect(found.status).toBe(0);
    });
  });

  test.skipIf(afterTests)('notices bills that do not follow from use', async () => {
    await inTemp(async (dir) => {
      const [good, other, bad] = ['good', 'other', 'bad'].map((n) => join(dir, n)) as [string, string, string];
      const run = async (out: string, seed: string) =>
        (await janctionInside(['run', 'scenarios/quickstart/executed.yaml', '--seed', seed, '--out', out, '--quiet']))
          .code;
      expect([await run(good, '1'), await run(other, '2')]).toEqual([0, 0]);
      for (const table of ['placements', 'transfers', 'jobs']) {
        cpSync(good, bad, { recursive: true, force: true });
        cpSync(join(other, `${table}.parquet`), join(bad, `${table}.parquet`));
        expect(script([bad]).status, table).toBe(1);
      }
    });
  });
});
