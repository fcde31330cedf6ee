/** What a sweep makes of its results: selection of the best point, differences from a baseline, quantiles, checks; and what its ids cover. */
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTable } from '../../lab/rundir/parquet.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { STUDY, writeStudy } from '../support/sweeps.ts';

const run = (study: string, out: string, ...more: string[]) =>
  janctionInside(['sweep', 'run', study, '--out', out, '--quiet', ...more]);
const collect = (study: string, out: string) => janctionInside(['sweep', 'collect', study, '--out', out, '--json']);

interface Summary {
  points: {
    runs: number;
    littleRatio: number | null;
    warmupShort: number | null;
    metrics: Record<
      string,
      {
        mean: number;
        half: number;
        quantiles?: { p: number; value: number; low: number | null; high: number | null }[];
        difference?: { mean: number; half: number; p: number };
      }
    >;
  }[];
  selection?: { best: number; probability: number; counts: number[]; met: boolean };
}

const PRICES = STUDY.replace(/ {4}demand.*\n/, '');
const SELECT = PRICES.replace(
  'replications: 4',
  'replications: { select: economics_provider_profit, goal: max, min: 5, step: 6, budget: 90, confidence: 0.99 }',
);

describe('selection of the best point', () => {
  test('runs go where they tell most, the same for any workers and after an interruption', async () => {
    await inTemp(async (dir) => {
      const study = writeStudy(dir, SELECT);
      const made = async (w: string) => {
        const out = join(dir, `w${w}`);
        expect((await run(study, out, '--workers', w)).code).toBe(0);
        return { out, text: (await collect(study, out)).out };
      };
      const a = await made('1');
      const b = await made('2');
      expect(b.text).toBe(a.text);
      const s = JSON.parse(a.text) as Summary;
      const { best, counts, probability, met } = s.selection!;
      expect(counts).toEqual(s.points.map((p) => p.runs));
      expect(counts.reduce((x, y) => x + y, 0)).toBeLessThanOrEqual(90);
      expect(new Set(counts).size).toBeGreaterThan(1);
      expect(met).toBe(probability >= 0.99);
      const profits = s.points.map((p) => p.metrics['economics_provider_profit']?.mean ?? 0);
      expect(profits.length).toBe(4);
      expect(best).toBeGreaterThan(0);
      // Half of the results lost: the rest is made again, the outcome stays.
      const part = join(a.out, 'results', 'part-00000.ndjson');
      const lines = readFileSync(part, 'utf8').split('\n');
      writeFileSync(part, `${lines.filter((_, i) => i % 2 === 0).join('\n')}\n`);
      expect((await run(study, a.out, '--workers', '1')).code).toBe(0);
      expect((await collect(study, a.out)).out).toBe(a.text);
      // A finished one makes nothing.
      const before = readFileSync(part, 'utf8');
      expect((await run(study, a.out, '--workers', '2')).code).toBe(0);
      expect(readFileSync(part, 'utf8')).toBe(before);
    });
  });

  test.each([
    ['shards', SELECT, ['--shard', '0/2'], /one process/],
    ['common random numbers', `${SELECT}commonRandomNumbers: true\n`, [], /independent/],
    ['a small budget', SELECT.replace('budget: 90', 'budget: 19'), [], /19 runs are fewer than 4 points with 5 each/],
    ['an unknown figure', SELECT.replace('provider_profit', 'profits'), [], /no figure is called "economics_profits"/],
    ['a baseline that is not there', `${PRICES}baseline: 4\n`, [], /no point 4; the last is 3/],
    ['a baseline without pairs', `${PRICES}baseline: 1\ncommonRandomNumbers: false\n`, [], /common random numbers/],
  ] as const)('refuses %s', async (_, text, more, want) => {
    await inTemp(async (dir) => {
      const a = await run(writeStudy(dir, text), join(dir, 'out'), '--workers', '1', ...more);
      expect([a.code, a.out]).toEqual([2, '']);
      expect(a.err).toMatch(want);
      expect(a.err.trim().split('\n').length).toBe(1);
    });
  });
});

test('quantiles, paired differences and checks of every run', async () => {
  await inTemp(async (dir) => {
    const text = `${PRICES.replace('replications: 4', 'replications: 12')}quantiles: [0.5, 0.99]\nbaseline: 1\n`;
    const study = writeStudy(dir, text, (t) => t.replace('2 hour\nfleet', '12 hour\nwarmup: 1 hour\nfleet'));
    const out = join(dir, 'out');
    expect((await run(study, out, '--workers', '1')).code).toBe(0);
    const { points } = JSON.parse((await collect(study, out)).out) as Summary;
    points.forEach((p, i) => {
      const m = p.metrics['gpu_utilisation']!;
      const [median, high] = m.quantiles!;
      expect(median!.low!).toBeLessThanOrEqual(median!.value);
      expect(median!.high!).toBeGreaterThanOrEqual(median!.value);
      expect(high!.high).toBe(null);
      expect(m.difference === undefined).toBe(i === 1);
      expect(Math.abs(p.littleRatio! - 1)).toBeLessThan(0.3);
      expect(p.warmupShort).toBeGreaterThanOrEqual(0);
    });
    // Dearer than the baseline: less use, surely, and by more than chance in every pair.
    const d = points[3]!.metrics['gpu_utilisation']!.difference!;
    expect(d.mean + d.half).toBeLessThan(0);
    expect(d.p).toBeLessThan(0.001);
    const readable = (await janctionInside(['sweep', 'collect', study, '--out', out])).out;
    expect(readable).toContain('differences from point 1');
    expect(readable).toContain('99 %');
  });
});

test('tables that are kept: one directory per run, the same bytes for any workers, made again where they are missing', async () => {
  await inTemp(async (dir) => {
    const study = writeStudy(dir, `${PRICES.replace('replications: 4', 'replications: 2')}tables: [jobs, prices]\n`);
    const outs = ['1', '2'].map((w) => join(dir, `w${w}`));
    for (const out of outs) expect((await run(study, out, '--workers', out.slice(-1))).code).toBe(0);
    const ids = readdirSync(join(outs[0]!, 'tables'));
    expect(ids.length).toBe(8);
    expect(readdirSync(join(outs[1]!, 'tables'))).toEqual(ids);
    for (const id of ids)
      for (const t of ['jobs.parquet', 'prices.parquet'])
        expect(
          readFileSync(join(outs[0]!, 'tables', id, t)).equals(readFileSync(join(outs[1]!, 'tables', id, t))),
        ).toBe(true);
    const jobs = await readTable(join(outs[0]!, 'tables', ids[0]!, 'jobs.parquet'), 'jobs');
    expect(jobs.rows).toBeGreaterThan(20);
    rmSync(join(outs[0]!, 'tables', ids[3]!), { recursive: true });
    const status = async () =>
      JSON.parse((await janctionInside(['sweep', 'status', study, '--out', outs[0]!, '--json'])).out) as {
        done: number;
      };
    expect((await status()).done).toBe(7);
    expect((await run(study, outs[0]!, '--workers', '1')).code).toBe(0);
    expect((await status()).done).toBe(8);
    expect(readdirSync(join(outs[0]!, 'tables'))).toEqual(ids);
    expect((await collect(study, outs[0]!)).out).toBe((await collect(study, outs[1]!)).out);
  });
});

const FIFO = `export default { kind: 'queueing', name: 'q', create() { let jobs = []; return {
  add(job) { jobs.push(job); },
  remove(job) { jobs = jobs.filter((j) => j !== job); },
  schedule(view) { for (const j of [...jobs].sort((a, b) => a.order - b.order)) if (!view.start(j, null)) return; },
  reset() { jobs = []; } }; } };
`;

test('an id covers the source of a module: another source is another run', async () => {
  await inTemp(async (dir) => {
    const module = join(dir, 'queue.ts');
    writeFileSync(module, FIFO);
    const study = writeStudy(dir, PRICES, (t) => t.replace('queueing: fifo', 'queueing: ./queue.ts'));
    const out = join(dir, 'out');
    expect((await run(study, out, '--workers', '1')).err).toBe('');
    const status = async () =>
      JSON.parse((await janctionInside(['sweep', 'status', study, '--out', out, '--json'])).out) as {
        done: number;
        staleResults: number;
        staleBecause: string[];
      };
    expect(await status()).toMatchObject({ done: 16, staleResults: 0 });
    appendFileSync(module, '// another text\n');
    expect(await status()).toMatchObject({
      done: 0,
      staleResults: 16,
      staleBecause: ['a trace or a module was changed'],
    });
  });
});
