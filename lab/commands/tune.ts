/** `janction tune` and `janction sensitivity`: search parameters for objectives; say which parameters matter. */
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { decodeScenario, Places, readYaml } from '../../scenarios/load/document.ts';
import { applySets } from '../../scenarios/load/overrides.ts';
import { Finding, UsageError } from '../errors.ts';
import { print, workersOf } from '../flags.ts';
import { bytesOf } from '../load.ts';
import { Progress } from '../progress.ts';
import { setText } from '../sweep/design.ts';
import { type Figures, headOf, unitOf } from '../sweep/figures.ts';
import { ForeignFiles } from '../sweep/foreign.ts';
import type { Loaded } from '../sweep/study.ts';
import { Evaluator } from '../tune/evaluator.ts';
import { figure, problemOf } from '../tune/problem.ts';
import { type Index, morrisDesign, morrisEffects, saltelliDesign, sobolIndices } from '../tune/sensitivity.ts';
import {
  axesOf,
  loadSensitivity,
  loadTune,
  methodOf,
  pointAt,
  type SensitivityStudy,
  setsAt,
  type TuneStudy,
} from '../tune/study.ts';
import { type Method, tune } from '../tune/tuner.ts';

interface TuneFlags {
  out?: string;
  workers: number;
  json?: boolean;
  quiet?: boolean;
}

/** Seed of the scenario and hash of what it needs besides its file. Both corners must be scenarios before a search begins. */
async function baseOf(loaded: Loaded<TuneStudy | SensitivityStudy>): Promise<{ seed: number; foreign: string }> {
  const axes = axesOf(loaded.study);
  const files = new ForeignFiles(loaded.scenario);
  const corner = (u: number) => {
    const point = pointAt(
      axes,
      axes.map(() => u),
    );
    return files.load(setsAt(loaded.study, point), loaded.study.seed ?? null);
  };
  const low = await corner(0);
  await corner(1);
  return { seed: low.seed, foreign: await files.hashOf(low) };
}

interface Interval {
  mean: number;
  half: number;
}
export interface TuneJson {
  schema: 'janction.tune/1';
  study: string;
  method: Method;
  seed: number;
  evaluations: number;
  runs: number;
  /** Best first, judged on replications that the search never saw; several objectives: the Pareto front. */
  best: {
    parameters: Record<string, string | number | boolean>;
    objectives: Record<string, Interval & { searched: number }>;
    constraints: Record<string, Interval>;
    feasible: boolean;
    /** Several objectives: whether no other finalist is better in all of them on fresh seeds. */
    front?: boolean;
  }[];
  hypervolume: number | null;
}

export async function tuneCommand(file: string, flags: TuneFlags): Promise<TuneJson> {
  const loaded = loadTune(file);
  const s = loaded.study;
  const { seed, foreign } = await baseOf(loaded);
  const evaluator = new Evaluator(loaded, seed, flags.workers, flags.out ?? null, foreign);
  const progress = new Progress(`tuning ${s.name}`, flags.quiet === true);
  const sign = s.objectives.map((o) => (o.goal === 'max' ? -1 : 1));
  const method = methodOf(s);
  if (s.objectives.length > 1 && method !== 'nsga-ii' && method !== 'random')
    throw new UsageError(
      `${loaded.placeOf(['method'])}: ${method} takes one objective; use nsga-ii or random for ${s.objectives.length}`,
    );
  try {
    const result = await tune(problemOf(loaded, evaluator), {
      method,
      budget: s.budget,
      replications: s.replications,
      finalists: s.finalists,
      finalReplications: s.finalReplications,
      seed: s.searchSeed,
      onProgress: (runs, best) =>
        progress.update(
          Math.min(1, runs / s.budget),
          `${runs}/${s.budget} runs${best === null ? '' : `, best at ${pointAt(evaluator.axes, best).map(setText).join(' ')}`}`,
        ),
    });
    progress.done(`tuned ${s.name}: ${evaluator.made} runs made, ${evaluator.reused} found`, flags.quiet === true);
    const json: TuneJson = {
      schema: 'janction.tune/1',
      study: s.name,
      method,
      seed,
      evaluations: result.evaluations,
      runs: result.runs,
      best: result.finalists.map((f) => ({
        parameters: Object.fromEntries(pointAt(evaluator.axes, f.x)),
        objectives: Object.fromEntries(
          s.objectives.map((o, i) => [
            o.metric,
            {
              mean: sign[i]! * f.objectives[i]!.mean,
              half: f.objectives[i]!.half,
              searched: sign[i]! * f.searched[i]!,
            },
          ]),
        ),
        constraints: Object.fromEntries(
          s.constraints.map((c, i) => {
            const m = f.constraints[i]!;
            return [
              c.metric,
              { mean: c.atLeast !== undefined ? c.atLeast - m.mean : m.mean + c.atMost!, half: m.half },
            ];
          }),
        ),
        feasible: f.feasible,
        ...(s.objectives.length > 1 ? { front: f.front } : {}),
      })),
      hypervolume: result.hypervolume?.value ?? null,
    };
    if (json.best[0] !== undefined) evaluator.place('best.yaml', bestScenario(loaded, json.best[0].parameters));
    evaluator.place('tune.json', `${JSON.stringify(json)}\n`);
    return json;
  } finally {
    await evaluator.close();
  }
}

/** The scenario with the winner's values in it, ready to run. */
function bestScenario(loaded: Loaded<TuneStudy>, parameters: TuneJson['best'][number]['parameters']): string {
  const text = decodeScenario(bytesOf(loaded.scenario, ''), loaded.scenario);
  const places = new Places(loaded.scenario, text);
  const sets = [...Object.entries(loaded.study.set), ...Object.entries(parameters)].map(setText);
  const root = applySets(readYaml(text, places), places, sets);
  return `# Found by tuning ${loaded.study.name}: ${sets.join(' ')}\n${stringify(root)}`;
}

export function readableTune(t: TuneJson, out: string | undefined): string {
  const n = (x: number) => String(Number(x.toPrecision(6)));
  const shown = (m: string, v: { mean: number; half: number }): string =>
    `${headOf(m)} ${n(v.mean / unitOf(m).per)} ± ${n(v.half / unitOf(m).per)}`;
  const lines = [
    `${t.study}: ${t.method}, ${t.evaluations} points, ${t.runs} runs of seed ${t.seed}`,
    `  ${t.hypervolume === null ? 'best first' : `Pareto front, hypervolume ${n(t.hypervolume)}`}, judged on fresh seeds (in brackets: what the search believed)`,
  ];
  t.best.forEach((b, i) => {
    lines.push(
      `  ${i + 1}. ${Object.entries(b.parameters).map(setText).join('  ')}${b.feasible ? (b.front === false ? '   not on the front' : '') : '   BREAKS A CONSTRAINT'}`,
    );
    for (const [m, v] of Object.entries(b.objectives))
      lines.push(`       ${shown(m, v)} (${n(v.searched / unitOf(m).per)})`);
    for (const [m, v] of Object.entries(b.constraints)) lines.push(`       ${shown(m, v)}`);
  });
  if (out !== undefined) lines.push(`  the best as a scenario: ${out}/best.yaml`);
  return `${lines.join('\n')}\n`;
}

export interface SensitivityJson {
  schema: 'janction.sensitivity/1';
  study: string;
  method: 'sobol' | 'morris';
  seed: number;
  runs: number;
  metrics: Record<
    string,
    Record<string, { first?: Index; total?: Index; muStar?: Index; mu?: number; sigma?: number }>
  >;
}

export async function sensitivityCommand(file: string, flags: TuneFlags): Promise<SensitivityJson> {
  const loaded = loadSensitivity(file);
  const s = loaded.study;
  const { seed, foreign } = await baseOf(loaded);
  const evaluator = new Evaluator(loaded, seed, flags.workers, flags.out ?? null, foreign);
  const d = evaluator.axes.length;
  const progress = new Progress(`sensitivity of ${s.name}`, flags.quiet === true);
  try {
    const points =
      s.method === 'sobol' ? saltelliDesign(s.samples, d, s.searchSeed) : morrisDesign(s.samples, d, s.searchSeed);
    const replications = Array.from({ length: s.replications }, (_, r) => r);
    const rows: Figures[][] = [];
    // In blocks, so that progress shows and little is lost.
    for (let k = 0; k < points.length; k += 64) {
      rows.push(...(await evaluator.figures(points.slice(k, k + 64), replications)));
      progress.update(rows.length / points.length, `${rows.length}/${points.length} points`);
    }
    progress.done(
      `sensitivity of ${s.name}: ${evaluator.made} runs made, ${evaluator.reused} found`,
      flags.quiet === true,
    );
    const metrics: SensitivityJson['metrics'] = {};
    s.metrics.forEach((m, k) => {
      const values = rows.map(
        (r) => r.reduce((sum, f) => sum + figure(f, m, loaded.placeOf(['metrics', k])), 0) / r.length,
      );
      const names = evaluator.axes.map(([path]) => path);
      if (s.method === 'sobol') {
        const r = sobolIndices(values, s.samples, d, s.searchSeed, s.bootstrap);
        if (!(r.variance > 0))
          throw new UsageError(`${loaded.placeOf(['metrics', k])}: "${m}" does not vary over these bounds`);
        metrics[m] = Object.fromEntries(names.map((n, i) => [n, { first: r.first[i]!, total: r.total[i]! }]));
      } else {
        const r = morrisEffects(points, values, d, s.searchSeed, s.bootstrap);
        metrics[m] = Object.fromEntries(
          names.map((n, i) => [n, { muStar: r.muStar[i]!, mu: r.mu[i]!, sigma: r.sigma[i]! }]),
        );
      }
    });
    const json: SensitivityJson = {
      schema: 'janction.sensitivity/1',
      study: s.name,
      method: s.method,
      seed,
      runs: points.length * s.replications,
      metrics,
    };
    evaluator.place('sensitivity.json', `${JSON.stringify(json)}\n`);
    return json;
  } finally {
    await evaluator.close();
  }
}

export function readableSensitivity(j: SensitivityJson): string {
  const n = (x: number) => x.toFixed(3);
  const index = (i: Index) => `${n(i.value)} [${n(i.low)}, ${n(i.high)}]`;
  const lines = [
    `${j.study}: ${j.method === 'sobol' ? 'Sobol’ indices (share of the variance; total = with interactions)' : 'elementary effects (Morris)'}, ${j.runs} runs of seed ${j.seed}, 95 % bootstrap intervals`,
  ];
  for (const [m, parameters] of Object.entries(j.metrics)) {
    lines.push(`  ${m}`);
    const width = Math.max(...Object.keys(parameters).map((p) => p.length));
    const key = (p: (typeof parameters)[string]) => (p.total ?? p.muStar)!.value;
    for (const [name, p] of Object.entries(parameters).sort((a, b) => key(b[1]) - key(a[1])))
      lines.push(
        p.first !== undefined
          ? `    ${name.padEnd(width)}  first ${index(p.first)}  total ${index(p.total!)}`
          : `    ${name.padEnd(width)}  mu* ${Number(p.muStar!.value.toPrecision(5))} [${Number(p.muStar!.low.toPrecision(5))}, ${Number(p.muStar!.high.toPrecision(5))}]  mu ${Number(p.mu!.toPrecision(5))}  sigma ${Number(p.sigma!.toPrecision(5))}`,
      );
  }
  return `${lines.join('\n')}\n`;
}

export function addTune(program: Command): void {
  const options = (c: Command) =>
    c
      .argument('<study>', 'study file (YAML)')
      .option('--out <dir>', 'keep every run there, so that the same command goes on where it was stopped')
      .addOption(
        new Option('--workers <n>', 'worker threads')
          .argParser(workersOf)
          .default(availableParallelism(), 'one a core'),
      )
      .option('--json', 'print one JSON document instead of text')
      .option('--quiet', 'no progress on stderr');
  options(
    program
      .command('tune')
      .description(
        'search parameters for one or several objectives under constraints; the winners are judged on fresh seeds',
      ),
  )
    .addHelpText(
      'after',
      `
Methods: surrogate (Gaussian processes; the default up to 400 points), cma-es (the default beyond), halving (Latin hypercube and
successive halving), random; nsga-ii for several objectives (Pareto front with hypervolume).
Exit 1 when nothing found keeps every constraint.

Example:
  janction tune scenarios/reserve-price/tune.yaml --out runs/tune`,
    )
    .action(async (file: string, flags: TuneFlags) => {
      const t = await tuneCommand(file, flags);
      print(flags.json === true ? `${JSON.stringify(t)}\n` : readableTune(t, flags.out));
      if (!t.best.some((b) => b.feasible)) throw new Finding('no point found keeps every constraint');
    });
  options(
    program
      .command('sensitivity')
      .description('which parameters matter: Sobol’ indices or elementary effects, with intervals'),
  )
    .addHelpText('after', '\nExample:\n  janction sensitivity scenarios/reserve-price/sensitivity.yaml')
    .action(async (file: string, flags: TuneFlags) => {
      const j = await sensitivityCommand(file, flags);
      print(flags.json === true ? `${JSON.stringify(j)}\n` : readableSensitivity(j));
    });
}
