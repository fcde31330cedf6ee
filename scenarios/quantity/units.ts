/**
 * The units a scenario may use, each an exact rational multiple of base units. One table for both ways of reading a quantity:
 * plain "number unit" texts here, and expressions through mathjs, which gets its units from this table and no others.
 */
import { RAT_ONE, type Rational, rat, ratDiv, ratMul } from '../../core/num/index.ts';

/** The independent kinds of thing that are measured; `byte` is a byte, `flop` a floating-point operation. */
export const baseUnits = ['second', 'byte', 'USD', 'JCT', 'core', 'GPU', 'job', 'flop', 'joule'] as const;
export type BaseUnit = (typeof baseUnits)[number];

/** Powers of the base units, in their order. */
export type Dimension = readonly number[];

export interface Unit {
  /** Size in base units. */
  size: Rational;
  dimension: Dimension;
}

const MICRO = rat(1, 1_000_000);

/** One row per unit: size, its base units over and under the fraction line, names. */
const rows: [Rational, BaseUnit[], BaseUnit[], string[]][] = [
  [MICRO, ['second'], [], ['us', 'microsecond', 'microseconds']],
  [rat(1, 1000), ['second'], [], ['ms', 'millisecond', 'milliseconds']],
  [RAT_ONE, ['second'], [], ['s', 'sec', 'second', 'seconds']],
  [rat(60), ['second'], [], ['min', 'minute', 'minutes']],
  [rat(3600), ['second'], [], ['h', 'hr', 'hour', 'hours']],
  [rat(86_400), ['second'], [], ['d', 'day', 'days']],
  [rat(7 * 86_400), ['second'], [], ['week', 'weeks']],
  // The Julian year, 365.25 days, as in mathjs.
  [rat(31_557_600), ['second'], [], ['year', 'years']],
  [RAT_ONE, ['byte'], [], ['B', 'byte', 'bytes']],
  [rat(1000), ['byte'], [], ['kB']],
  [rat(1_000_000), ['byte'], [], ['MB']],
  [rat(1_000_000_000), ['byte'], [], ['GB']],
  [rat(1_000_000_000_000), ['byte'], [], ['TB']],
  [rat(1, 8), ['byte'], [], ['bit']],
  [rat(125_000), ['byte'], [], ['Mbit']],
  [rat(125_000_000), ['byte'], [], ['Gbit']],
  [rat(1024), ['byte'], [], ['KiB']],
  [rat(1_048_576), ['byte'], [], ['MiB']],
  [rat(1_073_741_824), ['byte'], [], ['GiB']],
  [rat(1_099_511_627_776), ['byte'], [], ['TiB']],
  [RAT_ONE, ['USD'], [], ['USD']],
  [MICRO, ['USD'], [], ['microUSD']],
  [RAT_ONE, ['JCT'], [], ['JCT']],
  [MICRO, ['JCT'], [], ['microJCT']],
  [RAT_ONE, ['core'], [], ['core', 'cores']],
  [rat(1, 1000), ['core'], [], ['millicore', 'millicores']],
  [RAT_ONE, ['GPU'], [], ['GPU', 'GPUs']],
  [RAT_ONE, ['job'], [], ['job', 'jobs']],
  [rat(1_000_000_000), ['flop'], ['second'], ['GFLOPS']],
  [rat(1_000_000_000_000), ['flop'], ['second'], ['TFLOPS']],
  [rat(1_000_000_000_000_000), ['flop'], ['second'], ['PFLOPS']],
  [rat(3_600_000), ['joule'], [], ['kWh']],
  [rat(1, 100), [], [], ['%']],
];

export const units: ReadonlyMap<string, Unit> = new Map(
  rows.flatMap(([size, over, under, names]) => names.map((n) => [n, { size, dimension: dimensionOf(over, under) }])),
);

export const unitNames: readonly string[] = [...units.keys()];

function dimensionOf(over: readonly BaseUnit[], under: readonly BaseUnit[]): Dimension {
  return baseUnits.map((b) => over.filter((x) => x === b).length - under.filter((x) => x === b).length);
}

/** "USD/GPU/hour": units divided from left to right; "" is the plain number. Throws UnknownUnit. */
export function parseUnit(text: string): Unit {
  let size = RAT_ONE;
  let dimension = dimensionOf([], []);
  if (text === '') return { size, dimension };
  text.split('/').forEach((part, i) => {
    const name = part.trim();
    const unit = units.get(name);
    if (unit === undefined) throw new UnknownUnit(name);
    size = i === 0 ? unit.size : ratDiv(size, unit.size);
    dimension = dimension.map((p, b) => (i === 0 ? unit.dimension[b]! : p - unit.dimension[b]!));
  });
  return { size, dimension };
}

export class UnknownUnit extends Error {
  readonly unit: string;

  constructor(unit: string) {
    super(`unknown unit "${unit}"`);
    this.unit = unit;
  }
}

/** A number with a unit, able to say how much it is in another. */
export interface Measured {
  /** The amount in the given unit (a text for `parseUnit`), or null when that measures another kind of thing. */
  in(unit: string): Rational | null;
}

/** `amount` of `unit` as a Measured. */
export function measured(amount: Rational, unit: Unit): Measured {
  return {
    in(text) {
      const to = parseUnit(text);
      if (to.dimension.some((p, b) => p !== unit.dimension[b])) return null;
      return ratDiv(ratMul(amount, unit.size), to.size);
    },
  };
}

const nouns: [string, string[]][] = [
  ['a plain number', ['']],
  ['a duration', ['second']],
  ['an amount of memory', ['byte']],
  ['an amount of money', ['USD']],
  ['an amount of tokens', ['JCT']],
  ['a number of CPU cores', ['core']],
  ['a number of GPUs', ['GPU']],
  ['a number of jobs', ['job']],
  ['a price', ['USD/hour', 'USD/GPU/hour']],
  ['a token price', ['USD/JCT']],
  ['a rate of jobs', ['job/hour']],
  ['a computing speed', ['TFLOPS']],
  ['an amount of energy', ['kWh']],
  ['a price of electricity', ['USD/kWh']],
  ['a data rate', ['byte/second']],
];

/** What a quantity measures, in words; null when that has no name here. */
export function nounOf(m: Measured): string | null {
  return nouns.find(([, us]) => us.some((u) => m.in(u) !== null))?.[0] ?? null;
}
