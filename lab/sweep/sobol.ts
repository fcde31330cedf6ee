/**
 * Sobol' low-discrepancy points in up to 16 dimensions, from the direction numbers of Joe and Kuo (2008, new-joe-kuo-6.21201). Points
 * are shifted by a random digital shift (Matoušek 1998), so that another seed gives another, equally even set. 32 bits.
 */
import { Stream } from '../../sim/kernel/streams.ts';

/** Degree, coefficients, initial numbers m_i, for dimensions 2..16. */
const JOE_KUO: readonly (readonly [number, number, readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
];
export const SOBOL_MAX_DIMENSIONS = JOE_KUO.length + 1;
const BITS = 32;

function directions(dimension: number): Uint32Array {
  const v = new Uint32Array(BITS);
  if (dimension === 0) {
    for (let i = 0; i < BITS; i++) v[i] = (1 << (31 - i)) >>> 0;
    return v;
  }
  const [s, a, m] = JOE_KUO[dimension - 1]!;
  for (let i = 0; i < BITS; i++) {
    if (i < s) {
      v[i] = (m[i]! << (31 - i)) >>> 0;
      continue;
    }
    let x = (v[i - s]! ^ (v[i - s]! >>> s)) >>> 0;
    for (let k = 1; k < s; k++) if (((a >> (s - 1 - k)) & 1) === 1) x = (x ^ v[i - k]!) >>> 0;
    v[i] = x;
  }
  return v;
}

/** The first n points of the sequence in [0,1)^d, digitally shifted by `seed` (null = unshifted, beginning with 0). */
export function sobolPoints(n: number, dimensions: number, seed: number | null): number[][] {
  if (dimensions > SOBOL_MAX_DIMENSIONS)
    throw new Error(`sobol: at most ${SOBOL_MAX_DIMENSIONS} dimensions, not ${dimensions}`);
  const v = Array.from({ length: dimensions }, (_, d) => directions(d));
  const stream = seed === null ? null : new Stream(`sobol/${seed}`);
  const shift = v.map(() => (stream === null ? 0 : stream.below(4294967296)));
  const x = new Uint32Array(dimensions);
  const points: number[][] = [];
  for (let i = 0; i < n; i++) {
    points.push(Array.from({ length: dimensions }, (_, d) => ((x[d]! ^ shift[d]!) >>> 0) / 4294967296));
    // Gray code: the position of the lowest zero bit of i says which direction changes.
    let c = 0;
    for (let k = i; (k & 1) === 1; k >>>= 1) c++;
    for (let d = 0; d < dimensions; d++) x[d] = (x[d]! ^ v[d]![c]!) >>> 0;
  }
  return points;
}

/** Latin hypercube: n points whose every coordinate falls once into each of n equal slices, jittered within its slice. */
export function latinHypercube(n: number, dimensions: number, seed: number): number[][] {
  const columns = Array.from({ length: dimensions }, (_, d) => {
    const stream = new Stream(`lhs/${seed}/${d}`);
    const order = Array.from({ length: n }, (_x, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = stream.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order.map((slice) => (slice + stream.uniform()) / n);
  });
  return Array.from({ length: n }, (_, i) => columns.map((c) => c[i]!));
}

export function randomPoints(n: number, dimensions: number, seed: number): number[][] {
  const streams = Array.from({ length: dimensions }, (_, d) => new Stream(`random/${seed}/${d}`));
  return Array.from({ length: n }, () => streams.map((s) => s.uniform()));
}
