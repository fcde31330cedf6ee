/** Stake-weighted consensus on results as in iExec's proof of contribution. Page: poco.md. Integers as in the contract. */

export interface PocoStep {
  readonly weight: number;
  readonly group: number;
  readonly total: number;
  readonly consensus: boolean;
}

export class Poco {
  readonly #trust: number;
  readonly #groups = new Map<string, number>();
  #total = 1;

  /** Consensus at confidence 1 - 1/trust. */
  constructor(trust: number) {
    if (!Number.isSafeInteger(trust) || trust < 1) throw new Error(`a trust of ${trust}; give a whole number from 1`);
    this.#trust = trust;
  }

  /** A worker with this score contributes a result. */
  contribute(score: number, result: string): PocoStep {
    const weight = Math.max(Math.floor(score / 3), 3) - 1;
    const before = this.#groups.get(result) ?? 0;
    const group = Math.max(before, 1) * weight;
    this.#groups.set(result, group);
    this.#total += group - before;
    return { weight, group, total: this.#total, consensus: group * this.#trust > this.#total * (this.#trust - 1) };
  }
}

/** Score after a replicated task: one more when right, two thirds when wrong. */
export const pocoScore = (score: number, right: boolean): number => (right ? score + 1 : Math.floor((score * 2) / 3));

/** Weight of a worker in the payment of a task: floor(log2 w). */
export const pocoPayWeight = (weight: number): number => 31 - Math.clz32(weight);
