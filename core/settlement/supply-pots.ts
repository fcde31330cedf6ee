/**
 * What stakers get where supply is bought in an auction. `gross` and `surplus` are taken from each supplier's payment for those who staked
 * on it; `residual` is a share of what no award has claimed of the charges, for all stakes by weight. `leave-one-out` pays a staker by
 * its weight and by what would have been left of the cleared market without every provider that it is or has staked on, so that no
 * report of theirs moves it, as long as the residual there really is covers it all; it is cut in proportion where it does not.
 *
 * A staker is known by its name: one that backs itself under another name is not left out.
 */
import type { MechanismRegistry, PricingMechanism } from '../interfaces.ts';
import type { Awards } from '../messages.ts';
import { largestRemainder } from '../num/index.ts';
import { HOUR_US, type MarketConfig, type StakeRules, type TimeUs } from '../types.ts';
import type { StakePots } from './stake-pots.ts';
import { residualOf } from './supply-fee.ts';

/** A staker's claim on what is left of a pool's epoch. */
interface Claim {
  staker: string;
  weight: bigint;
  /** Residual of the market without the staker's providers, micro-units per hour; not below 0. */
  residualMicro: number;
}

interface Plan {
  sinceUs: TimeUs;
  untilUs: TimeUs;
  claims: Claim[];
}

export interface SupplyPotsState {
  plans: (Plan | null)[];
}

const BPS = 10_000n;

export class SupplyPots {
  readonly #config: MarketConfig;
  readonly #rules: StakeRules;
  readonly #pots: StakePots;
  readonly #mechanisms: (PricingMechanism | null)[];
  #plans: (Plan | null)[];

  constructor(config: MarketConfig, rules: StakeRules, pots: StakePots, registry: MechanismRegistry) {
    this.#config = config;
    this.#rules = rules;
    this.#pots = pots;
    const classes = config.classes.map((c) => c.name);
    this.#mechanisms = config.pools.map((p) =>
      rules.pot?.base === 'leave-one-out' && p.supply !== undefined
        ? registry.pricing(p.pricing.name, p.pricing.params, classes)
        : null,
    );
    this.#plans = config.pools.map(() => null);
  }

  /** A clearing was booked. */
  booked(now: TimeUs, m: Awards, pool: number): void {
    const mechanism = this.#mechanisms[pool];
    if (mechanism === null || mechanism === undefined || m.markets === undefined) return;
    const markets = m.markets;
    /** Income at the quoted rates less payments, when the named providers are not there. */
    const without = (gone: ReadonlySet<string>): number => {
      let residual = 0;
      for (const market of markets) {
        const others = { ...market, offers: market.offers.filter((o) => !gone.has(o.supplier)) };
        residual += residualOf(others, mechanism.award!(others));
      }
      return Math.max(0, residual);
    };
    const known = new Map<string, number>();
    this.#plans[pool] = {
      sinceUs: now,
      untilUs: (m.epoch + 1) * this.#config.epochUs,
      claims: this.#pots.stakerWeights(now).map(({ staker, weight, providers }) => {
        const gone = new Set([...providers, staker]);
        const key = [...gone].join('\n');
        const residualMicro = known.get(key) ?? without(gone);
        known.set(key, residualMicro);
        return { staker, weight, residualMicro };
      }),
    };
  }

  /** Part of a supplier's payment that goes to those who staked on it; `cost` = what it had asked for the same use. */
  fromPay(pay: bigint, cost: bigint): bigint {
    const pot = this.#rules.pot;
    if (pot?.base === 'gross') return (pay * BigInt(pot.shareBps)) / BPS;
    if (pot?.base === 'surplus' && pay > cost) return ((pay - cost) * BigInt(pot.shareBps)) / BPS;
    return 0n;
  }

  /** What stakers get of the rest of a pool's charges. */
  fromRest(now: TimeUs, pool: number, rest: bigint): [string, bigint][] {
    const pot = this.#rules.pot;
    const plan = this.#plans[pool] ?? null;
    this.#plans[pool] = null;
    if (pot === undefined || pot.base === 'gross' || pot.base === 'surplus' || rest === 0n) return [];
    const most = (rest * BigInt(pot.shareBps)) / BPS;
    if (pot.base === 'residual') {
      const list = this.#pots.stakerWeights(now);
      const weights = list.map((s) => s.weight);
      if (weights.every((w) => w === 0n)) return [];
      return largestRemainder(most, weights).map((x, i): [string, bigint] => [list[i]!.staker, x]);
    }
    if (plan === null) return [];
    const total = plan.claims.reduce((n, c) => n + c.weight, 0n);
    if (total === 0n) return [];
    const us = BigInt(Math.max(0, Math.min(now, plan.untilUs) - plan.sinceUs));
    const due = plan.claims.map(
      (c) => (BigInt(c.residualMicro) * us * c.weight * BigInt(pot.shareBps)) / (BigInt(HOUR_US) * total * BPS),
    );
    const sum = due.reduce((a, b) => a + b, 0n);
    // All that is left is behind the claims, not a share of it: a cut would let reports move them.
    const paid = sum > rest ? largestRemainder(rest, due) : due;
    return paid.map((x, i): [string, bigint] => [plan.claims[i]!.staker, x]);
  }

  snapshot(): SupplyPotsState {
    return { plans: this.#plans.map((p) => (p === null ? null : { ...p, claims: p.claims.map((c) => ({ ...c })) })) };
  }

  /** Takes ownership of the state. */
  restore(s: SupplyPotsState): void {
    this.#plans = s.plans;
  }
}
