/**
 * The wire between two hosts. Messages are numbered, acknowledged cumulatively, sent again with backoff and delivered once
 * and in order: loss, duplication and reordering end here, and machines see only delay, partition and crash (contract, rule 9).
 */
import type { Message } from '../messages.ts';
import { clonePlain } from '../plain.ts';
import { NEVER, type TimeUs } from '../types.ts';

/** A message on its way between two machines of different hosts; null where one was dropped, so that numbers stay. */
export interface Letter {
  from: number;
  to: number;
  message: Message;
}

export interface Packet {
  fromHost: number;
  toHost: number;
  /** Every letter below this number has arrived at the sender of the packet. */
  ack: number;
  /** Number of the first letter. */
  first: number;
  /** Lowest number that can still come: earlier ones were confirmed or dropped. */
  base: number;
  letters: (Letter | null)[];
}

export interface LinkOptions {
  /** First wait for an acknowledgement, and the ceiling of its doubling. */
  resendUs: TimeUs;
  resendMaxUs: TimeUs;
  /** Most letters in one packet. */
  window: number;
}

export interface LinkState {
  acked: number;
  outbox: (Letter | null)[];
  sent: number;
  nextIn: number;
  ackDue: boolean;
  resendAtUs: TimeUs;
  backoffUs: TimeUs;
}

export class Link {
  readonly #self: number;
  readonly #peer: number;
  readonly #options: LinkOptions;
  /** Letters from number `acked` on that the peer has not confirmed; the first `#sent` of them have been sent. */
  #outbox: (Letter | null)[] = [];
  #acked = 0;
  #sent = 0;
  #nextIn = 0;
  #ackDue = false;
  #resendAtUs: TimeUs = NEVER;
  #backoffUs: TimeUs;

  constructor(self: number, peer: number, options: LinkOptions) {
    this.#self = self;
    this.#peer = peer;
    this.#options = options;
    this.#backoffUs = options.resendUs;
  }

  post(letter: Letter): void {
    this.#outbox.push(letter);
  }

  /** Letters of the packet that are next in order; earlier ones are duplicates, later ones will be sent again. */
  receive(now: TimeUs, p: Packet): Letter[] {
    if (p.ack > this.#acked) {
      const confirmed = Math.min(p.ack - this.#acked, this.#outbox.length);
      this.#outbox.splice(0, confirmed);
      this.#acked += confirmed;
      this.#sent = Math.max(0, this.#sent - confirmed);
      this.#backoffUs = this.#options.resendUs;
      this.#resendAtUs = this.#sent > 0 ? now + this.#backoffUs : NEVER;
    }
    if (p.base > this.#nextIn) this.#nextIn = p.base;
    if (p.letters.length === 0) return [];
    this.#ackDue = true;
    const skip = this.#nextIn - p.first;
    if (skip < 0 || skip >= p.letters.length) return [];
    this.#nextIn += p.letters.length - skip;
    return p.letters.slice(skip).filter((l) => l !== null);
  }

  /** What must go out now: new letters, letters unconfirmed for too long, or a bare acknowledgement. */
  flush(now: TimeUs): Packet | null {
    const overdue = this.#resendAtUs <= now;
    if (overdue) this.#backoffUs = Math.min(this.#backoffUs * 2, this.#options.resendMaxUs);
    const from = overdue ? 0 : this.#sent;
    const letters = this.#outbox.slice(from, from + this.#options.window);
    if (letters.length === 0 && !this.#ackDue) return null;
    this.#sent = Math.max(this.#sent, from + letters.length);
    if (letters.length > 0 && (overdue || this.#resendAtUs === NEVER)) this.#resendAtUs = now + this.#backoffUs;
    this.#ackDue = false;
    return {
      fromHost: this.#self,
      toHost: this.#peer,
      ack: this.#nextIn,
      first: this.#acked + from,
      base: this.#acked,
      letters,
    };
  }

  /** More than one packet may be due: letters beyond the window. */
  get pending(): boolean {
    return this.#ackDue || this.#sent < this.#outbox.length;
  }
  nextWakeup(): TimeUs {
    return this.#resendAtUs;
  }
  /** Nothing unconfirmed. */
  get idle(): boolean {
    return this.#outbox.length === 0;
  }

  /** A machine behind the link is dead or superseded: forgets letters that were never confirmed. Silent when none is left. */
  drop(useless: (letter: Letter) => boolean): void {
    for (let i = 0; i < this.#outbox.length; i++) {
      const letter = this.#outbox[i]!;
      if (letter !== null && useless(letter)) this.#outbox[i] = null;
    }
    if (this.#outbox.some((l) => l !== null)) return;
    this.#acked += this.#outbox.length;
    this.#outbox = [];
    this.#sent = 0;
    this.#resendAtUs = NEVER;
    this.#backoffUs = this.#options.resendUs;
  }

  snapshot(): LinkState {
    return clonePlain<LinkState>({
      acked: this.#acked,
      outbox: this.#outbox,
      sent: this.#sent,
      nextIn: this.#nextIn,
      ackDue: this.#ackDue,
      resendAtUs: this.#resendAtUs,
      backoffUs: this.#backoffUs,
    });
  }

  restore(state: LinkState): void {
    const s = clonePlain(state);
    this.#acked = s.acked;
    this.#outbox = s.outbox;
    this.#sent = s.sent;
    this.#nextIn = s.nextIn;
    this.#ackDue = s.ackDue;
    this.#resendAtUs = s.resendAtUs;
    this.#backoffUs = s.backoffUs;
  }
}
