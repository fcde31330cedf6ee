/** Stake and verification of a scenario: rules for core, behaviour for the world. */
import { type EmissionRules, type MechanismRef, NEVER, type ResourceStake, type StakeRules } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { PolicySpec, StakeWorldSpec, TokenSpec, VerificationSpec } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';

export interface ResolvedStaking {
  rules: StakeRules;
  world: StakeWorldSpec;
}

/** Null when stakes stand still. */
export function resolveStaking(
  s: ParsedScenario,
  fleet: Fleet,
  stakes: readonly ResourceStake[],
  report: Report,
): ResolvedStaking | null {
  const { rules, stakers, aggregators } = s.stake;
  const v = s.verification;
  if (rules === undefined) {
    if (stakers.length > 0) report(['stake', 'stakers'], 'stakers without rules; add "rules: {}" under stake');
    if (aggregators.length > 0)
      report(['stake', 'aggregators'], 'aggregators without rules; add "rules: {}" under stake');
    if (v !== undefined) report(['verification'], 'verification without stake; add "rules: {}" under stake');
    s.stake.resources.forEach((r, i) => {
      if (r.lock !== undefined)
        report(['stake', 'resources', i, 'lock'], 'a lock without rules; add "rules: {}" under stake');
    });
    return null;
  }
  for (const key of ['epoch', 'unbonding'] as const)
    if (rules[key] < 1) report(['stake', 'rules', key], 'no time at all; write a duration above zero');
  const { cap, maxLock } = rules.weight.params as { cap?: string; maxLock?: number };
  const bound = {
    capped: ['cap', cap ?? '0', '1000 JCT'],
    'lock-weighted': ['maxLock', String(maxLock ?? 0), '365 day'],
  };
  const [key, given, example] = bound[rules.weight.name as keyof typeof bound] ?? ['', '1', ''];
  if (given === '0')
    report(
      ['stake', 'rules', 'weight'],
      `${rules.weight.name} needs a bound above zero; write { name: ${rules.weight.name}, ${key}: ${example} }`,
    );
  const seats = fleet.poolNames.all.filter((p) => fleet.nodes.some((n) => n.pool === p)).length;
  const backed = new Map<string, bigint>();
  for (const k of stakes) backed.set(k.staker, (backed.get(k.staker) ?? 0n) + BigInt(k.amount));
  const core: StakeRules['stakers'] = [];
  const voters: StakeWorldSpec['voters'] = [];
  const claims: StakeWorldSpec['claims'] = [];
  stakers.forEach((t, i) => {
    const path = ['stake', 'stakers', i];
    const nominates = fleet.poolNames.findAll(t.nominates ?? [], [...path, 'nominates'], false);
    if (nominates.length > rules.maxNominations)
      report([...path, 'nominates'], `more than stake.rules.maxNominations (${rules.maxNominations}); name fewer`);
    const pool = t.pool === undefined ? -1 : fleet.poolNames.find(t.pool, [...path, 'pool']);
    if (pool < 0 && t.pool === undefined && (t.votes === 'bribed' || t.votes === 'self-voting'))
      report(path, `a ${t.votes} staker without a pool; add "pool: NAME"`);
    if (t.exits !== undefined && t.exits.every < 1) report([...path, 'exits', 'every'], 'no time at all');
    const ids = t.count === undefined ? [t.name] : Array.from({ length: t.count }, (_, k) => `${t.name}-${k + 1}`);
    for (const id of ids) {
      if (core.some((c) => c.id === id))
        report([...path, 'name'], `a second staker ${quoted(id)}; give each its own name`);
      const tokens = BigInt(t.bonded) + BigInt(t.free) + (backed.get(id) ?? 0n);
      if (tokens > 9_223_372_036_854_775_807n) report(path, 'more tokens than a ledger can hold; lower them');
      if (BigInt(t.bonded) > 0n && BigInt(t.bonded) < BigInt(rules.minBond))
        report([...path, 'bonded'], 'below stake.rules.minBond; raise it or lower the minimum');
      const vesting =
        t.vesting === undefined
          ? {}
          : { vesting: { amount: t.vesting.amount, fromUs: t.vesting.from, untilUs: t.vesting.to } };
      const compounds = t.compounds ? { compounds: true } : {};
      core.push({ id, tokens: String(tokens), bonded: t.bonded, nominates, ...compounds, ...vesting });
      if (t.vesting !== undefined && t.vesting.to <= t.vesting.from)
        report([...path, 'vesting'], 'ends before it begins; put the two in order');
      if (t.claims !== undefined) {
        if (t.claims < 1) report([...path, 'claims'], 'no time at all');
        if (rules.payout !== 'f1') report([...path, 'claims'], 'nothing is kept; add "payout: f1" under stake.rules');
        claims.push({ staker: id, everyUs: Math.max(1, t.claims) });
      }
      const { votes: kind, choices, turnout, noise } = t;
      const exits = t.exits === undefined ? null : { everyUs: t.exits.every, shareBps: t.exits.share };
      voters.push({ staker: id, kind, pool, choices: Math.min(choices, rules.maxNominations), turnout, noise, exits });
    }
  });
  for (const [id, amount] of backed)
    if (!core.some((c) => c.id === id)) {
      // Another name of a staker behaves as it does.
      const self = stakers.find((t) => t.count === undefined && id.startsWith(`${t.name}~`));
      const compounds = self?.compounds === true ? { compounds: true } : {};
      core.push({ id, tokens: String(amount), bonded: '0', nominates: [], ...compounds });
    }
  stakes.forEach((k, i) => {
    if (BigInt(k.amount) < BigInt(rules.minBond))
      report(['stake', 'resources', Math.min(i, s.stake.resources.length - 1), 'amount'], 'below stake.rules.minBond');
  });
  const commissionBps = fleet.poolNames.all.map(() => 1000);
  const behaviour: StakeWorldSpec['aggregators'] = [];
  aggregators.forEach((a, i) => {
    const pool = fleet.poolNames.find(a.pool, ['stake', 'aggregators', i, 'pool']);
    if (pool < 0) return;
    if (behaviour.some((b) => b.pool === pool))
      report(['stake', 'aggregators', i, 'pool'], `a second entry for pool ${quoted(a.pool)}; keep one`);
    commissionBps[pool] = a.commission;
    a.outages.forEach((o, k) => {
      if (o.to <= o.from)
        report(['stake', 'aggregators', i, 'outages', k], 'ends before it begins; put the two in order');
    });
    if (a.least !== undefined && a.least > a.commission)
      report(['stake', 'aggregators', i, 'least'], 'above its commission at the start; put the two in order');
    const { seat, gpu } = a.cost;
    behaviour.push({
      pool,
      floorBps: a.least ?? a.commission,
      raisesBps: a.raises,
      outages: a.outages.map((o) => ({ fromUs: o.from, toUs: o.to })),
      ...(seat === 0 && gpu === 0 ? {} : { cost: { seatMicroPerHour: seat, gpuMicroPerGpuHour: gpu } }),
    });
  });
  if (rules.payout === 'f1' && rules.weight.name !== 'linear')
    report(
      ['stake', 'rules', 'payout'],
      `f1 pays by stake alone; write "weight: linear" instead of ${rules.weight.name}`,
    );
  checkPot(s, report);
  const verification = verificationOf(s, fleet, report);
  return {
    rules: {
      epochUs: rules.epoch,
      unbondingUs: rules.unbonding,
      minBond: rules.minBond,
      maxUnbonding: rules.maxUnbonding,
      maxNominations: rules.maxNominations,
      weight: weightOf(rules.weight),
      election: { rule: rules.election, seats, minSupport: rules.minSupport },
      slashing: {
        fractionBps: rules.slash,
        bountyBps: rules.bounty,
        appealUs: rules.appeal,
        jailUs: rules.jail,
        tombstoneAfter: rules.tombstoneAfter,
      },
      stakers: core,
      commissionBps,
      ...(fleet.lives.some((n) => n.speedMilli !== 1000) ? { qualityMilli: fleet.lives.map((n) => n.speedMilli) } : {}),
      ...(verification === null ? {} : { verifiers: verification.verifiers.map((x) => x.name) }),
      ...(rules.jackpot === 0 ? {} : { jackpotBps: rules.jackpot }),
      ...(rules.quality ? { quality: true } : {}),
      ...(rules.pot === undefined ? {} : { pot: { base: rules.pot.base, shareBps: rules.pot.share } }),
      ...(rules.payout === 'f1' ? { payout: 'f1' as const } : {}),
      ...(rules.saturation === undefined
        ? {}
        : { saturation: { pools: rules.saturation.pools, influence: decimalText(rules.saturation.influence) } }),
      ...(rules.emission === undefined ? {} : { emission: emissionOf(rules.emission, report) }),
    },
    world: { voters, aggregators: behaviour, verification, token: tokenOf(s, report), claims },
  };
}

function weightOf(m: MechanismRef): MechanismRef {
  const { maxLock } = m.params as { maxLock?: number };
  return maxLock === undefined ? m : { name: m.name, params: { maxLockUs: maxLock } };
}

/** Which auctions a pot can be filled from. */
function checkPot(s: ParsedScenario, report: Report): void {
  const { pot, quality } = s.stake.rules ?? {};
  if (quality === true && s.pricing.supply === undefined)
    report(['stake', 'rules', 'quality'], 'no supply is bought; add pricing.supply, or take it out');
  if (quality === true && pot?.base === 'leave-one-out')
    report(['stake', 'rules', 'pot'], 'leave-one-out is worked out where GPU-hours count alike; take quality out');
  if (pot === undefined) return;
  const path = ['stake', 'rules', 'pot'];
  const { mechanism, supply } = s.pricing;
  if (supply === undefined) return report(path, 'no supply is bought; add pricing.supply, or take the pot out');
  if (pot.base === 'surplus' && supply.pay !== 'use')
    report(path, 'a surplus over what was asked for use; write "pay: use" under pricing.supply');
  if (
    pot.base === 'leave-one-out' &&
    (mechanism !== 'pvcg' || Object.keys(supply.reserve).length > 0 || s.pricing.adjust !== undefined)
  )
    report(path, 'leave-one-out is worked out for pvcg without reserve and adjust; use residual, or that auction');
}

type Written<T> = Exclude<T, undefined>;

function emissionOf(e: Written<Written<ParsedScenario['stake']['rules']>['emission']>, report: Report): EmissionRules {
  const { providers, verifiers, stakers } = e;
  if (providers + verifiers + stakers > 10_000)
    report(
      ['stake', 'rules', 'emission'],
      'parts above 100 % together; lower one (stakers have 100 % unless it says less)',
    );
  if (e.halving < 1) report(['stake', 'rules', 'emission', 'halving'], 'no time at all; write a duration, or "never"');
  return {
    perEpoch: e.perEpoch,
    halvingUs: e.halving >= NEVER ? 0 : e.halving,
    providerBps: providers,
    verifierBps: verifiers,
    stakerBps: stakers,
    lottery: e.lottery,
  };
}

/** Shortest decimal of a double that was written with few digits: no exponent. */
const decimalText = (x: number): string => x.toFixed(9).replace(/\.?0+$/, '');

function tokenOf(s: ParsedScenario, report: Report): TokenSpec | null {
  const t = s.verification?.token;
  if (t === undefined) return null;
  const path = ['verification', 'token'];
  if (t.price < 1) report([...path, 'price'], 'a token that costs nothing');
  t.trace.forEach((p, i) => {
    if (i > 0 && p.at <= t.trace[i - 1]!.at)
      report([...path, 'trace', i, 'at'], 'not after the one before; put them in order');
  });
  if (t.trace.length > 0 && (t.crash !== undefined || t.volatility !== 0 || t.drift !== 0))
    report([...path, 'trace'], 'a trace beside crash, volatility or drift; keep one of the two');
  return {
    priceMicro: t.price,
    crash: t.crash === undefined ? null : { atUs: t.crash.at, left: t.crash.to },
    volatility: t.volatility,
    drift: t.drift,
    trace: t.trace.map((p) => ({ atUs: p.at, priceMicro: p.price })),
  };
}

function policyOf(v: Written<ParsedScenario['verification']>, fleet: Fleet, report: Report): PolicySpec {
  const { name, params } = v.policy;
  const p = params as Record<string, number | undefined>;
  const others = new Set(fleet.nodes.map((n) => n.provider)).size;
  const path = ['verification', 'policy'];
  switch (name) {
    case 'reputation': {
      const least = p['least'] ?? 0.01;
      if (least > v.audit) report(path, 'least lies above verification.audit, where the rate begins; lower it');
      return { name, rate: v.audit, least };
    }
    case 'challenge':
      return { name, rate: v.audit, side: p['side'] ?? 8, bits: p['bits'] ?? 24 };
    case 'quorum': {
      const copies = p['copies'] ?? 3;
      const quorum = p['quorum'] ?? 2;
      if (quorum > 2 * copies) report(path, 'a quorum that 2 x copies cannot reach; lower it');
      if (others < copies) report(path, `${copies} copies of a result, but only ${others} providers; add some`);
      return { name, copies, quorum };
    }
    case 'consensus':
      return { name, trust: p['trust'] ?? 3, most: p['most'] ?? 5 };
    case 'adaptive':
      return { name };
    default:
      if (name !== 'spot-check') report(path, 'verification takes no module of your own; name one of the policies');
      return { name: 'spot-check', rate: v.audit };
  }
}

function verificationOf(s: ParsedScenario, fleet: Fleet, report: Report): VerificationSpec | null {
  const v = s.verification;
  if (v === undefined) return null;
  const cheats: VerificationSpec['cheats'] = [];
  v.cheats.forEach((c, i) => {
    const path = ['verification', 'cheats', i];
    if ((c.share === undefined) === (c.rational !== true))
      report(path, 'wants either a share of results or "rational: true"; write one of them');
    if (c.kind === 'spoofing' && c.share !== undefined && c.share < 1)
      report(path, 'whoever has no device makes every result up; write "share: 100 %", or kind: lazy');
    if (c.rational === true && v.token === undefined)
      report(path, 'a rational cheat weighs the token’s price; add verification.token');
    for (const g of c.group) {
      const members = fleet.providers.get(g);
      if (members === undefined)
        report([...path, 'group'], `unknown group ${quoted(g)}; ${advice(g, [...fleet.providers.keys()], 'have')}`);
      for (const provider of members ?? [])
        cheats.push({ provider, share: c.share ?? 0, rational: c.rational === true, kind: c.kind });
    }
  });
  const verifiers: VerificationSpec['verifiers'] = [];
  v.verifiers.forEach((w, i) => {
    const ids = w.count === undefined ? [w.name] : Array.from({ length: w.count }, (_, k) => `${w.name}-${k + 1}`);
    for (const id of ids) {
      if (verifiers.some((x) => x.name === id) || fleet.nodes.some((n) => n.provider === id))
        report(['verification', 'verifiers', i, 'name'], `a second ${quoted(id)}; give each its own name`);
      verifiers.push({ name: id, kind: w.behaves, cost: w.cost });
    }
  });
  if (verifiers.length === 0) verifiers.push({ name: 'auditor', kind: 'diligent', cost: 0 });
  return {
    policy: policyOf(v, fleet, report),
    detection: v.detection,
    falseAlarm: v.falseAlarm,
    delayUs: v.delay,
    appealUs: v.appeals.delay,
    appealSucceeds: v.appeals.succeed,
    cheats,
    verifiers,
    planted: v.planted,
  };
}
