/**
 * A million mixed transfers through the desk and the ledger (single, pending, post, void, chains of three), with BigInt balances and
 * every transfer told to a listener; memory of accounts and after the window is full; and a bookkeeper that folds the same transfers again.
 * CPU time of this process, best of three; and what share of a whole Philly run its money takes.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Digest } from '../core/num/index.ts';
import { type TableName, tableNames } from '../core/record/schema.ts';
import { Ledger } from '../core/settlement/ledger.ts';
import { AMOUNT_MAX, DeskCode, Flag, TransferDesk, type TransferRequest } from '../core/settlement/transfer-desk.ts';
import { auditIndependently } from '../lab/audit/independent.ts';
import type { TableData } from '../lab/rundir/parquet.ts';
import { readJournalBytes, readRunTable } from '../lab/rundir/reader.ts';
import { atLeast, atMost, type BenchReport, plain } from './report.ts';
import { sharedPath } from './shared-data.ts';

const ACCOUNTS = 10_000;
const TRANSFERS = 1_000_000;

interface Told {
  kind: number;
  debit: number;
  credit: number;
  amount: bigint;
  pending: number;
}

/** A small generator of its own: the same work on every machine. */
function numbers(seed: number): () => number {
  let x = seed >>> 0;
  return () => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
}

function requests(): TransferRequest[][] {
  const next = numbers(7);
  const batches: TransferRequest[][] = [];
  const open: number[] = [];
  let id = 0;
  const request = (flags: number, amount: bigint, pendingId = 0): TransferRequest => {
    const resolves = (flags & (Flag.post | Flag.void)) !== 0;
    const debit = next() % ACCOUNTS;
    return {
      source: 0,
      id: ++id,
      flags,
      debit: resolves ? -1 : debit,
      credit: resolves ? -1 : (debit + 1 + (next() % (ACCOUNTS - 1))) % ACCOUNTS,
      amount,
      pendingId,
      timeoutUs: 0,
    };
  };
  while (id < TRANSFERS) {
    const batch: TransferRequest[] = [];
    for (let k = 0; k < 100; k++) {
      const kind = next() % 10;
      if (kind < 4) batch.push(request(0, BigInt(next() % 1000)));
      else if (kind < 6) {
        batch.push(request(Flag.pending, BigInt(next() % 1000)));
        open.push(id);
      } else if (kind < 9 && open.length > 0)
        batch.push(
          request(next() % 3 === 0 ? Flag.void : Flag.post, next() % 2 === 0 ? AMOUNT_MAX : 0n, open.shift()!),
        );
      else batch.push(request(Flag.linked, 1n), request(Flag.linked, 2n), request(0, 3n));
    }
    batches.push(batch);
  }
  return batches;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

function cpu<T>(body: () => T): { seconds: number; value: T } {
  const before = process.cpuUsage();
  const value = body();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, value };
}

/** Folds transfers as a bookkeeper would who knows nothing of the ledger. */
function fold(told: readonly Told[]): bigint {
  const posted = new Array<bigint>(ACCOUNTS).fill(0n);
  const reserved = new Map<number, Told>();
  told.forEach((t, i) => {
    if (t.kind === 1) reserved.set(i + 1, t);
    else if (t.kind === 3) reserved.delete(t.pending);
    else {
      if (t.kind === 2) reserved.delete(t.pending);
      posted[t.debit]! -= t.amount;
      posted[t.credit]! += t.amount;
    }
  });
  return posted.reduce((a, b) => a + (b < 0n ? -b : b), 0n);
}

const kinds = { single: 0, pending: 1, post: 2, void: 3 } as const;

const trace = sharedPath('traces/philly_rfold/philly_trace.csv');

/**
 * Share of a run of the whole Philly trace that is spent on money (bench/money-run.ts), median of three, and how many of its transfers per second
 * the independent auditor works out again: journal, charges, shares and balances included.
 */
async function moneyShare(): Promise<{ share: number; audited: number; fingerprint: string } | null> {
  if (!existsSync(trace)) return null;
  const probe = fileURLToPath(new URL('./money-run.js', import.meta.url));
  const scenario = fileURLToPath(new URL('../../scenarios/replay-philly/scenario.yaml', import.meta.url));
  const runs: { share: number; fingerprint: string }[] = [];
  let audited = 0;
  for (let run = 0; run < 3; run++) {
    const dir = mkdtempSync(join(tmpdir(), 'janction-bench-'));
    try {
      const args = [probe, scenario, join(dir, 'run'), `demand.trace.path=${trace}`];
      const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      if (done.status !== 0) throw new Error(`bench ledger: the run ended with ${done.status}`);
      runs.push(JSON.parse(done.stdout) as (typeof runs)[number]);
      if (run === 2) audited = await auditRate(join(dir, 'run'));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  return { ...runs.sort((a, b) => a.share - b.share)[1]!, audited };
}

async function auditRate(dir: string): Promise<number> {
  const tables = {} as Record<TableName, TableData>;
  for (const t of tableNames) tables[t] = await readRunTable(dir, t);
  const journal = readJournalBytes(dir);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    const { seconds, value } = cpu(() => auditIndependently({ journal, ...tables }));
    if (value.difference !== null) throw new Error(`bench ledger: ${value.difference}`);
    best = Math.min(best, seconds);
  }
  return tables.transfers.rows / best;
}

export async function ledger(): Promise<BenchReport> {
  const work = requests();
  const count = work.reduce((n, b) => n + b.length, 0);
  const begin = heap();
  const many = new Ledger([{ code: 'USD' }] as never, () => {});
  for (let i = 0; i < 100_000; i++) many.open(`party-${i}`, 0, false);
  const perAccount = (heap() - begin) / many.accounts.length;
  let told: Told[] = [];
  let best = Number.POSITIVE_INFINITY;
  let created = 0;
  let digest = new Digest();
  let half = 0;
  let end = 0;
  for (let run = 0; run < 3; run++) {
    const keep = run === 2;
    told = [];
    digest = new Digest();
    const book = new Ledger([{ code: 'USD' }] as never, (e) => {
      if (keep)
        told.push({
          kind: kinds[e.kind],
          debit: e.debit.index,
          credit: e.credit.index,
          amount: e.amount,
          pending: e.pending,
        });
    });
    for (let i = 0; i < ACCOUNTS; i++) book.open(`a${i}`, 0, i % 10 === 0 && i > 0);
    const desk = new TransferDesk(book);
    created = 0;
    const r = cpu(() => {
      for (const [i, b] of work.entries()) {
        for (const c of desk.submit(b)) if (c === DeskCode.created) created++;
        if (run === 0 && i === work.length >> 1) half = heap();
      }
    });
    if (run === 0) end = heap();
    best = Math.min(best, r.seconds);
    for (const a of book.accounts) digest.mixInt(Number((a.debitsPosted + a.creditsPosted) % 9007199254740991n));
    const fault = book.fault();
    if (fault !== null) throw new Error(`bench ledger: ${fault}`);
  }
  const again = Math.min(...[0, 1, 2].map(() => cpu(() => fold(told)).seconds));
  const money = await moneyShare();
  if (money !== null) digest.mixString(money.fingerprint);
  return {
    schema: 'janction.bench/1',
    bench: 'ledger',
    figures: [
      atLeast('transfersPerSecond', count / best, 400_000, '1/s'),
      atLeast('auditorShareOfThat', told.length / again / (count / best), 0.5, 'ratio'),
      atMost('bytesPerAccount', perAccount, 200, 'B'),
      atMost('growthAfterWindow', (end - half) / 1_048_576, 8, 'MiB'),
      ...(money === null
        ? []
        : [
            atMost('moneyShareOfPhillyRun', money.share, 0.25, 'ratio'),
            atLeast('auditedTransfersPerSecond', money.audited, 200_000, '1/s'),
          ]),
      plain('transfers', count, 'transfers'),
      plain('created', created, 'transfers'),
    ],
    workHash: digest.hex(),
    ...(money === null ? { skipped: 'the money’s share of a Philly run: the trace is not at ../shared/traces' } : {}),
  };
}
