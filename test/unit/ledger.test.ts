import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Account, Ledger, LedgerCode, MAX_AMOUNT, type TransferEntry } from '../../core/settlement/ledger.ts';

const currencies = [
  { code: 'USD', scale: 6 },
  { code: 'JCT', scale: 6 },
];

function books() {
  const log: TransferEntry[] = [];
  const ledger = new Ledger(currencies, (t) => log.push({ ...t }));
  return { ledger, log };
}

const four = (a: Account) => [a.debitsPending, a.debitsPosted, a.creditsPending, a.creditsPosted].map(Number);

describe('ledger', () => {
  test('the published two-phase example: 100 in, 70 out, 50 more cannot be reserved', () => {
    const { ledger } = books();
    const bank = ledger.open('bank', 0, false);
    const renter = ledger.open('renter', 0, true);
    const escrow = ledger.open('escrow', 0, true);
    expect(ledger.transfer(0, bank, renter, 100n, 0, 'in')).toBe(LedgerCode.ok);
    expect(ledger.transfer(0, renter, escrow, 70n, 0, 'out')).toBe(LedgerCode.ok);
    expect(ledger.reserve(0, renter, escrow, 50n, 0, 'more')).toBe(LedgerCode.exceedsCredits);
    expect(four(renter)).toEqual([0, 70, 0, 100]);
    expect(four(escrow)).toEqual([0, 0, 0, 70]);
  });

  test('a reservation is posted in part or let go, once', () => {
    const { ledger } = books();
    const bank = ledger.open('bank', 0, false);
    const a = ledger.open('a', 0, true);
    const b = ledger.open('b', 0, true);
    ledger.transfer(0, bank, a, 100n, 0, 'in');
    expect(ledger.reserve(1, a, b, 40n, 7, 'hold')).toBe(LedgerCode.ok);
    const id = ledger.lastId;
    expect(four(a)).toEqual([40, 0, 0, 100]);
    expect(ledger.post(2, id, 41n, 'x')).toBe(LedgerCode.exceedsPending);
    expect(ledger.post(2, id, 25n, 'x')).toBe(LedgerCode.ok);
    expect(four(a)).toEqual([0, 25, 0, 100]);
    expect(four(b)).toEqual([0, 0, 0, 25]);
    expect(ledger.post(3, id, 1n, 'x')).toBe(LedgerCode.pendingNotFound);
    expect(ledger.void(3, id, 'x')).toBe(LedgerCode.pendingNotFound);
    expect(ledger.reserve(4, a, b, 75n, 7, 'hold')).toBe(LedgerCode.ok);
    expect(ledger.void(5, ledger.lastId, 'x')).toBe(LedgerCode.ok);
    expect(four(a)).toEqual([0, 25, 0, 100]);
    expect(ledger.fault()).toBeNull();
  });

  test('refusals change nothing', () => {
    const { ledger, log } = books();
    const a = ledger.open('a', 0, false);
    const b = ledger.open('b', 0, true);
    const t = ledger.open('b', 1, true);
    expect(ledger.transfer(0, a, t, 1n, 0, 'x')).toBe(LedgerCode.currencyMismatch);
    expect(ledger.transfer(0, a, a, 1n, 0, 'x')).toBe(LedgerCode.sameAccount);
    expect(ledger.transfer(0, a, b, -1n, 0, 'x')).toBe(LedgerCode.amountOutOfRange);
    expect(ledger.transfer(0, a, b, MAX_AMOUNT + 1n, 0, 'x')).toBe(LedgerCode.amountOutOfRange);
    expect(ledger.reserve(0, b, a, 1n, 0, 'x')).toBe(LedgerCode.exceedsCredits);
    expect(ledger.post(0, 99, 1n, 'x')).toBe(LedgerCode.pendingNotFound);
    expect(log).toHaveLength(0);
    expect([a, b, t].flatMap(four).every((v) => v === 0)).toBe(true);
    expect(() => ledger.open('a', 9, true)).toThrow(/currency/);
  });

  /** The slow obvious way: balances by folding the log. */
  const fold = (log: TransferEntry[], account: Account) => {
    const v = [0n, 0n, 0n, 0n];
    const open = new Map<number, TransferEntry>();
    for (const t of log) {
      const side = t.debit === account ? 0 : t.credit === account ? 2 : -1;
      const p = t.pending > 0 ? open.get(t.pending)! : null;
      if (t.kind === 'pending') open.set(t.id, t);
      if (side < 0) continue;
      if (t.kind === 'single') v[side + 1]! += t.amount;
      else if (t.kind === 'pending') v[side]! += t.amount;
      else {
        v[side]! -= p!.amount;
        if (t.kind === 'post') v[side + 1]! += t.amount;
      }
    }
    return v.map(Number);
  };

  test('after any commands: balances are the fold of the log, both sides agree, limits hold, restore is exact', () => {
    const command = fc.record({
      op: fc.constantFrom('transfer', 'reserve', 'post', 'void'),
      from: fc.nat(4),
      to: fc.nat(4),
      amount: fc.bigInt({ min: -2n, max: 60n }),
      pick: fc.nat(30),
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 100, maxLength: 200 }), (commands) => {
        const { ledger, log } = books();
        const accounts = Array.from({ length: 5 }, (_, i) => ledger.open(`p${i}`, i === 4 ? 1 : 0, i > 1));
        const pending: number[] = [];
        for (const c of commands) {
          const [from, to] = [accounts[c.from]!, accounts[c.to]!];
          const before = log.length;
          if (c.op === 'transfer') ledger.transfer(0, from, to, c.amount, 0, 'x');
          else if (c.op === 'reserve') {
            if (ledger.reserve(0, from, to, c.amount, 0, 'x') === LedgerCode.ok) pending.push(ledger.lastId);
          } else if (c.op === 'post') ledger.post(0, pending[c.pick] ?? 0, c.amount, 'x');
          else ledger.void(0, pending[c.pick] ?? 0, 'x');
          expect(log.length - before).toBeLessThanOrEqual(1);
          expect(ledger.fault()).toBeNull();
        }
        for (const a of accounts) expect(four(a)).toEqual(fold(log, a));
        const copy = new Ledger(currencies, () => {});
        copy.restore(ledger.snapshot());
        expect(copy.snapshot()).toEqual(ledger.snapshot());
        expect(copy.pendingCount).toBe(ledger.pendingCount);
      }),
      { seed: 1, numRuns: 60 },
    );
  });
});
