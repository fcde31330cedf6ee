/**
 * A pool's supply auction: once per epoch it offers the idle GPUs of its machines to the mechanism, against the jobs that wait with
 * their money held. What is not bought is closed: in the pool's picture it is taken by nobody until the next clearing. A lease
 * that crosses the boundary keeps what it was sold under, and its GPUs stay out of the clearing.
 */
import type { PricingMechanism, SupplyMarket, SupplyOffer, SupplyResult } from '../interfaces.ts';
import type { Port } from '../machine.ts';
import type { SupplyAward } from '../messages.ts';
import { awardRate } from '../settlement/demand.ts';
import { chargeSellers, marketUnderFee } from '../settlement/supply-fee.ts';
import { type MarketConfig, NEVER, type SupplyRules, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { Allocation, Cluster } from './cluster.ts';
import { JobState, type PoolJob } from './job.ts';

export interface SupplyDeskState {
  epoch: number;
  nextAward: number;
  /** Node (local number), GPUs that may be leased. */
  open: [number, number[]][];
  plan: [number, number[]][];
  quality: [string, number][];
}

interface Seller {
  supplier: string;
  askMicro: number;
  gpus: number;
  nodes: { local: number; idle: number[] }[];
}

export class SupplyDesk {
  readonly #config: MarketConfig;
  readonly #pool: string;
  readonly #rules: SupplyRules;
  readonly #mechanism: PricingMechanism;
  readonly #port: Port;
  readonly #firstAward: number;
  #nextAward = 1;
  #epoch = -1;
  /** What the chain last said of providers' uptime and results, basis points. */
  #quality = new Map<string, number>();
  #open = new Map<number, number[]>();
  /** What the clearing under way would open. */
  #plan = new Map<number, number[]>();
  /** What is kept closed, by local node: one allocation per GPU, in order. */
  #closed = new Map<number, Allocation[]>();

  constructor(config: MarketConfig, pool: string, mechanism: PricingMechanism, firstAward: number, port: Port) {
    if (mechanism.award === undefined)
      throw new Error(`pricing ${mechanism.name} buys no supply; use pvcg or another auction`);
    this.#config = config;
    this.#pool = pool;
    this.#rules = config.pools.find((p) => p.id === pool)!.supply!;
    this.#mechanism = mechanism;
    this.#firstAward = firstAward;
    this.#port = port;
  }

  /** What the last clearing was about, where the chain wants to know. */
  markets: SupplyMarket[] = [];

  /** Closes everything idle and asks the mechanism what to open; the answer of Settlement decides. */
  clear(now: TimeUs, cluster: Cluster, nodeOf: (local: number) => number, jobs: Iterable<PoolJob>): SupplyAward[] {
    this.#epoch = Math.floor(now / this.#config.epochUs);
    this.#open.clear();
    this.#plan.clear();
    this.markets = [];
    const sellers = this.#sellers(cluster, nodeOf);
    const demand = demandByClass(jobs, cluster.classCount, this.#config.tokenPriceMicro);
    const awards: SupplyAward[] = [];
    this.#config.classes.forEach(({ name }, gpuClass) => {
      const offers = sellers[gpuClass]!;
      const wanted = [...demand[gpuClass]!].map(([rateMicro, gpus]) => ({ rateMicro, gpus }));
      wanted.sort((a, b) => b.rateMicro - a.rateMicro);
      const asked = wanted.reduce((n, d) => n + d.gpus, 0);
      const market = marketUnderFee(this.#rules, {
        gpuClass,
        name,
        demand: wanted,
        offers: offers.map((s) => this.#offer(s, gpuClass, nodeOf)),
      });
      this.markets.push(market);
      const award = (m: SupplyMarket): SupplyResult => this.#mechanism.award!(m);
      const cleared = award(market);
      checkResult(this.#mechanism.name, offers, cleared);
      const result = chargeSellers(this.#rules, market, cleared, award);
      offers.forEach((s, i) => {
        let left = result.gpus[i]!;
        for (const { local, idle } of s.nodes) {
          const take = Math.min(left, idle.length);
          left -= take;
          const award = take > 0 ? this.#firstAward + this.#nextAward++ : 0;
          if (take > 0) {
            this.#plan.set(local, idle.slice(0, take));
            const fee = result.feeMicro[i]!;
            awards.push({
              award,
              node: nodeOf(local),
              gpus: take,
              of: result.gpus[i]!,
              payMicro: result.payMicro[i]!,
              ...(fee === 0 ? {} : { feeMicro: fee }),
            });
          }
          this.#port.row('supply', {
            epoch: this.#epoch,
            time_us: now,
            pool: this.#pool,
            gpu_class: name,
            award_id: award,
            node: this.#config.nodes[nodeOf(local)]!.id,
            provider: s.supplier,
            ask_micro_per_gpu_hour: s.askMicro,
            offered_gpus: idle.length,
            awarded_gpus: take,
            supplier_gpus: result.gpus[i]!,
            pay_micro_per_hour: result.payMicro[i]!,
            demand_gpus: asked,
          });
        }
      });
    });
    this.sync(cluster);
    return awards;
  }

  #offer(s: Seller, gpuClass: number, nodeOf: (local: number) => number): SupplyOffer {
    const { supplier, gpus, askMicro } = s;
    const rules = this.#config.staking;
    if (rules?.quality !== true) return { supplier, gpus, askMicro };
    // Against the fastest machine of the class, so that nobody is paid more for an hour than users pay.
    const speed = (node: number): number => rules.qualityMilli?.[node] ?? 1000;
    let fastest = 1;
    this.#config.nodes.forEach((n, i) => {
      if (n.gpuClass === gpuClass) fastest = Math.max(fastest, speed(i));
    });
    const own = Math.min(...s.nodes.map(({ local }) => speed(nodeOf(local))));
    const bps = this.#quality.get(supplier) ?? 10_000;
    return { supplier, gpus, askMicro, qualityMilli: Math.max(1, Math.floor((own * bps) / (fastest * 10))) };
  }

  /** Idle GPUs that are offered: one seller per provider and ask, in order of the machines. */
  #sellers(cluster: Cluster, nodeOf: (local: number) => number): Seller[][] {
    const byClass: Map<string, Seller>[] = this.#config.classes.map(() => new Map());
    for (let local = 0; local < cluster.nodeCount; local++) {
      const spec = this.#config.nodes[nodeOf(local)]!;
      if (spec.askMicro === undefined || !cluster.isUp(local)) continue;
      const idle = this.#idle(cluster, local);
      if (idle.length === 0) continue;
      const key = `${spec.provider} ${spec.askMicro}`;
      const sellers = byClass[spec.gpuClass]!;
      let s = sellers.get(key);
      if (s === undefined) {
        s = { supplier: spec.provider, askMicro: spec.askMicro, gpus: 0, nodes: [] };
        sellers.set(key, s);
      }
      s.gpus += idle.length;
      s.nodes.push({ local, idle });
    }
    return byClass.map((m) => [...m.values()]);
  }

  /** GPUs in nobody's use, closed ones included. */
  #idle(cluster: Cluster, local: number): number[] {
    const idle: number[] = [];
    for (let g = 0; g < cluster.gpusOf(local); g++)
      if (!cluster.isOut(local, g) && cluster.freeMilliOf(local, g) + this.closedMilli(local, g) === WHOLE_GPU)
        idle.push(g);
    return idle;
  }

  /** Settlement has booked or refused the clearing. */
  booked(cluster: Cluster, ok: boolean, quality?: readonly [string, number][]): void {
    this.#quality = new Map(quality);
    this.#open = ok ? this.#plan : new Map();
    this.#plan = new Map();
    this.sync(cluster);
  }

  /** After GPUs came back or machines changed: whatever is idle and not bought is closed. */
  sync(cluster: Cluster): void {
    for (let local = 0; local < cluster.nodeCount; local++) this.syncNode(cluster, local);
  }

  syncNode(cluster: Cluster, local: number): void {
    const open = this.#open.get(local);
    const have = this.#closed.get(local) ?? [];
    const endUs = Math.min(NEVER, (this.#epoch + 1) * this.#config.epochUs);
    // What is left of a GPU that a crossing lease shares is closed too: its award is not sold again.
    const want: { gpu: number; milli: number }[] = [];
    for (let gpu = 0; gpu < cluster.gpusOf(local); gpu++) {
      if (cluster.isOut(local, gpu)) continue;
      const milli = open?.includes(gpu) === true ? 0 : cluster.freeMilliOf(local, gpu) + this.closedMilli(local, gpu);
      if (milli > 0) want.push({ gpu, milli });
    }
    if (
      have.length === want.length &&
      // Closed until the next clearing: what stays closed over one is so until the one after it.
      have.every((a, i) => a.gpus[0] === want[i]!.gpu && a.gpuMilli === want[i]!.milli && a.endUs === endUs)
    )
      return;
    const milliOf = (list: readonly number[]): number => list.reduce((s, x) => s + x, 0);
    const opens = milliOf(want.map((w) => w.milli)) < milliOf(have.map((a) => a.gpuMilli));
    this.reopen(cluster, local, opens);
    if (want.length === 0) return;
    const allocations = want.map(
      ({ gpu, milli }): Allocation => ({
        lease: 0,
        closed: true,
        gpus: [gpu],
        gpuMilli: milli,
        gpuMemoryMiB: cluster.freeMemoryOf(local, gpu),
        cpuMilli: 0,
        ramMiB: 0,
        endUs,
      }),
    );
    for (const a of allocations) cluster.take(local, a);
    this.#closed.set(local, allocations);
  }

  /** The cluster was built again: what was closed in the old one is gone. */
  rebuilt(cluster: Cluster): void {
    this.#closed.clear();
    this.sync(cluster);
  }

  /** Gives back all that is closed on the machine: before a lease of a former pool is put back on it. */
  reopen(cluster: Cluster, local: number, freed = false): void {
    for (const a of this.#closed.get(local) ?? []) cluster.give(local, a, freed);
    this.#closed.delete(local);
  }

  /** Milli-GPU of the GPU that are kept closed. */
  closedMilli(local: number, gpu: number): number {
    for (const a of this.#closed.get(local) ?? []) if (a.gpus[0] === gpu) return a.gpuMilli;
    return 0;
  }

  snapshot(): SupplyDeskState {
    const list = (m: Map<number, number[]>): [number, number[]][] => [...m];
    return {
      epoch: this.#epoch,
      nextAward: this.#nextAward,
      open: list(this.#open),
      plan: list(this.#plan),
      quality: [...this.#quality],
    };
  }

  /** Takes ownership of the state; `rebuilt` follows once the cluster is there. */
  restore(s: SupplyDeskState): void {
    this.#epoch = s.epoch;
    this.#nextAward = s.nextAward;
    this.#open = new Map(s.open);
    this.#plan = new Map(s.plan);
    this.#quality = new Map(s.quality);
  }
}

/** GPUs of waiting jobs by class and quoted rate in currency 0; a job counts once, in the cheapest class it may use. */
function demandByClass(jobs: Iterable<PoolJob>, classes: number, tokenPriceMicro: number): Map<number, number>[] {
  const demand: Map<number, number>[] = Array.from({ length: classes }, () => new Map());
  for (const job of jobs) {
    if (job.state !== JobState.waiting) continue;
    const q = job.quote!;
    let at = 0;
    for (let k = 1; k < q.classes.length; k++) if (q.rates[k]! < q.rates[at]!) at = k;
    const map = demand[q.classes[at]!]!;
    const rate = q.currency === 0 ? q.rates[at]! : awardRate(q.rates[at]!, tokenPriceMicro);
    map.set(rate, (map.get(rate) ?? 0) + Math.ceil(job.shape.totalMilli / WHOLE_GPU));
  }
  return demand;
}

/** Core disposes: an auction may buy only what is offered, and pays whole amounts. */
function checkResult(name: string, offers: readonly Seller[], r: SupplyResult): void {
  const whole = (x: number | undefined): boolean => Number.isSafeInteger(x) && x! >= 0;
  const ok =
    r.gpus.length === offers.length &&
    r.payMicro.length === offers.length &&
    offers.every(
      (s, i) =>
        whole(r.gpus[i]) && r.gpus[i]! <= s.gpus && whole(r.payMicro[i]) && (r.gpus[i]! > 0 || r.payMicro[i] === 0),
    );
  if (!ok) throw new Error(`pricing ${name} answered a supply award that core refuses: ${JSON.stringify(r)}`);
}
