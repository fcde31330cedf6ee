/**
 * Faults planted in the source of disputes: the auditor notices acts that are turned away without a reason, and the law `disputes-are-covered`
 * notices money that is not where it is said to be.
 */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../core/facts.ts';
import type { Invariant } from '../../core/market/invariants.ts';
import { HOUR_US, type MarketConfig } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Simulation } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { auditInput } from '../support/audit.ts';
import { contractRules } from '../support/contracts.ts';
import { disputeActs } from '../support/disputes.ts';
import { ListDemand, Rows } from '../support/market.ts';
import { recorded } from '../support/recorded.ts';
import { loadMutant, type Mutation } from '../support/source-mutants.ts';
import { workload } from '../support/workload.ts';

const FILES = [
  'core/settlement/disputes.ts',
  'core/settlement/settlement.ts',
  'core/market/invariants.ts',
  'core/market/market.ts',
  'sim/driver.ts',
];
const file = FILES[0]!;
const HORIZON = 80 * HOUR_US;

/** A market of sixty jobs whose charges are disputed, in which providers have a deposit and users may owe. */
function market(seed: number, deposit: string) {
  const w = workload(seed, 60);
  const disputes = { rule: 'metered', windowUs: 12 * HOUR_US, answerUs: 8 * HOUR_US, decideUs: HOUR_US } as const;
  const contract = deposit === '' ? {} : { contract: contractRules({ providerDeposit: deposit }) };
  const config: MarketConfig = {
    ...w.config,
    ...contract,
    disputes: { ...disputes, bondBps: 2000, arbiters: ['judge'] },
  };
  const run = (Kind: typeof Simulation, acts: [number, Fact[]][], over = {}) => {
    const { journals, bytes } = recorded(config);
    const rows = new Rows();
    const sim = new Kind({
      ...{ config, registry: shipped, demand: new ListDemand(w.arrivals), streams: new Streams(seed), lives: w.lives },
      ...{
        speedMilli: config.nodes.map(() => 1000),
        processes: { startUs: 1, killUs: 1 },
        horizonUs: HORIZON,
        rows,
        journals,
      },
      ...over,
    });
    for (const [at, facts] of acts) sim.inject(at, facts);
    sim.finish();
    return { rows, difference: () => auditIndependently(auditInput(rows, bytes())).difference };
  };
  const acts = disputeActs(HORIZON, run(Simulation, []).rows, seed);
  return (Kind: typeof Simulation, over = {}) => run(Kind, acts, over);
}

const count = (rows: Rows, event: string) => rows.of('disputes').filter((d) => d.event === event).length;

const owing: Mutation = {
  file,
  from: 'if (this.#owes(line.user, line.currency))',
  to: 'if (line.amount > 0n)',
};
const lateFiles: Mutation = { file, from: 'now >= line.untilUs ||', to: 'now >= 0 ||' };
const bondless: Mutation = {
  file,
  from: 'if (from === undefined) continue;',
  to: 'if (open.bond > 0n) continue;',
};
const notYours: Mutation = {
  file,
  from: 'if (line.case === null || act.by !== line.provider) return',
  to: "if (act.do === 'contest' || line.case === null || act.by !== line.provider) return",
};

describe('the auditor notices', () => {
  test.each([
    ['every filing is refused as owing where nobody can owe', owing, '', 'file-refused', 'holds nothing (owing)'],
    ['and where nobody does', owing, '1000000', 'file-refused', 'holds nothing (owing)'],
    ['every filing comes too late', lateFiles, '', 'file-refused', 'holds nothing (window-over)'],
    ['nobody has a bond to contest with', bondless, '900000000', 'answer-refused', 'is refused (insufficient-funds)'],
    ['nobody has a bond though there is income', bondless, '', 'answer-refused', 'is refused (insufficient-funds)'],
    ['no provider may answer', notYours, '', 'answer-refused', 'is refused (not-yours)'],
  ])('when %s', async (_, mutation, deposit, event, difference) => {
    const { Simulation: Mutant } = await loadMutant<{ Simulation: typeof Simulation }>(FILES, mutation);
    const run = market(2, deposit);
    const { rows, difference: found } = run(Mutant);
    expect(count(rows, event)).toBeGreaterThan(3);
    expect(found()).toContain(difference);
    expect(run(Simulation).difference()).toBeNull();
  });
});

describe('disputes-are-covered notices', () => {
  test.each([
    [
      'a line that is divided and stays',
      {
        file,
        from: 'this.#accrue(line);\n      this.#lines.delete(line.lease);\n    }\n    this.#closed',
        to: 'this.#accrue(line);\n    }\n    this.#closed',
      },
      'that may be disputed',
    ],
    [
      'a unit that is not held',
      { file, from: 'user, line.amount, line.hold,', to: 'user, line.amount - 1n, line.hold,' },
      'held',
    ],
    [
      'a case that is forgotten',
      { file, from: "this.#row(now, line, 'contested', 'ok');", to: 'line.case = null;' },
      'held for disputes about',
    ],
  ])('%s', async (_, mutation, words) => {
    const loaded = await loadMutant<{ Simulation: typeof Simulation; invariants: Invariant[] }>(FILES, mutation);
    for (const other of loaded.invariants) if (other.name !== 'disputes-are-covered') other.check = () => null;
    const run = market(2, '900000000');
    const broken = () => run(loaded.Simulation, { checkEveryEvent: true });
    expect(broken).toThrow(/invariant disputes-are-covered is broken/);
    expect(broken).toThrow(words);
  });

  test('nothing in the market as it is', () => {
    const { rows } = market(2, '900000000')(Simulation, { checkEveryEvent: true });
    expect(count(rows, 'contested')).toBeGreaterThan(3);
  });
});
