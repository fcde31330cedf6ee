/**
 * Integers in units of 10^-decimals as decimal text and back, exactly. Money and tokens are micro-units: 6 decimals.
 *
 * One value has one text: exactly `decimals` digits after the point, no leading zeros, no `-0`, no exponent. The
 * reader also takes fewer decimals ("12", "12.5") because people write them, but never more than the unit holds.
 */
import { NumError } from './num-error.ts';

const MAX_CHARS = 400;
const MAX_DECIMALS = 1000;
const MICRO_DECIMALS = 6;
const SHAPE = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** `formatDecimal(12345678n, 6)` is "12.345678"; with 0 decimals there is no point. Throws `range` for bad decimals. */
export function formatDecimal(units: bigint, decimals: number): string {
  checkDecimals(decimals);
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  const sign = units < 0n ? '-' : '';
  const split = digits.length - decimals;
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, split)}.${digits.slice(split)}`;
}

/** The inverse of formatDecimal. Throws `parse` for any other text, naming it and the reason. */
export function parseDecimal(text: string, decimals: number): bigint {
  checkDecimals(decimals);
  if (text.length > MAX_CHARS) throw new NumError('parse', `a number of ${text.length} characters`);
  const match = SHAPE.exec(text);
  if (match === null) throw new NumError('parse', `"${text}" is not a decimal number such as -12.345678`);
  const fraction = match[3] ?? '';
  if (fraction.length > decimals) throw new NumError('parse', `"${text}" has more than ${decimals} decimals`);
  const units = BigInt(match[2]! + fraction.padEnd(decimals, '0'));
  return match[1] === '-' ? -units : units;
}

/** Micro-units as text: `formatMicro(12345678n)` is "12.345678". */
export function formatMicro(micro: bigint): string {
  return formatDecimal(micro, MICRO_DECIMALS);
}

/** Text to micro-units: `parseMicro("12.5")` is 12500000n. Throws `parse`. */
export function parseMicro(text: string): bigint {
  return parseDecimal(text, MICRO_DECIMALS);
}

function checkDecimals(decimals: number): void {
  if (!Number.isSafeInteger(decimals) || decimals < 0 || decimals > MAX_DECIMALS)
    throw new NumError('range', `decimals = ${decimals}`);
}
