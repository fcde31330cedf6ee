/**
 * Pay as you go with debit notes (Golem): the provider bills the total so far every so often; a note that is not accepted in time lets the
 * provider break the agreement; one invoice after the end settles the last total. A cost is constant + sum of coefficients x usage, exact.
 */
import { type Rational, ratAdd, ratMul } from '../num/index.ts';
import { NEVER, type TimeUs } from '../types.ts';

/** cost = constant + sum of coefficient_i x usage_i; the constant stands last in the vector, as in Golem's linear pricing. */
export function linearCost(coefficients: readonly Rational[], usage: readonly Rational[]): Rational {
  if (coefficients.length !== usage.length + 1)
    throw new Error(
      `linear pricing: ${coefficients.length} coefficients for ${usage.length} usages; the constant comes last`,
    );
  return usage.reduce((sum, u, i) => ratAdd(sum, ratMul(coefficients[i]!, u)), coefficients[usage.length]!);
}

export interface DebitNoteTerms {
  readonly intervalUs: TimeUs;
  readonly acceptWithinUs: TimeUs;
}

/** 120 s between notes, 240 s to accept one; a buyer may not be given less than 5 s. */
export const GOLEM_TERMS: DebitNoteTerms = { intervalUs: 120_000_000, acceptWithinUs: 240_000_000 };
export const MIN_ACCEPT_US = 5_000_000;

export interface DebitNotesState {
  nextNoteUs: TimeUs;
  open: { number: number; total: bigint; dueUs: TimeUs } | null;
  number: number;
  accepted: bigint;
  broken: boolean;
  invoiced: bigint | null;
}

export class DebitNotes {
  readonly #terms: DebitNoteTerms;
  #nextNoteUs: TimeUs;
  #open: { number: number; total: bigint; dueUs: TimeUs } | null = null;
  #number = 0;
  #accepted = 0n;
  #broken = false;
  #invoiced: bigint | null = null;

  constructor(terms: DebitNoteTerms, startUs: TimeUs) {
    if (terms.acceptWithinUs < MIN_ACCEPT_US)
      throw new Error(`debit notes: ${terms.acceptWithinUs} us to accept; give at least 5 s`);
    this.#terms = terms;
    this.#nextNoteUs = startUs + terms.intervalUs;
  }

  /** Total that the buyer has agreed to pay. */
  get accepted(): bigint {
    return this.#accepted;
  }
  get broken(): boolean {
    return this.#broken;
  }

  nextWakeup(): TimeUs {
    if (this.#broken || this.#invoiced !== null) return NEVER;
    return Math.min(this.#nextNoteUs, this.#open?.dueUs ?? NEVER);
  }

  /** What happens by itself at `now`: a note is due, or the buyer let one pass. `total` is the cost so far. */
  pulse(now: TimeUs, total: bigint): 'note' | 'broken' | null {
    if (this.#broken || this.#invoiced !== null) return null;
    if (this.#open !== null && this.#open.dueUs < now) {
      this.#broken = true;
      return 'broken';
    }
    if (now < this.#nextNoteUs) return null;
    this.#nextNoteUs = now + this.#terms.intervalUs;
    this.issue(now, total);
    return 'note';
  }

  /** A note for the total so far. */
  issue(now: TimeUs, total: bigint): void {
    // A newer note replaces the one before, but not its deadline: a buyer cannot be silent for ever.
    this.#open = { number: ++this.#number, total, dueUs: this.#open?.dueUs ?? now + this.#terms.acceptWithinUs };
  }

  /** Until when the open note may be accepted; NEVER = none is open. */
  get dueUs(): TimeUs {
    return this.#open?.dueUs ?? NEVER;
  }

  /** The total that the open note asks for; null = none is open. */
  get asked(): bigint | null {
    return this.#open?.total ?? null;
  }

  /** The buyer accepts a total; less than asked counts as no acceptance. */
  accept(total: bigint): boolean {
    if (this.#open === null || this.#broken || total < this.#open.total) return false;
    this.#accepted = total;
    this.#open = null;
    return true;
  }

  snapshot(): DebitNotesState {
    return {
      nextNoteUs: this.#nextNoteUs,
      open: this.#open === null ? null : { ...this.#open },
      number: this.#number,
      accepted: this.#accepted,
      broken: this.#broken,
      invoiced: this.#invoiced,
    };
  }

  static of(terms: DebitNoteTerms, s: DebitNotesState): DebitNotes {
    const notes = new DebitNotes(terms, 0);
    notes.#nextNoteUs = s.nextNoteUs;
    notes.#open = s.open === null ? null : { ...s.open };
    notes.#number = s.number;
    notes.#accepted = s.accepted;
    notes.#broken = s.broken;
    notes.#invoiced = s.invoiced;
    return notes;
  }

  /** The one invoice after the end, for the last total: whatever no note covered included. */
  invoice(total: bigint): bigint {
    if (this.#invoiced !== null) throw new Error('debit notes: an agreement has exactly one invoice');
    if (total < this.#accepted)
      throw new Error(`debit notes: an invoice of ${total} below the accepted ${this.#accepted}`);
    this.#invoiced = total;
    return total;
  }
}
