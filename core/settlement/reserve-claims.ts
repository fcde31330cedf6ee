/**
 * Two reserves of live networks that back payments without holding each one. Livepeer: a payer's reserve is divided over the active pool, each
 * member may claim up to its part; a ticket is worth its face value times the chance to win. iExec: a pool stakes a share of each deal's price.
 */
import { type Rational, rat, ratMul } from '../num/index.ts';

/** Expected value of a probabilistic ticket. */
export const ticketValue = (faceValue: bigint, winProbability: Rational): Rational =>
  ratMul(rat(faceValue), winProbability);

export class ReserveClaims {
  readonly #members: number;
  #funds: bigint;
  #claimed = 0n;
  readonly #by = new Map<string, bigint>();

  /** `funds` of the payer for this round, over an active pool of `members`. */
  constructor(funds: bigint, members: number) {
    if (funds < 0n || !(members >= 1)) throw new Error(`reserve: ${funds} over ${members} members`);
    this.#funds = funds;
    this.#members = members;
  }

  get funds(): bigint {
    return this.#funds;
  }

  /** floor((funds + claimed this round) / members) - claimed by this member. */
  claimable(member: string): bigint {
    const part = (this.#funds + this.#claimed) / BigInt(this.#members) - (this.#by.get(member) ?? 0n);
    return part < 0n ? 0n : part;
  }

  /** Pays up to what the member may claim; answers what was paid. */
  claim(member: string, amount: bigint): bigint {
    const most = this.claimable(member);
    const paid = amount < most ? amount : most;
    this.#funds -= paid;
    this.#claimed += paid;
    this.#by.set(member, (this.#by.get(member) ?? 0n) + paid);
    return paid;
  }
}

/** Stake a worker pool locks for a deal, and the part of a seized stake that goes to the kitty (iExec's percentages). */
export const poolStake = (price: bigint, ratioPercent = 30n): bigint => (price * ratioPercent) / 100n;
export const kittyReward = (kitty: bigint, ratioPercent = 10n, minimum = 1_000_000_000n): bigint => {
  const part = (kitty * ratioPercent) / 100n;
  const atLeast = part > minimum ? part : minimum;
  return atLeast < kitty ? atLeast : kitty;
};
