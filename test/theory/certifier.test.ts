/** The certifier: the expected table, counter-examples that reproduce through `clear`, teeth, fee bases, exhaustion. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { certifyCase, certifyTable, type TableVerdict, tableRows } from '../../lab/certify/classes.ts';
import { clearMarket } from '../../lab/certify/clear.ts';
import type { Certificate } from '../../lab/certify/search.ts';
import { differences, type ExpectedRow, mechanismsPage } from '../../lab/certify/table.ts';
import { oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import { inTemp, janctionInside, root } from '../support/cli.ts';
import { mutants, soundMechanism } from '../support/mutants.ts';

const SEED = 1;
const MARKETS = 300;
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const expected = (JSON.parse(read('docs/mechanisms.expected.json')) as { rows: ExpectedRow[] }).rows;

interface Supplier {
  id: string;
  capacity: number;
  unitCost: number;
}
interface Trader {
  id: string;
  quantity?: number;
  unitValue?: number;
  unitCost?: number;
  units?: { quantity: number; value?: number; cost?: number }[];
  duration?: number;
}
interface Bidder {
  bidder: string;
  xor: { bundle: string[]; value: number }[];
}
type Json = Record<string, unknown>;

/** True utility of the agent (or of its identities, or of a pair) from what `clear` prints. Written for this test alone. */
function utilityFromClear(v: TableVerdict, truth: Json, reported: Json, agent: string): number {
  const x = clearMarket(oneShots.get(v.mechanism)!, reported, SEED, true) as Json;
  const names = agent.split('+');
  const mine = (id: string): string | undefined => names.find((n) => id === n || id === `${n}/2`);
  let sum = 0;
  if (truth['kind'] === 'procurement') {
    const left = new Map((truth['suppliers'] as Supplier[]).map((s) => [s.id, s.capacity]));
    for (const s of reported['suppliers'] as Supplier[]) {
      const name = mine(s.id);
      if (name === undefined) continue;
      const own = (truth['suppliers'] as Supplier[]).find((t) => t.id === name)!;
      const award = (x['accepted'] as Record<string, number>)[s.id]!;
      const paid = Number((x['payments'] as Record<string, string>)[s.id]!);
      const delivered = Math.min(award, left.get(name)!);
      left.set(name, left.get(name)! - delivered);
      const share = delivered < award && v.options.delivery !== 'unverified' ? delivered / award : 1;
      sum += paid * share - delivered * own.unitCost;
    }
    return sum;
  }
  if (truth['kind'] === 'exchange') {
    const worth = (t: Trader, q: number): number => {
      let left = q;
      const steps = t.units ?? [{ quantity: t.quantity ?? 1, value: t.unitValue ?? t.unitCost ?? 0 }];
      return steps.reduce((w, s) => {
        const take = Math.min(left, s.quantity);
        left -= take;
        return w + take * (s.value ?? s.cost ?? 0);
      }, 0);
    };
    const q = x['quantities'] as Record<string, number>;
    for (const name of names) {
      const buyer = (truth['buyers'] as Trader[]).find((t) => t.id === name);
      if (buyer !== undefined) {
        const said = (reported['buyers'] as Trader[]).find((t) => t.id === name)!;
        const useless = (said.duration ?? Infinity) < (buyer.duration ?? Infinity);
        sum += (useless ? 0 : worth(buyer, q[name]!)) - Number((x['buyerPayments'] as Record<string, string>)[name]);
      }
      const seller = (truth['sellers'] as Trader[]).find((t) => t.id === name);
      if (seller !== undefined)
        sum += Number((x['sellerPayments'] as Record<string, string>)[name]) - worth(seller, q[name]!);
    }
    return sum;
  }
  const got: string[] = [];
  for (const [id, goods] of Object.entries(x['allocation'] as Record<string, string[]>)) {
    if (mine(id) === undefined) continue;
    got.push(...goods);
    sum -= Number((x['payments'] as Record<string, string>)[id]);
  }
  const own = (truth['bids'] as Bidder[]).find((b) => b.bidder === names[0])!;
  return sum + Math.max(0, ...own.xor.filter((a) => a.bundle.every((g) => got.includes(g))).map((a) => a.value));
}

const agentsOf = (m: Json): number =>
  ['suppliers', 'buyers', 'bids'].reduce((n, k) => n + ((m[k] as unknown[] | undefined)?.length ?? 0), 0) +
  // One seller of an auction is the house.
  ((m['sellers'] as unknown[] | undefined)?.length ?? 0);

describe('the table', () => {
  const list = certifyTable({ markets: MARKETS, seed: SEED });

  test('equals the expected one', () => {
    expect(differences(list, expected)).toEqual([]);
    expect(list).toHaveLength(tableRows.length);
  });

  test('docs/mechanisms.md is up to date (npx janction certify --all --markdown --markets 300 > docs/mechanisms.md)', () => {
    expect(read('docs/mechanisms.md')).toBe(mechanismsPage(list, SEED));
  });

  test('every counter-example has at most three agents beside an auctioneer, and reproduces through clear', () => {
    let checked = 0;
    for (const v of list) {
      const c = v.certificate.counterexample;
      if (c === null) continue;
      const where = `${v.mechanism}, ${v.class}, ${v.property}`;
      // McAfee keeps money only when it gives up one of two trades, which takes two pairs.
      expect(agentsOf(c.market), where).toBeLessThanOrEqual(v.mechanism === 'mcafee' && v.property === 'sbb' ? 4 : 3);
      // The gain is more than printing can hide.
      expect(Number(c.deviantUtility) - Number(c.truthfulUtility), where).toBeGreaterThan(2e-6);
      if (c.agent !== null) {
        expect(utilityFromClear(v, c.market, c.market, c.agent), where).toBeCloseTo(Number(c.truthfulUtility), 5);
        const after = c.deviation === null ? 0 : utilityFromClear(v, c.market, c.deviation, c.agent);
        expect(after, where).toBeCloseTo(Number(c.deviantUtility), 5);
      } else {
        const x = clearMarket(oneShots.get(v.mechanism)!, c.market, SEED, true) as Json;
        const figure =
          v.property === 'efficient'
            ? Number(x['surplus'] ?? x['gainsFromTrade'] ?? x['welfare'])
            : Number(x['budget']);
        const want = v.property === 'sbb' ? -Math.abs(figure) : figure;
        expect(want, where).toBeCloseTo(Number(c.truthfulUtility), 5);
      }
      checked++;
    }
    expect(checked).toBe(expected.filter((r) => r.verdict === 'violated').length);
  });
});

describe('teeth', () => {
  const probe = (m: (typeof mutants)[number]): Certificate =>
    certifyCase(m.mechanism, m.property, m.options, { markets: 2000, seed: SEED });
  for (const m of mutants) {
    test(`finds: ${m.about}`, () => {
      const c = probe(m);
      expect(c.verdict).toBe('violated');
      expect(c.pairs).toBeGreaterThan(0);
    });
  }

  test('and finds nothing in the original', () => {
    const c = certifyCase(soundMechanism, 'dsic-cost', {}, { markets: 300, seed: 2 });
    expect(c).toMatchObject({ verdict: 'no violation found', counterexample: null });
    expect(c.nearCriticalShare).toBeGreaterThan(0.1);
    expect(c.nearCriticalShare).toBeLessThan(1);
  });
});

describe('fees and stakes', () => {
  for (const [fee, verdict] of [
    ['gross:0.2', 'violated'],
    ['v:0.2', 'violated'],
    ['residual:0.2', 'violated'],
    ['leave-one-out:0.2', 'no violation found'],
  ] as const) {
    test(`${fee}: ${verdict}`, () => {
      expect(certifyCase(oneShots.get('pvcg')!, 'dsic-cost', { fee }, { markets: MARKETS, seed: SEED }).verdict).toBe(
        verdict,
      );
    });
  }
});

describe('the command', () => {
  test('exit codes, JSON, exhaustion, a bad expectation', async () => {
    const bad = await janctionInside([
      'certify',
      '--mechanism',
      'pay-as-bid',
      '--property',
      'dsic-cost',
      '--json',
      '--quiet',
    ]);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({
      mechanism: 'pay-as-bid',
      property: 'dsic-cost',
      verdict: 'violated',
      seed: 1,
    });
    const good = await janctionInside([
      'certify',
      '--mechanism',
      'mcafee',
      '--property',
      'wbb',
      '--exhaust',
      '3',
      '--json',
      '--quiet',
    ]);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({
      kind: 'exchange',
      verdict: 'exhausted',
      counterexample: null,
    });
    for (const args of [
      ['--mechanism', 'pvgc', '--property', 'ir'],
      ['--mechanism', 'pvcg', '--property', 'honest'],
      ['--mechanism', 'pvcg', '--property', 'ir', '--fee', 'tithe'],
      ['--mechanism', 'mcafee', '--property', 'ir', '--kind', 'procurement'],
      ['--mechanism', 'mcafee', '--property', 'ir', '--supply', 'multi'],
      ['--all', '--expect', 'absent.json'],
      ['--mechanism', 'pvcg'],
    ]) {
      const x = await janctionInside(['certify', ...args]);
      expect(x.code, args.join(' ')).toBe(2);
      expect(x.out).toBe('');
      expect(x.err.trimEnd().split('\n')).toHaveLength(1);
    }
    await inTemp(async (dir) => {
      const file = join(dir, 'table.json');
      writeFileSync(file, JSON.stringify({ rows: [...expected.slice(1), { ...expected[0], verdict: 'violated' }] }));
      const x = await janctionInside(['certify', '--all', '--markets', '30', '--expect', file, '--quiet']);
      expect(x.code).toBe(1);
    });
  });

  test('Bayesian: a first price is shaded, pVCG is not, Crémer-McLean holds in expectation', () => {
    const bic = (name: string) => certifyCase(oneShots.get(name)!, 'bic', {}, { markets: 60, seed: SEED }).verdict;
    expect([bic('pay-as-bid'), bic('pvcg'), bic('cremer-mclean')]).toEqual([
      'violated',
      'no violation found',
      'no violation found',
    ]);
  });
});
