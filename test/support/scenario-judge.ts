/**
 * Plays one scenario as a user would, through the command line, and holds everything that must be true of any run against it: laws after
 * every step, the money identity, the audit with its second simulation, the same result without checks, and from a snapshot.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clonePlain } from '../../core/plain.ts';
import type { TableName } from '../../core/record/schema.ts';
import { loadScenario, traceRows } from '../../lab/load.ts';
import { modulesOf } from '../../lab/modules/registry.ts';
import type { SimulationState } from '../../sim/driver.ts';
import { finishRun, type PreparedRun, prepareRun } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { type Answer, janctionInside } from './cli.ts';
import { generator } from './market.ts';
import { moneyFault } from './money.ts';

export interface Verdict {
  /** The line with which it was refused; null = it ran. */
  refused: string | null;
  result: RunJson | null;
  restores: number;
}

/** The canaries plant their faults in the classes of the source. */
const inside = (args: readonly string[]): Promise<Answer> => janctionInside(args, 'source');

class Fault extends Error {}

function must(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Fault(what());
}

const WARNING = /^warning: \d+ of \d+ jobs can never fit this fleet; they were rejected \(never-fits\)\n$/;

/** Every number of the result is finite, and no count is negative. */
function checkNumbers(value: unknown, path: string): void {
  if (typeof value === 'number') must(Number.isFinite(value), () => `${path} is ${value}`);
  else if (typeof value === 'object' && value !== null)
    for (const [k, v] of Object.entries(value)) checkNumbers(v, `${path}.${k}`);
}

async function play(args: string[], what: string): Promise<string> {
  const { code, out, err } = await inside(args);
  must(code === 0, () => `${what}: exit ${code}: ${err.trim() || out.trim()}`);
  must(err === '' || WARNING.test(err), () => `${what} says on stderr: ${err}`);
  return out;
}

/** One run in memory, with every row as text; `from` = go on from there. */
async function prepared(path: string, rows: string[], from: SimulationState | null): Promise<PreparedRun> {
  const scenario = await loadScenario(path, [], null);
  const modules = modulesOf(scenario, path);
  const trace = traceRows(scenario);
  return prepareRun(scenario, {
    registry: modules.registry,
    bidder: modules.bidder,
    ...(trace === undefined ? {} : { traceRows: trace }),
    ...(from === null ? {} : { streams: from.streams }),
    watch: {
      row: (table: TableName, row: object) => {
        rows.push(`${table} ${JSON.stringify(row, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`);
      },
    },
  });
}

/** At random moments everything is thrown away but a snapshot: the rows that follow must be the same. Answers how often. */
async function checkRestores(path: string, seed: number, result: RunJson): Promise<number> {
  const r = generator(seed + 77);
  const whole: string[] = [];
  const first = await prepared(path, whole, null);
  const again = finishRun(first);
  must(again.fingerprint === result.fingerprint, () => 'a run in memory has another fingerprint');
  const digest = first.simulation.markets.map((m) => m.digest).join('+');
  const parts: string[] = [];
  let run = await prepared(path, parts, null);
  const end = Math.round(result.simulatedSeconds * 1e6);
  let restores = 0;
  for (let t = Math.floor((r() * end) / 3); t < end; t += 1 + Math.floor((r() * end) / 2)) {
    if (run.simulation.runUntil(t)) break;
    const state = clonePlain(run.simulation.snapshot()) as SimulationState;
    run = await prepared(path, parts, state);
    run.simulation.restore(state);
    restores++;
  }
  run.simulation.finish();
  const at = whole.findIndex((line, i) => line !== parts[i]);
  must(
    at < 0 && whole.length === parts.length,
    () =>
      `after ${restores} restores row ${at < 0 ? whole.length : at} is\n${parts[at] ?? 'missing'}\ninstead of\n${whole[at]}`,
  );
  must(
    run.simulation.markets.map((m) => m.digest).join('+') === digest,
    () => 'after restores the decisions have another digest',
  );
  return restores;
}

/** Whatever reads a run must read this one. */
async function checkReaders(dir: string, out: string): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as {
    scenario: { market: { users: { id: string }[] } };
  };
  await play(['statement', out, '--json'], 'statement');
  await play(['invoice', out, `user:${manifest.scenario.market.users[0]!.id}`, '--json'], 'invoice');
  await play(['explain', out, '1', '--json'], 'explain');
  await play(['timeline', out, '--out', join(dir, 'timeline.json'), '--quiet'], 'timeline');
  await play(['report', out, '--quiet'], 'report');
}

/** Throws with what is wrong. `dir`: an empty directory where `path` lies. */
export async function judge(path: string, seed: number, dir: string, readers = false): Promise<Verdict> {
  const out = join(dir, 'run');
  const run = await inside(['run', path, '--json', '--quiet', '--check', 'every-event', '--out', out]);
  if (run.code === 2) {
    must(run.out === '', () => `refused, and yet prints ${run.out}`);
    must(/^error: [^\n]*scenario\.yaml:\d+:\d+: [^\n]+; [^\n]+\n$/.test(run.err), () => `refused with ${run.err}`);
    return { refused: run.err.trimEnd(), result: null, restores: 0 };
  }
  must(run.code === 0, () => `exit ${run.code}: ${run.err}`);
  must(run.err === '' || WARNING.test(run.err), () => `says on stderr: ${run.err}`);
  const result = JSON.parse(run.out) as RunJson;
  must(result.invariants.violations === 0, () => `${result.invariants.violations} violations`);
  checkNumbers(result, 'run');
  const money = moneyFault(result);
  must(money === null, () => money!);
  const { submitted, completed, failed, rejected, cancelled, running, pending } = result.jobs;
  const sum = completed + failed + rejected + cancelled + running + pending;
  must(submitted === sum, () => `${submitted} jobs submitted, ${sum} accounted for: ${JSON.stringify(result.jobs)}`);
  const audit = JSON.parse((await inside(['audit', out, '--rerun', '--json'])).out) as {
    firstDifference: unknown;
  };
  must(audit.firstDifference === null, () => `audit: ${JSON.stringify(audit.firstDifference)}`);
  const plain = JSON.parse(await play(['run', path, '--json', '--quiet'], 'run without checks')) as RunJson;
  plain.invariants.checks = result.invariants.checks;
  must(JSON.stringify(plain) === JSON.stringify(result), () => 'without checks and journal the result is another');
  if (readers) await checkReaders(dir, out);
  return { refused: null, result, restores: await checkRestores(path, seed, result) };
}
