/** Whether a scenario buys supply in an auction. */
import { pricingNames, supplyAuctionNames } from '../../mechanisms/names.ts';
import type { ParsedScenario } from '../schema/scenario.ts';

const isOf = (names: readonly string[], name: string): boolean => names.includes(name);

/** An auction, or a mechanism of the user's own. */
export const mayBuySupply = (mechanism: string): boolean =>
  isOf(supplyAuctionNames, mechanism) || !isOf(pricingNames, mechanism);

/** A mechanism of the user's own does so where the scenario says how it is paid. */
export const buysSupply = (s: ParsedScenario): boolean =>
  isOf(supplyAuctionNames, s.pricing.mechanism) || s.pricing.supply !== undefined;
