/** Procurement by hand: one clearing, and what one supplier would get for every report it could make. Exact, as `janction clear`. */
import { clearMarket } from '../../lab/certify/clear.ts';
import { oneShots } from '../../mechanisms/pricing/one-shot-index.ts';

export interface Supplier {
  id: string;
  capacity: number;
  unitCost: number;
}
export type FeeBase = 'none' | 'gross' | 'v';

export interface Cleared {
  accepted: Record<string, number>;
  payments: Record<string, string>;
  income: string;
  surplus: string;
  budget: string;
}

export const market = (values: readonly number[], suppliers: readonly Supplier[], fee: FeeBase, rate: number) => ({
  kind: 'procurement',
  income: { kind: 'marginal', values },
  suppliers,
  ...(fee === 'none' ? {} : { fee: { base: fee, rate: String(rate) } }),
});

export function clear(mechanism: string, json: unknown): Cleared {
  return clearMarket(oneShots.get(mechanism)!, json, 1, true) as unknown as Cleared;
}

/** Utility of `liar` (payment minus its true cost) for each report of its unit cost. */
export function reports(
  mechanism: string,
  values: readonly number[],
  suppliers: readonly Supplier[],
  liar: string,
  fee: FeeBase,
  rate: number,
): { report: number; utility: number }[] {
  const truth = suppliers.find((s) => s.id === liar)!.unitCost;
  const most = Math.max(...values, ...suppliers.map((s) => s.unitCost)) + 1;
  return Array.from({ length: 121 }, (_, k) => Math.round((most * k * 100) / 120) / 100).map((report) => {
    const told = suppliers.map((s) => (s.id === liar ? { ...s, unitCost: report } : s));
    const c = clear(mechanism, market(values, told, fee, rate));
    return { report, utility: Number(c.payments[liar]) - truth * c.accepted[liar]! };
  });
}
