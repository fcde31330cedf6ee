/**
 * `kill -9` of the executor under load at random moments, each followed by a restart. Afterwards every job has one end, no
 * process was started twice under one fence, no two attempts of a job overlap, the books are the auditor's, and nothing runs on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { processesOf } from '../../executor/work/proc.ts';
import type { AuditResult } from '../../lab/commands/audit.ts';
import type { ValidateJson } from '../../lab/commands/validate.ts';
import { readManifest, readRunTable } from '../../lab/rundir/reader.ts';
import { cli, inTemp, janctionInside } from '../support/cli.ts';
import { generator } from '../support/market.ts';
import { runs } from '../support/runs.ts';

const wanted = runs(8);
/** Kills in one run: few enough that it ends in good time; two runs at least, one with and one without isolation. */
const PER_RUN = Math.min(6, Math.ceil(wanted / 2));

/** Limits are far off: a busy machine takes seconds for what a job does in a tenth of one, and limits are not what is tried here. */
const load = `name: under-load
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owners, providers: 2, gpus: 2, class: card }]
demand:
  trace: { format: philly, path: LIST, limitFactor: 200, attempts: 255 }
pricing:
  epoch: 30 minute
  rates: { card: 0.3 USD/hour }
output: { sample: 1 hour }
`;

/** Jobs of one and two GPUs that keep all four busy for a good while. */
function list(seed: number): string {
  const r = generator(seed);
  const rows = ['#job id,arrival time (sec),topology,shape,size,duration (sec)'];
  for (let i = 0; i < 60; i++) rows.push(`${i},${i * 20},CLOS,1,${r() < 0.3 ? 2 : 1},${200 + Math.floor(r() * 500)}`);
  return `${rows.join('\n')}\n`;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const ended = (p: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (p.exitCode !== null || p.signalCode !== null) resolve(p.exitCode);
    else p.once('exit', (code) => resolve(code));
  });
const size = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

async function killAndResume(dir: string, seed: number, kills: number): Promise<number> {
  const r = generator(seed + 1000);
  // Bubblewrap's jobs die with the executor; without it they live on, and the restart has to find them.
  const isolation = seed % 2 === 0 ? 'auto' : 'none';
  const scenario = join(dir, 's.yaml');
  writeFileSync(join(dir, 'list.csv'), list(seed));
  writeFileSync(scenario, load.replace('LIST', join(dir, 'list.csv')));
  const out = join(dir, 'x');
  const journal = `${out}.partial/journal`;
  let killed = 0;
  let orphaned = 0;
  let first = true;
  let orphans: number[] = [];
  for (;;) {
    const args = first
      ? [scenario, '--devices', 'cpu:4', '--time-scale', '3600', '--isolation', isolation, '--out', out]
      : ['--resume', out];
    const p = spawn(process.execPath, [cli, 'execute', ...args, '--quiet', '--json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    p.stderr!.on('data', (d: Buffer) => {
      said += d.toString();
    });
    const before = size(journal);
    first = false;
    if (killed >= kills) {
      expect([await ended(p), said]).toEqual([0, '']);
      break;
    }
    // Now and then in the middle of starting again; else at any moment from its first bytes on.
    if (killed > 0 && r() < 0.2) {
      await sleep(r() * 400);
      p.kill('SIGKILL');
      await ended(p);
      killed++;
      continue;
    }
    while (p.exitCode === null && size(journal) === before) await sleep(2);
    // The first thing a restart writes comes after the end of whatever its predecessor left.
    const run = (JSON.parse(readFileSync(`${out}.partial/execution.json`, 'utf8')) as { run: string }).run;
    const alive = (): number[] => [...processesOf(run).values()].flat();
    expect(alive().filter((pid) => orphans.includes(pid))).toEqual([]);
    await sleep(r() * 250);
    if (p.exitCode !== null) {
      expect([p.exitCode, said]).toEqual([0, '']);
      break;
    }
    p.kill('SIGKILL');
    await ended(p);
    orphans = alive();
    orphaned += orphans.length;
    killed++;
  }
  await check(out, killed);
  // The test would show nothing if no process had ever outlived its executor.
  if (isolation === 'none' && killed > 2) expect(orphaned).toBeGreaterThan(0);
  return killed;
}

async function check(out: string, killed: number): Promise<void> {
  const manifest = readManifest(out);
  expect(manifest.execution!.resumes).toBeGreaterThan(0);
  expect(manifest.execution!.resumes).toBeLessThanOrEqual(killed);
  const j = manifest.result.jobs;
  expect([j.submitted, j.running, j.pending]).toEqual([60, 0, 0]);
  // No job lost: each has one end, and with attempts to spare that end is completion.
  const jobs = (await readRunTable(out, 'jobs')).columns;
  expect(new Set(jobs['job_id']).size).toBe(60);
  const ends = jobs['final_state']!.map((state, i) => [state, jobs['reason']![i], Number(jobs['job_id']![i])]);
  expect(ends.filter(([state]) => state !== 'completed')).toEqual([]);
  // Never twice past a fence: attempts of a job follow each other, and each ran as one process.
  const p = (await readRunTable(out, 'placements')).columns;
  const last = new Map<bigint, bigint>();
  p['job_id']!.forEach((id, i) => {
    const start = p['start_us']![i] as bigint;
    if (start < 0n) return;
    expect(start).toBeGreaterThanOrEqual(last.get(id as bigint) ?? 0n);
    last.set(id as bigint, p['end_us']![i] as bigint);
    const own = join(out, 'jobs', `${id}-${p['attempt']![i]}-${p['part']![i]}`);
    const printed = readFileSync(join(own, 'stdout'), 'utf8')
      .split('\n')
      .filter((l) => l !== '').length;
    if (p['outcome']![i] === 'completed') expect(printed).toBe(1);
    else expect(printed).toBeLessThanOrEqual(1);
  });
  expect(readdirSync(join(out, 'jobs')).length).toBeGreaterThanOrEqual(60);
  const audit = JSON.parse((await janctionInside(['audit', out, '--json'])).out) as AuditResult;
  expect(audit.firstDifference).toBeNull();
  const v = JSON.parse((await janctionInside(['validate', out, '--json'])).out) as ValidateJson;
  expect(v.closedLoop).toMatchObject({
    decisionMismatches: 0,
    invoiceMismatches: 0,
    unansweredActions: 0,
    unusedAnswers: 0,
  });
  expect([...processesOf(manifest.execution!.run).values()].flat()).toEqual([]);
}

describe.skipIf(process.platform !== 'linux')('an executor that is killed', () => {
  test('loses no job, runs none twice, keeps its books and leaves no process', { timeout: 3_600_000 }, async () => {
    let kills = 0;
    for (let seed = 1; kills < wanted; seed++) {
      await inTemp(async (dir) => {
        kills += await killAndResume(dir, seed, Math.min(PER_RUN, wanted - kills));
      });
    }
    expect(kills).toBeGreaterThanOrEqual(wanted);
  });
});
