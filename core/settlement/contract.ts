/** What Settlement keeps of a job from its first hold on: what was asked for, what was quoted, and how far the present attempt is. */
import { IdMap } from '../id-map.ts';
import type { Claim, History, Quote, Reading, Reserve } from '../messages.ts';
import { type Numbered, NumberStore, numbers, type Place, type Plain, plainOf } from '../numbered.ts';
import { Code, type JobSpec, jobOfHold, NEVER, Outcome, type TimeUs } from '../types.ts';
import { ClaimedPart } from './placement-row.ts';
import type { SupplyTerms } from './supply.ts';

export const ContractState = { held: 0, claimed: 1, dormant: 2 } as const;
export type ContractState = (typeof ContractState)[keyof typeof ContractState];

/** Of all contracts that nobody has claimed; never added to. */
const noClaims: ClaimedPart[] = [];

/** One job's terms, from its first hold until its end or the end of its quote. */
export class Contract implements Numbered {
  static readonly names = numbers(
    Contract.prototype,
    'job',
    'hold',
    'pool',
    'pot',
    'pending',
    'submittedUs',
    'expiresUs',
    'quoteEndUs',
    'lease',
    'parts',
    'claimUntilUs',
  );
  cells: Numbered['cells'];
  at: number;
  declare job: number;
  declare hold: number;
  /** Who runs it now; a takeover changes it. */
  declare pool: number;
  /** Pool whose revenue account the hold pays into. */
  declare pot: number;
  declare pending: number;
  declare submittedUs: TimeUs;
  /** End of the quote while held, of the hold once claimed; NEVER while dormant. */
  declare expiresUs: TimeUs;
  declare quoteEndUs: TimeUs;
  /** Number of the attempt's first part; 0 until a node has claimed. */
  declare lease: number;
  declare parts: number;
  declare claimUntilUs: TimeUs;
  readonly spec: JobSpec;
  quote: Quote;
  history: History;
  state: ContractState = ContractState.held;
  claims: ClaimedPart[] = noClaims;
  /** Why the pool has given the job up: forget the terms with the hold. ok = it has not. */
  closing: Code = Code.ok;

  constructor(
    place: Place,
    { hold, submittedUs, history }: Pick<Reserve, 'hold' | 'submittedUs' | 'history'>,
    spec: JobSpec,
    quote: Quote,
    pool: number,
    pending: number,
    quoteEndUs: TimeUs,
  ) {
    this.cells = place.cells;
    this.at = place.at;
    this.job = jobOfHold(hold);
    this.hold = hold;
    this.pool = pool;
    this.pot = pool;
    this.pending = pending;
    this.submittedUs = submittedUs;
    this.expiresUs = quoteEndUs;
    this.quoteEndUs = quoteEndUs;
    this.lease = 0;
    this.parts = 0;
    this.claimUntilUs = 0;
    this.spec = spec;
    this.quote = quote;
    this.history = history;
  }
}

export type ContractData = Omit<Plain<Contract>, 'claims'> & { claims: Plain<ClaimedPart>[] };

/** The contracts of all jobs that are not over. */
export class ContractBook {
  readonly #contracts = new IdMap<Contract>();
  readonly #places = new NumberStore(Contract);
  readonly #claims = new NumberStore(ClaimedPart);

  get size(): number {
    return this.#contracts.size;
  }
  get(job: number): Contract | undefined {
    return this.#contracts.get(job);
  }
  all(): Contract[] {
    return this.#contracts.values();
  }

  /** A contract of the job's next attempt, in place of the one before. */
  open(
    m: Pick<Reserve, 'hold' | 'submittedUs' | 'history'>,
    spec: JobSpec,
    quote: Quote,
    pool: number,
    pending: number,
    quoteEndUs: TimeUs,
  ): Contract {
    const c = new Contract(this.#places.take(), m, spec, quote, pool, pending, quoteEndUs);
    const before = this.#contracts.get(c.job);
    if (before !== undefined) {
      c.closing = before.closing;
      this.#give(before);
    }
    this.#contracts.set(c.job, c);
    return c;
  }

  claim(
    c: Contract,
    m: Pick<Claim, 'node' | 'part' | 'gpus' | 'gpuMilli' | 'award'>,
    rateMicro: number,
    supply: SupplyTerms,
  ): void {
    const part = new ClaimedPart(this.#claims.take(), m, rateMicro, supply);
    if (c.claims.length === 0) c.claims = [part];
    else c.claims.push(part);
  }

  /** The terms wait for a new attempt; they stay binding until the quote ends. */
  sleep(c: Contract): void {
    this.#forgetClaims(c);
    c.state = ContractState.dormant;
    c.pending = 0;
    c.lease = 0;
    c.expiresUs = NEVER;
  }

  #forgetClaims(c: Contract): void {
    for (const p of c.claims) this.#claims.give(p);
    c.claims = noClaims;
  }

  #give(c: Contract): void {
    this.#forgetClaims(c);
    this.#places.give(c);
  }

  /** The contract is over and must not be read any more. */
  close(c: Contract): void {
    this.#contracts.delete(c.job);
    this.#give(c);
  }

  snapshot(): ContractData[] {
    return this.all().map((c) => ({ ...plainOf(c), claims: c.claims.map(plainOf) }));
  }
  restore(state: readonly ContractData[]): void {
    for (const { claims, ...c } of state) {
      const { spec, quote, pool, pending, quoteEndUs } = c;
      const contract = Object.assign(this.open(c, spec, quote, pool, pending, quoteEndUs), c);
      for (const p of claims) {
        this.claim(contract, p, p.rateMicro, p.supply);
        Object.assign(contract.claims.at(-1)!, p);
      }
    }
  }
}

/** A contract's history after an attempt that ran. */
export const historyAfter = (
  h: History,
  a: { outcome: Outcome; startUs: TimeUs; endUs: TimeUs; charge: bigint },
): History => ({
  runs: h.runs + 1,
  firstStartUs: h.firstStartUs < 0 ? a.startUs : h.firstStartUs,
  lastStartUs: a.startUs,
  lastEndUs: a.endUs,
  servedUs: h.servedUs + a.endUs - a.startUs,
  preemptions: a.outcome === Outcome.preempted ? h.preemptions + 1 : h.preemptions,
  charged: h.charged + a.charge,
});

/** Nothing ran, or something did for at most the job's limit: so a charge never exceeds its hold. */
export const isPossible = (m: Reading, spec: JobSpec): boolean =>
  m.startUs < 0
    ? m.endUs < 0 && m.outcome !== Outcome.completed
    : m.endUs >= m.startUs && m.endUs - m.startUs <= spec.limitUs;
