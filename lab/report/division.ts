/** Who gets what part of a charge, in words: by `billing.shares`, or by the awards where a pool buys its supply in an auction. */
import type { FeeBase, MarketConfig, SupplyRules } from '../../core/types.ts';

const PAID_FROM = {
  gross: 'of each supplier’s pay',
  surplus: 'of what each supplier is paid beyond its ask',
  residual: 'of what is left of the charges',
  'leave-one-out': 'of what would be left without the suppliers they back',
} as const;

const FEE_OF: Record<FeeBase, string> = {
  gross: 'of it as a fee',
  'gross-up': 'of it as a fee, by which asks were raised before clearing',
  surplus: 'of what it has beyond their asks as a fee',
  'leave-one-out': 'of a charge by the market without them as a fee',
  price: 'of what users pay as a fee',
  residual: '',
};

type Rules = Pick<MarketConfig, 'pools' | 'shares' | 'stakes' | 'nodes' | 'staking'>;

/** One line per rule that is in force, with the pools it is in force for when there are several rules. */
export function divisionOf(m: Rules): string[] {
  const rules = new Map<string, string[]>();
  for (const pool of m.pools) {
    const rule = pool.supply === undefined ? byShares(m) : byAwards(m, pool.supply);
    rules.set(rule, [...(rules.get(rule) ?? []), pool.id]);
  }
  return [...rules].map(([rule, pools]) => (rules.size === 1 ? rule : `${pools.join(', ')}: ${rule}`));
}

function byShares({ shares, stakes, nodes, staking }: Rules): string {
  const { providerBps, stakerBps, aggregatorBps, verifierBps, treasuryBps } = shares;
  const staked = new Set(stakes.map((s) => s.provider));
  const unstaked = staking === undefined && stakerBps > 0 && nodes.some((n) => !staked.has(n.provider));
  const but = unstaked ? ' (and the stakers’ part of providers that nobody has staked on)' : '';
  return `providers ${providerBps / 100} %, stakers ${stakerBps / 100} %, aggregator ${aggregatorBps / 100} %, verifiers ${verifierBps / 100} %, treasury ${treasuryBps / 100} %${but}`;
}

function byAwards({ staking }: Rules, { pay, feeBps, feeBase = 'gross' }: SupplyRules): string {
  const fee = feeBase === 'residual' || feeBps === 0 ? '' : ` less ${feeBps / 100} % ${FEE_OF[feeBase]}`;
  const pot = staking?.pot;
  const stakers = pot === undefined ? '' : `, stakers ${pot.shareBps / 100} % ${PAID_FROM[pot.base]}`;
  const shared = feeBase === 'residual' && feeBps < 10_000;
  const rest = shared
    ? `of the rest of the charges the treasury has ${feeBps / 100} % and the aggregator ${(10_000 - feeBps) / 100} %`
    : 'the treasury the rest of the charges';
  const none = shared ? 'verifiers get' : 'aggregators and verifiers get';
  return `by the awards of the supply auction: suppliers get their pay for ${pay === 'use' ? 'metered use' : 'GPUs that are up'}${fee}${stakers}, ${rest}; billing.shares does not apply, and ${none} nothing`;
}
