/**
 * The tuner against random search on the reserve-price study: equal budgets of runs, 20 paired seeds (each seeds the market and both
 * searches), the winners scored on 30 replications that neither search nor its final ranking saw. A winner that misses the study's
 * welfare floor loses a dollar of score for every dollar it lacks.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Progress } from '../lab/progress.ts';
import { pairedComparison } from '../lab/stats/paired.ts';
import { Evaluator } from '../lab/tune/evaluator.ts';
import { problemOf } from '../lab/tune/problem.ts';
import { loadTune, methodOf } from '../lab/tune/study.ts';
import { FRESH, type Method, tune } from '../lab/tune/tuner.ts';
import { type BenchReport, plain } from './report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SEEDS = 20;
const SCORED = 30;

export async function tuneBench(): Promise<BenchReport> {
  const loaded = loadTune(join(root, 'scenarios/reserve-price/tune.yaml'));
  const s = loaded.study;
  const searches: Method[] = [methodOf(s), 'random'];
  const progress = new Progress('tune against random search', false);
  const scores: number[][] = searches.map(() => []);
  const work = createHash('sha256');
  for (let seed = 1; seed <= SEEDS; seed++) {
    const evaluator = new Evaluator(loaded, seed, availableParallelism(), null);
    const problem = problemOf(loaded, evaluator);
    try {
      for (const [k, method] of searches.entries()) {
        const { finalists } = await tune(problem, {
          method,
          budget: s.budget,
          replications: s.replications,
          finalists: s.finalists,
          finalReplications: s.finalReplications,
          seed,
        });
        const replications = Array.from({ length: SCORED }, (_, r) => 2 * FRESH + r);
        const samples = (await problem.evaluate([finalists[0]!.x], replications))[0]!;
        const mean = (of: (i: number) => number) => samples.reduce((sum, _, i) => sum + of(i), 0) / samples.length;
        const lacking = mean((i) => samples[i]!.excess[0]!);
        const score = mean((i) => -samples[i]!.values[0]!) - Math.max(0, lacking);
        scores[k]!.push(score);
        work.update(`${seed} ${method} ${finalists[0]!.x.join(' ')} ${score}\n`);
        progress.update((2 * seed - 2 + k + 1) / (2 * SEEDS), `${seed} of ${SEEDS} seeds`);
      }
    } finally {
      await evaluator.close();
    }
  }
  progress.done('', true);
  const c = pairedComparison(scores[1]!, scores[0]!);
  const low = c.difference.mean - c.difference.half;
  return {
    schema: 'janction.bench/1',
    bench: 'tune',
    figures: [
      plain('runsEach', s.budget, 'runs'),
      plain('random', c.a.mean, 'USD'),
      plain('tuner', c.b.mean, 'USD'),
      plain('gain', c.difference.mean, 'USD'),
      { name: 'gainLow95', value: Math.round(low * 1000) / 1000, unit: 'USD', target: '> 0', met: low > 0 },
    ],
    workHash: work.digest('hex').slice(0, 16),
  };
}
