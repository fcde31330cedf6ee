/**
 * The independent auditor's part for contracts that are paid while a job runs, for rules of losses and for credits: from the journal's
 * stamps, the meter readings and the terms it works out which transfers each attempt must cause, one after the other, and ticks them off.
 * Shares no code with Settlement. Over wires readings are booked when the chain hears them, and of a top-up only its limits are checked.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';
import { AT_FAULT, DENOMINATOR, GPU_OR_NODE, least, positive, sharesOf, up } from './terms.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}
type Config = JournalHeader['config'];
type Rules = NonNullable<Config['contract']>;
type Fail = (what: string) => never;

export interface Sold {
  user: string;
  limit: bigint;
  /** tasks, milli-GPU of one task */
  groups: [bigint, bigint][];
}

/** What the auditor knows of the rest of the books. */
export interface OtherBooks {
  /** Posted balance that a debit may still take; accounts by name and currency. */
  available(account: string): bigint;
  earn(
    at: bigint,
    key: string,
    lease: bigint | null,
    pool: string,
    currency: string,
    provider: string,
    amount: bigint,
  ): void;
  /** What a provider has earned of a pool and was not yet paid. */
  earned(pool: string, currency: string, provider: string): bigint;
  /** What a lease has earned and may still be disputed. */
  own(lease: bigint): bigint;
}

interface Part {
  lease: bigint;
  provider: string;
  rate: bigint;
  milli: bigint;
  start: bigint;
  end: bigint;
  outcome: string;
  share: bigint;
  paid: bigint;
  unsettled: bigint;
  /** due at the last reading that was looked at */
  due: bigint;
}

interface Tick {
  at: bigint;
  due: Map<string, bigint>;
}

interface Attempt {
  key: string;
  user: string;
  pool: string;
  currency: string;
  reserved: bigint;
  most: bigint;
  escrow: bigint;
  taken: bigint;
  /** By part number, in the order of claims where the attempt is over, else of first reading. */
  parts: Map<string, Part>;
  ticks: Tick[];
  next: number;
  /** Stamp of the first reading whose note is not accepted. */
  open: bigint;
  /** Amounts that must follow, in any order while it runs, in this order once it is over. */
  expected: { reason: string; amount: bigint; part: string }[];
  over: { at: bigint; outcome: string } | null;
  /** Its place among the attempts that are over. */
  order: number;
  /** Stamp at which it was settled, and what its final readings say of each part; -1 = not yet. */
  booked: bigint;
  finals: Map<string, bigint>;
  settled: boolean;
  /** Settlement of the end: 0 = nothing yet, 1 = rest paid, 2 = given back, 3 = taken back and credited. */
  stage: number;
}

export class ContractAudit {
  readonly #rules: Rules;
  readonly #config: Config;
  readonly #fail: Fail;
  readonly #apportion: (total: bigint, weights: bigint[]) => bigint[];
  readonly #attempts = new Map<string, Attempt>();
  readonly #debts = new Map<string, { key: string; part: string; pool: string; provider: string; amount: bigint }[]>();
  /** user|currency -> since when it owed, and until when; the last such time. */
  readonly #owed = new Map<string, { since: bigint; until: bigint | null }>();
  /** What the adjustments table must say: what#attempt#part -> amount. */
  readonly #adjusted = new Map<string, bigint>();
  readonly #books: OtherBooks;
  /** Readings came later than they were taken: over wires, which parts the chain had heard of is not known. */
  #wires = false;
  #byEnd: Attempt[] | null = null;
  #ended = 0;
  readonly #silences: Map<string, [bigint, boolean][]>;

  constructor(
    config: Config,
    rules: Rules,
    sold: ReadonlyMap<number, Sold>,
    tables: { quotes: Table; meters: Table; placements: Table },
    started: (lease: number) => number,
    silences: Map<string, [bigint, boolean][]>,
    books: OtherBooks,
    apportion: (total: bigint, weights: bigint[]) => bigint[],
    fail: Fail,
  ) {
    this.#config = config;
    this.#rules = rules;
    this.#books = books;
    this.#silences = silences;
    this.#apportion = apportion;
    this.#fail = fail;
    this.#readQuotes(tables.quotes, sold);
    const ticksOf = this.#readMeters(tables.meters, started);
    this.#readPlacements(tables.placements, ticksOf);
  }

  #readQuotes(t: Table, sold: ReadonlyMap<number, Sold>): void {
    const c = t.columns;
    for (let i = 0; i < t.rows; i++) {
      const where = `quotes.parquet row ${i}`;
      const job =
        sold.get(Number(c['job_id']![i])) ?? this.#fail(`${where}: job ${String(c['job_id']![i])} was never submitted`);
      const rate = c['dearest_micro_per_gpu_hour']![i] as bigint;
      const limit = c['limit_us']![i] as bigint;
      if (limit > job.limit) this.#fail(`${where}: covers ${limit} us of a limit of ${job.limit}`);
      const most = this.#most(job, rate, limit);
      if (most !== c['most_micro']![i])
        this.#fail(`${where}: costs at most ${String(c['most_micro']![i])}, worked out ${most}`);
      const { kind, depositUs } = this.#rules;
      const reserved =
        kind === 'notes' ? 0n : kind === 'escrow' ? least(most, this.#most(job, rate, BigInt(depositUs))) : most;
      if (reserved !== c['reserved_micro']![i])
        this.#fail(`${where}: takes ${String(c['reserved_micro']![i])} beforehand, worked out ${reserved}`);
      if (c['contract']![i] !== kind)
        this.#fail(`${where}: contract ${String(c['contract']![i])}, the chain has ${kind}`);
      const key = `${String(c['job_id']![i])}#${String(c['attempt']![i])}`;
      this.#attempts.set(key, {
        key,
        user: c['user']![i] as string,
        pool: c['pool']![i] as string,
        currency: c['currency']![i] as string,
        reserved,
        most,
        escrow: 0n,
        taken: 0n,
        parts: new Map(),
        ticks: [],
        next: 0,
        open: -1n,
        expected: [],
        over: null,
        order: -1,
        booked: -1n,
        finals: new Map(),
        settled: false,
        stage: 0,
      });
    }
  }

  #most(job: Sold, rate: bigint, limit: bigint): bigint {
    if (this.#rules.kind !== 'escrow')
      return up(rate * job.groups.reduce((s, [n, milli]) => s + n * milli, 0n) * limit, DENOMINATOR);
    const block = BigInt(this.#rules.blockUs);
    return job.groups.reduce((s, [n, milli]) => s + n * up(limit, block) * up(rate * milli * block, DENOMINATOR), 0n);
  }

  /** Every reading against the journal and its own multiplication; how many each lease has. */
  #readMeters(t: Table, started: (lease: number) => number): Map<string, number> {
    const c = t.columns;
    const counts = new Map<string, number>();
    const period = BigInt(this.#rules.periodUs);
    for (let i = 0; i < t.rows; i++) {
      const where = `meters.parquet row ${i}`;
      const key = `${String(c['job_id']![i])}#${String(c['attempt']![i])}`;
      const a = this.#attempts.get(key) ?? this.#fail(`${where}: attempt ${key} was never quoted`);
      const at = c['time_us']![i] as bigint;
      const part = String(c['part']![i]);
      if (c['reading']![i] !== 'running') {
        // When the last part is read the attempt is settled, all its parts in one go.
        if (a.booked >= 0n && a.booked !== at)
          this.#fail(`${where}: attempt ${key} is settled at ${a.booked} and at ${at}`);
        if (a.booked < 0n) a.order = i;
        a.booked = at;
        a.finals.set(part, c['due_micro']![i] as bigint);
        continue;
      }
      const lease = String(c['lease_id']![i]);
      const start = c['start_us']![i] as bigint;
      const until = c['until_us']![i] as bigint;
      if (BigInt(started(Number(lease))) !== start)
        this.#fail(`${where}: started at ${start}, the journal says ${started(Number(lease))}`);
      if (until % period !== 0n || until <= start || until > at)
        this.#fail(`${where}: read at ${until}, which ends no period`);
      const rate = c['rate_micro_per_gpu_hour']![i] as bigint;
      const milli = c['milli_gpu']![i] as bigint;
      const due = sharesOf(this.#rules, [{ rate, milli, start, end: until }], this.#apportion)[0]!;
      if (due !== c['due_micro']![i]) this.#fail(`${where}: ${String(c['due_micro']![i])} due, worked out ${due}`);
      if (until !== at) this.#wires = true;
      if (!a.parts.has(part))
        a.parts.set(part, newPart(BigInt(lease), c['provider']![i] as string, rate, milli, start));
      let tick = a.ticks.at(-1);
      if (tick?.at !== at) a.ticks.push((tick = { at, due: new Map() }));
      tick.due.set(part, due);
      counts.set(lease, (counts.get(lease) ?? 0) + 1);
    }
    return counts;
  }

  #readPlacements(t: Table, readings: ReadonlyMap<string, number>): void {
    const c = t.columns;
    const period = BigInt(this.#rules.periodUs);
    const known = new Map<string, Map<string, Part>>();
    for (let i = 0; i < t.rows; i++) {
      const where = `placements.parquet row ${i}`;
      const key = `${String(c['job_id']![i])}#${String(c['attempt']![i])}`;
      const a = this.#attempts.get(key) ?? this.#fail(`${where}: attempt ${key} was never quoted`);
      const start = c['start_us']![i] as bigint;
      const end = c['end_us']![i] as bigint;
      if (this.#rules.kind !== 'hold' && start >= 0n) {
        const want = positive(end - 1n) / period - start / period;
        const has = BigInt(readings.get(String(c['lease_id']![i])) ?? 0);
        // Who is stopped at the end of a period, for what was read there, was read there.
        const onIt = end % period === 0n && end > start ? 1n : 0n;
        if (end > start && has !== want && has !== want + onIt)
          this.#fail(`${where}: ${has} readings while it ran, ${want} periods ended`);
      }
      const gpus = c['gpus']![i] === '' ? 0n : BigInt((c['gpus']![i] as string).split('+').length);
      const p = newPart(
        c['lease_id']![i] as bigint,
        c['provider']![i] as string,
        c['rate_micro_per_gpu_hour']![i] as bigint,
        (c['gpu_milli']![i] as bigint) * gpus,
        start,
      );
      p.end = end;
      p.outcome = c['outcome']![i] as string;
      p.share = c['charge_micro']![i] as bigint;
      const order = known.get(key) ?? new Map<string, Part>();
      order.set(String(c['part']![i]), p);
      known.set(key, order);
      a.parts = order;
    }
  }

  /** The outcomes of attempts, as worked out with their charges: from then on each must be settled. */
  ended(key: string, outcome: string): void {
    const a = this.#attempts.get(key) ?? this.#fail(`attempt ${key} was never quoted`);
    if (a.booked < 0n) this.#fail(`meters.parquet: attempt ${key} has no final reading`);
    for (const [part, p] of a.parts) {
      if (p.end > a.booked) this.#fail(`meters.parquet: attempt ${key} is settled at ${a.booked}, before its end`);
      if (a.finals.get(part) !== p.share)
        this.#fail(
          `meters.parquet: part ${part} of ${key} ends with ${a.finals.get(part) ?? 'nothing'}, worked out ${p.share}`,
        );
    }
    a.over = { at: a.booked, outcome };
  }

  reservation(where: string, key: string, amount: bigint): void {
    const a = this.#attempts.get(key) ?? this.#fail(`${where}: attempt ${key} was never quoted`);
    if (a.reserved !== amount) this.#fail(`${where}: reserves ${amount}, the terms take ${a.reserved} beforehand`);
    if ((this.#debts.get(`${a.user}|${a.currency}`)?.length ?? 0) > 0)
      this.#fail(`${where}: ${a.user} owes and gets a hold`);
  }

  /** One transfer of an attempt. Accounts are names with the currency behind a bar. */
  moved(where: string, key: string, at: bigint, debit: string, credit: string, amount: bigint, reason: string): void {
    const a = this.#attempts.get(key) ?? this.#fail(`${where}: attempt ${key} was never quoted`);
    const user = `user:${a.user}|${a.currency}`;
    const escrow = `escrow:${a.pool}|${a.currency}`;
    const revenue = `revenue:${a.pool}|${a.currency}`;
    const way = (from: string, to: string) => {
      if (debit !== from || credit !== to)
        this.#fail(`${where}: ${reason} from ${debit} to ${credit}, not from ${from} to ${to}`);
    };
    switch (reason) {
      case 'escrow':
        way(user, escrow);
        if (amount !== a.reserved) this.#fail(`${where}: ${amount} into escrow, ${a.reserved} was reserved`);
        a.escrow = amount;
        a.taken = amount;
        return;
      case 'top-up':
        way(user, escrow);
        this.#topUp(where, a, at, amount, this.#books.available(user));
        return;
      case 'debt':
        way(user, revenue);
        this.#payDebt(where, a, at, amount);
        return;
      default:
    }
    if (reason === 'release') way(escrow, revenue);
    if (reason === 'note' || reason === 'invoice') way(user, revenue);
    while (a.expected.length === 0 && this.#advance(where, a, at)) {}
    if (reason !== 'invoice') this.#unpaidInvoice(a);
    while (a.expected.length === 0 && this.#advance(where, a, at)) {}
    const i = a.stage === 0 ? a.expected.findIndex((e) => e.reason === reason && e.amount === amount) : 0;
    const e = a.expected[i];
    if (e === undefined || e.reason !== reason || e.amount !== amount)
      this.#fail(
        `${where}: ${reason} of ${amount} for job ${key}, worked out ${e === undefined ? (a.expected[0] === undefined ? 'none' : `${a.expected[0].reason} of ${a.expected[0].amount}`) : `${e.reason} of ${e.amount}`}`,
      );
    a.expected.splice(i, 1);
    const p = a.parts.get(e!.part);
    if (credit === revenue) {
      p!.paid += amount;
      this.#books.earn(at, key, p!.lease, a.pool, a.currency, p!.provider, amount);
      if (debit === escrow) a.escrow -= amount;
    } else {
      if (credit !== user) this.#fail(`${where}: ${reason} to ${credit}, not to ${user}`);
      if (debit === escrow) a.escrow -= amount;
      else if (debit === revenue) this.#books.earn(at, key, p!.lease, a.pool, a.currency, p!.provider, -amount);
      else if (debit !== `deposit:${p!.provider}|${a.currency}`) this.#fail(`${where}: ${reason} from ${debit}`);
    }
    this.#settle(where, a, at);
  }

  #topUp(where: string, a: Attempt, at: bigint, amount: bigint, has: bigint): void {
    if (this.#rules.kind !== 'escrow' || !this.#rules.topUp)
      this.#fail(`${where}: tops up, which the contract does not`);
    if (a.taken + amount > a.most) this.#fail(`${where}: takes ${a.taken + amount}, the quote allows ${a.most}`);
    if (a.expected.length > 0)
      this.#fail(`${where}: tops up before ${a.expected[0]!.reason} of ${a.expected[0]!.amount}`);
    if (amount > has) this.#fail(`${where}: tops up ${amount}, the user has ${has}`);
    const lack = this.#lack(a, at);
    if (this.#wires) {
      a.escrow += amount;
      a.taken += amount;
      return;
    }
    if (lack <= 0n) this.#fail(`${where}: tops up an escrow that lacks nothing`);
    const want = least(least(lack > a.reserved ? lack : a.reserved, a.most - a.taken), has);
    if (amount !== want) this.#fail(`${where}: tops up ${amount}, worked out ${want}`);
    a.escrow += amount;
    a.taken += amount;
  }

  /** What the escrow lacks for the reading or end that comes next, or for the period after the last reading. */
  #lack(a: Attempt, at: bigint): bigint {
    const tick = a.ticks[a.next];
    if (tick !== undefined && tick.at <= at) {
      let need = 0n;
      for (const [part, due] of tick.due) {
        const p = a.parts.get(part)!;
        need += due - p.paid - p.unsettled;
      }
      if (need > a.escrow) return need - a.escrow;
    }
    if (a.over !== null && a.over.at <= at && a.next >= a.ticks.length) {
      let need = 0n;
      for (const p of a.parts.values()) need += positive(p.share - p.paid);
      if (need > a.escrow) return need - a.escrow;
    }
    const block = BigInt(this.#rules.blockUs);
    const blocks = up(BigInt(this.#rules.periodUs), block);
    let next = 0n;
    for (const [part, p] of a.parts)
      if (a.ticks[a.next - 1]?.due.has(part) === true) next += blocks * up(p.rate * p.milli * block, DENOMINATOR);
    return next - a.escrow;
  }

  /** Makes the next amounts due; false = there is nothing more that could be. */
  #advance(where: string, a: Attempt, at: bigint): boolean {
    const tick = a.ticks[a.next];
    if (tick !== undefined && tick.at <= at && a.stage === 0) {
      a.next++;
      // Over a wire a reading may come together with the last one, which says it all.
      if (this.#wires && a.over?.at === tick.at) return true;
      if (this.#rules.kind === 'notes') return this.#noted(where, a, tick, at);
      this.#release(a, (part) => tick.due.get(part) ?? null);
      return true;
    }
    if (a.over === null || a.over.at > at) return false;
    if (a.stage === 0) this.#before(a);
    return this.#finish(a);
  }

  /** A note asks for the total of the last reading; older ones are superseded, but their deadline is not. */
  #noted(where: string, a: Attempt, tick: Tick, at: bigint): boolean {
    for (const [part, due] of tick.due) a.parts.get(part)!.due = due;
    // A reading under which nothing more is due asks for nothing.
    if ([...a.parts.values()].reduce((s, p) => s + p.due - p.paid, 0n) === 0n) return true;
    if (a.open < 0n) a.open = tick.at;
    const later = a.ticks[a.next];
    if (later !== undefined && later.at <= at) return true;
    if (a.over !== null && a.over.at <= at && a.over.at > tick.at && !this.#acceptedBy(a, at)) return true;
    if (at > a.open + BigInt(this.#rules.acceptUs))
      this.#fail(`${where}: accepts a note of ${a.open} at ${at}, too late`);
    a.open = -1n;
    for (const [part, p] of a.parts)
      if (p.due > p.paid) a.expected.push({ reason: 'note', amount: p.due - p.paid, part });
    return true;
  }

  /** At the stamp of the end itself an invoice takes the note's place. */
  #acceptedBy(a: Attempt, at: bigint): boolean {
    return at < a.over!.at;
  }

  #release(a: Attempt, dueOf: (part: string) => bigint | null): void {
    const names: string[] = [];
    const steps: bigint[] = [];
    for (const [part, p] of a.parts) {
      const due = dueOf(part);
      names.push(part);
      steps.push(due === null ? 0n : due - p.paid - p.unsettled);
    }
    this.#divide(a.escrow, steps).forEach((amount, i) => {
      a.parts.get(names[i]!)!.unsettled += steps[i]! - amount;
      if (amount > 0n) a.expected.push({ reason: 'release', amount, part: names[i]! });
    });
  }

  #divide(left: bigint, want: bigint[]): bigint[] {
    if (want.reduce((s, w) => s + w, 0n) <= left) return want;
    if (this.#rules.shortage === 'pro-rata') return this.#apportion(left, want);
    let rest = left;
    return want.map((w) => {
      const part = least(w, rest);
      rest -= part;
      return part;
    });
  }

  /** The end, in stages; each makes its amounts due. */
  #finish(a: Attempt): boolean {
    const parts = [...a.parts];
    switch (a.stage++) {
      case 0: {
        const want = parts.map(([, p]) => positive(p.share - p.paid));
        if (this.#rules.kind === 'notes') {
          want.forEach((amount, i) => {
            if (amount > 0n) a.expected.push({ reason: 'invoice', amount, part: parts[i]![0] });
          });
        } else if (this.#rules.kind !== 'hold')
          this.#divide(a.escrow, want).forEach((amount, i) => {
            if (amount > 0n) a.expected.push({ reason: 'release', amount, part: parts[i]![0] });
          });
        return true;
      }
      case 1:
        if (a.escrow > 0n) a.expected.push({ reason: 'refund', amount: a.escrow, part: '' });
        return true;
      case 2:
        if (parts.some(([, p]) => p.share > p.paid) && this.#rules.kind !== 'hold') this.#mayOwe(a);
        for (const [part, p] of parts) {
          if (this.#rules.kind === 'hold') continue;
          if (p.share > p.paid) this.#owe(a, part, p, p.share - p.paid);
          if (p.share < p.paid) this.#takeBack(a, part, p, p.paid - p.share, 'refund');
        }
        for (const [part, amount] of this.#credits(a)) {
          const short = this.#takeBack(a, part, a.parts.get(part)!, amount, 'credit');
          if (amount > short) this.#adjust('credit', a.key, part, amount - short);
        }
        return true;
      default:
        a.settled = true;
        return false;
    }
  }

  /** When nothing is due any more the attempt is through; otherwise its next transfer asks again. */
  #settle(where: string, a: Attempt, at: bigint): void {
    while (a.stage > 0 && !a.settled && a.expected.length === 0) this.#advance(where, a, at);
  }

  #owe(a: Attempt, part: string, p: Part, amount: bigint): void {
    const user = `${a.user}|${a.currency}`;
    const list = this.#debts.get(user) ?? [];
    list.push({ key: a.key, part, pool: a.pool, provider: p.provider, amount });
    this.#debts.set(user, list);
    if (list.length === 1) this.#owed.set(user, { since: a.over!.at, until: null });
    this.#adjust('unpaid', a.key, part, amount);
  }

  /** Nobody owes who has the money and answers. */
  #mayOwe(a: Attempt): void {
    let amount = 0n;
    for (const p of a.parts.values()) amount += positive(p.share - p.paid);
    const prepaid = this.#config.users.some((u) => u.id === a.user && !u.postpaid);
    const silent = (this.#silences.get(a.user) ?? []).filter(([t]) => t <= a.over!.at).at(-1)?.[1] === false;
    const pays = this.#rules.kind === 'notes' ? !silent : this.#rules.topUp && a.taken < a.most;
    if (pays && !(prepaid && this.#books.available(`user:${a.user}|${a.currency}`) < amount))
      this.#fail(`job ${a.key}: ${amount} is called unpaid, but ${a.user} has it and pays`);
  }

  #payDebt(where: string, a: Attempt, at: bigint, amount: bigint): void {
    while (this.#advance(where, a, at)) {}
    const list = this.#debts.get(`${a.user}|${a.currency}`) ?? [];
    const d = list[0] ?? this.#fail(`${where}: ${a.user} owes nothing`);
    if (d.key !== a.key || amount > d.amount)
      this.#fail(`${where}: pays ${amount} for ${a.key}, first owed is ${d.amount} for ${d.key}`);
    this.#books.earn(at, d.key, null, d.pool, a.currency, d.provider, amount);
    this.#adjust('debt-paid', d.key, d.part, amount);
    d.amount -= amount;
    if (d.amount === 0n) list.shift();
    if (list.length === 0) this.#owed.get(`${a.user}|${a.currency}`)!.until = at;
  }

  /** Did the user owe at some moment of a stamp of which all is known? */
  owedAt(user: string, currency: string, at: bigint): boolean {
    const last = this.#owed.get(`${user}|${currency}`);
    return last !== undefined && last.since <= at && (last.until === null || last.until >= at);
  }

  #takeBack(a: Attempt, part: string, p: Part, amount: bigint, reason: string): bigint {
    const taken = (why: string, of = (q: Part) => q.provider === p.provider) =>
      a.expected
        .filter((e) => e.reason === why && a.parts.has(e.part) && of(a.parts.get(e.part)!))
        .reduce((s, e) => s + e.amount, 0n);
    // What a part has earned itself goes first, then what its provider may be paid for others.
    let common = this.#books.earned(a.pool, a.currency, p.provider);
    let own = 0n;
    for (const q of a.parts.values()) {
      if (q.provider !== p.provider) continue;
      const pledged = taken('refund', (x) => x === q) + taken('credit', (x) => x === q);
      const has = this.#books.own(q.lease);
      common -= positive(pledged - has);
      if (q === p) own = positive(has - pledged);
    }
    const earned = least(amount, own + common);
    if (earned > 0n) a.expected.push({ reason, amount: earned, part });
    const seizedBefore = taken('seized-refund') + taken('seized-credit');
    const seized = least(amount - earned, this.#books.available(`deposit:${p.provider}|${a.currency}`) - seizedBefore);
    if (seized > 0n) a.expected.push({ reason: `seized-${reason}`, amount: seized, part });
    const short = amount - earned - seized;
    if (short > 0n) this.#adjust(`${reason}-short`, a.key, part, short);
    return short;
  }

  #credits(a: Attempt): [string, bigint][] {
    const bps = BigInt(this.#rules.creditBps);
    if (bps === 0n || !GPU_OR_NODE.has(a.over!.outcome)) return [];
    const parts = [...a.parts];
    const use = parts.map(([, p]) => ({
      rate: p.rate,
      milli: p.milli,
      start: positive(p.start),
      end: positive(p.end),
    }));
    const whole = sharesOf(this.#rules, use, this.#apportion).reduce((x, y) => x + y, 0n);
    const credit = (whole * bps) / 10_000n;
    const shares = this.#apportion(
      credit,
      parts.map(([, p]) => (AT_FAULT.has(p.outcome) ? p.milli : 0n)),
    );
    return parts.flatMap(([part], i): [string, bigint][] => (shares[i]! > 0n ? [[part, shares[i]!]] : []));
  }

  #adjust(kind: string, key: string, part: string, amount: bigint): void {
    const name = `${kind} of part ${part} of ${key}`;
    this.#adjusted.set(name, (this.#adjusted.get(name) ?? 0n) + amount);
  }

  /** Attempts that were over before `at` must be through: called with the stamp of each transfer. */
  passed(at: bigint): void {
    const list = this.#inOrder();
    for (let a = list[this.#ended]; a !== undefined && a.over!.at < at; a = list[++this.#ended])
      if (!a.settled) this.#through(a);
  }

  /** What an invoice asked for and nobody paid is owed: it is due no more. */
  #unpaidInvoice(a: Attempt): void {
    if (a.stage !== 1 || this.#rules.kind !== 'notes') return;
    if (a.expected.length === [...a.parts.values()].filter((p) => p.share > p.paid).length) a.expected = [];
  }

  #inOrder(): Attempt[] {
    this.#byEnd ??= [...this.#attempts.values()]
      .filter((a) => a.over !== null)
      .sort((a, b) => (a.over!.at === b.over!.at ? a.order - b.order : a.over!.at < b.over!.at ? -1 : 1));
    return this.#byEnd;
  }

  /** Attempts end one after the other, also at one stamp: what one earns is there for the next one's refunds. */
  #before(last: Attempt): void {
    const { at } = last.over!;
    const list = this.#inOrder();
    for (let i = this.#ended; list[i] !== undefined && list[i]!.over!.at <= at && list[i] !== last; i++)
      if (!list[i]!.settled) this.#through(list[i]!);
  }

  #through(a: Attempt): void {
    const at = a.over!.at;
    if (a.parts.size === 0) return;
    while (!a.settled) {
      this.#unpaidInvoice(a);
      if (a.expected.length > 0)
        this.#fail(
          `transfers.parquet: missing ${a.expected[0]!.reason} of ${a.expected[0]!.amount} for job ${a.key} at ${at}`,
        );
      this.#advance('transfers.parquet', a, at);
    }
  }

  /** Everything must be through, and the adjustments table say what was worked out. */
  close(adjustments: Table, end: number): void {
    for (const a of this.#attempts.values()) {
      if (a.over !== null) {
        if (!a.settled) this.#through(a);
      } else if (this.#rules.kind !== 'notes') {
        while (a.expected.length === 0 && this.#advance('transfers.parquet', a, BigInt(end))) {}
        if (a.expected.length > 0)
          this.#fail(`transfers.parquet: missing release of ${a.expected[0]!.amount} for job ${a.key}, which runs on`);
      }
    }
    const c = adjustments.columns;
    const said = new Map<string, bigint>();
    for (let i = 0; i < adjustments.rows; i++) {
      const key = `${String(c['job_id']![i])}#${String(c['attempt']![i])}`;
      const name = `${String(c['kind']![i])} of part ${String(c['part']![i])} of ${key}`;
      said.set(name, (said.get(name) ?? 0n) + (c['amount_micro']![i] as bigint));
    }
    for (const [name, amount] of this.#adjusted)
      if (said.get(name) !== amount)
        this.#fail(`adjustments.parquet: ${name} is ${said.get(name) ?? 0n}, worked out ${amount}`);
    for (const [name, amount] of said)
      if (!this.#adjusted.has(name)) this.#fail(`adjustments.parquet: ${name} of ${amount} has no cause`);
  }
}

const newPart = (lease: bigint, provider: string, rate: bigint, milli: bigint, start: bigint): Part => ({
  lease,
  provider,
  rate,
  milli,
  start,
  end: -1n,
  outcome: '',
  share: 0n,
  paid: 0n,
  unsettled: 0n,
  due: 0n,
});
