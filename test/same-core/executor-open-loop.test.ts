/**
 * Open loop: when what happens lies far enough apart for the wall clock's lateness not to matter, the executor and the simulator
 * place the same jobs on the same GPUs in the same order, though neither has seen the other.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRunTable } from '../../lab/rundir/reader.ts';
import { inTemp, janction, janctionInside } from '../support/cli.ts';
import { generator } from '../support/market.ts';

/** Scenario time per wall time, and the least wall time between two events. */
const SCALE = 600;
const APART_US = 300_000 * SCALE;
const JOBS = 9;

const scenario = (list: string): string => `name: far-apart
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owners, nodes: 1, gpus: 2, class: card }]
demand:
  trace: { format: philly, path: ${list}, limitFactor: 4 }
scheduling: { queueing: fifo }
pricing:
  epoch: 1 day
  rates: { card: 0.3 USD/hour }
output: { sample: none }
`;

interface Placed {
  start: number;
  end: number;
  what: string;
}

async function placements(dir: string): Promise<Placed[]> {
  const c = (await readRunTable(dir, 'placements')).columns;
  return c['start_us']!.map((s, i) => ({
    start: Number(s),
    end: Number(c['end_us']![i]),
    what: `${c['job_id']![i]} ${c['node']![i]} ${c['gpus']![i]} ${c['outcome']![i]}`,
  })).sort((a, b) => a.start - b.start);
}

/**
 * Jobs of one and two GPUs, first come first served on two: arrivals at even multiples of the distance, ends at odd ones, no two
 * alike.
 */
function list(seed: number): { text: string; arrivals: number[] } {
  const r = generator(seed);
  const rows = ['#job id,arrival time (sec),topology,shape,size,duration (sec)'];
  const arrivals: number[] = [];
  const ends = new Set<number>();
  const free = [0, 0];
  let head = 0;
  for (let i = 0, t = 0; i < JOBS; i++) {
    t += 2 * (1 + Math.floor(r() * 2));
    const gpus = r() < 0.25 ? 2 : 1;
    free.sort((a, b) => a - b);
    const start = Math.max(t, head, free[gpus - 1]!);
    let end = start + 2 + Math.floor(r() * 4);
    while (end % 2 === 0 || ends.has(end)) end++;
    ends.add(end);
    for (let g = 0; g < gpus; g++) free[g] = end;
    head = start;
    arrivals.push(t * APART_US);
    rows.push(`${i},${(t * APART_US) / 1e6},CLOS,1,${gpus},${((end - start) * APART_US) / 1e6}`);
  }
  return { text: `${rows.join('\n')}\n`, arrivals };
}

test('far apart, both clocks give the same jobs the same GPUs in the same order', async () => {
  await inTemp(async (dir) => {
    const csv = join(dir, 'list.csv');
    const file = join(dir, 's.yaml');
    const { text, arrivals } = list(1);
    writeFileSync(csv, text);
    writeFileSync(file, scenario(csv));
    expect((await janctionInside(['run', file, '--out', join(dir, 'sim'), '--quiet'])).err).toBe('');
    const predicted = await placements(join(dir, 'sim'));
    // The list is what it claims to be: some jobs wait, and starting takes the simulator far less than the distance.
    const slack = APART_US / 10;
    const waited = predicted.filter((p) => !arrivals.some((a) => Math.abs(a - p.start) < slack));
    expect(waited.length).toBeGreaterThanOrEqual(3);
    const events = [...new Set([...arrivals, ...predicted.map((p) => p.end)])].sort((a, b) => a - b);
    const gaps = events.slice(1).map((e, i) => e - events[i]!);
    expect(gaps.filter((g) => g > slack && g < APART_US - slack)).toEqual([]);
    const flags = ['--devices', 'cpu:2', '--time-scale', String(SCALE), '--out', join(dir, 'x'), '--quiet'];
    expect(janction(['execute', file, ...flags]).err).toBe('');
    expect((await placements(join(dir, 'x'))).map((p) => p.what)).toEqual(predicted.map((p) => p.what));
  });
});
