/**
 * What a fee of the treasury changes in a clearing of supply. Three bases keep the true cost the best ask, and work here:
 *
 * - `price`: the fee lies inside the posted price of the buyers; the auction sees the income without it.
 * - `gross-up`: the mechanism sees asks / (1 - fee) and the award is paid less the fee: the same market with every cost scaled.
 * - `leave-one-out`: who sells is charged fee x (income less payments of the market without it) / number of the others, which no report of its
 *   own moves, and sells nothing where its surplus does not cover that.
 *
 * The others (`residual`, and `gross` and `surplus`, which do not keep truth) are taken when revenue is divided (core/settlement/distribution.ts).
 */
import type { SupplyMarket, SupplyResult } from '../interfaces.ts';
import type { SupplyRules } from '../types.ts';

const WHOLE = 10_000n;

/** The market as the mechanism sees it. */
export function marketUnderFee(rules: SupplyRules, market: SupplyMarket): SupplyMarket {
  const left = WHOLE - BigInt(rules.feeBps);
  if (rules.feeBase === 'price') {
    const net = (micro: number): number => Number((BigInt(micro) * left) / WHOLE);
    return { ...market, demand: market.demand.map((d) => ({ ...d, rateMicro: net(d.rateMicro) })) };
  }
  if (rules.feeBase === 'gross-up') {
    const up = (micro: number): number => Number((BigInt(micro) * WHOLE + left - 1n) / left);
    return { ...market, offers: market.offers.map((o) => ({ ...o, askMicro: up(o.askMicro) })) };
  }
  return market;
}

/** Income at the market's rates less what suppliers are paid, micro-units per hour. */
export function residualOf(market: SupplyMarket, { gpus, payMicro }: SupplyResult): number {
  let residual = 0;
  let left = gpus.reduce((a, b) => a + b, 0);
  for (const d of market.demand) {
    const take = Math.min(left, d.gpus);
    residual += take * d.rateMicro;
    left -= take;
  }
  for (const p of payMicro) residual -= p;
  return Math.max(0, residual);
}

/** What each seller is paid and charged an hour; who is charged more than it gains sells nothing. */
export function chargeSellers(
  rules: SupplyRules,
  market: SupplyMarket,
  result: SupplyResult,
  award: (market: SupplyMarket) => SupplyResult,
): SupplyResult & { feeMicro: number[] } {
  const feeMicro = result.gpus.map(() => 0);
  if (rules.feeBase !== 'leave-one-out' || rules.feeBps === 0) return { ...result, feeMicro };
  const gpus = [...result.gpus];
  const payMicro = [...result.payMicro];
  const known = new Map<string, number>();
  market.offers.forEach(({ supplier, askMicro }, i) => {
    if (gpus[i] === 0) return;
    let fee = known.get(supplier);
    if (fee === undefined) {
      const others = { ...market, offers: market.offers.filter((o) => o.supplier !== supplier) };
      const share = BigInt(residualOf(others, award(others))) * BigInt(rules.feeBps);
      fee = others.offers.length === 0 ? 0 : Number(share / (WHOLE * BigInt(others.offers.length)));
      known.set(supplier, fee);
    }
    if (payMicro[i]! - gpus[i]! * askMicro < fee) {
      gpus[i] = 0;
      payMicro[i] = 0;
      return;
    }
    feeMicro[i] = fee;
    payMicro[i]! -= fee;
  });
  return { gpus, payMicro, feeMicro };
}
