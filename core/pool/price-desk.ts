/**
 * A pool's prices: calls the mechanism once per epoch, proposes its terms to Settlement, and quotes under the last terms
 * that Settlement has booked.
 */
import type { PricingMechanism } from '../interfaces.ts';
import { empty } from '../lists.ts';
import { type Port, SETTLEMENT } from '../machine.ts';
import { MessageKind, type Quote, type SupplyAward } from '../messages.ts';
import { contractRate, quoteId } from '../settlement/demand.ts';
import { mostCharged } from '../settlement/terms.ts';
import { Code, type JobSpec, type MarketConfig, NEVER, type TimeUs } from '../types.ts';
import type { Cluster } from './cluster.ts';
import type { SupplyDesk } from './supply-desk.ts';

interface Rates {
  epoch: number;
  /** Award and rate of each class; rate -1 = not sold. */
  award: number[];
  rate: number[];
}

/** Lists of a quote. */
type Terms = Pick<Quote, 'currency' | 'classes' | 'awards' | 'rates'>;

/** Sets of classes that are remembered. */
const TERMS_KEPT = 32;

export interface PriceDeskState {
  rates: Rates | null;
  proposed: Rates | null;
  nextEpochUs: TimeUs;
  nextAward: number;
  usedMilliUs: number[];
  sinceUs: TimeUs;
  lastUs: TimeUs;
}

export class PriceDesk {
  readonly #config: MarketConfig;
  readonly #pool: string;
  readonly #mechanism: PricingMechanism;
  readonly #port: Port;
  readonly #firstAward: number;
  #rates: Rates | null = null;
  /** Under these rates. */
  #terms: Terms[] = [];
  readonly #covered: number[] = [];
  #proposed: Rates | null = null;
  #nextEpochUs: TimeUs = NEVER;
  #nextAward = 1;
  /** Milli-GPU x us leased per class since the last clearing: an estimate for the mechanism, exact below 2^53. */
  #usedMilliUs: number[];
  #sinceUs: TimeUs = 0;
  #lastUs: TimeUs = 0;

  constructor(config: MarketConfig, pool: string, mechanism: PricingMechanism, firstAward: number, port: Port) {
    this.#config = config;
    this.#pool = pool;
    this.#mechanism = mechanism;
    this.#port = port;
    this.#firstAward = firstAward;
    this.#usedMilliUs = config.classes.map(() => 0);
  }

  nextWakeup(): TimeUs {
    return this.#nextEpochUs;
  }

  /** True once terms are booked. */
  get open(): boolean {
    return this.#rates !== null;
  }

  /** Present price of each class, micro-units per GPU-hour; -1 = not sold. */
  get prices(): readonly number[] {
    return this.#rates?.rate ?? this.#config.classes.map(() => -1);
  }

  /** The pool knows its machines: the first clearing may happen. */
  wake(now: TimeUs): void {
    if (this.#nextEpochUs === NEVER && this.#rates === null && this.#proposed === null) {
      this.#nextEpochUs = now;
      this.#sinceUs = now;
    }
  }

  /** No more clearings (the pool was superseded). */
  close(): void {
    this.#nextEpochUs = NEVER;
    this.#setRates(null);
    this.#proposed = null;
  }

  integrate(now: TimeUs, cluster: Cluster): void {
    const dt = now - this.#lastUs;
    if (dt <= 0) return;
    const used = cluster.usedMilli;
    for (let c = 0; c < used.length; c++) this.#usedMilliUs[c]! += used[c]! * dt;
    this.#lastUs = now;
  }

  /** Epoch boundary: the mechanism proposes; the terms bind once Settlement has booked them. */
  clear(
    now: TimeUs,
    cluster: Cluster,
    waitingMilli: Float64Array,
    desk: SupplyDesk | null,
    supply: SupplyAward[] | null,
  ): void {
    const { epochUs, classes } = this.#config;
    const epoch = Math.floor(now / epochUs);
    this.#nextEpochUs = (epoch + 1) * epochUs;
    const rate = this.#mechanism.clear({
      epoch,
      now,
      epochUs,
      classes: classes.map((c, i) => ({
        gpuClass: i,
        name: c.name,
        capacityMilli: cluster.capacityMilli[i]!,
        usedMilliUs: this.#usedMilliUs[i]!,
        waitingMilli: waitingMilli[i]!,
        lastRateMicro: this.#rates?.rate[i] ?? -1,
      })),
    });
    if (
      !Array.isArray(rate) ||
      rate.length !== classes.length ||
      rate.some((r) => !Number.isSafeInteger(r) || r < -1)
    ) {
      throw new Error(
        `pricing ${this.#mechanism.name} answered ${JSON.stringify(rate)}: want one integer >= -1 per class`,
      );
    }
    const award = rate.map((r) => (r < 0 ? 0 : this.#firstAward + this.#nextAward++));
    this.#proposed = { epoch, award, rate };
    this.#port.send(SETTLEMENT, {
      kind: MessageKind.awards,
      epoch,
      awards: rate.flatMap((r, c) => (r < 0 ? [] : [{ award: award[c]!, gpuClass: c, rateMicro: r }])),
      ...(supply === null ? {} : { supply }),
      ...(desk !== null && this.#config.staking?.pot?.base === 'leave-one-out' ? { markets: desk.markets } : {}),
    });
    const span = now - this.#sinceUs;
    classes.forEach((c, i) => {
      const capacity = cluster.capacityMilli[i]!;
      this.#port.row('prices', {
        epoch,
        time_us: now,
        pool: this.#pool,
        gpu_class: c.name,
        award_id: award[i]!,
        rate_micro_per_gpu_hour: rate[i]!,
        capacity_milli: capacity,
        waiting_milli: waitingMilli[i]!,
        utilisation_bps:
          span > 0 && capacity > 0 ? Math.floor((this.#usedMilliUs[i]! / (capacity * span)) * 10_000) : 0,
      });
      this.#usedMilliUs[i] = 0;
    });
    this.#sinceUs = now;
  }

  /** True when the answer is to the clearing under way. */
  awarded(epoch: number, code: Code): boolean {
    if (this.#proposed?.epoch !== epoch) return false;
    if (code === Code.ok) this.#setRates(this.#proposed);
    this.#proposed = null;
    return true;
  }

  /** Today's terms for the job in the classes its user can pay; null when there is none. */
  quote(spec: JobSpec, wanted: readonly number[]): Quote | null {
    const { currency, bids, classes: asked } = spec;
    const { epoch, rate } = this.#rates!;
    const { contract, tokenPriceMicro } = this.#config;
    const covered = this.#covered;
    empty(covered);
    for (let i = 0; i < wanted.length; i++) {
      const c = wanted[i]!;
      // Bids stand beside the classes that the job asks for, of which its queueing policy may want fewer.
      const at = asked.length === 0 ? c : asked.indexOf(c);
      if (rate[c]! >= 0 && (bids.length === 0 || contractRate(rate[c]!, currency, tokenPriceMicro) <= bids[at]!))
        covered.push(c);
    }
    if (covered.length === 0) return null;
    const { classes, awards, rates } = this.#termsFor(covered, currency);
    const q: Quote = { id: 0, epoch, currency, classes, awards, rates, maxCharge: 0n };
    q.maxCharge = mostCharged(spec, q, contract);
    q.id = quoteId(spec, q, contract);
    return q;
  }

  /** Lists of a quote over these classes: the quotes of an epoch share them. */
  #termsFor(covered: readonly number[], currency: number): Terms {
    for (const t of this.#terms)
      if (t.currency === currency && t.classes.length === covered.length && t.classes.every((c, i) => c === covered[i]))
        return t;
    const { award, rate } = this.#rates!;
    const terms: Terms = {
      currency,
      classes: [...covered],
      awards: covered.map((c) => award[c]!),
      rates: covered.map((c) => contractRate(rate[c]!, currency, this.#config.tokenPriceMicro)),
    };
    if (this.#terms.length < TERMS_KEPT) this.#terms.push(terms);
    return terms;
  }

  #setRates(rates: Rates | null): void {
    this.#rates = rates;
    this.#terms = [];
  }

  snapshot(): PriceDeskState {
    return {
      rates: this.#rates,
      proposed: this.#proposed,
      nextEpochUs: this.#nextEpochUs,
      nextAward: this.#nextAward,
      usedMilliUs: this.#usedMilliUs,
      sinceUs: this.#sinceUs,
      lastUs: this.#lastUs,
    };
  }

  /** Takes ownership of the state. */
  restore(s: PriceDeskState): void {
    this.#setRates(s.rates);
    this.#proposed = s.proposed;
    this.#nextEpochUs = s.nextEpochUs;
    this.#nextAward = s.nextAward;
    this.#usedMilliUs = s.usedMilliUs;
    this.#sinceUs = s.sinceUs;
    this.#lastUs = s.lastUs;
  }
}
