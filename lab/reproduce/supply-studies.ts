/** Supply auctions over time: a week of pVCG epochs with failures, and suppliers who learn. */

import { fileURLToPath } from 'node:url';
import { oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { type Learner, learn } from '../certify/agents.ts';
import { type AwardAccount, runSupply } from '../economics/supply-account.ts';
import { Finding } from '../errors.ts';
import { print, seedOf } from '../flags.ts';
import { loadScenario } from '../load.ts';
import { table } from '../readable.ts';
import { meanInterval } from '../stats/interval.ts';
import { type Figure, simpleStudy } from './simple-study.ts';
import { type Study, type StudyFlags, studyCommand } from './study.ts';

const path = fileURLToPath(new URL('../../../scenarios/pvcg-week/scenario.yaml', import.meta.url));
const sourcePath = fileURLToPath(new URL('../../scenarios/pvcg-week/scenario.yaml', import.meta.url));

/** From the built tree or from the sources. */
export async function weekScenario(sets: readonly string[], seed: number): Promise<ResolvedScenario> {
  const { existsSync } = await import('node:fs');
  return loadScenario(existsSync(path) ? path : sourcePath, sets, seed);
}

const usd = (x: number): string => x.toFixed(4);

/** A truthful award that delivered may lose a micro-unit per lease by rounding, never more. */
const loses = (a: AwardAccount): boolean => a.earned - a.paidUseCost < -2e-6 * Math.max(1, a.leases);

export function weekFigures(scenario: ResolvedScenario): Figure[] {
  const use = runSupply(scenario);
  const hit = use.awards.filter((a) => a.hit);
  const perClass = scenario.market.classes.map((c) => hit.filter((a) => a.gpuClass === c.name).length);
  const delivered = use.awards.filter((a) => !a.hit);
  const losses = meanInterval(hit.map((a) => a.lostUseCost));
  const { money } = use.result;
  const income = Number(money.charged) / 1e6;
  const paid = (Number(money.providers) + Number(money.treasury)) / 1e6;
  const idle = use.awards.filter((a) => a.earned === 0).length;
  const thin = { ...scenario, market: { ...scenario.market } };
  thin.market.pools = scenario.market.pools.map((p) => ({
    ...p,
    supply: { pay: 'availability', subsidy: '2000000000', feeBps: 0 },
  }));
  const available = runSupply(thin);
  const figure = (what: string, published: string, obtained: string, agrees: boolean): Figure => ({
    what,
    published,
    obtained,
    agrees,
  });
  return [
    figure('awards hit by failures', 'at least 50', String(hit.length), hit.length >= 50),
    figure(
      'of these by class',
      'at least 1 each',
      perClass.join(', '),
      perClass.every((n) => n >= 1),
    ),
    figure('awards that delivered and lost', '0', String(delivered.filter(loses).length), !delivered.some(loses)),
    figure(
      'mean cost of use that a failure made worthless, USD',
      'reported',
      `${usd(losses.mean)} ± ${usd(losses.half)}`,
      losses.mean > 0,
    ),
    figure(
      'invariant violations',
      '0',
      String(use.result.invariants.violations),
      use.result.invariants.violations === 0,
    ),
    figure(
      'users paid = providers and treasury got, USD',
      'equal',
      `${usd(income)} = ${usd(paid)}`,
      Math.abs(income - paid) < 1e-6,
    ),
    figure('paying use: subsidy used, USD', '0', usd(use.subsidyUsed), use.subsidyUsed === 0),
    figure('paying use: awards that got nothing', 'above 0', String(idle), idle > 0),
    figure(
      'paying availability: subsidy used, USD (limit 2000)',
      'above 0',
      usd(available.subsidyUsed),
      available.subsidyUsed > 0 && available.subsidyUsed <= 2000,
    ),
  ];
}

export const pvcgWeek: Study = {
  name: 'pvcg-week',
  add(reproduce) {
    studyCommand(reproduce, 'pvcg-week', 'a week of hourly pVCG epochs with failures: who loses, who pays')
      .option('--seed <n>', 'seed of the week', seedOf, 1)
      .action(async (flags: StudyFlags & { seed: number }) => {
        const figures = weekFigures(await weekScenario([], flags.seed));
        const side = (key: 'published' | 'obtained') => Object.fromEntries(figures.map((f) => [f.what, f[key]]));
        if (flags.json === true)
          print(
            `${JSON.stringify({ study: 'pvcg-week', seed: flags.seed, published: side('published'), obtained: side('obtained') })}\n`,
          );
        else
          print(`${table([['', 'theory', 'obtained'], ...figures.map((f) => [f.what, f.published, f.obtained])])}\n`);
        const bad = figures.filter((f) => !f.agrees).length;
        if (bad > 0) throw new Finding(`${bad} of ${figures.length} figures are not as they should be`);
      });
  },
  async validate() {
    return weekFigures(await weekScenario([], 1)).map((f) => ({ study: 'pvcg-week', ...f }));
  },
};

const SEEDS = 10;

export function shadingOf(mechanism: string, learner: Learner, rounds: number, seeds: number, first: number) {
  const results = Array.from({ length: seeds }, (_, s) => learn(oneShots.get(mechanism)!, learner, first + s, rounds));
  const mean = (key: 'welfareLoss' | 'revenue'): number => results.reduce((a, r) => a + r[key], 0) / seeds;
  return {
    shading: meanInterval(
      results.map((r) => r.shading),
      0.99,
    ),
    welfareLoss: mean('welfareLoss'),
    revenue: mean('revenue'),
  };
}

export const strategicAgents = simpleStudy({
  name: 'strategic-agents',
  about: 'suppliers who learn: shading, welfare lost and revenue under pay-as-bid, pVCG and a uniform price',
  source:
    'Vickrey 1961 (truth is dominant under pVCG, not under pay-as-bid); Auer et al. 2002 (Exp3); four unit suppliers, new costs and demand every round',
  run(seed): Figure[] {
    const figures: Figure[] = [];
    for (const [learner, rounds] of [
      ['exp3', 20_000],
      ['multiplicative-weights', 4000],
      ['best-response', 4000],
    ] as const) {
      for (const mechanism of ['pay-as-bid', 'pvcg', 'uniform-price']) {
        const x = shadingOf(mechanism, learner, rounds, SEEDS, seed);
        const low = x.shading.mean - x.shading.half;
        const high = x.shading.mean + x.shading.half;
        const shades = mechanism === 'pay-as-bid';
        figures.push({
          what: `${learner}, ${mechanism}: shading`,
          published: shades ? 'above 0' : 'interval holds 0',
          obtained: `${x.shading.mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]; welfare lost ${(100 * x.welfareLoss).toFixed(2)} %, revenue ${x.revenue.toFixed(3)}`,
          agrees: shades ? low > 0 : low <= 0 && high >= 0,
        });
      }
    }
    for (const mechanism of ['pay-as-bid', 'pvcg']) {
      const x = shadingOf(mechanism, 'ring', 4000, SEEDS, seed);
      const low = x.shading.mean - x.shading.half;
      figures.push({
        what: `ring of two, ${mechanism}: shading`,
        published: 'above 0',
        obtained: `${x.shading.mean.toFixed(3)} [${low.toFixed(3)}, ${(x.shading.mean + x.shading.half).toFixed(3)}]; welfare lost ${(100 * x.welfareLoss).toFixed(2)} %, revenue ${x.revenue.toFixed(3)}`,
        agrees: low > 0,
      });
    }
    return figures;
  },
});
