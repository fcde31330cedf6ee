import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FactKind } from '../../core/facts.ts';
import { tableNames } from '../../core/record/schema.ts';
import { Outcome } from '../../core/types.ts';
import type { AuditResult } from '../../lab/commands/audit.ts';
import { isGood, type ValidateJson } from '../../lab/commands/validate.ts';
import { closedLoop, recordedRun } from '../../lab/execution/closed-loop.ts';
import type { TableData } from '../../lab/rundir/parquet.ts';
import { readJournalBytes, readManifest, readRunTable } from '../../lab/rundir/reader.ts';
import { type Answer, cli, janction, janctionInside, scratch } from '../support/cli.ts';

const scenario = 'scenarios/quickstart/executed.yaml';
const short = ['--devices', 'cpu:2', '--time-scale', '3600', '--set', 'horizon=4 hour', '--quiet'];

describe('execute', () => {
  const { dir, remove } = scratch();
  const out = join(dir, 'x');
  let ran: Answer;
  beforeAll(() => {
    ran = janction(['execute', scenario, ...short, '--out', out, '--json']);
  });
  afterAll(remove);

  test('a run for real has the shape of a simulated one, and its jobs have run', async () => {
    expect(ran.err).toBe('');
    expect(ran.code).toBe(0);
    const json = JSON.parse(ran.out) as { jobs: Record<string, number>; execution: { devices: { device: string }[] } };
    expect(json.execution.devices.map((d) => d.device)).toEqual(['cpu:0', 'cpu:1']);
    expect(json.jobs['completed']).toBeGreaterThan(0);
    expect(readdirSync(dir)).toEqual(['x']);
    expect(readdirSync(out).sort((a, b) => (a < b ? -1 : 1))).toEqual(
      [...tableNames.map((t) => `${t}.parquet`), 'jobs', 'journal', 'run.json'].sort((a, b) => (a < b ? -1 : 1)),
    );
    expect(readManifest(out).execution!.timeScale).toBe(3600);
    const p = (await readRunTable(out, 'placements')).columns;
    let completed = 0;
    p['outcome']!.forEach((outcome, i) => {
      if (outcome !== 'completed') return;
      completed++;
      // What the process itself wrote: it multiplied, and it ran once.
      const own = join(out, 'jobs', `${p['job_id']![i]}-${p['attempt']![i]}-${p['part']![i]}`);
      const lines = readFileSync(join(own, 'stdout'), 'utf8').trim().split('\n');
      expect(lines).toHaveLength(1);
      expect((JSON.parse(lines[0]!) as { batches: number }).batches).toBeGreaterThan(0);
    });
    expect(completed).toBeGreaterThan(0);
  });

  test('its journal audits, and the simulator decides and bills alike', async () => {
    const audit = JSON.parse((await janctionInside(['audit', out, '--json'])).out) as AuditResult;
    expect(audit.firstDifference).toBeNull();
    const v = await janctionInside(['validate', out, '--json']);
    expect(v.code).toBe(0);
    expect(v.out).toContain('"closedLoop":{"decisionMismatches":0,"invoiceMismatches":0,"firstMismatch":null');
    const c = (JSON.parse(v.out) as ValidateJson).closedLoop;
    expect(c).toMatchObject({ unansweredActions: 0, unusedAnswers: 0 });
    expect(c.actions).toBeGreaterThan(3);
    expect(c.digest.simulated).toBe(c.digest.recorded);
    expect((await janctionInside(['validate', out])).out).toMatch(/decides and bills alike/);
  });

  test('canary: one changed delay, answer or fence, or a row that was tampered with, is found', async () => {
    const journal = readJournalBytes(out);
    const tables = Object.fromEntries(
      await Promise.all(tableNames.map(async (t) => [t, await readRunTable(out, t)] as const)),
    ) as Record<(typeof tableNames)[number], TableData>;
    const bent = (change: (answers: ReturnType<typeof recordedRun>['recording']['answers'], key: string) => void) => {
      const run = recordedRun(journal);
      const key = [...run.recording.answers].find(
        ([, list]) =>
          list.length === 2 && list[1]!.fact.kind === FactKind.exited && list[1]!.fact.outcome === Outcome.completed,
      )![0];
      change(run.recording.answers, key);
      return closedLoop(run, tables);
    };
    const same = bent(() => {});
    expect(isGood(same)).toBe(true);
    const delay = bent((a, k) => {
      a.get(k)![1]!.delayUs += 60_000_000;
    });
    expect(delay.decisionMismatches).toBeGreaterThan(0);
    expect(delay.invoiceMismatches).toBeGreaterThan(0);
    const answer = bent((a, k) => {
      (a.get(k)![1]!.fact as { outcome: number }).outcome = Outcome.nodeFailure;
    });
    expect(answer.decisionMismatches).toBeGreaterThan(0);
    expect(answer.invoiceMismatches).toBeGreaterThan(0);
    const fence = bent((a, k) => {
      (a.get(k)![1]!.fact as { fence: number }).fence++;
    });
    expect(fence.decisionMismatches).toBeGreaterThan(0);
    const lost = bent((a, k) => {
      const [lease, f, kind] = k.split('/');
      a.set(`${lease}/${Number(f) + 1}/${kind}`, a.get(k)!);
      a.delete(k);
    });
    // The action under its true fence finds nothing, and both answers under the wrong one are never asked for.
    expect(lost.unansweredActions).toBeGreaterThanOrEqual(1);
    expect(lost.unusedAnswers).toBeGreaterThanOrEqual(2);
    expect(lost.decisionMismatches).toBeGreaterThan(0);
    const column = tables.transfers.columns['amount_micro']!;
    const before = column[3]!;
    column[3] = (before as bigint) + 1n;
    expect(closedLoop(recordedRun(journal), tables)).toMatchObject({ decisionMismatches: 0, invoiceMismatches: 1 });
    column[3] = before;
  });

  test('a complete run is not resumed, and nothing is mixed into it', () => {
    const again = janction(['execute', '--resume', out]);
    expect([again.code, again.out]).toEqual([2, '']);
    expect(again.err).toMatch(/complete; there is nothing to resume/);
    const onto = janction(['execute', scenario, ...short, '--out', out]);
    expect([onto.code, onto.out]).toEqual([2, '']);
    expect(onto.err).toMatch(/not empty/);
  });

  test('validate holds a simulated run against the simulator as well', async () => {
    const simulated = join(dir, 's');
    expect((await janctionInside(['run', scenario, '--out', simulated, '--quiet'])).code).toBe(0);
    const v = await janctionInside(['validate', simulated, '--json']);
    expect(v.code).toBe(0);
    expect((JSON.parse(v.out) as ValidateJson).executed).toBe(false);
  });

  test('asked to stop it stops, says how to go on, and goes on; a damaged journal is not gone on with', async () => {
    const stopped = join(dir, 'stopped');
    const journal = join(`${stopped}.partial`, 'journal');
    const p = spawn(process.execPath, [cli, 'execute', scenario, ...short, '--out', stopped], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const pipe of [p.stdout, p.stderr]) pipe.on('data', (d: Buffer) => (said += d.toString()));
    const code = new Promise<number | null>((resolve) => p.once('exit', resolve));
    // Once something has happened: the journal has grown beyond its header.
    for (let header = 0; p.exitCode === null; ) {
      const size = existsSync(journal) ? statSync(journal).size : 0;
      if (header > 0 && size > header) break;
      header ||= size;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    p.kill('SIGTERM');
    expect([await code, said]).toEqual([1, `stopped; go on with: janction execute --resume ${stopped}\n`]);
    const whole = readFileSync(journal);
    const bent = Uint8Array.from(whole);
    bent[40]! ^= 1;
    writeFileSync(journal, bent);
    const damaged = janction(['execute', '--resume', stopped]);
    expect([damaged.code, damaged.out]).toEqual([2, '']);
    expect(damaged.err).toMatch(/^error: [^\n]*journal[^\n]*\n$/);
    writeFileSync(journal, whole);
    expect(janction(['execute', '--resume', stopped, '--quiet'])).toMatchObject({ code: 0, err: '' });
    expect(readManifest(stopped).execution!.resumes).toBeGreaterThan(0);
    expect(readdirSync(stopped)).not.toContain('execution.json');
    expect((await janctionInside(['validate', stopped])).code).toBe(0);
  });

  const wrong: [string[], RegExp][] = [
    [['execute'], /missing the scenario; or give --resume/],
    [['execute', scenario], /say where with --out/],
    [['execute', scenario, '--devices', 'cpu:1', '--out', 'no/x'], /has 2 GPUs and --devices gives 1/],
    [['execute', scenario, '--devices', 'cpu:0', '--out', 'no/x'], /number from 1/],
    [['execute', scenario, '--devices', 'gpu', '--out', 'no/x'], /write auto, cpu:N/],
    [['execute', scenario, ...short, '--calibration', 'package.json', '--out', 'no/x'], /no calibration; make one/],
    [['challenge', '--devices', 'cpu:1', '--side', '100'], /multiple of 64/],
    [['execute', scenario, '--time-scale', '0', '--out', 'no/x'], /above 0/],
    [['execute', scenario, '--time-scale', 'NaN', '--out', 'no/x'], /above 0/],
    [['execute', scenario, '--devices', 'cpu:2', '--out', 'package.json/x'], /cannot be made/],
    [['execute', '--resume', 'no/x'], /no such run/],
    [['execute', scenario, '--resume', 'no/x'], /leave the scenario out/],
    [['validate', 'no/x'], /no such run directory/],
  ];
  for (const [args, message] of wrong) {
    test(`janction ${args.join(' ')}: one line, exit 2, nothing left`, async () => {
      const a = await janctionInside(args);
      expect([a.code, a.out]).toEqual([2, '']);
      expect(a.err).toMatch(/^error: [^\n]+\n$/);
      expect(a.err).toMatch(message);
      expect(existsSync('no')).toBe(false);
    });
  }
});
