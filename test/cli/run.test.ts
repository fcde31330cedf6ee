import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tableNames } from '../../core/record/schema.ts';
import type { Manifest } from '../../lab/rundir/writer.ts';
import type { RunJson } from '../../sim/summary.ts';
import { inTemp, janction, janctionInside, root } from '../support/cli.ts';
import { moneyFault } from '../support/money.ts';

const quickstart = 'scenarios/quickstart/scenario.yaml';

describe('run', () => {
  test('the same scenario and seed print the same bytes; the money adds up; checking every event changes nothing', async () => {
    const morning = ['run', quickstart, '--seed', '7', '--set', 'horizon=6 hour', '--json'];
    const once = janction(morning);
    const again = janction(morning);
    const checked = await janctionInside([...morning, '--check', 'every-event']);
    expect([once.code, again.code, checked.code]).toEqual([0, 0, 0]);
    expect(again.out).toBe(once.out);
    const a = JSON.parse(once.out) as RunJson;
    const b = JSON.parse(checked.out) as RunJson;
    expect(moneyFault(a)).toBeNull();
    expect(b.fingerprint).toBe(a.fingerprint);
    expect(b.invariants.checks).toBeGreaterThan(10_000);
    expect(b.invariants.violations).toBe(0);
    const j = a.jobs;
    expect(j.submitted).toBe(j.completed + j.failed + j.rejected + j.cancelled + j.running + j.pending);
    expect(a.seed).toBe(7);
  });

  test('another seed gives another day', async () => {
    const fingerprints = new Set<string>();
    for (const s of ['1', '2', '3'])
      fingerprints.add(
        (JSON.parse((await janctionInside(['run', quickstart, '--seed', s, '--json'])).out) as RunJson).fingerprint,
      );
    expect(fingerprints.size).toBe(3);
  });

  test('stdout carries the result alone; nothing of the machine is in it', async () => {
    const { out, err } = await janctionInside(['run', quickstart, '--json']);
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(out).not.toMatch(/\/home|\/tmp|\/root|20\d\d-\d\d-\d\d/);
    expect(err).toMatch(/wall/);
    expect((await janctionInside(['run', quickstart, '--json', '--quiet'])).err).toBe('');
  });

  test('--out writes a complete run directory, and only then', async () => {
    await inTemp(async (dir) => {
      const out = join(dir, 'runs', 'q');
      const answer = await janctionInside(['run', quickstart, '--out', out, '--json', '--quiet']);
      expect(answer.code).toBe(0);
      expect(readdirSync(join(dir, 'runs'))).toEqual(['q']);
      const names = readdirSync(out).sort((a, b) => (a < b ? -1 : 1));
      expect(names).toEqual(
        [...tableNames.map((t) => `${t}.parquet`), 'journal', 'run.json'].sort((a, b) => (a < b ? -1 : 1)),
      );
      const manifest = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as Manifest;
      expect(manifest.result).toEqual(JSON.parse(answer.out));
      expect(manifest.tables.jobs).toBe(
        manifest.result.jobs.completed +
          manifest.result.jobs.failed +
          manifest.result.jobs.rejected +
          manifest.result.jobs.cancelled,
      );
      expect(manifest.command).toContain(`--seed ${manifest.seed}`);
      // The result does not depend on whether it is kept.
      expect((await janctionInside(['run', quickstart, '--json', '--quiet'])).out).toBe(answer.out);
    });
  });

  test('refuses a target that holds anything, and leaves it alone', async () => {
    await inTemp(async (dir) => {
      mkdirSync(join(dir, 'full'));
      writeFileSync(join(dir, 'full', 'mine'), 'x');
      const a = await janctionInside(['run', quickstart, '--out', join(dir, 'full')]);
      expect([a.code, a.out]).toEqual([2, '']);
      expect(a.err).toMatch(/^error: .*not empty.*\n$/);
      expect(readdirSync(join(dir, 'full'))).toEqual(['mine']);
      mkdirSync(join(dir, 'q.partial'));
      const b = await janctionInside(['run', quickstart, '--out', join(dir, 'q')]);
      expect(b.code).toBe(2);
      expect(b.err).toMatch(/cut off/);
    });
  });

  test('refuses an empty argument, a file or a link as target: the working directory is never replaced', async () => {
    await inTemp((dir) => {
      writeFileSync(join(dir, 'mine'), 'x');
      symlinkSync('nowhere', join(dir, 'dangling'));
      const scenario = join(root, quickstart);
      for (const out of [['--out', ''], ['--out='], ['--out', 'mine'], ['--out', 'mine/x'], ['--out', 'dangling']]) {
        const a = janction(['run', scenario, '--set', 'horizon=1 minute', '--set', 'warmup=', '--quiet', ...out], dir);
        expect([a.code, a.out], out.join(' ')).toEqual([2, '']);
        expect(a.err).toMatch(/^error: (?!internal)[^\n]*\n$/);
        expect(new Set(readdirSync(dir))).toEqual(new Set(['dangling', 'mine']));
      }
    });
  });

  test('help of what is no command is one line; usage errors name the page that helps', async () => {
    const a = await janctionInside(['help', 'runn']);
    expect([a.code, a.out, a.err]).toEqual([2, '', 'error: help: no "runn"; did you mean "run"?\n']);
    expect((await janctionInside(['sweep'])).err).toBe('error: sweep: what? have: plan, run, status, collect\n');
    expect((await janctionInside(['reproduce', 'fgdd'])).err).toBe(
      'error: reproduce: no "fgdd"; did you mean "fgd"?\n',
    );
    const b = await janctionInside(['run', quickstart, '--check', 'sometimes']);
    expect(b.err).toMatch(/are end, every-event; see janction help run\n$/);
    // A command of a command has a page of its own.
    for (const [args, page] of [
      [['sweep', 'run'], 'sweep run'],
      [['sweep', 'plan', 'x', '--bogus'], 'sweep plan'],
      [['reproduce', 'fgd', '--bogus'], 'reproduce fgd'],
      [['sweep', '--bogus'], 'sweep'],
    ] as const) {
      const bad = await janctionInside(args);
      expect([bad.code, bad.err.endsWith(`; see janction help ${page}\n`)], bad.err).toEqual([2, true]);
      const help = await janctionInside(['help', ...page.split(' ')]);
      expect([help.code, help.out.startsWith(`Usage: janction ${page} `)], help.out).toEqual([0, true]);
    }
    expect((await janctionInside(['help', 'sweep', 'go'])).err).toMatch(/^error: sweep: no "go"; .*\n$/);
    expect((await janctionInside(['help', 'runn', 'x'])).err).toBe('error: help: no "runn"; did you mean "run"?\n');
  });

  test('--dry-run runs and writes nothing', async () => {
    await inTemp(async (dir) => {
      const a = await janctionInside(['run', quickstart, '--dry-run', '--out', join(dir, 'x')]);
      expect(a.code).toBe(0);
      expect(a.out).toMatch(/nothing was run/);
      expect(existsSync(join(dir, 'x'))).toBe(false);
    });
  });

  test('what a person reads names jobs, waits, GPUs, prices, money and where to look', async () => {
    await inTemp(async (dir) => {
      const { out } = await janctionInside(['run', quickstart, '--out', join(dir, 'q'), '--quiet']);
      for (const word of [
        'Jobs',
        'completed',
        'wait until start',
        'utilisation',
        'USD per GPU-hour',
        'providers',
        'laws checked',
        'fingerprint',
        'journal',
      ]) {
        expect(out).toContain(word);
      }
    });
  });
});

describe('jobs that can never fit', () => {
  const yaml = (demand: string): string =>
    `name: tiny\nhorizon: until done\nfleet:\n  classes: [{ name: card, memory: 24 GiB }]\n  groups: [{ name: lab, gpus: 2, class: card }]\n` +
    `demand:\n  ${demand}\npricing:\n  rates: { card: 1 USD/hour }\n`;

  test('of a trace: rejected as they come, and counted in one line on stderr', () =>
    inTemp(async (dir) => {
      const [trace, scenario] = [join(dir, 'jobs.csv'), join(dir, 's.yaml')];
      writeFileSync(trace, 'id,submit_seconds,gpus,duration_seconds\na,0,2,60\nb,5,7,60\nc,9,1,60\nd,11,3,60\n');
      writeFileSync(scenario, yaml(`trace: { format: csv, path: ${trace}, gpusPerNode: 8 }`));
      const a = await janctionInside(['run', scenario, '--json', '--quiet']);
      expect(a.err).toBe('warning: 2 of 4 jobs can never fit this fleet; they were rejected (never-fits)\n');
      expect([a.code, (JSON.parse(a.out) as RunJson).jobs.rejected]).toEqual([0, 2]);
    }));

  test('of a written list: one line, exit 2, nothing on stdout or disk; or rejected, where the scenario says so', () =>
    inTemp(async (dir) => {
      const scenario = join(dir, 's.yaml');
      const list = 'jobs: [{ work: 1 hour }, { work: 1 hour, gpus: 3 }]';
      writeFileSync(scenario, yaml(list));
      const a = await janctionInside(['run', scenario, '--json', '--out', join(dir, 'run')]);
      expect([a.code, a.out, readdirSync(dir)]).toEqual([2, '', ['s.yaml']]);
      expect(a.err).toMatch(/^error: [^\n]+s\.yaml:7:50: gpus: 3 GPUs for one task, [^\n]+\n$/);
      writeFileSync(scenario, yaml(`${list}\n  neverFits: reject`));
      const b = await janctionInside(['run', scenario, '--json', '--quiet']);
      expect([b.code, (JSON.parse(b.out) as RunJson).jobs.rejected]).toEqual([0, 1]);
      expect(b.err).toMatch(/^warning: 1 of 2 jobs can never fit/);
    }));

  test('where their throughput says they run: rejected, so that a run without a horizon ends', () =>
    inTemp(async (dir) => {
      const scenario = join(dir, 's.yaml');
      writeFileSync(
        scenario,
        `name: tiny\nhorizon: until done\nfleet:\n  classes: [{ name: old, memory: 24 GiB }, { name: new, memory: 24 GiB }]\n` +
          `  groups: [{ name: lab, gpus: 1, class: old }, { name: hall, gpus: 4, class: new }]\n` +
          `demand:\n  jobs: [{ name: a, work: 1 hour, gpus: 4 }, { name: b, work: 1 hour }]\n  neverFits: reject\n` +
          `scheduling: { queueing: { name: heterogeneity, throughputs: { a: { old: 1, new: 0 }, b: { old: 1, new: 3 } } } }\n` +
          `pricing:\n  rates: { old: 1 USD/hour, new: 2 USD/hour }\n`,
      );
      const { code, out, err } = await janctionInside(['run', scenario, '--json', '--quiet', '--check', 'every-event']);
      const { jobs } = JSON.parse(out) as RunJson;
      expect([code, jobs.rejected, jobs.completed]).toEqual([0, 1, 1]);
      expect(err).toBe('warning: 1 of 2 jobs can never fit this fleet; they were rejected (never-fits)\n');
    }));
});

describe('usage', () => {
  const wrong: [string[], RegExp][] = [
    [['run'], /missing required argument 'scenario'/],
    [['run', 'no/such.yaml'], /no\/such\.yaml: no such file/],
    [['run', 'scenarios'], /is a directory/],
    [['run', quickstart, '--seed', 'x'], /whole number/],
    [['run', quickstart, '--seed', '-1'], /whole number/],
    [['run', quickstart, '--check', 'never'], /Allowed choices are end, every-event/],
    [['run', quickstart, '--sede', '1'], /unknown option '--sede'.*Did you mean --seed/],
    [['rnu', quickstart], /unknown command 'rnu'.*Did you mean run/],
    [['run', quickstart, '--set', 'fleet.nonsense=1'], /fleet\.nonsense/],
    [['run', quickstart, '--set', 'horizon'], /horizon/],
    [['audit', 'no/such/dir'], /no such run directory/],
    [['audit', 'scenarios'], /no run\.json/],
    [['schema', 'nonsense'], /no schema named "nonsense"; have: scenario, sweep/],
    [['schema', 'scenarios'], /no schema named "scenarios"; did you mean "scenario"\?/],
    [['convert', 'no/such.swf', 'x.csv', '--to', 'csv'], /no\/such\.swf: no such file; give the path of a job list/],
    [
      ['sweep', 'run', 'scenarios/reserve-price/sweep.yaml', '--quiet', '--out', 'x'.repeat(300)],
      /: cannot be written \(ENAMETOOLONG\)/,
    ],
    [['schema', 'constructor'], /no schema named "constructor"; have: /],
  ];
  for (const [args, message] of wrong) {
    test(`janction ${args.join(' ')}: one line, exit 2, nothing on stdout`, async () => {
      const a = await janctionInside(args);
      expect(a.code).toBe(2);
      expect(a.out).toBe('');
      expect(a.err).toMatch(/^error: [^\n]+\n$/);
      expect(a.err).toMatch(message);
    });
  }

  test('help is on stdout and has examples', async () => {
    for (const args of [['--help'], ['help'], ['run', '--help'], ['help', 'audit']]) {
      const a = await janctionInside(args);
      expect(a.code).toBe(0);
      expect(a.out).toMatch(/Usage: janction/);
      expect(a.out).toMatch(/Example/);
    }
    expect((await janctionInside(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await janctionInside([])).out).toMatch(/Usage/);
  });

  test('doctor and schema answer', async () => {
    const d = JSON.parse((await janctionInside(['doctor', '--json'])).out) as {
      schema: string;
      node: { supported: boolean };
      items: unknown[];
    };
    expect(d.schema).toBe('janction.doctor/1');
    expect(d.node.supported).toBe(true);
    expect(d.items.length).toBeGreaterThan(5);
    expect((await janctionInside(['doctor'])).out).toMatch(/Optional parts/);
    const s = JSON.parse((await janctionInside(['schema', 'scenario'])).out) as { $schema: string; properties: object };
    expect(s.$schema).toContain('2020-12');
    expect(Object.keys(s.properties)).toContain('fleet');
  });
});
