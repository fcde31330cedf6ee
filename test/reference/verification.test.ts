/** Published vectors of proof of contribution, slashing and the inspection game. */
import { describe, expect, test } from 'vitest';
import { rat, ratParse, ratToNumber, ratToString } from '../../core/num/index.ts';
import { equivocation, slashable, unresponsive } from '../../mechanisms/slashing/index.ts';
import {
  challengeMatrix,
  cheatForever,
  cheatsBeforeCaught,
  cheatValue,
  expectedReplicated,
  freivalds,
  honestForever,
  inspectionEquilibrium,
  jackpotShare,
  multiplyMod,
  nextConsecutive,
  Poco,
  passesFloatRound,
  passesRound,
  pocoPayWeight,
  pocoScore,
  quorumCaptured,
  roundsFor,
  sampleFor,
  singleCopyChance,
  spotCheck,
  spotCheckReplaced,
  stakeNeeded,
  verifierGain,
  weightedMedian,
  yumaEpoch,
} from '../../mechanisms/verification/index.ts';
import { absent, vectors } from '../support/vectors.ts';

type Num = number | string;
interface File {
  freivalds: {
    vectors: ({ 'D=C-AB': number[][]; desc: string; P_accept_one_round_r_in_01: string } & Record<string, unknown>)[];
    A: number[][];
    B: number[][];
    AB: number[][];
  };
  spot_check: {
    vectors: {
      N: number;
      bad: number;
      sample: number;
      exact: string | null;
      P_detect_without_replacement: number;
      P_detect_with_replacement: number;
    }[];
    sample_for_99pct_at_f: Record<string, number>;
  };
  inspection_game: {
    vectors: {
      g: Num;
      penalty: Num;
      audit_cost: Num;
      loss_undetected: Num;
      bounty: Num;
      audit_prob_eq: string;
      cheat_prob_eq: string;
      provider_value: number;
      inspector_value: string;
    }[];
  };
  repeated_audit: {
    vectors: {
      p: string;
      g: Num;
      P: Num;
      honest_income: Num;
      discount: string;
      V_cheat_until_caught_then_banned: string;
      V_honest: string;
    }[];
  };
  truebit: {
    sybil_total_multiplier: Record<string, number>;
    vectors: {
      forced_error_rate: number;
      jackpot: number;
      verifiers: number;
      verify_cost: number;
      EV_verify: number;
    }[];
  };
  boinc: {
    quorum: { f: string; quorum: number; n: number; P_q_or_more_colluding_wrong: string }[];
    adaptive: { consecutive_valid: number; P_unreplicated: number }[];
    expected_replicated_jobs: Record<string, number>;
  };
  iexec_poco: {
    vectors: {
      trust: number;
      trace: { score: number; result: string; weight: number; group: number; total: number; consensus: boolean }[];
    }[];
  };
  yuma_weighted_median: { kappa: number; vectors: { stake: number[]; score: number[]; expected: number }[] };
  yuma: {
    vectors: {
      name: string;
      stake?: number[];
      weights: number[][];
      kappa?: number;
      recomputed: Record<string, number[]>;
      expected?: Record<string, number[]>;
    }[];
  };
}
interface Slashing {
  slashing: {
    polkadot_equivocation: Record<string, number>[];
    polkadot_unresponsive: { [k: string]: { n: number; x: number; slash: number }[] }[];
  };
}
const file = vectors<File>('verification.json');
const attacks = vectors<Slashing>('attacks.json');
const q = (v: Num) => ratParse(String(v));
test.skipIf(file !== null)(absent, () => {});

describe.skipIf(file === null)('published verification vectors', () => {
  test.each(file?.freivalds.vectors ?? [])('Freivalds: $desc', (v) => {
    const d = v['D=C-AB'];
    const n = d.length;
    for (const field of [2, 7, 101]) {
      const want = field === 2 ? v.P_accept_one_round_r_in_01 : (v[`P_accept_F_${field}`] as string | undefined);
      if (want === undefined || field ** n > 20_000) continue;
      // Enumerate every vector; over {0,1} the arithmetic is that of the integers, so a large prime stands for it.
      const modulus = field === 2 ? 4093 : field;
      const zero = new Int32Array(n * n);
      const c = Int32Array.from(d.flat(), (x) => ((x % modulus) + modulus) % modulus);
      let passed = 0;
      const total = field ** n;
      for (let code = 0; code < total; code++) {
        const r = Array.from({ length: n }, (_, j) => Math.floor(code / field ** j) % field);
        if (passesRound(zero, zero, c, r, n, modulus)) passed++;
      }
      expect(ratToString(rat(BigInt(passed), BigInt(total)))).toBe(want);
    }
  });

  test('the published product, and a challenge from end to end', () => {
    const f = file!.freivalds;
    const flat = (m: number[][]) => Int32Array.from(m.flat());
    expect(multiplyMod(flat(f.A), flat(f.B), 2)).toEqual(flat(f.AB));
    const n = 24;
    const a = challengeMatrix([1, 2], 9, 'A', n);
    const b = challengeMatrix([1, 2], 9, 'B', n);
    const c = multiplyMod(a, b, n);
    expect(freivalds([3, 4], 9, a, b, c, n, roundsFor(40))).toBe(true);
    expect(roundsFor(40)).toBe(4);
    for (const at of [0, 17, n * n - 1]) {
      const wrong = c.slice();
      wrong[at] = (wrong[at]! + 1) % 4093;
      expect(freivalds([3, 4], 9, a, b, wrong, n, roundsFor(40))).toBe(false);
    }
    expect(freivalds([3, 4], 9, a, b, c.subarray(1), n, 1)).toBe(false);
  });

  test('a product in single precision passes, one with a visible error does not', () => {
    const n = 32;
    const a = Float32Array.from(challengeMatrix([5, 5], 1, 'A', n), (x) => x / 4093 - 0.5);
    const b = Float32Array.from(challengeMatrix([5, 5], 1, 'B', n), (x) => x / 4093 - 0.5);
    const c = new Float32Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = n - 1; k >= 0; k--) sum = Math.fround(sum + Math.fround(a[i * n + k]! * b[k * n + j]!));
        c[i * n + j] = sum;
      }
    const r = Array.from({ length: n }, (_, j) => (j % 3 === 0 ? -1 : 1));
    expect(passesFloatRound(a, b, c, r, n)).toBe(true);
    c[5] = c[5]! + 0.01;
    expect(passesFloatRound(a, b, c, r, n)).toBe(false);
    c[5] = Number.NaN;
    expect(passesFloatRound(a, b, c, r, n)).toBe(false);
  });

  test('spot checks', () => {
    for (const v of file!.spot_check.vectors) {
      const p = spotCheck(v.N, v.bad, v.sample);
      if (v.exact !== null) expect(ratToString(p)).toBe(v.exact);
      expect(ratToNumber(p)).toBeCloseTo(v.P_detect_without_replacement, 12);
      expect(spotCheckReplaced(v.bad / v.N, v.sample)).toBeCloseTo(v.P_detect_with_replacement, 12);
    }
    for (const [f, want] of Object.entries(file!.spot_check.sample_for_99pct_at_f))
      expect(sampleFor(Number(f), 0.99)).toBe(want);
  });

  test('the inspection game and the repeated audit', () => {
    for (const v of file!.inspection_game.vectors) {
      const game = {
        gain: q(v.g),
        penalty: q(v.penalty),
        auditCost: q(v.audit_cost),
        loss: q(v.loss_undetected),
        bounty: q(v.bounty),
      };
      const e = inspectionEquilibrium(game);
      expect(ratToString(e.auditRate)).toBe(v.audit_prob_eq);
      expect(ratToString(e.cheatRate)).toBe(v.cheat_prob_eq);
      expect(ratToNumber(e.providerValue)).toBe(v.provider_value);
      expect(ratToString(e.inspectorValue)).toBe(v.inspector_value);
      expect(ratToString(cheatValue(game, e.auditRate))).toBe('0');
      expect(ratToString(stakeNeeded(game.gain, e.auditRate))).toBe(ratToString(game.penalty));
    }
    for (const v of file!.repeated_audit.vectors) {
      expect(ratToString(cheatForever(q(v.honest_income), q(v.g), q(v.P), q(v.p), q(v.discount)))).toBe(
        v.V_cheat_until_caught_then_banned,
      );
      const honest = honestForever(q(v.honest_income), q(v.discount));
      expect(honest === null ? 'inf' : ratToString(honest)).toBe(v.V_honest);
    }
    expect(ratToString(cheatsBeforeCaught(q('1/20')))).toBe('19');
  });

  test('the verifier’s dilemma', () => {
    for (const v of file!.truebit.vectors)
      expect(
        ratToNumber(verifierGain(q(v.forced_error_rate), q(v.jackpot), v.verifiers, q(v.verify_cost))),
      ).toBeCloseTo(v.EV_verify, 12);
    for (const [m, want] of Object.entries(file!.truebit.sybil_total_multiplier))
      expect(Number(m) * ratToNumber(jackpotShare(rat(1), Number(m)))).toBeCloseTo(want, 12);
  });

  test('replication: quorum, adaptive, expected', () => {
    for (const v of file!.boinc.quorum)
      expect(ratToString(quorumCaptured(q(v.f), v.quorum, v.n))).toBe(v.P_q_or_more_colluding_wrong);
    for (const v of file!.boinc.adaptive)
      expect(singleCopyChance(v.consecutive_valid)).toBeCloseTo(v.P_unreplicated, 12);
    for (const [n, want] of Object.entries(file!.boinc.expected_replicated_jobs))
      expect(expectedReplicated(Number(n))).toBeCloseTo(want, 8);
    expect([
      nextConsecutive(12, false, true),
      nextConsecutive(12, true, true),
      nextConsecutive(12, true, false),
    ]).toEqual([12, 13, 0]);
  });

  test.each(file?.iexec_poco.vectors ?? [])('PoCo at trust $trust', (v) => {
    const p = new Poco(v.trust);
    for (const t of v.trace) {
      const { score, result, ...want } = t;
      expect(p.contribute(score, result)).toEqual(want);
    }
    expect([pocoScore(30, true), pocoScore(30, false), pocoPayWeight(9), pocoPayWeight(2)]).toEqual([31, 20, 3, 1]);
  });

  test('Yuma: weighted median and epochs', () => {
    for (const v of file!.yuma_weighted_median.vectors)
      expect(weightedMedian(v.stake, v.score, file!.yuma_weighted_median.kappa)).toBe(v.expected);
    let stakes: number[] = [];
    let bonds: number[][] | null = null;
    for (const v of file!.yuma.vectors) {
      stakes = v.stake ?? stakes;
      const r = yumaEpoch(stakes, v.weights, v.kappa ?? 0.5, v.stake === undefined ? bonds : null);
      bonds = r.bonds;
      const got: Record<string, readonly number[]> = {
        consensus: r.consensus,
        incentive: r.incentive,
        dividends: r.dividends,
        vtrust: r.trust,
      };
      for (const [key, want] of Object.entries(v.recomputed))
        for (const [i, x] of want.entries()) expect(got[key]![i]).toBeCloseTo(x, 9);
      // Published figures come from 16-bit storage.
      for (const key of ['incentive', 'dividends'])
        for (const [i, x] of (v.expected?.[key] ?? []).entries())
          expect(Math.abs(got[key]![i]! - x)).toBeLessThan(2e-5);
    }
  });
});

describe.skipIf(attacks === null)('slashing', () => {
  test('Polkadot’s sizes', () => {
    for (const v of attacks!.slashing.polkadot_equivocation)
      expect(ratToNumber(equivocation(v['offenders']!, v['validators']!))).toBeCloseTo(
        v['equivocation_slash=min((3x/n)^2,1)']!,
        12,
      );
    for (const list of attacks!.slashing.polkadot_unresponsive)
      for (const v of Object.values(list)[0]!) expect(ratToNumber(unresponsive(v.x, v.n))).toBeCloseTo(v.slash, 12);
  });

  test('stake that began to unbond after the offence is still slashable', () => {
    const leaving = [
      { startedUs: 5, amount: 10n },
      { startedUs: 20, amount: 7n },
    ];
    expect(slashable(100n, leaving, 10)).toBe(107n);
    expect(slashable(100n, leaving, 5)).toBe(117n);
  });
});
