/**
 * Ways of checking results in the running market, against what is known of them: sampling, quorums and rings, adaptive replication,
 * challenges, and verifiers who look only while it pays. Intervals share a family-wise level of 99.9 %.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chance, normalQuantile, ratToNumber } from '../../core/num/index.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import {
  accepted,
  catchChance,
  expectedReplicated,
  honestDevice,
  lookAt,
  noDevice,
  passesChallenge,
  spotCheck,
  type VerificationPolicy,
} from '../../mechanisms/verification/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { auditInput } from '../support/audit.ts';
import { root } from '../support/cli.ts';
import { Rows } from '../support/market.ts';

const file = 'scenarios/lazy-verifiers/scenario.yaml';
const text = readFileSync(join(root, file), 'utf8');
const CASES = 8;
const Z = normalQuantile(1 - 0.001 / 2 / CASES);

/** The market of `lazy-verifiers` with its part on verification written anew, and two farms. */
function market(verification: string, extra = '', checkEveryEvent = false) {
  const yaml = text
    .slice(0, text.indexOf('\nverification:'))
    .replace(
      '    - { name: farm, providers: 8,',
      '    - { name: rogues, providers: 2, gpus: 1, class: rtx-4090, cost: 0.1 USD/hour }\n    - { name: farm, providers: 6,',
    )
    .replace(
      '- { staker: fund, group: farm,',
      '- { staker: fund, group: rogues, amount: 1000 JCT }\n    - { staker: fund, group: farm,',
    )
    .concat(`\nverification: ${verification}\n${extra}`);
  const rows = new Rows();
  const journal: Uint8Array[] = [];
  const scenario = resolveScenario(Buffer.from(yaml), file);
  const run = prepareRun(scenario, {
    registry: shipped,
    watch: rows,
    checkEveryEvent,
    onJournal: (b) => journal.push(b.slice()),
  });
  const json = finishRun(run);
  expect(auditIndependently(auditInput(rows, Buffer.concat(journal))).difference).toBeNull();
  return { rows, json, v: json.stake!.verification! };
}

/** The count lies where a binomial of n with chance p has it. */
function binomial(count: number, n: number, p: number): void {
  const sd = Math.sqrt(n * p * (1 - p));
  expect(Math.abs(count - n * p)).toBeLessThanOrEqual(Z * sd + 0.5);
}

describe('in the market', () => {
  test('spot checks find rate x detection of what is made up, whoever is honest keeps its stake', () => {
    const { v, rows } = market('{ audit: 30 %, detection: 80 %, cheats: [{ group: rogues, share: 50 % }] }', '', true);
    expect(v.madeUp).toBeGreaterThan(150);
    binomial(v.audits, v.results, 0.3);
    binomial(v.found, v.madeUp, 0.3 * 0.8);
    expect(v.falseAlarms).toBe(0);
    const slashed = new Set(
      rows
        .of('stakes')
        .filter((s) => s.act === 'slash-final')
        .map((s) => s.provider),
    );
    expect([...slashed].every((p) => p.startsWith('rogues'))).toBe(true);
    // Fraud lowers correctness and leaves uptime; the contributions of the honest are their use.
    for (const c of rows.of('contributions')) {
      expect(c.uptime_bps).toBe(10_000);
      if (c.provider.startsWith('farm')) expect(c.contribution_milli_us).toBe(c.used_milli_us);
      else expect(c.correct_bps === 10_000).toBe(c.contribution_milli_us === c.used_milli_us);
    }
    expect(rows.of('contributions').some((c) => c.correct_bps < 8000)).toBe(true);
  });

  test('a machine that fails loses uptime and no stake: failure is no fraud', () => {
    const { rows, v, json } = market(
      '{ audit: 50 % }',
      'failures: { groups: { rogues: { mtbf: 20 hour, repair: 5 hour } } }',
    );
    expect(json.failures.node).toBeGreaterThan(20);
    expect(v.found + v.falseAlarms).toBe(0);
    expect(rows.of('stakes').some((s) => s.act === 'jail')).toBe(false);
    const weak = rows.of('contributions').filter((c) => c.provider.startsWith('rogues'));
    const mean = weak.reduce((n, c) => n + c.uptime_bps, 0) / weak.length;
    // Up 20 of 25 hours; rows only tell of epochs with use.
    expect(Math.abs(mean - 8000)).toBeLessThan(1000);
    for (const c of weak) {
      expect(c.correct_bps).toBe(10_000);
      const want = (c.effective_milli_us * BigInt(c.uptime_bps)) / 10_000n;
      expect(c.contribution_milli_us - want).toBeLessThanOrEqual(1n);
      expect(c.contribution_milli_us).toBeGreaterThanOrEqual(want);
    }
  });

  test('a quorum of two of three finds all that the lazy make up, and no ring of two in eight holds it often', () => {
    const lazy = market('{ policy: quorum, cheats: [{ group: rogues, share: 50 % }] }').v;
    expect(lazy.audits).toBe(lazy.results);
    // The copies that cheats compute are made up as well, and found.
    expect(lazy.found).toBeGreaterThanOrEqual(lazy.madeUp);
    expect([lazy.passed, lazy.falseAlarms, lazy.undecided]).toEqual([0, 0, 0]);
    const ring = market('{ policy: quorum, cheats: [{ group: rogues, share: 100 %, kind: colluding }] }').v;
    // Made-up answers pass in pairs: a cheat's own with its partner among the two others, or the two as copies of an honest one.
    const own = ratToNumber(spotCheck(7, 1, 2));
    const pair = 1 / 21;
    const honest = ring.results - ring.madeUp;
    const sd = Math.sqrt(ring.madeUp * own * (1 - own) + honest * pair * (1 - pair));
    expect(Math.abs(ring.passed / 2 - ring.madeUp * own - honest * pair)).toBeLessThanOrEqual(Z * sd + 0.5);
    expect(ring.falseAlarms).toBeGreaterThan(0);
  });

  test('adaptive replication computes of an honest provider what its Markov chain says, and trusts it once it has earned it', () => {
    const { v, rows } = market('{ policy: adaptive }');
    const per = new Map<string, number>();
    for (const p of rows.of('placements'))
      if (p.outcome === 'completed') per.set(p.provider, (per.get(p.provider) ?? 0) + 1);
    // Standing also grows by copies done for others: fewer jobs go out twice than the chain alone would have.
    const alone = [...per.values()].reduce((n, jobs) => n + expectedReplicated(jobs), 0);
    expect(v.audits).toBeLessThan(alone);
    expect(v.audits).toBeGreaterThan(per.size * 10 * 0.5);
    expect(v.copies).toBe(v.audits);
  });

  test('consensus by stake follows the stake: a ring with little of it is outvoted', () => {
    const ring = '[{ group: rogues, share: 100 %, kind: colluding }]';
    const { v, json } = market(`{ policy: { name: consensus, trust: 3, most: 7 }, cheats: ${ring} }`);
    expect(v.found).toBeGreaterThan(0.9 * v.madeUp);
    expect(json.invariants.violations).toBe(0);
  });

  test('a challenge unmasks those without a device, and not those who make results up on a real one', () => {
    const spoof = market(
      '{ policy: challenge, audit: 20 %, cheats: [{ group: rogues, share: 100 %, kind: spoofing }] }',
    ).v;
    expect(spoof.found).toBeGreaterThan(10);
    binomial(spoof.found, spoof.madeUp, 0.2);
    const lazy = market('{ policy: challenge, audit: 20 %, cheats: [{ group: rogues, share: 100 % }] }').v;
    expect(lazy.found).toBe(0);
    expect(lazy.passed).toBeGreaterThan(10);
  });

  test('reputation checks the long honest less, and comes back to whoever was caught', () => {
    const { v } = market('{ policy: { name: reputation, least: 2 % }, audit: 100 % }');
    expect(v.audits).toBeLessThan(0.1 * v.results);
    const cheats = '[{ group: rogues, share: 100 % }]';
    const caught = market(`{ policy: { name: reputation, least: 2 % }, audit: 100 %, cheats: ${cheats} }`).v;
    // After each slash its standing is nothing, so the next result is checked for certain.
    expect(caught.found).toBe(caught.madeUp);
  });

  test('verifiers: the lazy find nothing; the rational look again once wrong results are planted among the right', () => {
    const watch = (behaves: string, more = '') =>
      market(
        `{ audit: 30 %, verifiers: [{ name: watch, count: 4, behaves: ${behaves}, cost: 20 % }], cheats: [{ group: rogues, share: 3 % }], token: { price: 0.05 USD/JCT }${more} }`,
        'billing: { shares: { provider: 80 %, staker: 5 %, aggregator: 5 %, verifier: 5 %, treasury: 5 % } }',
      );
    const lazy = watch('lazy').v;
    expect([lazy.looked, lazy.found]).toEqual([0, 0]);
    const left = watch('rational').v;
    expect(left.looked / left.audits).toBeLessThan(0.3);
    const planted = watch('rational', ', planted: 20 %');
    expect(planted.v.looked / planted.v.audits).toBeGreaterThan(0.7);
    expect(planted.v.exposed).toBeGreaterThan(0);
    expect(Number(planted.json.money.verifiers)).toBeGreaterThan(planted.v.costMicro);
  });
});

describe('policies', () => {
  const key = [11, 12] as const;
  test('a real device passes its challenge, guesses do not', () => {
    for (let id = 1; id <= 40; id++) {
      expect(passesChallenge(key, id, { side: 8, bits: 24 }, honestDevice)).toBe(true);
      expect(passesChallenge(key, id, { side: 8, bits: 24 }, noDevice)).toBe(false);
    }
  });

  test('the chance to be caught is the share caught in ten thousand drawn results', () => {
    const quorum: VerificationPolicy = { name: 'quorum', copies: 3, quorum: 2 };
    const honest = 0.7;
    const n = 10_000;
    let caught = 0;
    for (let i = 1; i <= n; i++) {
      const votes = [{ answer: 'mine', weight: 1n }];
      for (let k = 1; k <= 5 && (votes.length <= 2 || accepted(quorum, votes) === null); k++)
        votes.push({ answer: chance(key, 'honest', [i, k]) < honest ? 'right' : `lie ${k}`, weight: 1n });
      if (accepted(quorum, votes) === 'right') caught++;
    }
    const view = { detection: 1, honest, diligence: 1, valid: 0, spoofs: false };
    binomial(caught, n, catchChance(quorum, view));
    expect(catchChance({ name: 'spot-check', rate: 0.2 }, { ...view, detection: 0.5, diligence: 0.5 })).toBe(0.05);
  });

  test('stake decides a consensus, not heads', () => {
    const p: VerificationPolicy = { name: 'consensus', trust: 3, most: 5 };
    const votes = [
      { answer: 'a', weight: 70n },
      { answer: 'b', weight: 20n },
      { answer: 'b', weight: 10n },
    ];
    expect(accepted(p, votes)).toBe('a');
    expect(accepted(p, [...votes, { answer: 'b', weight: 5n }])).toBeNull();
    expect(accepted(p, votes.slice(0, 1))).toBeNull();
    expect(lookAt({ name: 'adaptive' }, 9, 0)).toEqual({ kind: 'copies', others: 1 });
    expect(lookAt({ name: 'adaptive' }, 100, 0.98)).toEqual({ kind: 'none' });
  });
});
