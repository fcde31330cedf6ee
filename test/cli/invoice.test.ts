/** `janction invoice`, `statement` and FOCUS rows: they add up to what was charged; a stranger's script agrees with every bill. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatMicro } from '../../core/num/index.ts';
import { type FocusRow, focusFault, isoTime } from '../../lab/books/focus.ts';
import { byCodeUnits } from '../../lab/report/data.ts';
import { readRunTable } from '../../lab/rundir/reader.ts';
import type { RunJson } from '../../sim/summary.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { moneyFault } from '../support/money.ts';

interface InvoiceJson {
  invoices: {
    invoice: string;
    account: string;
    unit: string;
    opening: string;
    total: string;
    deposits: string;
    refunds: string;
    closing: string;
    lines: { charge: string; use: { charge: string }[] }[];
  }[];
}
interface StatementJson {
  currencies: {
    unit: string;
    invoiced: string;
    charged: string;
    sumOfBalances: string;
    groups?: { charged: string }[];
  }[];
  accounts: { account: string; currency: string; balance: string }[];
}
const read = async <T>(args: string[]): Promise<T> => {
  const a = await janctionInside([...args, '--json']);
  expect(a.err).toBe('');
  return JSON.parse(a.out) as T;
};

describe('the quickstart’s bills', () => {
  test('invoices of all users add up to what was charged; halves add up to wholes; FOCUS keeps its invariants', async () => {
    await inTemp(async (dir) => {
      const run = join(dir, 'run');
      expect(
        (
          await janctionInside([
            'run',
            'scenarios/quickstart/scenario.yaml',
            '--seed',
            '3',
            '--set',
            'horizon=14 hour',
            '--out',
            run,
            '--quiet',
          ])
        ).code,
      ).toBe(0);
      const s = await read<StatementJson>(['statement', run, '--by', 'workload']);
      for (const c of s.currencies) {
        expect(c.sumOfBalances).toBe('0');
        expect(c.invoiced).toBe(c.charged);
        expect(c.groups!.reduce((x, g) => x + BigInt(g.charged), 0n).toString()).toBe(c.charged);
      }
      let sum = 0n;
      const users = s.accounts.filter((a) => a.account.startsWith('user:') && a.currency === 'USD');
      expect(users.length).toBeGreaterThan(100);
      for (const u of users.slice(0, 3)) {
        const whole = (await read<InvoiceJson>(['invoice', run, u.account])).invoices.find(
          (i) => i.unit === 'microUSD',
        )!;
        expect(whole.closing).toBe(u.balance);
        expect(BigInt(whole.opening) + BigInt(whole.deposits) - BigInt(whole.total)).toBe(BigInt(whole.closing));
        for (const l of whole.lines) expect(l.use.reduce((x, p) => x + BigInt(p.charge), 0n).toString()).toBe(l.charge);
        const parts: InvoiceJson['invoices'] = [];
        for (const p of ['--to', '--from']) {
          const { invoices } = await read<InvoiceJson>(['invoice', run, u.account, p, '40000']);
          parts.push(invoices.find((i) => i.unit === 'microUSD')!);
        }
        expect(parts.reduce((x, i) => x + BigInt(i.total), 0n).toString()).toBe(whole.total);
        expect(parts[1]!.opening).toBe(parts[0]!.closing);
        sum += BigInt(whole.total);
      }
      expect(sum).toBeGreaterThan(0n);
      const rows = await read<FocusRow[]>(['statement', run, '--focus']);
      const billed = rows
        .filter((r) => r.BillingCurrency === 'USD')
        .reduce((x, r) => x + BigInt(r.BilledCost!.replace('.', '')), 0n);
      expect(billed.toString()).toBe(s.currencies.find((c) => c.unit === 'microUSD')!.charged);
      const payable = new Map<string, bigint>();
      for (const r of rows)
        payable.set(r.InvoiceId!, (payable.get(r.InvoiceId!) ?? 0n) + BigInt(r.BilledCost!.replace('.', '')));
      expect(focusFault(rows, payable)).toBeNull();
      // One micro-unit more on one row is noticed twice over.
      const first = rows[0]!;
      const wrong = rows.map((r, i) => (i === 0 ? { ...first, BilledCost: '999.000000' } : r));
      expect(focusFault(wrong, payable)).toContain('add up to');
      expect(focusFault([{ ...first, ListCost: '999.000000' }, ...rows.slice(1)], payable)).toContain('is not');
    });
  });

  test.each([
    'hold',
    'prepaid',
    'escrow',
    'notes',
  ])('the same under contract %s, with credits, refunds and debts', async (kind) => {
    await inTemp(async (dir) => {
      const run = join(dir, 'run');
      const set = ['--set', `billing.contract.kind=${kind}`];
      const args = ['run', 'scenarios/contracts/scenario.yaml', ...set, '--out', run, '--quiet', '--json'];
      const ran = await janctionInside(args);
      expect(ran.code).toBe(0);
      // What running jobs have paid is held, not charged.
      expect(moneyFault(JSON.parse(ran.out) as RunJson)).toBeNull();
      const s = await read<StatementJson>(['statement', run]);
      for (const c of s.currencies) expect([c.sumOfBalances, c.invoiced]).toEqual(['0', c.charged]);
      const rows = await read<FocusRow[]>(['statement', run, '--focus']);
      const billed = rows.reduce((x, r) => x + BigInt(r.BilledCost!.replace('.', '')), 0n);
      expect(billed.toString()).toBe(s.currencies.find((c) => c.unit === 'microUSD')!.charged);
      expect(rows.some((r) => r.ChargeCategory === 'Credit')).toBe(true);
      for (const user of [kind === 'notes' ? 'student-3' : 'lab-1']) {
        const whole = (await read<InvoiceJson>(['invoice', run, user])).invoices[0]!;
        const parts: InvoiceJson['invoices'] = [];
        for (const p of ['--to', '--from'])
          parts.push((await read<InvoiceJson>(['invoice', run, user, p, '50000'])).invoices[0]!);
        expect(parts.reduce((x, i) => x + BigInt(i.total), 0n).toString()).toBe(whole.total);
        expect(parts[1]!.opening).toBe(parts[0]!.closing);
        expect(BigInt(whole.opening) + BigInt(whole.deposits) - BigInt(whole.total)).toBe(BigInt(whole.closing));
      }
      const rowsOfPart = await read<FocusRow[]>(['invoice', run, 'lab-1', '--to', '50000', '--focus']);
      expect(rowsOfPart.length).toBeGreaterThan(0);
    });
  });

  test('every dispute that was decided has its row: on the bill of its user, in the statement and in FOCUS', async () => {
    await inTemp(async (dir) => {
      const run = join(dir, 'run');
      const set = ['--set', 'horizon=5 day'];
      expect(
        (await janctionInside(['run', 'scenarios/disputes/scenario.yaml', ...set, '--out', run, '--quiet'])).err,
      ).toBe('');
      const { columns: d, rows: n } = await readRunTable(run, 'disputes');
      const row = (i: number) => Object.fromEntries(Object.entries(d).map(([k, v]) => [k, String(v[i])]));
      const decided = Array.from({ length: n }, (_, i) => row(i)).filter((r) => /upheld|rejected/.test(r['event']!));
      // What each brings its user, and costs it.
      const name = (r: (typeof decided)[number], what: string, micro: string): string =>
        `${r['user']} job ${r['job_id']}#${r['attempt']} part ${r['part']} on ${r['provider']}, lease ${r['lease_id']}: ${what} (${r['reason']}) ${micro} at ${r['time_us']}`;
      const upheld = decided.filter((r) => r['event'] === 'upheld');
      const wantBack = [
        ...upheld.map((r) => name(r, 'dispute-upheld', r['amount_micro']!)),
        ...upheld
          .filter((r) => r['provider_bond_micro'] !== '0')
          .map((r) => name(r, 'bond-lost', r['provider_bond_micro']!)),
      ].sort(byCodeUnits);
      const wantLost = decided
        .filter((r) => r['event'] === 'rejected')
        .map((r) => name(r, 'bond-lost', r['bond_micro']!))
        .sort(byCodeUnits);
      expect(upheld.length).toBeGreaterThan(20);
      expect(wantLost.length).toBeGreaterThan(5);

      interface Said {
        job: number;
        attempt: number;
        reason: string;
        bookedUs: number;
        amount: string;
        dispute?: { lease: number; part: number; provider: string; reason: string };
      }
      const told = (user: string, c: Said): string =>
        `${user} job ${c.job}#${c.attempt} part ${c.dispute?.part} on ${c.dispute?.provider}, lease ${c.dispute?.lease}: ${c.reason} (${c.dispute?.reason}) ${c.amount} at ${c.bookedUs}`;
      const back: string[] = [];
      const lost: string[] = [];
      for (const user of new Set(decided.map((r) => r['user']!))) {
        const { invoices } = await read<{
          invoices: { refunds: string; credits: Said[]; lines: (Said & { outcome: string; charge: string })[] }[];
        }>(['invoice', run, user]);
        for (const i of invoices) {
          expect(i.credits.reduce((s, c) => s + BigInt(c.amount), 0n).toString()).toBe(i.refunds);
          back.push(...i.credits.map((c) => told(user, c)));
          const bonds = i.lines.filter((l) => l.outcome === 'bond-lost');
          lost.push(...bonds.map((l) => told(user, { ...l, reason: l.outcome, amount: l.charge })));
        }
        const page = (await janctionInside(['invoice', run, user])).out;
        for (const r of upheld)
          if (r['user'] === user)
            expect(page).toMatch(
              new RegExp(
                `job ${r['job_id']} .*dispute-upheld: ${r['reason']} \\(part ${r['part']}, ${r['provider']}\\)`,
              ),
            );
      }
      expect(back.sort(byCodeUnits)).toEqual(wantBack);
      expect(lost.sort(byCodeUnits)).toEqual(wantLost);

      const { currencies } = await read<{ currencies: { unit: string; credits: (Said & { account: string })[] }[] }>([
        'statement',
        run,
      ]);
      const all = currencies.flatMap((c) => c.credits.map((x) => told(x.account.replace('user:', ''), x)));
      expect(all.sort(byCodeUnits)).toEqual(wantBack);
      const sum = (what: string) => {
        const mine = currencies.find((c) => c.unit === 'microUSD')!.credits.filter((c) => c.reason === what);
        return [mine.reduce((s, c) => s + BigInt(c.amount), 0n), mine.length] as const;
      };
      const [micro, count] = sum('dispute-upheld');
      expect((await janctionInside(['statement', run])).out).toContain(
        `given back, dispute-upheld: ${formatMicro(micro)} in ${count} rows`,
      );
      const focus = await read<FocusRow[]>(['statement', run, '--focus']);
      const usage = new Set(focus.filter((r) => r.ChargeCategory === 'Usage').map((r) => r.ResourceId));
      const credits = focus.filter((r) => r.ChargeCategory === 'Credit');
      expect(credits).toHaveLength(wantBack.length);
      for (const c of credits) expect(usage.has(c.ResourceId)).toBe(true);
    });
  });

  test('unknown account, period that ends before it begins, no run', async () => {
    await inTemp(async (dir) => {
      const run = join(dir, 'run');
      await janctionInside([
        'run',
        'scenarios/quickstart/scenario.yaml',
        '--set',
        'horizon=2 hour',
        '--out',
        run,
        '--quiet',
      ]);
      for (const args of [
        ['invoice', run, 'nobody'],
        ['invoice', run, 'film-1', '--from', '20', '--to', '10'],
        ['invoice', run, 'film-1', '--from', '-1'],
        ['statement', join(dir, 'absent')],
        ['statement', run, '--by', 'moon'],
      ]) {
        const a = await janctionInside(args);
        expect([a.code, a.out], args.join(' ')).toEqual([2, '']);
        expect(a.err.trim().split('\n').length).toBe(1);
      }
    });
  });
});

test('times are written as ISO 8601 without a library', () => {
  expect([0, 951_782_400e6, 951_868_800e6, 1_709_164_799_999_999, 4_102_444_800e6].map(isoTime)).toEqual([
    '1970-01-01T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '2000-03-01T00:00:00Z',
    '2024-02-28T23:59:59.999999Z',
    '2100-01-01T00:00:00Z',
  ]);
});
