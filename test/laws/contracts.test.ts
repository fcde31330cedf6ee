/**
 * Contracts under everything that can happen to a job: random rules and workloads with failures, cancels, takeovers, silent and poor
 * users. On one host the independent auditor works out every transfer; with faulty wires what each attempt's user paid is its charge and
 * the listed adjustments. A crash and restore at any moment changes no row.
 */
import { describe, expect, test } from 'vitest';
import { type Fact, FactKind } from '../../core/facts.ts';
import { JOURNAL_SCHEMA, JournalWriter } from '../../core/journal/journal.ts';
import { type ContractRules, contractKinds, HOUR_US, lossRules } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { auditInput } from '../support/audit.ts';
import { contractRules } from '../support/contracts.ts';
import { generator, ListDemand, type Rows, SECOND, type SimOver, simulation } from '../support/market.ts';
import { runs } from '../support/runs.ts';
import { wires } from '../support/wires.ts';
import { type Workload, workload } from '../support/workload.ts';

const JOBS = 80;
const HORIZON = 60 * HOUR_US;
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

interface World {
  rules: ContractRules;
  w: Workload;
  acts: { at: number; facts: Fact[] }[];
}

function world(seed: number): World {
  const r = generator(seed * 31 + 7);
  const rules = randomRules(r);
  const deposit = String(Math.floor(r() * 60) * 1_000_000);
  const users = [
    { id: 'alice', currency: 0, deposit, postpaid: false },
    { id: 'bob', currency: 0, deposit: '0', postpaid: true },
    { id: 'carol', currency: 1, deposit: '900000000', postpaid: false },
  ];
  const w = workload(seed, JOBS, { contract: rules, users });
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

function start({ w }: World, seed: number, over: SimOver = {}) {
  return simulation(w.config, w.arrivals, {
    lives: w.lives,
    seed,
    horizonUs: HORIZON,
    processes: { startUs: SECOND, killUs: SECOND },
    ...over,
  });
}

/** What each attempt's user paid on balance is its charge, but for what the adjustments list. */
function billed(rows: Rows): void {
  const due = new Map<string, bigint>();
  const paid = new Map<string, bigint>();
  const add = (m: Map<string, bigint>, key: string, amount: bigint) => m.set(key, (m.get(key) ?? 0n) + amount);
  for (const p of rows.of('placements')) add(due, `${p.job_id}#${p.attempt}`, p.charge_micro);
  for (const a of rows.of('adjustments')) {
    const sign = { unpaid: -1n, 'debt-paid': 1n, 'refund-short': 1n, credit: -1n, 'credit-short': 0n }[a.kind];
    expect(sign, a.kind).toBeDefined();
    add(due, `${a.job_id}#${a.attempt}`, sign! * a.amount_micro);
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

describe('random contracts', () => {
  test('on one host: every law at every step, and the auditor agrees', () => {
    const seen = new Map<string, number>();
    const differences: string[] = [];
    for (let seed = 1; seed <= runs(60); seed++) {
      const wd = world(seed);
      const bytes: Uint8Array[] = [];
      const header = { schema: JOURNAL_SCHEMA, engine: 'test', host: 0, config: wd.w.config, solvers: {} } as const;
      const { sim, rows } = start(wd, seed, {
        checkEveryEvent: true,
        journals: [new JournalWriter(header, (b) => bytes.push(b.slice()))],
      });
      for (const a of wd.acts) sim.inject(a.at, a.facts);
      sim.finish();
      billed(rows);
      const report = auditIndependently(auditInput(rows, Buffer.concat(bytes)));
      if (report.difference !== null)
        differences.push(`seed ${seed}, ${JSON.stringify(wd.rules)}: ${report.difference}`);
      const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
      for (const a of rows.of('adjustments')) note(a.kind);
      for (const t of rows.of('transfers')) note(t.reason);
      for (const p of rows.of('placements')) note(p.outcome);
    }
    expect(differences).toEqual([]);
    for (const what of [
      'unpaid',
      'debt-paid',
      'refund-short',
      'credit',
      'credit-short',
      'release',
      'note',
      'invoice',
      'refund',
      'top-up',
      'seized-refund',
      'node-failure',
      'cancelled',
    ])
      expect(seen.get(what) ?? 0, what).toBeGreaterThan(0);
  });

  test('one unit more anywhere is noticed by the auditor', () => {
    let planted = 0;
    for (const seed of [2, 7, 8, 27]) {
      const wd = world(seed);
      const bytes: Uint8Array[] = [];
      const header = { schema: JOURNAL_SCHEMA, engine: 'test', host: 0, config: wd.w.config, solvers: {} } as const;
      const { sim, rows } = start(wd, seed, { journals: [new JournalWriter(header, (b) => bytes.push(b.slice()))] });
      for (const a of wd.acts) sim.inject(a.at, a.facts);
      sim.finish();
      const audit = () => auditIndependently(auditInput(rows, Buffer.concat(bytes))).difference;
      expect(audit()).toBeNull();
      const plant = (list: object[], column: string) => {
        // The first, the last and one in between of each kind of row.
        const groups = new Map<string, Record<string, bigint | string>[]>();
        for (const r of list as Record<string, bigint | string>[]) {
          const kind = `${r['reason']}/${r['kind']}`;
          groups.set(kind, [...(groups.get(kind) ?? []), r]);
        }
        for (const g of groups.values())
          for (const row of new Set([g[0]!, g[g.length >> 1]!, g.at(-1)!])) {
            const before = row[column] as bigint;
            row[column] = before + 1n;
            expect(audit(), JSON.stringify(row, big)).not.toBeNull();
            row[column] = before;
            planted++;
          }
      };
      plant(rows.of('transfers'), 'amount_micro');
      plant(rows.of('adjustments'), 'amount_micro');
      plant(rows.of('meters'), 'due_micro');
      plant(rows.of('quotes'), 'most_micro');
      plant(rows.of('quotes'), 'reserved_micro');
      plant(rows.of('placements'), 'charge_micro');
      plant(rows.of('accounts'), 'credits_posted_micro');
    }
    expect(planted).toBeGreaterThan(150);
  });

  test('over wires that lose, double and delay: what was paid is what was charged, and every law holds', () => {
    for (let seed = 1; seed <= runs(6); seed++) {
      const wd = world(seed);
      const network = wires(wd.w.config, seed, { loss: 0.1, duplicate: 0.1, meanUs: SECOND });
      const { sim, rows } = start(wd, seed, { checkEveryEvent: seed <= 2, network });
      for (const a of wd.acts) sim.inject(a.at, a.facts);
      sim.finish();
      billed(rows);
    }
  });

  test('a snapshot and restore at any moment changes no row', () => {
    for (let seed = 1; seed <= runs(6); seed++) {
      const wd = world(seed);
      const straight = start(wd, seed);
      for (const a of wd.acts) straight.sim.inject(a.at, a.facts);
      straight.sim.finish();
      const r = generator(seed);
      const first = start(wd, seed);
      let sim = first.sim;
      for (const a of wd.acts) {
        sim.inject(a.at, a.facts);
        if (r() < 0.3) {
          const state = JSON.parse(JSON.stringify(sim.snapshot(), big), small) as SimulationState;
          const streams = new Streams(seed);
          streams.restore(state.streams);
          const fresh = new Simulation({
            ...sim.options,
            streams,
            demand: new ListDemand(wd.w.arrivals),
            rows: first.rows,
          });
          fresh.restore(state);
          sim = fresh;
        }
      }
      sim.finish();
      expect(first.rows.recorder.fingerprint).toBe(straight.rows.recorder.fingerprint);
      expect(first.rows.of('transfers')).toEqual(straight.rows.of('transfers'));
    }
  });
});

const big = (_: string, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v);
const small = (_: string, v: unknown) => (typeof v === 'string' && /^-?\d+n$/.test(v) ? BigInt(v.slice(0, -1)) : v);
