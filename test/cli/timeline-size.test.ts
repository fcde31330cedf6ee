/** A timeline of a million events in a process that may not keep them. */
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Recorder } from '../../core/record/recorder.ts';
import { type Column, type Row, type TableName, tableNames, tables } from '../../core/record/schema.ts';
import { TableFile } from '../../lab/rundir/parquet.ts';
import { inTemp, janction, root } from '../support/cli.ts';

const PARTS = 125_000;

/** A run directory as `run --out` writes it, but for its journal: 8 GPUs busy without a pause, 125,000 placements. */
function bigRun(dir: string): void {
  const small = join(dir, 'small');
  expect(
    janction([
      'run',
      'scenarios/quickstart/scenario.yaml',
      '--set',
      'horizon=90 minute',
      '--set',
      'warmup=0 hour',
      '--out',
      small,
      '--quiet',
    ]).code,
  ).toBe(0);
  const files = new Map<TableName, TableFile>(
    tableNames.map((t) => [t, new TableFile(join(small, `${t}.parquet`), t)] as const),
  );
  const recorder = new Recorder((chunk) => files.get(chunk.table)!.write(chunk));
  // Whatever columns there are, in their order; only those that a timeline reads matter.
  const blank = Object.fromEntries(
    Object.entries(tables.placements as Record<string, Column>).map(([name, c]) => [
      name,
      c.type === 'text' ? 'x' : c.type === 'big' ? 0n : 0,
    ]),
  );
  for (let i = 0; i < PARTS; i++)
    recorder.row('placements', {
      ...blank,
      lease_id: i + 1,
      job_id: i + 1,
      attempt: 1,
      node: 'datacentre-001/0',
      gpus: '0+1+2+3+4+5+6+7',
      gpu_milli: 1000,
      start_us: i * 60_000_000,
      end_us: (i + 1) * 60_000_000,
      outcome: 'completed',
    } as unknown as Row<'placements'>);
  recorder.finish();
  for (const f of files.values()) f.close();
}

test('a million events pass through 80 MB', async () => {
  await inTemp((dir) => {
    bigRun(dir);
    const out = join(dir, 'big.json');
    const run = (megabytes: number, script: string) =>
      spawnSync(
        process.execPath,
        [
          `--max-old-space-size=${megabytes}`,
          ...script.split(' '),
          'timeline',
          join(dir, 'small'),
          '--out',
          out,
          '--json',
          '--quiet',
        ],
        {
          encoding: 'utf8',
        },
      );
    const done = run(80, join(root, 'dist/lab/cli.js'));
    expect([done.status, done.stderr]).toEqual([0, '']);
    const said = JSON.parse(done.stdout) as { events: number; placements: number };
    expect(said.placements).toBe(PARTS);
    expect(said.events).toBeGreaterThan(1_000_000);
    expect(statSync(out).size).toBeGreaterThan(150_000_000);
    // Canary: whoever keeps the events dies of it.
    const keeper = join(dir, 'keeper.mjs');
    writeFileSync(
      keeper,
      `import { writeTimeline } from ${JSON.stringify(join(root, 'dist/lab/timeline/timeline.js'))};\nconst kept = [];\nawait writeTimeline(process.argv[3], async (t) => { kept.push(...JSON.parse(JSON.stringify([t + kept.length]))); });\nconsole.log(kept.length);\n`,
    );
    expect(run(80, keeper).status).not.toBe(0);
  });
}, 120_000);
