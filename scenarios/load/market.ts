/** Rules of a scenario's market: pools with their mechanisms, shares, stakes, graces. */
import type { MarketConfig, MechanismRef, PoolSpec, ResourceStake } from '../../core/types.ts';
import { supplyAuctionNames } from '../../mechanisms/names.ts';
import { quoted } from '../input-error.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import { resolveContract } from './contract.ts';
import type { Path } from './document.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';
import { placementOf, queueingOf } from './scheduling.ts';
import { buysSupply, mayBuySupply } from './supply.ts';

/** What the books are kept in: index 0 pays by default, index 1 is the token. */
export const CURRENCIES = [
  { code: 'USD', scale: 6 },
  { code: 'JCT', scale: 6 },
];

export function resolvePools(s: ParsedScenario, fleet: Fleet, report: Report): PoolSpec[] {
  fleet.poolNames.findKeys(s.scheduling.pools, ['scheduling', 'pools']);
  fleet.poolNames.findKeys(s.pricing.pools, ['pricing', 'pools']);
  checkRates(s, fleet, report);
  if (s.pricing.supply !== undefined) {
    if (!mayBuySupply(s.pricing.mechanism))
      report(
        ['pricing', 'supply'],
        `${s.pricing.mechanism} buys no supply; take pricing.supply out (--set pricing.supply=) or write mechanism: ${supplyAuctionNames.join(' or ')}`,
      );
    if (s.pricing.supply.subsidy !== undefined && s.pricing.supply.subsidy.currency !== 0)
      report(['pricing', 'supply', 'subsidy'], 'not in USD; supply is paid in USD');
    fleet.classNames.findKeys(s.pricing.supply.reserve, ['pricing', 'supply', 'reserve']);
    checkFee(s, s.pricing.supply, report);
  }
  const { stealing } = s.scheduling;
  if (stealing !== undefined) {
    if (stealing.every < 1) report(['scheduling', 'stealing', 'every'], 'no time at all; write a duration above zero');
    if (s.fleet.pools.length < 2)
      report(['scheduling', 'stealing'], 'there is one pool only; add another under fleet.pools');
    if (buysSupply(s))
      report(
        ['scheduling', 'stealing'],
        'a job keeps the price of the pool it came to, which the taker’s auction does not know; use posted or surge prices',
      );
  }
  return s.fleet.pools.map((p) => {
    const own = s.scheduling.pools[p.name];
    return {
      id: p.name,
      aggregator: p.aggregator ?? p.name,
      queueing: queueingOf(own?.queueing ?? s.scheduling.queueing, at(own?.queueing, p.name, 'queueing'), report),
      placement: placementOf(
        own?.placement ?? s.scheduling.placement,
        s,
        fleet,
        at(own?.placement, p.name, 'placement'),
        report,
      ),
      pricing: pricingOf(s, p.name),
      ...(stealing === undefined ? {} : { stealing: { everyUs: stealing.every, batch: stealing.batch } }),
      ...supplyOf(s),
    };
  });
}

/** Where a pool's policy is written: with the pool, or for all of them. */
const at = (own: unknown, pool: string, family: string): Path =>
  own === undefined ? ['scheduling', family] : ['scheduling', 'pools', pool, family];

function pricingOf(s: ParsedScenario, pool: string): MechanismRef {
  const own = s.pricing.pools[pool];
  const rates: Record<string, number> = {};
  for (const [name, rate] of Object.entries({ ...s.pricing.rates, ...own?.rates })) if (rate >= 0) rates[name] = rate;
  const a = own?.adjust ?? s.pricing.adjust;
  const adjust = a && { targetBps: a.target, gainBps: a.gain, floorBps: a.floor, capBps: a.cap };
  const reserve = s.pricing.supply?.reserve ?? {};
  return {
    name: s.pricing.mechanism,
    params: {
      ...s.pricing.params,
      rates,
      ...(adjust === undefined ? {} : { adjust }),
      ...(Object.keys(reserve).length === 0 ? {} : { reserve }),
    },
  };
}

function checkFee(s: ParsedScenario, supply: NonNullable<ParsedScenario['pricing']['supply']>, report: Report): void {
  const path = ['pricing', 'supply', 'feeBase'];
  const { feeBase, fee, pay, reserve } = supply;
  if (feeBase === 'gross-up' && fee === 10_000)
    report(['pricing', 'supply', 'fee'], 'all of what is paid, so that no ask could be raised by it; write less');
  if ((feeBase === 'surplus' || feeBase === 'leave-one-out') && pay !== 'use')
    report(path, `${feeBase} is reckoned on what use earns; write "pay: use" under pricing.supply`);
  const solved = s.pricing.mechanism === 'pvcg' && Object.keys(reserve).length === 0 && s.pricing.adjust === undefined;
  if (feeBase === 'leave-one-out' && !solved)
    report(
      path,
      'leave-one-out needs markets that can be cleared again without each supplier; use pvcg, fixed rates and no reserve',
    );
}

function supplyOf(s: ParsedScenario): Pick<PoolSpec, 'supply'> {
  if (!buysSupply(s)) return {};
  const { pay = 'use', subsidy, feeBase = 'gross' } = s.pricing.supply ?? {};
  const feeBps = s.pricing.supply?.fee ?? (feeBase === 'residual' ? 10_000 : 0);
  return {
    supply: { pay, subsidy: subsidy?.micro ?? '0', feeBps, ...(feeBase === 'gross' ? {} : { feeBase }) },
  };
}

/** Every rate is for a known class, and every class has a rate in every pool that holds machines of it. */
function checkRates(s: ParsedScenario, fleet: Fleet, report: Report): void {
  if (s.pricing.epoch < 1) report(['pricing', 'epoch'], 'no length; write a duration above zero');
  const known = [
    fleet.classNames.findKeys(s.pricing.rates, ['pricing', 'rates']),
    ...Object.entries(s.pricing.pools).map(([pool, own]) =>
      fleet.classNames.findKeys(own.rates ?? {}, ['pricing', 'pools', pool, 'rates']),
    ),
  ];
  // A class without a rate is then most likely the misspelt one.
  if (known.includes(false)) return;
  const lacking = new Set<string>();
  for (const n of fleet.nodes) {
    const name = fleet.classes[n.gpuClass]!.name;
    const own = s.pricing.pools[s.fleet.pools[n.pool]!.name]?.rates;
    if (!Object.hasOwn(s.pricing.rates, name) && !Object.hasOwn(own ?? {}, name)) lacking.add(name);
  }
  for (const name of lacking)
    report(
      ['pricing', 'rates'],
      `no rate for GPU class ${quoted(name)}; add one such as "${name}: 0.35 USD/hour", or "${name}: none"`,
    );
}

export function resolveBilling(
  s: ParsedScenario,
  report: Report,
): Pick<MarketConfig, 'shares' | 'graces' | 'tokenPriceMicro' | 'contract'> {
  const b = s.billing;
  const shares = {
    providerBps: b.shares.provider,
    stakerBps: b.shares.staker,
    aggregatorBps: b.shares.aggregator,
    verifierBps: b.shares.verifier,
    treasuryBps: b.shares.treasury,
  };
  const sum = Object.values(shares).reduce((n, v) => n + v, 0);
  if (sum !== 10_000) report(['billing', 'shares'], `sum to ${sum / 100} %, not 100 %; change one of them`);
  const graces = {
    startWindowUs: b.graces.startWindow,
    startAllowanceUs: b.graces.startAllowance,
    poolUs: b.graces.pool,
    holdUs: b.graces.hold,
    quoteUs: b.graces.quote,
  };
  for (const [key, us] of Object.entries(b.graces))
    if (us < 1) report(['billing', 'graces', key], 'no time at all; write at least "1 us"');
  if (b.tokenPrice !== undefined && b.tokenPrice < 1)
    report(['billing', 'tokenPrice'], 'a token that costs nothing; write a price above zero');
  if (s.fleet.processes.start > b.graces.startAllowance)
    report(
      ['fleet', 'processes', 'start'],
      'longer than billing.graces.startAllowance, so no process could start in time; shorten it',
    );
  const contract = resolveContract(s, report);
  return { shares, graces, tokenPriceMicro: b.tokenPrice ?? 0, ...(contract === null ? {} : { contract }) };
}

/** A staker under as many names, its tokens divided as evenly as whole units allow. */
function identities(staker: string, amount: bigint, count: number): [string, bigint][] {
  if (count === 1) return [[staker, amount]];
  const part = amount / BigInt(count);
  const over = Number(amount % BigInt(count));
  return Array.from({ length: count }, (_, k) => [`${staker}~${k + 1}`, k < over ? part + 1n : part]);
}

export function resolveStakes(s: ParsedScenario, fleet: Fleet, report: Report): ResourceStake[] {
  const known = new Set([...fleet.providers.values()].flat());
  const stakes = s.stake.resources.flatMap((r, i) => {
    const path = ['stake', 'resources', i];
    if ((r.provider === undefined) === (r.group === undefined)) {
      report(path, 'wants either "provider" or "group"; write one of them');
      return [];
    }
    if (r.amount === '0') report([...path, 'amount'], 'a stake of nothing; write an amount above zero');
    if ((r.staker === undefined) === (r.pledge !== true))
      report(path, 'wants either a staker or "pledge: true" (each provider on itself); write one of them');
    const backed = r.group === undefined ? [r.provider!] : fleet.providers.get(r.group);
    if (backed === undefined)
      report(
        [...path, 'group'],
        `unknown group ${quoted(r.group!)}; ${advice(r.group!, [...fleet.providers.keys()], 'have')}`,
      );
    else if (r.provider !== undefined && !known.has(r.provider))
      report(
        [...path, 'provider'],
        `unknown provider ${quoted(r.provider)}; ${advice(r.provider, [...known], 'have')}`,
      );
    return (backed ?? []).flatMap((provider) =>
      identities(r.staker ?? provider, BigInt(r.amount), r.identities).map(([staker, amount]) => ({
        staker,
        provider,
        amount: String(amount),
        ...(r.lock === undefined ? {} : { lockedUntilUs: r.lock }),
      })),
    );
  });
  return stakes;
}
