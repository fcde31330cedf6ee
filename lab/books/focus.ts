/**
 * A run's charges as FOCUS rows (FinOps Open Cost and Usage Specification): one row per charged part of an attempt. Costs are decimals of
 * whole micro-units. Simulated time 0 is 1970-01-01T00:00:00Z. `PricingQuantity` is in GPU-hours, rounded to twelve places: unit price times
 * quantity gives the cost to within one micro-unit, because a charge is rounded down once, for the whole attempt.
 */
import { formatMicro, rat, ratToDecimal } from '../../core/num/index.ts';
import { timestampText } from '../../scenarios/readers/timestamp.ts';
import type { Books, Invoice } from './bills.ts';

export const focusColumns = [
  'BilledCost',
  'BillingAccountId',
  'BillingCurrency',
  'BillingPeriodStart',
  'BillingPeriodEnd',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargeFrequency',
  'ChargePeriodStart',
  'ChargePeriodEnd',
  'CommitmentDiscountId',
  'CommitmentDiscountStatus',
  'ConsumedQuantity',
  'ConsumedUnit',
  'ContractedCost',
  'ContractedUnitPrice',
  'EffectiveCost',
  'InvoiceId',
  'InvoiceIssuerName',
  'ListCost',
  'ListUnitPrice',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'RegionId',
  'ResourceId',
  'ServiceCategory',
  'ServiceName',
  'SkuId',
  'SubAccountId',
  'Tags',
] as const;
export type FocusRow = Record<(typeof focusColumns)[number], string | null>;

/** "2023-05-01T00:00:00Z" of microseconds since 1970: proleptic Gregorian, no library, no time zone. */
export function isoTime(us: number): string {
  return `${timestampText(us)
    .replace(' ', 'T')
    .replace(/\.000000$/, '')}Z`;
}

/** Milli-GPU times microseconds in GPU-hours, twelve places. */
const gpuHours = (milliUs: bigint): string => ratToDecimal(rat(milliUs, 3_600_000_000_000n), 12, 'half-even');

export function focusRows(b: Books, list: readonly Invoice[]): FocusRow[] {
  return list.flatMap((inv) =>
    inv.lines.flatMap((line) =>
      line.use.map((u): FocusRow => {
        const cost = formatMicro(u.charge);
        const price = formatMicro(BigInt(u.rateMicro));
        const quantity = gpuHours(BigInt(u.milli) * BigInt(u.endUs - u.startUs));
        return {
          BilledCost: cost,
          BillingAccountId: inv.account,
          BillingCurrency: inv.currency,
          BillingPeriodStart: isoTime(inv.period.fromUs),
          BillingPeriodEnd: isoTime(inv.period.toUs),
          ChargeCategory: 'Usage',
          ChargeClass: null,
          ChargeDescription: `job ${u.job}, attempt ${u.attempt}: ${line.workload} on ${u.gpuClass}, ${u.outcome}`,
          ChargeFrequency: 'Usage-Based',
          ChargePeriodStart: isoTime(u.startUs),
          ChargePeriodEnd: isoTime(u.endUs),
          CommitmentDiscountId: null,
          CommitmentDiscountStatus: null,
          ConsumedQuantity: quantity,
          ConsumedUnit: 'GPU-Hours',
          ContractedCost: cost,
          ContractedUnitPrice: price,
          EffectiveCost: cost,
          InvoiceId: inv.id,
          InvoiceIssuerName: u.pool,
          ListCost: cost,
          ListUnitPrice: price,
          PricingQuantity: quantity,
          PricingUnit: 'GPU-Hours',
          ProviderName: u.provider,
          PublisherName: u.pool,
          RegionId: u.pool,
          ResourceId: `${u.node}/lease-${u.lease}`,
          ServiceCategory: 'Compute',
          ServiceName: 'GPU time',
          SkuId: u.gpuClass,
          SubAccountId: `${b.scenario}/${line.workload}`,
          Tags: JSON.stringify({ job: String(u.job), outcome: u.outcome }),
        };
      }),
    ),
  );
}

/** First broken invariant of the rows, or null; `payable` is each invoice's total in micro-units. */
export function focusFault(rows: readonly FocusRow[], payable: ReadonlyMap<string, bigint>): string | null {
  const sums = new Map<string, bigint>();
  const micro = (t: string) => BigInt(t.replace('.', ''));
  for (const [i, r] of rows.entries()) {
    sums.set(r.InvoiceId!, (sums.get(r.InvoiceId!) ?? 0n) + micro(r.BilledCost!));
    if (!['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'].includes(r.ChargeCategory!))
      return `row ${i}: ChargeCategory ${r.ChargeCategory}`;
    if (r.PricingQuantity === null) return `row ${i}: no PricingQuantity for ${r.ChargeCategory}`;
    if ((r.ConsumedQuantity === null) !== (r.ChargeCategory !== 'Usage'))
      return `row ${i}: ConsumedQuantity belongs to usage alone`;
    for (const [price, cost] of [
      [r.ListUnitPrice, r.ListCost],
      [r.ContractedUnitPrice, r.ContractedCost],
    ]) {
      if (price === null || cost === null || r.ChargeClass === 'Correction') continue;
      // Price in micro-units times quantity in 1e-12 hours.
      const exact = micro(price!) * BigInt(r.PricingQuantity.replace('.', ''));
      const billed = micro(cost!) * 1_000_000_000_000n;
      const gap = exact > billed ? exact - billed : billed - exact;
      if (gap > 1_000_000_000_000n + micro(price!)) return `row ${i}: ${price} x ${r.PricingQuantity} is not ${cost}`;
    }
  }
  for (const [id, want] of payable)
    if ((sums.get(id) ?? 0n) !== want) return `invoice ${id}: rows add up to ${sums.get(id) ?? 0n}, ${want} is payable`;
  return null;
}

export function focusCsv(rows: readonly FocusRow[]): string {
  const cell = (v: string | null) => (v === null ? '' : /[",\n]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
  return `${[focusColumns.join(','), ...rows.map((r) => focusColumns.map((c) => cell(r[c])).join(','))].join('\n')}\n`;
}
