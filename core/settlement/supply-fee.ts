/**
 * What a fee of the treasury changes in a clearing of supply. Three bases keep the true cost the best ask, and work here:
 *
 * - `price`: the fee lies inside the posted price of the buyers; the auction sees the income without it.
 * - `gross-up`: the mechanism sees asks / (1 - fee) and the award is paid less the fee: the same market with every cost scaled.
 * - `leave-one-out`: who sells is charged once, for all its machines of a class, fee x (income less payments of the market without it) /
 *   number of the other suppliers, which no report of its own moves, and sells nothing where its surplus does not cover that.
 *
 * The others (`residual`, and `gross` and `surplus`, which do not keep truth) are taken when revenue is divided (distribution.ts).
 */
import type { SupplyMarket, SupplyResult } from '../interfaces.ts';
import { largestRemainder } from '../num/index.ts';
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

/** Income at the market's rates less what suppliers are paid, micro-units per hour; below 0 where payments are not covered. */
export function residualOf(market: SupplyMarket, { gpus, payMicro }: SupplyResult): number {
  let residual = 0;
  let left = gpus.reduce((a, b) => a + b, 0);
  for (const d of market.demand) {
    const take = Math.min(left, d.gpus);
    residual += take * d.rateMicro;
    left -= take;
  }
  for (const p of payMicro) residual -= p;
  return residual;
}

/** What each offer is paid and charged an hour. A supplier is charged once for all its offers; if it gains less than that, it sells nothing. */
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
  const offersOf = new Map<string, number[]>();
  market.offers.forEach(({ supplier }, i) => {
    const list = offersOf.get(supplier);
    if (list === undefined) offersOf.set(supplier, [i]);
    else list.push(i);
  });
  const others = BigInt(offersOf.size - 1);
  if (others === 0n) return { ...result, feeMicro };
  for (const [supplier, own] of offersOf) {
    const gains = own.map((i) => BigInt(payMicro[i]!) - BigInt(gpus[i]!) * BigInt(market.offers[i]!.askMicro));
    if (own.every((i) => gpus[i] === 0)) continue;
    const rest = { ...market, offers: market.offers.filter((o) => o.supplier !== supplier) };
    const residual = BigInt(Math.max(0, residualOf(rest, award(rest))));
    const fee = (residual * BigInt(rules.feeBps)) / (WHOLE * others);
    if (gains.reduce((a, b) => a + b, 0n) < fee) {
      for (const i of own) gpus[i] = payMicro[i] = 0;
      continue;
    }
    if (fee === 0n) continue;
    // By what each offer gains, so that none is paid less than it asks.
    largestRemainder(fee, gains).forEach((part, k) => {
      const i = own[k]!;
      feeMicro[i] = Number(part);
      payMicro[i]! -= feeMicro[i];
    });
  }
  return { gpus, payMicro, feeMicro };
}
