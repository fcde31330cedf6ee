/** How much of the gains from trade McAfee's and the strongly balanced double auction keep as the market grows. */
import { philox4x32 } from '../../core/num/index.ts';
import { mcafee } from '../../mechanisms/pricing/mcafee.ts';
import { doubles, type ExchangeMarket } from '../../mechanisms/pricing/one-shot-index.ts';
import { sbba } from '../../mechanisms/pricing/sbba.ts';
import { vcg } from '../../mechanisms/pricing/vcg.ts';
import { type Figure, simpleStudy, within } from './simple-study.ts';

const DRAWS = 50_000;

/** n -> mean k, optimal gains, McAfee's k, its total gains %, its traders' gains %, SBBA's gains %. */
const published: readonly (readonly number[])[] = [
  [2, 0.99, 397.05, 0.58, 77.18, 69.01, 62.69],
  [5, 2.49, 1129.56, 2.04, 94.61, 86.08, 88.03],
  [10, 4.99, 2374.1, 4.52, 98.37, 91.78, 94.53],
];

export interface Thickness {
  k: number;
  optimum: number;
  mcafeeK: number;
  mcafeeTotal: number;
  mcafeeTraders: number;
  sbba: number;
}

/** Means over draws of n buyers and n sellers with values uniform on 1..1000; gains in percent are ratios of sums. */
export function thickness(n: number, draws: number, seed: number): Thickness {
  const out = new Uint32Array(4);
  let block = 0;
  let at = 4;
  const word = (): number => {
    if (at === 4) {
      philox4x32(block++, n, 0x3caf, 0, seed >>> 0, Math.floor(seed / 4294967296), out);
      at = 0;
    }
    return out[at++]!;
  };
  const total = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const sum = { k: 0, opt: 0, mk: 0, mTotal: 0, mTraders: 0, s: 0 };
  for (let d = 0; d < draws; d++) {
    const side = (name: string) =>
      Array.from({ length: n }, (_, i) => ({
        id: `${name}${i}`,
        steps: [{ quantity: 1, price: 1 + (word() % 1000) }],
      }));
    const m: ExchangeMarket<number> = { kind: 'exchange', buyers: side('b'), sellers: side('s') };
    const coins = new Map([...m.buyers, ...m.sellers].map((t) => [t.id, word()]));
    const options = { coin: (_: string, id: string) => coins.get(id)! / 4294967296, allow: false };
    const best = vcg.exchange!(doubles, m, options);
    const a = mcafee.exchange!(doubles, m, options);
    const b = sbba.exchange!(doubles, m, options);
    sum.k += total(best.bought);
    sum.opt += best.gains;
    sum.mk += total(a.bought);
    sum.mTotal += a.gains;
    // What the market keeps is no trader's gain.
    sum.mTraders += a.gains - (total(a.buyerPayment) - total(a.sellerPayment));
    sum.s += b.gains;
  }
  return {
    k: sum.k / draws,
    optimum: sum.opt / draws,
    mcafeeK: sum.mk / draws,
    mcafeeTotal: (100 * sum.mTotal) / sum.opt,
    mcafeeTraders: (100 * sum.mTraders) / sum.opt,
    sbba: (100 * sum.s) / sum.opt,
  };
}

export const mcafeeThickness = simpleStudy({
  name: 'mcafee-thickness',
  about: 'gains from trade kept by McAfee and by the strongly balanced auction, by size of the market',
  source:
    'E. Segal-Halevi, auctions (MIT), experiment_comparing_mcafee_to_sbb.csv: 50,000 draws, uniform values 1..1000',
  run(seed): Figure[] {
    return published.flatMap(([n, k, optimum, mk, total, traders, balanced]) => {
      const x = thickness(n!, DRAWS, seed);
      return [
        within(`n=${n}: efficient trades`, k!, x.k, 0.02, 2),
        within(`n=${n}: optimal gains`, optimum!, x.optimum, optimum! * 0.02, 2),
        within(`n=${n}: McAfee's trades`, mk!, x.mcafeeK, 0.02, 2),
        within(`n=${n}: McAfee, gains in all %`, total!, x.mcafeeTotal, 0.5, 2),
        within(`n=${n}: McAfee, traders' gains %`, traders!, x.mcafeeTraders, 0.5, 2),
        within(`n=${n}: strongly balanced, gains %`, balanced!, x.sbba, 0.5, 2),
      ];
    });
  },
});
