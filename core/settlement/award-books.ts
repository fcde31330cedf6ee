/** The awards that the chain has booked, by pool: what a quote may refer to. A quote must restate them, and its sum must follow from them. */
import type { Awards, Reserve } from '../messages.ts';
import { Code, type MarketConfig } from '../types.ts';
import { contractRate, quoteId } from './demand.ts';
import { MAX_AMOUNT } from './ledger.ts';
import { mostCharged } from './terms.ts';

interface Book {
  epoch: number;
  /** award number -> [class, rate] */
  awards: Map<number, readonly [number, number]>;
}

/** By pool: epoch, and [award, class, rate] of each. */
export type AwardBooksState = [number, [number, number, number][]][][];

export class AwardBooks {
  readonly #config: MarketConfig;
  /** The last two epochs of each pool. */
  #books: Book[][];

  constructor(config: MarketConfig) {
    this.#config = config;
    this.#books = config.pools.map(() => []);
  }

  /** A clearing of a new epoch, about known classes, at whole rates. */
  sound(m: Awards, pool: number): boolean {
    const last = this.#books[pool]!.at(-1);
    return (
      (last === undefined || m.epoch > last.epoch) &&
      m.awards.every(
        (a) =>
          Number.isSafeInteger(a.rateMicro) &&
          a.rateMicro >= 0 &&
          Number.isInteger(a.gpuClass) &&
          this.#config.classes[a.gpuClass] !== undefined,
      )
    );
  }

  book(m: Awards, pool: number): void {
    const books = this.#books[pool]!;
    books.push({ epoch: m.epoch, awards: new Map(m.awards.map((a) => [a.award, [a.gpuClass, a.rateMicro]])) });
    if (books.length > 2) books.shift();
  }

  /** The quote restates awards of this chain, and its sum and hash follow from them and from the contract that is in force. */
  check(m: Reserve, pool: number): Code {
    const q = m.quote;
    const book = this.#books[pool]!.find((b) => b.epoch === q.epoch);
    if (book === undefined || q.classes.length === 0) return Code.awardUnknown;
    for (let i = 0; i < q.classes.length; i++) {
      const award = book.awards.get(q.awards[i]!);
      if (award === undefined || award[0] !== q.classes[i]) return Code.awardUnknown;
      if (contractRate(award[1], q.currency, this.#config.tokenPriceMicro) !== q.rates[i]) return Code.quoteMismatch;
    }
    const { contract } = this.#config;
    const sum = mostCharged(m.spec, q, contract);
    if (sum > MAX_AMOUNT) return Code.amountOverflow;
    return sum === q.maxCharge && quoteId(m.spec, q, contract) === q.id ? Code.ok : Code.quoteMismatch;
  }

  snapshot(): AwardBooksState {
    return this.#books.map((books) =>
      books.map((b): [number, [number, number, number][]] => [
        b.epoch,
        [...b.awards].map(([award, [c, r]]) => [award, c, r]),
      ]),
    );
  }

  restore(state: AwardBooksState): void {
    this.#books = state.map((books) =>
      books.map(([epoch, awards]) => ({
        epoch,
        awards: new Map(awards.map(([award, c, r]) => [award, [c, r] as const])),
      })),
    );
  }
}
