import type { Quote } from '../messages.ts';
import { Digest, mulDiv } from '../num/index.ts';
import type { ContractRules, JobSpec } from '../types.ts';

/** What a job asks for, summed over its gang. */
export interface GangDemand {
  gpus: number;
  totalMilli: number;
  parts: number;
}

export function demandOf(spec: JobSpec): GangDemand {
  let gpus = 0;
  let totalMilli = 0;
  let parts = 0;
  for (const g of spec.groups) {
    gpus += g.tasks * g.gpus;
    totalMilli += g.tasks * g.gpus * g.gpuMilli;
    parts += g.tasks;
  }
  return { gpus, totalMilli, parts };
}

/** Is this what part `part` of a gang of `parts` was to have? Parts follow the order of the groups. */
export function isTaskOf(spec: JobSpec, part: number, parts: number, gpus: number, gpuMilli: number): boolean {
  let total = 0;
  let fits = false;
  const { least, tasks } = spec.groups[0]!;
  // An elastic gang may be any of its sizes.
  const whole = least === undefined ? null : parts >= least && parts <= tasks && part < parts;
  for (const g of spec.groups) {
    if (part >= total && part < total + g.tasks) fits = g.gpus === gpus && g.gpuMilli === gpuMilli;
    total += g.tasks;
  }
  return fits && (whole ?? total === parts);
}

const scratch = new Digest();
const EMPTY = scratch.state();

/** 52-bit hash of the terms, of the contract in force and of what is sold: the binding id of a quote. Never 0. */
export function quoteId(spec: JobSpec, q: Omit<Quote, 'id'>, rules?: ContractRules): number {
  const d = scratch;
  d.restore(EMPTY);
  d.mixInt(spec.job);
  d.mixString(spec.user);
  d.mixInt(spec.limitUs);
  for (const g of spec.groups) {
    d.mixInt(g.tasks);
    d.mixInt(g.gpus);
    d.mixInt(g.gpuMilli);
    d.mixInt(g.gpuMemoryMiB);
    d.mixInt(g.cpuMilli);
    d.mixInt(g.ramMiB);
    if (g.mig !== undefined) d.mixString(g.mig);
    if (g.least !== undefined) d.mixInt(g.least);
  }
  d.mixInt(q.epoch);
  d.mixInt(q.currency);
  for (let i = 0; i < q.classes.length; i++) {
    d.mixInt(q.classes[i]!);
    d.mixInt(q.awards[i]!);
    d.mixInt(q.rates[i]!);
  }
  d.mixBigInt(q.maxCharge);
  if (rules !== undefined) {
    for (const text of [rules.kind, rules.shortage, rules.loss]) d.mixString(text);
    for (const n of [rules.periodUs, rules.blockUs, rules.depositUs, rules.acceptUs, rules.answerUs, rules.creditBps])
      d.mixInt(n);
    d.mixInt(rules.topUp ? 1 : 0);
  }
  return d.value52() + 1;
}

/**
 * Rate in the contract's currency. Awards are in currency 0 (the stable unit); currency 1 (the token) converts at the run's
 * fixed price `tokenPriceMicro` (micro-USD per whole token), rounded up so that the token never undercuts the posted price.
 */
export function contractRate(rateMicro: number, currency: number, tokenPriceMicro: number): number {
  if (currency === 0) return rateMicro;
  if (tokenPriceMicro <= 0) throw new Error('contractRate: the token has no price');
  return mulDiv(rateMicro, 1_000_000, tokenPriceMicro, 'ceil');
}

/** The least rate in currency 0 that converts to this one of the token. */
export const awardRate = (tokenRateMicro: number, tokenPriceMicro: number): number =>
  tokenRateMicro === 0 ? 0 : mulDiv(tokenRateMicro - 1, tokenPriceMicro, 1_000_000, 'floor') + 1;
