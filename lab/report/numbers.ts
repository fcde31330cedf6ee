/** Figures as people read them; never by locale, so that a page has the same bytes everywhere. */
import { centsOf, centsText } from '../money-text.ts';
import { duration } from '../readable.ts';

export const seconds = (us: number): string => duration(us / 1e6);

export const group = (n: number): string => {
  const [whole, rest] = String(n).split('.');
  return whole!.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (rest === undefined ? '' : `.${rest}`);
};

export const percent = (x: number): string => `${Math.round(x * 1000) / 10} %`;

/** Three significant figures or so, grouped. */
export function short(x: number): string {
  const a = Math.abs(x);
  if (a >= 1e9) return `${group(round(x / 1e9, 2))} bn`;
  if (a >= 1e6) return `${group(round(x / 1e6, 2))} m`;
  if (a >= 1000) return group(Math.round(x));
  if (a >= 10) return String(round(x, 1));
  return String(round(x, 3));
}

const POWERS = [1, 10, 100, 1000, 10_000];
export const round = (x: number, digits: number): number => Math.round(x * POWERS[digits]!) / POWERS[digits]!;

/** Micro-units as an amount with two decimals, as the command line shows it; what is less than a hundredth has four. */
export function amount(micro: number | bigint, code: string): string {
  const units = Number(micro) / 1e6;
  const a = Math.abs(units);
  const text =
    a === 0 ? '0' : a >= 0.01 ? centsText(centsOf(BigInt(Math.round(Number(micro))))) : String(round(units, 4));
  return `${text} ${code}`;
}

/** Nearest-rank quantile of an ascending list. */
export const quantile = (sorted: ArrayLike<number>, q: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
