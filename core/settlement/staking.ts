/**
 * Stake in the market: carries out what stakers, aggregators and verifiers ask for, and ends each stake epoch: contributions are
 * counted, pots are divided, tokens issued, and the committee is elected.
 */
import type { StakeAct } from '../facts.ts';
import type { MechanismRegistry, StakeWeight } from '../interfaces.ts';
import type { Port } from '../machine.ts';
import { type MarketConfig, NEVER, type StakeRules, type TimeUs } from '../types.ts';
import { Committee, type CommitteeState } from './committee.ts';
import { type Brought, Contribution, type ContributionState } from './contribution.ts';
import type { Ledger } from './ledger.ts';
import { StakeBook, type StakeBookState, TOKEN } from './stake-book.ts';
import { StakePots, type StakePotsState, type Work } from './stake-pots.ts';
import { SupplyPots, type SupplyPotsState } from './supply-pots.ts';

export interface StakingState {
  book: StakeBookState;
  committee: CommitteeState;
  pots: StakePotsState;
  contribution: ContributionState;
  supplyPots: SupplyPotsState;
  epoch: number;
  nextEpochUs: TimeUs;
}

export class Staking {
  readonly rules: StakeRules;
  readonly book: StakeBook;
  readonly committee: Committee;
  readonly weight: StakeWeight;
  readonly #config: MarketConfig;
  readonly #ledger: Ledger;
  readonly #port: Port;
  readonly #code: string;
  readonly pots: StakePots;
  readonly contribution: Contribution;
  readonly supplyPots: SupplyPots;
  /** Stake epoch that runs, from 1. */
  #epoch = 1;
  #nextEpochUs: TimeUs = NEVER;
  #due: TimeUs = NEVER;

  constructor(
    config: MarketConfig,
    rules: StakeRules,
    ledger: Ledger,
    port: Port,
    registry: MechanismRegistry,
    takeover: (now: TimeUs, from: number, to: number) => void,
  ) {
    this.#config = config;
    this.rules = rules;
    this.#ledger = ledger;
    this.#port = port;
    const currency = config.currencies[TOKEN]!.code;
    this.#code = currency;
    if (registry.election === undefined || registry.stakeWeight === undefined)
      throw new Error('staking: the registry has no election rules and stake weights');
    this.weight = registry.stakeWeight(rules.weight.name, rules.weight.params);
    this.book = new StakeBook(config, rules, ledger, (row) => port.row('stakes', { ...row, currency }));
    this.committee = new Committee(
      config,
      rules,
      registry.election(rules.election.rule.name, rules.election.rule.params),
      (staker) => this.book.bonded(staker, ''),
      takeover,
      (row) => port.row('elections', { ...row, currency }),
    );
    this.pots = new StakePots(config, rules, ledger, this.book, this.committee, this.weight, registry);
    this.supplyPots = new SupplyPots(config, rules, this.pots, registry);
    this.contribution = new Contribution(config, rules, (row) => port.row('contributions', row));
  }

  open(now: TimeUs): void {
    this.book.open(now);
    this.#nextEpochUs = (Math.floor(now / this.rules.epochUs) + 1) * this.rules.epochUs;
    this.#due = this.book.nextDue();
  }

  nextWakeup(): TimeUs {
    return Math.min(this.#nextEpochUs, this.#due);
  }

  /** False: an attestation that is not taken. */
  act(now: TimeUs, act: StakeAct): boolean {
    let taken = true;
    switch (act.do) {
      case 'bond':
        this.book.bond(now, act.staker, act.provider, act.amount, act.lockUs);
        break;
      case 'unbond':
        this.book.unbond(now, act.staker, act.provider, act.amount);
        break;
      case 'offence':
        this.book.offence(now, act.offence, act.provider, act.atUs, act.verifier);
        break;
      case 'attest': {
        const code = this.contribution.attest(act);
        // Attestations are many, and count in the contributions: only one that is refused has a row.
        taken = code === 'ok';
        if (!taken) this.#note(now, 'attest', '', '', 0n, code);
        break;
      }
      case 'claim':
        this.#note(now, 'claim', act.staker, '', 0n, this.pots.claim(now, act.staker, act.provider));
        break;
      case 'appeal':
        this.book.appeal(now, act.offence, act.reversed);
        break;
      case 'nominate': {
        const code = this.committee.nominate(act.staker, act.pools);
        const pools = act.pools.map((p) => this.#config.pools[p]?.id ?? String(p)).join('+');
        this.#note(now, 'nominate', act.staker, pools, 0n, code);
        break;
      }
      case 'commission': {
        const code = this.committee.setCommission(act.pool, act.bps);
        const bps = code === 'ok' ? BigInt(act.bps) : 0n;
        this.#note(now, 'commission', '', this.#config.pools[act.pool]?.id ?? '', bps, code);
        break;
      }
      case 'aggregator': {
        const code = this.committee.aggregator(now, act.pool, act.up);
        const pool = this.#config.pools[act.pool]?.id ?? '';
        this.#note(now, act.up ? 'aggregator-up' : 'aggregator-down', '', pool, 0n, code);
        break;
      }
    }
    this.#due = this.book.nextDue();
    this.#port.decide(this.#ledger.lastId, this.committee.holders()[0]!);
    return taken;
  }

  #note(now: TimeUs, act: string, staker: string, pool: string, amount: bigint, code: string): void {
    this.#port.row('stakes', {
      time_us: now,
      act,
      staker,
      provider: '',
      pool,
      amount_micro: amount,
      bonded_micro: staker === '' ? 0n : this.book.bonded(staker, ''),
      unbonding_micro: 0n,
      offence_id: 0,
      code,
      currency: this.#code,
    });
  }

  /** Queues and escrow: what falls due by now. */
  due(now: TimeUs): void {
    if (this.#due > now) return;
    this.book.due(now);
    this.#due = this.book.nextDue();
  }

  /** After the revenue of the last pricing epoch: pots are divided and the committee is elected. */
  epoch(now: TimeUs): void {
    if (this.#nextEpochUs <= now) this.#endEpoch(now, false);
  }

  /** `closing`: the run ends with it. */
  #endEpoch(now: TimeUs, closing: boolean): void {
    this.#nextEpochUs = (Math.floor(now / this.rules.epochUs) + 1) * this.rules.epochUs;
    const { brought, work } = this.#close(now);
    if (closing) this.pots.closeBooks(now);
    this.pots.emit(now, this.#epoch, brought, work);
    this.pots.compound(now);
    this.pots.vest(now);
    this.#epoch++;
    this.book.beginEpoch();
    this.committee.elect(now);
    for (const h of this.committee.holders()) this.#port.decide(this.#ledger.lastId, h);
  }

  /** The end of a run: pots are divided, and nothing is kept for anybody. */
  settle(now: TimeUs): void {
    if (this.#nextEpochUs <= now) return this.#endEpoch(now, true);
    this.#close(now);
    this.pots.closeBooks(now);
  }

  /** Answers what the epoch brought. */
  #close(now: TimeUs): { brought: Brought[]; work: Work[] } {
    const brought = this.contribution.close(now, this.#epoch);
    const work = this.contribution.takeWork();
    this.pots.pay(now);
    this.pots.payVerifiers(now, work);
    return { brought, work };
  }

  // ---- laws ----

  /** Raising one stake by a little or by half never lowers its weight. */
  weightFault(now: TimeUs): string | null {
    for (const p of this.book.positions()) {
      const stake = this.book.bonded(p.staker, p.provider);
      const lockUs = Math.max(0, p.lockedUntilUs - now);
      const before = this.weight.weight(stake, lockUs);
      for (const more of [1n, stake / 2n])
        if (this.weight.weight(stake + more, lockUs) < before)
          return `${p.staker} would weigh less on ${p.provider || 'the vote'} with ${stake + more} than with ${stake}`;
    }
    return null;
  }

  snapshot(): StakingState {
    return {
      book: this.book.snapshot(),
      committee: this.committee.snapshot(),
      pots: this.pots.snapshot(),
      contribution: this.contribution.snapshot(),
      supplyPots: this.supplyPots.snapshot(),
      epoch: this.#epoch,
      nextEpochUs: this.#nextEpochUs,
    };
  }

  /** Takes ownership of the state. */
  restore(s: StakingState): void {
    this.book.restore(s.book);
    this.committee.restore(s.committee);
    this.pots.restore(s.pots);
    this.contribution.restore(s.contribution);
    this.supplyPots.restore(s.supplyPots);
    this.#epoch = s.epoch;
    this.#nextEpochUs = s.nextEpochUs;
    this.#due = this.book.nextDue();
  }
}
