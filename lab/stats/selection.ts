/**
 * Ranking and selection: which of several systems has the best mean, with few replications. No Node, no DOM.
 *
 * Source: Chen, Lin, Yücesan and Chick, "Simulation budget allocation for further enhancing the efficiency of ordinal
 * optimization" (Discrete Event Dynamic Systems 10, 2000): optimal computing budget allocation (OCBA) and the lower bound of the
 * probability of correct selection (APCS-B). Replications of different systems must be independent: give every system
 * streams of its own. For systems on common random numbers use paired comparisons.
 */
import { normalCdf } from '../../core/num/index.ts';
import { Tally } from '../../sim/kernel/estimators.ts';

export interface SelectionOptions {
  /** Replications of every system before the first allocation; default 10, at least 5. */
  initial?: number;
  /** Replications added between two allocations; default one per system. */
  increment?: number;
  /** Replications in all, the first ones included. */
  budget: number;
  /** Stop when the selection is correct with at least this probability; default 0.95. 1 = use the whole budget. */
  confidence?: number;
  direction?: 'max' | 'min';
}

export interface Selection {
  /** Index of the best system by its mean; of equal ones the first. */
  best: number;
  /** Lower bound (Bonferroni, normal, with estimated variances) of the probability that it is truly the best. */
  probability: number;
  means: number[];
  /** Sample standard deviations. */
  sds: number[];
  /** Replications of each system. */
  counts: number[];
  /** Whether the confidence was reached within the budget. */
  met: boolean;
}

/**
 * The procedure, one allocation after the other, over results that come in any order: `counts` says how many replications of each system
 * are wanted so far, `advance` goes on as far as the results allow. What it decides follows from the results alone.
 */
export class SelectionProcess {
  /** Replications of each system that are wanted so far. */
  readonly counts: number[];
  #outcome: Selection | null = null;
  readonly #tallies: Tally[];
  /** Results taken, whether they gave a figure or not. */
  readonly #taken: number[];
  readonly #o: Required<SelectionOptions>;

  /** Throws RangeError for options out of range. */
  constructor(systems: number, options: SelectionOptions) {
    const { initial = 10, increment = systems, budget, confidence = 0.95, direction = 'max' } = options;
    for (const [name, value, least] of [
      ['systems', systems, 2],
      ['initial', initial, 5],
      ['increment', increment, 1],
      ['budget', budget, systems * initial],
    ] as const)
      if (!Number.isSafeInteger(value) || value < least)
        throw new RangeError(`selection: ${name} = ${value} is not a whole number from ${least}`);
    if (!(confidence > 0 && confidence <= 1))
      throw new RangeError(`selection: confidence ${confidence} is not in (0, 1]`);
    this.#o = { initial, increment, budget, confidence, direction };
    this.counts = new Array<number>(systems).fill(initial);
    this.#taken = new Array<number>(systems).fill(0);
    this.#tallies = this.counts.map(() => new Tally());
  }

  /** Null while results are wanted. */
  get outcome(): Selection | null {
    return this.#outcome;
  }

  /** `known`: the figure of a replication; null = it failed and counts for nothing, undefined = not there yet. */
  advance(known: (system: number, replication: number) => number | null | undefined): void {
    const sign = this.#o.direction === 'max' ? 1 : -1;
    while (this.#outcome === null) {
      let complete = true;
      this.counts.forEach((count, i) => {
        for (; this.#taken[i]! < count; this.#taken[i]!++) {
          const value = known(i, this.#taken[i]!);
          if (value === undefined) {
            complete = false;
            return;
          }
          if (value === null) continue;
          if (!Number.isFinite(value))
            throw new RangeError(`selection: system ${i}, replication ${this.#taken[i]} gave ${value}`);
          this.#tallies[i]!.add(sign * value);
        }
      });
      if (!complete) return;
      this.#allocate(sign);
    }
  }

  #allocate(sign: number): void {
    const means = this.#tallies.map((t) => (t.count === 0 ? Number.NEGATIVE_INFINITY : t.mean));
    const variances = this.#tallies.map((t) => (t.count < 2 ? 0 : t.variance));
    // Where runs failed, nothing is certain.
    const enough = this.#tallies.every((t) => t.count >= 2);
    const judged = correctSelection(
      means,
      variances,
      this.#tallies.map((t) => t.count),
    );
    const probability = enough ? judged.probability : 0;
    const spent = this.counts.reduce((a, b) => a + b, 0);
    if (probability >= this.#o.confidence || spent >= this.#o.budget) {
      this.#outcome = {
        best: judged.best,
        probability,
        means: means.map((m) => sign * m),
        sds: variances.map((v) => Math.sqrt(v)),
        counts: [...this.counts],
        met: probability >= this.#o.confidence,
      };
      return;
    }
    const more = Math.min(this.#o.increment, this.#o.budget - spent);
    const goal = enough ? ocba(means, variances, spent + more) : means.map(() => (spent + more) / means.length);
    // Who is furthest behind its share gets the next replication; of equal ones the first.
    for (let k = 0; k < more; k++) {
      let next = 0;
      for (let i = 1; i < goal.length; i++) if (goal[i]! - this.counts[i]! > goal[next]! - this.counts[next]!) next = i;
      this.counts[next]!++;
    }
  }
}

/**
 * Selects the best of `systems`, replication by replication: `run(system, replication)` gives the figure of interest of one
 * replication. Throws RangeError for options out of range or a figure that is no number.
 */
export function selectBest(
  systems: number,
  run: (system: number, replication: number) => number,
  options: SelectionOptions,
): Selection {
  const process = new SelectionProcess(systems, options);
  process.advance(run);
  return process.outcome!;
}

/** The largest mean (of equal ones the first) and APCS-B, the bound of the probability that it is the best. */
export function correctSelection(
  means: readonly number[],
  variances: readonly number[],
  counts: readonly number[],
): { best: number; probability: number } {
  let best = 0;
  means.forEach((m, i) => {
    if (m > means[best]!) best = i;
  });
  let wrong = 0;
  means.forEach((m, i) => {
    if (i === best) return;
    const error = Math.sqrt(variances[i]! / counts[i]! + variances[best]! / counts[best]!);
    // Two systems without noise: a tie cannot be decided, anything else is.
    wrong += error === 0 ? (m === means[best] ? 0.5 : 0) : normalCdf((m - means[best]!) / error);
  });
  return { best, probability: Math.max(0, 1 - wrong) };
}

/**
 * How a total of replications is best divided: N_i proportional to (s_i / d_i)^2, where d_i is the distance to the largest mean,
 * and for the best N_b = s_b sqrt(sum N_i^2 / s_i^2). Real numbers that sum to the total. Distances are at least a thousandth of the
 * largest standard deviation: what cannot be told apart would take all.
 */
export function ocba(means: readonly number[], variances: readonly number[], total: number): number[] {
  let best = 0;
  means.forEach((m, i) => {
    if (m > means[best]!) best = i;
  });
  const largest = Math.sqrt(Math.max(...variances));
  if (largest === 0) return means.map(() => total / means.length);
  const floor = largest / 1000;
  // A system that has shown no noise yet is taken to have a little.
  const sd = variances.map((v) => Math.max(Math.sqrt(v), floor));
  const share = means.map((m, i) => {
    const ratio = sd[i]! / Math.max(means[best]! - m, floor);
    return ratio * ratio;
  });
  let squares = 0;
  share.forEach((n, i) => {
    if (i !== best) squares += (n / sd[i]!) * (n / sd[i]!);
  });
  share[best] = sd[best]! * Math.sqrt(squares);
  const sum = share.reduce((a, b) => a + b, 0);
  return share.map((n) => (total * n) / sum);
}
