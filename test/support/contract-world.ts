/** Random markets under random contracts, with users who fall silent, pay in and cancel, and pools that are taken over. */
import { expect } from 'vitest';
import { type Fact, FactKind } from '../../core/facts.ts';
import { type ContractRules, contractKinds, HOUR_US, lossRules, type MarketConfig } from '../../core/types.ts';
import { contractRules } from './contracts.ts';
import { generator, type Rows, SECOND, type SimOver, simulation } from './market.ts';
import { type Workload, workload } from './workload.ts';

const JOBS = 80;
export const HORIZON = 60 * HOUR_US;
const MINUTE = 60 * SECOND;

function randomRules(r: () => number): ContractRules {
  const pick = <T>(list: readonly T[]) => list[Math.floor(r() * list.length)]!;
  const blockUs = pick([6 * SECOND, MINUTE, 10 * MINUTE]);
  const periodUs = pick([10 * MINUTE, 30 * MINUTE, HOUR_US]);
  return contractRules({
    kind: pick(contractKinds),
    periodUs,
    blockUs,
    depositUs: periodUs * (1 + Math.floor(r() * 3)),
    shortage: pick(['first-come', 'pro-rata'] as const),
    topUp: r() < 0.8,
    acceptUs: pick([5 * MINUTE, 40 * MINUTE]),
    answerUs: pick([0, 0, MINUTE, 6 * MINUTE]),
    loss: pick(lossRules),
    creditBps: pick([0, 500, 10_000]),
    providerDeposit: pick(['0', '1500000']),
  });
}

export interface World {
  rules: ContractRules;
  w: Workload;
  acts: { at: number; facts: Fact[] }[];
}

export function world(seed: number, over: Partial<MarketConfig> = {}): World {
  const r = generator(seed * 31 + 7);
  const rules = randomRules(r);
  const deposit = String(Math.floor(r() * 60) * 1_000_000);
  const users = [
    { id: 'alice', currency: 0, deposit, postpaid: false },
    { id: 'bob', currency: 0, deposit: '0', postpaid: true },
    { id: 'carol', currency: 1, deposit: '900000000', postpaid: false },
  ];
  const w = workload(seed, JOBS, { contract: rules, users, ...over });
  const acts: World['acts'] = [];
  let seq = 0;
  const at = () => Math.floor(r() * HORIZON);
  for (const user of ['alice', 'bob', 'carol']) {
    for (let k = 0; k < 3; k++) {
      const from = at();
      acts.push({ at: from, facts: [{ kind: FactKind.payer, user, answers: false, seq: ++seq }] });
      acts.push({
        at: from + Math.floor(r() * 6 * HOUR_US),
        facts: [{ kind: FactKind.payer, user, answers: true, seq: ++seq }],
      });
    }
  }
  for (let k = 0; k < 8; k++)
    acts.push({
      at: at(),
      facts: [
        {
          kind: FactKind.deposit,
          user: 'alice',
          currency: 0,
          amount: String(1 + Math.floor(r() * 9_000_000)),
          seq: ++seq,
        },
      ],
    });
  for (const a of w.arrivals)
    if (r() < 0.15)
      acts.push({
        at: a.timeUs + Math.floor(r() * 2 * HOUR_US),
        facts: [{ kind: FactKind.cancel, pool: a.pool, job: a.spec.job }],
      });
  for (let k = 0; k < 3; k++)
    acts.push({ at: at(), facts: [{ kind: FactKind.takeover, from: k % 2, to: 1 - (k % 2), seq: ++seq }] });
  return { rules, w, acts: acts.filter((x) => x.at < HORIZON).sort((x, y) => x.at - y.at) };
}

export function start({ w }: World, seed: number, over: SimOver = {}) {
  return simulation(w.config, w.arrivals, {
    lives: w.lives,
    seed,
    horizonUs: HORIZON,
    processes: { startUs: SECOND, killUs: SECOND },
    ...over,
  });
}

/** What each attempt's user paid on balance is its charge, but for what the adjustments and disputes list. */
export function billed(rows: Rows): void {
  const due = new Map<string, bigint>();
  const paid = new Map<string, bigint>();
  const add = (m: Map<string, bigint>, key: string, amount: bigint) => m.set(key, (m.get(key) ?? 0n) + amount);
  for (const p of rows.of('placements')) add(due, `${p.job_id}#${p.attempt}`, p.charge_micro);
  for (const a of rows.of('adjustments')) {
    const sign = { unpaid: -1n, 'debt-paid': 1n, 'refund-short': 1n, credit: -1n, 'credit-short': 0n }[a.kind];
    expect(sign, a.kind).toBeDefined();
    add(due, `${a.job_id}#${a.attempt}`, sign! * a.amount_micro);
  }
  for (const d of rows.of('disputes')) {
    const key = `${d.job_id}#${d.attempt}`;
    if (d.event === 'upheld') add(due, key, -d.amount_micro - d.provider_bond_micro);
    if (d.event === 'rejected') add(due, key, d.bond_micro);
  }
  for (const t of rows.of('transfers')) {
    if (t.job_id === 0 || t.kind === 'pending' || t.kind === 'void') continue;
    const key = `${t.job_id}#${t.attempt}`;
    if (t.debit.startsWith('user:')) add(paid, key, t.amount_micro);
    if (t.credit.startsWith('user:')) add(paid, key, -t.amount_micro);
  }
  for (const key of due.keys()) expect(paid.get(key) ?? 0n, key).toBe(due.get(key)!);
  const charged = rows.of('jobs').reduce((s, j) => s + j.charged_micro, 0n);
  const over = new Set(rows.of('jobs').map((j) => j.job_id));
  const shares = rows.of('placements').reduce((s, p) => (over.has(p.job_id) ? s + p.charge_micro : s), 0n);
  expect(charged).toBe(shares);
}
