import { IdMap } from '../../core/id-map.ts';
import type { Row } from '../../core/record/schema.ts';
import type { TimeUs } from '../../core/types.ts';
import type { RetryRule } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import type { Arrival } from './demand.ts';
import { after, Phase, WorldEvent } from './events.ts';

/** Jobs that come again have numbers of their own from here on, above those of any source. */
const AGAIN = 0x8000000000;

export interface RetriesState {
  open: [number, { arrival: Arrival; tries: number }][];
  next: number;
}

/**
 * Users who come back: a job that was refused, given up or failed is submitted again after a wait that grows, exponential around its mean,
 * until its user has tried often enough. It is a new job to the market: new number, new quote, new patience.
 */
export class Retries {
  readonly #queue: EventQueue;
  readonly #streams: Streams;
  /** By label of the job: its persona. */
  readonly #rules: ReadonlyMap<string, RetryRule>;
  readonly #open = new IdMap<{ arrival: Arrival; tries: number }>();
  #next = AGAIN;

  constructor(queue: EventQueue, streams: Streams, rules: readonly RetryRule[]) {
    this.#queue = queue;
    this.#streams = streams;
    this.#rules = new Map(rules.map((r) => [r.persona, r]));
  }

  /** A job is submitted for the first time. */
  note(arrival: Arrival): void {
    if (this.#rules.has(arrival.spec.label)) this.#open.set(arrival.spec.job, { arrival, tries: 0 });
  }

  /** A job is over. */
  ended(now: TimeUs, row: Row<'jobs'>): void {
    const known = this.#open.get(row.job_id);
    if (known === undefined) return;
    this.#open.delete(row.job_id);
    const rule = this.#rules.get(row.workload_name)!;
    const why =
      row.final_state === 'rejected' ? 'refused' : row.final_state === 'cancelled' ? 'gave-up' : row.final_state;
    if (known.tries >= rule.times || !rule.on.includes(why as RetryRule['on'][number])) return;
    const job = this.#next++;
    const spec = { ...known.arrival.spec, job };
    this.#open.set(job, { arrival: { ...known.arrival, spec }, tries: known.tries + 1 });
    let mean = rule.afterUs;
    for (let i = 0; i < known.tries; i++) mean *= rule.backoff;
    const wait = this.#streams.get('retries', row.user).exponential(mean);
    this.#queue.push(after(now, wait), Phase.arrival, WorldEvent.retry, job, 0);
  }

  take(now: TimeUs, job: number): Arrival {
    return { ...this.#open.get(job)!.arrival, timeUs: now };
  }

  snapshot(): RetriesState {
    return { open: this.#open.entries().map(([job, o]) => [job, { ...o }]), next: this.#next };
  }

  restore(s: RetriesState): void {
    for (const [job, o] of s.open) this.#open.set(job, { ...o });
    this.#next = s.next;
  }
}
