import { type Constraint, type Model, solve } from 'yalps';

/** Equal jobs: `worth[c]` is what a unit of time of the whole gang on class c adds to what is balanced; 0 = it cannot run there. */
export interface Kind {
  jobs: number;
  gpus: number;
  worth: readonly number[];
}

const MOST_APART = 1e6;

/**
 * Parts of the time, per class, that a job of each kind should run, such that the job that is worst off has as much as can be: maximise
 * the least worth over all jobs that some class can hold, where a job runs at most all of the time and the GPUs of a class are used at most all of the time.
 * Narayanan et al., "Heterogeneity-Aware Cluster Scheduling Policies" (Gavel, OSDI 2020), section 4. A linear program; the answer is a
 * function of the input alone.
 */
export function fairestParts(kinds: readonly Kind[], capacity: readonly number[]): number[][] {
  const parts = kinds.map(() => capacity.map(() => 0));
  const constraints = new Map<string, Constraint>();
  const variables: [string, [string, number][]][] = [];
  const least: [string, number][] = [['least', 1]];
  capacity.forEach((c, j) => {
    constraints.set(`c${j}`, { max: c });
  });
  // Whom no class can hold is not counted: its nothing would be the least, and no plan better than another.
  const most = kinds.map((k) => Math.max(...k.worth.filter((_, j) => capacity[j]! >= k.gpus), 0));
  // Worths may be tiny and lie orders of magnitude apart, and the solver takes 1e-8 for nothing: the least is counted in units that it
  // cannot exceed, rows are scaled to one, and whoever needs less than a millionth of its time is taken to need that.
  const unit = Math.min(...most.filter((m) => m > 0));
  kinds.forEach((k, i) => {
    if (most[i]! <= 0) return;
    const top = Math.min(most[i]!, unit * MOST_APART);
    constraints.set(`t${i}`, { max: 1 });
    constraints.set(`w${i}`, { min: 0 });
    least.push([`w${i}`, -unit / top]);
    k.worth.forEach((w, j) => {
      if (w <= 0 || capacity[j]! < k.gpus) return;
      const terms: [string, number][] = [
        [`t${i}`, 1],
        [`w${i}`, w / most[i]!],
      ];
      if (k.gpus > 0) terms.push([`c${j}`, k.jobs * k.gpus]);
      variables.push([`${i} ${j}`, terms]);
    });
  });
  if (variables.length === 0) return parts;
  variables.push(['least', least]);
  const model: Model = { direction: 'maximize', objective: 'least', constraints, variables };
  const answer = solve(model, { maxPivots: 100_000 });
  if (answer.status !== 'optimal') throw new Error(`heterogeneity: the linear program ended as ${answer.status}`);
  for (const [name, value] of answer.variables) {
    if (name === 'least') continue;
    const [i, j] = name.split(' ').map(Number);
    parts[i!]![j!] = Math.min(1, Math.max(0, value));
  }
  return parts;
}
