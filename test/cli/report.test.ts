/** What report, explain and timeline say about a run, held against the run's own tables. */
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainCommand, readableExplanation } from '../../lab/commands/explain.ts';
import type { Explanation } from '../../lab/explain/explain.ts';
import { readable } from '../../lab/readable.ts';
import { pairedInterval } from '../../lab/report/compare.ts';
import { readRun } from '../../lab/report/data.ts';
import { longestWaits, reasonOf } from '../../lab/report/waits.ts';
import { readColumns } from '../../lab/rundir/columns.ts';
import { readManifest, readRunTable } from '../../lab/rundir/reader.ts';
import { janctionInside } from '../support/cli.ts';

let base = '';
let run = '';
// Few machines and six hours: queues build up at once.
const small = [
  'horizon=6 hour',
  'fleet.groups.gamers.providers=16',
  'fleet.groups.enthusiasts.providers=10',
  'fleet.groups.farm.nodes=5',
  'failures.groups.gamers.mtbf=90 minute',
  'failures.groups.enthusiasts.mtbf=2 hour',
  'failures.groups.gamers.repair=20 minute',
].flatMap((s) => ['--set', s]);
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'janction-report-'));
  run = join(base, 'a');
  const scenario = 'scenarios/quickstart/scenario.yaml';
  expect((await janctionInside(['run', scenario, ...small, '--out', run, '--quiet'])).code).toBe(0);
  for (const [name, extra] of [
    ['fifo1', ['--seed', '1']],
    ['fifo2', ['--seed', '2']],
    ['easy2', ['--seed', '2']],
  ] as const) {
    const queue = name.startsWith('fifo') ? ['--set', 'scheduling.queueing=fifo'] : [];
    expect(
      (await janctionInside(['run', scenario, ...small, ...extra, ...queue, '--out', join(base, name), '--quiet']))
        .code,
    ).toBe(0);
  }
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

const explained = (job: number): Explanation => explainCommand(run, job);

describe('report', () => {
  test('writes one page, the same bytes each time, that asks nobody for anything', async () => {
    const first = await janctionInside(['report', run, '--quiet']);
    expect(first.code).toBe(0);
    expect(first.out).toBe(`${join(run, 'report.html')}\n`);
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    expect((await janctionInside(['report', run, '--quiet', '--out', join(base, 'again.html')])).code).toBe(0);
    expect(readFileSync(join(base, 'again.html'), 'utf8')).toBe(page);
    expect(page).not.toMatch(/(?:src|href)="(?!#)/);
    expect(page).not.toMatch(/url\(|@import|fetch\(|XMLHttpRequest|https?:\/\/(?!www\.w3\.org)/);
    expect(page.length).toBeLessThan(1_000_000);
    for (const id of [
      'asked',
      'load',
      'waits',
      'longest',
      'prices',
      'money',
      'revenue',
      'stake',
      'failures',
      'machines',
      'checked',
      'again',
    ])
      expect(page).toContain(`<section id="${id}">`);
  });

  test('its figures are those of the run', () => {
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    const { result } = readManifest(run);
    expect(page).toContain(`${(Math.round(result.gpu.utilisation * 1000) / 10).toString()} %`);
    expect(page).toContain(result.fingerprint);
    expect(page).toContain(`>${String(result.jobs.submitted).replace(/\B(?=(\d{3})+$)/g, ',')}<`);
    const shown = readable(readManifest(run).scenario, result, null);
    const [, providers] = /providers +([\d.]+)\n/.exec(shown)!;
    expect(Math.abs(Number(providers) - Number(result.money.providers) / 1e6)).toBeLessThan(0.0101);
    expect(page).toContain(`<th scope="row">providers</th><td class="n">${providers} USD</td>`);
  });

  test('machines are up from the start, not from the first sample on; commands are those of a checkout', async () => {
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    const up = /<path class="line c3[^"]*" d="M([^"]+)"/.exec(page)![1]!;
    const y = [...up.matchAll(/[\d.]+,([\d.]+)/g)].map((m) => Number(m[1]));
    // Nothing fails at once, so no moment has more of them up than the first (less y = more GPUs).
    expect(y[0]).toBe(Math.min(...y));
    expect(page).toContain(`npx janction audit ${run}`);
    expect(page).not.toMatch(/<code>janction |^janction /m);
  });

  test('revenue by stake: what each staker got, beside its share of the stake', async () => {
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    const { scenario } = readManifest(run);
    const accounts = await readRunTable(run, 'accounts');
    const stakes = new Map<string, number>();
    for (const p of scenario.market.stakes) stakes.set(p.staker, (stakes.get(p.staker) ?? 0) + Number(p.amount));
    const total = [...stakes.values()].reduce((a, b) => a + b, 0);
    for (const [name, stake] of stakes) {
      const row = accounts.columns['account']!.indexOf(`staker:${name}` as never);
      const got = row < 0 ? 0 : Number(accounts.columns['credits_posted_micro']![row]) / 1e6;
      expect(page).toMatch(new RegExp(`<th scope="row">${name}</th>.*?${Math.round((stake / total) * 1000) / 10} %`));
      expect(page).toContain(`>${got.toFixed(2)} USD<`);
    }
  });

  test('stake that moves is weighed by time; elections and slashes are counted', async () => {
    const dir = join(base, 'stake');
    const stake = ['run', 'scenarios/stake-90-days/scenario.yaml', '--set', 'horizon=20 day', '--out', dir, '--quiet'];
    expect((await janctionInside(stake)).code).toBe(0);
    expect((await janctionInside(['report', dir, '--quiet'])).code).toBe(0);
    const page = readFileSync(join(dir, 'report.html'), 'utf8');
    const { result } = readManifest(dir);
    expect(page).toContain(`<h3>${result.stake!.elections} elections</h3>`);
    const s = await readColumns(dir, 'stakes', ['time_us', 'staker', 'bonded_micro', 'code', 'provider']);
    // The slow way: what "nomad-2" had bonded in each of 4,800 equal steps.
    const end = result.simulatedSeconds * 1e6;
    let sum = 0;
    for (let k = 0; k < 4800; k++) {
      const now = ((k + 0.5) * end) / 4800;
      const last = new Map<string, number>();
      for (let i = 0; i < s.rows; i++)
        if (s.staker[i] === 'nomad-2' && s.code[i] === 'ok' && s.time_us[i]! <= now)
          last.set(s.provider[i]!, s.bonded_micro[i]!);
      for (const v of last.values()) sum += v / 1e6;
    }
    const cell = /<th scope="row">nomad-2<\/th><td class="n">([\d,.]+)</.exec(page)![1]!;
    expect(Number(cell.replace(/,/g, '')) / (sum / 4800)).toBeCloseTo(1, 2);
  });

  test('clearings: what was offered, wanted, bought and paid', async () => {
    const dir = join(base, 'clearing');
    const week = ['run', 'scenarios/pvcg-week/scenario.yaml', '--set', 'horizon=12 hour', '--out', dir, '--quiet'];
    expect((await janctionInside(week)).code).toBe(0);
    expect((await janctionInside(['report', dir, '--quiet'])).code).toBe(0);
    const page = readFileSync(join(dir, 'report.html'), 'utf8');
    const s = await readColumns(dir, 'supply', [
      'time_us',
      'provider',
      'gpu_class',
      'offered_gpus',
      'awarded_gpus',
      'pay_micro_per_hour',
    ]);
    const at = new Set(s.time_us);
    const bought = s.awarded_gpus.reduce((a, b) => a + b, 0);
    const offered = s.offered_gpus.reduce((a, b) => a + b, 0);
    const pays = new Map<string, number>();
    for (let i = 0; i < s.rows; i++)
      pays.set(`${s.time_us[i]} ${s.provider[i]} ${s.gpu_class[i]}`, s.pay_micro_per_hour[i]!);
    const pay = [...pays.values()].reduce((a, b) => a + b, 0);
    const price = Math.round((pay / bought / 1e6) * 1000) / 1000;
    expect(page).toContain(
      `${at.size} clearings bought ${Math.round((bought / offered) * 1000) / 10} % of the GPUs on offer at ${price} USD an hour`,
    );
  });

  test('the longest waits are the longest, and their reasons agree with the replayed scheduler', async () => {
    const data = await readRun(run);
    const list = longestWaits(data, 10);
    const waits = [...data.jobs.waiting_time_us].sort((a, b) => b - a).slice(0, 10);
    expect(list.map((w) => w.waitUs)).toEqual(waits);
    for (const w of list) {
      expect(w.noRoom + w.scattered + w.queueOrder).toBeCloseTo(1, 9);
      const e = explained(w.job);
      const spent = (code: string) => (e.wait.byReason.find((r) => r.code === code)?.seconds ?? 0) / e.wait.seconds!;
      // The tables know when processes ran, the scheduler when it leased: they differ by starts, kills and lost machines.
      expect(Math.abs(spent('no-room') - w.noRoom), `job ${w.job}`).toBeLessThan(0.05);
      expect(Math.abs(spent('scattered') - w.scattered), `job ${w.job}`).toBeLessThan(0.05);
      expect([w.ahead, w.overtakenBy], `job ${w.job}`).toEqual([e.wait.aheadWhenItCame, e.wait.overtakenBy.jobs]);
      expect(new Set(e.wait.overtakenBy.first).size).toBe(e.wait.overtakenBy.first.length);
    }
  });

  test('who overtook a job is counted as by the tables of a run that goes on until those jobs are over', async () => {
    const long = join(base, 'long');
    const goesOn = ['--set', 'horizon=24 hour', '--out', long, '--quiet'];
    expect((await janctionInside(['run', 'scenarios/quickstart/scenario.yaml', ...small, ...goesOn])).code).toBe(0);
    const data = await readRun(run);
    const over = new Set(data.jobs.job_id);
    const { jobs: later } = await readRun(long);
    let open = 0;
    for (const w of longestWaits(data, 10)) {
      const overtook: number[] = [];
      let ahead = 0;
      for (let i = 0; i < later.rows; i++) {
        const start = later.starting_time_us[i]!;
        if (later.pool[i] !== w.pool) continue;
        if (later.job_id[i]! > w.job && start >= 0 && start < w.startUs) overtook.push(later.job_id[i]!);
        if (later.job_id[i]! < w.job && (start >= 0 ? start : later.finish_time_us[i]!) > w.submitUs) ahead++;
      }
      expect([w.ahead, w.overtakenBy], `job ${w.job}`).toEqual([ahead, overtook.length]);
      for (const n of explained(w.job).wait.overtakenBy.first) expect(overtook).toContain(n);
      open += overtook.filter((n) => !over.has(n)).length;
    }
    // Some of them were not over when the first run ended, so that no table of its names them.
    expect(open).toBeGreaterThan(0);
  });

  test('a share of a wait is all of it only when it is, and what was free then is less than was asked for', () => {
    const wait = { job: 1, label: 'x', pool: 'p', submitUs: 0, startUs: 1, waitUs: 1, gpus: 1, tasks: 1, classes: [] };
    const rest = { ahead: 0, overtakenBy: 0, notBought: 0, scattered: 0, mostFree: 0.5 };
    expect(reasonOf({ ...wait, ...rest, noRoom: 0.9999, queueOrder: 0.0001 })).toContain('for more than 99.9 % of');
    expect(reasonOf({ ...wait, ...rest, noRoom: 1, queueOrder: 0 })).toContain('for 100 % of');
  });

  test('texts of too few free GPUs name fewer than the job asked for', async () => {
    for (const w of longestWaits(await readRun(run), 40)) if (w.noRoom > 0) expect(w.mostFree).toBeLessThan(w.gpus);
  });

  test('several runs are compared by pairs of seeds', async () => {
    const out = join(base, 'compare.html');
    const dirs = ['fifo1', 'fifo2', 'easy2'].map((d) => join(base, d));
    const done = await janctionInside(['report', join(base, 'fifo1'), run, ...dirs.slice(1), '--out', out, '--quiet']);
    expect(done.err).toBe('');
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('<section id="compare">');
    expect(page).toContain('Paired by seed: 1, 2.');
    const wait = (d: string) => readManifest(join(base, d)).result.waitSeconds.mean;
    const i = pairedInterval([wait('a') - wait('fifo1'), wait('easy2') - wait('fifo2')])!;
    // Two pairs: t(0.975, 1) = 12.7062.
    const d = [wait('a') - wait('fifo1'), wait('easy2') - wait('fifo2')];
    expect(i.mean).toBeCloseTo((d[0]! + d[1]!) / 2, 9);
    expect(i.high - i.mean).toBeCloseTo((12.706204736 * Math.abs(d[0]! - d[1]!)) / 2, 4);
    expect(page).toMatch(/B (shortened|lengthened) the mean wait/);
    const section = page.slice(page.indexOf('<section id="compare">'), page.indexOf('<section id="load">'));
    // Means of two seeds: no figure has more than three decimals, and money has its unit.
    expect(section.replace(/<svg.*?<\/svg>/gs, '')).not.toMatch(/\d\.\d{4}/);
    for (const row of ['users were charged', 'providers got', 'welfare'])
      expect(section).toMatch(new RegExp(`${row}</th><td class="n">[\\d,.]+ USD</td>`));
    expect(page).toContain('started sooner');
  });

  test('a damaged run is named, and nothing is written', async () => {
    const cases: [string, (dir: string) => void, RegExp][] = [
      ['no-table', (d) => rmSync(join(d, 'jobs.parquet')), /jobs\.parquet: missing/],
      ['cut', (d) => truncateSync(join(d, 'placements.parquet'), 900), /placements\.parquet: cut off/],
      [
        'no-parquet',
        (d) => writeFileSync(join(d, 'prices.parquet'), 'x'.repeat(400)),
        /prices\.parquet: no Parquet table/,
      ],
      ['no-journal', (d) => rmSync(join(d, 'journal')), /journal: missing/],
      ['torn-journal', (d) => truncateSync(join(d, 'journal'), 20_000), /journal: .*(damaged|cut off)/],
      [
        'other-version',
        (d) => writeFileSync(join(d, 'run.json'), '{"schema":"janction.rundir/9"}'),
        /janction\.rundir\/9/,
      ],
      ['no-json', (d) => writeFileSync(join(d, 'run.json'), '{"schema":'), /run\.json: not JSON/],
    ];
    for (const [name, harm, says] of cases) {
      const dir = join(base, name);
      cpSync(run, dir, { recursive: true });
      rmSync(join(dir, 'report.html'), { force: true });
      harm(dir);
      const done = await janctionInside(['report', dir]);
      expect(done.code, name).toBe(2);
      expect(done.out, name).toBe('');
      expect(done.err, name).toMatch(/^error: .*\n$/);
      expect(done.err, name).toMatch(says);
      expect(() => readFileSync(join(dir, 'report.html')), name).toThrow(/ENOENT/);
    }
    expect((await janctionInside(['report', join(base, 'nowhere')])).err).toMatch(
      /^error: .*no such run directory.*\n$/,
    );
    writeFileSync(join(base, 'plain'), '');
    for (const out of [join(base, 'no', 'such', 'dir.html'), join(base, 'plain', 'in-a-file.html')])
      expect((await janctionInside(['report', run, '--out', out])).err).toMatch(
        /^error: [^\n]* cannot be written [^\n]*\n$/,
      );
  });
});

describe('explain', () => {
  test('agrees with the tables for jobs of every fate', async () => {
    const jobs = await readRunTable(run, 'jobs');
    const placements = await readRunTable(run, 'placements');
    const byState = new Map<string, number[]>();
    for (let i = 0; i < jobs.rows; i++) {
      const state = `${String(jobs.columns['final_state']![i])} ${String(jobs.columns['reason']![i])} ${String(jobs.columns['attempts']![i])}`;
      const list = byState.get(state) ?? [];
      if (list.length < 2) list.push(i);
      byState.set(state, list);
    }
    expect(byState.size).toBeGreaterThan(5);
    for (const i of [...byState.values()].flat()) {
      const job = Number(jobs.columns['job_id']![i]);
      const e = explained(job);
      expect(e.state).toBe(jobs.columns['final_state']![i]);
      expect(e.reason).toBe(jobs.columns['reason']![i]);
      expect(e.paid.chargedMicro).toBe(String(jobs.columns['charged_micro']![i]));
      expect(BigInt(e.submittedUs)).toBe(jobs.columns['submission_time_us']![i]);
      expect(BigInt(e.startedUs ?? -1)).toBe(jobs.columns['starting_time_us']![i]);
      const parts = placements.columns['job_id']!.filter((j) => Number(j) === job).length;
      expect(e.attempts.flatMap((a) => a.parts)).toHaveLength(parts);
      const queued = e.wait.byReason.reduce((n, r) => n + r.seconds, 0);
      if (e.startedUs !== null && e.attempts.length === 1) expect(queued).toBeLessThanOrEqual(e.wait.seconds! + 1e-6);
      // The machine that was chosen is where the last attempt went, and no other scored more.
      const went = e.attempts.at(-1)?.parts[0]?.node;
      expect(e.placed?.chosen.node).toBe(went);
      if (e.placed !== null) {
        expect(e.placed.filters.fits).toBe(e.placed.candidates);
        for (const o of e.placed.others) expect(o.score).toBeLessThanOrEqual(e.placed.chosen.score!);
      }
      for (const s of e.wait.stretches) expect(s.toUs).toBeGreaterThan(s.fromUs);
      const read = readableExplanation(e);
      expect(read).toContain(`job ${job} (`);
      expect(read).toContain('Paid ');
    }
  });

  test('prints the same document', async () => {
    const done = await janctionInside(['explain', run, '100', '--json']);
    expect(JSON.parse(done.out)).toEqual(explained(100));
    expect((await janctionInside(['explain', run, '100'])).out).toBe(readableExplanation(explained(100)));
  });

  test('says what is wrong with what it was asked', async () => {
    expect((await janctionInside(['explain', run, '999999'])).err).toMatch(/^error: .*no job 999999.*\n$/);
    for (const bad of ['0', '-3', 'x', '1.5', '99999999999999999999']) {
      const done = await janctionInside(['explain', run, bad]);
      expect([done.code, done.out]).toEqual([2, '']);
    }
  });
});

interface TraceEvent {
  ph: string;
  name: string;
  pid: number;
  tid?: number;
  ts?: number;
  dur?: number;
  id?: string | number;
  cat?: string;
  args?: Record<string, unknown>;
}

describe('timeline', () => {
  test('is what the trace viewers read, and holds every placement', async () => {
    const done = await janctionInside(['timeline', run]);
    expect(done.code).toBe(0);
    const trace = JSON.parse(done.out) as { traceEvents: TraceEvent[]; displayTimeUnit: string };
    expect(trace.displayTimeUnit).toBe('ms');
    const needs: Record<string, (keyof TraceEvent)[]> = {
      M: ['name', 'pid', 'args'],
      X: ['name', 'cat', 'pid', 'tid', 'ts', 'dur'],
      b: ['name', 'cat', 'pid', 'id', 'ts'],
      e: ['name', 'cat', 'pid', 'id', 'ts'],
      s: ['name', 'cat', 'pid', 'tid', 'id', 'ts'],
      f: ['name', 'cat', 'pid', 'tid', 'id', 'ts'],
      C: ['name', 'pid', 'ts', 'args'],
      i: ['name', 'pid', 'tid', 'ts'],
    };
    const processes = new Set<number>();
    for (const e of trace.traceEvents) {
      expect(Object.keys(needs)).toContain(e.ph);
      for (const key of needs[e.ph]!) expect(e, e.ph).toHaveProperty(key);
      if (e.ts !== undefined) expect(Number.isSafeInteger(e.ts) && e.ts >= 0).toBe(true);
      if (e.dur !== undefined) expect(Number.isSafeInteger(e.dur) && e.dur >= 0).toBe(true);
      if (e.ph === 'M' && e.name === 'process_name') processes.add(e.pid);
      else expect(processes.has(e.pid)).toBe(true);
    }
    const of = (ph: string) => trace.traceEvents.filter((e) => e.ph === ph);
    // Slices of one thread must not overlap, or the viewer nests them.
    const rows = new Map<string, [number, number][]>();
    for (const e of of('X')) {
      const key = `${e.pid}/${e.tid}`;
      rows.set(key, [...(rows.get(key) ?? []), [e.ts!, e.ts! + e.dur!]]);
    }
    for (const list of rows.values()) {
      list.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      for (let k = 1; k < list.length; k++) expect(list[k]![0]).toBeGreaterThanOrEqual(list[k - 1]![1]);
    }
    const open = new Map<string, number>();
    for (const e of of('b')) open.set(String(e.id), e.ts!);
    for (const e of of('e')) expect(e.ts!).toBeGreaterThanOrEqual(open.get(String(e.id))!);
    expect(of('b')).toHaveLength(of('e').length);
    expect(of('s').map((e) => e.id)).toEqual(of('f').map((e) => e.id));
    for (const [k, s] of of('s').entries()) expect(of('f')[k]!.ts!).toBeGreaterThanOrEqual(s.ts!);
    const p = await readColumns(run, 'placements', ['start_us', 'gpus', 'gpu_milli']);
    let slices = 0;
    for (let i = 0; i < p.rows; i++)
      if (p.start_us[i]! >= 0 && p.gpu_milli[i]! >= 1000 && p.gpus[i] !== '') slices += p.gpus[i]!.split('+').length;
    const j = await readColumns(run, 'jobs', ['job_id', 'submission_time_us', 'waiting_time_us']);
    const waited = Array.from({ length: j.rows }, (_, i) => [
      j.waiting_time_us[i]!,
      j.job_id[i]!,
      j.submission_time_us[i]!,
    ]);
    const longest = waited.sort((x, y) => y[0]! - x[0]! || x[1]! - y[1]!).slice(0, 10);
    expect(of('b').flatMap((e) => (e.cat === 'wait' ? [[e.args!['job'], e.ts]] : []))).toEqual(
      longest.map(([, job, from]) => [job, from]),
    );
    expect(of('X')).toHaveLength(slices);
    expect(slices).toBeGreaterThan(400);
    expect(of('s').length).toBeGreaterThan(10);
    expect(of('i')).toHaveLength((await readColumns(run, 'failures', ['time_us'])).rows);
  });

  test('arrows lead from an attempt that gave way to the job it gave way to', async () => {
    const dir = join(base, 'preempting');
    const small = ['horizon=8 hour', 'fleet.groups.gamers.providers=16', 'fleet.groups.enthusiasts.providers=10'];
    const args = [...small, 'scheduling.queueing=srtf'].flatMap((x) => ['--set', x]);
    expect(
      (await janctionInside(['run', 'scenarios/quickstart/scenario.yaml', ...args, '--out', dir, '--quiet'])).code,
    ).toBe(0);
    const trace = JSON.parse((await janctionInside(['timeline', dir])).out) as { traceEvents: TraceEvent[] };
    const yielded = await readColumns(dir, 'preemptions', ['time_us', 'job_id', 'lease_id', 'by_job_id']);
    const p = await readColumns(dir, 'placements', ['lease_id', 'job_id', 'part', 'start_us', 'end_us', 'outcome']);
    const endOf = new Map<number, number>();
    for (let i = 0; i < p.rows; i++) if (p.outcome[i] === 'preempted') endOf.set(p.lease_id[i]!, p.end_us[i]!);
    expect(yielded.rows).toBeGreaterThan(20);
    // The slow way: every order, and the first start of its heir after the room was made.
    const expected: string[] = [];
    for (let i = 0; i < yielded.rows; i++) {
      const end = endOf.get(yielded.lease_id[i]!);
      if (end === undefined) continue;
      let start = Number.POSITIVE_INFINITY;
      for (let k = 0; k < p.rows; k++)
        if (p.job_id[k] === yielded.by_job_id[i] && p.part[k] === 0 && p.start_us[k]! >= end - 1)
          start = Math.min(start, p.start_us[k]!);
      if (start < Number.POSITIVE_INFINITY)
        expected.push(`job ${yielded.job_id[i]} gave way to job ${yielded.by_job_id[i]} at ${start}`);
    }
    const heads = trace.traceEvents.filter((e) => e.ph === 'f' && e.cat === 'preemption');
    const order = (list: string[]) => list.sort((x, y) => (x < y ? -1 : 1));
    expect(order(heads.map((e) => `${e.name} at ${e.ts}`))).toEqual(order(expected));
    expect(expected.length).toBeGreaterThan(10);
  });

  test('elections, slashes and failed aggregators are instants of the market', async () => {
    const dir = join(base, 'stake');
    const trace = JSON.parse((await janctionInside(['timeline', dir])).out) as { traceEvents: TraceEvent[] };
    const instants = trace.traceEvents.filter((e) => e.ph === 'i');
    const e = await readColumns(dir, 'elections', ['time_us', 'occasion']);
    const held = new Set(Array.from({ length: e.rows }, (_, i) => `${e.time_us[i]} ${e.occasion[i]}`));
    expect(instants.filter((x) => x.cat === 'election')).toHaveLength(held.size);
    const s = await readColumns(dir, 'stakes', ['act']);
    const slashes = s.act.filter((x) => x.startsWith('slash-') && x !== 'slash-final').length;
    expect(instants.filter((x) => x.cat === 'stake' && x.name.startsWith('slash'))).toHaveLength(slashes);
    expect(held.size).toBeGreaterThanOrEqual(19);
  });

  test('writes the same to a file, and leaves nothing behind when it cannot', async () => {
    const file = join(base, 't.json');
    const done = await janctionInside(['timeline', run, '--out', file, '--json', '--quiet']);
    const text = readFileSync(file, 'utf8');
    expect(text).toBe((await janctionInside(['timeline', run])).out);
    const said = JSON.parse(done.out) as { events: number };
    expect(said.events).toBe((JSON.parse(text) as { traceEvents: unknown[] }).traceEvents.length);
    const dir = join(base, 'torn');
    cpSync(run, dir, { recursive: true });
    truncateSync(join(dir, 'samples.parquet'), 100);
    const torn = await janctionInside(['timeline', dir, '--out', join(base, 'torn.json')]);
    expect(torn.code).toBe(2);
    expect(torn.err).toMatch(/^error: .*samples\.parquet.*\n$/);
    expect(() => readFileSync(join(base, 'torn.json'))).toThrow(/ENOENT/);
    expect(() => readFileSync(join(base, 'torn.json.partial'))).toThrow(/ENOENT/);
    expect((await janctionInside(['timeline', run, '--json'])).code).toBe(2);
  });
});
