/** Who gets what part of a charge, in words: by `billing.shares`, or by the awards where a pool buys its supply in an auction. */
import type { MarketConfig } from '../../core/types.ts';

const PAID_FROM = {
  gross: 'of each supplier’s pay',
  surplus: 'of what each supplier is paid beyond its ask',
  residual: 'of what is left of the charges',
  'leave-one-out': 'of what would be left without the suppliers they back',
} as const;

/** One line per rule that is in force, with the pools it is in force for when there are several rules. */
export function divisionOf(m: Pick<MarketConfig, 'pools' | 'shares' | 'staking'>): string[] {
  const rules = new Map<string, string[]>();
  const { providerBps, stakerBps, aggregatorBps, verifierBps, treasuryBps } = m.shares;
  for (const pool of m.pools) {
    let rule = `providers ${providerBps / 100} %, stakers ${stakerBps / 100} %, aggregator ${aggregatorBps / 100} %, verifiers ${verifierBps / 100} %, treasury ${treasuryBps / 100} %`;
    if (pool.supply !== undefined) {
      const { feeBps, pay } = pool.supply;
      const pot = m.staking?.pot;
      const stakers = pot === undefined ? '' : `, stakers ${pot.shareBps / 100} % ${PAID_FROM[pot.base]}`;
      const fee = feeBps === 0 ? '' : ` less a fee of ${feeBps / 100} %`;
      const of = pay === 'use' ? 'metered use' : 'GPUs that are up';
      rule = `by the awards of the supply auction: suppliers get their pay for ${of}${fee}${stakers}, the treasury the rest of the charges; billing.shares does not apply, and aggregators and verifiers get nothing`;
    }
    rules.set(rule, [...(rules.get(rule) ?? []), pool.id]);
  }
  return [...rules].map(([rule, pools]) => (rules.size === 1 ? rule : `${pools.join(', ')}: ${rule}`));
}
