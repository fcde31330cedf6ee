/**
 * The independent auditor's part for disputes: from the journal's acts, the stamps of bills and the named rule it works out which disputes are
 * taken, how and when each is decided, and what moves; every transfer and every row of the table is held against that. Shares no code with
 * Settlement.
 */
import type { JournalHeader } from '../../core/journal/journal.ts';
import type { StakeActs } from './stake.ts';

type Cell = bigint | string;
interface Table {
  rows: number;
  columns: Record<string, Cell[]>;
}
type Config = JournalHeader['config'];
type Rules = NonNullable<Config['disputes']>;

export type DisputeActs = {
  at: bigint;
  act: { do: string; lease: number; by: string; good?: boolean };
}[];

/** Why money moves for disputes. */
export const DISPUTE_REASONS = new Set([
  ...['dispute', 'dispute-upheld', 'dispute-rejected'],
  ...['dispute-bond', 'bond-lost', 'bond-returned'],
]);

/** What the auditor knows besides. */
export interface DisputeFacts {
  user(job: number): string;
  prepaid(user: string): boolean;
  /** Least that could be spent from an account at a stamp after which nothing has moved. */
  least(account: string, at: bigint): bigint;
  owed(user: string, currency: string, at: bigint): boolean;
  fail(what: string): never;
}

interface Balance {
  dp: bigint;
  d: bigint;
  c: bigint;
}

/** The least available in each account at the last stamp at which it moved. */
export class Lows {
  readonly #balances: ReadonlyMap<string, Balance>;
  readonly #low = new Map<string, { at: bigint; least: bigint }>();

  constructor(balances: ReadonlyMap<string, Balance>) {
    this.#balances = balances;
  }

  #available(account: string): bigint {
    const b = this.#balances.get(account);
    return b === undefined ? 0n : b.c - b.d - b.dp;
  }

  before(at: bigint, ...accounts: string[]): void {
    for (const a of accounts) if (this.#low.get(a)?.at !== at) this.#low.set(a, { at, least: this.#available(a) });
  }

  after(...accounts: string[]): void {
    for (const a of accounts) {
      const low = this.#low.get(a)!;
      const now = this.#available(a);
      if (now < low.least) low.least = now;
    }
  }

  least(account: string, at: bigint): bigint {
    const low = this.#low.get(account);
    return low?.at === at ? low.least : this.#available(account);
  }
}

interface Movement {
  where: string;
  id: bigint;
  /** Transfer that it resolves. */
  resolves: bigint;
  kind: string;
  at: bigint;
  debit: string;
  credit: string;
  amount: bigint;
  reason: string;
  key: string;
}

interface Line {
  lease: bigint;
  key: string;
  pool: string;
  currency: string;
  provider: string;
  amount: bigint;
  since: bigint;
  /** Its case is over, or it was divided. */
  gone: boolean;
  open: Judged | null;
}

interface Judged {
  filed: bigint;
  at: bigint;
  upheld: boolean;
  why: string;
  bond: bigint;
  contested: bigint;
}

export class DisputeAudit {
  readonly #rules: Rules;
  readonly #acts: DisputeActs;
  readonly #end: bigint;
  readonly #with: DisputeFacts;
  readonly #lines = new Map<bigint, Line>();
  /** What checks found of each lease. */
  readonly #words = new Map<bigint, { at: bigint; good: boolean; by: string; of: string | null }[]>();
  /** Stamp at which each lease was billed, under a contract; else it is when it earned. */
  readonly #billed: Map<bigint, bigint> | null;
  readonly #unread = new Set<bigint>();
  /** Part of the gang that each lease ran. */
  readonly #parts = new Map<bigint, bigint>();
  /** lease|event of the table -> how often, and its stamp */
  readonly #said = new Map<string, bigint[]>();
  /** lease|event|stamp -> why an act was refused */
  readonly #refusals = new Map<string, string[]>();
  readonly #pending = new Map<bigint, { line: Line; what: 'amount' | 'user' | 'provider' }>();
  #bond: Movement | null = null;
  /** Acts, by their place in the journal, for which something was reserved. */
  readonly #answered = new Set<number>();
  #seen = 0;

  constructor(
    config: Config,
    rules: Rules,
    acts: DisputeActs,
    stake: StakeActs,
    tables: { meters: Table; disputes: Table; placements: Table },
    end: number,
    more: DisputeFacts,
  ) {
    this.#rules = rules;
    this.#acts = acts;
    this.#end = BigInt(end);
    this.#with = more;
    const known = new Set([...(config.staking?.verifiers ?? []), ...config.nodes.map((n) => n.provider)]);
    for (const { at, act } of stake)
      if (act.do === 'attest' && act['planted'] !== true && known.has(act['verifier'] as string))
        if (/^[0-9]{1,18}$/.test(act['work'] as string))
          this.#note(
            act['lease'] as number,
            BigInt(at),
            act['good'] === true,
            act['verifier'] as string,
            act['provider'] as string,
          );
    for (const { at, act } of acts) if (act.do === 'check') this.#note(act.lease, at, act.good === true, act.by, null);
    this.#billed = config.contract === undefined ? null : new Map();
    const m = tables.meters.columns;
    for (let i = 0; i < tables.meters.rows; i++) {
      if (m['reading']![i] === 'running') continue;
      this.#billed?.set(m['lease_id']![i] as bigint, m['time_us']![i] as bigint);
      if (m['reading']![i] === 'unread') this.#unread.add(m['lease_id']![i] as bigint);
    }
    const p = tables.placements.columns;
    for (let i = 0; i < tables.placements.rows; i++) {
      this.#parts.set(p['lease_id']![i] as bigint, p['part']![i] as bigint);
      if (this.#unread.has(p['lease_id']![i] as bigint) && p['outcome']![i] !== 'node-failure')
        more.fail(
          `meters.parquet: lease ${String(p['lease_id']![i])} ends ${String(p['outcome']![i])} without a reading`,
        );
    }
    const d = tables.disputes.columns;
    for (let i = 0; i < tables.disputes.rows; i++) {
      const key = `${String(d['lease_id']![i])}|${String(d['event']![i])}`;
      this.#said.set(key, [...(this.#said.get(key) ?? []), d['time_us']![i] as bigint]);
      if (!(d['event']![i] as string).endsWith('refused')) continue;
      const refusal = `${key}|${String(d['time_us']![i])}`;
      this.#refusals.set(refusal, [...(this.#refusals.get(refusal) ?? []), d['reason']![i] as string]);
    }
  }

  /** `of`: the provider that an attestation is about. */
  #note(lease: number, at: bigint, good: boolean, by: string, of: string | null): void {
    if (!this.#rules.arbiters.includes(by)) return;
    const list = this.#words.get(BigInt(lease)) ?? [];
    list.push({ at, good, by, of });
    this.#words.set(BigInt(lease), list);
  }

  // ---- lines ----

  earn(at: bigint, lease: bigint, key: string, pool: string, currency: string, provider: string, sum: bigint): void {
    const known = this.#lines.get(lease);
    if (known !== undefined && !known.gone) known.amount += sum;
    else
      this.#lines.set(lease, { lease, key, pool, currency, provider, amount: sum, since: at, gone: false, open: null });
  }

  own(lease: bigint): bigint {
    const line = this.#lines.get(lease);
    return line === undefined || line.gone ? 0n : line.amount;
  }

  takeOwn(lease: bigint, amount: bigint): bigint {
    const line = this.#lines.get(lease);
    if (line === undefined || line.gone) return 0n;
    const taken = amount < line.amount ? amount : line.amount;
    line.amount -= taken;
    return taken;
  }

  #billedAt(line: Line): bigint {
    return this.#billed === null ? line.since : (this.#billed.get(line.lease) ?? -1n);
  }

  /** Whose window is over at a distribution; at the end of the run, everybody's. */
  ripen(at: bigint): Line[] {
    const ripe: Line[] = [];
    for (const line of this.#lines.values()) {
      if (line.gone || line.open !== null) continue;
      const billed = this.#billedAt(line);
      if (at < this.#end && (billed < 0n || billed > at || billed + BigInt(this.#rules.windowUs) > at)) continue;
      line.gone = true;
      if (line.amount > 0n) ripe.push(line);
    }
    for (const line of ripe) this.#lines.delete(line.lease);
    return ripe;
  }

  // ---- cases ----

  #userOf(line: Line): string {
    return this.#with.user(Number(line.key.split('#')[0]));
  }

  #bondOf(line: Line): bigint {
    return (line.amount * BigInt(this.#rules.bondBps)) / 10_000n;
  }

  /** When and how a case that is filed at `filed` ends. */
  #judge(line: Line, filed: bigint): Judged {
    const { rule, answerUs, decideUs } = this.#rules;
    const own = this.#acts.filter(
      (a) => BigInt(a.act.lease) === line.lease && a.act.by === line.provider && a.at >= filed,
    );
    const taken = this.#said.get(`${line.lease}|contested`) ?? [];
    const refused = this.#said.get(`${line.lease}|answer-refused`) ?? [];
    const answers = own.filter((a) => a.act.do === 'contest' && a.at <= filed + BigInt(answerUs) && a.at < this.#end);
    for (const a of answers)
      if (!taken.some((t) => t <= a.at) && !refused.includes(a.at))
        this.#with.fail(`disputes.parquet: lease ${line.lease} is contested at ${a.at}, which nobody noticed`);
    const answer = answers.find((a) => taken.includes(a.at));
    const contested = answer?.at ?? -1n;
    const concedes = own.find((a) => a.act.do === 'concede');
    const parties = [line.provider, this.#userOf(line)];
    const words = (this.#words.get(line.lease) ?? [])
      .filter((w) => w.at >= line.since && w.at < this.#end)
      .filter((w) => !parties.includes(w.by) && (w.of === null || w.of === line.provider));
    let at = filed + BigInt(answerUs);
    if (contested >= 0n) {
      at = contested;
      if (rule !== 'metered' && !words.some((w) => w.at <= contested)) {
        at = contested + BigInt(decideUs);
        for (const w of words) if (w.at > contested && w.at < at) at = w.at;
      }
    }
    const judged = { filed, bond: this.#bondOf(line), contested };
    if (concedes !== undefined && concedes.at <= at && concedes.at < this.#end)
      return { ...judged, at: concedes.at, upheld: true, why: 'conceded' };
    // Whose time runs on when the market closes is judged by what is known; silence, or a proof that is not there yet, says nothing.
    const early = at >= this.#end;
    if (early) at = this.#end;
    else if (contested < 0n) return { ...judged, at, upheld: true, why: 'no-answer' };
    const heard = words.filter((w) => w.at <= at);
    if (rule !== 'metered' && heard.length > 0) {
      const wrong = heard.some((w) => !w.good);
      return { ...judged, at, upheld: wrong, why: wrong ? 'found-wrong' : 'found-right' };
    }
    if (rule === 'proven' && !early) return { ...judged, at, upheld: true, why: 'unproven' };
    const upheld = this.#unread.has(line.lease);
    return { ...judged, at, upheld, why: upheld ? 'not-metered' : 'metered' };
  }

  /** A transfer for a dispute; answers the line that its provider earns after all. */
  moved(m: Movement): Line | null {
    if (m.kind === 'pending') {
      this.#reserved(m);
      return null;
    }
    const p = this.#pending.get(m.resolves) ?? this.#with.fail(`${m.where}: ${m.reason} of nothing disputed`);
    this.#pending.delete(m.resolves);
    const { line, what } = p;
    const open = line.open!;
    const posts = what === 'user' ? !open.upheld : open.upheld;
    const reason =
      what === 'amount' ? (posts ? 'dispute-upheld' : 'dispute-rejected') : posts ? 'bond-lost' : 'bond-returned';
    if (m.at !== open.at || m.reason !== reason || (m.kind === 'post') !== posts)
      this.#with.fail(
        `${m.where}: ${m.reason} for lease ${line.lease} at ${m.at}, worked out ${reason} at ${open.at} (${open.why})`,
      );
    const sum = what === 'amount' ? line.amount : open.bond;
    if (m.amount !== sum) this.#with.fail(`${m.where}: ${m.reason} of ${m.amount}, worked out ${sum}`);
    if (what !== 'amount') return null;
    line.gone = true;
    return posts ? null : line;
  }

  #reserved(m: Movement): void {
    if (m.reason === 'dispute-bond' && m.debit.startsWith('user:')) {
      if (this.#bond !== null) this.#with.fail(`${m.where}: a bond after a bond`);
      this.#bond = m;
      return;
    }
    const line = this.#asked(m);
    if (line === undefined) this.#with.fail(`${m.where}: ${m.reason} of ${m.amount} that nobody asked for`);
    if (m.reason === 'dispute-bond') {
      this.#pending.set(m.id, { line: line!, what: 'provider' });
      return;
    }
    line!.open = this.#judge(line!, m.at);
    this.#pending.set(m.id, { line: line!, what: 'amount' });
    const bond = line!.open.bond;
    const lodged = this.#bond;
    this.#bond = null;
    if (
      (lodged?.amount ?? 0n) !== bond ||
      (lodged !== null && lodged.credit !== `provider:${line!.provider}|${line!.currency}`)
    )
      this.#with.fail(`${m.where}: a bond of ${lodged?.amount ?? 0n}, worked out ${bond}`);
    if (lodged !== null) this.#pending.set(lodged.id, { line: line!, what: 'user' });
  }

  /** The line whose act comes first, of those that this would answer: parts of one attempt may look the same. */
  #asked(m: Movement): Line | undefined {
    for (let i = this.#seen; this.#acts[i]?.at === m.at; i++) {
      const { act } = this.#acts[i]!;
      const line = this.#lines.get(BigInt(act.lease));
      if (line === undefined || line.key !== m.key || this.#answered.has(i) || !this.#fits(m, line, act)) continue;
      this.#answered.add(i);
      return line;
    }
    return undefined;
  }

  /** Is this what was to be reserved about the line for the act? */
  #fits(m: Movement, l: Line, act: DisputeActs[number]['act']): boolean {
    const user = this.#userOf(l);
    if (m.credit !== `user:${user}|${l.currency}`) return false;
    if (m.reason === 'dispute-bond') {
      const from =
        m.debit === `provider:${l.provider}|${l.currency}` || m.debit === `deposit:${l.provider}|${l.currency}`;
      const again = [...this.#pending.values()].some((p) => p.line === l && p.what === 'provider');
      const answers = act.do === 'contest' && act.by === l.provider;
      return (
        answers && from && !again && l.open !== null && !l.gone && l.open.contested === m.at && m.amount === l.open.bond
      );
    }
    const billed = this.#billedAt(l);
    const inTime = billed >= 0n && billed <= m.at && m.at < billed + BigInt(this.#rules.windowUs);
    const from = m.debit === `revenue:${l.pool}|${l.currency}`;
    const lodged = this.#bond === null || this.#bond.credit === `provider:${l.provider}|${l.currency}`;
    const right = from && lodged && inTime && m.amount === l.amount;
    return right && !l.gone && l.open === null && act.do === 'file' && act.by === user;
  }

  /** What was due before `at` must have happened. */
  passed(at: bigint): void {
    for (const { line } of this.#pending.values())
      if (line.open!.at < at)
        this.#with.fail(`transfers.parquet: the dispute about lease ${line.lease} was due at ${line.open!.at}`);
    for (let a = this.#acts[this.#seen]; a !== undefined && a.at < at; a = this.#acts[++this.#seen])
      if (a.act.do === 'file') this.#filed(a.at, BigInt(a.act.lease), a.act.by);
      else if (a.act.do === 'contest') this.#contested(a.at, BigInt(a.act.lease), a.act.by);
  }

  /** Whoever filed in time was heard. */
  #filed(at: bigint, lease: bigint, by: string): void {
    const line = this.#lines.get(lease);
    if (line === undefined || line.gone || line.open !== null || line.amount === 0n || this.#userOf(line) !== by)
      return;
    const billed = this.#billedAt(line);
    if (billed < 0n || billed >= at || at >= billed + BigInt(this.#rules.windowUs) || at >= this.#end) return;
    // Who owes may not, nor who cannot lodge the bond; nobody else is turned away.
    const why = this.#refusals.get(`${lease}|file-refused|${at}`) ?? [];
    const owing = why.includes('owing') && this.#with.owed(by, line.currency, at);
    const account = `user:${by}|${line.currency}`;
    const poor =
      why.includes('insufficient-funds') &&
      this.#with.prepaid(by) &&
      this.#with.least(account, at) < this.#bondOf(line);
    if (!owing && !poor)
      this.#with.fail(
        `transfers.parquet: the dispute of ${by} about lease ${lease} at ${at} holds nothing (${why.join(', ') || 'not refused'})`,
      );
  }

  /** An answer is refused to whom no case is open, or who has no bond in its deposit nor in its income. */
  #contested(at: bigint, lease: bigint, by: string): void {
    const line = this.#lines.get(lease);
    const open = line?.open ?? null;
    if (line === undefined || open === null || by !== line.provider) return;
    const why = this.#refusals.get(`${lease}|answer-refused|${at}`) ?? [];
    if (why.length === 0 || at <= open.filed || at >= open.at || at >= this.#end) return;
    const bond = this.#bondOf(line);
    const has = ['deposit', 'provider'].map((party) => this.#with.least(`${party}:${by}|${line.currency}`, at));
    if (!why.includes('insufficient-funds') || has.some((x) => x >= bond))
      this.#with.fail(
        `disputes.parquet: the answer of ${by} about lease ${lease} at ${at} is refused (${why.join(', ')}), which has ${has.join(' and ')} for a bond of ${bond}`,
      );
  }

  /** The run is over: nothing is open, and the table says what was worked out. */
  close(t: Table): void {
    this.passed(this.#end + 1n);
    const c = t.columns;
    const rows = new Map<string, number>();
    for (let i = 0; i < t.rows; i++) {
      const where = `disputes.parquet row ${i}`;
      const event = c['event']![i] as string;
      const reason = c['reason']![i] as string;
      const got = [c['amount_micro']![i], c['bond_micro']![i], c['provider_bond_micro']![i]] as bigint[];
      if (event.endsWith('refused')) {
        if (got.some((x) => x !== 0n)) this.#with.fail(`${where}: amounts of a dispute that was not taken`);
        if (reason === 'insufficient-funds' && this.#rules.bondBps === 0) this.#with.fail(`${where}: there is no bond`);
        continue;
      }
      const line = this.#lines.get(c['lease_id']![i] as bigint);
      const open = line?.open ?? this.#with.fail(`${where}: nobody disputes lease ${String(c['lease_id']![i])}`);
      // Bills name the job, the part and the provider from here.
      const cell = (name: string): string => String(c[name]![i]);
      const about = `job#attempt ${cell('job_id')}#${cell('attempt')}, part ${cell('part')}, ${cell('pool')}, ${cell('user')}, ${cell('provider')}, ${cell('currency')}`;
      const own = `job#attempt ${line!.key}, part ${this.#parts.get(line!.lease)}, ${line!.pool}, ${this.#userOf(line!)}, ${line!.provider}, ${line!.currency}`;
      if (about !== own) this.#with.fail(`${where}: is about ${about}, worked out ${own}`);
      const at = event === 'filed' ? open.filed : event === 'contested' ? open.contested : open.at;
      const verdict = open.upheld ? 'upheld' : 'rejected';
      const decided = event === 'upheld' || event === 'rejected';
      if (at !== c['time_us']![i] || (decided && (event !== verdict || reason !== open.why)))
        this.#with.fail(
          `${where}: ${event} (${reason}) at ${String(c['time_us']![i])}, worked out ${verdict} (${open.why}) at ${at}`,
        );
      const lodged = open.contested >= 0n && event !== 'filed' && open.contested <= at ? open.bond : 0n;
      const want = [line!.amount, open.bond, lodged];
      if (want.some((x, k) => x !== got[k]))
        this.#with.fail(`${where}: ${got.join('/')}, worked out ${want.join('/')}`);
      const key = `${line!.lease}|${decided ? 'decided' : event}`;
      rows.set(key, (rows.get(key) ?? 0) + 1);
    }
    for (const l of this.#lines.values()) {
      if (l.open === null) continue;
      if (!l.gone) this.#with.fail(`transfers.parquet: the dispute about lease ${l.lease} was never decided`);
      for (const event of ['filed', 'decided'])
        if (rows.get(`${l.lease}|${event}`) !== 1)
          this.#with.fail(`disputes.parquet: lease ${l.lease} is not ${event} once`);
    }
  }
}
