/** Published election vectors (their sources stand in the file) and the answers of `janction elect`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rat, ratParse, ratToNumber, ratToString } from '../../core/num/index.ts';
import {
  balance,
  balancedSupports,
  binomialCapture,
  captureStake,
  checkPjr,
  type Election,
  electionScore,
  equalShares,
  gini,
  grinding,
  hhi,
  hypergeometricCapture,
  localPjrChallenge,
  nakamoto,
  phragmen,
  phragmms,
  prescores,
  searchPjr,
  slack,
  standardThreshold,
  strictlyBetter,
  stv,
  supportsOf,
  topK,
} from '../../mechanisms/elections/index.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { absent, vectors } from '../support/vectors.ts';

interface Vector {
  name: string;
  candidates: (string | number)[];
  voters: { id: string | number; stake: number | string; approvals: (string | number)[] }[];
  seats: number;
  seq_phragmen: {
    winners_in_order: (string | number)[];
    scores?: string[];
    supports: Record<string, string>;
    edges?: [string | number, string | number, string][];
  };
  balanced_supports_for_that_committee?: Record<string, number>;
  election_score_balanced?: [number, number, number];
  phragmms_fully_balanced_each_round?: {
    winners_in_order: (string | number)[];
    scores: string[];
    supports: Record<string, number>;
  };
  top_k_approval?: (string | number)[];
  standard_pjr_threshold?: string;
  max_prescore_at_threshold?: string;
  pjr_local_check_on_balanced?: boolean;
  mes_core?: { winners_in_order: (string | number)[]; rho: string[]; budgets_left?: Record<string, string> };
}
interface File {
  vectors: Vector[];
  pjr_checks: {
    name: string;
    approvals: number[][];
    seats: number;
    committee: number[];
    pjr: boolean;
    max_prescore: string;
    local_check_passes_on_balanced_solution: boolean;
    violating_witness: { l: number; T: number[] } | null;
  }[];
  pjr_unit: {
    slack: { edges: [number, number][]; budget: number; t_to_slack: Record<string, number> };
    phase_change_lowest_passing_t?: unknown;
  };
  stv: {
    ballots: [number, string[]][];
    seats: number;
    quota_droop: string;
    elected: string[];
    rounds: Record<string, string>[];
  }[];
}
interface Attacks {
  dhondt_equivalence: { vectors: { stakes: number[]; seats: number; dhondt: number[] }[] };
  committee_sampling: {
    with_replacement_by_stake: {
      committee: number;
      adversary_share: number;
      threshold: number;
      P_capture: number;
      P_with_grinding: Record<string, number>;
    }[];
    without_replacement: { pool: number; bad: number; committee: number; threshold: number; P: number }[];
  };
}

const file = vectors<File>('elections.json');
const attacks = vectors<Attacks>('attacks.json');

function toElection(v: { candidates: (string | number)[]; voters: Vector['voters']; seats: number }): Election {
  const at = new Map(v.candidates.map((c, i) => [String(c), i]));
  return {
    seats: v.seats,
    candidates: v.candidates.map(String),
    voters: v.voters.map((x) => ({
      id: String(x.id),
      stake: BigInt(x.stake),
      approvals: x.approvals.map((c) => at.get(String(c))!),
    })),
  };
}
const names = (e: Election, list: readonly number[]) => list.map((c) => e.candidates[c]!);
const unit = (approvals: number[][], seats: number): Election => ({
  seats,
  candidates: Array.from({ length: 1 + Math.max(...approvals.flat()) }, (_, i) => String(i)),
  voters: approvals.map((a, i) => ({ id: `v${i}`, stake: 1n, approvals: a })),
});

test.skipIf(file !== null)(absent, () => {});

describe.skipIf(file === null)('published elections', () => {
  test.each(file?.vectors ?? [])('$name', (v) => {
    const e = toElection(v);
    const p = phragmen(e, 'exact');
    expect(names(e, p.winners)).toEqual(v.seq_phragmen.winners_in_order.map(String));
    if (v.seq_phragmen.scores !== undefined) expect(p.scores.map(ratToString)).toEqual(v.seq_phragmen.scores);
    const supports = supportsOf(p.winners, p.edges);
    p.winners.forEach((c, i) => {
      expect(ratToString(supports[i]!)).toBe(v.seq_phragmen.supports[e.candidates[c]!]);
    });
    for (const [voter, candidate, weight] of v.seq_phragmen.edges ?? []) {
      const edge = p.edges.find(
        (x) => e.voters[x.voter]!.id === String(voter) && e.candidates[x.candidate] === String(candidate),
      );
      expect(edge === undefined ? null : ratToString(edge.weight)).toBe(weight);
    }
    expect(names(e, phragmen(e, 'fixed-point').winners)).toEqual(v.seq_phragmen.winners_in_order.map(String));
    if (v.balanced_supports_for_that_committee !== undefined) {
      const balanced = balancedSupports(e, p.winners);
      p.winners.forEach((c, i) => {
        expect(ratToNumber(balanced[i]!)).toBeCloseTo(v.balanced_supports_for_that_committee![e.candidates[c]!]!, 6);
      });
      const score = electionScore(balanced);
      const want = v.election_score_balanced!;
      expect(ratToNumber(score.minSupport)).toBeCloseTo(want[0], 5);
      expect(ratToNumber(score.sumSupport)).toBeCloseTo(want[1], 5);
      expect(ratToNumber(score.sumSquares)).toBeCloseTo(want[2], 5);
      const edges = balance(e, p.winners);
      const t = standardThreshold(e);
      expect(ratToString(t)).toBe(v.standard_pjr_threshold);
      const most = [...prescores(e, p.winners, edges, t).values()].map(ratToNumber);
      expect(Math.max(0, ...most)).toBeCloseTo(ratToNumber(ratParse(v.max_prescore_at_threshold!)), 9);
      expect(localPjrChallenge(e, p.winners, edges, t) === null).toBe(v.pjr_local_check_on_balanced);
    }
    if (v.phragmms_fully_balanced_each_round !== undefined) {
      const m = phragmms(e);
      expect(names(e, m.winners)).toEqual(v.phragmms_fully_balanced_each_round.winners_in_order.map(String));
      expect(m.scores.map(ratToString)).toEqual(v.phragmms_fully_balanced_each_round.scores);
      supportsOf(m.winners, m.edges).forEach((s, i) => {
        expect(ratToNumber(s)).toBeCloseTo(
          v.phragmms_fully_balanced_each_round!.supports[e.candidates[m.winners[i]!]!]!,
          6,
        );
      });
    }
    if (v.top_k_approval !== undefined) expect(names(e, topK(e).winners)).toEqual(v.top_k_approval.map(String));
    if (v.mes_core !== undefined) {
      const m = equalShares(e);
      expect(m.core).toBe(v.mes_core.winners_in_order.length);
      expect(names(e, m.winners.slice(0, m.core))).toEqual(v.mes_core.winners_in_order.map(String));
      expect(m.scores.slice(0, m.core).map(ratToString)).toEqual(v.mes_core.rho);
      for (const [voter, left] of Object.entries(v.mes_core.budgets_left ?? {}))
        expect(ratToString(m.budgetsLeft.get(e.voters.findIndex((x) => x.id === voter))!)).toBe(left);
    }
  });

  test('abcbook: equal shares completed by Phragmén', () => {
    const find = (name: string) => toElection(file!.vectors.find((v) => v.name === name)!);
    expect([...equalShares(find('abcbook_running')).winners].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    expect([...equalShares(find('abcbook_2.12_mes_vs_phragmen')).winners].sort((a, b) => a - b)).toEqual([0, 2, 3]);
  });

  test.each(file?.pjr_checks ?? [])('PJR: $name', (v) => {
    const e = unit(v.approvals, v.seats);
    const edges = balance(e, v.committee);
    const t = standardThreshold(e);
    expect(localPjrChallenge(e, v.committee, edges, t) === null).toBe(v.local_check_passes_on_balanced_solution);
    expect(Math.max(0, ...[...prescores(e, v.committee, edges, t).values()].map(ratToNumber))).toBeCloseTo(
      ratToNumber(ratParse(v.max_prescore)),
      9,
    );
    const verdict = searchPjr(e, v.committee, t);
    expect(verdict.holds).toBe(v.pjr);
    expect(checkPjr(e, v.committee, edges).holds).toBe(v.pjr);
    if (v.violating_witness !== null) {
      // Ours may be another witness; it must be one.
      const c = verdict.counterexample!;
      expect(c.winners.length).toBeLessThan(c.r);
      expect(c.group.length * v.seats).toBeGreaterThanOrEqual(c.r * v.approvals.length);
      for (const i of c.group) for (const w of c.candidates) expect(v.approvals[i]).toContain(w);
    }
  });

  test('slack and the phase change of the local check (polkadot-sdk pjr.rs)', () => {
    const s = file!.pjr_unit.slack;
    for (const [t, want] of Object.entries(s.t_to_slack)) {
      const lent = s.edges.map(([, w]) => ({ weight: rat(w), support: rat(w) }));
      expect(ratToString(slack(rat(s.budget), lent, rat(Number(t))))).toBe(String(want));
    }
  });

  test.each(file?.stv ?? [])('STV for $seats seats', (v) => {
    const candidates = [...new Set(v.ballots.flatMap((b) => b[1]))];
    const r = stv(
      v.seats,
      candidates,
      v.ballots.map(([n, order]) => ({ stake: BigInt(n), ranking: order.map((c) => candidates.indexOf(c)) })),
    );
    expect(r.quota.toString()).toBe(v.quota_droop);
    expect(r.winners.map((c) => candidates[c])).toEqual(v.elected);
    expect(r.rounds.map((m) => Object.fromEntries([...m].map(([c, x]) => [candidates[c], ratToString(x)])))).toEqual(
      v.rounds,
    );
  });

  test.each([
    'phragmen',
    'phragmms',
    'top-k',
    'mes',
  ])('janction elect --rule %s answers in the documented shape', async (rule) => {
    await inTemp(async (dir) => {
      const path = join(dir, 'e.json');
      writeFileSync(path, JSON.stringify(file!.vectors[0]));
      const a = await janctionInside(['elect', '--rule', rule, '--election', path, '--json']);
      expect(a.err).toBe('');
      const json = JSON.parse(a.out) as Record<string, unknown>;
      expect(Object.keys(json)).toEqual(['rule', 'winners', 'supports', 'pjr', 'ejr', 'arithmetic']);
      expect(json['winners']).toEqual(['3', '2']);
      expect(json['pjr']).toEqual({ holds: true, counterexample: null });
    });
  });
});

describe.skipIf(attacks === null)('attacks', () => {
  test('concentration: [40,30,20,10] and its neighbours', () => {
    const a = [40n, 30n, 20n, 10n];
    expect(gini(a)).toBeCloseTo(0.25, 12);
    expect(hhi(a)).toBeCloseTo(0.3, 12);
    expect([nakamoto(a, 1n, 3n), nakamoto(a, 1n, 2n), nakamoto(a, 2n, 3n)]).toEqual([1, 2, 2]);
    const b = [50n, 10n, 10n, 10n, 10n, 10n];
    expect(hhi(b)).toBeCloseTo(0.3, 12);
    expect(gini(b)).toBeCloseTo(1 / 3, 12);
  });

  test('committees drawn by stake', () => {
    for (const v of attacks!.committee_sampling.with_replacement_by_stake) {
      const p = binomialCapture(v.committee, v.adversary_share, v.threshold);
      expect(Math.abs(p / v.P_capture - 1)).toBeLessThan(1e-9);
      for (const [tries, want] of Object.entries(v.P_with_grinding)) {
        // The file computed 1 - (1 - P)^g in doubles: absolute agreement is what it can promise.
        expect(Math.abs(grinding(p, Number(tries)) - want)).toBeLessThan(1e-9);
      }
    }
    for (const v of attacks!.committee_sampling.without_replacement)
      expect(Math.abs(hypergeometricCapture(v.pool, v.bad, v.committee, v.threshold) / v.P - 1)).toBeLessThan(1e-8);
  });

  test('stake that captures: proportional rules pay per seat, top-k pays once', () => {
    for (const j of [1, 2, 3, 4]) {
      // k = 4: shares of 20, 40, 60 and 80 %, so against 100 honest units a > 100 j / (5 - j).
      expect(captureStake({ rule: 'proportional', honest: 100n }, j, 4)).toBe((100n * BigInt(j)) / BigInt(5 - j) + 1n);
      expect(captureStake({ rule: 'top-k', honest: 100n }, j, 4)).toBe(101n);
    }
    expect(captureStake({ rule: 'one-vote', honestCandidates: [40n, 30n, 20n, 10n] }, 2, 4)).toBe(42n);
  });

  test('the better solution, with a threshold', () => {
    const score = (x: number) => electionScore([rat(x)]);
    const one = rat(1, 100);
    expect([1009, 1010, 1011].map((x) => strictlyBetter(score(x), score(1000), one))).toEqual([false, false, true]);
  });
});
