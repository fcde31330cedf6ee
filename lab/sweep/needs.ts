/** How many replications each point of a plan needs, as far as its results say. */
import { meanInterval } from '../stats/interval.ts';
import { type Selection, SelectionProcess } from '../stats/selection.ts';
import { numberOf } from './figures.ts';
import { maxReplications, type Plan } from './plan.ts';
import type { RunRecord } from './store.ts';

/** Result of a replication, undefined while it is not there. Points by their place in the plan. */
export type Lookup = (place: number, replication: number) => RunRecord | undefined;

export interface Need {
  count: number;
  /** False: more may be needed once these are there. */
  decided: boolean;
}

export class Needs {
  readonly #plan: Plan;
  readonly #results: Lookup;
  readonly #selection: SelectionProcess | null;

  constructor(plan: Plan, results: Lookup) {
    this.#plan = plan;
    this.#results = results;
    const r = plan.replications;
    this.#selection =
      typeof r === 'object' && 'select' in r
        ? new SelectionProcess(plan.points.length, {
            initial: r.min,
            budget: r.budget,
            confidence: r.confidence,
            direction: r.goal,
            ...(r.step === undefined ? {} : { increment: r.step }),
          })
        : null;
  }

  of(place: number): Need {
    const r = this.#plan.replications;
    if (typeof r === 'number') return { count: r, decided: true };
    if ('select' in r) {
      const selection = this.#selection!;
      selection.advance((p, k) => {
        const result = this.#results(p, k);
        if (result === undefined) return undefined;
        if (result.figures === null) return null;
        const value = numberOf(result.figures[r.select]);
        return Number.isFinite(value) ? value : null;
      });
      return { count: selection.counts[place]!, decided: selection.outcome !== null };
    }
    const max = maxReplications(r);
    for (let n = Math.min(r.min, max); n < max; n += r.step) {
      const values: number[] = [];
      for (let k = 0; k < n; k++) {
        const result = this.#results(place, k);
        if (result === undefined) return { count: n, decided: false };
        if (result.figures !== null) values.push(numberOf(result.figures[r.metric]));
      }
      const i = meanInterval(values, r.level);
      if (i.half <= r.relativeHalfWidth * Math.abs(i.mean)) return { count: n, decided: true };
    }
    return { count: max, decided: true };
  }

  /** Which point was selected; null when none is asked for, or while results are missing. */
  get selection(): Selection | null {
    if (this.#selection !== null) this.of(0);
    return this.#selection?.outcome ?? null;
  }
}
