/** Processes that would strike so often that a run never ends are refused before it begins. */
import { NEVER, type TimeUs } from '../../core/types.ts';
import type { TimeFamily } from '../resolved.ts';
import type { Report } from './names.ts';

/** Events that one cause may have in a run, on average: more take hours and most change nothing. */
export const MOST_EVENTS = 50_000_000;

/** Reports a cause that strikes each of `count` things every `meanUs` on average, where that is too often for the horizon. */
export function refuseFlood(
  horizonUs: TimeUs,
  meanUs: number,
  count: number,
  path: readonly (string | number)[],
  report: Report,
): void {
  // A horizon without end, and no time at all, are others' to report or to bear.
  if (horizonUs >= NEVER || meanUs < 1) return;
  const events = (horizonUs / meanUs) * count;
  if (events <= MOST_EVENTS) return;
  const leastMs = Math.ceil(((horizonUs / MOST_EVENTS) * count) / 1000);
  report(
    [...path],
    `makes some ${Math.floor(events)} events in the horizon, ${MOST_EVENTS} at most; write at least "${leastMs} ms"`,
  );
}

/** Size of a family's times, us: its mean, or where tails may carry most of that the parameter that says how long most are. */
export function typicalUs(f: TimeFamily): number {
  switch (f.family) {
    case 'exponential':
    case 'gamma':
      return f.meanUs;
    case 'lognormal':
      return f.medianUs;
    case 'weibull':
      return f.scaleUs;
    case 'pareto':
      return f.leastUs;
    case 'hyperexponential':
      return f.phases.reduce((sum, p) => sum + p.share * p.meanUs, 0);
  }
}
