/**
 * How late the wall clock was: wall time of acting minus stamp. Recorded outside core, which never learns of it.
 */
export interface LagJson {
  count: number;
  meanMs: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** Upper edges of the buckets, from 1 us to a day, each a tenth above the last: quantiles are right to within 10 %. */
const edges = [1];
while (edges.at(-1)! < 86_400e6) edges.push(edges.at(-1)! * 1.1);
const BUCKETS = edges.length;

export class Lag {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sumUs = 0;
  #maxUs = 0;

  /** `us`: wall microseconds, not of the scenario. */
  add(us: number): void {
    const v = Math.max(0, us);
    let low = 0;
    let high = BUCKETS - 1;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (edges[mid]! >= v) high = mid;
      else low = mid + 1;
    }
    this.#counts[low]!++;
    this.#count++;
    this.#sumUs += v;
    if (v > this.#maxUs) this.#maxUs = v;
  }

  #quantile(q: number): number {
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i]!;
      if (seen >= q * this.#count) return Math.min(edges[i]!, this.#maxUs);
    }
    return this.#maxUs;
  }

  toJson(): LagJson {
    const ms = (us: number): number => Math.round(us) / 1000;
    if (this.#count === 0) return { count: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
    return {
      count: this.#count,
      meanMs: ms(this.#sumUs / this.#count),
      p50Ms: ms(this.#quantile(0.5)),
      p99Ms: ms(this.#quantile(0.99)),
      maxMs: ms(this.#maxUs),
    };
  }
}
