/** Published vectors of escrow, metering, debit notes and reserves. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BlockEscrow,
  billedSeconds,
  CumulativeCharge,
  DebitNotes,
  GOLEM_TERMS,
  kittyReward,
  linearCost,
  Meter,
  poolStake,
  ReserveClaims,
  ticketValue,
} from '../../core/index.ts';
import { ratParse, ratToNumber, ratToString } from '../../core/num/index.ts';
import { absent, vectors } from '../support/vectors.ts';

interface File {
  akash_escrow: {
    vectors: {
      name: string;
      blocks: number;
      deposit: number;
      rates_per_block: number[];
      funds_end: number;
      transferred: number[];
      unsettled: number[];
      overdrawn: boolean;
    }[];
  };
  metering: {
    vectors: {
      used_s: number;
      increment_s: number;
      minimum_s: number;
      billed_s: number;
      rate_micro_per_h: number;
      charge_micro_floor: number;
    }[];
    drift: { per_second_floor_sum_1h: number; exact_1h: number };
    golem_linear: { example: { coeffs: string[]; usage: number[]; cost: string }; defaults: Record<string, number> };
    salad_example: Record<
      string,
      {
        vcpu?: number;
        ram?: number;
        gpu?: number;
        replicas?: number;
        per_hour?: string;
        recomputed_per_instance?: string;
      }
    > & { vcpu_rate: string; ram_gb_rate: string; gpu: string };
  };
  livepeer_ticket: {
    example: { funds: number; pool: number; claims: [string, number][]; paid: number[]; funds_left: number };
    issue_1575_log: { faceValue_eth: number; winProb: number; recomputed_wei: number };
  };
  iexec_stakes: { WORKERPOOL_STAKE_RATIO_pct: number; KITTY_RATIO_pct: number; KITTY_MIN: number };
}
const file = vectors<File>('ledger.json');
test.skipIf(file !== null)(absent, () => {});

describe.skipIf(file === null)('published vectors', () => {
  test.each(file?.akash_escrow.vectors ?? [])('escrow: $name', (v) => {
    for (const policy of ['first-come', 'pro-rata'] as const) {
      const e = new BlockEscrow(0, policy);
      e.deposit('tenant', BigInt(v.deposit));
      for (const [i, r] of v.rates_per_block.entries()) e.open(`p${i}`, BigInt(r), 0);
      e.settle(v.blocks);
      expect(Number(e.funds)).toBe(v.funds_end);
      expect(e.overdrawn).toBe(v.overdrawn);
      const transferred = e.payments.map((p) => Number(p.transferred));
      if (policy === 'first-come' || !v.overdrawn) {
        expect(transferred).toEqual(v.transferred);
        expect(e.payments.map((p) => Number(p.unsettled))).toEqual(v.unsettled);
      } else expect(transferred).toEqual(v.rates_per_block.map(() => v.deposit / v.rates_per_block.length));
    }
  });

  test('metered lengths and charges; what flooring every second loses', () => {
    for (const v of file!.metering.vectors) {
      expect(billedSeconds(v.used_s, v.increment_s, v.minimum_s)).toBe(v.billed_s);
      expect(new CumulativeCharge(BigInt(v.rate_micro_per_h), 3600n).add(BigInt(v.billed_s))).toBe(
        BigInt(v.charge_micro_floor),
      );
    }
    const d = file!.metering.drift;
    const c = new CumulativeCharge(2_500_000n, 3600n);
    for (let s = 0; s < 3600; s++) c.add(1n);
    expect(Number(c.charged)).toBe(d.exact_1h);
    expect(Math.floor(2_500_000 / 3600) * 3600).toBe(d.per_second_floor_sum_1h);
  });

  test('Golem’s linear cost and debit notes', () => {
    const g = file!.metering.golem_linear;
    expect(
      ratToString(
        linearCost(
          g.example.coeffs.map(ratParse),
          g.example.usage.map((u) => ratParse(String(u))),
        ),
      ),
    ).toBe(ratToString(ratParse(g.example.cost)));
    expect(GOLEM_TERMS).toEqual({
      intervalUs: g.defaults['debit_note_interval_s']! * 1e6,
      acceptWithinUs: g.defaults['debit_note_accept_timeout_s']! * 1e6,
    });
    const s = 1_000_000;
    const kept = new DebitNotes(GOLEM_TERMS, 0);
    expect(kept.nextWakeup()).toBe(120 * s);
    expect(kept.pulse(120 * s, 10n)).toBe('note');
    expect(kept.accept(9n)).toBe(false);
    expect(kept.accept(10n)).toBe(true);
    expect(kept.pulse(240 * s, 20n)).toBe('note');
    // The last note was never answered, the invoice holds it all the same.
    expect(kept.invoice(23n)).toBe(23n);
    expect(() => kept.invoice(23n)).toThrow(/exactly one/);
    const silent = new DebitNotes(GOLEM_TERMS, 0);
    expect(silent.pulse(120 * s, 10n)).toBe('note');
    expect(silent.pulse(240 * s, 20n)).toBe('note');
    expect(silent.pulse(360 * s, 30n)).toBe('note');
    // Its first note was due by 360 s: at that stamp it still counts, after it the provider may leave.
    expect(silent.accept(30n)).toBe(true);
    const late = new DebitNotes(GOLEM_TERMS, 0);
    late.pulse(120 * s, 10n);
    expect(late.pulse(360 * s + 1, 30n)).toBe('broken');
    expect(late.accept(30n)).toBe(false);
    expect(() => new DebitNotes({ intervalUs: s, acceptWithinUs: 4 * s }, 0)).toThrow(/at least 5 s/);
  });

  test('Salad’s rates: the example that adds up does, the published one that does not is said to differ', () => {
    const x = file!.metering.salad_example;
    const price = (c: { vcpu?: number; ram?: number; gpu?: number }) =>
      linearCost(
        [x.vcpu_rate, x.ram_gb_rate, x.gpu, '0'].map(ratParse),
        [c.vcpu ?? 0, c.ram ?? 0, c.gpu ?? 0].map((n) => ratParse(String(n))),
      );
    expect(ratToNumber(price(x['case1']!)) * x['case1']!.replicas!).toBeCloseTo(Number(x['case1']!.per_hour), 12);
    expect(ratToString(price(x['case2_doc']!))).toBe(x['case2_doc']!.recomputed_per_instance);
  });

  test('Livepeer’s tickets and reserve, iExec’s stakes', () => {
    const l = file!.livepeer_ticket;
    const r = new ReserveClaims(BigInt(l.example.funds), l.example.pool);
    expect(l.example.claims.map(([who, amount]) => Number(r.claim(who, BigInt(amount))))).toEqual(l.example.paid);
    expect(Number(r.funds)).toBe(l.example.funds_left);
    const log = l.issue_1575_log;
    const value = ticketValue(BigInt(Math.round(log.faceValue_eth * 1e18)), ratParse(log.winProb.toFixed(12)));
    expect(Math.abs(ratToNumber(value) / log.recomputed_wei - 1)).toBeLessThan(1e-6);
    const i = file!.iexec_stakes;
    expect(poolStake(1000n, BigInt(i.WORKERPOOL_STAKE_RATIO_pct))).toBe(300n);
    expect(kittyReward(50_000_000_000n, BigInt(i.KITTY_RATIO_pct), BigInt(i.KITTY_MIN))).toBe(5_000_000_000n);
    expect(kittyReward(500_000_000n)).toBe(500_000_000n);
  });
});

test('escrow: money is conserved, settling twice is settling once, a top-up pays what is owed first', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: 5000n }),
      fc.array(fc.bigInt({ min: 1n, max: 30n }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (deposit, rates, steps, fair) => {
        const make = () => {
          const e = new BlockEscrow(0, fair ? 'pro-rata' : 'first-come');
          e.deposit('a', deposit);
          for (const [i, r] of rates.entries()) e.open(`p${i}`, r, 0);
          return e;
        };
        const [cut, whole] = [make(), make()];
        let at = 0;
        for (const s of steps) cut.settle((at += s));
        whole.settle(at);
        if (!whole.overdrawn) expect(cut.snapshot()).toEqual(whole.snapshot());
        for (const e of [cut, whole]) {
          const moved = e.payments.reduce((s, p) => s + p.transferred, 0n);
          const owed = e.payments.reduce((s, p) => s + p.unsettled, 0n);
          expect(moved + (e.funds > 0n ? e.funds : 0n)).toBe(deposit);
          expect(owed).toBe(e.funds < 0n ? -e.funds : 0n);
          if (owed > 0n) {
            e.deposit('b', owed + 5n);
            expect(e.overdrawn).toBe(false);
            expect(e.funds).toBe(5n);
          }
        }
      },
    ),
    { seed: 41, numRuns: 500 },
  );
});

test('metering: order, repetition and cutting of readings change nothing; late ones become corrections', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          source: fc.constantFrom('a', 'b'),
          timeUs: fc.nat(2999),
          quantity: fc.bigInt({ min: 0n, max: 1000n }),
        }),
        { minLength: 1, maxLength: 40 },
      ),
      fc.array(fc.nat(1000), { minLength: 80, maxLength: 80 }),
      (list, shuffle) => {
        const readings = list.map((r, i) => ({ ...r, id: i + 1 }));
        const plain = new Meter(1000);
        for (const r of readings) plain.take(r);
        const order = [...readings, ...readings].map((r, i) => ({ r, key: shuffle[i]! })).sort((x, y) => x.key - y.key);
        const other = new Meter(1000);
        for (const { r } of order) other.take(r);
        for (const p of [0, 1, 2]) expect(other.period(p)).toEqual(plain.period(p));
      },
    ),
    { seed: 42, numRuns: 300 },
  );
  const m = new Meter(1000);
  m.take({ source: 'a', id: 1, timeUs: 999, quantity: 7n });
  m.take({ source: 'a', id: 2, timeUs: 1000, quantity: 5n });
  expect([m.period(0).use, m.period(1).use]).toEqual([7n, 5n]);
  m.close(1000);
  expect(m.take({ source: 'a', id: 3, timeUs: 500, quantity: -2n })).toBe('period-closed-corrected');
  expect(m.take({ source: 'a', id: 3, timeUs: 500, quantity: -2n })).toBe('duplicate');
  expect([m.period(0).use, m.period(1).corrections]).toEqual([7n, -2n]);
  const c = new CumulativeCharge(7n, 3n);
  expect([c.add(1n), c.add(1n), c.add(1n), c.add(-2n)]).toEqual([2n, 2n, 3n, -5n]);
});
