/**
 * Estimates from simulation output: means over observations and over time, intervals from replications and from one long run,
 * warm-up, run length, quantiles. Intervals are two-sided at a level such as 0.95. Sums run in the order of
 * the data, so the same data give the same bits.
 */
import { betaI, studentQuantile } from '../../core/num/index.ts';

export interface Interval {
  mean: number;
  /** Half the width; NaN when there are too few data to tell. */
  half: number;
  low: number;
  high: number;
  /** Observations or batches behind it. */
  count: number;
}

/** Count, mean, variance and extremes of observations as they come (Welford's update). */
export class Tally {
  count = 0;
  mean = 0;
  min = Infinity;
  max = -Infinity;
  #squares = 0;

  add(x: number): void {
    this.count++;
    const d = x - this.mean;
    this.mean += d / this.count;
    this.#squares += d * (x - this.mean);
    if (x < this.min) this.min = x;
    if (x > this.max) this.max = x;
  }

  /** Sample variance, over count - 1; NaN below 2. */
  get variance(): number {
    return this.count < 2 ? NaN : this.#squares / (this.count - 1);
  }

  /** Of the mean, as if the observations were independent: right for replications, not for one run's waits. */
  interval(level = 0.95): Interval {
    return intervalOf(this.mean, Math.sqrt(this.variance / this.count), this.count - 1, level, this.count);
  }
}

/** Average over time of a level that jumps, such as a queue's length: area over elapsed time. Times are ticks. */
export class TimeAverage {
  #since: number;
  #start: number;
  #level: number;
  #area = 0;
  #max: number;

  constructor(start = 0, level = 0) {
    this.#since = start;
    this.#start = start;
    this.#level = level;
    this.#max = level;
  }

  get level(): number {
    return this.#level;
  }
  /** Highest level since the start or the last `restart`. */
  get max(): number {
    return this.#max;
  }

  set(now: number, level: number): void {
    if (!(now >= this.#since)) throw new RangeError(`time average: ${now} is before ${this.#since}`);
    this.#area += (now - this.#since) * this.#level;
    this.#since = now;
    this.#level = level;
    if (level > this.#max) this.#max = level;
  }

  change(now: number, by: number): void {
    this.set(now, this.#level + by);
  }

  /** Average from the start to now; NaN when no time has passed. */
  mean(now: number): number {
    return (this.#area + (now - this.#since) * this.#level) / (now - this.#start);
  }

  /** Forgets what was before, at the end of the warm-up. */
  restart(now: number): void {
    this.set(now, this.#level);
    this.#area = 0;
    this.#start = now;
    this.#max = this.#level;
  }
}

/** Student's interval of the mean of independent observations, such as one figure per replication. */
export function meanInterval(values: readonly number[], level = 0.95): Interval {
  const tally = new Tally();
  for (const x of values) tally.add(x);
  return tally.interval(level);
}

function intervalOf(mean: number, error: number, df: number, level: number, count: number): Interval {
  checkLevel(level);
  const half = df < 1 ? NaN : error === 0 ? 0 : studentQuantile((1 + level) / 2, df) * error;
  return { mean, half, low: mean - half, high: mean + half, count };
}

function checkLevel(level: number): void {
  if (!(level > 0 && level < 1)) throw new RangeError(`level ${level} is not between 0 and 1`);
}

/** Means of consecutive batches of `size`; what is left over at the start is dropped. */
export function batches(series: ArrayLike<number>, size: number): number[] {
  if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`batch size ${size} is not a whole number from 1`);
  const out: number[] = [];
  for (let i = series.length % size; i < series.length; i += size) {
    let sum = 0;
    for (let k = i; k < i + size; k++) sum += series[k]!;
    out.push(sum / size);
  }
  return out;
}

/**
 * Interval of the mean of one long run by batch means. `overlapping` (the default) takes every window of `size`, which has
 * two thirds of the variance (Meketon and Schmeiser, WSC 1984; degrees of freedom 3/2 (n/size - 1)). Default size: the
 * square root of the length, at most a twentieth of it. The batches must be long against the run's correlation.
 */
export function batchMeans(
  series: ArrayLike<number>,
  options: { size?: number; overlapping?: boolean; level?: number } = {},
): Interval {
  const n = series.length;
  const size = options.size ?? Math.max(1, Math.min(Math.floor(Math.sqrt(n)), Math.floor(n / 20)));
  const level = options.level ?? 0.95;
  if (options.overlapping === false) return meanInterval(batches(series, size), level);
  if (!Number.isSafeInteger(size) || size < 1 || 2 * size > n)
    throw new RangeError(`batch size ${size} for ${n} observations: at least two batches are needed`);
  let total = 0;
  for (let i = 0; i < n; i++) total += series[i]!;
  const mean = total / n;
  let window = 0;
  for (let i = 0; i < size; i++) window += series[i]! - mean;
  let squares = (window / size) * (window / size);
  for (let i = size; i < n; i++) {
    window += series[i]! - series[i - size]!;
    squares += (window / size) * (window / size);
  }
  const count = n - size + 1;
  // n size / ((n - size + 1)(n - size)) times the squares estimates n Var(mean).
  const error = Math.sqrt((size * squares) / (count * (n - size)));
  return intervalOf(mean, error, 1.5 * (n / size - 1), level, count);
}

/**
 * Warm-up by MSER-5 (White, Cobb and Spratt, WSC 2000): how many observations to delete so that the standard error of the mean
 * of what is left is least, in batches of 5, looking at the first half. `reliable` is false when the best cut is at the
 * end of that half: then the run is too short.
 */
export function mser5(series: ArrayLike<number>): { delete: number; reliable: boolean } {
  const means: number[] = [];
  for (let i = 0; i + 5 <= series.length; i += 5) {
    let sum = 0;
    for (let k = i; k < i + 5; k++) sum += series[k]!;
    means.push(sum / 5);
  }
  const n = means.length;
  const half = Math.floor(n / 2);
  // From the end: mean and squares of means[d..].
  const tail = new Tally();
  const least = { at: 0, value: Infinity };
  for (let d = n - 1; d >= 0; d--) {
    tail.add(means[d]!);
    if (d > half || tail.count < 2) continue;
    const value = (tail.variance * (tail.count - 1)) / (tail.count * tail.count);
    // On a tie the shorter warm-up.
    if (value <= least.value) {
      least.value = value;
      least.at = d;
    }
  }
  return { delete: 5 * least.at, reliable: n >= 4 && least.at < half };
}

/**
 * Data of Welch's plot: the mean over replications of the i-th observation, smoothed by a centred window of up to 2w + 1
 * (Welch 1983). The warm-up ends by eye where it levels off. As long as the shortest replication, less w.
 */
export function welchPlot(replications: readonly ArrayLike<number>[], w: number): Float64Array {
  if (replications.length === 0) throw new RangeError('welch: no replications');
  if (!Number.isSafeInteger(w) || w < 0) throw new RangeError(`welch: window ${w} is not a whole number from 0`);
  const n = Math.min(...replications.map((r) => r.length));
  const mean = Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (const r of replications) sum += r[i]!;
    return sum / replications.length;
  });
  return Float64Array.from({ length: Math.max(0, n - w) }, (_, i) => {
    const reach = Math.min(w, i);
    let sum = 0;
    for (let k = i - reach; k <= i + reach; k++) sum += mean[k]!;
    return sum / (2 * reach + 1);
  });
}

export interface ReplicateOptions {
  /** Stop when half the interval is at most this share of the mean. */
  relativeHalfWidth: number;
  level?: number;
  /** At least and at most so many replications; default 5 and 1000. */
  min?: number;
  max?: number;
}

/**
 * Replication with deletion: `run(r)` gives the figure of replication r = 0, 1, 2 ..., its own warm-up deleted. Runs until the
 * interval is narrow enough, by the sequential rule of Chow and Robbins (1965): the interval's level holds only in the limit of
 * narrow intervals, so `min` should not be small. `met` is false when `max` came first.
 */
export function replicate(
  run: (replication: number) => number,
  options: ReplicateOptions,
): Interval & { met: boolean; values: number[] } {
  const { relativeHalfWidth, level = 0.95, min = 5, max = 1000 } = options;
  if (!(relativeHalfWidth > 0)) throw new RangeError(`relative half-width ${relativeHalfWidth} is not above 0`);
  if (!(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min >= 2 && max >= min))
    throw new RangeError(`replications from ${min} to ${max}: from 2, and not falling`);
  const tally = new Tally();
  const values: number[] = [];
  for (;;) {
    const value = run(values.length);
    if (!Number.isFinite(value)) throw new RangeError(`replication ${values.length} gave ${value}`);
    values.push(value);
    tally.add(value);
    if (values.length < min) continue;
    const interval = tally.interval(level);
    const met = interval.half <= relativeHalfWidth * Math.abs(interval.mean);
    if (met || values.length >= max) return { ...interval, met, values };
  }
}

/** The p-quantile of data by linear interpolation of order statistics (type 7 of Hyndman and Fan, 1996). */
export function quantile(values: ArrayLike<number>, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`quantile ${p} is not in 0..1`);
  return sortedQuantile(sorted(values), p);
}

function sorted(values: ArrayLike<number>): Float64Array {
  if (values.length === 0) throw new RangeError('quantile of no data');
  const x = Float64Array.from(values);
  x.sort((a, b) => a - b);
  return x;
}

function sortedQuantile(x: Float64Array, p: number): number {
  const at = p * (x.length - 1);
  const i = Math.floor(at);
  return i + 1 < x.length ? x[i]! + (at - i) * (x[i + 1]! - x[i]!) : x[i]!;
}

/**
 * Interval of the p-quantile of independent observations, whatever their distribution: two order statistics between which the
 * quantile lies with at least the level, from the binomial number of observations below it (David and Nagaraja, Order
 * Statistics, 7.1). An end is infinite where the data are too few.
 */
export function quantileInterval(values: ArrayLike<number>, p: number, level = 0.95): Interval {
  checkLevel(level);
  if (!(p > 0 && p < 1)) throw new RangeError(`quantile ${p} is not between 0 and 1`);
  const x = sorted(values);
  const n = x.length;
  const tail = (1 - level) / 2;
  // How many observations lie below the quantile is binomial: order statistic r is above it when fewer than r do.
  const low = lastWhere(n, (r) => betaI(n - r + 1, r, 1 - p) <= tail);
  const high = 1 + lastWhere(n, (r) => betaI(r, n - r + 1, p) > tail);
  const lowValue = low === 0 ? -Infinity : x[low - 1]!;
  const highValue = high === n + 1 ? Infinity : x[high - 1]!;
  return { mean: sortedQuantile(x, p), half: (highValue - lowValue) / 2, low: lowValue, high: highValue, count: n };
}

/** The last of 1..n for which a condition holds that holds up to some point; 0 when for none. */
function lastWhere(n: number, holds: (r: number) => boolean): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (holds(mid)) low = mid;
    else high = mid - 1;
  }
  return low;
}
