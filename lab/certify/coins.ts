/** The coins of one-shot mechanisms: a draw per purpose and name, whatever anybody reports. */
import { chance, hashString } from '../../core/num/index.ts';

export function coinOf(seed: number): (purpose: string, id: string) => number {
  const key = [seed >>> 0, Math.floor(seed / 4294967296) >>> 0] as const;
  return (purpose, id) => chance(key, `one-shot:${purpose}`, hashString(id));
}
