import type { PricingInput, PricingMechanism, SupplyMarket, SupplyResult } from '../../core/interfaces.ts';
import { doubles } from './lib/field.ts';
import type { OneShot } from './lib/markets.ts';
import { Posted, type PostedParams } from './posted.ts';

export interface SupplyAuctionParams extends PostedParams {
  /** Highest pay per GPU-hour by class, micro-units. */
  reserve?: Record<string, number>;
}

const options = { coin: () => 0.5, allow: false };

/**
 * A procurement mechanism inside the running market: users pay a posted price, and supply is bought each epoch against the income
 * of the jobs whose money is held. Whole GPUs and micro-units per hour, so that every decision is exact in doubles.
 */
export class SupplyAuction implements PricingMechanism {
  readonly name: string;
  readonly #rule: OneShot;
  readonly #posted: Posted;
  readonly #reserve: Record<string, number>;

  constructor(rule: OneShot, params: SupplyAuctionParams, classes: readonly string[]) {
    this.name = rule.name;
    this.#rule = rule;
    this.#posted = new Posted(params, classes);
    this.#reserve = params.reserve ?? {};
    for (const c of Object.keys(this.#reserve))
      if (!classes.includes(c))
        throw new Error(`${rule.name}: reserve for unknown GPU class ${c} (have ${classes.join(', ')})`);
  }

  clear(input: PricingInput): number[] {
    return this.#posted.clear(input);
  }

  /**
   * Where offers name a quality, effective GPU-hours are bought: a supplier's count and cost by its quality, and of the last one bought only
   * its whole GPUs are taken, its pay in proportion. That rounding is the only thing which its report could still move.
   */
  award(market: SupplyMarket): SupplyResult {
    const { demand, offers } = market;
    const quality = offers.map((o) => (o.qualityMilli ?? 1000) / 1000);
    const reserve = this.#reserve[market.name];
    const out = this.#rule.procurement!(
      doubles,
      {
        kind: 'procurement',
        income: { kind: 'steps', width: demand.map((d) => d.gpus), slope: demand.map((d) => d.rateMicro) },
        // Ids decide ties: the order of the offers is the order of the machines, which no report moves.
        suppliers: offers.map((o, i) => ({
          id: String(i).padStart(9, '0'),
          capacity: o.gpus * quality[i]!,
          unitCost: o.askMicro / quality[i]!,
        })),
        ...(reserve === undefined ? {} : { reserve }),
      },
      options,
    );
    if (offers.every((o) => o.qualityMilli === undefined)) return { gpus: out.quantity, payMicro: out.payment };
    const gpus = out.quantity.map((q, i) => Math.floor(q / quality[i]! + 1e-6));
    const payMicro = gpus.map((n, i) =>
      n === 0 ? 0 : Math.floor(out.payment[i]! * Math.min(1, (n * quality[i]!) / out.quantity[i]!) + 1e-6),
    );
    return { gpus, payMicro };
  }
}
