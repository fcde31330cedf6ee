import { MIN_ACCEPT_US } from '../settlement/debit-notes.ts';
import {
  type ContractRules,
  contractKinds,
  disputeRules,
  feeBases,
  lossRules,
  type MarketConfig,
  type StakeRules,
} from '../types.ts';

/** Why a market cannot be built from the configuration, or null. The scenario loader says the same with file and line. */
export function configFault(c: MarketConfig): string | null {
  const whole = (v: number) => Number.isSafeInteger(v) && v >= 0;
  if (c.schema !== 'janction.core/1') return `unknown schema ${JSON.stringify(c.schema)}`;
  if (!whole(c.epochUs) || c.epochUs < 1) return 'epochUs must be a whole number of at least 1';
  if (!whole(c.sampleUs)) return 'sampleUs must be a whole number';
  if (c.currencies.length === 0) return 'no currency';
  if (c.classes.length === 0) return 'no GPU class';
  if (c.pools.length === 0) return 'no pool';
  const s = c.shares;
  const shares = [s.providerBps, s.stakerBps, s.aggregatorBps, s.verifierBps, s.treasuryBps];
  if (shares.some((v) => !whole(v)) || shares.reduce((a, b) => a + b, 0) !== 10_000)
    return 'revenue shares must sum to 10,000 basis points';
  const g = c.graces;
  for (const [name, v] of Object.entries(g)) if (!whole(v) || v < 1) return `grace ${name} must be at least 1 us`;
  const twice = (names: string[]) =>
    names.find((n, i) => names.indexOf(n) !== i && new Set(names).size !== names.length);
  const ids = (what: string, names: string[]) =>
    new Set(names).size === names.length ? null : `duplicate ${what} ${twice(names)}`;
  const dup =
    ids(
      'pool',
      c.pools.map((p) => p.id),
    ) ??
    ids(
      'node',
      c.nodes.map((n) => n.id),
    ) ??
    ids(
      'GPU class',
      c.classes.map((k) => k.name),
    ) ??
    ids(
      'user',
      c.users.map((u) => `${u.id}/${u.currency}`),
    );
  if (dup !== null) return dup;
  for (const { id, stealing: k } of c.pools)
    if (k !== undefined && (!whole(k.everyUs) || k.everyUs < 1 || !whole(k.batch) || k.batch < 1))
      return `pool ${id}: stealing needs everyUs and batch of at least 1`;
  for (const n of c.nodes) {
    if (c.pools[n.pool] === undefined) return `node ${n.id}: unknown pool ${n.pool}`;
    if (c.classes[n.gpuClass] === undefined) return `node ${n.id}: unknown GPU class ${n.gpuClass}`;
    if (!whole(n.gpus) || n.gpus > 1024 || !whole(n.cpuMilli) || !whole(n.ramMiB))
      return `node ${n.id}: capacity out of range`;
  }
  for (const u of c.users) {
    if (c.currencies[u.currency] === undefined) return `user ${u.id}: unknown currency`;
    if (!/^\d+$/.test(u.deposit)) return `user ${u.id}: deposit must be a whole number of micro-units`;
  }
  const staked = new Map<string, bigint>();
  for (const k of c.stakes) {
    if (!/^\d+$/.test(k.amount)) return `stake of ${k.staker}: amount must be a whole number of micro-units`;
    staked.set(k.provider, (staked.get(k.provider) ?? 0n) + BigInt(k.amount));
  }
  const contract = c.contract === undefined ? null : contractFault(c, c.contract);
  if (contract !== null) return contract;
  const money = feeFault(c) ?? disputesFault(c) ?? budgetFault(c);
  if (money !== null) return money;
  const staking = c.staking === undefined ? null : stakingFault(c, c.staking);
  if (staking !== null) return staking;
  for (const [provider, total] of staked) if (total === 0n) return `stake on ${provider} is zero`;
  return null;
}

/** What is wrong with the contract, or null. */
function contractFault(c: MarketConfig, r: ContractRules): string | null {
  const whole = (v: number, least: number) => Number.isSafeInteger(v) && v >= least;
  if (!contractKinds.includes(r.kind)) return `contract: unknown kind ${JSON.stringify(r.kind)}`;
  if (!lossRules.includes(r.loss)) return `contract: unknown rule of losses ${JSON.stringify(r.loss)}`;
  if (r.shortage !== 'first-come' && r.shortage !== 'pro-rata') return 'contract: shortage is first-come or pro-rata';
  if (!whole(r.creditBps, 0) || r.creditBps > 10_000) return 'contract: creditBps must lie in 0 .. 10,000';
  if (!/^\d{1,19}$/.test(r.providerDeposit)) return 'contract: providerDeposit must be whole micro-units';
  if (r.kind === 'hold') return null;
  if (!whole(r.periodUs, 1)) return 'contract: periodUs must be at least 1';
  if (r.kind === 'escrow' && (!whole(r.blockUs, 1) || r.periodUs % r.blockUs !== 0))
    return 'contract: periodUs must be a multiple of blockUs';
  if (r.kind === 'escrow' && !whole(r.depositUs, r.periodUs)) return 'contract: depositUs must cover a period';
  if (r.kind === 'notes' && (!whole(r.acceptUs, MIN_ACCEPT_US) || !whole(r.answerUs, 0)))
    return 'contract: acceptUs must be at least 5 s';
  if (c.pools.some((p) => p.supply !== undefined))
    return `contract: ${r.kind} pays while jobs run; supply auctions need hold`;
  return null;
}

const isBps = (v: number): boolean => Number.isSafeInteger(v) && v >= 0 && v <= 10_000;
const isTime = (v: number, least: number): boolean => Number.isSafeInteger(v) && v >= least;

/** What is wrong with the treasury's fee on bought supply, or null. */
function feeFault(c: MarketConfig): string | null {
  for (const { supply } of c.pools) {
    if (supply === undefined) continue;
    const { feeBase = 'gross', feeBps, pay } = supply;
    if (!feeBases.includes(feeBase)) return `supply: unknown feeBase ${JSON.stringify(feeBase)}`;
    if (!isBps(feeBps)) return 'supply: feeBps must lie in 0 .. 10,000';
    if (feeBase === 'gross-up' && feeBps === 10_000) return 'supply: no ask can be raised by a fee of all';
    if ((feeBase === 'surplus' || feeBase === 'leave-one-out') && pay !== 'use')
      return `supply: a fee on ${feeBase} needs pay for use`;
  }
  return null;
}

function disputesFault(c: MarketConfig): string | null {
  const d = c.disputes;
  if (d === undefined) return null;
  if (!disputeRules.includes(d.rule)) return `disputes: unknown rule ${JSON.stringify(d.rule)}`;
  if (![d.windowUs, d.answerUs, d.decideUs].every((v) => isTime(v, 1))) return 'disputes: times must be at least 1 us';
  if (!isBps(d.bondBps)) return 'disputes: bondBps must lie in 0 .. 10,000';
  if (c.pools.some((p) => p.supply !== undefined))
    return 'disputes: what supply auctions divide is final; use posted prices';
  return null;
}

function budgetFault(c: MarketConfig): string | null {
  for (const { id, budget } of c.users) {
    if (budget === undefined) continue;
    const { amount, perJob, periodUs, leastUs, alertsBps, over } = budget;
    if (!/^\d{1,19}$/.test(amount) || !/^\d{1,19}$/.test(perJob))
      return `budget of ${id}: amounts must be whole micro-units`;
    if (!isTime(periodUs, 0) || !isTime(leastUs, 1)) return `budget of ${id}: times must be whole numbers`;
    if (over !== 'refuse' && over !== 'shorten') return `budget of ${id}: over is refuse or shorten`;
    if (!alertsBps.every((v, i) => isBps(v) && v > (alertsBps[i - 1] ?? 0)))
      return `budget of ${id}: alerts must ascend within 1 .. 10,000`;
  }
  return null;
}

/** What is wrong with the rules of stake, or null. */
function stakingFault(c: MarketConfig, s: StakeRules): string | null {
  const whole = (v: number) => Number.isSafeInteger(v) && v >= 0;
  const amount = (v: string) => /^\d{1,19}$/.test(v);
  const bps = (v: number) => whole(v) && v <= 10_000;
  if (c.currencies[1] === undefined) return 'staking needs a second currency, the token';
  if (!whole(s.epochUs) || s.epochUs < 1) return 'staking: epochUs must be a whole number of at least 1';
  if (!whole(s.unbondingUs) || !whole(s.slashing.appealUs) || !whole(s.slashing.jailUs))
    return 'staking: times must be whole numbers';
  if (!amount(s.minBond) || !amount(s.election.minSupport)) return 'staking: amounts must be whole micro-tokens';
  if (!whole(s.maxUnbonding) || s.maxUnbonding < 1 || !whole(s.maxNominations) || s.maxNominations < 1)
    return 'staking: maxUnbonding and maxNominations must be at least 1';
  if (!bps(s.slashing.fractionBps) || !bps(s.slashing.bountyBps) || !s.commissionBps.every(bps))
    return 'staking: shares must lie in 0 .. 10,000 basis points';
  if (s.commissionBps.length !== c.pools.length) return 'staking: one commission per pool';
  const seats = c.pools.filter((_, p) => c.nodes.some((n) => n.pool === p)).length;
  if (s.election.seats !== seats)
    return `staking: ${s.election.seats} seats, but ${seats} pools have machines at the start`;
  const needs = new Map<string, bigint>();
  for (const k of c.stakes) needs.set(k.staker, (needs.get(k.staker) ?? 0n) + BigInt(k.amount));
  const seen = new Set<string>();
  for (const k of s.stakers) {
    if (seen.has(k.id)) return `staking: duplicate staker ${k.id}`;
    seen.add(k.id);
    if (!amount(k.tokens) || !amount(k.bonded)) return `staking: tokens of ${k.id} must be whole micro-tokens`;
    if (k.nominates.length > s.maxNominations || k.nominates.some((p) => c.pools[p] === undefined))
      return `staking: nominations of ${k.id} are unknown or too many`;
    const all = (needs.get(k.id) ?? 0n) + BigInt(k.bonded);
    if (all > BigInt(k.tokens)) return `staking: ${k.id} stakes ${all} of ${k.tokens} tokens`;
  }
  for (const id of needs.keys()) if (!seen.has(id)) return `staking: ${id} has stakes but no tokens`;
  return null;
}
