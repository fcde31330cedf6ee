import type { PricingInput, PricingMechanism, SupplyMarket, SupplyOffer, SupplyResult } from '../../core/interfaces.ts';
import { largestRemainder } from '../../core/num/index.ts';
import { doubles } from './lib/field.ts';
import type { OneShot, ProcurementOutcome } from './lib/markets.ts';
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
    const { offers } = market;
    const quality = offers.map(qualityOf);
    const out = this.#clear(market);
    if (this.#rule.name === 'pvcg') this.#together(market, out);
    if (offers.every((o) => o.qualityMilli === undefined)) return { gpus: out.quantity, payMicro: out.payment };
    const gpus = out.quantity.map((q, i) => Math.floor(q / quality[i]! + 1e-6));
    const payMicro = gpus.map((n, i) =>
      n === 0 ? 0 : Math.floor(out.payment[i]! * Math.min(1, (n * quality[i]!) / out.quantity[i]!) + 1e-6),
    );
    return { gpus, payMicro };
  }

  #clear({ name, demand, offers }: SupplyMarket): ProcurementOutcome<number> {
    const reserve = this.#reserve[name];
    return this.#rule.procurement!(
      doubles,
      {
        kind: 'procurement',
        income: { kind: 'steps', width: demand.map((d) => d.gpus), slope: demand.map((d) => d.rateMicro) },
        // Ids decide ties: the order of the offers is the order of the machines, which no report moves.
        suppliers: offers.map((o, i) => ({
          id: String(i).padStart(9, '0'),
          capacity: o.gpus * qualityOf(o),
          unitCost: o.askMicro / qualityOf(o),
        })),
        ...(reserve === undefined ? {} : { reserve }),
      },
      options,
    );
  }

  /**
   * Whoever asks differently for its machines is one supplier all the same: beyond its costs it is paid what would be lost without all of
   * them, in proportion to what each offer adds, so that none is paid more than its GPUs bring.
   */
  #together(market: SupplyMarket, out: ProcurementOutcome<number>): void {
    const { offers } = market;
    const offersOf = new Map<string, number[]>();
    offers.forEach(({ supplier }, i) => {
      offersOf.set(supplier, [...(offersOf.get(supplier) ?? []), i]);
    });
    if (offersOf.size === offers.length) return;
    const adds = this.#adds(market, out.quantity);
    const exact = offers.every((o) => o.qualityMilli === undefined);
    for (const [supplier, own] of offersOf) {
      if (own.length === 1 || own.every((i) => out.quantity[i] === 0)) continue;
      const rest = { ...market, offers: offers.filter((o) => o.supplier !== supplier) };
      const rent = Math.max(0, out.surplus - this.#clear(rest).surplus);
      const total = own.reduce((n, i) => n + adds[i]!, 0);
      const parts =
        rent === 0 || total === 0
          ? own.map(() => 0)
          : exact
            ? largestRemainder(
                BigInt(rent),
                own.map((i) => BigInt(adds[i]!)),
              ).map(Number)
            : own.map((i) => (rent * adds[i]!) / total);
      own.forEach((i, k) => {
        out.payment[i] = (out.quantity[i]! * offers[i]!.askMicro) / qualityOf(offers[i]!) + parts[k]!;
      });
    }
  }

  /** What each offer's units bring beyond their cost, the cheapest meeting the dearest demand. */
  #adds({ name, demand, offers }: SupplyMarket, quantity: readonly number[]): number[] {
    const most = this.#reserve[name] ?? Number.POSITIVE_INFINITY;
    const cost = offers.map((o) => o.askMicro / qualityOf(o));
    const order = offers.map((_, i) => i).sort((a, b) => cost[a]! - cost[b]! || a - b);
    const adds = offers.map(() => 0);
    let step = 0;
    let room = demand[0]?.gpus ?? 0;
    for (const i of order) {
      for (let left = quantity[i]!; left > 0 && step < demand.length; ) {
        const take = Math.min(left, room);
        adds[i]! += take * Math.max(0, Math.min(most, demand[step]!.rateMicro) - cost[i]!);
        left -= take;
        room -= take;
        if (room <= 0) room = demand[++step]?.gpus ?? 0;
      }
    }
    return adds;
  }
}

const qualityOf = (o: SupplyOffer): number => (o.qualityMilli ?? 1000) / 1000;
