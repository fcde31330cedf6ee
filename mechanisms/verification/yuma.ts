/**
 * Yuma consensus: validators with stake score servers; scores above what a share kappa of the stake supports are clipped. Page: yuma.md.
 * Shares are doubles in a fixed order of summation: this is a reward rule's input, no balance is computed here.
 */

export interface YumaResult {
  readonly consensus: number[];
  readonly incentive: number[];
  readonly dividends: number[];
  readonly bonds: number[][];
  readonly trust: number[];
}

/** Stake-weighted kappa-median: smallest score with the stake at or below it strictly over 1 - kappa. */
export function weightedMedian(stakes: readonly number[], scores: readonly number[], kappa: number): number {
  const total = sum(stakes);
  if (total === 0) return 0;
  const order = scores
    .map((score, i) => ({ score, stake: stakes[i]! / total, i }))
    .filter((x) => x.stake > 0)
    .sort((a, b) => a.score - b.score || a.i - b.i);
  let below = 0;
  for (const x of order) {
    below += x.stake;
    // One unit in 2^40 keeps decimal stakes that sum to exactly 1 - kappa from counting as over it.
    if (below > 1 - kappa + 9e-13) return x.score;
  }
  return order[order.length - 1]!.score;
}

/** One epoch: weights[v][s] of validator v for server s, `previous` bonds with moving average `alpha`, null in the first epoch. */
export function yumaEpoch(
  stakes: readonly number[],
  weights: readonly (readonly number[])[],
  kappa = 0.5,
  previous: readonly (readonly number[])[] | null = null,
  alpha = 0.1,
): YumaResult {
  const s = normal(stakes);
  const servers = weights[0]?.length ?? 0;
  const w = weights.map((row) => normal(row));
  const consensus = Array.from({ length: servers }, (_, j) =>
    weightedMedian(
      s,
      w.map((row) => row[j]!),
      kappa,
    ),
  );
  const clipped = w.map((row) => row.map((x, j) => Math.min(x, consensus[j]!)));
  const rank = Array.from({ length: servers }, (_, j) => sum(s.map((x, i) => x * clipped[i]![j]!)));
  const incentive = normal(rank);
  const trust = clipped.map((row) => sum(row));
  const fresh = columnsNormal(s.map((x, i) => clipped[i]!.map((c) => x * c)));
  const bonds =
    previous === null
      ? fresh
      : columnsNormal(fresh.map((row, i) => row.map((x, j) => alpha * x + (1 - alpha) * previous[i]![j]!)));
  const dividends = normal(bonds.map((row) => sum(row.map((x, j) => x * incentive[j]!))));
  return { consensus, incentive, dividends, bonds, trust };
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

function normal(list: readonly number[]): number[] {
  const total = sum(list);
  return list.map((x) => (total === 0 ? 0 : x / total));
}

function columnsNormal(rows: readonly (readonly number[])[]): number[][] {
  const totals = (rows[0] ?? []).map((_, j) => sum(rows.map((r) => r[j]!)));
  return rows.map((r) => r.map((x, j) => (totals[j] === 0 ? 0 : x / totals[j]!)));
}
