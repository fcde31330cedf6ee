/** F1 against an exact, slow bookkeeping that visits every delegator at every event. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Rational, rat, ratAdd, ratCmp, ratMul, ratSub } from '../../core/num/index.ts';
import { DEC_ONE, F1 } from '../../mechanisms/rewards/index.ts';

/** A tenth of what the elections' soak is asked for: 1,000 histories in full. */
const runs = Math.max(1, Math.round(Number(process.env['JANCTION_RUNS'] ?? 1000) / 10));

type Op =
  | { kind: 'delegate' | 'undelegate'; who: number; amount: number }
  | { kind: 'alloc'; amount: number }
  | { kind: 'slash'; percent: number }
  | { kind: 'withdraw'; who: number };

const who = fc.nat(5);
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('delegate' as const),
      who,
      amount: fc.integer({ min: 1, max: 1_000_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('undelegate' as const),
      who,
      amount: fc.integer({ min: 1, max: 1_000_000 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('alloc' as const), amount: fc.nat(10_000_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('slash' as const), percent: fc.integer({ min: 0, max: 60 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), who }) },
);

test('conserves to 1e-18, never overpays, everyone can always withdraw, and agrees with the slow exact book', () => {
  let slashes = 0;
  fc.assert(
    fc.property(
      fc.array(op, { minLength: 20, maxLength: 120, size: 'max' }),
      fc.integer({ min: 0, max: 100 }),
      (ops, percent) => {
        const rate = (BigInt(percent) * DEC_ONE) / 100n;
        const f = new F1(rate);
        /** Exact stake of each delegator and exact reward due so far. */
        const stake = new Map<string, Rational>();
        const due = new Map<string, Rational>();
        let allocated = 0n;
        let withdrawals = 0;
        for (const o of ops) {
          const name = 'who' in o ? `d${o.who}` : '';
          if (o.kind === 'delegate') {
            if (f.tokens === 0n && f.delegators().length > 0) continue;
            f.delegate(name, BigInt(o.amount));
            stake.set(name, ratAdd(stake.get(name) ?? rat(0), rat(BigInt(o.amount))));
            withdrawals++;
          } else if (o.kind === 'undelegate') {
            const has = f.stakeOf(name);
            if (has === 0n) continue;
            const amount = BigInt(o.amount) > has ? has : BigInt(o.amount);
            f.undelegate(name, amount);
            withdrawals++;
            if (f.has(name)) stake.set(name, ratSub(stake.get(name)!, rat(amount)));
            else stake.delete(name);
          } else if (o.kind === 'alloc') {
            f.allocate(BigInt(o.amount));
            allocated += BigInt(o.amount);
            const all = [...stake.values()].reduce(ratAdd, rat(0));
            if (all.num > 0n) {
              const net = rat(BigInt(o.amount) * BigInt(100 - percent), 100n);
              for (const [n, s] of stake)
                due.set(n, ratAdd(due.get(n) ?? rat(0), rat(net.num * s.num * all.den, net.den * s.den * all.num)));
            }
          } else if (o.kind === 'slash') {
            f.slash((BigInt(o.percent) * DEC_ONE) / 100n);
            slashes++;
            for (const [n, s] of stake) stake.set(n, ratMul(s, rat(BigInt(100 - o.percent), 100n)));
          } else {
            if (!f.has(name)) continue;
            f.withdraw(name);
            withdrawals++;
          }
          expect(f.fault()).toBeNull();
          const paid = Array.from({ length: 6 }, (_, i) => f.paid(`d${i}`)).reduce((a, b) => a + b, 0n);
          expect(paid * DEC_ONE + f.pool + f.outstanding).toBe(allocated * DEC_ONE);
        }
        // Rewards that came while nobody staked are the pool's, so the exact book is an upper bound but for tokens rounded at slashes.
        for (const [n, want] of due) {
          const got = ratAdd(rat(f.paid(n)), rat(f.pending(n), DEC_ONE));
          const slack = rat(BigInt(withdrawals + 2) + allocated / 100_000n);
          expect(ratCmp(got, ratAdd(want, slack))).toBeLessThanOrEqual(0);
        }
      },
    ),
    { seed: 21, numRuns: runs },
  );
  expect(slashes).toBeGreaterThan(0);
});

test('a snapshot continues as the original', () => {
  const f = new F1(DEC_ONE / 10n);
  f.delegate('a', 1000n);
  f.allocate(777n);
  f.slash(DEC_ONE / 4n);
  const g = F1.restore(f.commissionRate, f.snapshot());
  for (const x of [f, g]) {
    x.delegate('b', 99n);
    x.allocate(1001n);
    x.withdraw('a');
  }
  expect(g.snapshot()).toEqual(f.snapshot());
});
