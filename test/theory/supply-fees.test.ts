/**
 * The treasury's fee on bought supply, as the running market takes it: which bases keep the true cost the best ask. On random clearings every
 * ask of one seller is tried; the bases that the documents call safe never reward another one beyond rounding, and the certifier's table says
 * the same of the one-shot mechanism.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SupplyMarket, SupplyResult } from '../../core/interfaces.ts';
import { chargeSellers, marketUnderFee } from '../../core/pool/supply-fee.ts';
import { type FeeBase, feeBases, HOUR_US, type SupplyRules } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import { auditInput } from '../support/audit.ts';
import { root } from '../support/cli.ts';
import { generator, simulation } from '../support/market.ts';
import { recorded } from '../support/recorded.ts';
import { runs } from '../support/runs.ts';
import { workload } from '../support/workload.ts';

const pvcg = shipped.pricing('pvcg', { rates: { a: 1 } }, ['a']);
const award = (m: SupplyMarket): SupplyResult => pvcg.award!(m);
const STEP = 10_000;

const rulesOf = (feeBase: FeeBase, feeBps: number): SupplyRules => ({ pay: 'use', subsidy: '0', feeBps, feeBase });

/** What the first seller earns an hour beyond its cost when it asks `ask`, all that was bought of it being used. */
function utility(rules: SupplyRules, market: SupplyMarket, cost: number, ask: number): number {
  const offers = market.offers.map((o, i) => (i === 0 ? { ...o, askMicro: ask } : o));
  const seen = marketUnderFee(rules, { ...market, offers });
  const { gpus, payMicro } = chargeSellers(rules, seen, award(seen), award);
  const part = (x: number): number => Math.floor((x * rules.feeBps) / 10_000);
  const base = rules.feeBase;
  const pay = payMicro[0]!;
  const fee =
    base === 'gross' || base === 'gross-up'
      ? part(pay)
      : base === 'surplus'
        ? part(Math.max(0, pay - gpus[0]! * ask))
        : 0;
  return pay - fee - gpus[0]! * cost;
}

function draw(r: () => number): SupplyMarket {
  const below = (n: number) => Math.floor(r() * n);
  const rates = [0, 0].map(() => STEP * (10 + below(60))).sort((a, b) => b - a);
  return {
    gpuClass: 0,
    name: 'a',
    demand: rates.slice(0, 1 + below(2)).map((rateMicro) => ({ rateMicro, gpus: 1 + below(5) })),
    offers: Array.from({ length: 1 + below(4) }, (_, i) => ({
      supplier: `p${i}`,
      gpus: 1 + below(4),
      askMicro: STEP * below(60),
    })),
  };
}

/** Most that another ask than the true cost earns more; and the least that the truth earns. */
function regret(feeBase: FeeBase, feeBps: number, markets: number): { gain: number; least: number } {
  const r = generator(feeBps + 7);
  const rules = rulesOf(feeBase, feeBps);
  let gain = 0;
  let least = 0;
  for (let k = 0; k < markets; k++) {
    const m = draw(r);
    const cost = m.offers[0]!.askMicro;
    const truth = utility(rules, m, cost, cost);
    least = Math.min(least, truth);
    for (let ask = 0; ask <= 75 * STEP; ask += STEP) gain = Math.max(gain, utility(rules, m, cost, ask) - truth);
  }
  return { gain, least };
}

describe('the best ask', () => {
  const safe: readonly FeeBase[] = ['residual', 'leave-one-out', 'price', 'gross-up'];
  // Whole micro-units: an ask that is raised by rounding may matter by one for each GPU.
  const ROUNDING = 20;

  test.each(safe)('is the true cost under a fee on %s, which leaves nobody with a loss', (base) => {
    for (const bps of [1, 500, 2000, 9000]) {
      const { gain, least } = regret(base, bps, runs(150));
      expect(gain, `${bps} bps`).toBeLessThanOrEqual(ROUNDING);
      expect(least, `${bps} bps`).toBeGreaterThanOrEqual(-ROUNDING);
    }
  });

  test.each(feeBases.filter((b) => !safe.includes(b)))('is another one under a fee on %s', (base) => {
    expect(regret(base, 2000, runs(150)).gain).toBeGreaterThan(STEP);
  });

  test('as the certifier finds it', () => {
    const { rows } = JSON.parse(readFileSync(join(root, 'docs/mechanisms.expected.json'), 'utf8')) as {
      rows: { class: string; property: string; verdict: string }[];
    };
    const verdict = (about: string) => rows.find((x) => x.class === about && x.property === 'dsic-cost')?.verdict;
    expect(verdict('fee on the gross payment')).toBe('violated');
    expect(verdict('fee on the reported surplus V')).toBe('violated');
    expect(verdict('fee inside the buyers’ price')).toBe('none');
    expect(verdict('fee in every ask before clearing')).toBe('none');
    expect(verdict('charge by the residual without the charged')).toBe('none');
  });
});

describe('in the running market', () => {
  test.each(feeBases)('a fee on %s: every law, and the auditor works it out', (feeBase) => {
    let fees = 0n;
    for (let seed = 1; seed <= runs(3); seed++) {
      const w = workload(seed, 100);
      const config = {
        ...w.config,
        epochUs: HOUR_US / 2,
        pools: w.config.pools.map((p) => ({
          ...p,
          pricing: { name: 'pvcg', params: { rates: { a: 1_000_000, b: 2_500_000 } } },
          supply: rulesOf(feeBase, 1500),
        })),
        nodes: w.config.nodes.map((n, i) => ({ ...n, askMicro: 100_000 + 70_000 * (i % 7) })),
      };
      const { journals, bytes } = recorded(config);
      const horizonUs = 60 * HOUR_US;
      const { sim, rows } = simulation(config, w.arrivals, {
        lives: w.lives,
        seed,
        horizonUs,
        journals,
        checkEveryEvent: seed === 1,
      });
      sim.finish();
      const audit = () => auditIndependently(auditInput(rows, bytes())).difference;
      expect(audit()).toBeNull();
      const taken = rows
        .of('transfers')
        .filter((t) => t.reason === (feeBase === 'residual' ? 'supply-residual' : 'supply-fee'));
      for (const t of taken) fees += t.amount_micro;
      for (const t of taken.slice(0, 2)) {
        (t as { amount_micro: bigint }).amount_micro++;
        expect(audit()).not.toBeNull();
        (t as { amount_micro: bigint }).amount_micro--;
      }
    }
    expect(fees).toBeGreaterThan(0n);
  });
});
