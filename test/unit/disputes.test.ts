/** One disputed charge, step by step: amounts and deadlines worked out by hand, also at the last microsecond. */
import { describe, expect, test } from 'vitest';
import type { DisputeAct } from '../../core/facts.ts';
import type { Port } from '../../core/machine.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import type { Contract } from '../../core/settlement/contract.ts';
import { Disputes } from '../../core/settlement/disputes.ts';
import { Distribution } from '../../core/settlement/distribution.ts';
import { Ledger } from '../../core/settlement/ledger.ts';
import { type DisputeRules, Outcome } from '../../core/types.ts';
import { config } from '../support/market.ts';

const CHARGE = 1_001n;
const LEASE = 40;

function charged(over: Partial<DisputeRules> = {}, read = true) {
  const rules: DisputeRules = {
    rule: 'checked',
    windowUs: 100,
    answerUs: 10,
    decideUs: 20,
    bondBps: 1000,
    arbiters: ['judge'],
    ...over,
  };
  const c = config({ disputes: rules });
  const rows: Row<'disputes'>[] = [];
  const moves: string[] = [];
  const port: Port = {
    send: () => {},
    forget: () => {},
    act: () => {},
    decide: () => {},
    row: <T extends TableName>(table: T, row: Row<T>) => {
      if (table === 'disputes') rows.push(row as Row<'disputes'>);
    },
  };
  const ledger = new Ledger(c.currencies, (t) =>
    moves.push(`${t.time} ${t.kind} ${t.reason} ${t.debit.party}>${t.credit.party} ${t.amount}`),
  );
  const distribution = new Distribution(c, ledger);
  const disputes = new Disputes(c, ledger, distribution, port, () => false);
  const world = ledger.open('world', 0, false);
  ledger.transfer(0, world, ledger.open('user:alice', 0, true), 2_000n, 0, 'deposit');
  ledger.transfer(0, world, ledger.open('deposit:owner-n0', 0, true), 500n, 0, 'deposit');
  const contract = {
    job: 1,
    hold: 4097,
    pot: 0,
    lease: LEASE,
    quote: { currency: 0 },
    spec: { user: 'alice' },
    claims: [{ part: 0, node: 0, read, outcome: Outcome.completed }],
  } as unknown as Contract;
  ledger.transfer(0, ledger.find('user:alice', 0)!, distribution.revenue(0, 0), CHARGE, 4097, 'charge');
  disputes.earn(contract, 0, CHARGE);
  disputes.opened(1000, contract);
  let seq = 0;
  moves.length = 0;
  const say = (now: number, act: DisputeAct) => disputes.act(now, act, ++seq);
  return {
    disputes,
    rows,
    moves,
    balance: (party: string) => ledger.balance(ledger.find(party, 0) ?? ledger.open(party, 0, true)),
    fault: () => ledger.fault() ?? disputes.fault(),
    /** Deadlines before the stamp, then the acts, then what they decide: as a pulse of Settlement. */
    at(now: number, ...acts: DisputeAct[]) {
      for (let due = disputes.nextWakeup(); due < now; due = disputes.nextWakeup()) disputes.due(due);
      for (const a of acts) say(now, a);
      disputes.due(now);
    },
    divide(now: number, all = false) {
      disputes.ripen(now, all);
      distribution.run(now);
    },
    last: () => `${rows.at(-1)!.time_us} ${rows.at(-1)!.event} ${rows.at(-1)!.reason}`,
  };
}

const file: DisputeAct = { do: 'file', lease: LEASE, by: 'alice' };
const contest: DisputeAct = { do: 'contest', lease: LEASE, by: 'owner-n0' };
const check = (good: boolean): DisputeAct => ({ do: 'check', lease: LEASE, by: 'judge', good });

describe('a dispute', () => {
  test('held, contested, found wrong: the user has the charge and the other side’s bond', () => {
    const d = charged();
    d.at(1050, file);
    // A tenth of 1,001, rounded down.
    expect(d.moves).toEqual([
      '1050 pending dispute-bond user:alice>provider:owner-n0 100',
      '1050 pending dispute revenue:east>user:alice 1001',
    ]);
    d.at(1060, contest);
    expect(d.moves.at(-1)).toBe('1060 pending dispute-bond deposit:owner-n0>user:alice 100');
    expect(d.fault()).toBeNull();
    d.divide(1070);
    expect(d.balance('provider:owner-n0')).toBe(0n);
    d.at(1080, check(false));
    expect(d.last()).toBe('1080 upheld found-wrong');
    expect(d.balance('user:alice')).toBe(2_100n);
    expect(d.balance('deposit:owner-n0')).toBe(400n);
    expect(d.balance('revenue:east')).toBe(0n);
    expect(d.fault()).toBeNull();
  });

  test('found right: the provider has its income and the bond, and the income is divided', () => {
    const d = charged();
    d.at(1050, file);
    d.at(1051, contest, check(true));
    expect(d.last()).toBe('1051 rejected found-right');
    d.divide(1060);
    // 80 % of 1,001 by largest remainder, and the bond of 100.
    expect(d.balance('provider:owner-n0')).toBe(801n + 100n);
    expect(d.balance('user:alice')).toBe(2_000n - CHARGE - 100n);
    expect(d.balance('deposit:owner-n0')).toBe(500n);
  });

  test('the window is half-open, an answer at its deadline counts, one after it does not', () => {
    const late = charged();
    late.at(1100, file);
    expect(late.last()).toBe('1100 file-refused window-over');
    const last = charged();
    last.at(1099, file);
    last.at(1109, contest);
    expect(last.last()).toBe('1109 contested ok');
    last.at(1129, check(true));
    expect(last.last()).toBe('1129 rejected found-right');
    const silent = charged();
    silent.at(1099, file);
    silent.at(1110, contest);
    expect(silent.rows.map((r) => `${r.time_us} ${r.event} ${r.reason}`)).toEqual([
      '1099 filed ok',
      '1109 upheld no-answer',
      '1110 answer-refused no-such-line',
    ]);
  });

  test.each([
    ['metered', true, 'rejected metered', 1050],
    ['metered', false, 'upheld not-metered', 1050],
    ['checked', true, 'rejected metered', 1070],
    ['checked', false, 'upheld not-metered', 1070],
    ['proven', true, 'upheld unproven', 1070],
  ] as const)('contested and never checked under %s, reading there: %s', (rule, read, verdict, at) => {
    const d = charged({ rule }, read);
    d.at(1050, file, contest);
    d.at(2000);
    expect(d.last()).toBe(`${at} ${verdict}`);
  });

  test('wrong outweighs right, in any order, also before anybody files', () => {
    for (const words of [
      [true, false],
      [false, true],
    ]) {
      const d = charged();
      d.at(1010, ...words.map(check));
      d.at(1020, file, contest);
      expect(d.last()).toBe('1020 upheld found-wrong');
    }
  });

  test('is not for strangers, nor for whoever files again, nor once it is divided', () => {
    const d = charged();
    d.at(1010, { ...file, by: 'bob' });
    expect(d.last()).toBe('1010 file-refused not-yours');
    d.at(1020, file);
    d.at(1021, file, { ...contest, by: 'owner-n1' }, { ...check(false), by: 'nobody' });
    expect(d.last()).toBe('1021 answer-refused not-yours');
    d.at(1022, { do: 'concede', lease: LEASE, by: 'owner-n0' });
    expect(d.last()).toBe('1022 upheld conceded');
    expect(d.balance('user:alice')).toBe(2_000n);
    const over = charged();
    over.divide(1099);
    expect(over.balance('provider:owner-n0')).toBe(0n);
    over.divide(1100);
    expect(over.balance('provider:owner-n0')).toBe(801n);
    over.at(1100, file);
    expect(over.last()).toBe('1100 file-refused no-such-line');
  });

  test('whoever cannot lodge the bond is not heard', () => {
    const poor = charged({ bondBps: 10_000 });
    poor.at(1010, file);
    expect(poor.last()).toBe('1010 file-refused insufficient-funds');
    expect(poor.moves).toEqual([]);
    // The provider’s deposit of 500 does not cover 60 %, and it has no income yet.
    const strict = charged({ bondBps: 6000 });
    strict.at(1010, file);
    strict.at(1011, contest);
    expect(strict.last()).toBe('1011 answer-refused insufficient-funds');
  });

  test('when the market closes, open cases are judged by what is known, and silence counts against nobody', () => {
    const d = charged();
    d.at(1050, file);
    d.divide(1055, true);
    expect(d.last()).toBe('1055 rejected metered');
    expect(d.balance('provider:owner-n0')).toBe(801n + 100n);
    expect(d.balance('revenue:east')).toBe(0n);
  });
});
