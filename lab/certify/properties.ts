/** What can be certified: each property as a list of lies with a gain, or as a figure of the truthful outcome alone. */

import type { Market } from '../../mechanisms/pricing/one-shot-index.ts';
import {
  capacityLies,
  collusions,
  costLies,
  type Deviation,
  falseNames,
  splits,
  timeLies,
  valueLies,
} from './deviations.ts';

export const propertyNames = [
  'dsic-cost',
  'dsic-value',
  'dsic-capacity',
  'dsic-arrival',
  'bic',
  'ir',
  'ir-interim',
  'wbb',
  'sbb',
  'efficient',
  'monotone',
  'split-proof',
  'false-name-proof',
  'collusion-2',
] as const;
export type PropertyName = (typeof propertyNames)[number];

/** Lies that a property lets agents tell; null = it is a figure of the truthful outcome. */
export const lies: Record<PropertyName, ((m: Market<number>) => Generator<Deviation>) | null> = {
  'dsic-cost': costLies,
  'dsic-value': valueLies,
  'dsic-capacity': capacityLies,
  'dsic-arrival': timeLies,
  bic: (m) => (m.kind === 'procurement' ? costLies(m) : valueLies(m)),
  ir: null,
  'ir-interim': null,
  wbb: null,
  sbb: null,
  efficient: null,
  monotone: costLies,
  'split-proof': splits,
  'false-name-proof': falseNames,
  'collusion-2': collusions,
};
