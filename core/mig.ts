/**
 * Multi-Instance GPU: how instances of several profiles lie on one card. A card is a row of memory slices (8 on A100 and H100, 4 on
 * A30) and each profile may begin only at certain of them, so that what fits depends on where the others lie, not on sums alone.
 * Source: NVIDIA Multi-Instance GPU User Guide, "Supported MIG Profiles" and the placements that `nvidia-smi mig -lgipp` prints.
 * Not modelled: media-engine profiles (+me), the time it takes to make and to remove an instance, compute instances inside one.
 */
import type { MigProfile } from './types.ts';

/** Memory slices that an instance beginning at `start` covers, as bits. */
const cover = (p: MigProfile, start: number): number => ((1 << p.width) - 1) << start;

export const migProfile = (profiles: readonly MigProfile[] | undefined, name: string): MigProfile | undefined =>
  profiles?.find((p) => p.name === name);

/** Places left on a card whose slices `used` are taken, over all profiles. */
function room(profiles: readonly MigProfile[], used: number): number {
  let n = 0;
  for (const p of profiles) for (const s of p.starts) if ((cover(p, s) & used) === 0) n++;
  return n;
}

/**
 * Slices for one more instance on a card whose slices `used` are taken, as bits; 0 = none fits. Of the legal places the one that leaves
 * most legal places open, ties to the first: small instances keep out of the way of large ones.
 */
export function migPlace(profiles: readonly MigProfile[], p: MigProfile, used: number): number {
  let best = 0;
  let most = -1;
  for (const s of p.starts) {
    const bits = cover(p, s);
    if ((bits & used) !== 0) continue;
    const left = room(profiles, used | bits);
    if (left > most) {
      most = left;
      best = bits;
    }
  }
  return best;
}

/** Can an instance of the profile lie on exactly these slices? */
export const migLegal = (p: MigProfile, bits: number): boolean => p.starts.some((s) => cover(p, s) === bits);
