/** Processes that would strike so often that a run never ends are refused before it begins. */
import { HOUR_US, NEVER, type TimeUs } from '../../core/types.ts';
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
  // No time at all is others' to report.
  if (meanUs < 1) return;
  // A run that ends when its jobs are done takes an hour at least, as a rule.
  const spanUs = horizonUs >= NEVER ? HOUR_US : horizonUs;
  const events = (spanUs / meanUs) * count;
  if (events <= MOST_EVENTS) return;
  const leastMs = Math.ceil(((spanUs / MOST_EVENTS) * count) / 1000);
  const where = horizonUs >= NEVER ? 'an hour' : 'the horizon';
  report(
    [...path],
    `makes some ${Math.floor(events)} events in ${where}, ${MOST_EVENTS} at most; write at least "${leastMs} ms"`,
  );
}

/** Periods in one run at whose ends everything is looked at: more would take days and fill the disk with rows nobody asked for. */
const MOST_PERIODS = 2_000_000;

/** Reports a period that a finite horizon holds too often. */
export function refusePeriods(horizonUs: TimeUs, path: readonly string[], periodUs: number, report: Report): void {
  if (periodUs < 1 || horizonUs >= NEVER || horizonUs / periodUs <= MOST_PERIODS) return;
  const least = Math.ceil(horizonUs / MOST_PERIODS / 1000);
  report(
    [...path],
    `makes ${Math.floor(horizonUs / periodUs)} periods of the horizon, ${MOST_PERIODS} at most; write at least "${least} ms"`,
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
