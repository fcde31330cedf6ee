/**
 * Quantities with units, read exactly: "24 GiB", "1 day", "0.35 USD/hour", "80 %". Such plain texts never touch a float, so
 * 0.1 USD/hour is exactly 100,000 micro-USD per hour. Anything longer ("3 * 8 hour") goes to an evaluator that the caller may
 * lend; it is asked for only when a file needs it, because the library behind it takes more than a second to load.
 */
import { NumError, type Rational, rat, ratCmp, ratParse, ratRound, ratToNumber } from '../../core/num/index.ts';
import { quoted } from '../input-error.ts';
import { advice } from '../suggest.ts';
import { type Measured, measured, nounOf, parseUnit, UnknownUnit, unitNames } from './units.ts';

/** What one key of a scenario measures. */
export interface Kind {
  noun: string;
  /** How to write it, for messages and for the schema. */
  example: string;
  /** One step of the integer that the scenario is resolved to; several when two notations mean the same. */
  steps: readonly string[];
  /** Where finer values go; `exact` refuses them. */
  rounding: 'exact' | 'floor' | 'ceil' | 'half-even';
  /** Most it may be, in steps, and the same in words. */
  most: bigint;
  mostText: string;
}

const MOST_MICRO = 9_000_000_000_000_000n;
const money = { rounding: 'exact', most: MOST_MICRO } as const;

export const kinds = {
  duration: {
    noun: 'a duration',
    example: '90 minute',
    steps: ['us'],
    rounding: 'half-even',
    most: 3_155_760_000_000_000n,
    mostText: '100 year',
  },
  /** Memory that a machine has: a step that is not there is not counted. */
  memory: {
    noun: 'an amount of memory',
    example: '24 GiB',
    steps: ['MiB'],
    rounding: 'floor',
    most: 1_073_741_824n,
    mostText: '1024 TiB',
  },
  /** Memory that a job asks for. */
  memoryNeed: {
    noun: 'an amount of memory',
    example: '16 GiB',
    steps: ['MiB'],
    rounding: 'ceil',
    most: 1_073_741_824n,
    mostText: '1024 TiB',
  },
  cores: {
    noun: 'a number of CPU cores',
    example: '16 cores',
    steps: ['millicore'],
    rounding: 'exact',
    most: 1_000_000_000n,
    mostText: '1000000 cores',
  },
  /** To the nearest micro-unit, so that a price per day or week can be given. */
  price: {
    rounding: 'half-even',
    noun: 'a price',
    example: '0.35 USD/hour',
    steps: ['microUSD/hour', 'microUSD/GPU/hour'],
    most: 1_000_000_000_000n,
    mostText: '1000000 USD/hour',
  },
  dataRate: {
    noun: 'a data rate',
    example: '1 Gbit/s',
    steps: ['kB/s'],
    rounding: 'half-even',
    most: 1_000_000_000_000n,
    mostText: '1000000 GB/s',
  },
  energyPrice: {
    ...money,
    noun: 'a price of electricity',
    example: '0.25 USD/kWh',
    steps: ['microUSD/kWh'],
    most: 1_000_000_000n,
    mostText: '1000 USD/kWh',
  },
  dollars: {
    ...money,
    noun: 'an amount of money',
    example: '500 USD',
    steps: ['microUSD'],
    mostText: '9000000000 USD',
  },
  /** Tokens may pass 2^53 micro-units: they are counted in BigInt. */
  tokens: {
    noun: 'an amount of tokens',
    example: '1000 JCT',
    steps: ['microJCT'],
    rounding: 'exact',
    most: 1_000_000_000_000_000_000_000n,
    mostText: '1000000000000000 JCT',
  },
  tokenPrice: {
    ...money,
    noun: 'a token price',
    example: '0.05 USD/JCT',
    steps: ['microUSD/JCT'],
    most: 1_000_000_000_000n,
    mostText: '1000000 USD/JCT',
  },
} as const satisfies Record<string, Kind>;

/** A quantity that cannot be used: what is wrong; how to mend it. */
export class QuantityError extends Error {}

/** The text is an expression and no evaluator was given: load one and read the scenario again. */
export class NeedsUnits extends Error {
  readonly expression: string;

  constructor(expression: string) {
    super(`the expression ${quoted(expression)} needs a unit evaluator`);
    this.name = 'NeedsUnits';
    this.expression = expression;
  }
}

/** Evaluates an expression over the units of this room. Throws QuantityError. */
export type QuantityEvaluator = (expression: string) => Measured;

/** The quantity in whole steps of its kind. Throws QuantityError or NeedsUnits. */
export function toSteps(input: string | number, kind: Kind, evaluator?: QuantityEvaluator): bigint {
  const text = String(input).trim();
  const m = read(text, kind, evaluator);
  const size = kind.steps.reduce<Rational | null>((found, step) => found ?? m.in(step), null);
  if (size === null) throw new QuantityError(wrongKind(text, m, kind));
  if (size.num < 0n) throw new QuantityError(`${quoted(text)} is negative; take the minus away`);
  if (ratCmp(size, rat(kind.most)) > 0)
    throw new QuantityError(`${quoted(text)} is too large; write at most "${kind.mostText}"`);
  if (size.den !== 1n && kind.rounding === 'exact')
    throw new QuantityError(`${quoted(text)} is finer than a ${kind.steps[0]}; write a whole number of those`);
  const steps = ratRound(size, kind.rounding === 'exact' ? 'floor' : kind.rounding);
  if (steps === 0n && size.num !== 0n)
    throw new QuantityError(
      `${quoted(text)} is less than a ${kind.steps[0]}; write zero or at least "1 ${kind.steps[0]}"`,
    );
  return steps;
}

/** A plain number or a percentage, exactly. Throws QuantityError or NeedsUnits. */
export function toRatio(input: string | number, evaluator?: QuantityEvaluator): Rational {
  const text = String(input).trim();
  const m = read(text, ratio, evaluator);
  const size = m.in('');
  if (size === null) throw new QuantityError(wrongKind(text, m, ratio));
  return size;
}

/** Jobs per hour as a double. Throws QuantityError or NeedsUnits. */
export function toJobsPerHour(input: string | number, evaluator?: QuantityEvaluator): number {
  const text = String(input).trim();
  const m = read(text, jobRate, evaluator);
  const size = m.in('job/hour');
  if (size === null) throw new QuantityError(wrongKind(text, m, jobRate));
  const rate = ratToNumber(size);
  if (rate < 0) throw new QuantityError(`${quoted(text)} is negative; take the minus away`);
  if (rate > 1e9) throw new QuantityError(`${quoted(text)} is too large; write at most "1000000000 jobs/hour"`);
  return rate;
}

/** "HH:MM" or "HH:MM:SS" of a day, in microseconds after midnight; null when the text is no clock time. */
export function clockUs(text: string): number | null {
  const m = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text.trim());
  if (m === null) return null;
  const [h, min, s] = [Number(m[1]), Number(m[2]), Number(m[3] ?? 0)] as const;
  if (h > 23 || min > 59 || s > 59) throw new QuantityError(`${quoted(text)} is no time of day; write 00:00 to 23:59`);
  return (h * 3600 + min * 60 + s) * 1_000_000;
}

type Wanted = Pick<Kind, 'noun' | 'example' | 'steps'>;
const ratio: Wanted = { noun: 'a plain number', example: '80 %', steps: [''] };
const jobRate: Wanted = { noun: 'a rate of jobs', example: '20 jobs/hour', steps: ['job/hour'] };

const SIMPLE = /^([+-]?)(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*((?:[A-Za-z%]+(?:\s*\/\s*[A-Za-z%]+)*)?)$/;
const MAX_CHARS = 200;
const NOT_FINITE = /^[+-]?\.?(nan|inf|infinity)(?![a-z])/i;

function read(text: string, kind: Wanted, evaluator: QuantityEvaluator | undefined): Measured {
  const simple = text.length <= MAX_CHARS ? SIMPLE.exec(text) : null;
  if (simple !== null) return readSimple(text, simple, kind);
  if (NOT_FINITE.test(text)) throw new QuantityError(`${quoted(text)} is not a finite number; write ${such(kind)}`);
  if (!/[0-9]/.test(text) || text.length > MAX_CHARS)
    throw new QuantityError(`${quoted(text)} is not ${kind.noun}; write ${such(kind)}`);
  if (evaluator === undefined) throw new NeedsUnits(text);
  return evaluator(text);
}

function readSimple(text: string, match: RegExpExecArray, kind: Wanted): Measured {
  const unit = match[3]!;
  if (unit === '' && !kind.steps.includes(''))
    throw new QuantityError(`${quoted(text)} has no unit; write ${such(kind)}`);
  try {
    return measured(ratParse(match[1] === '-' ? `-${match[2]}` : match[2]!), parseUnit(unit));
  } catch (e) {
    if (e instanceof NumError)
      throw new QuantityError(`${quoted(text)} has too large an exponent; write ${such(kind)}`);
    if (!(e instanceof UnknownUnit)) throw e;
    throw new QuantityError(`unknown unit ${quoted(e.unit)} in ${quoted(text)}; ${advice(e.unit, unitNames, 'units')}`);
  }
}

const such = (kind: Wanted): string => `${kind.noun} such as "${kind.example}"`;

function wrongKind(text: string, m: Measured, kind: Wanted): string {
  const noun = nounOf(m);
  if (noun === null) return `${quoted(text)} does not measure ${kind.noun}; write ${such(kind)}`;
  return `${quoted(text)} is ${noun}, not ${kind.noun}; write ${such(kind)}`;
}
