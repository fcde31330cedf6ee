/**
 * How often to write a checkpoint under exponential failures: closed forms, in any one unit of time. No Node, no DOM: notebooks use
 * this too. Sources: J. W. Young, "A first order approximation to the optimum checkpoint interval" (CACM 17, 1974); J. T. Daly, "A
 * higher order estimate of the optimum checkpoint interval for restart dumps" (FGCS 22, 2006), equations 13, 20 and 37.
 */
import { exp, expm1, sqrt } from '../../core/num/index.ts';

/** Young's first-order estimate of the best interval of work between checkpoints. */
export const youngInterval = (checkpoint: number, mtbf: number): number => sqrt(2 * checkpoint * mtbf);

/** Daly's higher-order estimate of the best interval between checkpoints, in the units of its arguments. */
export function dalyInterval(checkpoint: number, mtbf: number): number {
  if (checkpoint >= 2 * mtbf) return mtbf;
  const r = checkpoint / (2 * mtbf);
  return youngInterval(checkpoint, mtbf) * (1 + sqrt(r) / 3 + r / 9) - checkpoint;
}

/** The interval that minimises the expected run time: mtbf (1 + W0(-e^(-1 - checkpoint/mtbf))), by Newton's method on w e^w. */
export function optimalInterval(checkpoint: number, mtbf: number): number {
  const goal = -exp(-1 - checkpoint / mtbf);
  // Start right of the branch point at w = -1: w = -1 + p with p = sqrt(2 (1 + e goal)).
  let w = -1 + sqrt(2 * (1 + goal * Math.E));
  for (let i = 0; i < 100; i++) {
    const e = exp(w);
    const step = (w * e - goal) / (e * (1 + w));
    w -= step;
    if (Math.abs(step) < 1e-15) break;
  }
  return mtbf * (1 + w);
}

/** Expected wall time of `work` with a checkpoint after every interval, the last one too; restarts can fail too. */
export function expectedRunTime(
  work: number,
  interval: number,
  checkpoint: number,
  restart: number,
  mtbf: number,
): number {
  return ((mtbf * exp(restart / mtbf) * expm1((interval + checkpoint) / mtbf)) / interval) * work;
}

/**
 * Expected time from the first start to the end of `work` as the simulated world does it (`sim/world/processes.ts`): no checkpoint is
 * written at the end of the work, an attempt takes `start` to come up and, once a checkpoint exists, `restore` before it works on.
 * Daly's equation counts one write more and a restart that is the same from the beginning on. Exact for exponential failures with a
 * free machine always at hand.
 */
export function expectedCompletion(job: {
  work: number;
  interval: number;
  checkpoint: number;
  start: number;
  restore: number;
  mtbf: number;
}): number {
  const { work, interval, checkpoint, start, restore, mtbf } = job;
  const writes = Math.max(0, Math.ceil(work / interval - 1e-12) - 1);
  const rest = work - writes * interval;
  // The first stretch begins with a start; whatever cuts it off, it begins again.
  const first = mtbf * expm1((start + (writes === 0 ? rest : interval + checkpoint)) / mtbf);
  if (writes === 0) return first;
  const again = mtbf * exp((start + restore) / mtbf);
  return first + again * ((writes - 1) * expm1((interval + checkpoint) / mtbf) + expm1(rest / mtbf));
}
