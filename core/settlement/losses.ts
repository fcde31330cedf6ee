/**
 * Who pays for lost work, by named rule. An attempt is lost when its provider failed it (node-failure, gpu-failure), it never started (not-started) or it
 * was called off (aborted); every other use is paid whatever became of the job.
 *
 * - `provider-bears`: a lost attempt costs the user nothing, and nobody is paid for it.
 * - `fault-bears`: who failed gets nothing; the partners of its gang are paid for their use.
 * - `whole-periods`: what was metered up to the last full period stays paid; the broken period costs nothing.
 * - `user-pays`: use is paid up to the moment of the failure.
 */
import { type LossRule, Outcome } from '../types.ts';
import { isCharged } from './metering.ts';
import type { PartUse } from './terms.ts';

export interface EndedPart extends PartUse {
  outcome: Outcome;
  /** Up to which stamp it was metered while it ran; -1 = never. */
  meteredUs: number;
}

/** Did this part lose the attempt? */
export const isAtFault = (outcome: Outcome): boolean =>
  outcome === Outcome.nodeFailure || outcome === Outcome.gpuFailure || outcome === Outcome.notStarted;

/** The use that is billed, part by part: with `endUs` = `startUs` where a part is not. */
export function billedUse(rule: LossRule, outcome: Outcome, parts: readonly EndedPart[]): PartUse[] {
  const charged = isCharged(outcome);
  return parts.map((p) => {
    const { rateMicro, milli, startUs } = p;
    let endUs = p.endUs;
    if (startUs < 0) return { rateMicro, milli, startUs: 0, endUs: 0 };
    if (!charged) {
      if (rule === 'provider-bears' || (rule === 'fault-bears' && isAtFault(p.outcome))) endUs = startUs;
      else if (rule === 'whole-periods') endUs = Math.max(startUs, p.meteredUs);
    }
    return { rateMicro, milli, startUs, endUs };
  });
}
