/** Random command sequences against the slow model; every result code is met; ten planted one-unit faults are all caught. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeskCode, deskCodeNames } from '../../core/settlement/transfer-desk.ts';
import { LedgerModel, type ModelAccount, type ModelRequest } from '../support/ledger-model.ts';
import { loadMutant, type Mutation } from '../support/source-mutants.ts';

const runs = Number(process.env['JANCTION_RUNS'] ?? 1000);
const WINDOW = 24;
type Modules = typeof import('../../core/settlement/transfer-desk.ts') & {
  Ledger: typeof import('../../core/settlement/ledger.ts').Ledger;
};

const files = ['core/settlement/ledger.ts', 'core/settlement/transfer-desk.ts'];
const real = async (): Promise<Modules> => ({
  ...(await import('../../core/settlement/transfer-desk.ts')),
  Ledger: (await import('../../core/settlement/ledger.ts')).Ledger,
});
const accounts: ModelAccount[] = [
  { ledger: 0, debitsMustNotExceedCredits: false, creditsMustNotExceedDebits: false },
  { ledger: 0, debitsMustNotExceedCredits: true, creditsMustNotExceedDebits: false },
  { ledger: 0, debitsMustNotExceedCredits: true, creditsMustNotExceedDebits: false },
  { ledger: 0, debitsMustNotExceedCredits: false, creditsMustNotExceedDebits: true },
  { ledger: 1, debitsMustNotExceedCredits: false, creditsMustNotExceedDebits: false },
];
const MAX = 9_223_372_036_854_775_807n;

type Command = { advance: number } | { batch: ModelRequest[] } | { repeat: number };

const request: fc.Arbitrary<ModelRequest> = fc
  .record({
    source: fc.nat(1),
    /** How far beyond the last number of the source; below 1 = a number from the past. */
    step: fc.oneof(
      { weight: 8, arbitrary: fc.constant(1) },
      { weight: 2, arbitrary: fc.integer({ min: -30, max: 4 }) },
    ),
    flags: fc.oneof(
      { weight: 8, arbitrary: fc.constant(0) },
      { weight: 5, arbitrary: fc.constant(2) },
      { weight: 4, arbitrary: fc.constant(4) },
      { weight: 3, arbitrary: fc.constant(8) },
      { weight: 2, arbitrary: fc.constantFrom(16, 32, 48, 18, 34) },
      { weight: 1, arbitrary: fc.nat(63) },
    ),
    debit: fc.integer({ min: -1, max: 5 }),
    credit: fc.integer({ min: -1, max: 5 }),
    inherit: fc.integer({ min: 0, max: 3 }),
    amount: fc.oneof(
      { weight: 10, arbitrary: fc.bigInt({ min: 0n, max: 40n }) },
      { weight: 1, arbitrary: fc.constantFrom(MAX, MAX - 10n, MAX + 1n, -1n) },
    ),
    back: fc.integer({ min: 0, max: 12 }),
    timeoutUs: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      { weight: 4, arbitrary: fc.integer({ min: -1, max: 20 }) },
    ),
  })
  .map(({ step, back, inherit, flags, timeoutUs, ...r }) => {
    const resolves = (flags & 12) !== 0;
    // Numbers are relative here and made absolute when the sequence is played.
    return {
      ...r,
      flags,
      id: step,
      pendingId: resolves ? back : back > 11 ? 1 : 0,
      timeoutUs: (flags & 2) !== 0 || timeoutUs < 2 ? timeoutUs : 0,
      debit: resolves && inherit > 0 ? -1 : r.debit,
      credit: resolves && inherit > 0 ? -1 : r.credit,
    };
  });

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 15 }).map((advance) => ({ advance })) },
  { weight: 10, arbitrary: request.map((r) => ({ batch: [{ ...r, flags: r.flags & ~1 }] })) },
  {
    weight: 3,
    arbitrary: fc.array(request, { minLength: 2, maxLength: 4 }).map((list) => ({
      batch: list.map((r, i) => ({ ...r, flags: i < list.length - 1 || r.source === 1 ? r.flags | 1 : r.flags & ~1 })),
    })),
  },
  { weight: 2, arbitrary: fc.nat(20).map((repeat) => ({ repeat })) },
  {
    // A reservation that fits, resolved twice.
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(4, 8), fc.constantFrom(4, 8), fc.bigInt({ min: 1n, max: 9n }))
      .map(([first, second, amount]) => {
        const base = { source: 0, id: 1, timeoutUs: 0 };
        const resolve = (flags: number, pendingId: number) => ({
          ...base,
          flags,
          debit: -1,
          credit: -1,
          amount: flags === 4 ? MAX : 0n,
          pendingId,
        });
        return {
          batch: [
            { ...base, flags: 2, debit: 0, credit: 1, amount, pendingId: 0 },
            resolve(first, 1),
            resolve(second, 2),
          ],
        };
      }),
  },
);
const sequence = fc.array(command, { minLength: 80, maxLength: 200, size: 'max' });

/** Plays a sequence on both; answers the first difference. */
function play(m: Modules, commands: readonly Command[], seen: Set<string>): string | null {
  let booked = 0n;
  const ledger = new m.Ledger([{ code: 'A' }, { code: 'B' }] as never, (e) => {
    booked += e.kind === 'pending' || e.kind === 'void' ? 0n : e.amount;
  });
  for (const [i, a] of accounts.entries())
    ledger.open(`a${i}`, a.ledger, a.debitsMustNotExceedCredits, a.creditsMustNotExceedDebits);
  const desk = new m.TransferDesk(ledger, WINDOW);
  const model = new LedgerModel(accounts, WINDOW);
  const high = [0, 0];
  let now = 0;
  const past: ModelRequest[][] = [];
  for (const [at, c] of commands.entries()) {
    if ('advance' in c) {
      now += c.advance;
      desk.advance(now);
      model.advance(now);
    } else {
      let batch: ModelRequest[];
      if ('repeat' in c) {
        const old = past[past.length - 1 - c.repeat];
        if (old === undefined) continue;
        batch = old;
      } else {
        batch = c.batch.map((r) => {
          const id = high[r.source]! + r.id;
          high[r.source] = Math.max(high[r.source]!, id);
          return {
            ...r,
            id,
            pendingId: (r.flags & 12) !== 0 && r.pendingId > 0 ? Math.max(0, id - r.pendingId) : r.pendingId,
          };
        });
        past.push(batch);
      }
      const got = desk.submit(batch).map((x) => deskCodeNames[x]!);
      const want = model.submit(batch);
      for (const g of got) seen.add(g);
      if (got.join() !== want.join()) return `command ${at}: codes ${got.join()} where ${want.join()} belong`;
    }
    for (const [i] of accounts.entries()) {
      const a = ledger.accounts[i]!;
      const got = [a.debitsPending, a.debitsPosted, a.creditsPending, a.creditsPosted].join();
      const want = model.balance(i).join();
      if (got !== want) return `command ${at}: account ${i} holds ${got} where ${want} belongs`;
    }
    const fault = ledger.fault();
    if (fault !== null) return `command ${at}: ${fault}`;
    const moved = accounts.reduce((s, _, i) => s + model.balance(i)[1], 0n);
    if (booked !== moved) return `command ${at}: rows tell of ${booked} moved where ${moved} was`;
  }
  return null;
}

test(`${runs} sequences of median length over 100 agree with the model; every code is met`, async () => {
  const m = await real();
  const seen = new Set<string>();
  const lengths: number[] = [];
  fc.assert(
    fc.property(sequence, (commands) => {
      lengths.push(commands.length);
      expect(play(m, commands, seen)).toBeNull();
    }),
    { seed: 31, numRuns: runs },
  );
  lengths.sort((a, b) => a - b);
  expect(lengths[Math.floor(lengths.length / 2)]!).toBeGreaterThanOrEqual(100);
  const missed = Object.keys(DeskCode)
    .map((_, i) => deskCodeNames[i]!)
    .filter((n) => !seen.has(n));
  if (runs >= 1000) expect(missed, `codes met: ${[...seen].join(' ')}`).toEqual([]);
}, 3_600_000);

test('a snapshot in the middle continues as the original', async () => {
  const m = await real();
  fc.assert(
    fc.property(sequence, (commands) => {
      const make = () => {
        const ledger = new m.Ledger([{ code: 'A' }, { code: 'B' }] as never, () => {});
        return { ledger, desk: null as InstanceType<Modules['TransferDesk']> | null };
      };
      const a = make();
      for (const [i, x] of accounts.entries())
        a.ledger.open(`a${i}`, x.ledger, x.debitsMustNotExceedCredits, x.creditsMustNotExceedDebits);
      let desk = new m.TransferDesk(a.ledger, WINDOW);
      const other = make();
      for (const [i, x] of accounts.entries())
        other.ledger.open(`a${i}`, x.ledger, x.debitsMustNotExceedCredits, x.creditsMustNotExceedDebits);
      const plain = new m.TransferDesk(other.ledger, WINDOW);
      let now = 0;
      let id = 0;
      for (const [k, c] of commands.entries()) {
        if (k % 17 === 16) {
          const fresh = make();
          const [ls, ds] = [desk.ledger.snapshot(), desk.snapshot()];
          fresh.ledger.restore(structuredClone(ls));
          desk = new m.TransferDesk(fresh.ledger, WINDOW);
          desk.restore(structuredClone(ds));
        }
        if ('advance' in c) {
          now += c.advance;
          desk.advance(now);
          plain.advance(now);
        } else if ('batch' in c) {
          const batch = c.batch.map((r) => ({
            ...r,
            id: ++id,
            pendingId: (r.flags & 12) !== 0 ? Math.max(0, id - r.pendingId) : 0,
          }));
          expect(desk.submit(batch)).toEqual(plain.submit(batch));
        }
        expect(desk.ledger.snapshot()).toEqual(plain.ledger.snapshot());
      }
    }),
    { seed: 32, numRuns: Math.max(1, Math.round(runs / 40)) },
  );
});

const L = files[0]!;
const D = files[1]!;
const planted: Mutation[] = [
  {
    file: L,
    from: 'debit.debitsPosted += amount;\n    credit.creditsPosted += amount;\n    this.#book',
    to: 'debit.debitsPosted += amount;\n    credit.creditsPosted += amount + (amount > 5n ? 0n : 0n) + (amount === 7n ? 1n : 0n);\n    this.#book',
  },
  {
    file: L,
    from: 'debit.debitsPending + debit.debitsPosted + amount > debit.creditsPosted)\n      return LedgerCode.exceedsCredits',
    to: 'debit.debitsPending + debit.debitsPosted + amount > debit.creditsPosted + 1n)\n      return LedgerCode.exceedsCredits',
  },
  {
    file: L,
    from: 'credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted)',
    to: 'credit.creditsPending + credit.creditsPosted + amount - 1n > credit.debitsPosted)',
  },
  {
    file: L,
    from: 'p.debit.debitsPending -= p.amount;',
    to: 'p.debit.debitsPending -= p.amount === 9n ? 8n : p.amount;',
  },
  {
    file: L,
    from: 'p.credit.creditsPosted += amount;',
    to: 'p.credit.creditsPosted += amount < p.amount ? amount + 1n : amount;',
  },
  {
    file: L,
    from: 'for (let i = chain.undo.length - 1; i >= 0; i--)',
    to: 'for (let i = chain.undo.length - 1; i >= 1; i--)',
  },
  {
    file: D,
    from: 'r.amount > held && r.amount !== AMOUNT_MAX',
    to: 'r.amount > held + 1n && r.amount !== AMOUNT_MAX',
  },
  {
    file: D,
    from: 'r.amount === AMOUNT_MAX ? p.amount : r.amount',
    to: 'r.amount === AMOUNT_MAX ? p.amount - 1n : r.amount',
  },
  {
    file: D,
    from: 'const room = debit.creditsPosted - debit.debitsPosted - debit.debitsPending;',
    to: 'const room = debit.creditsPosted - debit.debitsPosted - debit.debitsPending - 1n;',
  },
  { file: D, from: 'this.#now + r.timeoutUs;', to: 'this.#now + r.timeoutUs + 1;' },
  { file: D, from: 'r.id <= w.high - w.size', to: 'r.id < w.high - w.size' },
  {
    file: D,
    from: 'debit.debitsPending + debit.debitsPosted + amount > MAX_AMOUNT',
    to: 'debit.debitsPosted + amount > MAX_AMOUNT',
  },
];

describe('planted faults of one unit', () => {
  test('the unchanged source, loaded the same way, has none', async () => {
    const m = await loadMutant<Modules>(files, null);
    fc.assert(
      fc.property(sequence, (commands) => play(m, commands, new Set()) === null),
      { seed: 33, numRuns: 100 },
    );
  });
  test.each(planted.map((p, i) => [i + 1, p] as const))('number %i is caught', async (_, p) => {
    const m = await loadMutant<Modules>(files, p);
    const found = fc.check(
      fc.property(sequence, (commands) => play(m, commands, new Set()) === null),
      { seed: 34, numRuns: 400, endOnFailure: true },
    );
    expect(found.failed, p.to).toBe(true);
  });
});
