/** `janction elect` and `rewards` on input that is odd or wrong: defined, said in one line, nothing on stdout. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ElectJson } from '../../lab/commands/elect.ts';
import { inTemp, janctionInside } from '../support/cli.ts';

const vote = (over: object) => ({
  seats: 2,
  candidates: ['a', 'b', 'c'],
  voters: [
    { id: 'x', stake: 60, approvals: ['a', 'b'] },
    { id: 'y', stake: 40, approvals: ['c'] },
  ],
  ...over,
});

async function elect(input: unknown, ...flags: string[]) {
  return await inTemp(async (dir) => {
    const path = join(dir, 'e.json');
    writeFileSync(path, typeof input === 'string' ? input : JSON.stringify(input));
    return await janctionInside([
      'elect',
      '--election',
      path,
      ...(flags.includes('--rule') ? [] : ['--rule', 'phragmen']),
      ...flags,
      '--json',
    ]);
  });
}

describe('defined', () => {
  test('a target named twice counts once, a voter without stake has no say', async () => {
    const plain = (await elect(vote({}))).out;
    const doubled = vote({
      voters: [
        { id: 'x', stake: 60, approvals: ['a', 'b', 'a'] },
        { id: 'y', stake: '40', approvals: ['c'] },
        { id: 'z', stake: 0, approvals: ['b', 'c'] },
      ],
    });
    expect((await elect(doubled)).out).toBe(plain);
  });

  test('a candidate without support wins a seat unless a minimum is asked for', async () => {
    const lonely = vote({
      seats: 3,
      candidates: ['a', 'b', 'd'],
      voters: [{ id: 'x', stake: 5, approvals: ['a', 'b'] }],
    });
    const all = JSON.parse((await elect(lonely)).out) as ElectJson;
    expect(all.winners).toEqual(['a', 'b', 'd']);
    expect(all.supports['d']).toBe('0');
    const some = JSON.parse((await elect(lonely, '--min-support', '1')).out) as ElectJson;
    expect([some.winners, some.refused]).toEqual([['a', 'b'], ['d']]);
  });

  test('balancing equalises supports exactly', async () => {
    const e = vote({
      voters: [
        { id: 'x', stake: 10, approvals: ['a'] },
        { id: 'y', stake: 31, approvals: ['a', 'b'] },
      ],
    });
    const r = JSON.parse((await elect(e, '--balance')).out) as ElectJson;
    expect(r.supports).toEqual({ a: '41/2', b: '41/2' });
  });
});

describe('refused', () => {
  const cases: [string, unknown, string[], RegExp][] = [
    [
      'unknown candidate',
      vote({ voters: [{ id: 'x', stake: 1, approvals: ['a', 'q'] }] }),
      [],
      /e\.json:1:\d+: "q" does not stand/,
    ],
    ['more seats than candidates', vote({ seats: 4 }), [], /4 seats for 3 candidates/],
    ['no seats', vote({ seats: 0 }), [], /seats/],
    ['nobody has stake', vote({ voters: [{ id: 'x', stake: 0, approvals: ['a'] }] }), [], /nobody has stake/],
    ['stake above the supply', vote({}), ['--token-supply', '99'], /stake 100, more than the token supply 99/],
    ['negative stake', vote({ voters: [{ id: 'x', stake: -1, approvals: ['a'] }] }), [], /stake/],
    ['a fraction of a unit', vote({ voters: [{ id: 'x', stake: 1.5, approvals: ['a'] }] }), [], /stake/],
    [
      'a number that loses digits',
      '{"seats":1,"candidates":["a"],"voters":[{"id":"x","stake":18446744073709551615,"approvals":["a"]}]}',
      [],
      /beyond 2\^53/,
    ],
    [
      'a voter twice',
      vote({
        voters: [
          { id: 'x', stake: 1, approvals: ['a'] },
          { id: 'x', stake: 1, approvals: ['b'] },
        ],
      }),
      [],
      /votes twice/,
    ],
    ['a candidate twice', vote({ candidates: ['a', 'b', 'c', 'a'] }), [], /stands twice/],
    ['an unknown key', vote({ seat: 2 }), [], /unknown key "seat"/],
    ['a key twice', '{"seats":1,"seats":2}', [], /given twice/],
    ['cut off', '{"seats":1,"candidates":["a"', [], /cut off/],
    ['empty', '', [], /empty/],
    ['ballots for an approval rule', { seats: 1, ballots: [[1, ['a']]] }, [], /ranked "ballots" are for --rule stv/],
    ['approvals for stv', vote({}), ['--rule', 'stv'], /stv takes ranked/],
    ['a rank twice', { seats: 1, ballots: [[1, ['a', 'a']]] }, ['--rule', 'stv'], /ranked twice/],
  ];
  test.each(cases)('%s', async (_, input, flags, want) => {
    const a = await elect(input, ...flags);
    expect([a.code, a.out]).toEqual([2, '']);
    expect(a.err).toMatch(want);
    expect(a.err.trim().split('\n').length).toBe(1);
  });

  test.each<[string, string, unknown, RegExp]>([
    ['f1', 'a slash above one', { commission: '0.5', ops: [['slash', '1.5']] }, /slash/],
    [
      'f1',
      'more out than in',
      {
        commission: '0',
        ops: [
          ['delegate', 'v', 5],
          ['undelegate', 'v', 6],
        ],
      },
      /takes out 6; it has 5/,
    ],
    ['f1', 'an unknown operation', { commission: '0', ops: [['burn', 1]] }, /ops/],
    ['linear', 'all weights zero', { total: 5, stakes: [0, 0] }, /zero/],
    ['capped', 'no cap', { total: 5, stakes: [1] }, /no "cap"/],
    ['lock-weighted', 'locks missing', { total: 5, stakes: [1], maxLock: 3 }, /locks/],
    ['cardano', 'a pledge beyond the pool', { k: 10, a0: '0.3', R: 100, sigma: '1/100', pledge: '1/10' }, /pledge/],
  ])('rewards %s: %s', async (rule, _, input, want) => {
    await inTemp(async (dir) => {
      const path = join(dir, 'r.json');
      writeFileSync(path, JSON.stringify(input));
      const a = await janctionInside(['rewards', '--rule', rule, '--input', path, '--json']);
      expect([a.code, a.out]).toEqual([2, '']);
      expect(a.err).toMatch(want);
    });
  });
});
