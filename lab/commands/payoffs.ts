/** `janction payoffs SCENARIO`: what each kind of adversary gains over playing by the rules, under the scenario's rules and others. */
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { type AdversaryKind, adversaryKinds } from '../../scenarios/adversary-spec.ts';
import { UsageError } from '../errors.ts';
import { append, levelOf, pairsOf, print, seedOf, workersOf } from '../flags.ts';
import { loadScenario } from '../load.ts';
import { table } from '../readable.ts';
import { byCodeUnits } from '../report/data.ts';
import { holm, pairedComparison } from '../stats/paired.ts';
import { agentFigure, type Figures, numberOf } from '../sweep/figures.ts';
import { runAll } from '../sweep/run-all.ts';
import type { Task } from '../sweep/task.ts';

export interface PayoffsFlags {
  replications: number;
  workers: number;
  seed?: number;
  set: string[];
  kind: string[];
  level: number;
  json?: boolean;
  quiet?: boolean;
}

interface MeanHalf {
  mean: number;
  half: number;
}

interface Arm {
  /** '' = the scenario as it stands; else the name that it gives the other rules. */
  variant: string;
  set: string[];
  /** How many cheat in this arm, and how many of the same group or persona do not: other rules may change who does. */
  agents: number;
  othersCount: number;
  /** Payoff per agent, USD. */
  cheating: MeanHalf;
  honest: MeanHalf;
  /** Cheating less honest, pair by pair. */
  gain: MeanHalf;
  /** After Holm's correction over all arms shown. */
  p: number;
  verdict: 'gains' | 'loses' | 'no difference found';
  /** What their cheating does to each of those of the same group or persona who play by the rules. */
  others: MeanHalf;
  /** Gain of every agent, most first. */
  each: { agent: string; gain: MeanHalf }[];
}

export interface PayoffsJson {
  schema: 'janction.payoffs/1';
  scenario: string;
  set: string[];
  seed: number;
  replications: number;
  level: number;
  kinds: Record<string, { agents: number; others: number; arms: Arm[] }>;
}

const mh = ({ mean, half }: MeanHalf): MeanHalf => ({ mean, half });
const snake = (kind: string): string => kind.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

export async function payoffsCommand(path: string, flags: PayoffsFlags): Promise<PayoffsJson> {
  const { adversaries, seed } = await loadScenario(path, flags.set, flags.seed ?? null);
  const present = adversaryKinds.filter((k) => adversaries?.[k] !== undefined);
  if (present.length === 0)
    throw new UsageError(`${path}: names no adversaries; write some under "adversaries" (docs/models/adversaries.md)`);
  for (const k of flags.kind)
    if (!(present as readonly string[]).includes(k))
      throw new UsageError(`--kind ${k}: the scenario has none; have ${present.join(', ')}`);
  const kinds = flags.kind.length === 0 ? present : present.filter((k) => flags.kind.includes(k));
  const arms: { kind: AdversaryKind; variant: string; set: string[]; agents: string[]; others: number }[] = [];
  const rules: { kind: AdversaryKind; variant: string; set: string[] }[] = kinds.flatMap((kind) => [
    { kind, variant: '', set: [] },
    ...(adversaries![kind]!.variants ?? []).map((v) => ({ kind, variant: v.name, set: v.sets })),
  ]);
  const tasks: Task[] = [];
  for (const [i, arm] of rules.entries()) {
    for (const honest of [false, true]) {
      const sets = [...flags.set, ...arm.set, `adversaries.${arm.kind}.honest=${honest}`];
      // What an arm changes is checked before anything runs.
      const where = arm.variant === '' ? path : `${path}: ${arm.kind} under ${JSON.stringify(arm.variant)}`;
      const spec = (await loadArm(path, sets, flags.seed ?? null, where)).adversaries![arm.kind]!;
      if (spec.agents.length === 0)
        throw new UsageError(
          `${where}: a share of 0 makes nobody cheat; write adversaries.${arm.kind}.share above 0 %`,
        );
      if (!honest) arms.push({ ...arm, agents: spec.agents, others: spec.others.length });
      const point = 2 * i + (honest ? 1 : 0);
      for (let r = 0; r < flags.replications; r++)
        tasks.push({
          id: `${point}/${r}`,
          point,
          replication: r,
          substream: r,
          scenario: path,
          sets,
          seed,
          agents: true,
        });
    }
  }
  const label = { doing: 'cheating and not', done: 'compared', quiet: flags.quiet === true };
  const results = await runAll(tasks, flags.workers, label);
  const compared = arms.map((arm, i) => {
    const of = (side: Figures[], what: string): number[] =>
      side.map((f) => numberOf(f[`adversaries_${snake(arm.kind)}_${what}`]));
    const [cheats, honest] = [results[2 * i]!, results[2 * i + 1]!];
    const pair = (what: string) => pairedComparison(of(honest, what), of(cheats, what), flags.level);
    const each = arm.agents.map((agent) => {
      const name = agentFigure(arm.kind, agent);
      const [a, b] = [honest, cheats].map((side) => side.map((f) => numberOf(f[name])));
      return { agent, gain: mh(pairedComparison(a!, b!, flags.level).difference) };
    });
    return {
      own: pair('payoff_per_agent_usd'),
      others: pair('others_payoff_per_agent_usd'),
      each: each.sort((x, y) => y.gain.mean - x.gain.mean || byCodeUnits(x.agent, y.agent)),
    };
  });
  const ps = holm(compared.map((c) => c.own.p));
  const json: PayoffsJson['kinds'] = {};
  arms.forEach((arm, i) => {
    const { own, others, each } = compared[i]!;
    const spec = adversaries![arm.kind]!;
    json[arm.kind] ??= { agents: spec.agents.length, others: spec.others.length, arms: [] };
    json[arm.kind]!.arms.push({
      variant: arm.variant,
      set: arm.set,
      agents: arm.agents.length,
      othersCount: arm.others,
      cheating: mh(own.b),
      honest: mh(own.a),
      gain: mh(own.difference),
      p: ps[i]!,
      verdict: ps[i]! >= 1 - flags.level ? 'no difference found' : own.difference.mean > 0 ? 'gains' : 'loses',
      others: mh(others.difference),
      each,
    });
  });
  const { replications, level } = flags;
  return { schema: 'janction.payoffs/1', scenario: path, set: flags.set, seed, replications, level, kinds: json };
}

/** The scenario of an arm; what is wrong with one names whose change brought it. */
async function loadArm(path: string, sets: readonly string[], seed: number | null, where: string) {
  try {
    return await loadScenario(path, sets, seed);
  } catch (e) {
    if (e instanceof UsageError && where !== path) throw new UsageError(`${where}: ${e.message}`);
    throw e;
  }
}

export function readablePayoffs(r: PayoffsJson): string {
  const n = (x: number): string => x.toFixed(Math.abs(x) < 10 ? 3 : 2);
  const pm = (x: MeanHalf): string => `${n(x.mean)} ± ${n(x.half)}`;
  const parts = Object.entries(r.kinds).map(([kind, k]) => {
    const rows = k.arms.map((a) => [
      a.variant === '' ? 'as it stands' : a.variant,
      pm(a.cheating),
      pm(a.honest),
      pm(a.gain),
      `${a.each.filter((e) => e.gain.mean > 0).length} of ${a.each.length}`,
      a.othersCount === 0 ? 'nobody' : pm(a.others),
      a.verdict === 'no difference found'
        ? a.verdict
        : `${a.verdict} (p ${a.p < 0.0001 ? '< 0.0001' : a.p.toFixed(4)})`,
    ]);
    const header = ['', 'cheating', 'honest', 'gain', 'agents who gain', 'each of the others', 'verdict'];
    return `${kind}: ${k.agents} agents, ${k.others} who play by the rules\n${table([header, ...rows])}`;
  });
  return `${[r.scenario, ...r.set].join(' ')}\nUSD per agent; ${r.replications} pairs of seed ${r.seed}, ${r.level * 100} % intervals, p-values corrected over all rows (Holm)\n\n${parts.join('\n\n')}\n`;
}

export function addPayoffs(program: Command): void {
  program
    .command('payoffs')
    .description(
      'what each kind of adversary gains over playing by the rules, as the scenario stands and under other rules',
    )
    .argument('<scenario>', 'scenario file with adversaries')
    .addOption(new Option('--replications <n>', 'pairs of runs').argParser(pairsOf).default(20))
    .addOption(
      new Option('--workers <n>', 'worker threads').argParser(workersOf).default(availableParallelism(), 'one a core'),
    )
    .addOption(new Option('--level <share>', 'confidence level').argParser(levelOf).default(0.95))
    .option('--seed <n>', 'seed: also draws who the adversaries are', seedOf)
    .option('--set <path=value>', 'change the scenario (repeatable)', append, [])
    .option('--kind <name>', `only this kind (repeatable): ${adversaryKinds.join(', ')}`, append, [])
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress on stderr')
    .addHelpText(
      'after',
      `
Each pair is one run in which the agents cheat and one in which the same agents play by the rules (adversaries.KIND.honest), on the same
private values and random numbers; agents of the other kinds cheat on in both. Other rules are those that the scenario names under adversaries.KIND.variants. Exit 0 whatever is found.

Examples:
  janction payoffs scenarios/who-cheats-gains/scenario.yaml
  janction payoffs scenarios/who-cheats-gains/ring.yaml --replications 40 --json`,
    )
    .action(async (path: string, flags: PayoffsFlags) => {
      const r = await payoffsCommand(path, flags);
      print(flags.json === true ? `${JSON.stringify(r)}\n` : readablePayoffs(r));
    });
}
