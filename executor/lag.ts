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

/** Buckets of a quarter octave from 1 us: quantiles are right to within 19 %. */
const PER_OCTAVE = 4;
const BUCKETS = 40 * PER_OCTAVE;
const edges = Array.from({ length: BUCKETS }, (_, i) => {
  let edge = 1;
  for (let k = 0; k < Math.floor(i / PER_OCTAVE); k++) edge *= 2;
  return edge * [1, 1.189207, 1.414214, 1.681793][i % PER_OCTAVE]!;
});

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
