/** One clearing as a document: what `janction clear --json` prints. Pure, so a notebook can call it. */
import { type Rational, ratAdd, ratDiv, ratParse, ratSub, ratToNumber } from '../../core/num/index.ts';
import { MarketUnfit, type OneShot, rationals } from '../../mechanisms/pricing/one-shot-index.ts';
import { coinOf } from './coins.ts';
import { withFee } from './fees.ts';
import { decimal6, readExact, readMarket } from './market-json.ts';

export type ClearJson = { mechanism: string; kind: string; seed: number } & Record<string, unknown>;

/** Clears a market given as plain JSON values. Throws MarketFault, MarketUnfit or TheoremLost. */
export function clearMarket(mechanism: OneShot, json: unknown, seed: number, allow: boolean): ClearJson {
  const f = rationals;
  const { market: m, fee, quality } = readMarket(f, readExact, json);
  const o = { coin: coinOf(seed), allow };
  const head = { mechanism: mechanism.name, kind: m.kind, seed };
  const up = (x: Rational): string => decimal6(x, 'ceil');
  const down = (x: Rational): string => decimal6(x, 'floor');
  const nearest = (x: Rational): string => decimal6(x, 'half-even');
  const named = <A, B>(
    agents: readonly { id: string }[],
    list: readonly A[],
    as: (x: A, i: number) => B,
  ): Record<string, B> => Object.fromEntries(agents.map((a, i) => [a.id, as(list[i]!, i)]));
  const rounded = (texts: Record<string, string>): Rational =>
    Object.values(texts).reduce((s, t) => ratAdd(s, ratParse(t)), f.zero);
  switch (m.kind) {
    case 'procurement': {
      if (mechanism.procurement === undefined) throw unfit(mechanism, m.kind);
      const x = withFee(f, readExact, mechanism, m, o, fee);
      const payments = named(m.suppliers, x.payment, up);
      return {
        ...head,
        accepted: named(m.suppliers, x.quantity, (q, i) => ratToNumber(ratDiv(q, quality[i]!))),
        payments,
        surplus: nearest(x.surplus),
        income: nearest(x.income),
        budget: nearest(ratSub(x.income, rounded(payments))),
      };
    }
    case 'exchange': {
      if (mechanism.exchange === undefined) throw unfit(mechanism, m.kind);
      const x = mechanism.exchange(f, m, o);
      const buyerPayments = named(m.buyers, x.buyerPayment, down);
      const sellerPayments = named(m.sellers, x.sellerPayment, up);
      const extra: Record<string, unknown> = {};
      if (x.extra?.['rebates'] !== undefined) extra['rebates'] = named(m.buyers, x.extra['rebates'], nearest);
      if (x.extra?.['kappa'] !== undefined)
        extra['kappa'] = Object.fromEntries(
          m.prior!.values.map((v, i) => [ratToNumber(v), nearest(x.extra!['kappa']![i]!)]),
        );
      if (x.extra?.['expectedRevenue'] !== undefined) {
        const [secondPrice, reserve, full] = x.extra['expectedRevenue'].map(nearest);
        extra['expectedRevenue'] = { secondPrice, reserve, full };
      }
      return {
        ...head,
        quantities: {
          ...named(m.buyers, x.bought, ratToNumber),
          ...named(m.sellers, x.sold, ratToNumber),
        },
        buyerPayments,
        sellerPayments,
        gainsFromTrade: nearest(x.gains),
        budget: nearest(ratSub(rounded(buyerPayments), rounded(sellerPayments))),
        ...extra,
      };
    }
    case 'combinatorial': {
      if (mechanism.combinatorial === undefined) throw unfit(mechanism, m.kind);
      const x = mechanism.combinatorial(f, m, o);
      return {
        ...head,
        allocation: named(m.bidders, x.won, (b, i) =>
          b < 0 ? [] : m.bidders[i]!.bids[b]!.goods.map((g) => m.goods[g]!),
        ),
        payments: named(m.bidders, x.payment, down),
        welfare: nearest(x.welfare),
      };
    }
  }
}

function unfit(mechanism: OneShot, kind: string): MarketUnfit {
  const kinds = (['procurement', 'exchange', 'combinatorial'] as const).filter((k) => mechanism[k] !== undefined);
  return new MarketUnfit(`${mechanism.name} does not clear ${kind} markets; it clears ${kinds.join(', ')}`);
}
