/**
 * A run as Chrome's trace format (Trace Event Format, JSON object form), which ui.perfetto.dev and chrome://tracing open: a
 * process per machine, a thread per GPU, the ten longest waits, counters for queue, use and prices, instants for machines lost, arrows from an attempt
 * that was cut off to the next one of the same job, and from one that gave way to the job it gave way to. Streamed row group by row
 * group: memory does not grow with the run, except by the jobs that are between two attempts, and those that others made room for.
 */

import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { duration } from '../readable.ts';
import { rowGroups } from '../rundir/columns.ts';
import { readManifest } from '../rundir/reader.ts';

export interface TimelineCounts {
  events: number;
  placements: number;
}

/** Takes a piece of text; resolves when it may get the next. */
export type TextSink = (text: string) => Promise<void>;

/** How a timeline's file begins. */
export const TIMELINE_HEAD = '{"displayTimeUnit":"ms","traceEvents":[';

/** Text gathered before it is handed on. */
const PIECE = 1 << 16;

/** Process 1 is the market, machines follow. */
const MARKET = 1;

class Writer {
  readonly #sink: TextSink;
  #text = `${TIMELINE_HEAD}\n`;
  events = 0;

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** True when the sink should be given what has gathered. */
  put(event: object): boolean {
    if (this.events++ > 0) this.#text += ',\n';
    this.#text += JSON.stringify(event);
    return this.#text.length >= PIECE;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.#sink(text);
  }

  async end(other: object): Promise<void> {
    this.#text += `\n],"otherData":${JSON.stringify(other)}}\n`;
    await this.flush();
  }
}

/** Writes the timeline of a run directory. */
export async function writeTimeline(dir: string, sink: TextSink): Promise<TimelineCounts> {
  const manifest = readManifest(dir);
  const out = new Writer(sink);
  const pids = names(out, manifest.scenario);
  let placements = 0;
  const longest: Wait[] = [];
  const labels = await jobLabels(dir, longest);
  for (const w of longest) {
    const common = {
      cat: 'wait',
      name: `job ${w.job} waits ${duration(w.us / 1e6)}`,
      id: `wait-${w.job}`,
      pid: MARKET,
      tid: 2,
    };
    out.put({
      ph: 'b',
      ...common,
      ts: w.from,
      args: { job: w.job, kind: labels(w.job), GPUs: w.gpus, 'waited (s)': w.us / 1e6 },
    });
    out.put({ ph: 'e', ...common, ts: w.from + w.us });
  }
  placements = await slices(dir, out, pids, labels);
  await counters(dir, out);
  await losses(dir, out, pids);
  await elections(dir, out);
  await punishments(dir, out);
  await out.end({
    scenario: manifest.scenario.name,
    seed: manifest.seed,
    fingerprint: manifest.result.fingerprint,
    engine: manifest.engine,
  });
  return { events: out.events, placements };
}

function names(out: Writer, scenario: ResolvedScenario): Map<string, number> {
  const pids = new Map<string, number>();
  const name = (pid: number, text: string, sort: number): void => {
    out.put({ ph: 'M', name: 'process_name', pid, args: { name: text } });
    out.put({ ph: 'M', name: 'process_sort_index', pid, args: { sort_index: sort } });
  };
  name(MARKET, 'market', 0);
  scenario.market.nodes.forEach((n, i) => {
    const pid = MARKET + 1 + i;
    pids.set(n.id, pid);
    name(pid, `${n.id} (${scenario.market.classes[n.gpuClass]!.name})`, 1 + i);
    for (let g = 0; g < n.gpus; g++)
      out.put({ ph: 'M', name: 'thread_name', pid, tid: g + 1, args: { name: `GPU ${g}` } });
  });
  return pids;
}

/** A job that waited long for its first start. */
interface Wait {
  job: number;
  from: number;
  us: number;
  gpus: number;
}

/** Longest waits that are drawn. */
const WAITS = 10;

/** Keeps the longest of all that pass, longest first; of equal ones the earlier job. */
function keepLongest(list: Wait[], w: Wait): void {
  const before = (a: Wait, b: Wait): boolean => a.us > b.us || (a.us === b.us && a.job < b.job);
  if (w.us <= 0 || (list.length === WAITS && !before(w, list[WAITS - 1]!))) return;
  const at = list.findIndex((x) => before(w, x));
  list.splice(at < 0 ? list.length : at, 0, w);
  if (list.length > WAITS) list.pop();
}

/**
 * Label of each job as a number of a short list, four bytes a job: a slice is named after what runs in it. Jobs that are not
 * over have none.
 */
async function jobLabels(dir: string, longest: Wait[]): Promise<(job: number) => string> {
  const list: string[] = ['job'];
  const index = new Map<string, number>();
  let of = new Uint16Array(1024);
  for await (const g of rowGroups(dir, 'jobs', [
    'job_id',
    'workload_name',
    'submission_time_us',
    'waiting_time_us',
    'requested_number_of_resources',
  ])) {
    for (let i = 0; i < g.rows; i++) {
      const job = g.job_id[i]!;
      keepLongest(longest, {
        job,
        from: g.submission_time_us[i]!,
        us: g.waiting_time_us[i]!,
        gpus: g.requested_number_of_resources[i]!,
      });
      // Numbers far beyond the count of jobs would only waste memory: those stay unnamed.
      if (job > 0x4000000) continue;
      const text = g.workload_name[i]!;
      let k = index.get(text);
      if (k === undefined) {
        if (list.length === 0xffff) continue;
        k = list.push(text) - 1;
        index.set(text, k);
      }
      if (job >= of.length) {
        const grown = new Uint16Array(Math.max(job + 1, of.length * 2));
        grown.set(of);
        of = grown;
      }
      of[job] = k;
    }
  }
  return (job) => list[of[job] ?? 0]!;
}

/** Whom an attempt gave way to. Read as far as the placements have come: both tables are in order of time. */
class Preemptors {
  readonly #rows: AsyncGenerator<{ rows: number; lease_id: Float64Array; by_job_id: Float64Array }>;
  #group: { rows: number; lease_id: Float64Array; by_job_id: Float64Array } | null = null;
  #at = 0;
  #over = false;
  readonly #ahead = new Map<number, number>();

  constructor(dir: string) {
    this.#rows = rowGroups(dir, 'preemptions', ['lease_id', 'by_job_id']);
  }

  /** The job that lease gave way to; 0 = nobody in particular. */
  async of(lease: number): Promise<number> {
    while (!this.#ahead.has(lease) && !this.#over) {
      if (this.#group === null || this.#at === this.#group.rows) {
        const next = await this.#rows.next();
        this.#over = next.done === true;
        this.#group = next.done === true ? null : next.value;
        this.#at = 0;
        continue;
      }
      this.#ahead.set(this.#group.lease_id[this.#at]!, this.#group.by_job_id[this.#at]!);
      this.#at++;
    }
    const by = this.#ahead.get(lease) ?? 0;
    this.#ahead.delete(lease);
    return by;
  }
}

async function slices(
  dir: string,
  out: Writer,
  pids: Map<string, number>,
  label: (job: number) => string,
): Promise<number> {
  let placements = 0;
  // Where the last attempt of a job was cut off, until the next one is seen.
  const cut = new Map<number, { pid: number; tid: number; at: number; outcome: string }>();
  let arrows = 0;
  // Who made room for a job that has not ended since: its own slice comes when it does.
  const madeRoom = new Map<number, { pid: number; tid: number; at: number; job: number }[]>();
  const preemptors = new Preemptors(dir);
  const arrow = (
    cat: string,
    label: string,
    from: { pid: number; tid: number; at: number },
    to: { pid: number; tid: number; at: number },
  ): boolean => {
    const flow = { cat, name: label, id: ++arrows };
    out.put({ ph: 's', ...flow, pid: from.pid, tid: from.tid, ts: from.at });
    return out.put({ ph: 'f', bp: 'e', ...flow, pid: to.pid, tid: to.tid, ts: to.at });
  };
  for await (const p of rowGroups(dir, 'placements', [
    'lease_id',
    'job_id',
    'attempt',
    'part',
    'node',
    'gpus',
    'gpu_milli',
    'start_us',
    'end_us',
    'outcome',
    'rate_micro_per_gpu_hour',
    'charge_micro',
    'currency',
  ])) {
    for (let i = 0; i < p.rows; i++) {
      const start = p.start_us[i]!;
      if (start < 0) continue;
      placements++;
      const pid = pids.get(p.node[i]!);
      if (pid === undefined) continue;
      const job = p.job_id[i]!;
      const name = `${label(job)} ${job}`;
      const gpus = p.gpus[i] === '' ? [] : p.gpus[i]!.split('+').map(Number);
      const dur = p.end_us[i]! - start;
      const args = {
        job,
        attempt: p.attempt[i]!,
        part: p.part[i]!,
        outcome: p.outcome[i]!,
        'rate (micro-units per GPU-hour)': p.rate_micro_per_gpu_hour[i]!,
        [`charge (micro-${p.currency[i]!})`]: p.charge_micro[i]!,
      };
      const cat = p.outcome[i]!;
      let full = false;
      if (p.gpu_milli[i]! >= 1000 && gpus.length > 0) {
        for (const g of gpus) full = out.put({ ph: 'X', cat, name, pid, tid: g + 1, ts: start, dur, args }) || full;
      } else {
        // Shares of a GPU overlap: as asynchronous slices the viewer stacks them.
        const id = `0x${p.lease_id[i]!.toString(16)}`;
        const where = gpus.length > 0 ? `share of GPU ${gpus.join('+')}` : 'processors';
        const common = { cat: 'share', name: where, id, pid, tid: (gpus[0] ?? 0) + 1 };
        out.put({ ph: 'b', ...common, ts: start, args: { ...args, kind: name, milliGpu: p.gpu_milli[i]! } });
        full = out.put({ ph: 'e', ...common, ts: start + dur });
      }
      const tid = (gpus[0] ?? 0) + 1;
      if (p.part[i] === 0) {
        const before = cut.get(job);
        if (before !== undefined) {
          cut.delete(job);
          full = arrow('retry', `retry after ${before.outcome}`, before, { pid, tid, at: start }) || full;
        }
        const room = madeRoom.get(job);
        if (room !== undefined) {
          // An attempt that began before the room was made is not what it was made for.
          const waiting = room.filter((v) => v.at > start);
          for (const v of room)
            if (v.at <= start)
              full = arrow('preemption', `job ${v.job} gave way to job ${job}`, v, { pid, tid, at: start }) || full;
          if (waiting.length > 0) madeRoom.set(job, waiting);
          else madeRoom.delete(job);
        }
        const outcome = p.outcome[i]!;
        if (outcome === 'node-failure' || outcome === 'gpu-failure' || outcome === 'aborted' || outcome === 'preempted')
          cut.set(job, { pid, tid, at: Math.max(start, p.end_us[i]! - 1), outcome });
        if (outcome === 'preempted') {
          const by = await preemptors.of(p.lease_id[i]!);
          if (by !== 0)
            madeRoom.set(by, [...(madeRoom.get(by) ?? []), { pid, tid, at: Math.max(start, p.end_us[i]! - 1), job }]);
        }
      }
      if (full) await out.flush();
    }
  }
  return placements;
}

async function counters(dir: string, out: Writer): Promise<void> {
  for await (const s of rowGroups(dir, 'samples', [
    'time_us',
    'pool',
    'waiting_jobs',
    'running_jobs',
    'used_milli',
    'capacity_milli',
  ])) {
    for (let i = 0; i < s.rows; i++) {
      const at = { ph: 'C', pid: MARKET, ts: s.time_us[i]! };
      out.put({
        ...at,
        name: `jobs, ${s.pool[i]!}`,
        args: { waiting: s.waiting_jobs[i]!, running: s.running_jobs[i]! },
      });
      const full = out.put({
        ...at,
        name: `GPUs, ${s.pool[i]!}`,
        args: { leased: s.used_milli[i]! / 1000, idle: Math.max(0, s.capacity_milli[i]! - s.used_milli[i]!) / 1000 },
      });
      if (full) await out.flush();
    }
  }
  for await (const p of rowGroups(dir, 'prices', ['time_us', 'pool', 'gpu_class', 'rate_micro_per_gpu_hour'])) {
    for (let i = 0; i < p.rows; i++) {
      const rate = p.rate_micro_per_gpu_hour[i]!;
      if (rate < 0) continue;
      const name = `price per GPU-hour, ${p.gpu_class[i]!}, ${p.pool[i]!}`;
      if (out.put({ ph: 'C', pid: MARKET, ts: p.time_us[i]!, name, args: { units: rate / 1e6 } })) await out.flush();
    }
  }
}

const CARD_SAYS: Readonly<Record<string, string>> = {
  'gpu-dead': 'failed',
  'gpu-drain': 'is to be reset',
  'gpu-back': 'is back',
  'gpu-error': 'reports an error',
};

async function losses(dir: string, out: Writer, pids: Map<string, number>): Promise<void> {
  for await (const f of rowGroups(dir, 'failures', ['time_us', 'kind', 'cause', 'node', 'gpu', 'leases_lost'])) {
    for (let i = 0; i < f.rows; i++) {
      const pid = pids.get(f.node[i]!);
      if (pid === undefined) continue;
      const card = f.gpu[i]! < 0 ? null : `GPU ${f.gpu[i]!}`;
      const name =
        card !== null
          ? `${card} ${CARD_SAYS[f.kind[i]!]!} (${f.cause[i]!})`
          : f.kind[i] === 'node-up'
            ? 'up'
            : f.kind[i] === 'notice'
              ? 'its owner gives notice'
              : f.cause[i] === 'owner'
                ? 'taken back by its owner'
                : 'failure';
      const args = { 'leases lost': f.leases_lost[i]! };
      if (out.put({ ph: 'i', s: 'p', cat: f.kind[i]!, name, pid, tid: 1, ts: f.time_us[i]!, args })) await out.flush();
    }
  }
}

/** Who was elected, at the stamp of each election: one instant across the market's process. */
async function elections(dir: string, out: Writer): Promise<void> {
  let at = -1;
  let name = '';
  let seats: Record<string, string> = {};
  const close = (): boolean =>
    at >= 0 && out.put({ ph: 'i', s: 'p', cat: 'election', name, pid: MARKET, tid: 1, ts: at, args: seats });
  for await (const e of rowGroups(dir, 'elections', [
    'epoch',
    'time_us',
    'occasion',
    'pool',
    'aggregator',
    'voter',
    'seat',
  ])) {
    for (let i = 0; i < e.rows; i++) {
      if (e.voter[i] !== '') continue;
      const next = e.occasion[i] === 'epoch' ? `election ${e.epoch[i]}` : 'aggregator failed: its seat is filled';
      if (at !== e.time_us[i] || name !== next) {
        if (close()) await out.flush();
        at = e.time_us[i]!;
        name = next;
        seats = {};
      }
      if (e.seat[i]! >= 0) seats[`seat ${e.seat[i]}`] = `${e.pool[i]} (${e.aggregator[i]})`;
    }
  }
  close();
}

const PUNISHED = new Set([
  'slash-bonded',
  'slash-unbonding',
  'slash-returned',
  'tombstone',
  'aggregator-down',
  'aggregator-up',
]);

/** Slashes, appeals that were granted, and aggregators that went away or came back. */
async function punishments(dir: string, out: Writer): Promise<void> {
  for await (const s of rowGroups(dir, 'stakes', [
    'time_us',
    'act',
    'staker',
    'provider',
    'pool',
    'amount_micro',
    'currency',
  ])) {
    for (let i = 0; i < s.rows; i++) {
      const act = s.act[i]!;
      if (!PUNISHED.has(act)) continue;
      const args = {
        who: [s.staker[i], s.provider[i], s.pool[i]].filter((w) => w !== '').join(', '),
        [`amount (micro-${s.currency[i]!})`]: s.amount_micro[i]!,
      };
      if (out.put({ ph: 'i', s: 'p', cat: 'stake', name: act, pid: MARKET, tid: 1, ts: s.time_us[i]!, args }))
        await out.flush();
    }
  }
}
