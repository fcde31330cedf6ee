/**
 * Elections and rewards at the size of a live chain: sequential Phragmén with 50,000 voters of 16 nominations, 1,000 candidates and
 * 300 seats; against exact rationals at the largest size where those end in seconds; and a year of daily epochs of F1 with 40,000
 * stakers, a tenth of whom act each day. CPU time of this process.
 */

import { Digest } from '../core/num/index.ts';
import { type Election, phragmen, supportsOf } from '../mechanisms/elections/index.ts';
import { DEC_ONE, F1 } from '../mechanisms/rewards/index.ts';
import { Stream } from '../sim/kernel/streams.ts';
import { atLeast, atMost, type BenchReport, plain } from './report.ts';

function election(voters: number, nominations: number, candidates: number, seats: number): Election {
  const s = new Stream(`bench/elections/${voters}/${candidates}`);
  return {
    seats,
    candidates: Array.from({ length: candidates }, (_, i) => `c${i}`),
    voters: Array.from({ length: voters }, (_, i) => {
      const approvals = new Set<number>();
      // Popular candidates are nominated more: squares crowd the low numbers.
      while (approvals.size < nominations) approvals.add(Math.floor(s.uniform() * s.uniform() * candidates));
      return { id: `v${i}`, stake: BigInt(1 + Math.floor(s.exponential(1e12))), approvals: [...approvals] };
    }),
  };
}

function cpu<T>(body: () => T): { seconds: number; value: T } {
  const before = process.cpuUsage();
  const value = body();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, value };
}

function year(stakers: number, days: number, validators: number): { paid: bigint; operations: number } {
  const s = new Stream('bench/f1');
  const books = Array.from({ length: validators }, () => new F1(DEC_ONE / 20n));
  const names = Array.from({ length: stakers }, (_, i) => `s${i}`);
  for (const [i, n] of names.entries()) books[i % validators]!.delegate(n, BigInt(1 + s.below(1_000_000)));
  let paid = 0n;
  let operations = stakers;
  for (let day = 0; day < days; day++) {
    for (const b of books) b.allocate(BigInt(1_000_000 + s.below(1_000_000)));
    for (let k = 0; k < stakers / 10; k++) {
      const i = s.below(stakers);
      const book = books[i % validators]!;
      if (s.uniform() < 0.2) book.delegate(names[i]!, 1000n);
      else paid += book.withdraw(names[i]!);
      operations++;
    }
    if (s.uniform() < 0.1) books[s.below(validators)]!.slash(DEC_ONE / 10_000n);
  }
  return { paid, operations };
}

export function elections(): BenchReport {
  const large = election(50_000, 16, 1000, 300);
  const warm = election(2000, 16, 200, 60);
  phragmen(warm, 'fixed-point');
  const runs = [0, 1, 2].map(() => cpu(() => phragmen(large, 'fixed-point')));
  const best = Math.min(...runs.map((r) => r.seconds));
  const common = election(400, 8, 60, 16);
  const exact = cpu(() => phragmen(common, 'exact'));
  const fast = cpu(() => {
    for (let i = 0; i < 20; i++) phragmen(common, 'fixed-point');
    return phragmen(common, 'fixed-point');
  });
  const f1 = cpu(() => year(40_000, 365, 100));
  const digest = new Digest();
  for (const w of runs[0]!.value.winners) digest.mixInt(w);
  for (const x of supportsOf(runs[0]!.value.winners, runs[0]!.value.edges))
    digest.mixInt(Number(x.num % 9007199254740991n));
  digest.mixInt(Number(f1.value.paid % 9007199254740991n));
  const same = JSON.stringify(exact.value.winners) === JSON.stringify(fast.value.winners);
  return {
    schema: 'janction.bench/1',
    bench: 'elections',
    figures: [
      atMost('phragmen50000x16', best, 2, 's'),
      atLeast('exactOverFast', exact.seconds / (fast.seconds / 21), 100, 'ratio'),
      { name: 'sameWinners', value: same ? 1 : 0, unit: 'boolean', target: '= 1', met: same },
      atMost('yearOfEpochsF1', f1.seconds, 30, 's'),
      plain('f1Operations', f1.value.operations, 'operations'),
    ],
    workHash: digest.hex(),
  };
}
