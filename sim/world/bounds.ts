/** What is drawn or worked out stays within what a scenario could write: tails of a wide distribution do not leave the whole numbers. */

/** The longest time limit of a job: 100 years. */
export const LONGEST_LIMIT_US = 3_155_760_000_000_000;

const MOST_PRICE_MICRO = 9_000_000_000_000_000;

/** A price in whole micro-units, 9e9 units at most. */
export const boundedPrice = (micro: number): number => Math.min(MOST_PRICE_MICRO, Math.round(micro));
