/** Reads run and sweep directories off the page's thread: a big table must not freeze it. */

import type { LoadedSweep, SensitivityFile } from '../../lab/stats/sweep-analysis.ts';
import { numbersOf } from './parquet.ts';
import type { FromRuns, LoadedRun, Machines, Pair, ToRuns } from './runs.ts';
import { readSensitivity, readSweep } from './sweep-reader.ts';

/** Rivals of which jobs are paired. */
const MOST_PAIRS = 12;
const BINS = 40;

interface Waits {
  job: Float64Array;
  submitted: Float64Array;
  wait: Float64Array;
}

const post = (m: FromRuns, transfer: Transferable[] = []): void => postMessage(m, { transfer });

/** Of the runs that are shown, in their order. */
let waits: Waits[] = [];
let shown: LoadedRun[] = [];
let latest = 0;

addEventListener('message', (event: MessageEvent<ToRuns>) => {
  const m = event.data;
  if (m.kind === 'pair') return post({ id: m.id, kind: 'pairs', pairs: pairs(m.base) });
  latest = m.id;
  void readAll(m.id, m.files);
});

const byCodeUnits = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

async function readAll(id: number, files: readonly { path: string; file: File }[]): Promise<void> {
  const dirs = new Map<string, Map<string, File>>();
  for (const { path, file } of files) {
    const slash = path.lastIndexOf('/');
    const dir = slash < 0 ? '' : path.slice(0, slash);
    dirs.set(dir, (dirs.get(dir) ?? new Map<string, File>()).set(path.slice(slash + 1), file));
  }
  const runs: LoadedRun[] = [];
  const read: Waits[] = [];
  const sweeps: LoadedSweep[] = [];
  const sensitivities: SensitivityFile[] = [];
  const faults: string[] = [];
  const known = ['run.json', 'plan.json', 'sensitivity.json', 'table.parquet'];
  const found = [...dirs].filter(([, names]) => known.some((n) => names.has(n))).sort(byCodeUnits);
  for (const [dir, names] of [...dirs].sort(byCodeUnits)) {
    // What run writes into until it is done.
    if (dir.endsWith('.partial')) faults.push(`${dir}: this run did not finish; make it again`);
    else if (names.has('jobs.parquet') && !names.has('run.json'))
      faults.push(`${dir || 'this run'}: run.json is missing: choose the whole directory`);
  }
  const leaves = new Leaves();
  if (found.length === 0 && faults.length === 0)
    faults.push(
      'No run and no sweep among these files. Choose a directory written by janction run --out or janction sweep run --out, or a folder of several.',
    );
  for (const [i, [dir, names]] of found.entries()) {
    if (id !== latest) return;
    const fault = (e: unknown): void => {
      faults.push(`${dir || 'this directory'}: ${e instanceof Error ? e.message : String(e)}`);
    };
    try {
      if (names.has('run.json') && !dir.endsWith('.partial')) {
        const { run, waits: w } = await readRun(dir, names, faults, leaves);
        runs.push(run);
        read.push(w);
      }
      if (names.has('plan.json'))
        sweeps.push(await readSweep(dir, names, [...(dirs.get(`${dir}/results`)?.values() ?? [])], faults));
      else if (names.has('table.parquet'))
        throw new Error('table.parquet has no plan.json beside it: choose the whole directory of the sweep');
    } catch (e) {
      fault(e);
    }
    try {
      if (names.has('sensitivity.json')) sensitivities.push(await readSensitivity(dir, names.get('sensitivity.json')!));
    } catch (e) {
      fault(e);
    }
    post({ id, kind: 'progress', share: (i + 1) / found.length });
  }
  waits = read;
  shown = runs;
  const transfer = sweeps.flatMap((s) => [s.point, s.replication, ...Object.values(s.figures)].map((a) => a.buffer));
  post({ id, kind: 'result', loaded: { runs, sweeps, sensitivities, faults } }, transfer);
}

async function readRun(
  dir: string,
  names: ReadonlyMap<string, File>,
  faults: string[],
  leaves: Leaves,
): Promise<{ run: LoadedRun; waits: Waits }> {
  let manifest: {
    schema?: unknown;
    seed: number;
    scenario: { name: string; seed: number };
    result: LoadedRun['result'];
  };
  try {
    manifest = JSON.parse(await names.get('run.json')!.text());
  } catch {
    throw new Error('run.json is no JSON: the run was cut off or damaged');
  }
  if (manifest?.schema !== 'janction.rundir/1')
    throw new Error(
      `run.json has schema ${String(manifest?.schema)}, these pages read janction.rundir/1: use the version that wrote it`,
    );
  if (manifest.result?.schema !== 'janction.run/1') throw new Error('run.json holds no result: the run was cut off');
  const jobs = names.get('jobs.parquet');
  if (jobs === undefined) throw new Error('jobs.parquet is missing: choose the whole directory');
  const { rows, columns } = await numbersOf(jobs, ['job_id', 'submission_time_us', 'waiting_time_us']);
  const { seed: _, ...variant } = manifest.scenario;
  const text = JSON.stringify(variant);
  let machines: Machines | null = null;
  const devices = names.get('devices.parquet');
  try {
    if (devices === undefined) throw new Error('devices.parquet is missing');
    machines = await machinesOf(devices);
  } catch (e) {
    faults.push(`${dir || 'this run'}: ${(e as Error).message}; its machines are not shown, all else is`);
  }
  return {
    run: {
      dir,
      name: manifest.scenario.name,
      seed: manifest.seed,
      variant: hash(text),
      differs: leaves.differences(text, variant),
      result: manifest.result,
      jobs: rows,
      machines,
    },
    waits: { job: columns.job_id, submitted: columns.submission_time_us, wait: columns.waiting_time_us },
  };
}

/** Length of a scenario's text beyond which it is not taken apart. */
const LONG = 2_000_000;

/** Every value of the first scenario by its path, so that others can say where they differ. */
class Leaves {
  #first: Map<string, string> | null = null;
  #text = '';

  differences(text: string, scenario: object): string {
    if (this.#first === null) {
      this.#text = text;
      this.#first = text.length > LONG ? new Map<string, string>() : leavesOf(scenario);
      return '';
    }
    if (text === this.#text) return '';
    if (text.length > LONG || this.#text.length > LONG) return 'another scenario';
    const mine = leavesOf(scenario);
    const paths = [...new Set([...this.#first.keys(), ...mine.keys()])].filter(
      (p) => this.#first!.get(p) !== mine.get(p),
    );
    const said = paths.slice(0, 3).map((p) => `${p.replace(/^market\./, '')} ${mine.get(p) ?? 'absent'}`);
    return paths.length > 3 ? `${said.join(', ')} and ${paths.length - 3} more` : said.join(', ');
  }
}

function leavesOf(value: unknown, path = '', out = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null)
    for (const [k, v] of Object.entries(value)) leavesOf(v, path === '' ? k : `${path}.${k}`, out);
  else out.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  return out;
}

async function machinesOf(file: File): Promise<Machines> {
  const { rows, columns: c } = await numbersOf(file, ['gpus', 'up_us', 'gpu_out_us', 'busy_milli_us', 'leases']);
  const twentieths = new Array<number>(20).fill(0);
  let idle = 0;
  for (let i = 0; i < rows; i++) {
    const all = (c.gpus[i]! * c.up_us[i]! - c.gpu_out_us[i]!) * 1000;
    const share = all > 0 ? c.busy_milli_us[i]! / all : 0;
    if (c.leases[i] === 0) idle++;
    twentieths[Math.min(19, Math.floor(share * 20))]!++;
  }
  return { count: rows, idle, twentieths };
}

function pairs(base: number): Pair[] {
  const a = shown[base];
  if (a === undefined) return [];
  const rivals = shown.flatMap((r, i) => (i !== base && r.seed === a.seed && r.variant !== a.variant ? [i] : []));
  return rivals.slice(0, MOST_PAIRS).flatMap((run) => {
    const d = waitDifferences(waits[base]!, waits[run]!);
    if (d.length === 0) return [];
    d.sort((x, y) => x - y);
    const at = (q: number): number => d[Math.min(d.length - 1, Math.floor(q * d.length))]!;
    const far = Math.max(1, Math.abs(at(0.01)), Math.abs(at(0.99)));
    const bins = Array.from({ length: BINS }, (_, k) => ({
      from: far * ((2 * k) / BINS - 1),
      to: far * ((2 * (k + 1)) / BINS - 1),
      jobs: 0,
    }));
    let sooner = 0;
    let later = 0;
    for (const x of d) {
      if (x < -1) sooner++;
      if (x > 1) later++;
      if (x >= -far && x <= far) bins[Math.min(BINS - 1, Math.floor(((x + far) / (2 * far)) * BINS))]!.jobs++;
    }
    return [{ run, jobs: d.length, sooner: sooner / d.length, later: later / d.length, bins }];
  });
}

/** Waits of the jobs that both runs started, submitted at the same moment: second minus first, seconds. */
function waitDifferences(a: Waits, b: Waits): Float64Array {
  const other = new Map<number, number>();
  for (let i = 0; i < b.job.length; i++) other.set(b.job[i]!, i);
  const out = new Float64Array(a.job.length);
  let n = 0;
  for (let i = 0; i < a.job.length; i++) {
    const k = other.get(a.job[i]!);
    if (k === undefined || a.submitted[i] !== b.submitted[k]) continue;
    if (a.wait[i]! < 0 || b.wait[k]! < 0) continue;
    out[n++] = (b.wait[k]! - a.wait[i]!) / 1e6;
  }
  return out.slice(0, n);
}

/** 12 hex digits: the same scenario but for its seed. FNV-1a over two halves of 32 bits: a scenario of 100,000 machines is megabytes. */
function hash(text: string): string {
  let h = 0x811c9dc5;
  let g = 0x1000193;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    h = Math.imul(h ^ c, 0x1000193);
    g = Math.imul(g ^ (c + 0x9e37), 0x85ebca6b);
  }
  return ((h >>> 0).toString(16).padStart(8, '0') + (g >>> 0).toString(16).padStart(8, '0')).slice(0, 12);
}
