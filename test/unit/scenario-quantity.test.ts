import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ratToString } from '../../core/num/index.ts';
import {
  clockUs,
  kinds,
  NeedsUnits,
  QuantityError,
  toJobsPerHour,
  toRatio,
  toSteps,
} from '../../scenarios/quantity/quantity.ts';

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
  ['-1 hour', 'duration', '"-1 hour" is negative; write zero or more'],
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
  expect(problem(() => toJobsPerHour('-2 jobs/hour'))).toBe('"-2 jobs/hour" is negative; write zero or more');
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
