/** Random rules by which single GPUs fail: not so often that a gang which needs most of a fleet would never find it whole. */
import { HOUR_US } from '../../core/types.ts';
import type { CardError, CardFailures } from '../../scenarios/resolved.ts';
import { xidClasses } from '../../scenarios/xids.ts';
import { generator } from './market.ts';

/** In a share `chance` of the seeds; drawn apart from all else, so that the rest of a seed's world stays. `slower`: times between errors. */
export function cardTroubles(seed: number, nodes: number, chance: number, slower = 1): CardFailures[] {
  const r = generator(seed * 11 + 5);
  if (r() >= chance) return [];
  const errors: CardError[] = [];
  for (const [xid, { card, ends }] of xidClasses) {
    if (r() < 0.6) continue;
    const between = { family: 'exponential', meanUs: (2 + 16 * r()) * slower * HOUR_US } as const;
    const replaced = r() < 0.3 ? { share: 0.3, after: { family: 'exponential', meanUs: HOUR_US } as const } : undefined;
    const repair = { family: 'exponential', meanUs: (1 / 60 + r() / 4) * HOUR_US } as const;
    errors.push({ xid, card, ends, between, repair, replaced });
  }
  return errors.length === 0 ? [] : [{ nodes: Array.from({ length: nodes }, (_, n) => n), errors }];
}
