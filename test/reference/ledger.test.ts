/** The documented script of two-phase transfers, chains and limits, step by step. */
import { describe, expect, test } from 'vitest';
import { Ledger } from '../../core/settlement/ledger.ts';
import {
  AMOUNT_MAX,
  deskCodeNames,
  Flag,
  TransferDesk,
  type TransferRequest,
} from '../../core/settlement/transfer-desk.ts';
import { absent, vectors } from '../support/vectors.ts';

interface Step {
  advance_s: number;
  transfers: {
    id: number;
    kind?: 'pending' | 'post' | 'void';
    dr?: string;
    cr?: string;
    amount?: number | 'MAX';
    timeout?: number;
    linked?: boolean;
    pending_id?: number;
  }[];
  results: string[];
  balances: Record<string, [number, number, number, number]>;
}
const file = vectors<{ tigerbeetle_model: { accounts: Record<string, string | null>; steps: Step[] } }>('ledger.json');
test.skipIf(file !== null)(absent, () => {});

describe.skipIf(file === null)('the script', () => {
  test('every step answers the documented code and leaves the documented balances', () => {
    const model = file!.tigerbeetle_model;
    const ledger = new Ledger([{ code: 'USD', decimals: 6 } as never], () => {});
    const names = Object.keys(model.accounts);
    for (const n of names) ledger.open(n, 0, model.accounts[n] === 'debits_must_not_exceed_credits');
    const desk = new TransferDesk(ledger, 64);
    const second = 1_000_000;
    let now = 0;
    for (const [i, step] of model.steps.entries()) {
      now += step.advance_s * second;
      desk.advance(now);
      const requests = step.transfers.map(
        (t): TransferRequest => ({
          source: 0,
          id: t.id,
          flags: (t.linked === true ? Flag.linked : 0) | (t.kind === undefined ? 0 : Flag[t.kind]),
          debit: t.dr === undefined ? -1 : names.indexOf(t.dr),
          credit: t.cr === undefined ? -1 : names.indexOf(t.cr),
          amount: t.amount === 'MAX' ? AMOUNT_MAX : BigInt(t.amount ?? 0),
          pendingId: t.pending_id ?? 0,
          timeoutUs: (t.timeout ?? 0) * second,
        }),
      );
      expect(
        desk.submit(requests).map((c) => deskCodeNames[c]),
        `step ${i + 1}`,
      ).toEqual(step.results);
      for (const a of ledger.accounts)
        expect(
          [a.debitsPending, a.debitsPosted, a.creditsPending, a.creditsPosted].map(Number),
          `${a.party} after step ${i + 1}`,
        ).toEqual(step.balances[a.party]);
      expect(ledger.fault()).toBeNull();
    }
    expect(model.steps.length).toBe(15);
  });
});
