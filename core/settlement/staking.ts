/**
 * Stake in the market: carries out what stakers, aggregators and verifiers ask for, keeps the pots from which stakers are paid at the
 * end of each stake epoch, and runs the elections. Pots lie in the account `staker-pot`.
 */
import type { StakeAct } from '../facts.ts';
import type { MechanismRegistry, StakeWeight } from '../interfaces.ts';
import type { Port } from '../machine.ts';
import { largestRemainder } from '../num/index.ts';
import { type MarketConfig, NEVER, type StakeRules, type TimeUs } from '../types.ts';
import { Committee, type CommitteeState } from './committee.ts';
import { type Ledger, LedgerCode } from './ledger.ts';
import { type Position, StakeBook, type StakeBookState, TOKEN } from './stake-book.ts';

export interface StakingState {
  book: StakeBookState;
  committee: CommitteeState;
  /** currency, provider, owed to those who staked on it */
  providers: [number, string, bigint][];
  /** currency, pool, owed to those who back it */
  pools: [number, number, bigint][];
  nextEpochUs: TimeUs;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export class Staking {
  readonly rules: StakeRules;
  readonly book: StakeBook;
  readonly committee: Committee;
  readonly weight: StakeWeight;
  readonly #config: MarketConfig;
  readonly #ledger: Ledger;
  readonly #port: Port;
  readonly #code: string;
  readonly #providers: Map<string, bigint>[];
  readonly #pools: Map<number, bigint>[];
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
    this.#providers = config.currencies.map(() => new Map());
    this.#pools = config.currencies.map(() => new Map());
  }

  open(now: TimeUs): void {
    this.book.open(now);
    this.#nextEpochUs = (Math.floor(now / this.rules.epochUs) + 1) * this.rules.epochUs;
    this.#due = this.book.nextDue();
  }

  nextWakeup(): TimeUs {
    return Math.min(this.#nextEpochUs, this.#due);
  }

  act(now: TimeUs, act: StakeAct): void {
    switch (act.do) {
      case 'bond':
        this.book.bond(now, act.staker, act.provider, act.amount, act.lockUs);
        break;
      case 'unbond':
        this.book.unbond(now, act.staker, act.provider, act.amount);
        break;
      case 'offence':
        this.book.offence(now, act.offence, act.provider, act.atUs);
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
    if (this.#nextEpochUs > now) return;
    this.#nextEpochUs = (Math.floor(now / this.rules.epochUs) + 1) * this.rules.epochUs;
    this.pay(now);
    this.book.beginEpoch();
    this.committee.elect(now);
    for (const h of this.committee.holders()) this.#port.decide(this.#ledger.lastId, h);
  }

  // ---- pots ----

  credit(currency: number, provider: string, amount: bigint): void {
    const pot = this.#providers[currency]!;
    pot.set(provider, (pot.get(provider) ?? 0n) + amount);
  }

  /** The nominators' part of an aggregator's share; the rest is its commission. */
  creditBackers(currency: number, pool: number, share: bigint): bigint {
    if (this.committee.backingOf(pool).length === 0) return 0n;
    const part = share - (share * BigInt(this.committee.commissionOf(pool))) / 10_000n;
    if (part > 0n) this.#pools[currency]!.set(pool, (this.#pools[currency]!.get(pool) ?? 0n) + part);
    return part;
  }

  /** Stake that earns in this epoch: bonded when it began and still. */
  earning(p: Position): bigint {
    const now = this.book.bonded(p.staker, p.provider);
    return now < p.atEpoch ? now : p.atEpoch;
  }

  pay(now: TimeUs): void {
    const byProvider = new Map<string, Position[]>();
    for (const p of [...this.book.positions()].sort((a, b) => byName(a.staker, b.staker))) {
      const list = byProvider.get(p.provider);
      if (list === undefined) byProvider.set(p.provider, [p]);
      else list.push(p);
    }
    this.#config.currencies.forEach((_, currency) => {
      const pots = this.#providers[currency]!;
      for (const [provider, amount] of [...pots].sort((a, b) => byName(a[0], b[0]))) {
        const positions = this.book.isJailed(provider, now) ? [] : (byProvider.get(provider) ?? []);
        const weights = positions.map((p) =>
          this.weight.weight(this.earning(p), Math.max(0, Math.min(NEVER, p.lockedUntilUs) - now)),
        );
        if (weights.every((w) => w === 0n)) this.#pay(now, 'treasury', currency, amount, 'staker-rest');
        else {
          largestRemainder(amount, weights).forEach((part, i) => {
            this.#pay(now, `staker:${positions[i]!.staker}`, currency, part, 'staker-share');
          });
        }
      }
      pots.clear();
      const pools = this.#pools[currency]!;
      for (const [pool, amount] of [...pools].sort((a, b) => a[0] - b[0])) {
        const backing = this.committee.backingOf(pool);
        if (backing.length === 0) {
          this.#pay(now, `aggregator:${this.#config.pools[pool]!.aggregator}`, currency, amount, 'backer-rest');
          continue;
        }
        largestRemainder(
          amount,
          backing.map(([, s]) => s),
        ).forEach((part, i) => {
          this.#pay(now, `staker:${backing[i]![0]}`, currency, part, 'backer-share');
        });
      }
      pools.clear();
    });
  }

  #pay(now: TimeUs, party: string, currency: number, amount: bigint, reason: string): void {
    if (amount === 0n) return;
    const from = this.#ledger.open('staker-pot', currency, true);
    const code = this.#ledger.transfer(now, from, this.#ledger.open(party, currency, true), amount, 0, reason);
    if (code !== LedgerCode.ok) throw new Error(`staking: paying ${party} failed with code ${code}`);
  }

  // ---- laws ----

  potFault(): string | null {
    for (const [currency] of this.#config.currencies.entries()) {
      let owed = 0n;
      for (const v of this.#providers[currency]!.values()) owed += v;
      for (const v of this.#pools[currency]!.values()) owed += v;
      const a = this.#ledger.find('staker-pot', currency);
      const held = a === undefined ? 0n : this.#ledger.balance(a);
      if (held !== owed) return `the staker pot holds ${held}, ${owed} is owed from it`;
    }
    return null;
  }

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
      providers: this.#providers.flatMap((m, c) => [...m].map(([p, v]): [number, string, bigint] => [c, p, v])),
      pools: this.#pools.flatMap((m, c) => [...m].map(([p, v]): [number, number, bigint] => [c, p, v])),
      nextEpochUs: this.#nextEpochUs,
    };
  }

  /** Takes ownership of the state. */
  restore(s: StakingState): void {
    this.book.restore(s.book);
    this.committee.restore(s.committee);
    for (const [c, provider, v] of s.providers) this.#providers[c]!.set(provider, v);
    for (const [c, pool, v] of s.pools) this.#pools[c]!.set(pool, v);
    this.#nextEpochUs = s.nextEpochUs;
    this.#due = this.book.nextDue();
  }
}
