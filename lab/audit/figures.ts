/**
 * Third part of an audit: every figure of run.json that follows from the tables is worked out from them again, with arithmetic of its own.
 * Money is folded from transfers, which the bookkeeper has checked,
 * and not from the accounts that the run itself summed. What rests on private values or on counts that no table holds is named, not checked.
 */

import type { JournalHeader } from '../../core/journal/journal.ts';
import { adversaryFigures } from './adversaries.ts';
import type { AuditTable } from './independent.ts';

export interface FiguresInput {
  manifest: {
    engine: string;
    seed: number;
    tables: Record<string, number>;
    journalBytes: number;
    scenario: {
      seed: number;
      warmupUs: number;
      market: object;
      nodes: readonly object[];
      adversaries?: object;
    };
    result: object;
  };
  header: JournalHeader;
  journalBytes: number;
  /** Jobs that the journal says were submitted. */
  submitted: number;
  tables: Record<string, AuditTable>;
}

export interface FiguresReport {
  /** Figures of run.json that were worked out again. */
  checked: number;
  /** Figures of `result` that follow from no table. */
  notRecomputed: string[];
  difference: string | null;
}

/** Tables, columns and accounts are read by name: a row is what the named cells of one index hold. */
class Rows {
  readonly #columns: Record<string, (bigint | string)[]>;
  readonly length: number;
  constructor(table: AuditTable) {
    this.#columns = table.columns;
    this.length = table.rows;
  }
  text(column: string, i: number): string {
    return this.#columns[column]![i] as string;
  }
  big(column: string, i: number): bigint {
    return this.#columns[column]![i] as bigint;
  }
  int(column: string, i: number): number {
    return Number(this.#columns[column]![i]);
  }
}

const MILLI_US_PER_GPU_HOUR = 3_600_000_000_000n;
const six = (x: number): number => Math.round(x * 1e6) / 1e6;
const hours = (milliUs: bigint): number => six(Number(milliUs) / Number(MILLI_US_PER_GPU_HOUR));
const plus = (of: Map<string, bigint>, key: string, by: bigint): void => void of.set(key, (of.get(key) ?? 0n) + by);
const gpusIn = (list: string): bigint => BigInt(list === '' ? 0 : list.split('+').length);

/** The value below or at which a share of all values lies: nearest rank. */
function atRank(ascending: readonly bigint[], percent: bigint): number {
  const n = BigInt(ascending.length);
  if (n === 0n) return 0;
  const rank = (percent * n + 99n) / 100n;
  return Number(ascending[Number(rank) - 1]!) / 1e6;
}

function distribution(values: bigint[]): { mean: number; p50: number; p95: number; p99: number } {
  const ascending = values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const sum = ascending.reduce((a, b) => a + b, 0n);
  const mean = ascending.length === 0 ? 0 : six(Number(sum) / ascending.length / 1e6);
  return { mean, p50: atRank(ascending, 50n), p95: atRank(ascending, 95n), p99: atRank(ascending, 99n) };
}

function jobsAndWaits(jobs: Rows, submitted: number | null, warmupUs: bigint): object {
  const states: Record<string, number> = { completed: 0, failed: 0, rejected: 0, cancelled: 0 };
  const because = new Map<string, bigint>();
  const waits: bigint[] = [];
  const turnarounds: bigint[] = [];
  let first = -1n;
  let last = 0n;
  for (let i = 0; i < jobs.length; i++) {
    const state = jobs.text('final_state', i);
    states[state] = (states[state] ?? 0) + 1;
    if (state === 'rejected') plus(because, jobs.text('reason', i), 1n);
    const at = jobs.big('submission_time_us', i);
    const started = jobs.big('starting_time_us', i);
    const finished = jobs.big('finish_time_us', i);
    if (first < 0n || at < first) first = at;
    if (started >= 0n && finished > last) last = finished;
    if (at < warmupUs) continue;
    if (started >= 0n) waits.push(started - at);
    if (state === 'completed') turnarounds.push(finished - at);
  }
  return {
    jobs: { ...(submitted === null ? {} : { submitted }), ...states },
    rejectedBecause: Object.fromEntries([...because].map(([k, n]) => [k, Number(n)])),
    waitSeconds: distribution(waits),
    jctSeconds: distribution(turnarounds),
    makespanSeconds: first < 0n || last < first ? 0 : Number(last - first) / 1e6,
  };
}

function gpuTime(devices: Rows, placements: Rows): { gpu: object; useful: number } {
  let count = 0;
  let capacity = 0n;
  let used = 0n;
  for (let i = 0; i < devices.length; i++) {
    count += devices.int('gpus', i);
    capacity += 1000n * (devices.big('gpus', i) * devices.big('up_us', i) - devices.big('gpu_out_us', i));
    used += devices.big('busy_milli_us', i);
  }
  let useful = 0n;
  for (let i = 0; i < placements.length; i++) {
    if (placements.text('outcome', i) !== 'completed' || placements.big('start_us', i) < 0n) continue;
    const milli = placements.big('gpu_milli', i) * gpusIn(placements.text('gpus', i));
    useful += milli * (placements.big('end_us', i) - placements.big('start_us', i));
  }
  return {
    gpu: {
      count,
      capacityGpuHours: hours(capacity),
      usedGpuHours: hours(used),
      usefulGpuHours: hours(useful),
      utilisation: capacity === 0n ? 0 : six(Number(used) / Number(capacity)),
    },
    useful: hours(useful),
  };
}

interface Flows {
  /** Moved out of and into each account. */
  out: Map<string, bigint>;
  in: Map<string, bigint>;
  /** Reserved into each account and neither posted nor let go. */
  reserved: Map<string, bigint>;
  refunded: bigint;
  credits: bigint;
  /** Got by users, but for deposits. */
  back: bigint;
}

function foldTransfers(t: Rows, currency: string, mayReturn: boolean): Flows {
  const f: Flows = { out: new Map(), in: new Map(), reserved: new Map(), refunded: 0n, credits: 0n, back: 0n };
  const open = new Map<bigint, [string, bigint]>();
  for (let i = 0; i < t.length; i++) {
    if (t.text('currency', i) !== currency) continue;
    const kind = t.text('kind', i);
    const amount = t.big('amount_micro', i);
    const to = t.text('credit', i);
    if (kind === 'pending') open.set(t.big('transfer_id', i), [to, amount]);
    else if (kind !== 'single') open.delete(t.big('pending_id', i));
    if (kind !== 'single' && kind !== 'post') continue;
    plus(f.out, t.text('debit', i), amount);
    plus(f.in, to, amount);
    const reason = t.text('reason', i);
    if (!mayReturn || !to.startsWith('user:') || reason === 'deposit') continue;
    f.back += amount;
    if (reason.endsWith('credit')) f.credits += amount;
    else f.refunded += amount;
  }
  for (const [to, amount] of open.values()) plus(f.reserved, to, amount);
  return f;
}

/** Sum over the accounts of some kinds. */
function sumOf(of: Map<string, bigint>, ...kinds: string[]): bigint {
  let sum = 0n;
  for (const [account, amount] of of) if (kinds.includes(account.split(':')[0]!)) sum += amount;
  return sum;
}

function moneyOf(f: Flows): Record<string, bigint> & { slashed: bigint } {
  const net = (...kinds: string[]): bigint => sumOf(f.in, ...kinds) - sumOf(f.out, ...kinds);
  return {
    charged: sumOf(f.out, 'user') - f.back - net('escrow', 'revenue'),
    providers: net('provider') - sumOf(f.out, 'deposit'),
    stakers: sumOf(f.in, 'staker') + net('staker-pot'),
    aggregators: net('aggregator'),
    verifiers: net('verifiers', 'verifier'),
    treasury: net('treasury'),
    dust: net('dust'),
    subsidy: sumOf(f.out, 'subsidy'),
    refunded: f.refunded,
    credits: f.credits,
    held: net('escrow', 'revenue') + sumOf(f.reserved, 'escrow', 'revenue'),
    slashed: net('slash-pot', 'bounty'),
  };
}

function moneyFigures(unit: string, m: Record<string, bigint>): object {
  const s = (k: string): string => String(m[k]);
  const memo = { subsidy: s('subsidy'), refunded: s('refunded'), credits: s('credits') };
  return {
    unit,
    ...Object.fromEntries(
      ['charged', 'providers', 'stakers', 'aggregators', 'verifiers', 'treasury', 'dust'].map((k) => [k, s(k)]),
    ),
    memo: { ...memo, held: s('held'), slashed: s('slashed') },
  };
}

/** Gini coefficient as half the relative mean absolute difference, and the sum of squared shares. */
function concentration(values: readonly number[]): { gini: number; hhi: number } {
  const sum = values.reduce((a, b) => a + b, 0);
  if (sum <= 0) return { gini: 0, hhi: 0 };
  const ascending = [...values].sort((a, b) => a - b);
  // sum over pairs of |a - b| = sum over the sorted of value x (how many below - how many above), twice.
  const spread = ascending.reduce((s, x, i) => s + x * (2 * i + 1 - ascending.length), 0);
  return {
    gini: six(spread / (ascending.length * sum)),
    hhi: six(values.reduce((s, x) => s + (x / sum) * (x / sum), 0)),
  };
}

function economics(input: FiguresInput, currency: string, token: bigint, money: bigint[], useful: number): object {
  const rates: bigint[] = [];
  const placements = new Rows(input.tables['placements']!);
  for (let i = 0; i < placements.length; i++)
    if (placements.big('start_us', i) >= 0n && placements.text('currency', i) === currency)
      rates.push(placements.big('rate_micro_per_gpu_hour', i));
  const { mean, p50, p95 } = distribution(rates);
  const listed = new Map<string, bigint>();
  const times = new Map<string, bigint>();
  const prices = new Rows(input.tables['prices']!);
  for (let i = 0; i < prices.length; i++) {
    const rate = prices.big('rate_micro_per_gpu_hour', i);
    if (rate < 0n) continue;
    plus(listed, prices.text('gpu_class', i), rate);
    plus(times, prices.text('gpu_class', i), 1n);
  }
  const accounts = new Rows(input.tables['accounts']!);
  const earned: number[] = [];
  for (let i = 0; i < accounts.length; i++)
    if (accounts.text('currency', i) === currency && accounts.text('account', i).startsWith('provider:'))
      earned.push(Number(accounts.big('credits_posted_micro', i) - accounts.big('debits_posted_micro', i)));
  const charged = money[0]! + ((money[1] ?? 0n) * token) / 1_000_000n;
  return {
    clearingPrice: { mean, p50, p95 },
    priceByClass: Object.fromEntries(
      [...listed].map(([name, sum]) => [name, six(Number(sum) / Number(times.get(name)) / 1e6)]),
    ),
    costPerUsefulGpuHour: useful > 0 ? six(Number(charged) / 1e6 / useful) : null,
    ...concentration(earned),
  };
}

function downs(failures: Rows): object {
  let ownerReturns = 0;
  let node = 0;
  let gpu = 0;
  let gpuErrors = 0;
  let cut = 0n;
  for (let i = 0; i < failures.length; i++) {
    const kind = failures.text('kind', i);
    if (kind === 'node-down' && failures.text('cause', i) === 'owner') ownerReturns++;
    else if (kind === 'node-down') node++;
    else if (kind === 'gpu-dead' || kind === 'gpu-drain') gpu++;
    else if (kind === 'gpu-error') gpuErrors++;
    cut += failures.big('lost_milli_us', i);
  }
  return { node, gpu, gpuErrors, ownerReturns, cutShortGpuHours: hours(cut) };
}

const show = (x: unknown): string => (x === undefined ? 'nothing' : JSON.stringify(x));

/** First leaf of `ours` that `theirs` does not repeat; counts the leaves. */
function compare(path: string, ours: unknown, theirs: unknown, count: { n: number }): string | null {
  if (typeof ours === 'object' && ours !== null) {
    const there = (typeof theirs === 'object' && theirs !== null ? theirs : {}) as Record<string, unknown>;
    for (const [k, v] of Object.entries(ours)) {
      const d = compare(path === '' ? k : `${path}.${k}`, v, there[k], count);
      if (d !== null) return d;
    }
    return null;
  }
  count.n++;
  // Text knows no negative zero.
  return ours === theirs ? null : `run.json says ${path} = ${show(theirs)}, the run gives ${show(ours)}`;
}

/** Names below `theirs` that `ours` has nothing for. */
function beyond(path: string, ours: unknown, theirs: unknown): string[] {
  if (typeof theirs !== 'object' || theirs === null || Array.isArray(theirs)) return [];
  return Object.entries(theirs).flatMap(([k, v]) => {
    const at = path === '' ? k : `${path}.${k}`;
    if (typeof ours !== 'object' || ours === null || !(k in ours)) return [at];
    return beyond(at, (ours as Record<string, unknown>)[k], v);
  });
}

/** A setting of the manifest that the market never had. */
function unknown(path: string, ours: unknown, theirs: unknown): string | null {
  const more = beyond(path, ours, theirs)[0];
  return more === undefined ? null : `run.json says ${more}, the run nothing`;
}

/** Whoever was submitted and has not ended runs or waits: no table has them one by one. */
function livingJobs(result: object, count: { n: number }): string | null {
  const { submitted, running, pending, ...ended } = (result as { jobs: Record<string, number> }).jobs;
  const living = submitted! - Object.values(ended).reduce((a, b) => a + b, 0);
  count.n++;
  return running! + pending! === living
    ? null
    : `run.json says jobs.running = ${running} and jobs.pending = ${pending}, but ${living} have not ended`;
}

/** First figure of a whole result that another does not repeat, extra ones included; null when they are one. */
export function differenceOf(again: object, result: object): string | null {
  return compare('result', again, result, { n: 0 }) ?? unknown('result', again, result);
}

export function auditFigures(input: FiguresInput): FiguresReport {
  const { manifest, tables } = input;
  const count = { n: 0 };
  const market = manifest.scenario.market as {
    currencies: { code: string }[];
    tokenPriceMicro: number;
    contract?: unknown;
    disputes?: unknown;
  };
  const { key: _, ...config } = input.header.config as unknown as Record<string, unknown>;
  // Asks of agents that bid come from the agents, not from the scenario.
  const asked = (manifest.scenario.market as { nodes: { askMicro?: number }[] }).nodes;
  const nodes = (config['nodes'] as { askMicro?: number }[]).map((n, i) =>
    asked[i]?.askMicro === undefined ? { ...n, askMicro: undefined } : n,
  );
  const sameMarket =
    compare('scenario.market', { ...config, nodes }, market, count) ?? unknown('scenario.market', config, market);
  if (sameMarket !== null)
    return {
      checked: count.n,
      notRecomputed: [],
      difference: sameMarket.replace('the run gives', 'the journal says'),
    };

  const transfers = new Rows(tables['transfers']!);
  const mayReturn = market.contract !== undefined || market.disputes !== undefined;
  const money = market.currencies.map((c) => moneyOf(foldTransfers(transfers, c.code, mayReturn)));
  const { gpu, useful } = gpuTime(new Rows(tables['devices']!), new Rows(tables['placements']!));
  const none = Object.fromEntries(Object.keys(money[0]!).map((k) => [k, 0n]));
  const result = {
    ...jobsAndWaits(
      new Rows(tables['jobs']!),
      // Where pools stand on several hosts, jobs may wait at the edge that no journal has seen.
      input.header.topology === undefined ? input.submitted : null,
      BigInt(manifest.scenario.warmupUs),
    ),
    gpu,
    failures: downs(new Rows(tables['failures']!)),
    money: moneyFigures('microUSD', money[0]!),
    moneyJct: moneyFigures('microJCT', money[1] ?? none),
    economics: economics(
      input,
      market.currencies[0]!.code,
      BigInt(market.tokenPriceMicro),
      money.map((m) => m['charged']!),
      useful,
    ),
  };
  const parts = manifest.scenario.adversaries as Parameters<typeof adversaryFigures>[0];
  const adversaries = adversaryFigures(parts, transfers, new Rows(tables['adjustments']!), market.currencies[0]!.code);
  const figures = {
    engine: input.header.engine,
    seed: manifest.scenario.seed,
    journalBytes: input.journalBytes,
    tables: Object.fromEntries(Object.entries(tables).map(([name, t]) => [name, t.rows])),
    result: { ...result, adversaries, seed: manifest.seed },
  };
  const difference = compare('', figures, manifest, count) ?? livingJobs(manifest.result, count);
  // The kinds of adversaries have the same figures.
  const left = beyond('', { ...result, adversaries }, manifest.result)
    .filter((n) => !['schema', 'scenario', 'seed', 'fingerprint'].includes(n))
    .map((n) => n.replace(/^adversaries\.[^.]+\./, 'adversaries.*.'));
  const notRecomputed = [...new Set(left)];
  return { checked: count.n, notRecomputed, difference };
}
