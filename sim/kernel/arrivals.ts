/** Arrivals of a Poisson process whose rate changes with time. Times and rates are in units of your choice, such as ticks. */
import { log1p } from '../../core/num/index.ts';
import type { Stream } from './streams.ts';

/**
 * By thinning (Lewis and Shedler, Naval Research Logistics Quarterly 26(3), 1979): candidates at rate `most`, each kept with
 * probability rate(t) / most. For any rate function; throws when it leaves 0..most. Uniforms per arrival vary: give the
 * process a stream of its own.
 */
export class ThinnedArrivals {
  readonly #rate: (t: number) => number;
  readonly #most: number;

  constructor(rate: (t: number) => number, most: number) {
    if (!(most > 0 && most < Infinity)) throw new RangeError(`most = ${most} is not above 0 and finite`);
    this.#rate = rate;
    this.#most = most;
  }

  /** First arrival after t; Infinity when none comes before `until`. */
  next(t: number, stream: Stream, until: number): number {
    for (let at = t; ; ) {
      at -= log1p(-stream.uniform()) / this.#most;
      if (at > until) return Infinity;
      const rate = this.#rate(at);
      if (!(rate >= 0 && rate <= this.#most)) throw new RangeError(`rate ${rate} at ${at} is not in 0..${this.#most}`);
      if (stream.uniform() * this.#most < rate) return at;
    }
  }
}

/**
 * By inversion of the cumulative rate (Cinlar 1975), for rates that are constant between breakpoints and repeat with a period:
 * one uniform per arrival, so a change of one rate shifts arrivals and changes nothing else.
 */
export class PiecewiseArrivals {
  readonly #starts: readonly number[];
  readonly #rates: readonly number[];
  readonly #period: number;
  /** Expected arrivals from the start of the period to each breakpoint, and in a whole period. */
  readonly #expected: number[] = [0];

  /** `rates[i]` holds from starts[i] (the first is 0, rising) to the next start or the end of the period. */
  constructor(starts: readonly number[], rates: readonly number[], period: number) {
    if (starts.length !== rates.length || starts[0] !== 0)
      throw new RangeError('piecewise rates: one rate for every start, the first start at 0');
    for (let i = 0; i < starts.length; i++) {
      const end = starts[i + 1] ?? period;
      if (!(end > starts[i]! && end <= period && period < Infinity))
        throw new RangeError(`piecewise rates: ${starts[i]} is not before ${end}`);
      if (!(rates[i]! >= 0 && rates[i]! < Infinity)) throw new RangeError(`rate ${rates[i]} is not 0 or more`);
      this.#expected.push(this.#expected[i]! + rates[i]! * (end - starts[i]!));
    }
    if (!(this.#expected.at(-1)! > 0)) throw new RangeError('piecewise rates: all are 0');
    this.#starts = starts;
    this.#rates = rates;
    this.#period = period;
  }

  /** Expected arrivals in [0, t]. */
  expected(t: number): number {
    const periods = Math.floor(t / this.#period);
    const rest = t - periods * this.#period;
    let i = this.#starts.length - 1;
    while (this.#starts[i]! > rest) i--;
    return periods * this.#expected.at(-1)! + this.#expected[i]! + this.#rates[i]! * (rest - this.#starts[i]!);
  }

  /** First arrival after t. */
  next(t: number, stream: Stream): number {
    const whole = this.#expected.at(-1)!;
    const goal = this.expected(t) - log1p(-stream.uniform());
    const periods = Math.floor(goal / whole);
    const rest = goal - periods * whole;
    let i = 0;
    // A piece of rate 0 has no arrivals: pass it.
    while (i < this.#rates.length - 1 && this.#expected[i + 1]! <= rest) i++;
    return periods * this.#period + this.#starts[i]! + (rest - this.#expected[i]!) / this.#rates[i]!;
  }
}
