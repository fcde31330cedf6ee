/** Forged books, a run.json that lies, and single bytes: whatever was changed after a run, the audit says so and exits 1. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AuditInput, auditIndependently } from '../../lab/audit/independent.ts';
import { checkSources } from '../../lab/audit/sources.ts';
import { auditCommand } from '../../lab/commands/audit.ts';
import { readJournalBytes, readRunTable } from '../../lab/rundir/reader.ts';
import type { Manifest } from '../../lab/rundir/writer.ts';
import { inTemp, janction } from '../support/cli.ts';

let base = '';
let honest = '';
let done: () => void = () => {};

beforeAll(async () => {
  await new Promise<void>((ready) => {
    void inTemp(async (dir) => {
      base = dir;
      honest = join(dir, 'honest');
      const args = [
        'run',
        'scenarios/quickstart/scenario.yaml',
        '--set',
        'horizon=90 minute',
        '--set',
        'warmup=0 hour',
        '--out',
        honest,
        '--quiet',
      ];
      expect(janction(args).code).toBe(0);
      ready();
      await new Promise<void>((over) => {
        done = over;
      });
    });
  });
});
afterAll(() => done());

const names = ['jobs', 'placements', 'transfers', 'prices', 'accounts'] as const;
async function books(): Promise<AuditInput> {
  const t = {} as Record<(typeof names)[number], AuditInput['jobs']>;
  for (const n of names) t[n] = await readRunTable(honest, n);
  return { journal: readJournalBytes(honest), ...t };
}

/** A run directory like the honest one with one thing changed. */
async function audited(change: (dir: string) => void) {
  const dir = join(base, 'changed');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  for (const f of readdirSync(honest)) copyFileSync(join(honest, f), join(dir, f));
  change(dir);
  return auditCommand(dir);
}

describe('balanced books that rest on nothing', () => {
  test('money from a deposit that never was, its accounts made to match', async () => {
    const b = await books();
    expect(auditIndependently(b).difference).toBeNull();
    const t = b.transfers;
    const amount = 5_000_000n;
    const row: Record<string, bigint | string> = {
      transfer_id: BigInt(t.rows + 1),
      time_us: t.columns['time_us']![t.rows - 1]!,
      kind: 'single',
      debit: 'world',
      credit: 'provider:mallory',
      currency: 'USD',
      amount_micro: amount,
      pending_id: 0n,
      job_id: 0n,
      attempt: 0n,
      reason: 'deposit',
    };
    for (const [name, list] of Object.entries(t.columns)) list.push(row[name]!);
    t.rows++;
    const a = b.accounts.columns;
    const world = a['account']!.findIndex((x, i) => x === 'world' && a['currency']![i] === 'USD');
    a['debits_posted_micro']![world] = (a['debits_posted_micro']![world] as bigint) + amount;
    const account: Record<string, bigint | string> = {
      account: 'provider:mallory',
      currency: 'USD',
      credits_posted_micro: amount,
    };
    for (const [name, list] of Object.entries(a)) list.push(account[name] ?? 0n);
    b.accounts.rows++;
    expect(auditIndependently(b).difference).toMatch(/deposit of 5000000 from world to provider:mallory/);
  });

  const cell = (table: (typeof names)[number], column: string, pick: (b: AuditInput) => number, to: unknown) => {
    return (b: AuditInput) => {
      const list = b[table].columns[column]!;
      const i = pick(b);
      list[i] = (typeof to === 'function' ? to(list[i]) : to) as bigint | string;
    };
  };
  const where =
    (table: (typeof names)[number], column: string, value: string, nth = 0) =>
    (b: AuditInput) => {
      let left = nth;
      return b[table].columns[column]!.findIndex((v) => v === value && left-- === 0);
    };
  const hold = where('transfers', 'kind', 'pending', 7);
  const ran = where('placements', 'outcome', 'completed', 3);
  const more = (v: bigint) => v + 1n;
  const changes: [string, (b: AuditInput) => void, RegExp][] = [
    ['who pays', cell('transfers', 'debit', hold, 'user:film-1x'), /user:film-1x pays/],
    ['which pool is paid', cell('transfers', 'credit', hold, 'revenue:elsewhere'), /is to be paid/],
    ['what is reserved', cell('transfers', 'amount_micro', hold, more), /which no listed price gives/],
    ['whose job it is', cell('transfers', 'job_id', hold, 999_999n), /job 999999, which was never submitted/],
    ['the order of time', cell('transfers', 'time_us', hold, 0n), /before the transfer above/],
    ['who owns a machine', cell('placements', 'provider', ran, 'mallory'), /provider mallory, node .* is of/],
    ['its class', cell('placements', 'gpu_class', ran, 'h100'), /class h100, node/],
    ['the GPUs of a lease', cell('placements', 'gpus', ran, (v: string) => `${v}+9`), /GPUs .*9, node .* has/],
    ['the share of a GPU', cell('placements', 'gpu_milli', ran, more), /the job asked for/],
    ['a lease twice', (b) => double(b, 'placements'), /is billed twice/],
    ['the user of a job', cell('jobs', 'user', () => 5, 'mallory'), /user mallory, the journal says/],
    ['when it came', cell('jobs', 'submission_time_us', () => 5, more), /the journal says/],
    ['a job twice', (b) => double(b, 'jobs'), /ends a second time/],
    // More than gangs that are still open at the end could explain.
    ['leases left out', (b) => remove(b, 'placements', 0, 60), /ran and is missing/],
    [
      'revenue kept back',
      cell('accounts', 'credits_posted_micro', where('accounts', 'account', 'revenue:studio'), more),
      /keeps 1 that was never distributed/,
    ],
  ];
  const double = (b: AuditInput, table: (typeof names)[number]) => {
    for (const list of Object.values(b[table].columns)) list.push(list[3]!);
    b[table].rows++;
  };
  const remove = (b: AuditInput, table: (typeof names)[number], row: number, count: number) => {
    for (const list of Object.values(b[table].columns)) list.splice(row, count);
    b[table].rows -= count;
  };
  for (const [name, change, message] of changes) {
    test(name, async () => {
      const b = await books();
      expect(checkSources(b)).toBeNull();
      change(b);
      expect(checkSources(b)).toMatch(message);
    });
  }

  test('an attempt held again after it was let go', async () => {
    const b = await books();
    const t = b.transfers.columns;
    const first = hold(b);
    const release = t['pending_id']!.indexOf(t['transfer_id']![first]!);
    for (const list of Object.values(t)) list.splice(release + 1, 0, list[first]!);
    t['time_us']![release + 1] = t['time_us']![release]!;
    b.transfers.rows++;
    expect(checkSources(b)).toMatch(/is held a second time/);
  });
});

describe('run.json', () => {
  const lies: [string, (m: Manifest) => void, RegExp][] = [
    ['a count', (m) => m.result.jobs.completed++, /result\.jobs\.completed is/],
    ['money', (m) => (m.result.money.charged = '1'), /result\.money\.charged is "1"/],
    ['welfare', (m) => (m.result.economics.welfare = 1e9), /result\.economics\.welfare is 1000000000/],
    ['waits', (m) => (m.result.waitSeconds.p99 = 0), /result\.waitSeconds\.p99 is 0/],
    ['the fingerprint', (m) => (m.result.fingerprint = '0'.repeat(16)), /result\.fingerprint is/],
    ['the seed', (m) => (m.seed = 8), /seed is 8/],
    ['the engine', (m) => (m.engine = 'janction-lab 9.9.9'), /engine is/],
    [
      'the scenario, its hash made to match',
      (m) => (m.scenario.market.pools[0]!.queueing.name = 'fifo'),
      /scenarioSha256|scenario\.market/,
    ],
    ['a file hash', (m) => (m.files['journal'] = '0'.repeat(64)), /journal: SHA-256 is/],
    ['a figure that is missing', (m) => Reflect.deleteProperty(m.result, 'gpu'), /result\.gpu is nothing/],
  ];
  for (const [name, lie, message] of lies) {
    test(name, async () => {
      const r = await audited((dir) => {
        const path = join(dir, 'run.json');
        const m = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
        lie(m);
        writeFileSync(path, JSON.stringify(m));
      });
      expect(r.verdict).toBe('differs');
      expect(r.firstDifference!.what).toMatch(message);
    });
  }

  test('what is no manifest at all is wrong input: exit 2, one line', () => {
    for (const text of ['', 'null', '[]', '{"schema":"janction.rundir/1"}', '{"schema":"other"}', '\xff\xfe']) {
      const dir = join(base, 'damaged');
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'run.json'), text, 'latin1');
      const a = janction(['audit', dir]);
      expect([a.code, a.out], text).toEqual([2, '']);
      expect(a.err).toMatch(/^error: [^\n]+\n$/);
    }
  });
});

describe('files', () => {
  test('one bit changed anywhere in any file', async () => {
    for (const file of readdirSync(honest).filter((f) => f !== 'run.json')) {
      for (let k = 0; k < 3; k++) {
        const r = await audited((dir) => {
          const bytes = readFileSync(join(dir, file));
          bytes[Math.floor(((k + 0.5) * bytes.length) / 3)]! ^= 1 << k;
          writeFileSync(join(dir, file), bytes);
        });
        expect(r.verdict, `${file}, place ${k}`).toBe('differs');
        expect(r.firstDifference!.what).toContain(file === 'journal' ? 'journal: byte' : file);
      }
    }
  });

  test('truncated, emptied, lengthened, missing', async () => {
    for (const file of ['journal', 'transfers.parquet', 'jobs.parquet']) {
      const changes: ((path: string) => void)[] = [
        (p) => truncateSync(p, readFileSync(p).length - 1),
        (p) => truncateSync(p, 0),
        (p) => writeFileSync(p, Buffer.concat([readFileSync(p), readFileSync(p)])),
        (p) => writeFileSync(p, Buffer.alloc(100_000, 0xff)),
      ];
      if (file !== 'journal') changes.push((p) => rmSync(p));
      for (const change of changes) {
        const r = await audited((dir) => change(join(dir, file)));
        expect(r.verdict).toBe('differs');
      }
    }
  });

  test('a policy that decides otherwise than when the run was made', async () => {
    const { BestFit } = await import('../../mechanisms/index.ts');
    const score = Reflect.get(BestFit.prototype, 'score');
    Reflect.set(BestFit.prototype, 'score', () => 0);
    try {
      const r = await auditCommand(honest);
      expect(r.verdict).toBe('differs');
      expect(r.firstDifference!.by).toBe('replay');
    } finally {
      Reflect.set(BestFit.prototype, 'score', score);
    }
  });
});
