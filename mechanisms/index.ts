/**
 * janction-lab/mechanisms: every shipped rule, one per file, with its page beside it. `shipped` builds them by name.
 */
import type {
  ElectionRule,
  MechanismRegistry,
  PlacementPolicy,
  PricingMechanism,
  QueueingPolicy,
  RoutingPolicy,
  StakeWeight,
} from '../core/interfaces.ts';
import { ratParse } from '../core/num/index.ts';
import { type ApprovalRule, balance, elect } from './elections/index.ts';
import { BestFit } from './placement/best-fit.ts';
import { BestFit2d } from './placement/best-fit-2d.ts';
import { CacheAware } from './placement/cache-aware.ts';
import { DotProduct } from './placement/dot-product.ts';
import { Fgd, type FgdParams } from './placement/fgd.ts';
import { FirstFit } from './placement/first-fit.ts';
import { GpuClustering } from './placement/gpu-clustering.ts';
import { GpuPacking } from './placement/gpu-packing.ts';
import { PriceAware } from './placement/price-aware.ts';
import { Random } from './placement/random.ts';
import { ReliabilityAware } from './placement/reliability-aware.ts';
import { TopologyAware } from './placement/topology-aware.ts';
import { WorstFit } from './placement/worst-fit.ts';
import { payAsBid } from './pricing/pay-as-bid.ts';
import { Posted, type PostedParams } from './pricing/posted.ts';
import { pvcg } from './pricing/pvcg.ts';
import { SupplyAuction, type SupplyAuctionParams } from './pricing/supply-auction.ts';
import { Surge, type SurgeParams } from './pricing/surge.ts';
import { uniformPrice } from './pricing/uniform-price.ts';
import { Conservative, type ConservativeParams } from './queueing/conservative.ts';
import { Easy } from './queueing/easy.ts';
import { Edf } from './queueing/edf.ts';
import { Elastic, type ElasticParams } from './queueing/elastic.ts';
import { FairShare, type FairShareParams } from './queueing/fair-share.ts';
import { Fifo } from './queueing/fifo.ts';
import { FifoSkip, type FifoSkipParams } from './queueing/fifo-skip.ts';
import { Heterogeneity, type HeterogeneityParams } from './queueing/heterogeneity.ts';
import { Las, type LasParams } from './queueing/las.ts';
import type { RankOptions } from './queueing/lib/ranked.ts';
import { Priority, type PriorityParams } from './queueing/priority.ts';
import { Sjf } from './queueing/sjf.ts';
import { Srsf } from './queueing/srsf.ts';
import { type RemainingParams, Srtf } from './queueing/srtf.ts';
import type { F1State } from './rewards/f1.ts';
import { F1Book, Saturation } from './rewards/lib/market.ts';
import { type WeightRule, weightOf } from './rewards/weights.ts';
import { LeastLoaded } from './routing/least-loaded.ts';
import { Locality, type LocalityParams } from './routing/locality.ts';
import { PowerOfTwo } from './routing/power-of-two.ts';
import { PriceThenLoad, type PriceThenLoadParams } from './routing/price-then-load.ts';
import { RandomRouting } from './routing/random.ts';

export { placementNames, pricingNames, queueingNames, routingNames } from './names.ts';
export { BestFit, Easy, Fgd, type FgdParams, Fifo, FirstFit, Posted, type PostedParams, Sjf };

type Params = Record<string, unknown>;

const queueing: Record<string, (p: Params) => QueueingPolicy> = {
  fifo: () => new Fifo(),
  sjf: (p) => new Sjf(p['skip'] === true),
  easy: () => new Easy(),
  'fifo-skip': (p) => new FifoSkip(p as FifoSkipParams),
  conservative: (p) => new Conservative(p as ConservativeParams),
  srtf: (p) => new Srtf(p as RemainingParams),
  srsf: (p) => new Srsf(p as RemainingParams),
  las: (p) => new Las(p as LasParams),
  priority: (p) => new Priority(p as PriorityParams),
  edf: (p) => new Edf(p as Partial<RankOptions>),
  'fair-share': (p) => new FairShare(p as FairShareParams),
  elastic: (p) => new Elastic(p as ElasticParams),
  heterogeneity: (p) => new Heterogeneity(p as HeterogeneityParams),
};

const placement: Record<string, (p: Params) => PlacementPolicy> = {
  'first-fit': () => new FirstFit(),
  'best-fit': () => new BestFit(),
  'worst-fit': () => new WorstFit(),
  random: () => new Random(),
  'dot-product': () => new DotProduct(),
  'best-fit-2d': () => new BestFit2d(),
  'gpu-packing': () => new GpuPacking(),
  'gpu-clustering': () => new GpuClustering(),
  fgd: (p) => new Fgd(p as FgdParams),
  'topology-aware': () => new TopologyAware(),
  'price-aware': () => new PriceAware(),
  'reliability-aware': () => new ReliabilityAware(),
  'cache-aware': () => new CacheAware(),
};

const pricing: Record<string, (p: Params, classes: readonly string[]) => PricingMechanism> = {
  posted: (p, classes) => new Posted(p as unknown as PostedParams, classes),
  surge: (p, classes) => new Surge(p as unknown as SurgeParams, classes),
  pvcg: (p, classes) => new SupplyAuction(pvcg, p as unknown as SupplyAuctionParams, classes),
  'pay-as-bid': (p, classes) => new SupplyAuction(payAsBid, p as unknown as SupplyAuctionParams, classes),
  'uniform-price': (p, classes) => new SupplyAuction(uniformPrice, p as unknown as SupplyAuctionParams, classes),
};

const routing: Record<string, (p: Params) => RoutingPolicy> = {
  random: () => new RandomRouting(),
  'least-loaded': () => new LeastLoaded(),
  'power-of-two': () => new PowerOfTwo(),
  'price-then-load': (p) => new PriceThenLoad(p as PriceThenLoadParams),
  locality: (p) => new Locality(p as LocalityParams),
};

/** Supports in whole tokens, rounded down, so that no voter lends more than it has. */
const election = (rule: ApprovalRule, balanced: boolean): ElectionRule => ({
  name: rule,
  elect: (e) => {
    const { winners, edges } = elect(rule, e);
    const lent = balanced ? balance(e, winners) : edges;
    return {
      winners: [...winners],
      edges: lent.map((x) => ({ voter: x.voter, candidate: x.candidate, amount: x.weight.num / x.weight.den })),
    };
  },
});

const elections: Record<string, (p: Params) => ElectionRule> = {
  'top-k': (p) => election('top-k', p['balance'] !== false),
  phragmen: (p) => election('phragmen', p['balance'] !== false),
  phragmms: (p) => election('phragmms', p['balance'] !== false),
  mes: (p) => election('mes', p['balance'] !== false),
};

const weightBy = (rule: WeightRule): StakeWeight => ({
  name: rule.rule,
  weight:
    rule.rule === 'lock-weighted'
      ? (stake, lockUs) => weightOf(rule, stake, BigInt(lockUs) < rule.maxLock ? BigInt(lockUs) : rule.maxLock)
      : (stake) => weightOf(rule, stake),
});

const stakeWeights: Record<string, (p: Params) => StakeWeight> = {
  linear: () => weightBy({ rule: 'linear' }),
  sqrt: () => weightBy({ rule: 'sqrt' }),
  capped: (p) => weightBy({ rule: 'capped', cap: BigInt(p['cap'] as string) }),
  'lock-weighted': (p) => weightBy({ rule: 'lock-weighted', maxLock: BigInt(p['maxLockUs'] as number) }),
};

function pick<T>(table: Record<string, T>, family: string, name: string): T {
  if (!Object.hasOwn(table, name))
    throw new Error(`unknown ${family} "${name}" (have ${Object.keys(table).join(', ')})`);
  return table[name]!;
}

export const shipped: MechanismRegistry = {
  queueing: (name, params) => pick(queueing, 'queueing policy', name)(params),
  placement: (name, params) => pick(placement, 'placement policy', name)(params),
  pricing: (name, params, classes) => pick(pricing, 'pricing mechanism', name)(params, classes),
  election: (name, params) => pick(elections, 'election rule', name)(params),
  stakeWeight: (name, params) => pick(stakeWeights, 'stake weight', name)(params),
  routing: (name, params) => pick(routing, 'routing policy', name)(params),
  delegation: (state) => new F1Book(state as F1State | undefined),
  saturation: ({ pools, influence }) => new Saturation({ k: BigInt(pools), a0: ratParse(influence) }),
};
