/**
 * Any interleaving of retries, duplicates and crashes of the billing stream leaves the same statements. Two streams: what Settlement hears
 * (claims, meter readings, final readings, deposits) in markets under every contract; and readings from outside, through a meter, into
 * charges of the transfer desk.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fact, FactKind } from '../../core/facts.ts';
import type { Input, Port } from '../../core/machine.ts';
import { MessageKind } from '../../core/messages.ts';
import { clonePlain } from '../../core/plain.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { Ledger } from '../../core/settlement/ledger.ts';
import { Meter, type Reading } from '../../core/settlement/meter.ts';
import { Settlement, type SettlementState } from '../../core/settlement/settlement.ts';
import { TransferDesk } from '../../core/settlement/transfer-desk.ts';
import { contractKinds, HOUR_US, type MarketConfig } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { contractRules } from '../support/contracts.ts';
import { disputeActs, randomDisputes } from '../support/disputes.ts';
import { mailOf } from '../support/mail.ts';
import { generator, SECOND, simulation } from '../support/market.ts';
import { runs } from '../support/runs.ts';
import { workload } from '../support/workload.ts';

const HORIZON = 30 * HOUR_US;
const clone = <T>(x: T): T => clonePlain(x as never) as T;

interface Heard {
  at: number;
  input: Input;
  from: number;
}

/** What Settlement hears in a run, pulse by pulse: deadlines are pulses that hear nothing. */
function record(config: MarketConfig, seed: number, quarrels: readonly [number, Fact[]][] = []): Heard[][] {
  const w = workload(seed, 60);
  const pulses: Heard[][] = [];
  const pulse = Settlement.prototype.pulse;
  Settlement.prototype.pulse = function (at, mail) {
    const heard: Heard[] = [];
    while (mail.next()) heard.push({ at, input: clone(mail.input), from: mail.from });
    pulses.push(heard.length === 0 ? [{ at, input: null as never, from: -1 }] : heard);
    pulse.call(this, at, mailOf(heard));
  };
  try {
    const { sim } = simulation(config, w.arrivals, { lives: w.lives, seed, horizonUs: HORIZON });
    const deposits = Array.from({ length: 6 }, (_, i): [number, Fact] => [
      (i * 4 + 1) * HOUR_US + 17,
      { kind: FactKind.deposit, user: 'alice', currency: 0, amount: String(1_000_000 + i), seq: i + 1 },
    ]);
    for (const [at, facts] of [...deposits.map(([t, f]): [number, Fact[]] => [t, [f]]), ...quarrels].sort(
      (a, b) => a[0] - b[0],
    ))
      sim.inject(at, facts);
    sim.finish();
  } finally {
    Settlement.prototype.pulse = pulse;
  }
  return pulses;
}

/** Disputes about what is charged in the run without them: until the first is decided nothing else differs. */
function quarrelsOf(config: MarketConfig, seed: number): [number, Fact[]][] {
  const w = workload(seed, 60);
  const { sim, rows } = simulation(config, w.arrivals, { lives: w.lives, seed, horizonUs: HORIZON });
  sim.finish();
  return disputeActs(HORIZON, rows, seed);
}

const repeatable = new Set<number>([
  MessageKind.claim,
  MessageKind.metered,
  MessageKind.reading,
  FactKind.deposit,
  FactKind.dispute,
]);

/** Sum of what each account holds, what each attempt was charged and what was adjusted: the statements of a run. */
class Books {
  readonly rows = new Map<string, bigint>();
  readonly port: Port = {
    send: () => {},
    forget: () => {},
    act: () => {},
    decide: () => {},
    row: <T extends TableName>(table: T, row: Row<T>) => this.#row(table, row as Record<string, unknown>),
  };
  #row(table: TableName, r: Record<string, unknown>): void {
    if (table === 'accounts') {
      for (const side of ['debits_pending', 'debits_posted', 'credits_pending', 'credits_posted'])
        this.rows.set(`${r['account']}/${r['currency']}/${side}`, r[`${side}_micro`] as bigint);
    } else if (table === 'placements' || table === 'adjustments') {
      const key = `${table}/${r['job_id']}/${r['attempt']}/${r['part']}/${r['kind'] ?? ''}`;
      this.rows.set(key, (this.rows.get(key) ?? 0n) + ((r['charge_micro'] ?? r['amount_micro']) as bigint));
    }
  }
  get statement(): string[] {
    return [...this.rows].map(([k, v]) => `${k} ${v}`).sort((a, b) => (a < b ? -1 : 1));
  }
}

/** The stream as it should be. */
function straight(config: MarketConfig, pulses: readonly Heard[][]): string[] {
  const books = new Books();
  const s = new Settlement(config, books.port, shipped);
  for (const p of pulses) {
    s.pulse(p[0]!.at, mailOf(p.filter((h) => h.from >= 0).map((h) => ({ ...h, input: clone(h.input) }))));
  }
  s.report();
  return books.statement;
}

/** The stream with inputs again and again, late, between others, and with crashes: back to a snapshot, and the log from there. */
function disturbed(
  config: MarketConfig,
  pulses: readonly Heard[][],
  seed: number,
): { statement: string[]; again: number; crashes: number } {
  const r = generator(seed);
  const old: Heard[] = [];
  let again = 0;
  let crashes = 0;
  let books = new Books();
  let s = new Settlement(config, books.port, shipped);
  let saved: { state: SettlementState; rows: [string, bigint][]; log: Heard[][] } | null = null;
  const take = (p: readonly Heard[]): void => {
    s.pulse(p[0]!.at, mailOf(p.filter((h) => h.from >= 0).map((h) => ({ ...h, input: clone(h.input) }))));
  };
  for (const p of pulses) {
    const batch: Heard[] = [];
    for (const h of p) {
      if (h.from < 0) continue;
      batch.push(h);
      if (!repeatable.has(h.input.kind)) continue;
      old.push(h);
      // Twice on end, or an old one between others.
      while (r() < 0.3) {
        batch.push(r() < 0.5 ? h : old[Math.floor(r() * old.length)]!);
        again++;
      }
    }
    // Between any two pulses: something old, at this stamp.
    if (r() < 0.1 && old.length > 0) {
      batch.push(old[Math.floor(r() * old.length)]!);
      again++;
    }
    const heard = batch.length === 0 ? p : batch.map((h) => ({ ...h, at: p[0]!.at }));
    take(heard);
    saved?.log.push(heard);
    if (r() < 0.03) saved = { state: clone(s.snapshot()), rows: [...books.rows], log: [] };
    if (saved !== null && r() < 0.02) {
      crashes++;
      books = new Books();
      for (const [k, v] of saved.rows) books.rows.set(k, v);
      s = new Settlement(config, books.port, shipped);
      s.restore(clone(saved.state));
      for (const logged of saved.log) take(logged);
    }
  }
  s.report();
  return { statement: books.statement, again, crashes };
}

describe('what Settlement hears', () => {
  test.each(contractKinds)('under %s: the same statements', (kind) => {
    for (let seed = 1; seed <= runs(4); seed++) {
      const w = workload(seed, 60);
      const contract = contractRules({
        kind,
        periodUs: 600 * SECOND,
        depositUs: 1200 * SECOND,
        loss: 'fault-bears',
        creditBps: 700,
        providerDeposit: '900000',
      });
      const users = [
        { id: 'alice', currency: 0, deposit: '40000000', postpaid: false },
        { id: 'bob', currency: 0, deposit: '0', postpaid: true },
        { id: 'carol', currency: 1, deposit: '900000000000', postpaid: false },
      ];
      const config = { ...w.config, users, contract, disputes: { ...randomDisputes(generator(seed)), bondBps: 500 } };
      const pulses = record(config, seed, quarrelsOf(config, seed));
      expect(pulses.flat().filter((h) => h.input?.kind === FactKind.dispute).length).toBeGreaterThan(20);
      const want = straight(config, pulses);
      expect(want.filter((line) => line.startsWith('placements')).length).toBeGreaterThan(10);
      for (let k = 1; k <= 3; k++) {
        const d = disturbed(config, pulses, seed * 100 + k);
        expect(d.again).toBeGreaterThan(20);
        expect(d.statement).toEqual(want);
      }
    }
  });

  test('canary: a reading that counts twice is noticed', () => {
    const w = workload(1, 60);
    const config = { ...w.config, contract: contractRules({ kind: 'notes', periodUs: 600 * SECOND }) };
    const pulses = record(config, 1);
    const doubled = pulses.map((p) =>
      p.flatMap((h) =>
        h.from >= 0 && h.input.kind === FactKind.deposit
          ? [h, { ...h, input: { ...h.input, seq: h.input.seq + 100 } }]
          : [h],
      ),
    );
    expect(straight(config, doubled)).not.toEqual(straight(config, pulses));
  });
});

describe('readings from outside', () => {
  const PERIOD = HOUR_US;
  const SOURCES = ['a', 'b', 'c'];
  /** What the user owes for each period: floor(rate x use), as one pending and posted transfer with the period's number. */
  const bill = (meter: Meter, periods: number, retries: number[]): string[] => {
    const ledger = new Ledger([{ code: 'USD', scale: 6 }], () => {});
    const user = ledger.open('user', 0, false);
    const pool = ledger.open('pool', 0, true);
    const desk = new TransferDesk(ledger);
    const charge = (p: number) => {
      const { use, corrections } = meter.period(p);
      const amount = ((use + corrections) * 1_234_567n) / 3_600_000_000n;
      desk.submit([
        {
          source: 0,
          id: p + 1,
          flags: 0,
          debit: user.index,
          credit: pool.index,
          amount: amount < 0n ? 0n : amount,
          pendingId: 0,
          timeoutUs: 0,
        },
      ]);
    };
    for (let p = 0; p < periods; p++) charge(p);
    for (const p of retries) charge(p % periods);
    return [ledger.balance(user), ledger.balance(pool)].map(String);
  };

  test('any order, any number of times, through any crash: the same bills', () => {
    const reading = fc.record({
      source: fc.constantFrom(...SOURCES),
      timeUs: fc.integer({ min: 0, max: 6 * HOUR_US - 1 }),
      quantity: fc.bigInt({ min: -1_000_000n, max: 3_600_000_000n }),
    });
    fc.assert(
      fc.property(
        fc.array(reading, { minLength: 5, maxLength: 60 }),
        fc.array(fc.nat(1_000_000), { minLength: 200, maxLength: 200 }),
        (list, dice) => {
          const next = new Map<string, number>();
          const readings: Reading[] = list.map((x) => {
            const id = (next.get(x.source) ?? 0) + 1;
            next.set(x.source, id);
            return { ...x, id };
          });
          const sum = new Meter(PERIOD);
          for (const x of readings) sum.take(x);
          let k = 0;
          const die = (n: number) => dice[k++ % dice.length]! % n;
          const stream = [...readings];
          for (let i = 0; i < 20; i++) stream.splice(die(stream.length + 1), 0, readings[die(readings.length)]!);
          for (let i = stream.length - 1; i > 0; i--) {
            const j = die(i + 1);
            [stream[i], stream[j]] = [stream[j]!, stream[i]!];
          }
          let meter = new Meter(PERIOD);
          let saved = meter.snapshot();
          let log: Reading[] = [];
          for (const x of stream) {
            meter.take(x);
            log.push(x);
            if (die(6) === 0) {
              saved = structuredClone(meter.snapshot());
              log = [];
            }
            if (die(9) === 0) {
              // The crash loses what came since the snapshot; its senders say all of it again, and some more.
              meter = new Meter(PERIOD);
              meter.restore(structuredClone(saved));
              for (const y of [...log, ...stream.slice(0, die(5))]) meter.take(y);
            }
          }
          for (const x of stream) meter.take(x);
          for (let p = 0; p < 6; p++) expect(meter.period(p)).toEqual(sum.period(p));
          expect(bill(meter, 6, dice.slice(0, 9))).toEqual(bill(sum, 6, []));
        },
      ),
      { seed: 11, numRuns: runs(200) },
    );
  });
});
