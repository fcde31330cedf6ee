/** One kind of trader of a deal that needs one of each: values are negative for those who deliver. */
export interface Category {
  name: string;
  values: number[];
}

export interface MultilateralOutcome {
  deals: number;
  /** Price per category, of the sign of its values; they sum to 0. */
  prices: number[];
  /** Traders still willing at the prices; where more than `deals`, a lottery picks. */
  willing: number[][];
}

/**
 * Strongly budget balanced trade reduction by ascending prices: raise the price of the category with the most traders left (the
 * first of equals) until its worst leaves, and stop when the prices sum to 0.
 */
export function ascendingTradeReduction(categories: readonly Category[]): MultilateralOutcome {
  const sorted = categories.map((c) => c.values.map((v, i) => ({ v, i })).sort((a, b) => b.v - a.v || a.i - b.i));
  const left = sorted.map((s) => s.length);
  const none = { deals: 0, prices: categories.map(() => 0), willing: categories.map(() => []) };
  const price: number[] = categories.map(() => Number.NEGATIVE_INFINITY);
  for (;;) {
    let c = 0;
    for (let k = 1; k < left.length; k++) if (left[k]! > left[c]!) c = k;
    if (left[c] === 0) return none;
    const others = price.reduce((s, p, k) => (k === c ? s : s + p), 0);
    const worst = sorted[c]![left[c]! - 1]!.v;
    if (others + worst >= 0) {
      // The sum reaches 0 on the way up: the price stops there, before the worst leaves.
      price[c] = -others;
      const willing = sorted.map((s, k) => s.slice(0, left[k]).map((x) => x.i));
      return { deals: Math.min(...left), prices: price, willing };
    }
    price[c] = worst;
    left[c]!--;
  }
}
