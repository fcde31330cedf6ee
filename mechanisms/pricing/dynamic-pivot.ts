/** An agent whose value changes only when it is served: states with a value and chances of the next state. */
export interface Chain {
  id: string;
  /** Value of being served once in each state. */
  value: number[];
  /** next[s][t] = chance of state t after being served in state s. */
  next: number[][];
  start: number;
}

export interface PivotPeriod {
  /** Index of the agent that is served, -1 = none. */
  served: number;
  /** What it pays now: the welfare that its service delays for the others. */
  payment: number;
}

/**
 * The dynamic pivot mechanism for one unit per period over a short horizon: each period goes to the agent with the highest expected
 * welfare to come, and pays the others' loss of one period. Exact by dynamic programming over joint states.
 */
export class DynamicPivot {
  readonly #chains: readonly Chain[];
  readonly #horizon: number;
  readonly #memo = new Map<string, number>();

  constructor(chains: readonly Chain[], horizon: number) {
    const states = chains.reduce((n, c) => n * c.value.length, 1);
    if (states * horizon > 2_000_000)
      throw new Error(`dynamic-pivot: ${states} joint states over ${horizon} periods are too many`);
    for (const c of chains)
      for (const row of c.next)
        if (row.length !== c.value.length || Math.abs(row.reduce((a, b) => a + b, 0) - 1) > 1e-9)
          throw new Error(`dynamic-pivot: chances of ${c.id} do not sum to 1`);
    this.#chains = chains;
    this.#horizon = horizon;
  }

  /** Best expected welfare from period `t` on without agent `skip` (-1 = with all). */
  welfare(t: number, states: readonly number[], skip = -1): number {
    if (t >= this.#horizon) return 0;
    const key = `${t}|${skip}|${states.map((s, i) => (i === skip ? '' : s)).join(',')}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    let best = this.welfare(t + 1, states, skip);
    for (let i = 0; i < this.#chains.length; i++)
      if (i !== skip) best = Math.max(best, this.#serving(t, states, i, skip));
    this.#memo.set(key, best);
    return best;
  }

  #serving(t: number, states: readonly number[], i: number, skip: number): number {
    const c = this.#chains[i]!;
    let w = c.value[states[i]!]!;
    c.next[states[i]!]!.forEach((p, s) => {
      if (p > 0) w += p * this.welfare(t + 1, states.with(i, s), skip);
    });
    return w;
  }

  /** Who is served in period `t` and what it pays; ties go to the earlier agent. */
  period(t: number, states: readonly number[]): PivotPeriod {
    let served = -1;
    let best = this.welfare(t + 1, states);
    for (let i = 0; i < this.#chains.length; i++) {
      const w = this.#serving(t, states, i, -1);
      if (w > best + 1e-12) {
        best = w;
        served = i;
      }
    }
    // Serving i leaves the others' states as they are and takes one period from them.
    const payment = served < 0 ? 0 : this.welfare(t, states, served) - this.welfare(t + 1, states, served);
    return { served, payment };
  }

  /** Expected utility of agent i from period t on when all are truthful. */
  utility(i: number, t = 0, states: readonly number[] = this.#chains.map((c) => c.start)): number {
    if (t >= this.#horizon) return 0;
    const { served, payment } = this.period(t, states);
    if (served < 0) return this.utility(i, t + 1, states);
    const c = this.#chains[served]!;
    let u = served === i ? c.value[states[i]!]! - payment : 0;
    c.next[states[served]!]!.forEach((p, s) => {
      if (p > 0) u += p * this.utility(i, t + 1, states.with(served, s));
    });
    return u;
  }
}
