/**
 * The gates of fidelity, after a survey of what published simulators compare (docs/fidelity.md): noise floor, decisions, open-loop
 * prediction, bills, ranking of policies, envelope of loads. A gate that the given runs cannot decide says so.
 */
import type { ClosedLoopJson } from './closed-loop.ts';
import { type Errors, type OpenLoopJson, type Prediction, REPEATS } from './open-loop.ts';

export interface Gate {
  name: string;
  /** null = these runs cannot tell. */
  pass: boolean | null;
  why: string;
}

/** Largest error of each figure in the open loop. */
export const LIMITS: Record<Exclude<keyof Errors, 'bill'>, number> = {
  makespan: 0.05,
  meanCompletion: 0.05,
  p95Completion: 0.1,
  ks: 0.1,
  utilisationPoints: 3,
};
export const BILL_LIMIT = 0.02;

const best = (o: OpenLoopJson): Prediction => o.calibrated ?? o.uncalibrated;
const label = (o: OpenLoopJson): string => `${o.scenario} (${o.queueing}, load ${o.load})`;

/** Figures of a prediction beyond their limit. */
const misses = (p: Prediction): string[] =>
  (Object.keys(LIMITS) as (keyof typeof LIMITS)[])
    .filter((k) => p.errors[k] > LIMITS[k])
    .map((k) => `${k} ${p.errors[k]}`);

export function gates(closed: ClosedLoopJson, groups: readonly OpenLoopJson[]): Gate[] {
  return [
    noiseFloor(groups),
    decisions(closed),
    prediction(groups),
    bills(closed, groups),
    ranking(groups),
    envelope(groups),
  ];
}

function noiseFloor(groups: readonly OpenLoopJson[]): Gate {
  const few = groups.filter((o) => o.repeats < REPEATS);
  if (groups.length === 0) return { name: 'G0 noise floor', pass: null, why: 'no executed run' };
  const spreads = groups.map((o) => o.measured.meanCompletionSeconds.spread ?? 0);
  return {
    name: 'G0 noise floor',
    pass: few.length === 0,
    why:
      few.length > 0
        ? `${few.map((o) => `${label(o)}: ${o.repeats} of ${REPEATS} repeats`).join('; ')}`
        : `mean completion differs among repeats by up to ${(100 * Math.max(...spreads)).toFixed(2)} %`,
  };
}

function decisions(c: ClosedLoopJson): Gate {
  return {
    name: 'G1 decisions, closed loop',
    pass: c.decisionMismatches === 0 && c.unansweredActions === 0 && c.unusedAnswers === 0,
    why: `${c.decisionMismatches} of ${c.decisions} differ`,
  };
}

/** Judged by the worst group, never by the mean: an average hides the case that matters. */
function prediction(groups: readonly OpenLoopJson[]): Gate {
  const bad = groups.flatMap((o) => misses(best(o)).map((m) => `${label(o)}: ${m}`));
  return {
    name: 'G2 open-loop prediction',
    pass: groups.length === 0 ? null : bad.length === 0,
    why: groups.length === 0 ? 'no executed run' : bad.length === 0 ? 'every figure within its limit' : bad.join('; '),
  };
}

function bills(c: ClosedLoopJson, groups: readonly OpenLoopJson[]): Gate {
  const worst = Math.max(0, ...groups.map((o) => best(o).errors.bill));
  return {
    name: 'G3 bills',
    pass: c.invoiceMismatches === 0 && (groups.length === 0 || worst <= BILL_LIMIT),
    why: `closed loop: ${c.invoiceMismatches} of ${c.invoices} differ; open loop: largest bill error ${(100 * worst).toFixed(2)} %`,
  };
}

/** Policies on the same load, ordered by mean completion: pairs whose real difference exceeds the noise must agree. */
function ranking(groups: readonly OpenLoopJson[]): Gate {
  let pairs = 0;
  let agree = 0;
  for (let i = 0; i < groups.length; i++) {
    for (let j = i + 1; j < groups.length; j++) {
      const a = groups[i]!;
      const b = groups[j]!;
      if (a.scenario !== b.scenario || a.load !== b.load || a.queueing === b.queueing) continue;
      const ma = a.measured.meanCompletionSeconds;
      const mb = b.measured.meanCompletionSeconds;
      const noise = Math.max(ma.max - ma.min, mb.max - mb.min);
      if (Math.abs(ma.mean - mb.mean) <= noise) continue;
      pairs++;
      const guessed = best(a).metrics.meanCompletionSeconds - best(b).metrics.meanCompletionSeconds;
      if (Math.sign(guessed) === Math.sign(ma.mean - mb.mean)) agree++;
    }
  }
  if (pairs === 0)
    return { name: 'G4 ranking of policies', pass: null, why: 'no two policies that differ by more than the noise' };
  const tau = (2 * agree - pairs) / pairs;
  return { name: 'G4 ranking of policies', pass: tau === 1, why: `Kendall tau ${tau.toFixed(2)} over ${pairs} pairs` };
}

function envelope(groups: readonly OpenLoopJson[]): Gate {
  const loads = [...new Set(groups.map((o) => o.load))].sort((a, b) => a - b);
  if (loads.length < 3)
    return { name: 'G5 envelope of loads', pass: null, why: `${loads.length} of at least 3 loads (--load)` };
  const failing = loads.find((l) => groups.some((o) => o.load === l && misses(best(o)).length > 0));
  return {
    name: 'G5 envelope of loads',
    pass: failing === undefined,
    why:
      failing === undefined
        ? `within its limits at loads ${loads.join(', ')}`
        : `beyond its limits from load ${failing} on`,
  };
}
