/**
 * Several aggregators on bad wires: loss, duplicates, reordering, partitions of both ways and of one, crashes, takeovers, stealing, failures of machines and GPUs. In every run every law
 * holds after every step, every job ends once, no GPU is sold twice, and every bill adds up (`npm run soak -- partitions --runs 5000`).
 */
import { describe, expect, test } from 'vitest';
import type { Invariant } from '../../core/market/invariants.ts';
import { NEVER } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Simulation, type SimulationOptions } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { arrival, config, ListDemand, node, pool, Rows, SECOND, spec } from '../support/market.ts';
import { judge, meshRun } from '../support/partitions.ts';
import { afterTests, seeds } from '../support/runs.ts';
import { loadMutant, type Mutation } from '../support/source-mutants.ts';
import { nodeHost, poolHost, settlementHost, wires } from '../support/wires.ts';

const JOBS = 40;
const BLOCK = 25;

describe('partitions, crashes and takeovers', () => {
  const played = seeds(25);
  const total = played.length;
  const seen = { takeovers: 0, crashes: 0, partitions: 0, stolen: 0, completed: 0, cards: 0, oneWay: 0 };
  for (let from = 0; from < total; from += BLOCK) {
    const block = played.slice(from, from + BLOCK);
    test(`runs ${block[0]} to ${block.at(-1)}`, () => {
      for (const seed of block) {
        let what = `run ${seed}`;
        try {
          const { sim, rows, world } = meshRun(seed, JOBS);
          what = `run ${seed} (${world.faults})`;
          judge(rows, JOBS, what);
          const wires = sim.wires!;
          seen.takeovers += wires.takeovers;
          seen.crashes += wires.crashes;
          seen.partitions += wires.partitions;
          for (const m of sim.markets) for (const p of m.pools) seen.stolen += p?.counts.stolen ?? 0;
          seen.oneWay += sim.options.network!.partitions.filter((p) => p.way !== undefined).length;
          seen.cards += rows.of('failures').filter((f) => f.gpu >= 0).length;
          seen.completed += rows.of('jobs').filter((j) => j.final_state === 'completed').length;
        } catch (e) {
          throw new Error(`${what}: ${(e as Error).message}`, { cause: e });
        }
      }
    });
  }

  test('an attempt that ran unheard is dead before the next one starts (run 860)', () => {
    judge(meshRun(860, JOBS, undefined, true).rows, JOBS, 'run 860');
  });

  test('the runs have been through it', () => {
    expect(seen.partitions).toBeGreaterThan(total / 2);
    expect(seen.crashes).toBeGreaterThan(total / 4);
    expect(seen.takeovers).toBeGreaterThan(total / 4);
    expect(seen.stolen).toBeGreaterThan(total / 4);
    expect(seen.cards).toBeGreaterThan(total);
    expect(seen.oneWay).toBeGreaterThan(total / 3);
    expect(seen.completed).toBeGreaterThan((total * JOBS) / 3);
  });
});

/** Rules of the protocol, each taken out, and the law that must notice. */
const canaries: { law: string; rule: string; mutation: Mutation }[] = [
  {
    law: 'no-lost-job',
    rule: 'a takeover hands on the jobs that wait, too',
    mutation: {
      file: 'core/settlement/settlement.ts',
      from: '.filter((c) => c.pool === from);',
      to: '.filter((c) => c.pool === from && c.state === ContractState.claimed);',
    },
  },
  {
    law: 'no-ghost-capacity',
    rule: 'a machine tells its new pool what stands on it',
    mutation: {
      file: 'core/node/node-agent.ts',
      from: 'if (l.state === LeaseState.lapsed) continue;\n      leases.push',
      to: 'if (l.state !== LeaseState.claiming) continue;\n      leases.push',
    },
  },
  {
    law: 'every-lease-ends',
    rule: 'a machine ends a lease at its limit, whoever it can reach',
    mutation: {
      file: 'core/node/node-agent.ts',
      from: 'l.deadlineUs = now + l.limitUs;',
      to: 'l.deadlineUs = NEVER;',
    },
  },
  {
    law: 'bills-agree',
    rule: 'the chain reads what was metered, whatever ended the lease',
    mutation: {
      file: 'core/node/node-agent.ts',
      from: 'this.#sendReading(l, l.startedUs, endUs, outcome);',
      to: 'if (outcome !== Outcome.nodeFailure && outcome !== Outcome.aborted) this.#sendReading(l, l.startedUs, endUs, outcome);',
    },
  },
];

canaries.push(
  {
    law: 'no-work-on-failed-gpus',
    rule: 'a machine takes no lease on a GPU that is out of service',
    mutation: {
      file: 'core/node/node-agent.ts',
      from: 'if (m.gpus.some((g) => this.#cards.stateOf(g) !== CardState.fine))',
      to: 'if (m.gpus.length < 0)',
    },
  },
  {
    law: 'no-work-on-failed-gpus',
    rule: 'what stands on a GPU that is lost is told to end',
    mutation: {
      file: 'core/node/node-agent.ts',
      from: 'else if (state === CardState.dead && (l.state',
      to: 'else if (l.parts < 0 && (l.state',
    },
  },
  {
    law: 'pool-sees-its-nodes',
    rule: 'a machine tells its new pool which GPUs are out of service',
    mutation: { file: 'core/node/node-agent.ts', from: '...(out.length > 0 ? { out } : {}),', to: '' },
  },
);

const FILES = [
  'core/node/node-agent.ts',
  'core/settlement/settlement.ts',
  'core/market/mesh-laws.ts',
  'core/market/invariants.ts',
  'core/market/market.ts',
  'sim/driver.ts',
];

interface Loaded {
  Simulation: typeof Simulation;
  invariants: Invariant[];
}

/** Only the law in question is asked. */
function ask(invariants: Invariant[], law: string): void {
  for (const other of invariants) if (other.name !== law) other.check = () => null;
}

/**
 * A pool that is cut off from the chain, and taken over, hears a machine again that it had lost sight of, while a job waits with it: it
 * leases the machine, which obeys another by then.
 */
function staleLease(make: (options: SimulationOptions) => Simulation): Rows {
  const c = config({
    pools: [pool('east'), pool('west')],
    nodes: [node('n0', { gpus: 1 }), node('n1', { pool: 1, gpus: 1 })],
  });
  const minutes = (n: number): number => n * 60 * SECOND;
  const rows = new Rows();
  const sim = make({
    config: c,
    registry: shipped,
    demand: new ListDemand([arrival(minutes(8), minutes(5), spec(1, { user: 'bob' }))]),
    streams: new Streams(1),
    lives: c.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    speedMilli: [1000, 1000],
    processes: { startUs: 1, killUs: 1 },
    horizonUs: NEVER,
    rows,
    checkEveryEvent: true,
    network: wires(c, 1, {
      partitions: [
        { fromUs: minutes(5), toUs: minutes(12), side: [nodeHost(c, 0)] },
        { fromUs: minutes(10), toUs: minutes(20), side: [poolHost(0)] },
        { fromUs: minutes(19), toUs: minutes(60), side: [settlementHost] },
      ],
    }),
    mesh: { heartbeat: { everyUs: 5 * SECOND, ttlUs: 15 * SECOND }, takeover: { afterUs: minutes(3), by: [1] } },
  });
  sim.finish();
  return rows;
}

describe.skipIf(afterTests)('canaries', () => {
  test('no-double-sale notices when this does not hold: a machine obeys the pool of its term only', async () => {
    const mutation = {
      file: 'core/node/node-agent.ts',
      from: 'if (from !== this.#pool || m.term !== this.#term || m.seq <= this.#seq)',
      to: 'if (m.seq < 0)',
    };
    const { Simulation: Mutant, invariants } = await loadMutant<Loaded>(FILES, mutation);
    ask(invariants, 'no-double-sale');
    expect(() => staleLease((options) => new Mutant(options))).toThrow(/invariant no-double-sale is broken/);
    // As it is, the machine declines, and the job has run elsewhere once.
    const rows = staleLease((options) => new Simulation(options));
    judge(rows, 1, 'stale lease');
    expect(rows.of('jobs').map((j) => `${j.final_state} in ${j.pool}`)).toEqual(['completed in west']);
  });

  for (const { law, rule, mutation } of canaries)
    test(`${law} notices when this does not hold: ${rule}`, async () => {
      const { Simulation: Mutant, invariants } = await loadMutant<Loaded>(FILES, mutation);
      ask(invariants, law);
      let noticed = '';
      for (let seed = 1; seed <= 60 && noticed === ''; seed++) {
        try {
          meshRun(seed, JOBS, (options) => new Mutant(options));
        } catch (e) {
          noticed = (e as Error).message;
        }
      }
      expect(noticed).toContain(`invariant ${law} is broken`);
    });

  test('and none of them speaks up in the market as it is', async () => {
    const { Simulation: Same } = await loadMutant<Loaded>(FILES, null);
    for (let seed = 1; seed <= 5; seed++)
      judge(meshRun(seed, JOBS, (options) => new Same(options)).rows, JOBS, `${seed}`);
  });
});
