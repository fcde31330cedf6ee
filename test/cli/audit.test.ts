/** An audit agrees with an honest run and names the place of any change, by replay, by the independent auditor, or both. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Frame, type FrameType, readJournal } from '../../core/journal/journal.ts';
import { ChunkColumn } from '../../core/record/recorder.ts';
import { type Column, type TableName, tableNames, tables } from '../../core/record/schema.ts';
import { auditFigures } from '../../lab/audit/figures.ts';
import { type AuditInput, type AuditTable, auditIndependently } from '../../lab/audit/independent.ts';
import { type AuditResult, auditCommand } from '../../lab/commands/audit.ts';
import { readTable, TableFile } from '../../lab/rundir/parquet.ts';
import { readJournalBytes, readManifest, readRunTable } from '../../lab/rundir/reader.ts';
import type { Manifest } from '../../lab/rundir/writer.ts';
import { auditedTables } from '../support/audit.ts';
import { inTemp, janctionInside, scratch } from '../support/cli.ts';

const quickstart = 'scenarios/quickstart/scenario.yaml';

/** An honest run that every test reads; who changes one makes a copy. */
const { dir: base, remove } = scratch();
const honest = join(base, 'honest');
beforeAll(async () => {
  const run = ['run', quickstart, '--out', honest, '--quiet', '--seed', '3', '--set', 'horizon=8 hour'];
  expect((await janctionInside(run)).code).toBe(0);
});
afterAll(remove);

/** Rewrites a table with one cell changed. */
async function alter(
  dir: string,
  table: TableName,
  row: number,
  column: string,
  change: (v: bigint | string) => bigint | string,
): Promise<void> {
  const path = join(dir, `${table}.parquet`);
  const data = await readTable(path, table);
  data.columns[column]![row] = change(data.columns[column]![row]!);
  const file = new TableFile(path, table);
  file.write({
    table,
    rows: data.rows,
    columns: Object.entries(tables[table] as Record<string, Column>).map(([name, c]) => {
      const cells = data.columns[name]!;
      if (c.type === 'text') {
        const names = [...new Set(cells as string[])];
        const ids = Float64Array.from(cells, (v) => names.indexOf(v as string));
        return new ChunkColumn(name, c, data.rows, ids, new BigInt64Array(0), names);
      }
      const bigs = BigInt64Array.from(cells as bigint[]);
      return new ChunkColumn(name, { ...c, type: 'big' }, data.rows, new Float64Array(0), bigs, []);
    }),
  });
  file.close();
}

describe('figures of run.json', () => {
  const forgeries: [string, (m: Manifest) => void, RegExp][] = [
    ['nothing', () => {}, /^null$/],
    ['held', (m) => void (m.result.money.memo.held = '0'), /result\.money\.memo\.held/],
    ['completed', (m) => void m.result.jobs.completed++, /jobs\.completed/],
    ['running', (m) => void m.result.jobs.running++, /have not ended/],
    ['p99', (m) => void (m.result.waitSeconds.p99 += 1e-6), /waitSeconds\.p99/],
    ['gini', (m) => void (m.result.economics.gini += 1e-6), /economics\.gini/],
    ['used', (m) => void (m.result.gpu.usedGpuHours -= 1e-6), /gpu\.usedGpuHours/],
    ['engine', (m) => void (m.engine = 'janction-lab 0.0.9'), /engine = "janction-lab 0\.0\.9"/],
    ['rows', (m) => void m.tables.jobs--, /tables\.jobs/],
    ['epoch', (m) => void m.scenario.market.epochUs++, /scenario\.market\.epochUs/],
    ['more', (m) => void Object.assign(m.scenario.market, { rebate: 5 }), /scenario\.market\.rebate, the run nothing/],
  ];
  test('each that the tables decide, one unit beside what they say, is named', async () => {
    const journal = readJournalBytes(honest);
    const [first] = readJournal(journal);
    const { header } = first as Extract<Frame, { type: typeof FrameType.header }>;
    const tables = {} as Record<TableName, AuditTable>;
    for (const t of tableNames) tables[t] = await readRunTable(honest, t);
    for (const [name, change, says] of forgeries) {
      const manifest = readManifest(honest);
      const { submitted } = manifest.result.jobs;
      change(manifest);
      const found = auditFigures({ manifest, header, journalBytes: journal.length, submitted, tables });
      expect(String(found.difference), name).toMatch(says);
      expect(found.checked, name).toBeGreaterThan(0);
      if (name === 'nothing') expect(found.notRecomputed).toContain('economics.welfare');
    }
  });
});

describe('audit', () => {
  test('an honest run agrees; one changed unit or byte is named', async () => {
    await inTemp(async (dir) => {
      const good = await janctionInside(['audit', honest, '--json']);
      expect(good.code).toBe(0);
      const result = JSON.parse(good.out) as AuditResult;
      expect(result.verdict).toBe('agrees');
      expect(result.auditor.transfers).toBeGreaterThan(1000);
      expect(result.replay.rows).toBeGreaterThan(5000);
      expect((await janctionInside(['audit', honest])).out).toMatch(/every figure that was checked agrees/);

      const tampered = async (name: string, change: (copy: string) => void | Promise<void>): Promise<AuditResult> => {
        const copy = join(dir, name);
        cpSync(honest, copy, { recursive: true });
        await change(copy);
        return auditCommand(copy);
      };
      const table = await tampered('unit', (d) =>
        alter(d, 'transfers', 700, 'amount_micro', (v) => (v as bigint) + 1n),
      );
      expect(table.firstDifference).toMatchObject({
        by: 'replay',
        what: expect.stringMatching(/transfers\.parquet row 700, column amount_micro/),
      });
      const forged = await tampered('figure', (d) => {
        const path = join(d, 'run.json');
        const text = readFileSync(path, 'utf8');
        writeFileSync(
          path,
          text.replace(/("charged": "\d*)(\d)"/, (_, head, last) => `${head}${(Number(last) + 1) % 10}"`),
        );
      });
      expect(forged.firstDifference).toMatchObject({ by: 'manifest', what: expect.stringMatching(/money\.charged/) });
      // What no table holds takes a second run.
      const welfare = await tampered('welfare', (d) => {
        const path = join(d, 'run.json');
        writeFileSync(path, readFileSync(path, 'utf8').replace(/"welfare": [\d.]+/, '"welfare": 99999'));
      });
      expect(welfare.firstDifference).toBeNull();
      expect((await auditCommand(join(dir, 'welfare'), { rerun: true })).firstDifference).toMatchObject({
        by: 'rerun',
        what: expect.stringMatching(/result\.economics\.welfare = 99999/),
      });
      expect(await auditCommand(honest, { rerun: true })).toMatchObject({ rerun: true, firstDifference: null });
      expect((await janctionInside(['audit', honest, '--rerun'])).out).toMatch(
        /every figure agrees[\s\S]*simulated it again/,
      );
      const byte = await tampered('byte', (d) => {
        const bytes = readFileSync(join(d, 'journal'));
        bytes[Math.floor(bytes.length / 2)]! ^= 1;
        writeFileSync(join(d, 'journal'), bytes);
      });
      expect(byte.firstDifference).toMatchObject({
        by: 'journal',
        what: expect.stringMatching(/journal: byte \d+: checksum/),
      });
      const cut = await tampered('cut', (d) => {
        const bytes = readFileSync(join(d, 'journal'));
        writeFileSync(join(d, 'journal'), bytes.subarray(0, bytes.length - 40));
      });
      expect(cut.verdict).toBe('differs');
      const manifest = await tampered('manifest', (d) => {
        const path = join(d, 'run.json');
        writeFileSync(path, readFileSync(path, 'utf8').replace(/"fingerprint": "./, '"fingerprint": "z'));
      });
      expect(manifest.firstDifference).toMatchObject({ by: 'manifest' });
      const code = await janctionInside(['audit', join(dir, 'unit')]);
      expect(code.code).toBe(1);
      expect(code.out).toMatch(/DIFFERS[\s\S]*row 700/);
    });
  });

  test('the independent auditor alone finds changes in every table of money', async () => {
    const t = {} as Omit<AuditInput, 'journal'>;
    for (const n of auditedTables) t[n] = await readRunTable(honest, n);
    const read: AuditInput = { journal: readJournalBytes(honest), ...t };
    expect(auditIndependently(structuredClone(read)).difference).toBeNull();
    const post = read.transfers.columns['kind']!.indexOf('post');
    const share = read.transfers.columns['reason']!.indexOf('provider-share');
    const ran = read.placements.columns['outcome']!.indexOf('completed');
    const changes: [string, (i: AuditInput) => void, RegExp][] = [
      [
        'a post',
        (i) =>
          (i.transfers.columns['amount_micro']![post] = (i.transfers.columns['amount_micro']![post] as bigint) - 1n),
        /is charged \d+, worked out/,
      ],
      [
        'a share',
        (i) =>
          (i.transfers.columns['amount_micro']![share] = (i.transfers.columns['amount_micro']![share] as bigint) + 1n),
        /provider-share/,
      ],
      ['who is paid', (i) => (i.transfers.columns['credit']![share] = 'provider:mallory'), /mallory/],
      [
        'a balance',
        (i) =>
          (i.accounts.columns['credits_posted_micro']![1] =
            (i.accounts.columns['credits_posted_micro']![1] as bigint) + 1n),
        /accounts\.parquet row 1/,
      ],
      [
        'a start',
        (i) => (i.placements.columns['start_us']![ran] = (i.placements.columns['start_us']![ran] as bigint) - 1n),
        /the journal says/,
      ],
      [
        'an end',
        (i) => (i.placements.columns['end_us']![ran] = (i.placements.columns['end_us']![ran] as bigint) + 1n),
        /does not bear out/,
      ],
      [
        'a rate',
        (i) =>
          (i.placements.columns['rate_micro_per_gpu_hour']![ran] =
            (i.placements.columns['rate_micro_per_gpu_hour']![ran] as bigint) + 1n),
        /price list/,
      ],
      [
        'the size of a lease',
        (i) => (i.placements.columns['gpu_milli']![ran] = (i.placements.columns['gpu_milli']![ran] as bigint) + 100n),
        /charge|worked out/,
      ],
      [
        'what a job shows',
        (i) => (i.jobs.columns['charged_micro']![0] = (i.jobs.columns['charged_micro']![0] as bigint) + 1n),
        /jobs\.parquet row 0/,
      ],
      [
        'a transfer left out',
        (i) => {
          i.transfers.rows -= 1;
        },
        /owed|accounts\.parquet/,
      ],
    ];
    for (const [name, change, message] of changes) {
      const input = structuredClone(read);
      change(input);
      expect(auditIndependently(input).difference, name).toMatch(message);
    }
  });

  test('tables are plain Parquet that another reader understands', async () => {
    const file = readFileSync(join(honest, 'jobs.parquet'));
    const rows = await parquetReadObjects({
      file: file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer,
      rowEnd: 5,
    });
    expect(Object.keys(rows[0]!)).toEqual(Object.keys(tables.jobs));
  });
});
