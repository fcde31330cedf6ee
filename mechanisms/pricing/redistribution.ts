import type { Field } from './lib/field.ts';
import { type ClearOptions, type ExchangeMarket, MarketUnfit, type OneShot } from './lib/markets.ts';
import { vcg } from './vcg.ts';

/** Bailey-Cavallo: VCG revenue is given back in equal parts of what it would be without each bidder. */
export const redistribution: OneShot = {
  name: 'redistribution',
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions) {
    if (m.sellers.length !== 1)
      throw new MarketUnfit('redistribution is for one seller: the rebates come from the buyers’ payments');
    const all = vcg.exchange!(f, m, o);
    const n = f.of(m.buyers.length);
    const rebates = m.buyers.map((_, i) => {
      const without = vcg.exchange!(f, { ...m, buyers: m.buyers.filter((_b, k) => k !== i) }, o);
      let revenue = f.zero;
      for (const p of without.buyerPayment) revenue = f.add(revenue, p);
      return f.div(revenue, n);
    });
    return {
      ...all,
      buyerPayment: all.buyerPayment.map((p, i) => f.sub(p, rebates[i]!)),
      sellerPayment: all.sold.map((q, i) => f.mul(q, m.sellers[i]!.steps[0]?.price ?? f.zero)),
      extra: { rebates },
    };
  },
};
