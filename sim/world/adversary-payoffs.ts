/**
 * What not playing by the rules brings: the payoff of every adversary, and of those of the same group or persona who do not cheat. A
 * provider's payoff is what the market paid it, less what was seized, plus what it earned elsewhere, less what its hours cost it; a user's
 * is what its completed jobs and the GPUs it kept were worth, less what it really paid. USD; JCT at the run's fixed price.
 */
import type { Row, TableName } from '../../core/record/schema.ts';
import { HOUR_US, type MarketConfig } from '../../core/types.ts';
import { type AdversaryKind, type AdversarySpec, adversaryKinds, identityOf } from '../../scenarios/adversary-spec.ts';
import type { ResolvedNode } from '../../scenarios/resolved.ts';
import type { Acts } from './adversaries.ts';
import { gpusOf } from './aggregator-books.ts';
import type { RealUse } from './real-use.ts';

export interface AdversaryPayoff {
  agents: number;
  /** They act as the others do: the counterpart of a run in which they do not. */
  honest: boolean;
  /** Jobs left (leavers), leases kept after the work (overbillers, squatters), names used up (dead requestors), machines held back (ring). */
  acts: number;
  /** From the market less what was paid to it. */
  marketUsd: number;
  /** From elsewhere, or worth of GPUs kept. */
  outsideUsd: number;
  /** Of jobs that completed. */
  worthUsd: number;
  costUsd: number;
  payoffUsd: number;
  payoffPerAgentUsd: number;
  /** Charged to them and never paid. */
  unpaidUsd: number;
  /** Leased after the work was done. */
  idleGpuHours: number;
  /** Those of the same group or persona who play by the rules, and what an agent has more than they. */
  others: { agents: number; payoffPerAgentUsd: number };
  overOthersUsd: number;
  each: { agent: string; acts: number; payoffUsd: number }[];
}

interface Account {
  /** Micro-USD. */
  market: number;
  worth: number;
  cost: number;
  unpaid: number;
  /** Deposits. */
  brought: number;
}

export class AdversaryPayoffs {
  readonly #spec: AdversarySpec;
  readonly #config: Omit<MarketConfig, 'key'>;
  readonly #lives: readonly ResolvedNode[];
  readonly #realUse: RealUse;
  readonly #nodes: ReadonlyMap<string, number>;
  readonly #accounts = new Map<string, Account>();
  /** Agent of every name under which it comes. */
  readonly #agentOf = new Map<string, string>();
  #value = -1;
  /** Cost of machines whose GPUs are registered several times, by provider. */
  #shared: ReadonlyMap<string, number> = new Map();

  constructor(
    spec: AdversarySpec,
    config: Omit<MarketConfig, 'key'>,
    lives: readonly ResolvedNode[],
    realUse: RealUse,
  ) {
    this.#spec = spec;
    this.#config = config;
    this.#lives = lives;
    this.#realUse = realUse;
    this.#nodes = new Map(config.nodes.map((n, i) => [n.id, i]));
    for (const kind of adversaryKinds)
      for (const name of [...(spec[kind]?.agents ?? []), ...(spec[kind]?.others ?? [])]) {
        this.#accounts.set(name, { market: 0, worth: 0, cost: 0, unpaid: 0, brought: 0 });
        this.#agentOf.set(name, name);
      }
    for (const agent of spec.deadRequestors?.agents ?? [])
      for (let k = 2; k <= spec.deadRequestors!.identities; k++) this.#agentOf.set(identityOf(agent, k), agent);
  }

  /** Worth of the job whose row follows, micro-USD; -1 = not known. */
  value(valueMicro: number): void {
    this.#value = valueMicro;
  }

  #account(name: string): Account | undefined {
    const agent = this.#agentOf.get(name);
    return agent === undefined ? undefined : this.#accounts.get(agent);
  }

  #usd(currency: string, amount: bigint): number {
    const usd = Number(amount);
    return currency === this.#config.currencies[0]!.code ? usd : (usd * this.#config.tokenPriceMicro) / 1e6;
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'transfers') this.#transfer(row as Row<'transfers'>);
    else if (table === 'placements') this.#placement(row as Row<'placements'>);
    else if (table === 'jobs') {
      const j = row as Row<'jobs'>;
      const value = this.#value;
      this.#value = -1;
      const a = this.#account(j.user);
      if (a !== undefined && j.final_state === 'completed' && value > 0 && this.#collects(j.user)) a.worth += value;
    } else if (table === 'adjustments') {
      const r = row as Row<'adjustments'>;
      const a = this.#account(r.user);
      if (a === undefined) return;
      const amount = this.#usd(r.currency, r.amount_micro);
      if (r.kind === 'unpaid') a.unpaid += amount;
      else if (r.kind === 'debt-paid') a.unpaid -= amount;
    }
  }

  #collects(user: string): boolean {
    const dead = this.#spec.deadRequestors;
    return dead === undefined || dead.honest || dead.collects || !dead.agents.includes(this.#agentOf.get(user)!);
  }

  #transfer(t: Row<'transfers'>): void {
    if (t.kind === 'pending' || t.kind === 'void') return;
    const amount = this.#usd(t.currency, t.amount_micro);
    const from = this.#account(partyOf(t.debit));
    const to = this.#account(partyOf(t.credit));
    // What comes from outside is a deposit: the money of whoever brings it, before and after.
    if (t.debit === 'world') {
      if (to !== undefined) to.brought += amount;
      return;
    }
    if (from !== undefined) from.market -= amount;
    if (to !== undefined) to.market += amount;
  }

  #placement(p: Row<'placements'>): void {
    if (p.start_us < 0) return;
    const i = this.#nodes.get(p.node)!;
    const a = this.#account(this.#config.nodes[i]!.provider);
    if (a === undefined || this.#realUse.knows(p.node)) return;
    const hours = (gpusOf(p.gpus) * p.gpu_milli * (p.end_us - p.start_us)) / (1000 * HOUR_US);
    a.cost += this.#lives[i]!.costMicroPerGpuHour * hours;
  }

  figures(acts: ReadonlyMap<string, Acts>): Record<string, AdversaryPayoff> {
    const shared = new Map<string, number>();
    this.#config.nodes.forEach((n, i) => {
      if (!this.#accounts.has(n.provider) || !this.#realUse.knows(n.id)) return;
      const cost = (this.#lives[i]!.costMicroPerGpuHour * Number(this.#realUse.milliUsOf(n.id))) / (1000 * HOUR_US);
      shared.set(n.provider, (shared.get(n.provider) ?? 0) + cost);
    });
    this.#shared = shared;
    const out: Record<string, AdversaryPayoff> = {};
    for (const kind of adversaryKinds) if (this.#spec[kind] !== undefined) out[kind] = this.#figuresOf(kind, acts);
    return out;
  }

  #figuresOf(kind: AdversaryKind, acts: ReadonlyMap<string, Acts>): AdversaryPayoff {
    const { agents, others, honest } = this.#spec[kind]!;
    const sum = { market: 0, outside: 0, worth: 0, cost: 0, unpaid: 0, idle: 0, acts: 0, payoff: 0 };
    const each = agents.map((agent) => {
      const x = this.#of(kind, agent, acts.get(agent), !honest);
      sum.market += x.market;
      sum.outside += x.outside;
      sum.worth += x.worth;
      sum.cost += x.cost;
      sum.unpaid += x.unpaid;
      sum.idle += acts.get(agent)?.idleMilliUs ?? 0;
      sum.acts += acts.get(agent)?.acts ?? 0;
      sum.payoff += x.payoff;
      return { agent, acts: acts.get(agent)?.acts ?? 0, payoffUsd: usd(x.payoff) };
    });
    let theirs = 0;
    for (const o of others) theirs += this.#of(kind, o, acts.get(o), false).payoff;
    const mean = agents.length === 0 ? 0 : sum.payoff / agents.length;
    const meanOfOthers = others.length === 0 ? 0 : theirs / others.length;
    return {
      agents: agents.length,
      honest,
      acts: sum.acts,
      marketUsd: usd(sum.market),
      outsideUsd: usd(sum.outside),
      worthUsd: usd(sum.worth),
      costUsd: usd(sum.cost),
      payoffUsd: usd(sum.payoff),
      payoffPerAgentUsd: usd(mean),
      unpaidUsd: usd(sum.unpaid),
      idleGpuHours: Math.round((sum.idle / (1000 * HOUR_US)) * 1e6) / 1e6,
      others: { agents: others.length, payoffPerAgentUsd: usd(meanOfOthers) },
      overOthersUsd: others.length === 0 ? 0 : usd(mean - meanOfOthers),
      each,
    };
  }

  /** Micro-USD. */
  #of(kind: AdversaryKind, name: string, acts: Acts | undefined, cheats: boolean) {
    const a = this.#accounts.get(name)!;
    // Whoever may owe and vanishes has paid no more than it brought.
    const neverPaid = cheats && kind === 'deadRequestors' ? Math.max(0, -a.market - a.brought) : 0;
    const market = a.market + neverPaid;
    const kept =
      kind === 'squatters' && acts !== undefined
        ? (this.#spec.squatters!.worthMicro * acts.idleMilliUs) / (1000 * HOUR_US)
        : 0;
    const outside = (acts?.outsideMicro ?? 0) + kept;
    const cost = a.cost + (this.#shared.get(name) ?? 0) + (acts?.outsideCostMicro ?? 0) - (acts?.idleCostMicro ?? 0);
    return {
      market,
      outside,
      worth: a.worth,
      cost,
      unpaid: a.unpaid + neverPaid,
      payoff: market + outside + a.worth - cost,
    };
  }
}

/** "provider:farm-001" is farm-001's, and so is what it has lodged; accounts of pools belong to nobody here. */
function partyOf(account: string): string {
  const at = account.indexOf(':');
  const kind = account.slice(0, at);
  return kind === 'provider' || kind === 'deposit' || kind === 'user' ? account.slice(at + 1) : '';
}

const usd = (micro: number): number => Math.round(micro) / 1e6;
