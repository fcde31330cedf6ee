/** Random elections and the slow, obvious versions that the rules are held against. */
import fc from 'fast-check';
import { type Rational, rat, ratCmp } from '../../core/num/index.ts';
import type { Election } from '../../mechanisms/elections/index.ts';

export const anElection = (maxCandidates = 6, maxVoters = 8, maxStake = 30): fc.Arbitrary<Election> =>
  fc.integer({ min: 1, max: maxCandidates }).chain((m) =>
    fc.record({
      seats: fc.integer({ min: 1, max: m }),
      candidates: fc.constant(Array.from({ length: m }, (_, i) => `c${i}`)),
      voters: fc
        .array(
          fc.record({
            stake: fc.bigInt({ min: 1n, max: BigInt(maxStake) }),
            approvals: fc.uniqueArray(fc.integer({ min: 0, max: m - 1 }), { minLength: 1, maxLength: m }),
          }),
          { minLength: 1, maxLength: maxVoters },
        )
        .map((list) => list.map((v, i) => ({ id: `v${i}`, ...v }))),
    }),
  );

/** D'Hondt: highest quotients stake/(won+1); a tie in list order. Null when a tie could be broken either way. */
export function dhondt(stakes: readonly bigint[], seats: number): number[] | null {
  const won = stakes.map(() => 0);
  for (let s = 0; s < seats; s++) {
    let best = -1;
    let tie = false;
    let top: Rational = rat(-1);
    stakes.forEach((stake, i) => {
      const q = rat(stake, BigInt(won[i]! + 1));
      const c = ratCmp(q, top);
      if (c > 0) {
        best = i;
        top = q;
        tie = false;
      } else if (c === 0) tie = true;
    });
    if (tie) return null;
    won[best]!++;
  }
  return won;
}

/** Party lists: party i with its stake approves its own `seats` candidates. */
export function partyLists(stakes: readonly bigint[], seats: number): Election {
  return {
    seats,
    candidates: stakes.flatMap((_, p) => Array.from({ length: seats }, (_, k) => `p${p}c${k}`)),
    voters: stakes.map((stake, p) => ({
      id: `v${p}`,
      stake,
      approvals: Array.from({ length: seats }, (_, k) => p * seats + k),
    })),
  };
}
