/** The sides of a run's money as amounts with two decimals that add up as shown: remainders go by largest remainder, as in core. */
import { largestRemainder } from '../core/num/index.ts';
import type { MoneyJson } from '../sim/summary.ts';

export interface MoneyRow {
  name: string;
  micro: bigint;
  /** Hundredths of the unit, as shown. */
  cents: bigint;
}

const PER_CENT = 10_000n;

/** Hundredths of a unit, half away from zero. */
export function centsOf(micro: bigint): bigint {
  return micro < 0n ? -centsOf(-micro) : (micro + PER_CENT / 2n) / PER_CENT;
}

/** 1234567n -> "12,345.67" */
export function centsText(cents: bigint): string {
  if (cents < 0n) return `-${centsText(-cents)}`;
  const whole = String(cents / 100n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${whole}.${String(cents % 100n).padStart(2, '0')}`;
}

/**
 * What was paid in, what every party got, and last what is only held. The shown amounts of each side add up to the same shown whole. Rows of
 * nothing are left out but for the parties.
 */
export function moneyRows(m: MoneyJson): { paid: MoneyRow[]; got: MoneyRow[]; held: MoneyRow } {
  const row = (name: string, micro: bigint | string): MoneyRow => ({ name, micro: BigInt(micro), cents: 0n });
  const some = (r: MoneyRow): boolean => r.micro !== 0n;
  const paid = [row('users paid', m.charged), ...[row('subsidy', m.memo.subsidy)].filter(some)];
  const parties = [
    row('providers', m.providers),
    row('stakers', m.stakers),
    row('aggregators', m.aggregators),
    row('verifiers', m.verifiers),
    row('treasury', m.treasury),
  ];
  const sum = (rows: readonly MoneyRow[]): bigint => rows.reduce((n, r) => n + r.micro, 0n);
  const got = [...parties, ...[row('dust', m.dust)].filter(some)];
  const whole = centsOf(sum(paid));
  return {
    paid: shown(paid, whole),
    got: shown(got, whole),
    held: shown([row('held for jobs not over', m.memo.held)])[0]!,
  };
}

function shown(rows: MoneyRow[], whole?: bigint): MoneyRow[] {
  // Debts have no share of a whole.
  if (whole === undefined || whole <= 0n || rows.some((r) => r.micro < 0n))
    return rows.map((r) => ({ ...r, cents: centsOf(r.micro) }));
  const cents = largestRemainder(
    whole,
    rows.map((r) => r.micro),
  );
  return rows.map((r, i) => ({ ...r, cents: cents[i]! }));
}
