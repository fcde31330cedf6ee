/**
 * Markets and outcomes of the one-shot mechanisms. T is the number type of a Field. Arrays of an outcome run parallel to
 * the agents of the market, so that a search needs no maps.
 */
import type { Field } from './field.ts';

export type MarketKind = 'procurement' | 'exchange' | 'combinatorial';

/**
 * Income B(X) of X effective units (PRICING.md of the design gives the formulas):
 * `sqrt`: alpha x sqrt(X); `steps`: piecewise linear, slope[k] over the next width[k] units, then flat;
 * `all-or-nothing`: `value` once `units` are reached; `sets`: `value` when one of the named sets serves whole.
 */
export type Income<T> =
  | { kind: 'sqrt'; alpha: T }
  | { kind: 'steps'; width: T[]; slope: T[] }
  | { kind: 'all-or-nothing'; units: T; value: T }
  | { kind: 'sets'; sets: number[][]; value: T };

/** A supplier in effective units: quality times raw capacity, cost per effective unit. */
export interface Supplier<T> {
  id: string;
  capacity: T;
  unitCost: T;
  /** Range of types for `pvcg-tight`; absent = the null type is possible. */
  types?: { capacity: readonly [T, T]; unitCost: readonly [T, T] };
}

export interface ProcurementMarket<T> {
  kind: 'procurement';
  income: Income<T>;
  suppliers: Supplier<T>[];
  /** Highest price per effective unit that the buyer pays. */
  reserve?: T;
  /** Price per effective unit of `posted-price`. */
  price?: T;
}

export interface ProcurementOutcome<T> {
  /** Effective units accepted. */
  quantity: T[];
  payment: T[];
  income: T;
  /** Income minus reported costs. */
  surplus: T;
}

export interface Step<T> {
  quantity: T;
  /** Value (buyers, falling) or cost (sellers, rising) of each of these units. */
  price: T;
}

export interface Trader<T> {
  id: string;
  steps: Step<T>[];
  /** Online mechanisms: when the trader appears and for how long it holds what it bought. */
  arrival?: number;
  duration?: number;
}

export interface ExchangeMarket<T> {
  kind: 'exchange';
  buyers: Trader<T>[];
  sellers: Trader<T>[];
  price?: T;
  priceBounds?: readonly [T, T];
  prior?: { values: T[]; probability: T[][] };
}

export interface ExchangeOutcome<T> {
  bought: T[];
  sold: T[];
  buyerPayment: T[];
  sellerPayment: T[];
  /** Reported value minus reported cost of what is traded. */
  gains: T;
  /** Figures of one mechanism only, by name: `rebates`, `kappa`, `expected`. */
  extra?: Record<string, T[]>;
}

export interface Bundle<T> {
  goods: number[];
  value: T;
}

export interface Bidder<T> {
  id: string;
  /** At most one of these is won (XOR). */
  bids: Bundle<T>[];
}

export interface CombinatorialMarket<T> {
  kind: 'combinatorial';
  goods: string[];
  bidders: Bidder<T>[];
  /** Rank of `greedy-*`: value over size, or over its square root. */
  norm?: 'linear' | 'sqrt';
}

export interface CombinatorialOutcome<T> {
  /** Index of the bid won, -1 = none. */
  won: number[];
  payment: T[];
  welfare: T;
}

export type Market<T> = ProcurementMarket<T> | ExchangeMarket<T> | CombinatorialMarket<T>;

export interface ClearOptions {
  /** Chance of a mechanism's coins, drawn per entity and independent of every report. */
  coin: (purpose: string, id: string) => number;
  /** Run although a theorem does not hold for this market. */
  allow: boolean;
}

/** One rule that clears a market once. Pure: an outcome depends on the arguments alone. */
export interface OneShot {
  readonly name: string;
  procurement?<T>(f: Field<T>, m: ProcurementMarket<T>, o: ClearOptions): ProcurementOutcome<T>;
  exchange?<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions): ExchangeOutcome<T>;
  combinatorial?<T>(f: Field<T>, m: CombinatorialMarket<T>, o: ClearOptions): CombinatorialOutcome<T>;
}

/** The mechanism's theorem does not hold for this market. */
export class TheoremLost extends Error {
  constructor(mechanism: string, why: string, theorem: string) {
    super(`${mechanism}: ${why}, so ${theorem} does not hold`);
    this.name = 'TheoremLost';
  }
}

/** The market lacks what the mechanism needs. */
export class MarketUnfit extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MarketUnfit';
  }
}

/** Value of a prefix of a trader's steps. */
export function stepsValue<T>(f: Field<T>, steps: readonly Step<T>[], quantity: T): T {
  let left = quantity;
  let value = f.zero;
  for (const s of steps) {
    if (f.cmp(left, f.zero) <= 0) break;
    const take = f.cmp(left, s.quantity) <= 0 ? left : s.quantity;
    value = f.add(value, f.mul(take, s.price));
    left = f.sub(left, take);
  }
  return value;
}
