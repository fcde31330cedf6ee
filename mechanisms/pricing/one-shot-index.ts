/** The shipped one-shot mechanisms by name. */
import { cremerMclean } from './cremer-mclean.ts';
import { greedyClarke } from './greedy-clarke.ts';
import { greedyCritical } from './greedy-critical.ts';
import type { OneShot } from './lib/markets.ts';
import { mcafee } from './mcafee.ts';
import { muda } from './muda.ts';
import { onlineThreshold } from './online-threshold.ts';
import { payAsBid } from './pay-as-bid.ts';
import { postedPrice } from './posted-price.ts';
import { pvcg } from './pvcg.ts';
import { pvcgTight } from './pvcg-tight.ts';
import { redistribution } from './redistribution.ts';
import { reverseAuction } from './reverse-auction.ts';
import { sbba } from './sbba.ts';
import { uniformPrice } from './uniform-price.ts';
import { vcg } from './vcg.ts';

export const oneShots: ReadonlyMap<string, OneShot> = new Map(
  [
    pvcg,
    pvcgTight,
    vcg,
    mcafee,
    sbba,
    muda,
    uniformPrice,
    payAsBid,
    greedyCritical,
    greedyClarke,
    postedPrice,
    onlineThreshold,
    reverseAuction,
    cremerMclean,
    redistribution,
  ].map((m) => [m.name, m]),
);

export { compensationAndBonus } from './compensation-bonus.ts';
export { type Chain, DynamicPivot } from './dynamic-pivot.ts';
export type { Field } from './lib/field.ts';
export { doubles, rationals } from './lib/field.ts';
export type * from './lib/markets.ts';
export { MarketUnfit, stepsValue, TheoremLost } from './lib/markets.ts';
export { ascendingTradeReduction } from './multilateral.ts';
export { criticalPayments, greedySlots } from './online-greedy.ts';
