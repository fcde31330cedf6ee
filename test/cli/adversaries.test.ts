/** `scenarios/who-cheats-gains/` under every law, its report and its explanations; `janction payoffs` on a market that takes milliseconds. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { auditCommand } from '../../lab/commands/audit.ts';
import { explainCommand, readableExplanation } from '../../lab/commands/explain.ts';
import type { PayoffsJson } from '../../lab/commands/payoffs.ts';
import { runCommand } from '../../lab/commands/run.ts';
import { adversarySection } from '../../lab/report/adversaries.ts';
import { readRun } from '../../lab/report/data.ts';
import { reportPage } from '../../lab/report/page.ts';
import { resultSchemas } from '../../lab/schemas/results.ts';
import { janctionInside, root } from '../support/cli.ts';
import { minimal } from '../support/scenario-text.ts';

const dir = mkdtempSync(join(tmpdir(), 'janction-adversaries-'));

describe.each([
  ['scenario.yaml', '14 hour'],
  ['ring.yaml', '14 hour'],
])('who-cheats-gains/%s', (name, horizon) => {
  const out = join(dir, name);

  test('keeps every law after every step, and an auditor who shares no code agrees', async () => {
    const path = join(root, 'scenarios/who-cheats-gains', name);
    const { result } = await runCommand(path, { set: [`horizon=${horizon}`], out, quiet: true, check: 'every-event' });
    expect(result!.invariants.violations).toBe(0);
    expect(result!.invariants.checks).toBeGreaterThan(1000);
    expect((await auditCommand(out)).firstDifference).toBeNull();
    // What an agent got from the market is among the figures that are worked out again.
    const manifest = join(out, 'run.json');
    const text = readFileSync(manifest, 'utf8');
    const first = result!.adversaries!['leavers']!.marketUsd;
    const bad = text.replace(`"marketUsd": ${first}`, `"marketUsd": ${first + 1}`);
    expect(bad).not.toBe(text);
    writeFileSync(manifest, bad);
    expect((await auditCommand(out)).firstDifference!.what).toContain('adversaries.leavers.marketUsd');
    writeFileSync(manifest, text);
  });

  test('its report says what each agent had, as the result does', async () => {
    const run = await readRun(out);
    const section = adversarySection(run)!;
    const { adversaries } = run.result;
    for (const a of Object.values(adversaries!)) {
      const best = [...a.each].sort((x, y) => y.payoffUsd - x.payoffUsd)[0]!;
      expect(best.payoffUsd).toBeGreaterThanOrEqual(a.payoffPerAgentUsd);
    }
    expect(section.html).toContain(Object.values(adversaries!)[0]!.each[0]!.agent.slice(0, 4));
    expect(reportPage([run])).toContain('<section id="adversaries">');
  });
});

test('explain names who did not play by the rules, and nobody else', async () => {
  const run = await readRun(join(dir, 'scenario.yaml'));
  const { agents } = run.scenario.adversaries!.overbillers!;
  const { rows, job_id, provider } = run.placements;
  const at = Array.from({ length: rows }, (_, i) => i).find((i) => agents.includes(provider[i]!))!;
  const e = explainCommand(run.dir, job_id[at]!);
  expect(e.adversaries).toContainEqual({ agent: provider[at], kind: 'overbillers' });
  expect(readableExplanation(e)).toContain('reports the end of jobs late');
  const all = new Set(Object.values(run.scenario.adversaries!).flatMap((a) => a.agents));
  const clean = Array.from({ length: rows }, (_, i) => i).find(
    (i) =>
      !all.has(provider[i]!) &&
      !all.has((run.jobs.user[run.jobs.job_id.indexOf(job_id[i]!)] ?? '').replace(/~\d+$/, '')),
  )!;
  expect(explainCommand(run.dir, job_id[clean]!).adversaries).toBeUndefined();
});

test('README: numbers that would refute it, and what was found with intervals', () => {
  const text = readFileSync(join(root, 'scenarios/who-cheats-gains/README.md'), 'utf8');
  expect(text).toMatch(/\*\*Question\.\*\*[\s\S]*\*\*Hypothesis\.\*\*[\s\S]*\*\*Refuted\*\*/);
  expect(text).toMatch(/\*\*Found\*\*[\s\S]*±[\s\S]*(upheld|refuted|inconclusive)/i);
  expect(text).toContain('janction payoffs scenarios/who-cheats-gains/scenario.yaml');
});

describe('janction payoffs', () => {
  const file = join(dir, 'tiny.yaml');
  writeFileSync(
    file,
    `${minimal.replace('- name: users', '- name: users\n      users: 4').replace('rate: 10 jobs', 'rate: 4 jobs')}adversaries:
  overbillers:
    group: lab
    share: 50 %
    noticed: 1 minute
    variants: { nobody looks: { adversaries.overbillers.noticed: never } }
  squatters: { persona: users, share: 25 %, keep: 10 minute }
`,
  );

  test('pairs, arms and verdicts; the same for any number of workers', async () => {
    const args = ['payoffs', file, '--replications', '3', '--json', '--quiet', '--workers'];
    const one = await janctionInside([...args, '1']);
    expect(one.code).toBe(0);
    expect((await janctionInside([...args, '2'])).out).toBe(one.out);
    const r = JSON.parse(one.out) as PayoffsJson;
    expect(resultSchemas['payoffs-result'].safeParse(r).success).toBe(true);
    const { overbillers, squatters } = r.kinds;
    expect(overbillers).toMatchObject({ agents: 2, others: 2 });
    expect(squatters).toMatchObject({ agents: 1, others: 3 });
    expect(overbillers!.arms.map((a) => [a.variant, a.set])).toEqual([
      ['', []],
      ['nobody looks', ['adversaries.overbillers.noticed=never']],
    ]);
    for (const a of [...overbillers!.arms, ...squatters!.arms]) {
      expect(a.gain.mean).toBeCloseTo(a.cheating.mean - a.honest.mean, 9);
      const sum = a.each.reduce((n, e) => n + e.gain.mean, 0);
      expect(sum / a.each.length).toBeCloseTo(a.gain.mean, 5);
    }
    expect(overbillers!.arms[1]!.gain.mean).toBeGreaterThan(overbillers!.arms[0]!.gain.mean);
    const shown = await janctionInside([
      'payoffs',
      file,
      '--replications',
      '3',
      '--workers',
      '1',
      '--quiet',
      '--kind',
      'overbillers',
    ]);
    expect(shown.out).toContain('nobody looks');
    expect(shown.out).not.toContain('squatters');
  });

  test('an arm that changes who cheats has its own agents and counts', async () => {
    const all = 'adversaries.overbillers.variants={ everybody: { adversaries.overbillers.share: 100 % } }';
    const args = [
      'payoffs',
      file,
      '--replications',
      '2',
      '--workers',
      '1',
      '--quiet',
      '--kind',
      'overbillers',
      '--set',
      all,
    ];
    const [base, arm] = (JSON.parse((await janctionInside([...args, '--json'])).out) as PayoffsJson).kinds[
      'overbillers'
    ]!.arms;
    expect([base!.agents, base!.othersCount, base!.each.length]).toEqual([2, 2, 2]);
    expect([arm!.agents, arm!.othersCount, arm!.each.length]).toEqual([4, 0, 4]);
    const { out } = await janctionInside(args);
    expect(out).toContain('overbillers: 2 agents, 2 who play by the rules');
    expect(out).toMatch(/everybody.* of 4 +nobody /);
  });

  test.each([
    [[join(root, 'scenarios/quickstart/scenario.yaml')], 'names no adversaries'],
    [[file, '--kind', 'ring'], 'the scenario has none; have overbillers, squatters'],
    [[file, '--replications', '1'], 'want a whole number from 2'],
    [[file, '--set', 'adversaries.overbillers.variants={ nothing: { no.such.key: 1 } }'], 'no.such.key'],
    [[file, '--set', 'adversaries.squatters.share=0 %'], 'a share of 0 makes nobody cheat'],
    // Right by itself, wrong with the rest: only found when the arm is made.
    [
      [file, '--set', 'adversaries.overbillers.variants={ more: { adversaries.overbillers.group: nobody } }'],
      'overbillers under "more": --set adversaries.overbillers.group=nobody',
    ],
  ])('%j is refused: %s', async (args, what) => {
    const a = await janctionInside(['payoffs', ...args, '--workers', '1', '--quiet']);
    expect(a.code).toBe(2);
    expect(a.out).toBe('');
    expect(a.err.trim().split('\n')).toHaveLength(1);
    expect(a.err).toContain(what);
  });
});
