import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ChanceId,
  type ChanceKey,
  chance,
  chanceInt,
  chiSquareTail,
  ksTail,
  philox4x32,
} from '../../core/num/index.ts';

const words = (c: number[], k: number[]): string => {
  const out = new Uint32Array(4);
  philox4x32(c[0]!, c[1]!, c[2]!, c[3]!, k[0]!, k[1]!, out);
  return [...out].map((w) => w.toString(16).padStart(8, '0')).join(' ');
};

/** The paper's definition on BigInt. */
function oracle(counter: number[], key: number[]): string {
  let [x0, x1, x2, x3] = counter.map((w) => BigInt(w >>> 0)) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map((w) => BigInt(w >>> 0)) as [bigint, bigint];
  const mask = 0xffffffffn;
  for (let r = 0; r < 10; r++) {
    const p0 = x0 * 0xd2511f53n;
    const p1 = x2 * 0xcd9e8d57n;
    [x0, x1, x2, x3] = [(p1 >> 32n) ^ x1 ^ k0, p1 & mask, (p0 >> 32n) ^ x3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [x0, x1, x2, x3].map((w) => w.toString(16).padStart(8, '0')).join(' ');
}

describe('Philox4x32-10', () => {
  test('known answers of Random123 (kat_vectors)', () => {
    const ones = 0xffffffff;
    expect(words([0, 0, 0, 0], [0, 0])).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(words([ones, ones, ones, ones], [ones, ones])).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(words([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toBe(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    );
  });

  test('equals the definition on BigInt, and reads words modulo 2^32', () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 4, maxLength: 4 }),
        fc.array(word, { minLength: 2, maxLength: 2 }),
        (c, k) => {
          expect(words(c, k)).toBe(oracle(c, k));
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });
});

const key: ChanceKey = [0x12345678, 0x9abcdef0];

describe('chance', () => {
  test('frozen values', () => {
    expect([
      chance([0, 0], 'audit', 0),
      chance(key, 'audit', 1),
      chance(key, 'audit', [1, 0]),
      chance(key, 'audit', -1),
      chanceInt(key, 'pick', [7, 9], 1000),
    ]).toMatchInlineSnapshot(`
      [
        0.6556782679802788,
        0.2871243591681628,
        0.6448472378132484,
        0.6121731404049532,
        973,
      ]
    `);
  });

  test('is a function of key, purpose and id alone, and every part of them counts', () => {
    const ids: ChanceId[] = [
      0,
      1,
      -1,
      2 ** 32,
      2 ** 52,
      -(2 ** 52),
      [0, 0],
      [1, 0],
      [0, 1],
      [2 ** 32, 0],
      [0, 2 ** 32],
    ];
    const seen = new Map<number, string>();
    for (const k of [key, [key[0], key[1] + 1], [key[0] + 1, key[1]], [key[1], key[0]]] as ChanceKey[]) {
      for (const purpose of ['audit', 'Audit', 'audit ', '', 'beacon']) {
        for (const id of ids) {
          const x = chance(k, purpose, id);
          expect(seen.get(x)).toBeUndefined();
          seen.set(x, `${k} ${purpose} ${id}`);
          expect(chance(k, purpose, id)).toBe(x);
        }
      }
    }
    expect(seen.size).toBe(4 * 5 * ids.length);
    expect(() => chance(key, 'x', 0.5)).toThrow(/not-safe-integer/);
    expect(() => chance(key, 'x', [1, 2 ** 53])).toThrow(/not-safe-integer/);
  });

  test('is uniform on [0, 1), and neighbours are uncorrelated', () => {
    const n = 20_000;
    const xs = Array.from({ length: n }, (_, i) => chance(key, 'uniform', i));
    const sorted = [...xs].sort((a, b) => a - b);
    let d = 0;
    let serial = 0;
    sorted.forEach((x, i) => {
      d = Math.max(d, x - i / n, (i + 1) / n - x);
    });
    expect(sorted[0]! >= 0 && sorted[n - 1]! < 1).toBe(true);
    for (let i = 1; i < n; i++) serial += (xs[i]! - 0.5) * (xs[i - 1]! - 0.5);
    expect(ksTail(n, d)).toBeGreaterThan(1e-4);
    expect(Math.abs(serial / n) * 12 * Math.sqrt(n)).toBeLessThan(4);
    // All 53 bits are used: the lowest one is set half of the time.
    const odd = xs.filter((x) => (x * 2 ** 53) % 2 === 1).length;
    expect(Math.abs(odd - n / 2) / Math.sqrt(n / 4)).toBeLessThan(4);
  });

  test('chanceInt is unbiased where a plain modulo would not be', () => {
    // With n = 3 * 2^51, draw % n would hit the lowest third twice as often as it should be hit.
    const n = 3 * 2 ** 51;
    const draws = 3000;
    let low = 0;
    for (let i = 0; i < draws; i++) {
      const x = chanceInt(key, 'thirds', i, n);
      if (!(Number.isSafeInteger(x) && x >= 0 && x < n)) expect(x).toBe('an integer below n');
      if (x < 2 ** 51) low++;
    }
    expect(Math.abs(low - draws / 3) / Math.sqrt((draws * 2) / 9)).toBeLessThan(4);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 7000; i++) counts[chanceInt(key, 'dice', [i, 3], 7)]!++;
    const chi2 = counts.reduce((sum, c) => sum + (c - 1000) ** 2 / 1000, 0);
    expect(chiSquareTail(chi2, 6)).toBeGreaterThan(1e-4);
    expect(chanceInt(key, 'one', 5, 1)).toBe(0);
    expect(() => chanceInt(key, 'none', 5, 0)).toThrow(/range/);
    expect(() => chanceInt(key, 'many', 5, 2 ** 53)).toThrow(/range/);
  });
});
