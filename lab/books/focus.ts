/**
 * A run's charges as FOCUS rows (FinOps Open Cost and Usage Specification): one row per charged part of an attempt. Costs are decimals of
 * whole micro-units. Simulated time 0 is 1970-01-01T00:00:00Z. `PricingQuantity` is in GPU-hours, rounded to twelve places: unit price times
 * quantity gives the cost to within one micro-unit, because a charge is rounded down once, for the whole attempt.
 */
import { formatMicro, rat, ratToDecimal } from '../../core/num/index.ts';
import { timestampText } from '../../scenarios/readers/timestamp.ts';
import type { Books, Invoice, InvoiceCredit, InvoiceLine, Use } from './bills.ts';

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

/** What a row says of where it belongs; the rest is empty. */
function bareRow(inv: Invoice, category: string, cost: bigint): FocusRow {
  const row = Object.fromEntries(focusColumns.map((c) => [c, null])) as FocusRow;
  const text = formatMicro(cost);
  return {
    ...row,
    BilledCost: text,
    BillingAccountId: inv.account,
    BillingCurrency: inv.currency,
    BillingPeriodStart: isoTime(inv.period.fromUs),
    BillingPeriodEnd: isoTime(inv.period.toUs),
    ChargeCategory: category,
    ChargeFrequency: 'Usage-Based',
    ContractedCost: text,
    EffectiveCost: text,
    InvoiceId: inv.id,
    ListCost: text,
    PricingQuantity: '1.000000000000',
    PricingUnit: 'Units',
    ServiceCategory: 'Compute',
    ServiceName: 'GPU time',
  };
}

/** Usage by part of an attempt; what was paid while it ran, or not paid when it ended, as adjustments; refunds and credits. */
export function focusRows(b: Books, list: readonly Invoice[]): FocusRow[] {
  const used = new Map(b.uses.map((u) => [u.lease, u]));
  return list.flatMap((inv) => [
    ...inv.lines.flatMap((line): FocusRow[] => {
      const rest = line.charge - line.use.reduce((s, u) => s + u.charge, 0n);
      const used = line.use.map((u) => usageRow(b, inv, line, u));
      if (rest === 0n) return used;
      const why =
        line.outcome === 'bond-lost'
          ? 'bond of a dispute, lost'
          : line.use.length === 0
            ? 'paid while it runs'
            : 'paid in another period, given back, or owed';
      return [
        ...used,
        {
          ...bareRow(inv, 'Adjustment', rest),
          ChargeDescription: `job ${line.job}, attempt ${line.attempt}: ${why}`,
          ChargePeriodStart: isoTime(inv.period.fromUs),
          ChargePeriodEnd: isoTime(line.bookedUs),
          InvoiceIssuerName: line.pool,
          ProviderName: line.pool,
          PublisherName: line.pool,
          RegionId: line.pool,
          SubAccountId: `${b.scenario}/${line.workload}`,
          Tags: JSON.stringify({ job: String(line.job), outcome: line.outcome }),
        },
      ];
    }),
    ...inv.credits.map((c) => {
      const job = b.jobs.get(c.job);
      const part = c.verdict === null ? undefined : used.get(c.verdict.lease);
      return {
        ...bareRow(inv, 'Credit', -c.amount),
        ChargeDescription: `job ${c.job}, attempt ${c.attempt}: ${c.reason}${partOf(c.verdict)}`,
        ChargePeriodStart: isoTime(c.bookedUs),
        ChargePeriodEnd: isoTime(c.bookedUs),
        // What a dispute brings back belongs to the row of the part that it was about.
        ProviderName: c.verdict?.provider ?? null,
        ResourceId: part === undefined ? null : resourceOf(part),
        SubAccountId: job === undefined ? null : `${b.scenario}/${job.workload}`,
        Tags: JSON.stringify({ job: String(c.job), outcome: c.reason }),
      };
    }),
  ]);
}

const resourceOf = (u: Use): string => `${u.node}/lease-${u.lease}`;
const partOf = (v: InvoiceCredit['verdict']): string =>
  v === null ? '' : ` about part ${v.part} on ${v.provider} (${v.reason})`;

/** GPU-hours that were billed where they are not those that were used: lost work, whole blocks. */
function priced(u: Use): string | null {
  const exact = BigInt(u.rateMicro) * BigInt(u.milli) * BigInt(u.endUs - u.startUs);
  const gap = exact - u.charge * 3_600_000_000_000n;
  if (u.rateMicro === 0 || (gap > -3_600_000_000_000n && gap < 3_600_000_000_000n)) return null;
  return ratToDecimal(rat(u.charge, BigInt(u.rateMicro)), 12, 'half-even');
}

function usageRow(b: Books, inv: Invoice, line: InvoiceLine, u: Use): FocusRow {
  const cost = formatMicro(u.charge);
  const price = formatMicro(BigInt(u.rateMicro));
  const quantity = gpuHours(BigInt(u.milli) * BigInt(u.endUs - u.startUs));
  return {
    ...bareRow(inv, 'Usage', u.charge),
    ChargeDescription: `job ${u.job}, attempt ${u.attempt}: ${line.workload} on ${u.gpuClass}, ${u.outcome}`,
    ChargePeriodStart: isoTime(u.startUs),
    ChargePeriodEnd: isoTime(u.endUs),
    ConsumedQuantity: quantity,
    ConsumedUnit: 'GPU-Hours',
    ContractedCost: cost,
    ContractedUnitPrice: price,
    InvoiceIssuerName: u.pool,
    ListUnitPrice: price,
    PricingQuantity: priced(u) ?? quantity,
    PricingUnit: 'GPU-Hours',
    ProviderName: u.provider,
    PublisherName: u.pool,
    RegionId: u.pool,
    ResourceId: resourceOf(u),
    SkuId: u.gpuClass,
    SubAccountId: `${b.scenario}/${line.workload}`,
    Tags: JSON.stringify({ job: String(u.job), outcome: u.outcome }),
  };
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
