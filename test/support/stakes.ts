/** Random but reproducible stakers: a market in which two pools hold machines, two more stand for election, and everybody acts. */
import { type Fact, FactKind, type StakeAct } from '../../core/facts.ts';
import { HOUR_US, type MarketConfig, type MechanismRef, type StakeRules } from '../../core/types.ts';
import { config, generator, pool } from './market.ts';
import { type Workload, workload } from './workload.ts';

export const DAY_US = 24 * HOUR_US;

export const weights: MechanismRef[] = [
  { name: 'linear', params: {} },
  { name: 'sqrt', params: {} },
  { name: 'capped', params: { cap: '40000000' } },
  { name: 'lock-weighted', params: { maxLockUs: 10 * DAY_US } },
];

export const electionRules = ['phragmen', 'phragmms', 'mes', 'top-k'] as const;

export function stakeRules(over: Partial<StakeRules> = {}): StakeRules {
  return {
    epochUs: 6 * HOUR_US,
    unbondingUs: 12 * HOUR_US,
    minBond: '10',
    maxUnbonding: 3,
    maxNominations: 2,
    weight: weights[0]!,
    election: { rule: { name: 'phragmen', params: {} }, seats: 2, minSupport: '1' },
    slashing: { fractionBps: 1234, bountyBps: 1000, appealUs: 5 * HOUR_US, jailUs: 7 * HOUR_US, tombstoneAfter: 3 },
    stakers: [],
    commissionBps: [],
    ...over,
  };
}

export interface StakeWorkload extends Workload {
  acts: { at: number; facts: Fact[] }[];
}

/** A workload of jobs with stakers on top of it; acts are ascending, at most one list per stamp. */
export function stakeWorkload(seed: number, jobs: number): StakeWorkload {
  const r = generator(seed + 500);
  const below = (n: number) => Math.floor(r() * n);
  const w = workload(seed, jobs);
  const pools = [
    ...w.config.pools,
    ...['north', 'south'].map((id) => pool(id, { pricing: w.config.pools[0]!.pricing })),
  ];
  const ids = Array.from({ length: 6 }, (_, i) => `staker-${i}`);
  const providers = [...new Set(w.config.nodes.map((n) => n.provider))];
  const stakes = ids.flatMap((staker) =>
    providers
      .filter(() => r() < 0.4)
      .map((provider) => ({
        staker,
        provider,
        amount: String(1000 + below(90_000_000)),
        lockedUntilUs: below(20) * HOUR_US,
      })),
  );
  const stakers = ids.map((id) => {
    const bonded = below(50_000_000) + 10;
    const backed = stakes.reduce((n, k) => (k.staker === id ? n + Number(k.amount) : n), 0);
    const more = seed % 2 === 0 ? { compounds: true } : {};
    const vesting = {
      amount: String(below(9_000_000)),
      fromUs: below(9) * HOUR_US,
      untilUs: (10 + below(90)) * HOUR_US,
    };
    return {
      id,
      tokens: String(backed + bonded + below(30_000_000)),
      bonded: String(bonded),
      nominates: [below(4)],
      ...more,
      ...(seed % 3 === 2 ? { vesting } : {}),
    };
  });
  // Half of the providers stake on themselves.
  for (const provider of seed % 3 === 1 ? providers.filter((_, i) => i % 2 === 0) : []) {
    stakers.push({ id: provider, tokens: '9000000', bonded: '0', nominates: [] });
    stakes.push({ staker: provider, provider, amount: '7000000', lockedUntilUs: 0 });
  }
  const f1 = seed % 4 === 0;
  const rules = stakeRules({
    verifiers: ['watch-1', 'watch-2'],
    jackpotBps: 2500,
    qualityMilli: w.config.nodes.map((_, i) => 500 + 250 * (i % 4)),
    emission: {
      perEpoch: '1000003',
      halvingUs: 30 * HOUR_US,
      providerBps: 3000,
      verifierBps: 1000,
      stakerBps: 5000,
      lottery: seed % 4 === 1,
    },
    ...(f1 ? { payout: 'f1' } : {}),
    ...(seed % 3 === 1 ? { saturation: { pools: 3, influence: '0.3' } } : {}),
    stakers,
    commissionBps: pools.map(() => below(10_001)),
    weight: f1 ? weights[0]! : weights[seed % weights.length]!,
    election: { rule: { name: electionRules[seed % 4]!, params: {} }, seats: 2, minSupport: '1' },
  });
  const c: MarketConfig = config({ ...w.config, pools, stakes, staking: rules });
  const acts: { at: number; facts: Fact[] }[] = [];
  let seq = 0;
  let offence = 0;
  const act = (t: number): StakeAct => {
    const staker = below(15) === 0 ? 'nobody' : ids[below(ids.length)]!;
    const provider = below(3) === 0 ? '' : below(15) === 0 ? 'nowhere' : providers[below(providers.length)]!;
    const amount = below(12) === 0 ? ['0', '9999999999999999999', '-5', '1.5'][below(4)]! : String(below(20_000_000));
    switch (below(12)) {
      case 0:
      case 1:
        return { do: 'bond', staker, provider, amount, lockUs: below(3) * HOUR_US };
      case 2:
      case 3:
      case 4:
        return { do: 'unbond', staker, provider, amount };
      case 5:
        return { do: 'nominate', staker, pools: Array.from({ length: below(4) }, () => below(5)) };
      case 6:
        return below(2) === 0
          ? { do: 'commission', pool: below(5), bps: below(10_500) }
          : { do: 'aggregator', pool: below(4), up: below(3) > 0 };
      case 7:
        return {
          do: 'offence',
          offence: below(8) === 0 ? offence : ++offence,
          provider: provider === '' ? providers[0]! : provider,
          atUs: Math.max(0, t - below(16 * HOUR_US)),
          ...(below(2) === 0 ? { verifier: 'watch-1' } : {}),
        };
      case 9:
        return { do: 'claim', staker, provider };
      case 10:
      case 11:
        return {
          do: 'attest',
          verifier: ['watch-1', 'watch-2', 'nobody', providers[0]!][below(4)]!,
          provider,
          lease: below(1000),
          good: below(4) > 0,
          work: below(9) === 0 ? '-1' : String(below(1_000_000_000)),
          planted: below(4) === 0,
        };
      default:
        return { do: 'appeal', offence: Math.max(1, offence - below(3)), reversed: below(3) > 0 };
    }
  };
  for (let t = below(HOUR_US); t < 3 * DAY_US; t += 1 + below(HOUR_US)) {
    const facts: Fact[] = Array.from({ length: 1 + below(3) }, () => ({
      kind: FactKind.stake,
      seq: ++seq,
      act: act(t),
    }));
    acts.push({ at: t, facts });
  }
  return { config: c, arrivals: w.arrivals, lives: w.lives, acts };
}
