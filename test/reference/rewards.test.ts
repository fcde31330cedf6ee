/** Published vectors of reward distribution, and the answers of `janction rewards`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { largestRemainder, rat, ratParse } from '../../core/num/index.ts';
import {
  Accumulator,
  Compounding,
  decParse,
  decText,
  F1,
  FACTOR_ONE,
  maxPool,
  sharesBy,
  splitPool,
  sybilShare,
  type WeightRule,
} from '../../mechanisms/rewards/index.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { absent, vectors } from '../support/vectors.ts';

type Op = ['delegate', string, number] | ['alloc', number] | ['slash', string] | ['withdraw', string];
interface File {
  f1: {
    vectors: {
      name: string;
      ops: Op[];
      commission: string;
      delegator_rewards?: Record<string, string>;
      commission_accum?: string;
      tokens_after?: number;
      paid?: Record<string, number>;
      pool_dec?: string;
      outstanding_dec?: string;
    }[];
  };
  masterchef: {
    precision: number;
    reward_per_block: number;
    trace: { block: number; user: string; delta: number; paid_so_far: Record<string, number>; minted: number }[];
    final: Record<string, number>;
    dust: number;
  };
  largest_remainder: { vectors: { total: number; weights: number[]; shares: number[] }[] };
  cardano: {
    vectors: { k: number; a0: string; R: number; sigma: string; pledge: string; maxPool: number }[];
    split: {
      pool_reward: number;
      cost: number;
      margin: string;
      sigma: string;
      owner_stake: string;
      members: string[];
      leader: number;
      member_rewards: number[];
      dust: number;
    };
  };
  livepeer_lip36: {
    start: { totalStake: number; delegator: number };
    rounds: { reward: number; fee: number; cumRewardFactor: string; cumFeeFactor: string; totalStake: number }[];
    delegator_stake_end: number;
    delegator_fees_end: number;
  };
  sybil: {
    vectors: { alpha?: number; rule?: string; s: number; rest: number[]; share_by_m: Record<string, number> }[];
  };
}

const file = vectors<File>('rewards.json');
test.skipIf(file !== null)(absent, () => {});

function play(ops: readonly Op[], commission: string): F1 {
  const f = new F1(decParse(commission));
  for (const o of ops) {
    if (o[0] === 'delegate') f.delegate(o[1], BigInt(o[2]));
    else if (o[0] === 'alloc') f.allocate(BigInt(o[1]));
    else if (o[0] === 'slash') f.slash(decParse(o[1]));
    else f.withdraw(o[1]);
    expect(f.fault()).toBeNull();
  }
  return f;
}

describe.skipIf(file === null)('published rewards', () => {
  test.each(file?.f1.vectors ?? [])('F1 $name', async (v) => {
    const f = play(v.ops, v.commission);
    for (const [who, want] of Object.entries(v.delegator_rewards ?? {})) expect(f.pending(who)).toBe(decParse(want));
    if (v.commission_accum !== undefined) expect(f.commission).toBe(decParse(v.commission_accum));
    if (v.tokens_after !== undefined) expect(f.tokens).toBe(BigInt(v.tokens_after));
    for (const [who, want] of Object.entries(v.paid ?? {})) expect(f.paid(who)).toBe(BigInt(want));
    if (v.pool_dec !== undefined) expect(f.pool.toString()).toBe(v.pool_dec);
    if (v.outstanding_dec !== undefined) expect(f.outstanding.toString()).toBe(v.outstanding_dec);
    await inTemp(async (dir) => {
      const path = join(dir, 'f1.json');
      writeFileSync(path, JSON.stringify({ commission: v.commission, ops: v.ops }));
      const a = await janctionInside(['rewards', '--rule', 'f1', '--input', path, '--json']);
      expect(a.err).toBe('');
      const json = JSON.parse(a.out) as { rewards: Record<string, string>; commission: string };
      for (const [who, want] of Object.entries(v.delegator_rewards ?? {}))
        expect(Number(json.rewards[who])).toBe(Number(want));
      if (v.commission_accum !== undefined) expect(json.commission).toBe(v.commission_accum);
    });
  });

  test('F1 counts references as Cosmos does: 2, then 3, and 3 after a slash of two', () => {
    const f = new F1(0n);
    const references = () => f.snapshot().historical.reduce((n, [, h]) => n + h.references, 0);
    f.delegate('a', 100n);
    expect(references()).toBe(2);
    f.delegate('b', 100n);
    expect(references()).toBe(3);
  });

  test('MasterChef’s published trace', () => {
    const v = file!.masterchef;
    const acc = new Accumulator(BigInt(v.precision));
    let block = v.trace[0]!.block;
    let minted = 0;
    for (const t of v.trace) {
      const reward = (t.block - block) * v.reward_per_block;
      if (reward > 0) acc.reward(BigInt(reward));
      minted += reward;
      block = t.block;
      acc.change(t.user, BigInt(t.delta));
      for (const [who, want] of Object.entries(t.paid_so_far)) expect(acc.paid(who)).toBe(BigInt(want));
      expect(minted).toBe(t.minted);
    }
    const paid = Object.entries(v.final).map(([who, want]) => {
      expect(acc.paid(who)).toBe(BigInt(want));
      return want;
    });
    expect(minted - paid.reduce((a, b) => a + b, 0)).toBe(v.dust);
  });

  test.each(file?.largest_remainder.vectors ?? [])('largest remainder of $total', (v) => {
    expect(largestRemainder(BigInt(v.total), v.weights).map(Number)).toEqual(v.shares);
  });

  test('the Alabama paradox: one more to share, one less for somebody', () => {
    expect(largestRemainder(11n, [6, 6, 2]).map(Number)).toEqual([5, 5, 1]);
  });

  test('Cardano’s pool rewards and their division', () => {
    for (const v of file!.cardano.vectors)
      expect(maxPool({ k: BigInt(v.k), a0: ratParse(v.a0) }, BigInt(v.R), ratParse(v.sigma), ratParse(v.pledge))).toBe(
        BigInt(v.maxPool),
      );
    const s = file!.cardano.split;
    const got = splitPool(
      BigInt(s.pool_reward),
      BigInt(s.cost),
      ratParse(s.margin),
      ratParse(s.sigma),
      ratParse(s.owner_stake),
      s.members.map(ratParse),
    );
    expect({ leader: Number(got.leader), members: got.members.map(Number), dust: Number(got.dust) }).toEqual({
      leader: s.leader,
      members: s.member_rewards,
      dust: s.dust,
    });
  });

  test('Livepeer’s compounding factors', () => {
    const v = file!.livepeer_lip36;
    const c = new Compounding(BigInt(v.start.totalStake));
    const since = c.factors;
    expect(since).toEqual({ reward: FACTOR_ONE, fee: 0n });
    for (const r of v.rounds) {
      c.round(BigInt(r.reward), BigInt(r.fee));
      expect(c.factors).toEqual({ reward: BigInt(r.cumRewardFactor), fee: BigInt(r.cumFeeFactor) });
      expect(c.totalStake).toBe(BigInt(r.totalStake));
    }
    expect(c.stakeOf(BigInt(v.start.delegator), since)).toBe(BigInt(v.delegator_stake_end));
    expect(c.feesOf(BigInt(v.start.delegator), since)).toBe(BigInt(v.delegator_fees_end));
  });

  test('what splitting into identities gains under each weight rule', () => {
    const names: Record<string, WeightRule> = {
      '0.5': { rule: 'sqrt' },
      '1': { rule: 'linear' },
      '2': { rule: 'square' },
      cap: { rule: 'capped', cap: 20n },
    };
    let compared = 0;
    for (const v of file!.sybil.vectors) {
      const rule = names[v.rule === undefined ? String(v.alpha) : 'cap'];
      if (rule === undefined) continue;
      for (const [m, want] of Object.entries(v.share_by_m)) {
        // In units of 1e-6 token, so that forty tokens divide by sixteen; the cap scales along.
        const unit = 1_000_000n;
        const scaled: WeightRule = rule.rule === 'capped' ? { rule: 'capped', cap: rule.cap * unit } : rule;
        const [num, den] = sybilShare(
          scaled,
          BigInt(v.s) * unit,
          BigInt(m),
          v.rest.map((r) => BigInt(r) * unit),
        );
        expect(Number((num * 1_000_000_000_000n) / den) / 1e12).toBeCloseTo(want, 10);
        compared++;
      }
    }
    expect(compared).toBeGreaterThanOrEqual(14);
  });

  test('shares by weight are whole and add up', () => {
    expect(sharesBy({ rule: 'sqrt' }, 1000n, [40n, 10n, 20n, 30n])).toEqual([325n, 163n, 230n, 282n]);
    expect(sharesBy({ rule: 'lock-weighted', maxLock: 365n }, 100n, [40n, 40n], [365n, 73n])).toEqual([83n, 17n]);
    expect(() => sharesBy({ rule: 'linear' }, 1n, [0n])).toThrow();
    expect(decText(rat(5).num * 10n ** 17n)).toBe('0.5');
  });
});
