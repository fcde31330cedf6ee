/**
 * The figures of a run, gathered while rows pass: what `run --json` prints. Sums are exact integers; the divisions at the end
 * are the only floating-point steps, so the same rows give the same bytes everywhere.
 */

import type { RowSink } from '../core/market/market.ts';
import { ExactSum } from '../core/num/index.ts';
import type { Row, TableName } from '../core/record/schema.ts';
import { HOUR_US, type TimeUs } from '../core/types.ts';
import type { ResolvedScenario } from '../scenarios/resolved.ts';
import { DisputeSummary, type DisputesJson } from './dispute-summary.ts';
import { type NetworkFacts, type NetworkJson, NetworkSummary } from './network-summary.ts';
import { type StakeJson, StakeSummary } from './stake-summary.ts';
import type { Acts } from './world/adversaries.ts';
import { type AdversaryPayoff, AdversaryPayoffs } from './world/adversary-payoffs.ts';
import { gpusOf } from './world/aggregator-books.ts';
import type { DisputeErrors } from './world/disputers.ts';
import type { SupplyFigures } from './world/entry.ts';
import { type GroupPayoff, Payoffs } from './world/payoffs.ts';
import type { PerformanceFigures } from './world/performance.ts';
import { RealUse, realMilliOf } from './world/real-use.ts';
import type { VerificationCounts } from './world/verification.ts';

const MILLI_US_PER_GPU_HOUR = 1000 * HOUR_US;

interface Parties {
  charged: bigint;
  providers: bigint;
  stakers: bigint;
  aggregators: bigint;
  verifiers: bigint;
  treasury: bigint;
  dust: bigint;
  subsidy: bigint;
  held: bigint;
  slashed: bigint;
  refunded: bigint;
  credits: bigint;
}

const noParties = (): Parties => ({
  charged: 0n,
  providers: 0n,
  stakers: 0n,
  aggregators: 0n,
  verifiers: 0n,
  treasury: 0n,
  dust: 0n,
  subsidy: 0n,
  held: 0n,
  slashed: 0n,
  refunded: 0n,
  credits: 0n,
});

export interface MoneyJson {
  unit: string;
  charged: string;
  providers: string;
  stakers: string;
  aggregators: string;
  verifiers: string;
  treasury: string;
  dust: string;
  memo: { subsidy: string; refunded: string; credits: string; held: string; slashed: string };
}

export interface Quantiles {
  mean: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface RunJson {
  schema: 'janction.run/1';
  scenario: string;
  seed: number;
  fingerprint: string;
  simulatedSeconds: number;
  jobs: {
    submitted: number;
    completed: number;
    failed: number;
    rejected: number;
    cancelled: number;
    running: number;
    pending: number;
  };
  rejectedBecause: Record<string, number>;
  gpu: { count: number; capacityGpuHours: number; usedGpuHours: number; usefulGpuHours: number; utilisation: number };
  waitSeconds: Quantiles;
  jctSeconds: Quantiles;
  makespanSeconds: number;
  failures: {
    node: number;
    /** Cards that went out of service while their machine stayed, and errors that left them in it. */
    gpu: number;
    gpuErrors: number;
    aggregator: number;
    ownerReturns: number;
    restarts: number;
    /** Metered use of leases that ended because what they stood on went; and, of attempts so ended, all parts, what no checkpoint kept. */
    cutShortGpuHours: number;
    lostGpuHours: number;
    /** Failures of machines by cause, also of machines that were down already, and errors of cards by their Xid. */
    byCause: Record<string, number>;
  };
  money: MoneyJson;
  moneyJct: MoneyJson;
  economics: {
    welfare: number | null;
    userSurplus: number | null;
    providerProfit: number;
    firstBestWelfare: number | null;
    clearingPrice: { mean: number; p50: number; p95: number };
    priceByClass: Record<string, number>;
    costPerUsefulGpuHour: number | null;
    stakerYield: number | null;
    gini: number;
    hhi: number;
    imputed: string[];
  };
  /** Only where stakers elect: what the tables stakes and elections and the world's audits amount to. */
  stake?: StakeJson;
  /** Only where the scenario has a network. */
  network?: NetworkJson;
  /** Only where personas have a performance model, an image or a wish of isolation, or classes say how they are shared. */
  performance?: PerformanceFigures;
  /** Only where some providers lie: what it brought, and what the others earned. */
  payoffs?: Record<string, GroupPayoff>;
  /** Only where the scenario has adversaries: what it brought them, by kind, and what those who play by the rules had. */
  adversaries?: Record<string, AdversaryPayoff>;
  /** Only where providers come and go with what they earn. */
  supply?: SupplyFigures;
  /** Only where charges may be disputed. */
  disputes?: DisputesJson;
  invariants: { registered: number; checks: number; violations: number };
}

interface FinalCounts {
  completed: number;
  failed: number;
  rejected: number;
  cancelled: number;
}

/** What the summary cannot see in rows. */
export interface RunFacts {
  fingerprint: string;
  endUs: TimeUs;
  submitted: number;
  running: number;
  /** null = whoever has not ended and does not run, wherever it is. */
  pending: number | null;
  restarts: number;
  registered: number;
  checks: number;
  /** What was put in because a trace does not say it. */
  imputed: string[];
  failureCauses: ReadonlyMap<string, number>;
  /** What failures threw away, less what checkpoints kept; null = only the rows tell, which do not know of checkpoints. */
  lostMilliUs: bigint | null;
  verification: VerificationCounts | null;
  performance: PerformanceFigures | null;
  supply: SupplyFigures | null;
  acts: ReadonlyMap<string, Acts> | null;
  disputeErrors: DisputeErrors | null;
  network: NetworkFacts | null;
}

export class Summary implements RowSink {
  readonly #scenario: ResolvedScenario;
  readonly #payoffs: Payoffs | null;
  readonly #adversaries: AdversaryPayoffs | null;
  readonly #realUse: RealUse;
  readonly #counts: FinalCounts = { completed: 0, failed: 0, rejected: 0, cancelled: 0 };
  readonly #reasons = new Map<string, number>();
  readonly #stake: StakeSummary | null;
  readonly #network: NetworkSummary;
  readonly #waits: number[] = [];
  readonly #jcts: number[] = [];
  #firstSubmitUs = -1;
  #lastFinishUs = 0;
  readonly #money: Parties[];
  readonly #disputes = new DisputeSummary();
  /** Users may get money back. */
  readonly #mayReturn: boolean;
  readonly #providerRevenue = new Map<string, bigint>();
  /** Cost of each node, micro-USD per GPU-hour, and milli-GPU x us that ran on nodes of that cost. */
  readonly #nodeCost: Map<string, ExactSum>;
  readonly #usedAtCost = new Map<number, ExactSum>();
  #capacityMilliUs = 0n;
  #usedMilliUs = 0n;
  readonly #usefulMilliUs = new ExactSum();
  #lostMilliUs = 0n;
  #nodeFailures = 0;
  #gpuFailures = 0;
  #gpuErrors = 0;
  #ownerReturns = 0;
  readonly #rates: number[] = [];
  readonly #postedByClass = new Map<string, { sum: number; n: number }>();
  #valueMicro = 0n;
  #valued = true;
  #pendingValue = -1;

  constructor(scenario: ResolvedScenario) {
    this.#scenario = scenario;
    const { nodes, market } = scenario;
    this.#realUse = new RealUse(realMilliOf(market.nodes, nodes));
    this.#payoffs = nodes.some((n) => n.lies !== undefined) ? new Payoffs(market, nodes, this.#realUse) : null;
    this.#adversaries =
      scenario.adversaries === undefined
        ? null
        : new AdversaryPayoffs(scenario.adversaries, market, nodes, this.#realUse);
    this.#stake = market.staking === undefined ? null : new StakeSummary(scenario);
    this.#network = new NetworkSummary(scenario.market.sampleUs);
    this.#money = scenario.market.currencies.map(noParties);
    this.#mayReturn = scenario.market.contract !== undefined || scenario.market.disputes !== undefined;
    this.#nodeCost = new Map(
      scenario.market.nodes.map((n, i) => [n.id, this.#atCost(scenario.nodes[i]!.costMicroPerGpuHour)]),
    );
  }

  #atCost(cost: number): ExactSum {
    let sum = this.#usedAtCost.get(cost);
    if (sum === undefined) {
      sum = new ExactSum();
      this.#usedAtCost.set(cost, sum);
    }
    return sum;
  }

  /** Worth of the job whose row follows; -1 = the demand carries no values. */
  value(valueMicro: number): void {
    this.#pendingValue = valueMicro;
    this.#adversaries?.value(valueMicro);
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    this.#payoffs?.row(table, row);
    this.#adversaries?.row(table, row);
    this.#stake?.row(table, row);
    switch (table) {
      case 'jobs':
        return this.#job(row as Row<'jobs'>);
      case 'placements':
        return this.#placement(row as Row<'placements'>);
      case 'devices':
        return this.#device(row as Row<'devices'>);
      case 'failures':
        return this.#failure(row as Row<'failures'>);
      case 'views':
        return this.#network.view(row as Row<'views'>);
      case 'transfers':
        if (this.#mayReturn) this.#transfer(row as Row<'transfers'>);
        return;
      case 'disputes':
        return this.#disputes.row(row as Row<'disputes'>);
      case 'accounts':
        return this.#account(row as Row<'accounts'>);
      case 'prices': {
        const p = row as Row<'prices'>;
        if (p.rate_micro_per_gpu_hour < 0) return;
        const s = this.#postedByClass.get(p.gpu_class) ?? { sum: 0, n: 0 };
        s.sum += p.rate_micro_per_gpu_hour;
        s.n++;
        this.#postedByClass.set(p.gpu_class, s);
        return;
      }
      default:
    }
  }

  #job(j: Row<'jobs'>): void {
    const value = this.#pendingValue;
    this.#pendingValue = -1;
    this.#counts[j.final_state as keyof FinalCounts]++;
    if (j.final_state === 'rejected') this.#reasons.set(j.reason, (this.#reasons.get(j.reason) ?? 0) + 1);
    if (this.#firstSubmitUs < 0 || j.submission_time_us < this.#firstSubmitUs)
      this.#firstSubmitUs = j.submission_time_us;
    if (j.starting_time_us >= 0 && j.finish_time_us > this.#lastFinishUs) this.#lastFinishUs = j.finish_time_us;
    if (j.final_state === 'completed') {
      if (value < 0) this.#valued = false;
      else this.#valueMicro += BigInt(value);
    }
    if (j.submission_time_us < this.#scenario.warmupUs) return;
    if (j.waiting_time_us >= 0) this.#waits.push(j.waiting_time_us);
    if (j.final_state === 'completed') this.#jcts.push(j.turnaround_time_us);
  }

  #placement(p: Row<'placements'>): void {
    if (p.start_us < 0) return;
    const milli = p.gpu_milli * gpusOf(p.gpus);
    const us = p.end_us - p.start_us;
    if (p.outcome === 'completed') this.#usefulMilliUs.addProduct(milli, us);
    if (this.#realUse.knows(p.node)) this.#realUse.add(p.node, milli, p.start_us, p.end_us);
    else this.#nodeCost.get(p.node)!.addProduct(milli, us);
    if (p.currency === this.#scenario.market.currencies[0]!.code) this.#rates.push(p.rate_micro_per_gpu_hour);
  }

  #device(d: Row<'devices'>): void {
    this.#capacityMilliUs += BigInt(d.gpus) * BigInt(d.up_us) * 1000n - BigInt(d.gpu_out_us) * 1000n;
    this.#usedMilliUs += d.busy_milli_us;
  }

  #failure(f: Row<'failures'>): void {
    if (f.kind === 'node-down') {
      if (f.cause === 'owner') this.#ownerReturns++;
      else this.#nodeFailures++;
    } else if (f.kind === 'gpu-dead' || f.kind === 'gpu-drain') this.#gpuFailures++;
    else if (f.kind === 'gpu-error') this.#gpuErrors++;
    this.#lostMilliUs += f.lost_milli_us;
  }

  #moneyIn(currency: string): Parties {
    return this.#money[this.#scenario.market.currencies.findIndex((c) => c.code === currency)]!;
  }

  /** What users get back is no charge: the rest of an escrow, refunds and credits. */
  #transfer(t: Row<'transfers'>): void {
    if ((t.kind !== 'single' && t.kind !== 'post') || t.reason === 'deposit' || !t.credit.startsWith('user:')) return;
    const m = this.#moneyIn(t.currency);
    m.charged -= t.amount_micro;
    if (t.reason.endsWith('credit')) m.credits += t.amount_micro;
    else m.refunded += t.amount_micro;
  }

  #account(a: Row<'accounts'>): void {
    const m = this.#moneyIn(a.currency);
    const net = a.credits_posted_micro - a.debits_posted_micro;
    const kind = a.account.split(':', 1)[0]!;
    switch (kind) {
      case 'user':
        m.charged += a.debits_posted_micro;
        return;
      case 'provider':
        m.providers += net;
        if (a.currency === this.#scenario.market.currencies[0]!.code) this.#providerRevenue.set(a.account, net);
        return;
      case 'escrow':
        m.held += net + a.credits_pending_micro;
        m.charged -= net;
        return;
      case 'deposit':
        // What providers had to give out of what they lodged.
        m.providers -= a.debits_posted_micro;
        return;
      case 'staker':
        // What was bonded as it was earned is earned.
        m.stakers += a.credits_posted_micro;
        return;
      case 'staker-pot':
        m.stakers += net;
        return;
      case 'aggregator':
        m.aggregators += net;
        return;
      case 'verifiers':
      case 'verifier':
        m.verifiers += net;
        return;
      case 'treasury':
        m.treasury += net;
        return;
      case 'slash-pot':
      case 'bounty':
        m.slashed += net;
        return;
      case 'dust':
        m.dust += net;
        return;
      case 'subsidy':
        m.subsidy += a.debits_posted_micro;
        return;
      case 'revenue':
        // What was paid for jobs that still run, or may still be disputed, is not settled: nobody has it yet.
        m.held += net + a.credits_pending_micro;
        m.charged -= net;
        return;
      default:
    }
  }

  toJson(facts: RunFacts): RunJson {
    const s = this.#scenario;
    const currencies = s.market.currencies;
    const usd = this.#money[0]!;
    const jct = this.#money[1] ?? noParties();
    for (const [i, m] of this.#money.entries()) {
      const parties = m.providers + m.stakers + m.aggregators + m.verifiers + m.treasury + m.dust;
      if (m.charged + m.subsidy !== parties)
        throw new Error(`money identity broken in ${currencies[i]!.code}: ${m.charged} + ${m.subsidy} != ${parties}`);
    }
    // micro-USD x milli-GPU x us, divided once.
    let costNumerator = 0n;
    for (const [cost, used] of this.#usedAtCost) costNumerator += BigInt(cost) * used.value;
    s.market.nodes.forEach((n, i) => {
      if (this.#realUse.knows(n.id))
        costNumerator += BigInt(s.nodes[i]!.costMicroPerGpuHour) * this.#realUse.milliUsOf(n.id);
    });
    const costMicro = costNumerator / BigInt(MILLI_US_PER_GPU_HOUR);
    const welfareMicro = this.#valueMicro - costMicro;
    // Token amounts enter the economics at the run's fixed price.
    const inUsd = (u: bigint, t: bigint): bigint => u + (t * BigInt(s.market.tokenPriceMicro)) / 1_000_000n;
    const chargedMicro = inUsd(usd.charged, jct.charged);
    const { completed, failed, rejected, cancelled } = this.#counts;
    const ended = completed + failed + rejected + cancelled;
    const useful = hours(this.#usefulMilliUs.value);
    const valued = this.#valued && this.#counts.completed > 0;
    const revenue = [...this.#providerRevenue.values()].map(Number);
    // Opening stake, whether it backs a provider or votes.
    const staked = [...s.market.stakes.map((k) => k.amount), ...(s.market.staking?.stakers ?? []).map((k) => k.bonded)]
      .map(BigInt)
      .reduce((a, b) => a + b, 0n);
    const days = facts.endUs / (24 * HOUR_US);
    const stakeMicro = (Number(staked) * s.market.tokenPriceMicro) / 1e6;
    return {
      schema: 'janction.run/1',
      scenario: s.name,
      seed: s.seed,
      fingerprint: facts.fingerprint,
      simulatedSeconds: facts.endUs / 1e6,
      jobs: {
        submitted: facts.submitted,
        ...this.#counts,
        running: facts.running,
        pending: facts.pending ?? facts.submitted - ended - facts.running,
      },
      rejectedBecause: Object.fromEntries([...this.#reasons].sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      gpu: {
        count: s.market.nodes.reduce((n, x) => n + x.gpus, 0),
        capacityGpuHours: hours(this.#capacityMilliUs),
        usedGpuHours: hours(this.#usedMilliUs),
        usefulGpuHours: useful,
        utilisation:
          this.#capacityMilliUs === 0n ? 0 : round6(Number(this.#usedMilliUs) / Number(this.#capacityMilliUs)),
      },
      waitSeconds: quantiles(this.#waits),
      jctSeconds: quantiles(this.#jcts),
      makespanSeconds: this.#firstSubmitUs < 0 ? 0 : Math.max(0, this.#lastFinishUs - this.#firstSubmitUs) / 1e6,
      failures: {
        node: this.#nodeFailures,
        gpu: this.#gpuFailures,
        gpuErrors: this.#gpuErrors,
        aggregator: facts.network?.crashes ?? 0,
        ownerReturns: this.#ownerReturns,
        restarts: facts.restarts,
        cutShortGpuHours: hours(this.#lostMilliUs),
        lostGpuHours: hours(facts.lostMilliUs ?? this.#lostMilliUs),
        byCause: Object.fromEntries([...facts.failureCauses].sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      },
      money: moneyJson('microUSD', usd),
      moneyJct: moneyJson('microJCT', jct),
      economics: {
        welfare: valued ? usdOf(welfareMicro) : null,
        userSurplus: valued ? usdOf(this.#valueMicro - chargedMicro) : null,
        providerProfit: usdOf(inUsd(usd.providers, jct.providers) - costMicro),
        firstBestWelfare: null,
        clearingPrice: priceQuantiles(this.#rates),
        priceByClass: Object.fromEntries(
          [...this.#postedByClass].map(([name, p]) => [name, round6(p.sum / p.n / 1e6)]),
        ),
        costPerUsefulGpuHour: useful > 0 ? round6(Number(chargedMicro) / 1e6 / useful) : null,
        stakerYield:
          stakeMicro > 0 && days > 0
            ? round6((Number(inUsd(usd.stakers, jct.stakers)) / stakeMicro) * (365 / days))
            : null,
        gini: gini(revenue),
        hhi: hhi(revenue),
        imputed: facts.imputed,
      },
      ...(this.#stake === null ? {} : { stake: this.#stake.toJson(facts.verification, facts.endUs) }),
      ...(facts.network === null ? {} : { network: this.#network.toJson(facts.network) }),
      ...(this.#payoffs === null ? {} : { payoffs: this.#payoffs.figures(facts.endUs) }),
      ...(this.#adversaries === null ? {} : { adversaries: this.#adversaries.figures(facts.acts ?? new Map()) }),
      ...(s.market.disputes === undefined ? {} : { disputes: this.#disputes.toJson(facts.disputeErrors) }),
      ...(facts.supply === null ? {} : { supply: facts.supply }),
      ...(facts.performance === null ? {} : { performance: facts.performance }),
      invariants: { registered: facts.registered, checks: facts.checks, violations: 0 },
    };
  }
}

const round6 = (x: number): number => Math.round(x * 1e6) / 1e6;
const hours = (milliUs: bigint): number => round6(Number(milliUs) / MILLI_US_PER_GPU_HOUR);
const usdOf = (micro: bigint): number => Number(micro) / 1e6;

function moneyJson(unit: string, m: Parties): MoneyJson {
  return {
    unit,
    charged: String(m.charged),
    providers: String(m.providers),
    stakers: String(m.stakers),
    aggregators: String(m.aggregators),
    verifiers: String(m.verifiers),
    treasury: String(m.treasury),
    dust: String(m.dust),
    memo: {
      subsidy: String(m.subsidy),
      refunded: String(m.refunded),
      credits: String(m.credits),
      held: String(m.held),
      slashed: String(m.slashed),
    },
  };
}

/** Nearest-rank quantile of an ascending list. */
function nearestRank(sorted: ArrayLike<number>, q: number): number {
  const n = sorted.length;
  return n === 0 ? 0 : sorted[Math.max(0, Math.ceil(q * n) - 1)]!;
}

function quantiles(us: readonly number[]): Quantiles {
  const sorted = Float64Array.from(us).sort((a, b) => a - b);
  let sum = 0n;
  let part = 0;
  for (const v of sorted) {
    part += v;
    if (part > 4e15) {
      sum += BigInt(part);
      part = 0;
    }
  }
  sum += BigInt(part);
  const mean = sorted.length === 0 ? 0 : Number(sum) / sorted.length / 1e6;
  return {
    mean: round6(mean),
    p50: nearestRank(sorted, 0.5) / 1e6,
    p95: nearestRank(sorted, 0.95) / 1e6,
    p99: nearestRank(sorted, 0.99) / 1e6,
  };
}

/** Contract rates over the leases that ran, USD per GPU-hour. */
function priceQuantiles(micro: readonly number[]): { mean: number; p50: number; p95: number } {
  const sorted = Float64Array.from(micro).sort((a, b) => a - b);
  let sum = 0;
  for (const v of sorted) sum += v;
  return {
    mean: sorted.length === 0 ? 0 : round6(sum / sorted.length / 1e6),
    p50: nearestRank(sorted, 0.5) / 1e6,
    p95: nearestRank(sorted, 0.95) / 1e6,
  };
}

/** Gini coefficient: sum (2i - n - 1) x_(i) / (n sum x), 0 when there is nothing to divide. */
function gini(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  let sum = 0;
  let weighted = 0;
  sorted.forEach((x, i) => {
    sum += x;
    weighted += (2 * (i + 1) - n - 1) * x;
  });
  return sum > 0 ? round6(weighted / (n * sum)) : 0;
}

/** Herfindahl-Hirschman index of shares, 0..1. */
function hhi(values: readonly number[]): number {
  let sum = 0;
  for (const x of values) sum += x;
  if (sum <= 0) return 0;
  let squares = 0;
  for (const x of values) squares += (x / sum) * (x / sum);
  return round6(squares);
}
