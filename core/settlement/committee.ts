/**
 * Who runs which machines. The pools that the configuration gives machines to are the seats; stakers nominate pools, a rule elects as
 * many as there are seats, and whoever lost hands all it has to a newcomer by takeover. An aggregator that stops answering is replaced at
 * once by the best candidate without a seat.
 */
import type { Committee as Elected, ElectionRule } from '../interfaces.ts';
import type { Row } from '../record/schema.ts';
import type { MarketConfig, StakeRules, TimeUs } from '../types.ts';

/** A staker's stake behind a pool in the present epoch. */
export type Backing = [string, bigint];

export interface CommitteeState {
  holders: number[];
  nominations: [string, number[]][];
  commissionBps: number[];
  down: boolean[];
  backing: Backing[][];
  epoch: number;
}

interface Candidates {
  pools: number[];
  voters: { id: string; stake: bigint; approvals: number[] }[];
  elected: Elected;
  /** Parallel to `pools`. */
  support: bigint[];
  approval: bigint[];
}

export type ElectionRow = Omit<Row<'elections'>, 'currency'>;

/** The seat of each pool at the start; -1 = a candidate without machines. */
export function homeSeats(config: MarketConfig): number[] {
  let seats = 0;
  return config.pools.map((_, p) => (config.nodes.some((n) => n.pool === p) ? seats++ : -1));
}

export class Committee {
  readonly #config: MarketConfig;
  readonly #rules: StakeRules;
  readonly #rule: ElectionRule;
  readonly #row: (row: ElectionRow) => void;
  readonly #takeover: (now: TimeUs, from: number, to: number) => void;
  readonly #votes: (staker: string) => bigint;
  readonly #homes: number[];
  /** Pool on each seat. */
  #holders: number[];
  readonly #nominations = new Map<string, number[]>();
  #commissionBps: number[];
  #down: boolean[];
  /** Who lends stake to each pool, by the election that seated it. */
  #backing: Backing[][];
  #epoch = 0;

  constructor(
    config: MarketConfig,
    rules: StakeRules,
    rule: ElectionRule,
    votes: (staker: string) => bigint,
    takeover: (now: TimeUs, from: number, to: number) => void,
    row: (row: ElectionRow) => void,
  ) {
    this.#config = config;
    this.#rules = rules;
    this.#rule = rule;
    this.#votes = votes;
    this.#takeover = takeover;
    this.#row = row;
    this.#homes = homeSeats(config);
    this.#holders = config.pools.map((_, p) => p).filter((p) => this.#homes[p]! >= 0);
    for (const s of rules.stakers) if (s.nominates.length > 0) this.#nominations.set(s.id, s.nominates);
    this.#commissionBps = [...rules.commissionBps];
    this.#down = config.pools.map(() => false);
    this.#backing = config.pools.map(() => []);
  }

  /** The pool that has the machines which `pool` had at the start; for a candidate that had none, those of some seat. */
  holderOf(pool: number): number {
    const home = this.#homes[pool]!;
    return this.#holders[home >= 0 ? home : pool % this.#holders.length]!;
  }
  holders(): readonly number[] {
    return this.#holders;
  }
  backingOf(pool: number): readonly Backing[] {
    return this.#backing[pool]!;
  }
  commissionOf(pool: number): number {
    return this.#commissionBps[pool]!;
  }
  nominationsOf(staker: string): readonly number[] {
    return this.#nominations.get(staker) ?? [];
  }

  nominate(staker: string, pools: readonly number[]): string {
    if (!this.#rules.stakers.some((s) => s.id === staker)) return 'unknown-staker';
    if (pools.some((p) => this.#config.pools[p] === undefined)) return 'unknown-pool';
    const once = [...new Set(pools)];
    if (once.length > this.#rules.maxNominations) return 'too-many';
    if (once.length === 0) this.#nominations.delete(staker);
    else this.#nominations.set(staker, once);
    return 'ok';
  }

  setCommission(pool: number, bps: number): string {
    if (this.#config.pools[pool] === undefined) return 'unknown-pool';
    if (!Number.isInteger(bps) || bps < 0 || bps > 10_000) return 'out-of-range';
    this.#commissionBps[pool] = bps;
    return 'ok';
  }

  /** An operator's takeover, or one of ours: whatever `from` sat on is `to`'s. */
  moved(from: number, to: number): void {
    this.#holders = this.#holders.map((h) => (h === from ? to : h));
  }

  aggregator(now: TimeUs, pool: number, up: boolean): string {
    if (this.#config.pools[pool] === undefined) return 'unknown-pool';
    this.#down[pool] = !up;
    if (up || !this.#holders.includes(pool)) return 'ok';
    const c = this.#run(this.#config.pools.map((_, p) => p).filter((p) => !this.#down[p]));
    const next = this.#order(c).find((i) => !this.#holders.includes(c.pools[i]!) && this.#enough(c.approval[i]!));
    if (next === undefined) return 'no-candidate';
    const to = c.pools[next]!;
    this.#backing[to] = this.#edgesOf(c, next);
    // Not elected to its seat by the stake of others: those who nominate it stand behind it.
    if (this.#backing[to].length === 0)
      this.#backing[to] = c.voters
        .filter((v) => v.approvals.includes(next))
        .map((v): Backing => [v.id, v.stake])
        .filter(([, s]) => s > 0n);
    this.#takeover(now, pool, to);
    this.#report(now, 'failure', c);
    return 'ok';
  }

  /** The election that opens an epoch. */
  elect(now: TimeUs): void {
    this.#epoch++;
    const c = this.#run(this.#config.pools.map((_, p) => p).filter((p) => !this.#down[p]));
    const seated = c.elected.winners.filter((i) => this.#enough(c.support[i]!));
    const winners = new Set(seated.map((i) => c.pools[i]!));
    const newcomers = seated.map((i) => c.pools[i]!).filter((p) => !this.#holders.includes(p));
    this.#backing = this.#config.pools.map((_, p) => (winners.has(p) ? this.#edgesOf(c, c.pools.indexOf(p)) : []));
    for (const from of new Set(this.#holders)) {
      if (winners.has(from)) continue;
      const to = newcomers.shift();
      // Nobody else was elected: who sits, stays.
      if (to === undefined) break;
      this.#takeover(now, from, to);
    }
    this.#report(now, 'epoch', c);
  }

  #enough(stake: bigint): boolean {
    return stake > 0n && stake >= BigInt(this.#rules.election.minSupport);
  }

  #run(pools: number[]): Candidates {
    const at = new Map(pools.map((p, i) => [p, i]));
    const voters = this.#rules.stakers
      .map((s) => s.id)
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
      .map((id) => ({
        id,
        stake: this.#votes(id),
        approvals: this.nominationsOf(id).flatMap((p) => at.get(p) ?? []),
      }))
      .filter((v) => v.stake > 0n && v.approvals.length > 0);
    const seats = Math.min(this.#rules.election.seats, pools.length);
    const candidates = pools.map((p) => this.#config.pools[p]!.id);
    const elected: Elected = seats === 0 ? { winners: [], edges: [] } : this.#rule.elect({ seats, candidates, voters });
    const fault = faultOf(elected, seats, pools.length, voters);
    if (fault !== null) throw new Error(`election rule ${this.#rule.name}: ${fault}`);
    const support = pools.map(() => 0n);
    for (const e of elected.edges) support[e.candidate]! += e.amount;
    const approval = pools.map((_, i) => voters.reduce((n, v) => (v.approvals.includes(i) ? n + v.stake : n), 0n));
    return { pools, voters, elected, support, approval };
  }

  #edgesOf(c: Candidates, i: number): Backing[] {
    return c.elected.edges
      .filter((e) => e.candidate === i && e.amount > 0n)
      .map((e): Backing => [c.voters[e.voter]!.id, e.amount]);
  }

  /** Winners as elected, then the others by the stake that nominates them; ties by number. */
  #order(c: Candidates): number[] {
    const rest = c.pools.map((_, i) => i).filter((i) => !c.elected.winners.includes(i));
    rest.sort((a, b) => (c.approval[a]! === c.approval[b]! ? a - b : c.approval[a]! > c.approval[b]! ? -1 : 1));
    return [...c.elected.winners, ...rest];
  }

  #report(now: TimeUs, occasion: string, c: Candidates): void {
    this.#config.pools.forEach((spec, p) => {
      const i = c.pools.indexOf(p);
      const common = { epoch: this.#epoch, time_us: now, occasion, pool: spec.id, aggregator: spec.aggregator };
      const rest = {
        rank: i < 0 ? 0 : c.elected.winners.indexOf(i) + 1,
        seat: this.#holders.indexOf(p),
        commission_bps: this.#commissionBps[p]!,
      };
      const backing = this.#backing[p]!;
      const whole = backing.reduce((n, [, s]) => n + s, 0n);
      this.#row({ ...common, voter: '', amount_micro: whole, approval_micro: c.approval[i] ?? 0n, ...rest });
      for (const [voter, amount] of backing)
        this.#row({ ...common, voter, amount_micro: amount, approval_micro: 0n, ...rest });
    });
  }

  /** The machines of each seat are with its holder. */
  fault(poolOfNode: (node: number) => number): string | null {
    for (const [n, spec] of this.#config.nodes.entries()) {
      const holder = this.holderOf(spec.pool);
      if (poolOfNode(n) !== holder)
        return `machine ${spec.id} is with pool ${poolOfNode(n)}, its seat with pool ${holder}`;
    }
    return null;
  }

  snapshot(): CommitteeState {
    return {
      holders: [...this.#holders],
      nominations: [...this.#nominations].map(([id, pools]) => [id, [...pools]]),
      commissionBps: [...this.#commissionBps],
      down: [...this.#down],
      backing: this.#backing.map((b) => b.map(([id, s]): Backing => [id, s])),
      epoch: this.#epoch,
    };
  }

  /** Takes ownership of the state. */
  restore(s: CommitteeState): void {
    this.#holders = s.holders;
    this.#nominations.clear();
    for (const [id, pools] of s.nominations) this.#nominations.set(id, pools);
    this.#commissionBps = s.commissionBps;
    this.#down = s.down;
    this.#backing = s.backing;
    this.#epoch = s.epoch;
  }
}

/** A rule proposes: seats, who was nominated by whom and the voters' stakes bind it. */
function faultOf(
  e: Elected,
  seats: number,
  candidates: number,
  voters: readonly { stake: bigint; approvals: readonly number[] }[],
): string | null {
  const won = new Set(e.winners);
  if (won.size !== e.winners.length || won.size > seats) return `elects ${e.winners.length} for ${seats} seats`;
  for (const w of won) if (!(w >= 0 && w < candidates)) return `elects candidate ${w}, who does not stand`;
  const lent = voters.map(() => 0n);
  for (const x of e.edges) {
    const v = voters[x.voter];
    if (v === undefined || !won.has(x.candidate) || !v.approvals.includes(x.candidate) || x.amount < 0n)
      return `lends the stake of voter ${x.voter} to candidate ${x.candidate}`;
    lent[x.voter]! += x.amount;
    if (lent[x.voter]! > v.stake) return `lends more than voter ${x.voter} has`;
  }
  return null;
}
