/** `janction clear`: the published markets, through the command line; bad input. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inTemp, janctionInside } from '../support/cli.ts';
import { blockA, vectors } from '../support/pricing-vectors.ts';

function clear(market: unknown, mechanism: string, ...flags: string[]) {
  return inTemp(async (dir) => {
    const file = join(dir, 'market.json');
    writeFileSync(file, typeof market === 'string' ? market : JSON.stringify(market));
    const answer = await janctionInside(['clear', '--mechanism', mechanism, '--market', file, '--json', ...flags]);
    return { ...answer, err: answer.err.split(dir).join('') };
  });
}

describe('clear', () => {
  for (const v of vectors) {
    test(v.name, async () => {
      const { code, out, err } = await clear(v.market, v.mechanism);
      expect(err).toBe('');
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject(v.expect);
    });
  }

  for (const [q, accepted, tau, surplus, income, sum] of [
    [1, 6, 0.6745, 5.646, 7.746, 4.0472],
    [2, 5, 1.0557, 7, 10, 5.2786],
  ] as const) {
    test(`V25 published table, capacity ${q}`, async () => {
      const { out } = await clear(blockA(q), 'pvcg');
      const x = JSON.parse(out) as {
        payments: Record<string, string>;
        accepted: Record<string, number>;
        surplus: string;
        income: string;
        budget: string;
      };
      const paid = Object.values(x.payments).map(Number);
      expect(Object.values(x.accepted)).toEqual(Array.from({ length: 10 }, (_, i) => (i < accepted ? q : 0)));
      for (const [i, p] of paid.entries()) expect(p.toFixed(4)).toBe(i < accepted ? tau.toFixed(4) : '0.0000');
      expect(Number(x.surplus)).toBeCloseTo(surplus, 4);
      expect(Number(x.income)).toBeCloseTo(income, 4);
      expect(Number(x.income) - Number(x.budget)).toBeCloseTo(sum, 4);
    });
  }

  test('bad input is one line with the place and the remedy', async () => {
    const supplier = (s: string): string =>
      `{"kind":"procurement","income":{"kind":"sqrt","alpha":1},\n "suppliers":[${s}]}`;
    const rising =
      '{"kind":"procurement","income":{"kind":"marginal","values":[1,5]},"suppliers":[{"id":"p","capacity":2,"unitCost":1}]}';
    const bundles = {
      kind: 'combinatorial',
      goods: ['a', 'b'],
      bids: [
        {
          bidder: 'x',
          xor: [
            { bundle: ['a'], value: 1 },
            { bundle: ['b'], value: 1 },
          ],
        },
      ],
    };
    const cases: [unknown, string, RegExp][] = [
      ['', 'pvcg', /market\.json:1:1: the file is empty/],
      ['{"kind":"procurement"', 'pvcg', /market\.json:1:\d+: /],
      ['{"kind":"auction"}', 'pvcg', /kind: want one of procurement, exchange, combinatorial/],
      [supplier('{"id":"p","capacity":-1,"unitCost":1}'), 'pvcg', /market\.json:2:\d+: capacity is negative/],
      [supplier('{"id":"p","capacity":"NaN","unitCost":1}'), 'pvcg', /capacity "NaN" is no number/],
      [supplier('{"id":"p","capacity":1,"unitCost":.nan}'), 'pvcg', /2:\d+: not valid JSON: ".nan"; write a number/],
      [
        supplier('{"id":"p","capacity":1,"unitCost":1},{"id":"p","capacity":1,"unitCost":1}'),
        'pvcg',
        /the id "p" is there twice/,
      ],
      [supplier(''), 'pvcg', /the list of suppliers is empty/],
      [supplier('{"id":"p","capacity":1,"unitCots":1}'), 'pvcg', /2:\d+: unknown key "unitCots"/],
      [
        supplier('{"id":"p","capacity":1,"unitCost":1}'),
        'mcafee',
        /mcafee does not clear procurement markets; it clears exchange/,
      ],
      [supplier('{"id":"p","capacity":1,"unitCost":1}'), 'pvgc', /unknown mechanism "pvgc"; did you mean "pvcg"\?/],
      [rising, 'pvcg', /not concave.*weak budget balance.*--allow/],
      [
        { kind: 'exchange', buyers: [{ id: 'b', quantity: 2, unitValue: 9 }], sellers: [{ id: 's', unitCost: 1 }] },
        'mcafee',
        /McAfee 1992/,
      ],
      [bundles, 'greedy-critical', /Lehmann/],
      [{ kind: 'exchange', buyers: [{ id: 'b', unitValue: 9 }], sellers: [] }, 'vcg', /the list of sellers is empty/],
    ];
    for (const [market, mechanism, message] of cases) {
      const { code, out, err } = await clear(market, mechanism);
      expect(err, JSON.stringify(market)).toMatch(message);
      expect(err.trimEnd().split('\n')).toHaveLength(1);
      expect(out).toBe('');
      expect(code).toBe(2);
    }
    expect((await clear(rising, 'pvcg', '--allow')).code).toBe(0);
    expect((await janctionInside(['clear', '--mechanism', 'pvcg', '--market', 'absent.json'])).code).toBe(2);
  });

  test('a module by path clears too', async () => {
    await inTemp(async (dir) => {
      const file = join(dir, 'half.mjs');
      writeFileSync(
        file,
        `export const mechanism = { name: 'half', procurement: (f, m) => ({
          quantity: m.suppliers.map((s) => s.capacity), payment: m.suppliers.map((s) => f.div(s.unitCost, f.of(2))),
          income: f.zero, surplus: f.zero }) };`,
      );
      const market = join(dir, 'm.json');
      writeFileSync(
        market,
        JSON.stringify({
          kind: 'procurement',
          income: { kind: 'sqrt', alpha: 1 },
          suppliers: [{ id: 'p', capacity: 1, unitCost: 3 }],
        }),
      );
      const { out, code } = await janctionInside(['clear', '--mechanism', file, '--market', market, '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ mechanism: 'half', payments: { p: '1.500000' } });
      const text = await janctionInside(['clear', '--mechanism', 'pvcg', '--market', market]);
      expect(text.out).toContain('supplier');
    });
  });
});
