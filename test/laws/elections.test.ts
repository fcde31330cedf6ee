/** Laws of the election rules on random elections; counts are a tenth of the full ones (`npm run soak -- elections`). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Rational, rat, ratAdd, ratCmp, ratToString } from '../../core/num/index.ts';
import {
  type ApprovalRule,
  balance,
  checkEjr,
  checkPjr,
  type Election,
  elect,
  electionScore,
  localPjrChallenge,
  type Outcome,
  phragmen,
  phragmms,
  searchPjr,
  standardThreshold,
  supportsOf,
} from '../../mechanisms/elections/index.ts';
import { anElection, dhondt, partyLists } from '../support/elections.ts';

const runs = Number(process.env['JANCTION_RUNS'] ?? 1000);
const rules: ApprovalRule[] = ['top-k', 'phragmen', 'phragmms', 'mes'];
const options = { seed: 5, numRuns: runs };
const said = (o: Outcome) => [[...o.winners], supportsOf(o.winners, o.edges).map(ratToString)];

describe.each(rules)('%s', (rule) => {
  test('splitting a voter’s stake into two voters changes nothing', () => {
    fc.assert(
      fc.property(anElection(), fc.nat(7), fc.nat(1000), (e, which, cut) => {
        const i = which % e.voters.length;
        const v = e.voters[i]!;
        fc.pre(v.stake >= 2n);
        const first = 1n + (BigInt(cut) % (v.stake - 1n));
        const voters = [...e.voters, { id: 'split', stake: v.stake - first, approvals: v.approvals }];
        voters[i] = { ...v, stake: first };
        expect(said(elect(rule, { ...e, voters }))).toEqual(said(elect(rule, e)));
      }),
      options,
    );
  });

  test('the order of voters, the unit of stake and voters without stake do not matter', () => {
    fc.assert(
      fc.property(anElection(), fc.bigInt({ min: 2n, max: 1_000_003n }), (e, k) => {
        const a = elect(rule, e);
        expect(said(elect(rule, { ...e, voters: [...e.voters].reverse() }))).toEqual(said(a));
        const idle = { id: 'idle', stake: 0n, approvals: e.candidates.map((_, c) => c) };
        expect(said(elect(rule, { ...e, voters: [idle, ...e.voters] }))).toEqual(said(a));
        const scaled = elect(rule, { ...e, voters: e.voters.map((v) => ({ ...v, stake: v.stake * k })) });
        expect(scaled.winners).toEqual(a.winners);
        expect(supportsOf(scaled.winners, scaled.edges).map(ratToString)).toEqual(
          supportsOf(a.winners, a.edges).map((s) => ratToString(rat(s.num * k, s.den))),
        );
      }),
      options,
    );
  });

  test('no voter lends more than it has or to whom it does not approve; all seats are filled once', () => {
    fc.assert(
      fc.property(anElection(), (e) => {
        const o = elect(rule, e);
        expect(new Set(o.winners).size).toBe(e.seats);
        const lent = e.voters.map((): Rational => rat(0));
        for (const x of o.edges) {
          expect(e.voters[x.voter]!.approvals).toContain(x.candidate);
          expect(o.winners).toContain(x.candidate);
          expect(x.weight.num > 0n).toBe(true);
          lent[x.voter] = ratAdd(lent[x.voter]!, x.weight);
        }
        // Whoever has a winner lends everything, others nothing.
        e.voters.forEach((v, i) => {
          const has = v.approvals.some((c) => o.winners.includes(c));
          expect(ratToString(lent[i]!)).toBe(has ? v.stake.toString() : '0');
        });
      }),
      options,
    );
  });
});

test('Phragmén and PhragMMS give proportional justified representation', () => {
  fc.assert(
    fc.property(anElection(5, 7), (e) => {
      expect(searchPjr(e, phragmen(e).winners, standardThreshold(e)).holds).toBe(true);
      expect(searchPjr(e, phragmms(e).winners, standardThreshold(e)).holds).toBe(true);
    }),
    { seed: 11, numRuns: Math.max(1, Math.round(runs / 2)) },
  );
});

/** Any committee, not a good one. */
function anyCommittee(e: Election, pick: number): number[] {
  const order = e.candidates.map((_, c) => c).sort((a, b) => ((a * 7 + pick) % 11) - ((b * 7 + pick) % 11) || a - b);
  return order.slice(0, e.seats);
}

/** The definition once more, by every group of voters: who approves r winners is never wronged. */
function ejrByGroups(e: Election, winners: readonly number[]): boolean {
  const all = e.voters.reduce((s, v) => s + v.stake, 0n);
  for (let mask = 1; mask < 1 << e.voters.length; mask++) {
    const group = e.voters.filter((_, i) => (mask >> i) & 1);
    const stake = group.reduce((s, v) => s + v.stake, 0n);
    const common = e.candidates.filter((_, c) => group.every((v) => v.approvals.includes(c))).length;
    for (let r = 1; r <= common; r++)
      if (stake * BigInt(e.seats) >= BigInt(r) * all)
        if (group.every((v) => v.approvals.filter((c) => winners.includes(c)).length < r)) return false;
  }
  return true;
}

test('equal shares gives extended justified representation; the checker is the definition, and its example is one', () => {
  let wronged = 0;
  fc.assert(
    fc.property(anElection(5, 7), fc.nat(1000), (e, pick) => {
      expect(checkEjr(e, elect('mes', e).winners).holds).toBe(true);
      const winners = anyCommittee(e, pick);
      const { holds, counterexample: c } = checkEjr(e, winners);
      expect(holds).toBe(ejrByGroups(e, winners));
      if (c === null) return;
      wronged++;
      const group = c.group.map((i) => e.voters[i]!);
      expect(c.candidates).toHaveLength(c.r);
      for (const v of group) {
        for (const x of c.candidates) expect(v.approvals).toContain(x);
        expect(v.approvals.filter((x) => winners.includes(x)).length).toBeLessThan(c.r);
      }
      const stake = group.reduce((s, v) => s + v.stake, 0n);
      expect(stake * BigInt(e.seats) >= BigInt(c.r) * e.voters.reduce((s, v) => s + v.stake, 0n)).toBe(true);
      // Whoever fails PJR fails EJR.
      if (searchPjr(e, winners, standardThreshold(e)).holds === false) expect(holds).toBe(false);
    }),
    { seed: 16, numRuns: Math.max(1, Math.round(runs / 4)) },
  );
  if (runs >= 500) expect(wronged).toBeGreaterThan(5);
});

test('top-k gives a bloc of 60 % every seat, and the checker shows who is wronged', () => {
  const e: Election = {
    seats: 4,
    candidates: ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'],
    voters: [
      { id: 'big', stake: 60n, approvals: [0, 1, 2, 3] },
      { id: 'mid', stake: 25n, approvals: [4, 5] },
      { id: 'low', stake: 15n, approvals: [6, 7] },
    ],
  };
  const top = elect('top-k', e);
  expect(top.winners).toEqual([0, 1, 2, 3]);
  expect(checkPjr(e, top.winners, balance(e, top.winners))).toEqual({
    holds: false,
    counterexample: { r: 1, candidates: [4], group: [1], winners: [] },
  });
  const fair = elect('phragmen', e);
  expect(fair.winners.map((c) => e.candidates[c])).toEqual(['A', 'B', 'E', 'C']);
  expect(supportsOf(fair.winners, fair.edges).map(ratToString)).toEqual(['20', '20', '25', '20']);
});

test('the linear-time proof never accepts a committee that fails the definition', () => {
  fc.assert(
    fc.property(anElection(5, 6), fc.nat(1000), (e, pick) => {
      const committee = anyCommittee(e, pick);
      const t = standardThreshold(e);
      const proved = localPjrChallenge(e, committee, balance(e, committee), t) === null;
      const truth = searchPjr(e, committee, t).holds;
      if (proved) expect(truth).toBe(true);
    }),
    { seed: 12, numRuns: Math.max(1, Math.round(runs / 2)) },
  );
});

test('balancing: all stake is used, and nobody lends to a winner while it approves a poorer one', () => {
  fc.assert(
    fc.property(anElection(6, 10), fc.nat(1000), (e, pick) => {
      const committee = e.candidates.map((_, c) => (c + pick) % e.candidates.length).slice(0, e.seats);
      const edges = balance(e, committee);
      const supports = supportsOf(committee, edges);
      const at = new Map(committee.map((c, i) => [c, supports[i]!]));
      for (const x of edges)
        for (const c of e.voters[x.voter]!.approvals)
          if (at.has(c)) expect(ratCmp(at.get(x.candidate)!, at.get(c)!)).toBeLessThanOrEqual(0);
      const used = edges.reduce((s, x) => ratAdd(s, x.weight), rat(0));
      const has = e.voters.filter((v) => v.approvals.some((c) => at.has(c))).reduce((s, v) => s + v.stake, 0n);
      expect(ratToString(used)).toBe(has.toString());
      // No other assignment is better: the unbalanced one of Phragmén certainly is not.
      const other = electionScore(supportsOf(committee, phragmen({ ...e, voters: e.voters }).edges));
      if (committee.every((c) => phragmen(e).winners.includes(c)))
        expect(ratCmp(electionScore(supports).minSupport, other.minSupport)).toBeGreaterThanOrEqual(0);
    }),
    { seed: 13, numRuns: Math.max(1, Math.round(runs / 2)) },
  );
});

test('on party lists Phragmén, balanced PhragMMS and D’Hondt are one rule', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 1n, max: 100_000n }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 6 }),
      (stakes, seats) => {
        const want = dhondt(stakes, seats);
        fc.pre(want !== null);
        compared++;
        const e: Election = partyLists(stakes, seats);
        for (const o of [phragmen(e, 'exact'), phragmen(e, 'fixed-point'), phragmms(e)]) {
          const won = stakes.map(() => 0);
          for (const c of o.winners) won[Math.floor(c / seats)]!++;
          expect(won).toEqual(want);
        }
      },
    ),
    { seed: 14, numRuns: Math.max(1, Math.round(runs / 10)) },
  );
  expect(compared).toBe(Math.max(1, Math.round(runs / 10)));
});

test('fixed point elects whom exact rationals elect, ties and near ties included', () => {
  fc.assert(
    fc.property(anElection(8, 12, 4), fc.boolean(), (e, huge) => {
      // Stakes near 2^64 make gaps of one unit that doubles cannot see.
      const voters = huge ? e.voters.map((v) => ({ ...v, stake: v.stake + (1n << 64n) })) : e.voters;
      const big = { ...e, voters };
      const exact = phragmen(big, 'exact');
      const fixed = phragmen(big, 'fixed-point');
      expect(fixed.winners).toEqual(exact.winners);
      for (const [i, s] of supportsOf(fixed.winners, fixed.edges).entries()) {
        const gap = ratAdd(
          s,
          rat(-supportsOf(exact.winners, exact.edges)[i]!.num, supportsOf(exact.winners, exact.edges)[i]!.den),
        );
        const size = big.voters.reduce((a, v) => a + v.stake, 0n);
        // Whole units by largest remainder: within one unit per voter, plus 2^-40 of a stake.
        expect(
          ratCmp(rat(gap.num < 0n ? -gap.num : gap.num, gap.den), rat(BigInt(big.voters.length) + (size >> 36n))),
        ).toBeLessThanOrEqual(0);
      }
    }),
    { seed: 15, numRuns: runs },
  );
});
