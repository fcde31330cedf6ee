import type { RunningJob, WaitingJob } from '../../../core/interfaces.ts';
import type { TimeUs } from '../../../core/types.ts';

export const isRunning = (job: WaitingJob): job is RunningJob => ((job as RunningJob).startedUs ?? -1) >= 0;

/** Run time so far, over all attempts. */
export function attainedUs(job: WaitingJob, now: TimeUs): TimeUs {
  return job.servedUs + (isRunning(job) ? now - job.startedUs : 0);
}

/** Run time still needed: as the job reports it, else the user's estimate less what it has had. */
export function remainingUs(job: WaitingJob, now: TimeUs): TimeUs {
  if (job.remainingUs >= 0) return job.remainingUs;
  return Math.max(0, job.spec.estimateUs - attainedUs(job, now));
}

/** Time for explanations: the largest unit that says it in whole or tenths. */
export function spell(us: TimeUs): string {
  const s = us / 1e6;
  if (s < 120) return `${Math.round(s * 10) / 10} s`;
  return s < 7200 ? `${Math.round(s / 6) / 10} min` : `${Math.round(s / 360) / 10} h`;
}

/** GPUs of the whole gang, fractions counted as such. */
export const gpusOf = (job: WaitingJob): number => job.shape.totalMilli / 1000;
