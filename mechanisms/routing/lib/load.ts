import type { PoolAdvert } from '../../../core/interfaces.ts';

/** GPUs that are leased or waited for, over those that are up; a pool without any has no end of load. */
export function loadOf(a: PoolAdvert): number {
  return a.capacityMilli > 0 ? (a.usedMilli + a.waitingMilli) / a.capacityMilli : Number.POSITIVE_INFINITY;
}

/** Position of the least loaded of `among` (positions in `adverts`); ties go to the first. */
export function leastLoaded(adverts: readonly PoolAdvert[], among: readonly number[]): number {
  let best = among[0]!;
  for (const i of among) if (loadOf(adverts[i]!) < loadOf(adverts[best]!)) best = i;
  return best;
}

export const all = (adverts: readonly PoolAdvert[]): number[] => adverts.map((_, i) => i);

/** Positions of pools that have machines; all of them where none has. */
export function open(adverts: readonly PoolAdvert[]): number[] {
  const up = all(adverts).filter((i) => adverts[i]!.capacityMilli > 0);
  return up.length > 0 ? up : all(adverts);
}
