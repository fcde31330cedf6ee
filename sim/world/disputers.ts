/**
 * Who disputes charges, who answers, and what checks find. A user whose result was made up notices with a chance and files; others file with a
 * chance although nothing is wrong. A provider that delivered contests; one that made the result up lets the time pass, or contests all the
 * same. A contested case is checked with a chance, and a check errs as the scenario says. All draws are chance nodes of the lease, so that
 * another rule of the market changes no other draw.
 */
import { type Fact, FactKind } from '../../core/facts.ts';
import { chance, chanceInt } from '../../core/num/index.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import type { JobSpec, MarketConfig, TimeUs } from '../../core/types.ts';
import type { DisputersSpec } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import { Phase, WorldEvent } from './events.ts';

const Kind = { file: 0, answer: 1, check: 2 } as const;

/** A lease that somebody files about. */
interface Doubt {
  user: string;
  provider: string;
  madeUp: boolean;
}

/** How often the market decided against what was so. */
export interface DisputeErrors {
  goodPaidBack: number;
  madeUpStaysPaid: number;
}

export interface DisputersState {
  errors: DisputeErrors;
  seq: number;
  open: [number, Doubt][];
}

export interface DisputersOptions {
  spec: DisputersSpec;
  config: MarketConfig;
  queue: EventQueue;
  /** A job that is not over. */
  job: (job: number) => Pick<JobSpec, 'user' | 'label'> | undefined;
  /** Was the result of the lease made up? */
  madeUp: (row: Row<'placements'>) => boolean;
}

export class Disputers {
  readonly #o: DisputersOptions;
  readonly #filers: ReadonlyMap<string, DisputersSpec['filers'][number]>;
  readonly #open = new Map<number, Doubt>();
  #seq = 0;
  readonly errors: DisputeErrors = { goodPaidBack: 0, madeUpStaysPaid: 0 };

  constructor(options: DisputersOptions) {
    this.#o = options;
    this.#filers = new Map(options.spec.filers.map((f) => [f.label, f]));
  }

  #at(t: TimeUs, kind: number, lease: number): void {
    this.#o.queue.push(t, Phase.arrival, WorldEvent.dispute, lease, kind);
  }

  row<T extends TableName>(now: TimeUs, table: T, row: Row<T>): void {
    if (table === 'placements') this.#charged(now, row as Row<'placements'>);
    else if (table === 'disputes') this.#step(now, row as Row<'disputes'>);
  }

  #charged(now: TimeUs, p: Row<'placements'>): void {
    const job = this.#o.job(p.job_id);
    const f = this.#filers.get(job?.label ?? '');
    if (f === undefined || p.charge_micro === 0n || p.outcome !== 'completed') return;
    const madeUp = this.#o.madeUp(p);
    const { key } = this.#o.config;
    if (chance(key, 'dispute', p.lease_id) >= (madeUp ? f.notices : f.frivolous)) return;
    this.#open.set(p.lease_id, { user: job!.user, provider: p.provider, madeUp });
    this.#at(Math.max(now + 1, p.end_us + f.afterUs), Kind.file, p.lease_id);
  }

  #step(now: TimeUs, d: Row<'disputes'>): void {
    const { answers, checks } = this.#o.spec;
    if (d.event === 'filed') this.#at(now + Math.max(1, answers.afterUs), Kind.answer, d.lease_id);
    else if (d.event === 'contested') this.#at(now + Math.max(1, checks.afterUs), Kind.check, d.lease_id);
    else if (d.event !== 'answer-refused') {
      const doubt = this.#open.get(d.lease_id);
      if (doubt !== undefined && d.event === 'upheld' && !doubt.madeUp) this.errors.goodPaidBack++;
      if (doubt !== undefined && d.event === 'rejected' && doubt.madeUp) this.errors.madeUpStaysPaid++;
      this.#open.delete(d.lease_id);
    }
  }

  happen(lease: number, kind: number): Fact[] {
    const doubt = this.#open.get(lease);
    if (doubt === undefined) return [];
    const { key, disputes } = this.#o.config;
    const { answers, checks } = this.#o.spec;
    const { user, provider, madeUp } = doubt;
    const fact = (act: Extract<Fact, { kind: typeof FactKind.dispute }>['act']): Fact[] => [
      { kind: FactKind.dispute, seq: ++this.#seq, act },
    ];
    if (kind === Kind.file) return fact({ do: 'file', lease, by: user });
    if (kind === Kind.answer) {
      const wants = !madeUp || chance(key, 'dispute-bluff', lease) < answers.bluffs;
      const answersAtAll = chance(key, 'dispute-answer', lease) < answers.share;
      return wants && answersAtAll ? fact({ do: 'contest', lease, by: provider }) : [];
    }
    if (chance(key, 'dispute-check', lease) >= checks.share) return [];
    const arbiters = disputes!.arbiters;
    const by = arbiters[chanceInt(key, 'dispute-arbiter', lease, arbiters.length)]!;
    const wrong = chance(key, 'dispute-verdict', lease) < (madeUp ? checks.detection : checks.falseAlarm);
    return fact({ do: 'check', lease, by, good: !wrong });
  }

  snapshot(): DisputersState {
    return { errors: { ...this.errors }, seq: this.#seq, open: [...this.#open].map(([lease, d]) => [lease, { ...d }]) };
  }

  restore(s: DisputersState): void {
    Object.assign(this.errors, s.errors);
    this.#seq = s.seq;
    for (const [lease, d] of s.open) this.#open.set(lease, { ...d });
  }
}
