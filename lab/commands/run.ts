import { createHash } from 'node:crypto';
import { NEVER } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { canonicalScenario, type ResolvedScenario, ScenarioError } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { UsageError } from '../errors.ts';
import { loadScenario, traceRows } from '../load.ts';
import { Progress } from '../progress.ts';
import { readable } from '../readable.ts';
import { checkTarget, RunDirWriter } from '../rundir/writer.ts';

export interface RunFlags {
  seed?: number;
  set: string[];
  out?: string;
  json?: boolean;
  quiet?: boolean;
  dryRun?: boolean;
  check: 'end' | 'every-event';
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The command line that makes the run again. */
function commandOf(path: string, flags: RunFlags, scenario: ResolvedScenario): string {
  const sets = flags.set.map((s) => `--set ${/^[\w./=:-]+$/.test(s) ? s : `'${s}'`}`);
  return ['janction run', path, `--seed ${scenario.seed}`, ...sets].join(' ');
}

/** Simulates a scenario; writes a run directory when `out` is given. */
export async function runCommand(path: string, flags: RunFlags): Promise<{ text: string; result: RunJson | null }> {
  const scenario = await loadScenario(path, flags.set, flags.seed ?? null);
  if (flags.out !== undefined) checkTarget(flags.out);
  if (flags.dryRun === true) return { text: dryRun(scenario, flags), result: null };
  const out = flags.out === undefined ? null : new RunDirWriter(flags.out);
  const progress = new Progress(`simulating ${scenario.name}`, flags.quiet === true);
  try {
    const rows = traceRows(scenario);
    const bounded = scenario.horizonUs < NEVER;
    const result = runScenario(scenario, {
      registry: shipped,
      checkEveryEvent: flags.check === 'every-event',
      ...(rows === undefined ? {} : { traceRows: rows }),
      ...(out === null ? {} : { onChunk: (c) => out.chunk(c), onJournal: (b) => out.journal(b) }),
      progressEveryUs: bounded ? Math.max(1, Math.floor(scenario.horizonUs / 200)) : 6 * 3_600_000_000,
      onProgress: (now, jobs) => progress.update(bounded ? now / scenario.horizonUs : -1, `${jobs} jobs`),
    });
    out?.finish({
      command: commandOf(path, flags, scenario),
      seed: scenario.seed,
      scenarioSha256: sha256(canonicalScenario(scenario)),
      scenario,
      result,
    });
    progress.done(`simulated ${scenario.name}`, flags.quiet === true);
    return {
      text: flags.json === true ? `${JSON.stringify(result)}\n` : readable(scenario, result, flags.out ?? null),
      result,
    };
  } catch (e) {
    out?.abandon();
    progress.done('', true);
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
}

function dryRun(scenario: ResolvedScenario, flags: RunFlags): string {
  const gpus = scenario.market.nodes.reduce((n, x) => n + x.gpus, 0);
  const plan = {
    scenario: scenario.name,
    seed: scenario.seed,
    sha256: sha256(canonicalScenario(scenario)),
    nodes: scenario.market.nodes.length,
    gpus,
    demand: scenario.demand.kind,
    horizonSeconds: scenario.horizonUs >= NEVER ? null : scenario.horizonUs / 1e6,
    out: flags.out ?? null,
  };
  if (flags.json === true) return `${JSON.stringify(plan)}\n`;
  return `${scenario.name}: ${plan.nodes} nodes, ${gpus} GPUs, demand from ${plan.demand}, seed ${plan.seed}\nnothing was run or written\n`;
}
