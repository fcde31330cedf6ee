const HALF = 0x100000; // 2^20

/**
 * A permutation of 0..2^40-1 chosen by the seed: four Feistel rounds on halves of 20 bits. Gives ties an order that is as
 * fixed as the usual one and has nothing to do with it.
 */
export function tieShuffle(seq: number, seed: number): number {
  let left = Math.floor(seq / HALF);
  let right = seq % HALF;
  for (let round = 0; round < 4; round++) {
    let h = Math.imul(right ^ (seed | 0), 0x9e3779b1) + Math.imul(round + 1, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    const next = left ^ ((h ^ (h >>> 13)) & (HALF - 1));
    left = right;
    right = next;
  }
  return left * HALF + right;
}
