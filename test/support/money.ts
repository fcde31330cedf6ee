import type { RunJson } from '../../sim/summary.ts';

/** The identity of a run's money, in each currency: what was charged and added is what was paid out. Null when it holds. */
export function moneyFault(r: Pick<RunJson, 'money' | 'moneyJct'>): string | null {
  for (const m of [r.money, r.moneyJct]) {
    const parties = [m.providers, m.stakers, m.aggregators, m.verifiers, m.treasury, m.dust];
    const out = parties.reduce((sum, x) => sum + BigInt(x), 0n);
    if (BigInt(m.charged) + BigInt(m.memo.subsidy) !== out)
      return `${m.unit}: charged ${m.charged} and subsidy ${m.memo.subsidy} are not ${out} paid out`;
  }
  return null;
}
