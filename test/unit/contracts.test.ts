/** Contracts in the running market: every amount worked out by hand, for each way in which an attempt can go. */
import { describe, expect, test } from 'vitest';
import { DownCause, type Fact, FactKind } from '../../core/facts.ts';
import { type ContractRules, HOUR_US, type LossRule, type MarketConfig } from '../../core/types.ts';
import { contractRules } from '../support/contracts.ts';
import { arrival, config, pool, type Rows, SECOND, simulation, spec, task } from '../support/market.ts';

const MINUTE = 60 * SECOND;
const market = (contract: Partial<ContractRules>, over: Partial<MarketConfig> = {}): MarketConfig =>
  config({ contract: contractRules(contract), ...over });

/** Transfers of a job in order: kind or reason, account names, amount. */
const moves = (rows: Rows, job: number) =>
  rows
    .of('transfers')
    .filter((t) => t.job_id === job)
    .map(
      (t) =>
        `${t.time_us / SECOND} ${t.kind === 'single' ? t.reason : t.kind} ${t.debit}>${t.credit} ${t.amount_micro}`,
    );
const adjustments = (rows: Rows) =>
  rows.of('adjustments').map((a) => `${a.time_us / SECOND} ${a.kind} part ${a.part} ${a.provider} ${a.amount_micro}`);
const jobOf = (rows: Rows, job: number) => rows.of('jobs').find((j) => j.job_id === job)!;
const down = (n: number): Fact => ({ kind: FactKind.nodeDown, node: n, cause: DownCause.failure });

const twoHours = spec(1, { groups: [task(1)], classes: [0], limitUs: 4 * HOUR_US, maxAttempts: 1 });
const gang = spec(1, { groups: [task(4, { tasks: 2 })], classes: [0], limitUs: 4 * HOUR_US, maxAttempts: 1 });

describe('prepaid with hourly release', () => {
  test('the limit is paid into escrow, released by the hour, and the rest refunded', () => {
    const { sim, rows } = simulation(market({ kind: 'prepaid' }), [arrival(0, 90 * MINUTE, twoHours)], {
      checkEveryEvent: true,
    });
    sim.finish();
    // One GPU at 1 USD/hour, limit 4 hours, 1.5 hours of use.
    expect(moves(rows, 1)).toEqual([
      '0 pending user:alice>escrow:east 4000000',
      '0 post user:alice>escrow:east 4000000',
      '3600 release escrow:east>revenue:east 1000000',
      '5400 release escrow:east>revenue:east 500000',
      '5400 refund escrow:east>user:alice 2500000',
    ]);
    expect(jobOf(rows, 1).charged_micro).toBe(1_500_000n);
    expect(rows.of('meters').map((m) => [m.reading, m.until_us / SECOND, m.due_micro])).toEqual([
      ['running', 3600, 1_000_000n],
      ['final', 5400, 1_500_000n],
    ]);
    expect(rows.of('quotes')).toMatchObject([{ reserved_micro: 4_000_000n, most_micro: 4_000_000n }]);
    expect(rows.of('quotes')[0]!.quote_id).toBe(jobOf(rows, 1).quote_id);
    expect(adjustments(rows)).toEqual([]);
  });

  test('a cancel ends the release at once; preemption and takeover keep what was released', () => {
    const { sim, rows } = simulation(market({ kind: 'prepaid' }), [arrival(0, 3 * HOUR_US, twoHours)], {
      checkEveryEvent: true,
    });
    sim.inject(30 * MINUTE, [{ kind: FactKind.takeover, from: 0, to: 1, seq: 1 }]);
    sim.inject(70 * MINUTE, [{ kind: FactKind.cancel, pool: 0, job: 1 }]);
    sim.finish();
    expect(moves(rows, 1).slice(2)).toEqual([
      '3600 release escrow:east>revenue:east 1000000',
      '4200 release escrow:east>revenue:east 166666',
      '4200 refund escrow:east>user:alice 2833334',
    ]);
    expect(jobOf(rows, 1)).toMatchObject({ final_state: 'cancelled', reason: 'by-user', charged_micro: 1_166_666n });
  });

  test.each([
    // [rule, charged, back from what the pool had not paid out]
    ['provider-bears', 0n, ['refund revenue:east>user:alice 8000000']],
    ['whole-periods', 8_000_000n, []],
    ['user-pays', 12_000_000n, []],
    ['fault-bears', 6_000_000n, ['refund revenue:east>user:alice 4000000']],
  ] as [LossRule, bigint, string[]][])('work lost by a gang’s machine after 1.5 hours: %s', (loss, charged, back) => {
    // Distribution once a day, so that everything released is still with the pool.
    const c = market({ kind: 'prepaid', loss }, { epochUs: 24 * HOUR_US });
    const { sim, rows } = simulation(c, [arrival(0, 3 * HOUR_US, gang)], { checkEveryEvent: true });
    sim.inject(90 * MINUTE, [down(1)]);
    sim.finish();
    expect(jobOf(rows, 1).charged_micro).toBe(charged);
    const refunds = rows
      .of('transfers')
      .filter((t) => t.reason === 'refund' && t.debit.startsWith('revenue'))
      .reduce((s, t) => s + t.amount_micro, 0n);
    expect(refunds).toBe(back.reduce((s, b) => s + BigInt(b.split(' ').at(-1)!), 0n));
    const user = rows.of('accounts').find((a) => a.account === 'user:alice')!;
    expect(user.credits_posted_micro - user.debits_posted_micro).toBe(1_000_000_000n - charged);
    expect(adjustments(rows)).toEqual([]);
  });

  test('what was paid out already comes from the provider’s deposit, as far as it goes', () => {
    const c = market({ kind: 'prepaid', providerDeposit: '1500000', creditBps: 1_000 });
    const { sim, rows } = simulation(c, [arrival(0, 3 * HOUR_US, gang)], { checkEveryEvent: true });
    sim.inject(150 * MINUTE, [down(1)]);
    sim.finish();
    // Each provider got 4 USD in the first hour, paid out at 2:00, and 4 in the second. Credit: a tenth of 20 USD from who failed.
    expect(moves(rows, 1).slice(6)).toEqual([
      '9000 refund escrow:east>user:alice 16000000',
      '9000 refund revenue:east>user:alice 4000000',
      '9000 seized-refund deposit:owner-n0>user:alice 1500000',
      '9000 refund revenue:east>user:alice 4000000',
      '9000 seized-refund deposit:owner-n1>user:alice 1500000',
    ]);
    expect(adjustments(rows)).toEqual([
      '9000 refund-short part 0 owner-n0 2500000',
      '9000 refund-short part 1 owner-n1 2500000',
      '9000 credit-short part 1 owner-n1 2000000',
    ]);
  });

  test('a credit is paid by whoever failed, also where nothing was released', () => {
    const c = market({ kind: 'hold', providerDeposit: '1500000', creditBps: 1_000, loss: 'user-pays' });
    const { sim, rows } = simulation(c, [arrival(0, 3 * HOUR_US, gang)], { checkEveryEvent: true });
    sim.inject(60 * MINUTE, [down(1)]);
    sim.finish();
    expect(moves(rows, 1)).toEqual([
      '0 pending user:alice>revenue:east 32000000',
      '3600 post user:alice>revenue:east 8000000',
      '3600 credit revenue:east>user:alice 800000',
    ]);
    expect(adjustments(rows)).toEqual(['3600 credit part 1 owner-n1 800000']);
  });
});

describe('escrow per block', () => {
  const escrow = { kind: 'escrow', periodUs: 10 * MINUTE, depositUs: 30 * MINUTE } as const;
  test('a deposit is drained by whole blocks and topped up ahead; a block costs its time rounded up', () => {
    const { sim, rows } = simulation(market(escrow), [arrival(30 * SECOND, 65 * MINUTE, twoHours)], {
      checkEveryEvent: true,
    });
    sim.finish();
    // 1 USD/hour = 16,667 a minute; from 0:30 to 65:30 there are 65 block boundaries. Deposit: 30 blocks.
    expect(jobOf(rows, 1).charged_micro).toBe(65n * 16_667n);
    expect(moves(rows, 1).slice(0, 5)).toEqual([
      '30 pending user:alice>escrow:east 500010',
      '30 post user:alice>escrow:east 500010',
      '600 release escrow:east>revenue:east 166670',
      '1200 release escrow:east>revenue:east 166670',
      '1800 release escrow:east>revenue:east 166670',
    ]);
    expect(moves(rows, 1)[5]).toBe('1800 top-up user:alice>escrow:east 500010');
    const paid = rows.of('transfers').filter((t) => t.reason === 'release');
    expect(paid.reduce((s, t) => s + t.amount_micro, 0n)).toBe(65n * 16_667n);
    expect(moves(rows, 1).at(-1)).toBe(`3930 refund escrow:east>user:alice ${500_010n * 3n - 65n * 16_667n}`);
  });

  test.each([
    ['first-come', [4_000_000n, 3_000_000n]],
    ['pro-rata', [3_500_000n, 3_500_000n]],
  ] as const)('a gang whose user runs out of money (%s): the job ends, the rest is owed, a deposit pays it', (shortage, got) => {
    const poor = market(
      { ...escrow, shortage, periodUs: HOUR_US, depositUs: HOUR_US, blockUs: 30 * MINUTE },
      { users: [{ id: 'alice', currency: 0, deposit: '15000000', postpaid: false }], epochUs: 24 * HOUR_US },
    );
    const { sim, rows } = simulation(poor, [arrival(0, 3 * HOUR_US, gang), arrival(3.5 * HOUR_US, HOUR_US, spec(2))], {
      checkEveryEvent: true,
    });
    sim.inject(4 * HOUR_US, [{ kind: FactKind.deposit, user: 'alice', currency: 0, amount: '3000000', seq: 1 }]);
    sim.finish();
    // Hour 1: 8 USD. Top-up of 7 (all she has). Hour 2 costs 8: 1 short, and the job is given up at 2:00.
    expect(jobOf(rows, 1)).toMatchObject({ final_state: 'cancelled', reason: 'unpaid', charged_micro: 16_000_000n });
    expect(rows.of('placements').map((p) => p.charge_micro)).toEqual([8_000_000n, 8_000_000n]);
    const second = rows.of('transfers').filter((t) => t.reason === 'release' && t.time_us === 2 * HOUR_US);
    expect(second.map((t) => t.amount_micro)).toEqual(got);
    const owed = got.map((g) => 4_000_000n - g);
    expect(adjustments(rows)).toEqual([
      ...owed.flatMap((o, i) => (o > 0n ? [`7200 unpaid part ${i} owner-n${i} ${o}`] : [])),
      ...owed.flatMap((o, i) => (o > 0n ? [`14400 debt-paid part ${i} owner-n${i} ${o}`] : [])),
    ]);
    // Whoever owes gets no new hold.
    expect(jobOf(rows, 2)).toMatchObject({ final_state: 'rejected', reason: 'insufficient-funds' });
  });
});

describe('pay as you go with debit notes', () => {
  const notes = { kind: 'notes', periodUs: 30 * MINUTE, acceptUs: 20 * MINUTE } as const;
  test('a note each period, an invoice in the end, nothing held', () => {
    const { sim, rows } = simulation(market(notes), [arrival(0, 75 * MINUTE, twoHours)], { checkEveryEvent: true });
    sim.finish();
    expect(moves(rows, 1)).toEqual([
      '0 pending user:alice>escrow:east 0',
      '0 void user:alice>escrow:east 0',
      '1800 note user:alice>revenue:east 500000',
      '3600 note user:alice>revenue:east 500000',
      '4500 invoice user:alice>revenue:east 250000',
    ]);
    expect(jobOf(rows, 1).charged_micro).toBe(1_250_000n);
  });

  test('a buyer that answers after the deadline loses the agreement', () => {
    const late = simulation(market({ ...notes, answerUs: 21 * MINUTE }), [arrival(0, 3 * HOUR_US, twoHours)], {
      checkEveryEvent: true,
    });
    late.sim.finish();
    expect(jobOf(late.rows, 1)).toMatchObject({ final_state: 'cancelled', reason: 'unpaid' });
    expect(jobOf(late.rows, 1).finish_time_us).toBe(50 * MINUTE + 1);
    const intime = simulation(market({ ...notes, answerUs: 20 * MINUTE }), [arrival(0, 3 * HOUR_US, twoHours)]);
    intime.sim.finish();
    expect(jobOf(intime.rows, 1)).toMatchObject({ final_state: 'completed', charged_micro: 3_000_000n });
    expect(moves(intime.rows, 1)[2]).toBe('3000 note user:alice>revenue:east 500000');
  });

  test('a silent user: the last note stays unpaid, no new job is taken, and answering again pays', () => {
    const { sim, rows } = simulation(
      market(notes),
      [arrival(0, 3 * HOUR_US, twoHours), arrival(2 * HOUR_US, HOUR_US, spec(2))],
      { checkEveryEvent: true },
    );
    sim.inject(40 * MINUTE, [{ kind: FactKind.payer, user: 'alice', answers: false, seq: 1 }]);
    sim.inject(4 * HOUR_US, [{ kind: FactKind.payer, user: 'alice', answers: true, seq: 2 }]);
    sim.finish();
    const usd = (BigInt(80 * MINUTE + 1) * 1_000_000n) / BigInt(HOUR_US);
    expect(jobOf(rows, 1)).toMatchObject({ final_state: 'cancelled', reason: 'unpaid', charged_micro: usd });
    expect(adjustments(rows)).toEqual([
      `4800.000001 unpaid part 0 owner-n0 ${usd - 500_000n}`,
      `14400 debt-paid part 0 owner-n0 ${usd - 500_000n}`,
    ]);
    expect(jobOf(rows, 2)).toMatchObject({ final_state: 'rejected', reason: 'insufficient-funds' });
    expect(moves(rows, 1).at(-1)).toBe(`14400 debt user:alice>revenue:east ${usd - 500_000n}`);
  });
});

test('a quote under other rules than the chain’s is refused: the hash covers the contract', () => {
  const { sim, rows } = simulation(market({ kind: 'prepaid' }), [arrival(0, MINUTE, spec(1))]);
  sim.finish();
  const plain = simulation(config(), [arrival(0, MINUTE, spec(1))]);
  plain.sim.finish();
  const other = simulation(market({ kind: 'prepaid', loss: 'user-pays' }), [arrival(0, MINUTE, spec(1))]);
  other.sim.finish();
  const ids = [rows, plain.rows, other.rows].map((r) => jobOf(r, 1).quote_id);
  expect(new Set(ids).size).toBe(3);
});

test('impossible contracts are refused before anything runs', () => {
  const fault = (over: Partial<ContractRules>) => () => simulation(market(over), []);
  expect(fault({ kind: 'gift' as never })).toThrow(/unknown kind/);
  expect(fault({ kind: 'escrow', periodUs: 90 * SECOND })).toThrow(/multiple/);
  expect(fault({ kind: 'escrow', depositUs: MINUTE })).toThrow(/cover a period/);
  expect(fault({ kind: 'notes', acceptUs: SECOND })).toThrow(/at least 5 s/);
  expect(fault({ loss: 'nobody' as never })).toThrow(/rule of losses/);
  expect(fault({ creditBps: 10_001 })).toThrow(/creditBps/);
  expect(fault({ providerDeposit: '-1' })).toThrow(/providerDeposit/);
  const refused = (over: Partial<MarketConfig>) => () => simulation(config(over), []);
  const disputes = { rule: 'metered', windowUs: 1, answerUs: 1, decideUs: 1, bondBps: 0, arbiters: [] } as const;
  expect(refused({ disputes: { ...disputes, arbiters: [], rule: 'dice' as never } })).toThrow(/unknown rule/);
  expect(refused({ disputes: { ...disputes, arbiters: [], windowUs: 0 } })).toThrow(/at least 1 us/);
  expect(refused({ disputes: { ...disputes, arbiters: [], bondBps: -1 } })).toThrow(/bondBps/);
  const budget = { amount: '5', periodUs: 0, perJob: '0', over: 'refuse', leastUs: 1, alertsBps: [5000] } as const;
  const user = { id: 'alice', currency: 0, deposit: '0', postpaid: true };
  const spends = (more: object) => refused({ users: [{ ...user, budget: { ...budget, alertsBps: [5000], ...more } }] });
  expect(spends({ amount: '-5' })).toThrow(/whole micro-units/);
  expect(spends({ over: 'never' })).toThrow(/refuse or shorten/);
  expect(spends({ alertsBps: [5000, 5000] })).toThrow(/ascend/);
  const supply = { pay: 'use', subsidy: '0', feeBps: 10_000 } as const;
  const sells = (more: object) => refused({ pools: [pool('east', { supply: { ...supply, ...more } }), pool('west')] });
  expect(sells({ feeBase: 'v' })).toThrow(/feeBase/);
  expect(sells({ feeBase: 'gross-up' })).toThrow(/raised/);
  expect(sells({ feeBase: 'surplus', pay: 'availability' })).toThrow(/pay for use/);
});
