import { type Constraint, type Model, solve } from 'yalps';

/** Equal jobs: `worth[c]` is what a unit of time of the whole gang on class c adds to what is balanced; 0 = it cannot run there. */
export interface Kind {
  jobs: number;
  gpus: number;
  worth: readonly number[];
}

/**
 * Parts of the time, per class, that a job of each kind should run, such that the job that is worst off has as much as can be: maximise
 * the least worth over all jobs, where a job runs at most all of the time and the GPUs of a class are used at most all of the time.
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
  kinds.forEach((k, i) => {
    const most = Math.max(...k.worth);
    if (most <= 0) return;
    constraints.set(`t${i}`, { max: 1 });
    constraints.set(`w${i}`, { min: 0 });
    // Rows are scaled to one: jobs' worths may lie orders of magnitude apart.
    least.push([`w${i}`, -1 / most]);
    k.worth.forEach((w, j) => {
      if (w <= 0 || capacity[j]! < k.gpus) return;
      const terms: [string, number][] = [
        [`t${i}`, 1],
        [`w${i}`, w / most],
      ];
      if (k.gpus > 0) terms.push([`c${j}`, k.jobs * k.gpus]);
      variables.push([`${i} ${j}`, terms]);
    });
  });
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
