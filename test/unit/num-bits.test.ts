/**
 * The same bits everywhere: a 64-bit digest of 200,000 results per elementary function, recorded once. An engine, a
 * processor or an edit that changes one bit of one result fails here. The arguments are made of integers and exact
 * scalings only, so they cannot differ.
 */
import { expect, test } from 'vitest';
import * as num from '../../core/num/index.ts';

const POINTS = 200_000;
// The words of the arguments, drawn once; local names because a namespace import is slow in a hot loop.
const { fromWords, philox4x32, scalb } = num;
const words = new Uint32Array(8 * POINTS);
for (let i = 0; i < 2 * POINTS; i++) philox4x32(i >> 1, i & 1, 0, 0, 1, 2, words.subarray(4 * i, 4 * i + 4));

/** One in four: any bit pattern; a value in `range`; a value near 1; a value of any small size. */
function argument(i: number, stream: 0 | 1, range: number): number {
  const at = 8 * i + 4 * stream;
  const high = words[at]!;
  const low = words[at + 1]!;
  const unit = ((high >>> 5) * 67108864 + (low >>> 6)) / 9007199254740992;
  switch (words[at + 2]! & 3) {
    case 0:
      return fromWords(high, low);
    case 1:
      return (2 * unit - 1) * range;
    case 2:
      return 1 + scalb(unit - 0.5, -(words[at + 3]! % 50));
    default:
      return scalb(unit - 0.5, -(words[at + 3]! % 1070));
  }
}

const functions: [string, number, (x: number, i: number) => number, string][] = [
  ['log', 100, num.log, '7616103e5896b803'],
  ['log2', 100, num.log2, 'b3eb2b3e843af0ed'],
  ['log10', 100, num.log10, '673b4a2461179215'],
  ['log1p', 100, num.log1p, 'a089b159ad88781b'],
  ['exp', 750, num.exp, 'f229e0bcf960d9e5'],
  ['expm1', 750, num.expm1, '04da8d17aa7ff23f'],
  ['pow', 50, (x, i) => num.pow(x, argument(i, 1, 300)), '5880e0e2709ad730'],
  ['sin', 1e6, num.sin, '3f44023b58ec2791'],
  ['cos', 1e6, num.cos, '48b20509a9a23397'],
  ['tan', 1e6, num.tan, '3219981889d0270e'],
  ['atan', 10, num.atan, '663a571706e15acf'],
  ['tanh', 25, num.tanh, '9cdbac0a9604a3d3'],
  ['sqrt', 1e6, num.sqrt, 'e5c703123894e2cb'],
  ['erf', 7, num.erf, '08fb36db87dc1041'],
  ['erfc', 28, num.erfc, '80fd545d2341d6a0'],
  ['logGamma', 200, num.logGamma, 'ebf56b7518a31adb'],
];

test.each(functions)('%s of 200,000 doubles has the recorded bits', (_name, range, f, recorded) => {
  const digest = new num.Digest();
  for (let i = 0; i < POINTS; i++) {
    digest.mixDouble(f(argument(i, 0, range), i));
  }
  expect(digest.hex()).toBe(recorded);
});

test('distributions and quantiles have the recorded bits', () => {
  const digest = new num.Digest();
  for (let i = 0; i < 400; i++) {
    const u = num.chance([5, 6], 'u', i);
    const df = num.exp(-1 + 8 * num.chance([5, 6], 'df', i));
    for (const x of [
      num.normalCdf(8 * u - 4),
      num.normalQuantile(u),
      num.gammaP(df, df * 2 * u),
      num.betaI(df, 3, u),
      num.studentTail(6 * u, df),
      num.studentQuantile(u, df),
      num.chiSquareQuantile(u, df),
      num.fTail(4 * u, df, 5),
      num.betaQuantile(u, df, 3),
      num.kolmogorovTail(2 * u),
      num.ksTail(1 + (i % 60), u),
    ]) {
      digest.mixDouble(x);
    }
  }
  expect(digest.hex()).toBe('f73517e9c46dfbae');
});
