/** Agents who do not play by the rules, after loading: who they are by name and what they do. See docs/models/adversaries.md. */
import type { TimeUs } from '../core/types.ts';
import type { Spread, TimeFamily } from './resolved.ts';

interface Agents {
  /** Providers, or users, drawn by the scenario's seed. */
  agents: string[];
  /** Those of the same group or persona who play by the rules. */
  others: string[];
  /** They are counted, and act as the others do: the counterpart with the same private values and random numbers. */
  honest: boolean;
  /** Other rules to try them under, each with the changes of the scenario that make it (`path=value`). */
  variants?: { name: string; sets: string[] }[];
}

/** Providers who give a job's machine to whoever pays more. Honest ones take such offers only while nothing runs there. */
export interface Leavers extends Agents {
  /** Mean time between two offers for one machine, exponential. */
  everyUs: TimeUs;
  lasts: TimeFamily;
  /** Of an hour of one GPU. */
  pays: Spread;
  /** An offer is taken when it pays more than so many times what the market pays its provider. */
  above: number;
}

/** Providers who report the end of a job late and bill until then. */
export interface Overbillers extends Agents {
  /** Share of what is left to the job's limit that they add. */
  until: number;
  /** How soon users see that their job is done, and end the lease; NEVER = they do not look. */
  noticedUs: TimeUs;
}

/** Users who keep what they have leased after their work is done. */
export interface Squatters extends Agents {
  keepUs: TimeUs;
  /** Of an hour of a GPU at hand, micro-USD. */
  worthMicro: number;
  /** How soon an idle lease is ended; NEVER = at its limit. */
  noticedUs: TimeUs;
}

/** Users who order and vanish. */
export interface DeadRequestors extends Agents {
  /** Names under which each comes, one after the other. */
  identities: number;
  /** What each name has in its account, micro-units as a decimal integer; null = what the persona's users have. */
  brings: string | null;
  /** From here on they answer no debit note once their order is taken. */
  afterUs: TimeUs;
  /** false = they never come for their results: these are worth nothing, and the lease stays until its limit or `noticedUs`. */
  collects: boolean;
  noticedUs: TimeUs;
}

/** Providers who agree on what to ask and what to hold back. */
export interface Ring extends Agents {
  /** Multiple of their cost that they ask in supply auctions. */
  asks: number;
  /** Share of their machines, dearest first, that they keep off the market. */
  withhold: number;
}

export interface AdversarySpec {
  leavers?: Leavers;
  overbillers?: Overbillers;
  squatters?: Squatters;
  deadRequestors?: DeadRequestors;
  ring?: Ring;
}

export const adversaryKinds = ['leavers', 'overbillers', 'squatters', 'deadRequestors', 'ring'] as const;
export type AdversaryKind = (typeof adversaryKinds)[number];

/** The name under which a dead requestor comes for the k-th time, from 1. */
export const identityOf = (user: string, k: number): string => (k === 1 ? user : `${user}~${k}`);
