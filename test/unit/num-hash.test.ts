import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Digest, hashString, Sha256, sha256Hex, utf8 } from '../../core/num/index.ts';

const hexOf = (...xs: number[]): string => {
  const d = new Digest();
  for (const x of xs) d.mixInt(x);
  return d.hex();
};

describe('Digest', () => {
  test('frozen values: a change here changes every recorded fingerprint', () => {
    const d = new Digest();
    expect(d.hex()).toMatchInlineSnapshot(`"fb87323d751cf541"`);
    d.mixInt(1);
    d.mixInt(-1);
    d.mixInt(Number.MAX_SAFE_INTEGER);
    d.mixString('janction');
    d.mixString('');
    d.mixBigInt(10n ** 30n);
    d.mixBigInt(-5n);
    d.mixDouble(0.1);
    expect(d.hex()).toMatchInlineSnapshot(`"9f6660f870602945"`);
    expect(new Digest(7).hex()).toMatchInlineSnapshot(`"09f9ef5b92026f7d"`);
  });

  test('every one of the 53 bits and the sign changes it', () => {
    for (const base of [0, 1, 123456789, 2 ** 31, 2 ** 32, 2 ** 51 + 12345]) {
      const seen = new Set<string>([hexOf(base)]);
      for (let bit = 0; bit < 53; bit++) {
        const step = 2 ** bit;
        seen.add(hexOf(Math.floor(base / step) % 2 === 1 ? base - step : base + step));
      }
      seen.add(hexOf(-base - 1));
      expect(seen.size).toBe(55);
    }
    expect(hexOf(-0)).toBe(hexOf(0));
    expect(hexOf(5)).not.toBe(hexOf(-5));
    for (const bad of [0.5, NaN, Infinity, 2 ** 53]) expect(() => new Digest().mixInt(bad)).toThrow(/not-safe-integer/);
  });

  test('an input bit flips each output bit about half of the time', () => {
    const flips = new Array<number>(64).fill(0);
    let n = 0;
    for (let i = 0; i < 200; i++) {
      const x = i * 7_919_777_777;
      const before = BigInt(`0x${hexOf(x, i)}`);
      for (const bit of [0, 5, 17, 31, 32, 40, 51]) {
        const after = BigInt(`0x${hexOf(Math.floor(x / 2 ** bit) % 2 === 1 ? x - 2 ** bit : x + 2 ** bit, i)}`);
        for (let b = 0; b < 64; b++) flips[b]! += Number(((before ^ after) >> BigInt(b)) & 1n);
        n++;
      }
    }
    for (const f of flips) expect(Math.abs(f / n - 0.5)).toBeLessThan(0.07);
  });

  test('no collisions among 60,000 neighbouring integers and pairs', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 30_000; i++) {
      seen.add(hexOf(i));
      seen.add(hexOf(i % 317, Math.floor(i / 317)));
    }
    expect(seen.size).toBe(60_000);
  });

  test('kind, order and boundaries count', () => {
    const of = (mix: (d: Digest) => void): string => {
      const d = new Digest();
      mix(d);
      return d.hex();
    };
    const all = [
      of((d) => d.mixInt(5)),
      of((d) => d.mixBigInt(5n)),
      of((d) => d.mixString('5')),
      of((d) => d.mixDouble(5)),
      of((d) => d.mixString('ab')),
      of((d) => {
        d.mixString('a');
        d.mixString('b');
      }),
      of((d) => {
        d.mixString('b');
        d.mixString('a');
      }),
      of((d) => d.mixString('ab\0')),
      of((d) => d.mixString('ab\0\0')),
      of((d) => d.mixString('')),
      of((d) => d.mixDouble(-0)),
      of((d) => d.mixDouble(0)),
      of((d) => d.mixBigInt(2n ** 64n)),
      of((d) => d.mixBigInt(-(2n ** 64n))),
      of((d) => d.mixBigInt(2n ** 128n)),
      of((d) => d.mixBigInt(0n)),
      of(() => {}),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(of((d) => d.mixDouble(NaN))).toBe(of((d) => d.mixDouble(-NaN)));
  });

  test('different texts and BigInts of up to 300 bits do not collide', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ maxLength: 12 }), { maxLength: 20 }), (texts) => {
        const seen = texts.map((s) => {
          const d = new Digest();
          d.mixString(s);
          return d.hex();
        });
        expect(new Set(seen).size).toBe(texts.length);
      }),
      { seed: 1, numRuns: 60 },
    );
    const seen = new Set<string>();
    for (let bit = 0n; bit < 300n; bit++) {
      for (const x of [1n << bit, -(1n << bit), (1n << bit) + (1n << (bit / 2n)) + 3n]) {
        const d = new Digest();
        d.mixBigInt(x);
        seen.add(d.hex());
      }
    }
    expect(seen.size).toBeGreaterThan(890);
  });

  test('continues from a saved state', () => {
    const a = new Digest(3);
    a.mixInt(1);
    const saved = JSON.parse(JSON.stringify(a.state()));
    a.mixString('tail');
    const b = new Digest();
    b.restore(saved);
    b.mixString('tail');
    expect(b.hex()).toBe(a.hex());
    expect(b.state()).toEqual(a.state());
    expect(() => b.restore({ a: 0.5, b: 0 })).toThrow(/range/);
  });
});

test('hashString is MurmurHash3_x86_32 of the UTF-16LE bytes', () => {
  // Vectors of the reference code, for inputs of an even number of bytes.
  expect(hashString('')).toBe(0);
  expect(hashString('', 1)).toBe(0x514e28b7);
  expect(hashString('', 0xffffffff)).toBe(0x81f16f39);
  expect(hashString('\uffff\uffff')).toBe(0x76293b50);
  expect(hashString('\u4321\u8765')).toBe(0xf55b516b);
  expect(hashString('\u4321\u8765', 0x5082edee)).toBe(0x2362f9de);
  expect(hashString('\u4321')).toBe(0xa0f7b07a);
  expect(hashString('\0\0')).toBe(0x2362f9de);
  expect(hashString('\0')).toBe(0x30f4c306);
});

describe('SHA-256', () => {
  const ascii = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));

  test('vectors of NIST (FIPS 180-4 examples and the CAVP long message of a million a)', () => {
    const vectors: [string, string][] = [
      ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      [
        'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
        '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
      ],
      [
        'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
        'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1',
      ],
    ];
    for (const [text, hex] of vectors) expect(sha256Hex(ascii(text))).toBe(hex);
    expect(sha256Hex(new Uint8Array(1_000_000).fill(97))).toBe(
      'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
    );
  });

  test('every length around a block, whole and in pieces, equals the host', () => {
    for (let n = 0; n < 200; n++) {
      const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 37 + n) & 255);
      const expected = createHash('sha256').update(bytes).digest('hex');
      expect(sha256Hex(bytes)).toBe(expected);
      const hasher = new Sha256();
      for (let i = 0; i < n; i += 1 + (n % 67)) hasher.update(bytes.subarray(i, i + 1 + (n % 67)));
      expect(hasher.hex()).toBe(expected);
    }
  });
});

test('utf8 equals the Encoding Standard, lone surrogates included', () => {
  const encoder = new TextEncoder();
  for (const text of [
    '',
    'abc',
    'äöü€',
    '𝄞𝄞',
    '\ud800',
    '\udc00x',
    'a\ud83dz',
    '\ud83d\ud83d\ude00',
    '\ud83d\udb80',
    '\ud83d\ue000',
    '\uffff\u07ff\u0800',
  ]) {
    expect(utf8(text)).toEqual(encoder.encode(text));
  }
  fc.assert(
    fc.property(fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }), (s) => {
      expect(utf8(s)).toEqual(encoder.encode(s));
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('a column of 64-bit integers mixes as its values one by one', () => {
  const edge = fc.constantFrom(
    0n,
    -1n,
    2n ** 53n - 1n,
    2n ** 53n,
    -(2n ** 53n) + 1n,
    -(2n ** 53n),
    2n ** 63n - 1n,
    -(2n ** 63n),
  );
  const values = fc.array(fc.oneof(edge, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), { maxLength: 20 });
  fc.assert(
    fc.property(values, (column) => {
      const one = new Digest();
      for (const v of column) one.mixBigInt(v);
      const all = new Digest();
      all.mixBigInts(BigInt64Array.from([...column, 7n]), column.length);
      return one.hex() === all.hex();
    }),
    { seed: 1, numRuns: 500 },
  );
});
