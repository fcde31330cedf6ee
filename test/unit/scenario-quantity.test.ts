/** Quantities read exactly by the table of units, and expressions through mathjs. */
import fc from 'fast-check';
import { all, create } from 'mathjs';
import { describe, expect, test } from 'vitest';
import { ratToString } from '../../core/num/index.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import {
  clockUs,
  kinds,
  NeedsUnits,
  QuantityError,
  toJobsPerHour,
  toRatio,
  toSteps,
} from '../../scenarios/quantity/quantity.ts';
import { evaluator } from '../../scenarios/units-mathjs.ts';
import { bent, refusal } from '../support/scenario-text.ts';

const problem = (f: () => unknown): string => {
  try {
    f();
  } catch (e) {
    if (e instanceof QuantityError) return e.message;
    throw e;
  }
  throw new Error('no error');
};

describe('plain quantities are exact', () => {
  test.each([
    ['0.1 USD/hour', 'price', 100_000n],
    ['0.1 USD / GPU / hour', 'price', 100_000n],
    ['100 microUSD/hour', 'price', 100n],
    ['1 USD/day', 'price', 41_667n],
    ['24 GiB', 'memory', 24_576n],
    ['24 GB', 'memory', 22_888n],
    ['24 GB', 'memoryNeed', 22_889n],
    ['1 day', 'duration', 86_400_000_000n],
    ['90 minute', 'duration', 5_400_000_000n],
    ['1.5h', 'duration', 5_400_000_000n],
    ['2e3 ms', 'duration', 2_000_000n],
    ['0 s', 'duration', 0n],
    ['1.5 us', 'duration', 2n],
    ['12 cores', 'cores', 12_000n],
    ['0.5 core', 'cores', 500n],
    ['1000 JCT', 'tokens', 1_000_000_000n],
    ['123456789012.123456 JCT', 'tokens', 123_456_789_012_123_456n],
    ['0.05 USD/JCT', 'tokenPrice', 50_000n],
    ['500 USD', 'dollars', 500_000_000n],
  ] as const)('%s is %s %s', (text, kind, steps) => {
    expect(toSteps(text, kinds[kind])).toBe(steps);
  });

  test('ratios, rates and clock times', () => {
    expect(ratToString(toRatio('80 %'))).toBe('4/5');
    expect(ratToString(toRatio(0.1))).toBe('1/10');
    expect(toJobsPerHour('1 job/minute')).toBe(60);
    expect(clockUs('18:30')).toBe(66_600_000_000);
    expect(clockUs('7:05:09')).toBe(25_509_000_000);
    expect(clockUs('7 hour')).toBeNull();
  });
});

test.each([
  ['5 GiB', 'duration', '"5 GiB" is an amount of memory, not a duration; write a duration such as "90 minute"'],
  ['5', 'duration', '"5" has no unit; write a duration such as "90 minute"'],
  ['soon', 'duration', '"soon" is not a duration; write a duration such as "90 minute"'],
  ['', 'duration', '"" is not a duration; write a duration such as "90 minute"'],
  ['NaN hour', 'duration', '"NaN hour" is not a finite number; write a duration such as "90 minute"'],
  ['-Infinity s', 'duration', '"-Infinity s" is not a finite number; write a duration such as "90 minute"'],
  ['-1 hour', 'duration', '"-1 hour" is negative; take the minus away'],
  ['101 year', 'duration', '"101 year" is too large; write at most "100 year"'],
  ['1e999 s', 'duration', '"1e999 s" has too large an exponent; write a duration such as "90 minute"'],
  ['0.4 us', 'duration', '"0.4 us" is less than a us; write zero or at least "1 us"'],
  ['5 hous', 'duration', 'unknown unit "hous" in "5 hous"; did you mean "hour"?'],
  ['5 gib', 'memory', 'unknown unit "gib" in "5 gib"; did you mean "GiB"?'],
  ['1 hour', 'price', '"1 hour" is a duration, not a price; write a price such as "0.35 USD/hour"'],
  ['1 USD/GiB', 'price', '"1 USD/GiB" does not measure a price; write a price such as "0.35 USD/hour"'],
  ['0.0000001 USD', 'dollars', '"0.0000001 USD" is finer than a microUSD; write a whole number of those'],
  [
    '1 TFLOPS',
    'cores',
    '"1 TFLOPS" is a computing speed, not a number of CPU cores; write a number of CPU cores such as "16 cores"',
  ],
] as const)('%s as %s: %s', (text, kind, message) => {
  expect(problem(() => toSteps(text, kinds[kind]))).toBe(message);
});

test('ratios, rates and clock times that cannot be', () => {
  expect(problem(() => toRatio('5 hour'))).toBe(
    '"5 hour" is a duration, not a plain number; write a plain number such as "80 %"',
  );
  expect(problem(() => toRatio(Number.NaN))).toBe('"NaN" is not a finite number; write a plain number such as "80 %"');
  expect(problem(() => toJobsPerHour('-2 jobs/hour'))).toBe('"-2 jobs/hour" is negative; take the minus away');
  expect(problem(() => toJobsPerHour('3 hour'))).toContain('is a duration, not a rate of jobs');
  expect(problem(() => clockUs('24:00'))).toBe('"24:00" is no time of day; write 00:00 to 23:59');
});

test('an expression asks for an evaluator, and only an expression', () => {
  for (const text of ['3 * 8 hour', '(1+2) hour', '1,000 s', '1_000 s'])
    expect(() => toSteps(text, kinds.duration), text).toThrow(NeedsUnits);
});

test('a decimal in any unit equals its parts counted one by one', () => {
  const sizes = { s: 1_000_000n, minute: 60_000_000n, hour: 3_600_000_000n, day: 86_400_000_000n };
  fc.assert(
    fc.property(
      fc.nat({ max: 20_000 }),
      fc.nat({ max: 999 }),
      fc.constantFrom('s', 'minute', 'hour', 'day'),
      (whole, milli, unit) => {
        const text = `${whole}.${String(milli).padStart(3, '0')} ${unit}`;
        expect(toSteps(text, kinds.duration)).toBe((BigInt(whole * 1000 + milli) * sizes[unit as 's']) / 1000n);
      },
    ),
    { seed: 1 },
  );
});

const duration = (text: string) => toSteps(text, kinds.duration, evaluator);

describe('expressions', () => {
  test.each([
    ['3 * 8 hour', 86_400_000_000n],
    ['1 day + 3 hour', 97_200_000_000n],
    ['3 * 5 min', 900_000_000n],
    ['(1 + 2) * 1 hour', 10_800_000_000n],
    ['50% * 1 hour', 1_800_000_000n],
    ['2 hour - 30 minute', 5_400_000_000n],
    ['10 GiB / (1 GiB/hour)', 36_000_000_000n],
    ['2^3 s', 8_000_000n],
    ['1/3 hour', 1_200_000_000n],
  ])('%s', (text, us) => {
    expect(duration(text)).toBe(us);
  });

  test('prices, with rounding noise taken off', () => {
    expect(toSteps('1.2 USD/hour * 2', kinds.price, evaluator)).toBe(2_400_000n);
    expect(toSteps('0.1 USD/hour + 0.2 USD/hour', kinds.price, evaluator)).toBe(300_000n);
    expect(toSteps('2 USD/GPU hour', kinds.price, evaluator)).toBe(2_000_000n);
    expect(toRatio('82.6 TFLOPS / 41.3 TFLOPS', evaluator)).toEqual({ num: 2n, den: 1n });
  });

  test('in a scenario, given an evaluator', () => {
    const text = bent('1 day', '3 * 8 hour');
    expect(resolveScenario(text, 'f.yaml', [], evaluator).horizonUs).toBe(86_400_000_000);
    expect(() => refusal(text)).toThrow('needs a unit evaluator');
    expect(() => resolveScenario(bent('1 day', '3 * 8 huor'), 'f.yaml', [], evaluator)).toThrow(
      'f.yaml:2:10: horizon: unknown unit "huor" in "3 * 8 huor"; did you mean "hour"?',
    );
  });
});

describe('what is no arithmetic is refused before it is evaluated', () => {
  test.each([
    'import(1)',
    'createUnit("x1")',
    'evaluate("1 s")',
    'parse("1")',
    'simplify("1")',
    'derivative("x^2", "x1")',
    'config({}) * 1 s',
    'random() * 1 hour',
    'randomInt(5) s',
    'pickRandom([1]) s',
    'sqrt(4) s',
    'cos(0) s',
    '2! s',
    'a = 3 s',
    'f(x) = 3 s',
    '[1, 2] s',
    '{a: 1}.a s',
    '"3 s"',
    '1:3',
    '1 s; 2 s',
    '3 hour to 2 s',
    'true * 1 s',
    '1 s > 0 s',
    '3 s and 2',
  ])('%s', (text) => {
    expect(() => duration(text)).toThrow(QuantityError);
    expect(() => duration(text)).toThrow(
      /may not stand in a quantity; use only numbers, units, \+ - \* \/ \^ and parentheses/,
    );
  });

  test.each([
    ['pi * 1 hour', 'unknown unit "pi" in "pi * 1 hour"; units: us, microsecond'],
    ['2 * 3 fortnight', 'unknown unit "fortnight"'],
    ['x.constructor * 2', 'may not stand in a quantity'],
    ['(1 + 2', 'neither a quantity nor an expression'],
    ['2 hour + 1 GiB', 'mixes different kinds of things; check its units'],
    ['1 day 3 hour', 'does not measure a duration'],
    ['9^9^9 hour', 'is not a finite number'],
    ['0/0 hour', 'is not a finite number'],
    ['0 hour - 1 hour', 'is negative'],
    ['2 * 3', 'is a plain number, not a duration'],
    [`${'1+'.repeat(200)}1 s`, 'is not a duration'],
  ])('%s', (text, message) => {
    expect(() => duration(text)).toThrow(message);
  });
});

test('plain quantities agree with the units of mathjs itself', () => {
  const math = create(all!);
  const names: [string, keyof typeof kinds, string][] = [
    ['duration', 'duration', 'microsecond'],
    ['memory', 'memory', 'MiB'],
  ];
  const cases = fc.oneof(
    fc.tuple(
      fc.constant(names[0]!),
      fc.constantFrom('s', 'sec', 'minute', 'minutes', 'h', 'hour', 'hours', 'day', 'days', 'week', 'ms'),
    ),
    fc.tuple(fc.constant(names[1]!), fc.constantFrom('B', 'kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB', 'TiB', 'bytes')),
  );
  fc.assert(
    fc.property(cases, fc.nat({ max: 999 }), fc.nat({ max: 99 }), ([[, kind, step], unit], whole, cents) => {
      const text = `${whole}.${String(cents).padStart(2, '0')} ${unit}`;
      const theirs = math.unit(text).toNumber(step);
      fc.pre(theirs === 0 || theirs >= 1);
      const ours = Number(toSteps(text, kinds[kind]));
      expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1 + 1e-12 * theirs);
      expect(toSteps(`1 * (${text})`, kinds[kind], evaluator)).toBe(BigInt(ours));
    }),
    { seed: 1 },
  );
});
