/** `janction sweep`: resumes after SIGKILL, the same bytes for any workers and shards, clear refusals. */
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inTemp, janctionInside, root, scratch } from '../support/cli.ts';
import { STUDY, writeStudy } from '../support/sweeps.ts';

const kills = Number(process.env['JANCTION_RUNS'] ?? 2);
const quiet = ['--quiet'];
const run = (study: string, out: string, ...more: string[]) =>
  janctionInside(['sweep', 'run', study, '--out', out, ...quiet, ...more]);
const collect = (study: string, out: string) => janctionInside(['sweep', 'collect', study, '--out', out, '--json']);
const table = (out: string) => readFileSync(join(out, 'table.parquet'));
const lines = (out: string) =>
  existsSync(join(out, 'results'))
    ? readdirSync(join(out, 'results')).reduce(
        (n, f) => n + readFileSync(join(out, 'results', f), 'utf8').split('\n').length - 1,
        0,
      )
    : 0;

/** A run killed when `share` of its results stand on disk. */
async function killedAt(study: string, out: string, target: number): Promise<void> {
  const child = spawn(
    process.execPath,
    [join(root, 'dist/lab/cli.js'), 'sweep', 'run', study, '--out', out, '--workers', '2', ...quiet],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && lines(out) < target) await new Promise((r) => setTimeout(r, 5));
  child.kill('SIGKILL');
  await ended;
}

/** The study as it comes out when nothing is in its way: made once, copied by who wants a finished one. */
const { dir: base, remove } = scratch();
const finished = join(base, 'finished');
beforeAll(async () => {
  const study = writeStudy(base);
  expect((await run(study, finished, '--workers', '1')).code).toBe(0);
  expect((await collect(study, finished)).code).toBe(0);
});
afterAll(remove);

describe('resuming', () => {
  test(`killed ${kills} times: finished runs are kept and the table is the same to the byte`, async () => {
    await inTemp(async (dir) => {
      // The long version kills a study that is shipped, of 720 runs and about a minute.
      const long = kills >= 20;
      const study = long ? join(root, 'scenarios/reserve-price/sweep.yaml') : writeStudy(dir);
      const total = long ? 720 : 48;
      const whole = long ? join(dir, 'whole') : finished;
      if (long) expect((await run(study, whole, '--workers', '1')).code).toBe(0);
      const broken = join(dir, 'broken');
      for (let k = 0; k < kills; k++) {
        const before = lines(broken);
        const target = Math.round(total * (0.1 + (0.8 * (k + 1)) / (kills + 1)));
        await killedAt(study, broken, Math.min(total - 4, Math.max(before + 1, target)));
        expect(lines(broken)).toBeGreaterThanOrEqual(before);
      }
      const kept = lines(broken);
      expect(kept).toBeGreaterThan(4);
      // What a crash can leave besides: half a line.
      const part = readdirSync(join(broken, 'results'))[0]!;
      appendFileSync(join(broken, 'results', part), '0badc0de {"id":"half');
      const done = await run(study, broken, '--workers', '2', '--json');
      expect(done.err).toBe('');
      expect((JSON.parse(done.out) as { complete: boolean }).complete).toBe(true);
      // Runs in flight at a kill are made again, others are not.
      expect(lines(broken)).toBeLessThanOrEqual(total + 1);
      expect((await collect(study, broken)).out).toBe((await collect(study, whole)).out);
      expect(table(broken).equals(table(whole))).toBe(true);
    });
  }, 3_600_000);

  test('one worker, four and three shards give one table', async () => {
    await inTemp(async (dir) => {
      const study = writeStudy(dir);
      const four = join(dir, 'four');
      expect((await run(study, four, '--workers', '4')).code).toBe(0);
      expect((await collect(study, four)).code).toBe(0);
      const sharded = join(dir, 'sharded');
      for (const s of ['2/3', '0/3']) expect((await run(study, sharded, '--shard', s, '--workers', '1')).code).toBe(0);
      expect((await collect(study, sharded)).code).toBe(1);
      expect((await run(study, sharded, '--shard', '1/3', '--workers', '1')).code).toBe(0);
      expect((await collect(study, sharded)).code).toBe(0);
      for (const out of [four, sharded]) expect(table(out).equals(table(finished))).toBe(true);
    });
  });

  test('a finished sweep makes nothing; a changed default says why its results are stale', async () => {
    await inTemp(async (dir) => {
      const study = writeStudy(dir);
      const out = join(dir, 'out');
      cpSync(finished, out, { recursive: true });
      const before = lines(out);
      expect((await run(study, out, '--workers', '2')).code).toBe(0);
      expect(lines(out)).toBe(before);
      writeStudy(dir, STUDY, (t) => t.replace('speed: 1', 'speed: 2'));
      const status = JSON.parse((await janctionInside(['sweep', 'status', study, '--out', out, '--json'])).out) as {
        done: number;
        staleResults: number;
        staleBecause: string[];
      };
      expect(status.done).toBe(0);
      expect(status.staleResults).toBe(before);
      expect(status.staleBecause.join()).toContain('speedMilli: 1000 -> 2000');
    });
  });
});

describe('another engine', () => {
  test('results of another version are kept, not used, and named as the reason', async () => {
    await inTemp(async (dir) => {
      const study = writeStudy(dir, STUDY.replace('replications: 4', 'replications: 1'));
      const out = join(dir, 'out');
      await run(study, out, '--workers', '1');
      // As an older version would have left them: its name in the plan, other ids.
      const plan = join(out, 'plan.json');
      const version = (JSON.parse(readFileSync(plan, 'utf8')) as { engine: string }).engine;
      writeFileSync(plan, readFileSync(plan, 'utf8').replaceAll(`"engine":"${version}"`, '"engine":"0.0.9"'));
      const part = join(out, 'results', readdirSync(join(out, 'results'))[0]!);
      const old = readFileSync(part, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => {
          const json = line.slice(9).replace(/"id":"./, '"id":"z');
          return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
        })
        .join('');
      writeFileSync(part, old);
      const status = async () =>
        JSON.parse((await janctionInside(['sweep', 'status', study, '--out', out, '--json'])).out) as {
          done: number;
          staleResults: number;
          staleBecause: string[];
        };
      expect(await status()).toMatchObject({
        done: 0,
        staleResults: 12,
        staleBecause: [`engine: 0.0.9 -> ${version}`],
      });
      const again = await janctionInside(['sweep', 'run', study, '--out', out, '--workers', '1']);
      expect(again.code).toBe(0);
      expect(again.err).toContain(`engine: 0.0.9 -> ${version}`);
      expect(readFileSync(part, 'utf8')).toBe(old);
      expect(await status()).toMatchObject({ done: 12, staleResults: 12, staleBecause: [] });
      expect((await collect(study, out)).code).toBe(0);
    });
  });
});

describe('stopping at an interval', () => {
  test('each point gets as many replications as its figure needs, whatever the workers', async () => {
    await inTemp(async (dir) => {
      const adaptive = STUDY.replace(
        'replications: 4',
        'replications: { min: 3, max: 20, step: 3, metric: gpu_utilisation, relativeHalfWidth: 0.15 }',
      );
      const study = writeStudy(dir, adaptive);
      const said: string[] = [];
      for (const w of ['1', '2']) {
        const out = join(dir, `w${w}`);
        expect((await run(study, out, '--workers', w)).code).toBe(0);
        said.push((await collect(study, out)).out);
      }
      const [a, b] = said;
      expect(b).toBe(a);
      const points = (
        JSON.parse(a!) as { points: { runs: number; metrics: { gpu_utilisation: { mean: number; half: number } } }[] }
      ).points;
      const counts = new Set(points.map((p) => p.runs));
      expect(counts.size).toBeGreaterThan(1);
      for (const p of points)
        if (p.runs < 20)
          expect(p.metrics.gpu_utilisation.half).toBeLessThanOrEqual(0.15 * p.metrics.gpu_utilisation.mean);
    });
  });
});

describe('failures', () => {
  test('a damaged result is not trusted: its run is made again', async () => {
    await inTemp(async (dir) => {
      const study = writeStudy(dir);
      const out = join(dir, 'out');
      cpSync(finished, out, { recursive: true });
      const part = join(out, 'results', readdirSync(join(out, 'results'))[0]!);
      writeFileSync(part, readFileSync(part, 'utf8').replace('"point":0', '"point":1'));
      const status = JSON.parse((await janctionInside(['sweep', 'status', study, '--out', out, '--json'])).out) as {
        done: number;
      };
      expect(status.done).toBe(47);
      const unknown = await janctionInside(['sweep', 'run', study, '--out', out, '--only', 'nothing', ...quiet]);
      expect([unknown.code, unknown.out]).toEqual([2, '']);
      expect((await run(study, out, '--workers', '1')).code).toBe(0);
    });
  });

  test('a failed run keeps its error, spoils nothing else, and can be made again alone', async () => {
    await inTemp(async (dir) => {
      const trace = join(dir, 'trace.csv');
      const good =
        '#job id,arrival time (sec),topology,shape,size,duration (sec)\n0,0.0,CLOS,1,1,60.0\n1,10.0,CLOS,1,1,60.0\n';
      writeFileSync(trace, `${good}2,20.0,CLOS,1,1,sixty\n`);
      const scenario = (t: string) =>
        t
          .replace(/demand:[\s\S]*?pricing:/, `demand: { trace: { path: ${trace}, format: philly } }\npricing:`)
          .replace('horizon: 2 hour\n', 'horizon: until done\n');
      const study = writeStudy(
        dir,
        STUDY.replace(
          /parameters:[\s\S]*?metrics/,
          'parameters:\n    demand.trace.firstRows: [1, 2, 3]\nmetrics',
        ).replace('replications: 4', 'replications: 1'),
        scenario,
      );
      const out = join(dir, 'out');
      const a = await run(study, out, '--workers', '2', '--json');
      expect(a.code).toBe(1);
      const failed = (JSON.parse(a.out) as { failed: { id: string; point: number; error: string }[] }).failed;
      expect(failed.map((f) => f.point)).toEqual([2]);
      expect(failed[0]!.error).toContain('trace.csv:4:');
      expect((await collect(study, out)).code).toBe(1);
      expect((await run(study, out, '--workers', '1')).code).toBe(1);
      expect(
        (await janctionInside(['sweep', 'run', study, '--out', out, '--only', failed[0]!.id, ...quiet])).code,
      ).toBe(1);
    });
  });
});

describe('refusals: one line, exit 2, nothing on stdout', () => {
  const cases: [string, string, RegExp][] = [
    ['unknown parameter', STUDY.replace('pricing.rates.gpu', 'pricing.ratez.gpu'), /ratez/],
    ['empty axis', STUDY.replace(/pricing.rates.gpu: \[.*\]/, 'pricing.rates.gpu: []'), /sweep\.yaml:9:\d+: .*empty/],
    ['duplicate value', STUDY.replace('0.9 USD/hour', '0.6 USD/hour'), /sweep\.yaml:9:\d+: .*twice/],
    [
      'same scenario twice',
      STUDY.replace('0.9 USD/hour', '600 USD/hour').replace('0.6 USD/hour', '600.0 USD/hour'),
      /same scenario/,
    ],
    ['over the limit', `${STUDY}limit: 10\n`, /48 runs are over the limit of 10/],
    ['unknown key', `${STUDY}desing: 1\n`, /sweep\.yaml:11:1: unknown key "desing"/],
    ['zip of unequal lists', STUDY.replace('kind: grid', 'kind: zip'), /zip/],
    ['no scenario', STUDY.replace('scenario.yaml', 'absent.yaml'), /absent\.yaml/],
    ['empty file', '', /sweep\.yaml:1:1/],
    ['unknown metric', STUDY, /no figure is called/],
  ];
  test.each(cases)('%s', async (name, text, want) => {
    await inTemp(async (dir) => {
      const study = writeStudy(
        dir,
        name === 'unknown metric' ? text.replace('[gpu_utilisation, money_charged]', '[gpu_utilization]') : text,
      );
      const out = join(dir, 'out');
      let a = await run(study, out, '--workers', '1');
      if (name === 'unknown metric') a = await collect(study, out);
      expect(a.code).toBe(2);
      expect(a.out).toBe('');
      expect(a.err.trim().split('\n').length).toBe(1);
      expect(a.err).toMatch(want);
    });
  });

  test('a directory with something else in it, a file, and one that may not be written', async () => {
    await inTemp(async (dir) => {
      const study = writeStudy(dir);
      const foreign = join(dir, 'foreign');
      mkdirSync(foreign);
      writeFileSync(join(foreign, 'thesis.tex'), 'x');
      expect((await run(study, foreign)).err).toContain('thesis.tex');
      expect(readdirSync(foreign)).toEqual(['thesis.tex']);
      expect((await run(study, join(study, 'below'))).code).toBe(2);
      if (process.getuid?.() !== 0) {
        const locked = join(dir, 'locked');
        mkdirSync(locked);
        chmodSync(locked, 0o500);
        expect((await run(study, join(locked, 'out'))).err).toContain('cannot be written');
      }
    });
  });

  test('a read-only file system', async (context) => {
    await inTemp(async (dir) => {
      const mount = join(dir, 'fixed');
      mkdirSync(mount);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', mount]).status !== 0)
        return context.skip('a tmpfs cannot be mounted here');
      try {
        const a = await run(writeStudy(dir), join(mount, 'out'));
        expect([a.code, a.out]).toEqual([2, '']);
        expect(a.err).toMatch(/^error: .*cannot be written \(EROFS\).*\n$/);
      } finally {
        spawnSync('umount', [mount]);
      }
    });
  });

  test('a full disk: the runs that fitted are kept, the rest are made when there is room', async (context) => {
    await inTemp(async (dir) => {
      const mount = join(dir, 'small');
      mkdirSync(mount);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]);
      if (mounted.status !== 0) return context.skip('a small tmpfs cannot be mounted here');
      try {
        const study = writeStudy(dir);
        const out = join(mount, 'out');
        const a = await run(study, out, '--workers', '1');
        expect([a.code, a.out]).toEqual([2, '']);
        expect(a.err).toContain('disk is full');
        const kept = lines(out);
        expect(kept).toBeGreaterThan(0);
        spawnSync('mount', ['-o', 'remount,size=8m', mount]);
        expect((await run(study, out, '--workers', '1')).code).toBe(0);
        expect((await collect(study, out)).code).toBe(0);
        expect(table(out).equals(table(finished))).toBe(true);
      } finally {
        spawnSync('umount', [mount]);
        rmSync(mount, { recursive: true, force: true });
      }
    });
  });
});
