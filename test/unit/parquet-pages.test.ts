/** What is written page by page is what another implementation of the format reads back, at every edge of the encodings. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { CHUNK_ROWS, type Chunk, Recorder } from '../../core/record/recorder.ts';
import type { Row } from '../../core/record/schema.ts';
import { readTable, TableFile } from '../../lab/rundir/parquet.ts';

type Sample = Row<'samples'>;

const sample = (time_us: number, pool: string, milli: number): Sample => ({
  time_us,
  pool,
  waiting_jobs: milli,
  running_jobs: 7,
  used_milli: -time_us,
  capacity_milli: time_us % 97,
  waiting_milli: 0,
});

async function inDir<T>(f: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-pages-'));
  try {
    return await f(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes rows through the recorder and reads every column back. */
async function trip<T extends 'samples' | 'accounts'>(table: T, rows: readonly Row<T>[]): Promise<void> {
  await inDir(async (dir) => {
    const path = join(dir, `${table}.parquet`);
    const file = new TableFile(path, table);
    const recorder = new Recorder((c: Chunk) => {
      if (c.table === table) file.write(c);
    });
    for (const r of rows) recorder.row(table, r);
    recorder.finish();
    file.close();
    const back = await readTable(path, table);
    expect(back.rows).toBe(rows.length);
    for (const [name, cells] of Object.entries(back.columns)) {
      const expected = rows.map((r) => (r as Record<string, number | bigint | string>)[name]!);
      for (let i = 0; i < expected.length; i++) {
        const want = typeof expected[i] === 'number' ? BigInt(expected[i] as number) : expected[i];
        if (cells[i] !== want) throw new Error(`${name}[${i}]: wrote ${want}, read ${cells[i]}`);
      }
    }
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
    for (const group of metadata.row_groups) {
      for (const { meta_data: m } of group.columns) {
        const name = m!.path_in_schema[0]!;
        const numbers = back.columns[name]!.map(String);
        if (rows.length <= CHUNK_ROWS) {
          // Statistics bound the column, whatever type the reader makes of them.
          const sorted = [...back.columns[name]!].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
          if (typeof sorted[0] === 'bigint') {
            expect(BigInt(m!.statistics!.min_value as bigint)).toBe(sorted[0]);
            expect(BigInt(m!.statistics!.max_value as bigint)).toBe(sorted[sorted.length - 1]);
          }
        }
        expect(numbers.length).toBe(rows.length);
      }
    }
  });
}

const MAX = Number.MAX_SAFE_INTEGER;
const edges = [
  0,
  1,
  -1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  2 ** 51 - 1,
  2 ** 51,
  2 ** 51 + 1,
  -(2 ** 51),
  -(2 ** 51) - 1,
];

describe('parquet pages', () => {
  test('integers of every size, runs, blocks cut short, and names come back', async () => {
    const integer = fc.oneof(
      fc.constantFrom(...edges, MAX, -MAX),
      fc.integer({ min: -1000, max: 1000 }),
      fc.maxSafeInteger(),
      fc.integer({ min: 0, max: 2 ** 30 }).map((x) => x * 2 ** 20),
    );
    const row = fc.record({ t: integer, pool: fc.oneof(fc.constant('main'), fc.string()), m: integer });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 300 }), async (rows) => {
        await trip(
          'samples',
          rows.map((r) => sample(r.t, r.pool, r.m)),
        );
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  test('every bit width of a delta up to 52', async () => {
    const rows: Sample[] = [];
    for (let width = 0; width <= 51; width++) {
      for (let k = 0; k < 129; k++)
        rows.push(sample(k % 2 === 0 ? 0 : 2 ** width - 1, 'main', k % 3 === 0 ? -(2 ** width) : 2 ** width));
    }
    for (let width = 0; width <= 50; width++) await trip('samples', rows.slice(width * 129, width * 129 + 129));
    await trip('samples', rows);
  });

  test('64-bit amounts within and beyond what a double holds', async () => {
    const big = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(0n, 2n ** 51n, 2n ** 51n - 1n, -(2n ** 51n), -(2n ** 51n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)),
      fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(big, fc.bigInt({ min: 0n, max: 10n ** 15n })), { minLength: 1, maxLength: 200 }),
        async (rows) => {
          await trip(
            'accounts',
            rows.map(([a, b], i) => ({
              account: `user:${i}`,
              currency: 'µ€',
              debits_pending_micro: a,
              debits_posted_micro: b,
              credits_pending_micro: 0n,
              credits_posted_micro: -b,
            })),
          );
        },
      ),
      { seed: 2, numRuns: 40 },
    );
  });

  test('several row groups, and columns that hardly change stay small', async () => {
    const rows = Array.from({ length: 2 * CHUNK_ROWS + 5 }, (_, i) => sample(i * 1_000_000, 'main', 4000));
    await trip('samples', rows);
    await inDir(async (dir) => {
      const path = join(dir, 'samples.parquet');
      const file = new TableFile(path, 'samples');
      const recorder = new Recorder((c) => {
        if (c.table === 'samples') file.write(c);
      });
      for (const r of rows) recorder.row('samples', r);
      recorder.finish();
      file.close();
      // Seven columns of 131,077 rows: 7.3 MB as plain 64-bit integers.
      expect(statSync(path).size).toBeLessThan(300_000);
    });
  });
});
