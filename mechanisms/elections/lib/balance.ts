/**
 * The balanced assignment of voters' stake to a fixed committee, exact: every unit of stake is used, and the supports are as equal as
 * the approvals allow (largest sum, then least sum of squares; equivalently lexicographically largest from the bottom).
 *
 * The support vectors that use all stake are the base polytope of the coverage function f(S) = stake of voters who approve someone
 * in S; the balanced one is its lexicographically optimal base (Fujishige 1980), found by halving: ask by a minimum cut whether
 * some S has f(S) < lambda |S| at the mean lambda = f(V)/|V|; if none, all members get lambda; if some, its voters serve S alone
 * and both sides are balanced apart. Live chains iterate floats until changes are small; this needs at most 2k-1 cuts and no tolerance.
 */
import { type Rational, rat } from '../../../core/num/index.ts';
import { cleanVoters, type Edge, type Election } from './election.ts';
import { MaxFlow } from './max-flow.ts';

interface Bloc {
  /** Committee members this bloc approves, as positions in the committee. */
  members: number[];
  stake: bigint;
  voters: { index: number; stake: bigint }[];
}

/** Edges of the balanced solution for this committee. */
export function balance(e: Election, winners: readonly number[]): Edge[] {
  const at = new Map(winners.map((c, i) => [c, i]));
  const blocs = new Map<string, Bloc>();
  for (const v of cleanVoters(e)) {
    const members = v.approvals.flatMap((c) => at.get(c) ?? []).sort((a, b) => a - b);
    if (members.length === 0) continue;
    const key = members.join(',');
    let bloc = blocs.get(key);
    if (bloc === undefined) blocs.set(key, (bloc = { members, stake: 0n, voters: [] }));
    bloc.stake += v.stake;
    bloc.voters.push({ index: v.index, stake: v.stake });
  }
  const edges: Edge[] = [];
  const give = (bloc: Bloc, member: number, part: Rational) => {
    // Voters of one bloc are alike: each lends the same share of its stake.
    for (const v of bloc.voters) {
      edges.push({
        voter: v.index,
        candidate: winners[member]!,
        weight: rat(part.num * v.stake, part.den * bloc.stake),
      });
    }
  };
  divide(
    [...blocs.values()],
    winners.map((_, i) => i),
    give,
  );
  return edges;
}

/** Supports only, in the order of `winners`. */
export function balancedSupports(e: Election, winners: readonly number[]): Rational[] {
  const sums = winners.map(() => rat(0));
  const at = new Map(winners.map((c, i) => [c, i]));
  for (const edge of balance(e, winners)) {
    const i = at.get(edge.candidate)!;
    const s = sums[i]!;
    sums[i] = rat(s.num * edge.weight.den + edge.weight.num * s.den, s.den * edge.weight.den);
  }
  return sums;
}

function divide(blocs: Bloc[], members: number[], give: (bloc: Bloc, member: number, part: Rational) => void): void {
  if (members.length === 0 || blocs.length === 0) return;
  const total = blocs.reduce((sum, b) => sum + b.stake, 0n);
  const n = BigInt(members.length);
  // Capacities scaled by n, so that the mean total/n is the integer `total`.
  const flow = new MaxFlow(blocs.length + members.length + 2);
  const source = blocs.length + members.length;
  const sink = source + 1;
  const nodeOf = new Map(members.map((m, i) => [m, blocs.length + i]));
  const arcs: { bloc: number; member: number; arc: number }[] = [];
  blocs.forEach((b, i) => {
    flow.arc(source, i, b.stake * n);
    for (const m of b.members) arcs.push({ bloc: i, member: m, arc: flow.arc(i, nodeOf.get(m)!, b.stake * n) });
  });
  for (const m of members) flow.arc(nodeOf.get(m)!, sink, total);
  if (flow.run(source, sink) === total * n) {
    for (const a of arcs) {
      const units = flow.flowOf(a.arc);
      if (units > 0n) give(blocs[a.bloc]!, a.member, rat(units, n));
    }
    return;
  }
  // Members that can still reach the sink are short of stake: they and every bloc that could serve them stay together.
  const reaches = flow.reaching(sink);
  const poor = new Set(members.filter((m) => reaches[nodeOf.get(m)!] === 1));
  const poorBlocs: Bloc[] = [];
  const richBlocs: Bloc[] = [];
  for (const b of blocs) {
    const mine = b.members.filter((m) => poor.has(m));
    if (mine.length > 0) poorBlocs.push({ ...b, members: mine });
    else richBlocs.push(b);
  }
  divide(poorBlocs, [...poor], give);
  divide(
    richBlocs,
    members.filter((m) => !poor.has(m)),
    give,
  );
}
