/** Reads run directories off the page's thread: a big table must not freeze it. */
import { parquetMetadata, parquetRead } from 'hyparquet';
import type { FromRuns, LoadedRun, ToRuns } from './runs.ts';

const post = (m: FromRuns): void => postMessage(m);

addEventListener('message', (event: MessageEvent<ToRuns>) => {
  void readAll(event.data);
});

async function readAll({ id, files }: ToRuns): Promise<void> {
  const runs: LoadedRun[] = [];
  const faults: string[] = [];
  const dirs = new Map<string, Map<string, File>>();
  for (const { path, file } of files) {
    const slash = path.lastIndexOf('/');
    const dir = slash < 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    dirs.set(dir, (dirs.get(dir) ?? new Map<string, File>()).set(name, file));
  }
  const found = [...dirs].filter(([, names]) => names.has('run.json')).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  if (found.length === 0)
    faults.push(
      'No run.json among these files. Choose a run directory (written by janction run --out), or a folder of several.',
    );
  for (const [i, [dir, names]] of found.entries()) {
    try {
      runs.push(await readRun(dir, names));
    } catch (e) {
      faults.push(`${dir || 'this run'}: ${e instanceof Error ? e.message : String(e)}`);
    }
    post({ id, kind: 'progress', share: (i + 1) / found.length });
  }
  post({ id, kind: 'result', runs, faults });
}

async function readRun(dir: string, names: Map<string, File>): Promise<LoadedRun> {
  let manifest: {
    schema?: unknown;
    seed: number;
    scenario: { name: string; seed: number };
    scenarioSha256: string;
    result: LoadedRun['result'];
  };
  try {
    manifest = JSON.parse(await names.get('run.json')!.text());
  } catch {
    throw new Error('run.json is no JSON: the run was cut off or damaged');
  }
  if (manifest.schema !== 'janction.rundir/1')
    throw new Error(
      `run.json has schema ${String(manifest.schema)}, these pages read janction.rundir/1: use the version that wrote it`,
    );
  if (manifest.result?.schema !== 'janction.run/1') throw new Error('run.json holds no result: the run was cut off');
  const jobs = names.get('jobs.parquet');
  if (jobs === undefined) throw new Error('jobs.parquet is missing: choose the whole directory');
  const { seed: _, ...variant } = manifest.scenario;
  return {
    dir,
    name: manifest.scenario.name,
    seed: manifest.seed,
    variant: await hash(JSON.stringify(variant)),
    result: manifest.result,
    waits: await waitsOf(await jobs.arrayBuffer()),
  };
}

async function waitsOf(buffer: ArrayBuffer): Promise<LoadedRun['waits']> {
  const wanted = ['job_id', 'submission_time_us', 'waiting_time_us'] as const;
  let metadata: ReturnType<typeof parquetMetadata>;
  try {
    metadata = parquetMetadata(buffer);
  } catch {
    throw new Error('jobs.parquet is no Parquet file: it was cut off or damaged');
  }
  const has = new Set(metadata.schema.map((s) => s.name));
  for (const name of wanted)
    if (!has.has(name)) throw new Error(`jobs.parquet has no column ${name}: it is of another version`);
  const rows = Number(metadata.num_rows);
  const columns = Object.fromEntries(wanted.map((n) => [n, new Float64Array(rows)])) as Record<
    (typeof wanted)[number],
    Float64Array
  >;
  if (rows > 0)
    await parquetRead({
      file: { byteLength: buffer.byteLength, slice: (a, b) => buffer.slice(a, b) },
      metadata,
      columns: [...wanted],
      onChunk: ({ columnName, columnData, rowStart }) => {
        const target = columns[columnName as (typeof wanted)[number]];
        for (let i = 0; i < columnData.length; i++) target[rowStart + i] = Number(columnData[i]);
      },
    });
  return { job: columns.job_id, submitted: columns.submission_time_us, wait: columns.waiting_time_us };
}

/** 12 hex digits: the same scenario but for its seed. */
async function hash(text: string): Promise<string> {
  let h = 0xcbf29ce484222325n;
  for (let i = 0; i < text.length; i++) h = ((h ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n) & 0xffffffffffffffffn;
  return h.toString(16).padStart(16, '0').slice(0, 12);
}
