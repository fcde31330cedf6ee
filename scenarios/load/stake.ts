/** Stake and verification of a scenario: rules for core, behaviour for the world. */
import type { MechanismRef, ResourceStake, StakeRules } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { StakeWorldSpec } from '../resolved.ts';
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
      core.push({ id, tokens: String(tokens), bonded: t.bonded, nominates });
      const { votes: kind, choices, turnout, noise } = t;
      const exits = t.exits === undefined ? null : { everyUs: t.exits.every, shareBps: t.exits.share };
      voters.push({ staker: id, kind, pool, choices: Math.min(choices, rules.maxNominations), turnout, noise, exits });
    }
  });
  for (const [id, amount] of backed)
    if (!core.some((c) => c.id === id)) core.push({ id, tokens: String(amount), bonded: '0', nominates: [] });
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
    behaviour.push({
      pool,
      floorBps: a.commission,
      raisesBps: a.raises,
      outages: a.outages.map((o) => ({ fromUs: o.from, toUs: o.to })),
    });
  });
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
    },
    world: { voters, aggregators: behaviour, verification: verificationOf(s, fleet, report) },
  };
}

function weightOf(m: MechanismRef): MechanismRef {
  const { maxLock } = m.params as { maxLock?: number };
  return maxLock === undefined ? m : { name: m.name, params: { maxLockUs: maxLock } };
}

function verificationOf(s: ParsedScenario, fleet: Fleet, report: Report): StakeWorldSpec['verification'] {
  const v = s.verification;
  if (v === undefined) return null;
  const cheats: { provider: string; share: number; rational: boolean }[] = [];
  v.cheats.forEach((c, i) => {
    const path = ['verification', 'cheats', i];
    if ((c.share === undefined) === (c.rational !== true))
      report(path, 'wants either a share of results or "rational: true"; write one of them');
    if (c.rational === true && v.token === undefined)
      report(path, 'a rational cheat weighs the token’s price; add verification.token');
    for (const g of c.group) {
      const members = fleet.providers.get(g);
      if (members === undefined)
        report([...path, 'group'], `unknown group ${quoted(g)}; ${advice(g, [...fleet.providers.keys()], 'have')}`);
      for (const provider of members ?? [])
        cheats.push({ provider, share: c.share ?? 0, rational: c.rational === true });
    }
  });
  const t = v.token;
  if (t !== undefined && t.price < 1) report(['verification', 'token', 'price'], 'a token that costs nothing');
  return {
    audit: v.audit,
    detection: v.detection,
    falseAlarm: v.falseAlarm,
    delayUs: v.delay,
    appealUs: v.appeals.delay,
    appealSucceeds: v.appeals.succeed,
    cheats,
    token:
      t === undefined
        ? null
        : {
            priceMicro: t.price,
            crash: t.crash === undefined ? null : { atUs: t.crash.at, left: t.crash.to },
            volatility: t.volatility,
            drift: t.drift,
          },
  };
}
