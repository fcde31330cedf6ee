/** Every supply auction in the running market: laws at every step, plain state, what core accepts, who is paid. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US, type MarketConfig } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { supplyAuctionNames } from '../../mechanisms/names.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { arrival, config, generator, ListDemand, node, pool, simulation, spec, task } from '../support/market.ts';
import { runs } from '../support/runs.ts';
import { workload } from '../support/workload.ts';

type Pay = 'use' | 'availability';

/** The random workload's market with supply bought every quarter of an hour. */
function auctioned(seed: number, mechanism: string, pay: Pay) {
  const w = workload(seed, 120);
  const market: MarketConfig = {
    ...w.config,
    epochUs: HOUR_US / 4,
    pools: w.config.pools.map((p) => ({
      ...p,
      pricing: { name: mechanism, params: p.pricing.params },
      supply: { pay, subsidy: pay === 'use' ? '0' : '5000000000', feeBps: 500 },
    })),
    nodes: w.config.nodes.map((n, i) => ({ ...n, askMicro: 100_000 + 70_000 * (i % 7) })),
  };
  return { ...w, config: market };
}

for (const mechanism of supplyAuctionNames) {
  describe(mechanism, () => {
    for (const pay of ['use', 'availability'] as const) {
      test(`paying ${pay}: every law after every step; a snapshot in between changes nothing`, () => {
        for (let seed = 1; seed <= runs(2); seed++) {
          const w = auctioned(seed, mechanism, pay);
          const horizonUs = w.arrivals.at(-1)!.timeUs + 12 * HOUR_US;
          const whole = simulation(w.config, w.arrivals, { lives: w.lives, seed, horizonUs, checkEveryEvent: true });
          whole.sim.finish();
          const r = generator(seed + 77);
          const parts = simulation(w.config, w.arrivals, { lives: w.lives, seed, horizonUs });
          let { sim } = parts;
          for (
            let t = Math.floor((r() * horizonUs) / 6);
            t < horizonUs;
            t += Math.floor(((0.2 + r()) * horizonUs) / 6)
          ) {
            sim.runUntil(t);
            const state = clonePlain(sim.snapshot()) as SimulationState;
            const streams = new Streams(seed);
            streams.restore(state.streams);
            const next = new Simulation({ ...sim.options, streams, demand: new ListDemand(w.arrivals) });
            next.restore(state);
            sim = next;
          }
          sim.finish();
          expect(parts.rows.recorder.fingerprint).toBe(whole.rows.recorder.fingerprint);
          const awarded = whole.rows.of('supply').filter((s) => s.awarded_gpus > 0);
          expect(awarded.length).toBeGreaterThan(5);
          // Nothing runs on a machine that was not bought.
          const sold = new Map(awarded.map((s) => [s.award_id, s]));
          const ran = whole.rows.of('placements').filter((p) => p.currency === 'USD');
          for (const p of ran) expect(sold.get(p.supply_award_id)?.node).toBe(p.node);
          expect(ran.length).toBeGreaterThan(5);
          for (const s of awarded)
            expect(s.pay_micro_per_hour).toBeGreaterThanOrEqual(s.ask_micro_per_gpu_hour * s.supplier_gpus);
        }
      });
    }

    test('buys only what is offered, at asks or more and at rates or less, whatever it is asked', () => {
      const offers = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 900_000 })), {
        maxLength: 9,
      });
      const demand = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 900_000 })), {
        maxLength: 4,
      });
      const m = shipped.pricing(mechanism, { rates: { a: 1 } }, ['a']);
      fc.assert(
        fc.property(offers, demand, (o, d) => {
          const wanted = d.map(([gpus, rateMicro]) => ({ gpus, rateMicro })).sort((x, y) => y.rateMicro - x.rateMicro);
          const list = o.map(([gpus, askMicro], i) => ({ supplier: `p${i}`, gpus, askMicro }));
          const r = m.award!({ gpuClass: 0, name: 'a', demand: wanted, offers: list });
          const bought = r.gpus.reduce((x, y) => x + y, 0);
          expect(bought).toBeLessThanOrEqual(wanted.reduce((x, y) => x + y.gpus, 0));
          const dearest = wanted[0]?.rateMicro ?? 0;
          list.forEach((s, i) => {
            expect(Number.isSafeInteger(r.gpus[i]) && Number.isSafeInteger(r.payMicro[i])).toBe(true);
            expect(r.gpus[i]).toBeLessThanOrEqual(s.gpus);
            expect(r.payMicro[i]).toBeGreaterThanOrEqual(r.gpus[i]! * s.askMicro);
            expect(r.payMicro[i]).toBeLessThanOrEqual(r.gpus[i]! * dearest);
          });
        }),
        { numRuns: 200, seed: 5 },
      );
    });
  });
}

describe('who pays', () => {
  /** One idle hour between two jobs: 40 minutes of work in an epoch of one hour. */
  const market = (pay: Pay, subsidy: string) =>
    config({
      pools: [
        pool('east', {
          pricing: { name: 'pvcg', params: { rates: { a: 1_000_000 } } },
          supply: { pay, subsidy, feeBps: 0 },
        }),
      ],
      nodes: [node('n0', { gpus: 1, askMicro: 300_000 }), node('n1', { gpus: 1, askMicro: 600_000 })],
      stakes: [],
    });
  const run = (pay: Pay, subsidy: string, minutes: number) => {
    const jobs = [arrival(60_000_000, minutes * 60_000_000, spec(1, { groups: [task(1)], limitUs: 2 * HOUR_US }))];
    const { sim, rows } = simulation(market(pay, subsidy), jobs, { horizonUs: 3 * HOUR_US, checkEveryEvent: true });
    sim.finish();
    const total = (party: string): bigint =>
      rows
        .of('accounts')
        .reduce((b, a) => (a.account === party ? b + a.credits_posted_micro - a.debits_posted_micro : b), 0n);
    return { rows, total };
  };

  test('use pays the critical rate for metered time, and needs no subsidy', () => {
    const { rows, total } = run('use', '0', 30);
    // One GPU wanted at 1 USD/hour: the cheaper machine is bought at the other's ask.
    const bought = rows.of('supply').filter((s) => s.awarded_gpus > 0);
    expect(bought.map((s) => [s.node, s.pay_micro_per_hour])).toEqual([['n0', 600_000]]);
    const lease = rows.of('placements')[0]!;
    const used = BigInt(lease.end_us - lease.start_us);
    expect(total('provider:owner-n0')).toBe((600_000n * used) / 3_600_000_000n);
    expect(total('treasury')).toBe(lease.charge_micro - total('provider:owner-n0'));
  });

  test('availability pays the whole hour, from income first and the subsidy second', () => {
    const { rows, total } = run('availability', '1000000', 30);
    expect(total('provider:owner-n0')).toBe(600_000n);
    const charged = rows.of('placements')[0]!.charge_micro;
    expect(total('subsidy:east')).toBe(1_000_000n - (600_000n - charged));
    expect(total('treasury')).toBe(0n);
  });

  test('without the subsidy to cover it a clearing is refused, and nothing runs', () => {
    const { rows } = run('availability', '500000', 30);
    expect(rows.of('placements')).toEqual([]);
    expect(rows.of('transfers').filter((t) => t.reason === 'subsidy')).toEqual([]);
  });

  test('a lease over the boundary keeps its award and stays out of the next clearing', () => {
    const { rows, total } = run('use', '0', 90);
    const bought = rows.of('supply').filter((s) => s.awarded_gpus > 0);
    expect(bought).toHaveLength(1);
    // While it runs the machine offers nothing.
    const second = rows.of('supply').filter((s) => s.time_us === 2 * HOUR_US);
    expect(second.map((s) => s.node)).toEqual(['n1']);
    const lease = rows.of('placements')[0]!;
    expect(lease.supply_award_id).toBe(bought[0]!.award_id);
    expect(total('provider:owner-n0')).toBe((600_000n * BigInt(lease.end_us - lease.start_us)) / 3_600_000_000n);
  });
});
