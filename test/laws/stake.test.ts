/**
 * Stake in the market under random acts: every law after every step, books that a slow model keeps too, the same run after restores and
 * by replay of the journal, and no difference whatever order the stakers are listed in.
 */
import { describe, expect, test } from 'vitest';
import { FactKind } from '../../core/facts.ts';
import { JOURNAL_SCHEMA, JournalWriter, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US } from '../../core/types.ts';
import { ENGINE } from '../../core/version.ts';
import { type AuditInput, auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { auditInput } from '../support/audit.ts';
import { ListDemand, Rows, SECOND, type SimOver, simulation } from '../support/market.ts';
import { seeds } from '../support/runs.ts';
import { DAY_US, type StakeWorkload, stakeWorkload } from '../support/stakes.ts';
import { poolHost, repeatedly, settlementHost, wires } from '../support/wires.ts';

function run(w: StakeWorkload, seed: number, over: SimOver = {}, restoreEvery = 0): { sim: Simulation; rows: Rows } {
  let { sim, rows } = simulation(w.config, w.arrivals, { seed, lives: w.lives, horizonUs: 4 * DAY_US, ...over });
  w.acts.forEach(({ at, facts }, n) => {
    sim.inject(at, facts);
    if (restoreEvery === 0 || n % restoreEvery !== 0) return;
    const state = clonePlain(sim.snapshot()) as SimulationState;
    const streams = new Streams(seed);
    streams.restore(state.streams);
    const next = new Simulation({ ...sim.options, streams, demand: new ListDemand(w.arrivals) });
    next.restore(state);
    sim = next;
  });
  sim.finish();
  return { sim, rows };
}

/** A workload in which every kind of token movement happens. */
const AUDITED = 2;

const balances = (rows: Rows): [string, bigint][] =>
  rows
    .of('accounts')
    .map((a): [string, bigint] => [`${a.account} ${a.currency}`, a.credits_posted_micro - a.debits_posted_micro])
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));

describe('stake in the market', () => {
  for (const seed of seeds(8)) {
    test(`random acts break no law, whoever restores or replays (workload ${seed})`, () => {
      const w = stakeWorkload(seed, 60);
      const bytes: Uint8Array[] = [];
      const header = { schema: JOURNAL_SCHEMA, engine: ENGINE, host: 0, config: w.config, solvers: {} } as const;
      const journal = new JournalWriter(header, (b) => bytes.push(b.slice()));
      const first = run(w, seed, { checkEveryEvent: true, journals: [journal] });
      expect(first.rows.of('elections').length).toBeGreaterThan(0);
      expect(first.rows.of('jobs').filter((j) => j.final_state === 'completed').length).toBeGreaterThan(10);

      const again = run(w, seed, {}, 7);
      expect(again.rows.recorder.fingerprint).toBe(first.rows.recorder.fingerprint);
      expect(again.sim.markets[0]!.digest).toBe(first.sim.markets[0]!.digest);

      const rows = new Rows();
      const replayed = replay(readJournal(Buffer.concat(bytes)), shipped, rows);
      expect(replayed.difference).toBeNull();
      replayed.market.report();
      expect(rows.recorder.fingerprint).toBe(first.rows.recorder.fingerprint);
      expect(auditIndependently(auditInput(first.rows, Buffer.concat(bytes))).difference).toBeNull();
    });

    test(`the order in which stakers and stakes are listed changes no balance (workload ${seed})`, () => {
      const w = stakeWorkload(seed, 60);
      const staking = { ...w.config.staking!, stakers: [...w.config.staking!.stakers].reverse() };
      const turned = { ...w, config: { ...w.config, stakes: [...w.config.stakes].reverse(), staking } };
      expect(balances(run(turned, seed).rows)).toEqual(balances(run(w, seed).rows));
    });
  }

  for (const seed of seeds(8).slice(0, Math.ceil(seeds(8).length / 2))) {
    test(`random acts break no law while wires lose, double and are cut (workload ${seed})`, () => {
      const w = stakeWorkload(seed, 60);
      const network = wires(w.config, seed, {
        loss: 0.1,
        duplicate: 0.1,
        partitions: [
          ...repeatedly([poolHost(0)], 5 * HOUR_US, 40 * 60 * SECOND, 4 * DAY_US),
          ...repeatedly([settlementHost], 11 * HOUR_US, 10 * 60 * SECOND, 4 * DAY_US),
        ],
      });
      const { rows } = run(w, seed, { checkEveryEvent: true, network });
      const seats = new Set(rows.of('elections').map((e) => `${e.pool}@${e.seat}`));
      expect(seats.size).toBeGreaterThan(2);
      // Elections hand jobs on over bad wires, and still each ends at most once.
      const ended = rows.of('jobs').map((j) => j.job_id);
      expect(new Set(ended).size).toBe(ended.length);
      expect(ended.length).toBeGreaterThan(40);
    });
  }

  test('slashes reach stake on its way out, and takeovers by election and by failure happen', () => {
    const acts = new Map<string, number>();
    const seats = { epoch: new Set<string>(), failure: new Set<string>() };
    for (let seed = 1; seed <= 8; seed++) {
      const { rows } = run(stakeWorkload(seed, 5), seed);
      for (const s of rows.of('stakes')) if (s.code === 'ok') acts.set(s.act, (acts.get(s.act) ?? 0) + 1);
      for (const e of rows.of('elections'))
        if (e.voter === '' && e.seat >= 0) seats[e.occasion as 'epoch' | 'failure'].add(`${seed} ${e.pool}@${e.seat}`);
    }
    const all = ['bond', 'unbond', 'withdraw', 'slash-bonded', 'slash-unbonding', 'slash-returned', 'slash-final'];
    for (const act of [...all, 'nominate', 'tombstone']) expect(acts.get(act) ?? 0, act).toBeGreaterThan(3);
    expect(seats.epoch.size).toBeGreaterThan(16);
    expect(seats.failure.size).toBeGreaterThan(4);
  });

  test('the auditor finds a changed token, election or share of a pot', () => {
    const w = stakeWorkload(AUDITED, 60);
    const bytes: Uint8Array[] = [];
    const header = { schema: JOURNAL_SCHEMA, engine: ENGINE, host: 0, config: w.config, solvers: {} } as const;
    const { rows } = run(w, AUDITED, { journals: [new JournalWriter(header, (b) => bytes.push(b.slice()))] });
    const journal = Buffer.concat(bytes);
    const find = (i: AuditInput, reason: string, credit: string) =>
      i.transfers.columns['reason']!.findIndex(
        (r, k) => r === reason && String(i.transfers.columns['credit']![k]).startsWith(credit),
      );
    const bend = (i: AuditInput, reason: string, credit = '') => {
      const at = find(i, reason, credit);
      expect(at, reason).toBeGreaterThanOrEqual(0);
      (i.transfers.columns['amount_micro'] as bigint[])[at]! += 1n;
    };
    const changes: Record<string, (i: AuditInput) => void> = {
      bond: (i) => bend(i, 'bond'),
      unbond: (i) => bend(i, 'unbond'),
      withdraw: (i) => bend(i, 'withdraw'),
      slash: (i) => bend(i, 'slash'),
      returned: (i) => bend(i, 'slash-returned'),
      final: (i) => bend(i, 'slash-final'),
      bounty: (i) => bend(i, 'bounty'),
      'staker share': (i) => bend(i, 'staker-share', 'staker:'),
      'pot share': (i) => bend(i, 'staker-share', 'staker-pot'),
      'backer share': (i) => bend(i, 'backer-share', 'staker:'),
      compound: (i) => bend(i, 'compound'),
      emission: (i) => bend(i, 'emission', 'provider:'),
      vest: (i) => bend(i, 'vest'),
      'verifier’s work': (i) => bend(i, 'verifier-work'),
      jackpot: (i) => bend(i, 'verifier-jackpot'),
      'wrong results': (i) => {
        (i.contributions.columns['wrong'] as bigint[])[0]! += 1n;
      },
      contribution: (i) => {
        i.contributions.columns['contribution_milli_us']![1] = 5n;
      },
      'used time': (i) => {
        const at = i.contributions.columns['used_milli_us']!.findIndex((v) => v !== 0n);
        (i.contributions.columns['used_milli_us'] as bigint[])[at]! += 1n;
      },
      approval: (i) => {
        (i.elections.columns['approval_micro'] as bigint[])[0]! += 1n;
      },
      seat: (i) => {
        const own = i.elections.columns['voter']!;
        const at = i.elections.columns['seat']!.findIndex((v, k) => v === 1n && own[k] === '');
        i.elections.columns['seat']![at] = -1n;
      },
      support: (i) => {
        const occasion = i.elections.columns['occasion']!;
        const at = i.elections.columns['voter']!.findIndex((v, k) => v !== '' && occasion[k] === 'epoch');
        (i.elections.columns['amount_micro'] as bigint[])[at]! += 1_000_000_000_000n;
      },
    };
    expect(auditIndependently(auditInput(rows, journal)).difference).toBeNull();
    for (const [name, change] of Object.entries(changes)) {
      const input = auditInput(rows, journal);
      change(input);
      expect(`${name}: ${auditIndependently(input).difference}`).toMatch(/parquet/);
    }
  });

  test('a market whose stakes stand still takes no stake acts', () => {
    const w = stakeWorkload(1, 5);
    const { staking: _, ...rest } = w.config;
    const { sim } = simulation({ ...rest, stakes: [] }, w.arrivals, { lives: w.lives, horizonUs: DAY_US });
    const act = { do: 'bond', staker: 'a', provider: '', amount: '1', lockUs: 0 } as const;
    expect(() => sim.inject(10, [{ kind: FactKind.stake, seq: 1, act }])).toThrow(/stand still/);
  });
});
