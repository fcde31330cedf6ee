/** Shapes of what commands print with `--json`. Keys are stable; more may be added. */
import { z } from 'zod';

const count = z.int().min(0);
const money = z
  .string()
  .regex(/^-?\d+$/)
  .describe('Integer micro-units.');
const share = z.number();
const quantiles = z.object({ mean: z.number(), p50: z.number(), p95: z.number(), p99: z.number() });
const parties = z.object({
  unit: z.string(),
  charged: money,
  providers: money,
  stakers: money,
  aggregators: money,
  verifiers: money,
  treasury: money,
  dust: money,
  memo: z.object({ subsidy: money, refunded: money, credits: money, held: money, slashed: money }),
});

const run = z.object({
  schema: z.literal('janction.run/1'),
  scenario: z.string(),
  seed: count,
  fingerprint: z.string(),
  simulatedSeconds: z.number(),
  jobs: z.object({
    submitted: count,
    completed: count,
    failed: count,
    rejected: count,
    cancelled: count,
    running: count,
    pending: count,
  }),
  rejectedBecause: z.record(z.string(), count),
  gpu: z.object({
    count,
    capacityGpuHours: z.number(),
    usedGpuHours: z.number(),
    usefulGpuHours: z.number(),
    utilisation: share,
  }),
  waitSeconds: quantiles,
  jctSeconds: quantiles,
  makespanSeconds: z.number(),
  failures: z.object({
    node: count,
    gpu: count,
    gpuErrors: count,
    aggregator: count,
    ownerReturns: count,
    restarts: count,
    cutShortGpuHours: z.number(),
    lostGpuHours: z.number(),
    byCause: z.record(z.string(), count),
  }),
  money: parties,
  moneyJct: parties,
  economics: z.object({
    welfare: z.number().nullable(),
    userSurplus: z.number().nullable(),
    providerProfit: z.number(),
    firstBestWelfare: z.number().nullable(),
    clearingPrice: z.object({ mean: z.number(), p50: z.number(), p95: z.number() }),
    priceByClass: z.record(z.string(), z.number()),
    costPerUsefulGpuHour: z.number().nullable(),
    stakerYield: z.number().nullable(),
    gini: z.number(),
    hhi: z.number(),
    imputed: z.array(z.string()),
  }),
  adversaries: z
    .record(
      z.string(),
      z.object({
        agents: count,
        honest: z.boolean(),
        acts: count,
        marketUsd: z.number(),
        outsideUsd: z.number(),
        worthUsd: z.number(),
        costUsd: z.number(),
        payoffUsd: z.number(),
        payoffPerAgentUsd: z.number(),
        unpaidUsd: z.number(),
        idleGpuHours: z.number(),
        others: z.object({ agents: count, payoffPerAgentUsd: z.number() }),
        overOthersUsd: z.number(),
        each: z.array(z.object({ agent: z.string(), acts: count, payoffUsd: z.number() })),
      }),
    )
    .optional(),
  invariants: z.object({ registered: count, checks: count, violations: count }),
});

const scalar = z.union([z.number(), z.string(), z.boolean()]);
const parameters = z.record(z.string(), scalar);
const plusMinus = z.object({ mean: z.number(), half: z.number().nullable() });
const side = z.object({ scenario: z.string(), set: z.array(z.string()) });

const compare = z.object({
  schema: z.literal('janction.compare/1'),
  a: side,
  b: side,
  seed: count,
  replications: count,
  level: share,
  commonRandomNumbers: z.boolean(),
  metrics: z.record(
    z.string(),
    z.object({
      a: plusMinus,
      b: plusMinus,
      difference: plusMinus.describe('b - a'),
      p: z.number().describe('After Holm’s correction over all metrics shown.'),
      verdict: z.enum(['higher', 'lower', 'no difference found']),
      varianceReduction: z.number().nullable(),
    }),
  ),
});

const payoffs = z.object({
  schema: z.literal('janction.payoffs/1'),
  scenario: z.string(),
  set: z.array(z.string()),
  seed: count,
  replications: count,
  level: share,
  kinds: z.record(
    z.string(),
    z.object({
      agents: count,
      others: count,
      arms: z.array(
        z.object({
          variant: z.string().describe('Empty: as the scenario stands.'),
          set: z.array(z.string()),
          agents: count.describe('Who cheat in this arm.'),
          othersCount: count.describe('Of the same group or persona who do not.'),
          cheating: plusMinus.describe('Payoff per agent, USD.'),
          honest: plusMinus,
          gain: plusMinus.describe('Cheating less honest, pair by pair.'),
          p: z.number().describe('After Holm’s correction over all arms shown.'),
          verdict: z.enum(['gains', 'loses', 'no difference found']),
          others: plusMinus.describe('What it does to each of the others.'),
          each: z.array(z.object({ agent: z.string(), gain: plusMinus })).describe('Most gain first.'),
        }),
      ),
    }),
  ),
});

const tune = z.object({
  schema: z.literal('janction.tune/1'),
  study: z.string(),
  method: z.string(),
  seed: count,
  evaluations: count,
  runs: count,
  best: z.array(
    z.object({
      parameters,
      objectives: z.record(z.string(), plusMinus.extend({ searched: z.number() })),
      constraints: z.record(z.string(), plusMinus),
      feasible: z.boolean(),
      front: z.boolean().optional(),
    }),
  ),
  hypervolume: z.number().nullable(),
});

const index = z.object({ value: z.number(), low: z.number(), high: z.number() });
const sensitivity = z.object({
  schema: z.literal('janction.sensitivity/1'),
  study: z.string(),
  method: z.enum(['sobol', 'morris']),
  seed: count,
  runs: count,
  metrics: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        first: index.optional(),
        total: index.optional(),
        muStar: index.optional(),
        mu: z.number().optional(),
        sigma: z.number().optional(),
      }),
    ),
  ),
});

const sweepStatus = z.object({
  study: z.string(),
  engine: z.string(),
  points: count,
  runsNeeded: count,
  done: count,
  failed: z.array(z.object({ id: z.string(), point: count, replication: count, error: z.string() })),
  staleResults: count,
  staleBecause: z.array(z.string()),
  complete: z.boolean(),
});

const sweepSummary = z.object({
  study: z.string(),
  question: z.string(),
  complete: z.boolean(),
  runs: count,
  failed: count,
  table: z.string(),
  points: z.array(
    z.object({
      point: count,
      parameters,
      runs: count,
      failed: count,
      load: z.enum(['stable', 'backlogged', 'growing', 'overloaded', 'unknown']),
      littleRatio: z.number().nullable(),
      warmupShort: share.nullable(),
      metrics: z.record(
        z.string(),
        z.object({
          mean: z.number().nullable(),
          half: z.number().nullable(),
          quantiles: z
            .array(z.object({ p: share, value: z.number(), low: z.number().nullable(), high: z.number().nullable() }))
            .optional(),
          difference: z.object({ mean: z.number(), half: z.number(), p: z.number() }).optional(),
        }),
      ),
    }),
  ),
  selection: z
    .object({
      best: count,
      probability: share,
      means: z.array(z.number()),
      sds: z.array(z.number()),
      counts: z.array(count),
      met: z.boolean(),
    })
    .optional(),
});

/** By the name that `janction schema` knows. */
export const resultSchemas = {
  'run-result': run,
  'compare-result': compare,
  'payoffs-result': payoffs,
  'tune-result': tune,
  'sensitivity-result': sensitivity,
  'sweep-status': sweepStatus,
  'sweep-summary': sweepSummary,
} as const;
