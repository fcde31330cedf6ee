/**
 * Sequential Phragmén with stakes (load form). Page: phragmen.md. Two arithmetics decide alike: exact rationals, whose digits grow
 * with every seat, and doubles for large elections, where candidates within a relative guard of the best are decided again with 256
 * fractional bits (and by the order of the list where even those agree).
 */
import {
  largestRemainder,
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  rat,
  ratAdd,
  ratCmp,
  ratDiv,
  ratMul,
  ratSub,
} from '../../core/num/index.ts';
import { cleanVoters, type Edge, type Election, type Outcome } from './lib/election.ts';

export type PhragmenArithmetic = 'exact' | 'fixed-point' | 'auto';

/** Seats times approvals up to which exact rationals take well under a second. */
const EXACT_WORK = 20_000;
/** Doubles that differ by less than this share of themselves do not decide: far above the error of a million additions. */
const GUARD = 1e-8;
const FRACTION_BITS = 256n;
/** Each seat adds at most one unit of rounding to a load, so equal scores differ by less; a unit of stake in 2^81 makes more than 2^90. */
const SAME = 1n << 20n;

/**
 * Winners in order with their loads as scores (load per unit of stake at election; a candidate that nobody approves is elected last,
 * at score 0 and support 0). Exact edges w_ic = s_i * (load part of c) / load_i; in fixed point the edges are whole units of stake.
 */
export function phragmen(e: Election, arithmetic: PhragmenArithmetic = 'auto'): Outcome {
  const voters = cleanVoters(e);
  if (arithmetic === 'auto') {
    const approvals = voters.reduce((n, v) => n + v.approvals.length, 0);
    arithmetic = approvals * e.seats <= EXACT_WORK ? 'exact' : 'fixed-point';
  }
  const edges = arithmetic === 'exact' ? exact(e, voters) : fixedPoint(e, voters);
  return { ...edges, arithmetic };
}

type Clean = ReturnType<typeof cleanVoters>;

/** Continue from loads below zero = credit that a voter brings (used by equal shares to complete a committee). */
export function exactRounds(
  e: Election,
  voters: Clean,
  loads: Rational[],
  taken: ReadonlySet<number>,
  seats: number,
): { winners: number[]; scores: Rational[]; parts: Map<number, Rational>[] } {
  const fans = fansOf(e, voters);
  const approval = fans.map((f) => f.reduce((sum, i) => sum + voters[i]!.stake, 0n));
  const open = new Set(e.candidates.map((_, c) => c).filter((c) => !taken.has(c)));
  const winners: number[] = [];
  const scores: Rational[] = [];
  const parts = voters.map(() => new Map<number, Rational>());
  while (winners.length < seats && open.size > 0) {
    let best = -1;
    let bestScore: Rational | null = null;
    for (const c of open) {
      if (approval[c] === 0n) continue;
      let load = RAT_ONE;
      for (const i of fans[c]!) load = ratAdd(load, ratMul(rat(voters[i]!.stake), loads[i]!));
      const score = ratDiv(load, rat(approval[c]!));
      if (bestScore === null || ratCmp(score, bestScore) < 0) {
        best = c;
        bestScore = score;
      }
    }
    if (bestScore === null) {
      // Nobody approves who is left: the seats are filled in list order, with no support.
      const [first] = open;
      open.delete(first!);
      winners.push(first!);
      scores.push(RAT_ZERO);
      continue;
    }
    open.delete(best);
    winners.push(best);
    scores.push(bestScore);
    for (const i of fans[best]!) {
      parts[i]!.set(best, ratSub(bestScore, loads[i]!));
      loads[i] = bestScore;
    }
  }
  return { winners, scores, parts };
}

export function fansOf(e: Election, voters: Clean): number[][] {
  const fans: number[][] = e.candidates.map(() => []);
  voters.forEach((v, i) => {
    for (const c of v.approvals) fans[c]!.push(i);
  });
  return fans;
}

function exact(e: Election, voters: Clean): Omit<Outcome, 'arithmetic'> {
  const loads = voters.map(() => RAT_ZERO);
  const { winners, scores, parts } = exactRounds(e, voters, loads, new Set(), e.seats);
  const edges: Edge[] = [];
  voters.forEach((v, i) => {
    for (const [candidate, part] of parts[i]!)
      if (part.num > 0n)
        edges.push({ voter: v.index, candidate, weight: ratDiv(ratMul(rat(v.stake), part), loads[i]!) });
  });
  return { winners, scores, edges };
}

function fixedPoint(e: Election, voters: Clean): Omit<Outcome, 'arithmetic'> {
  const m = e.candidates.length;
  const total = voters.reduce((sum, v) => sum + v.stake, 0n);
  // Stakes as shares of the whole: the same election for any unit, and no overflow of doubles. Edges in flat arrays, by voter and by candidate.
  const share = Float64Array.from(voters, (v) => Number(v.stake) / Number(total === 0n ? 1n : total));
  const start = new Int32Array(voters.length + 1);
  voters.forEach((v, i) => {
    start[i + 1] = start[i]! + v.approvals.length;
  });
  const target = new Int32Array(start[voters.length]!);
  const part = new Float64Array(target.length);
  const fanStart = new Int32Array(m + 1);
  voters.forEach((v, i) => {
    v.approvals.forEach((c, k) => {
      target[start[i]! + k] = c;
      fanStart[c + 1]!++;
    });
  });
  for (let c = 0; c < m; c++) fanStart[c + 1]! += fanStart[c]!;
  const fill = fanStart.slice();
  const fan = new Int32Array(target.length);
  const approval = new Float64Array(m);
  for (let i = 0; i < voters.length; i++) {
    for (let k = start[i]!; k < start[i + 1]!; k++) {
      fan[fill[target[k]!]!++] = i;
      approval[target[k]!]! += share[i]!;
    }
  }
  const load = new Float64Array(voters.length);
  /** Sum of share * load over the fans of each candidate. */
  const carried = new Float64Array(m);
  const open = new Uint8Array(m).fill(1);
  const winners: number[] = [];
  const scores: number[] = [];
  let fine: FineLoads | null = null;
  const scoreOf = (c: number) => (1 + carried[c]!) / approval[c]!;
  while (winners.length < e.seats) {
    let best = -1;
    for (let c = 0; c < m; c++)
      if (open[c] === 1 && approval[c]! > 0 && (best < 0 || scoreOf(c) < scoreOf(best))) best = c;
    if (best < 0) {
      best = open.indexOf(1);
      open[best] = 0;
      winners.push(best);
      scores.push(0);
      continue;
    }
    const limit = scoreOf(best) * (1 + GUARD);
    const near: number[] = [];
    for (let c = 0; c < m; c++) if (open[c] === 1 && approval[c]! > 0 && scoreOf(c) <= limit) near.push(c);
    if (near.length > 1) {
      fine ??= new FineLoads(e, voters);
      best = fine.least(winners, near);
    }
    const score = scoreOf(best);
    open[best] = 0;
    winners.push(best);
    scores.push(score);
    for (let f = fanStart[best]!; f < fanStart[best + 1]!; f++) {
      const i = fan[f]!;
      const grown = score - load[i]!;
      load[i] = score;
      const weight = share[i]! * grown;
      for (let k = start[i]!; k < start[i + 1]!; k++) {
        const c = target[k]!;
        carried[c]! += weight;
        if (c === best) part[k] = grown;
      }
    }
  }
  const edges: Edge[] = [];
  voters.forEach((v, i) => {
    if (load[i] === 0) return;
    const mine: number[] = [];
    const weights: number[] = [];
    for (let k = start[i]!; k < start[i + 1]!; k++) {
      if (part[k]! > 0) {
        mine.push(target[k]!);
        weights.push(Math.round((part[k]! / load[i]!) * 0x10000000000));
      }
    }
    largestRemainder(v.stake, weights).forEach((w, j) => {
      if (w > 0n) edges.push({ voter: v.index, candidate: mine[j]!, weight: rat(w) });
    });
  });
  const unit = total === 0n ? 1n : total;
  return {
    winners,
    scores: scores.map((s) => rat(BigInt(Math.round(s * 0x10000000000)), 0x10000000000n * unit)),
    edges,
  };
}

/** Follows an election with 256 fractional bits, only as far as asked, to decide between candidates that doubles cannot tell apart. */
class FineLoads {
  readonly #voters: Clean;
  readonly #fans: number[][];
  readonly #load: bigint[];
  #done = 0;

  constructor(e: Election, voters: Clean) {
    this.#voters = voters;
    this.#fans = fansOf(e, voters);
    this.#load = voters.map(() => 0n);
  }

  #score(c: number): bigint {
    let stake = 0n;
    let sum = 1n << FRACTION_BITS;
    for (const i of this.#fans[c]!) {
      stake += this.#voters[i]!.stake;
      sum += this.#voters[i]!.stake * this.#load[i]!;
    }
    return stake === 0n ? -1n : sum / stake;
  }

  /** The least loaded of `near` after `winners`; the first of those that agree to within the rounding of all seats. */
  least(winners: readonly number[], near: readonly number[]): number {
    for (; this.#done < winners.length; this.#done++) {
      const c = winners[this.#done]!;
      const s = this.#score(c);
      if (s >= 0n) for (const i of this.#fans[c]!) this.#load[i] = s;
    }
    let best = near[0]!;
    let bestScore = this.#score(best);
    for (const c of near) {
      const s = this.#score(c);
      if (s + SAME < bestScore) {
        best = c;
        bestScore = s;
      }
    }
    return best;
  }
}
