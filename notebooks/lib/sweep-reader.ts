/** Reads the directory of a sweep: its plan, and its table or, when nothing was collected yet, the results as they came in. */
import { crc32 } from '../../core/journal/bytes.ts';
import type { LoadedSweep, Scalar, SensitivityFile } from '../../lab/stats/sweep-analysis.ts';
import { metadataOf, numbersOf } from './parquet.ts';

interface Plan {
  schema: string;
  study: string;
  replications: number | { max: number };
  commonRandomNumbers: boolean;
  points: { index: number; point: [string, Scalar][] }[];
}

/** Columns of a table that are no figures. */
const HEAD = new Set(['run_id', 'point', 'replication', 'seed', 'substream', 'engine']);

/** `names`: files of the directory; `results`: those below its results/. Faults that leave something to show are noted. */
export async function readSweep(
  dir: string,
  names: ReadonlyMap<string, File>,
  results: readonly File[],
  faults: string[],
): Promise<LoadedSweep> {
  let plan: Plan;
  try {
    plan = JSON.parse(await names.get('plan.json')!.text()) as Plan;
  } catch {
    throw new Error('plan.json is no JSON: the sweep was cut off or damaged; run janction sweep run again');
  }
  if (plan?.schema !== 'janction.plan/1')
    throw new Error(
      `plan.json has schema ${String(plan?.schema)}, these pages read janction.plan/1: use the version that wrote it`,
    );
  const points = plan.points.map((p) => Object.fromEntries(p.point));
  const parameters = [...new Set(plan.points.flatMap((p) => p.point.map(([name]) => name)))];
  const runs = typeof plan.replications === 'number' ? plan.replications : plan.replications.max;
  const common = {
    dir,
    study: plan.study,
    parameters,
    points,
    planned: plan.points.length * runs,
    commonRandomNumbers: plan.commonRandomNumbers,
  };
  const table = names.get('table.parquet');
  if (table !== undefined) {
    const metadata = await metadataOf(table);
    const numeric = metadata.schema
      .filter((s) => (s.type === 'DOUBLE' || s.type === 'INT64') && !HEAD.has(s.name) && !parameters.includes(s.name))
      .map((s) => s.name);
    const { rows, columns } = await numbersOf(table, ['point', 'replication', ...numeric]);
    const { point, replication, ...figures } = columns as Record<string, Float64Array>;
    return { ...common, source: 'table.parquet', failed: 0, rows, point: point!, replication: replication!, figures };
  }
  if (results.length === 0)
    throw new Error('holds a plan and no results yet: wait for janction sweep run, then choose the directory again');
  return { ...common, source: 'results', ...(await readResults(dir, results, faults)) };
}

/** Lines `crc32 json`; a line that was cut off by a crash is passed over and counted. */
async function readResults(
  dir: string,
  files: readonly File[],
  faults: string[],
): Promise<Pick<LoadedSweep, 'rows' | 'point' | 'replication' | 'figures' | 'failed'>> {
  interface Line {
    point: number;
    replication: number;
    figures: Record<string, unknown> | null;
  }
  const runs = new Map<string, Line>();
  let damaged = 0;
  const encoder = new TextEncoder();
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const line of (await file.text()).split('\n')) {
      if (line === '') continue;
      const json = encoder.encode(line.slice(9));
      if (line[8] !== ' ' || crc32(json, 0, json.length) >>> 0 !== Number.parseInt(line.slice(0, 8), 16)) {
        damaged++;
        continue;
      }
      const r = JSON.parse(line.slice(9)) as Line;
      const key = `${r.point} ${r.replication}`;
      // A success is never displaced by a failure of another try.
      if (r.figures === null && (runs.get(key)?.figures ?? null) !== null) continue;
      runs.set(key, r);
    }
  }
  if (damaged > 0)
    faults.push(
      `${dir}: ${damaged} ${damaged === 1 ? 'line' : 'lines'} of its results were cut off and passed over; janction sweep run makes those runs again`,
    );
  const good = [...runs.values()].filter((r) => r.figures !== null);
  const number = (v: unknown): number =>
    typeof v === 'number' ? v : typeof v === 'string' && /^-?\d+n$/.test(v) ? Number(v.slice(0, -1)) : Number.NaN;
  const names = new Set<string>();
  for (const r of good) for (const [k, v] of Object.entries(r.figures!)) if (!Number.isNaN(number(v))) names.add(k);
  return {
    failed: runs.size - good.length,
    rows: good.length,
    point: Float64Array.from(good, (r) => r.point),
    replication: Float64Array.from(good, (r) => r.replication),
    figures: Object.fromEntries([...names].map((k) => [k, Float64Array.from(good, (r) => number(r.figures![k]))])),
  };
}

export async function readSensitivity(dir: string, file: File): Promise<SensitivityFile> {
  let json: { schema?: string } & Omit<SensitivityFile, 'dir'>;
  try {
    json = JSON.parse(await file.text()) as typeof json;
  } catch {
    throw new Error('sensitivity.json is no JSON: it was cut off or damaged');
  }
  if (json?.schema !== 'janction.sensitivity/1')
    throw new Error(`sensitivity.json has schema ${String(json?.schema)}, these pages read janction.sensitivity/1`);
  return { dir, study: json.study, method: json.method, runs: json.runs, metrics: json.metrics };
}
