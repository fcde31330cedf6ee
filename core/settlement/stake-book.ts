/**
 * Who has staked what. A position is one staker's stake on one provider's GPUs, or (provider '') the stake it votes with. Tokens lie in
 * the ledger: free, bonded, unbonding, in escrow after a slash; this book says when each part was bonded and when it may leave, so that
 * a slash reaches exactly the stake that stood behind the offence: what was bonded by then and is still bonded, or began to leave
 * only afterwards.
 */
import { largestRemainder } from '../num/index.ts';
import type { Row } from '../record/schema.ts';
import { type MarketConfig, NEVER, type StakeRules, type TimeUs } from '../types.ts';
import { type Account, Ledger, LedgerCode } from './ledger.ts';

/** Index of the token among the currencies. */
export const TOKEN = 1;

interface Lot {
  sinceUs: TimeUs;
  amount: bigint;
}

interface Leaving extends Lot {
  startedUs: TimeUs;
  endsUs: TimeUs;
}

export interface Position {
  staker: string;
  /** '' = the stake that votes. */
  provider: string;
  /** Oldest first; lots too old for any evidence are one. */
  lots: Lot[];
  leaving: Leaving[];
  lockedUntilUs: TimeUs;
  /** Bonded when the stake epoch began. */
  atEpoch: bigint;
}

/** One part of a slash: where it came from, so that an appeal can put it back. */
interface SlashPart {
  staker: string;
  sinceUs: TimeUs;
  /** -1 = it was bonded. */
  startedUs: TimeUs;
  endsUs: TimeUs;
  amount: bigint;
}

export interface Slash {
  offence: number;
  provider: string;
  atUs: TimeUs;
  /** Final from this stamp on. */
  dueUs: TimeUs;
  /** Who has its bounty; '' = nobody by name. */
  verifier: string;
  parts: SlashPart[];
}

interface Jail {
  offence: number;
  provider: string;
  untilUs: TimeUs;
}

export interface StakeBookState {
  positions: Position[];
  slashes: Slash[];
  jails: Jail[];
  /** Offences that are settled, newest last: evidence is taken once. */
  settled: [number, TimeUs][];
  finals: [string, number][];
  compounded: bigint;
  bounties: bigint;
}

export type StakeRow = Omit<Row<'stakes'>, 'currency'>;

const keyOf = (staker: string, provider: string): string => (provider === '' ? staker : `${staker}@${provider}`);
const sum = (lots: readonly Lot[]): bigint => lots.reduce((n, l) => n + l.amount, 0n);
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export class StakeBook {
  readonly #config: MarketConfig;
  readonly rules: StakeRules;
  readonly #ledger: Ledger;
  readonly #row: (row: StakeRow) => void;
  readonly #minBond: bigint;
  readonly #positions = new Map<string, Position>();
  readonly #providers: Set<string>;
  #slashes: Slash[] = [];
  #jails: Jail[] = [];
  #settled: [number, TimeUs][] = [];
  readonly #finals = new Map<string, number>();
  #changes = 0;
  /** Rewards that were bonded as they were earned. */
  #compounded = 0n;
  /** Paid to whoever reported offences. */
  #bounties = 0n;

  constructor(config: MarketConfig, rules: StakeRules, ledger: Ledger, row: (row: StakeRow) => void) {
    this.#config = config;
    this.rules = rules;
    this.#ledger = ledger;
    this.#row = row;
    this.#minBond = BigInt(rules.minBond);
    this.#providers = new Set(config.nodes.map((n) => n.provider));
  }

  /** Grows with every act: what was judged once need not be judged again. */
  get changes(): number {
    return this.#changes;
  }
  positions(): IterableIterator<Position> {
    return this.#positions.values();
  }
  slashes(): readonly Slash[] {
    return this.#slashes;
  }
  position(staker: string, provider: string): Position | undefined {
    return this.#positions.get(keyOf(staker, provider));
  }
  bonded(staker: string, provider: string): bigint {
    const p = this.#positions.get(keyOf(staker, provider));
    return p === undefined ? 0n : sum(p.lots);
  }
  free(staker: string): bigint {
    const a = this.#ledger.find(`free:${staker}`, TOKEN);
    return a === undefined ? 0n : this.#ledger.balance(a);
  }

  #account(kind: string, staker: string, provider: string): Account {
    return this.#ledger.open(`${kind}:${keyOf(staker, provider)}`, TOKEN, true);
  }

  #move(now: TimeUs, from: Account, to: Account, amount: bigint, reason: string): LedgerCode {
    this.#changes++;
    return amount === 0n ? LedgerCode.ok : this.#ledger.transfer(now, from, to, amount, 0, reason);
  }

  /** What the ledger must cover, because this book says so. */
  #must(now: TimeUs, from: Account, to: Account, amount: bigint, reason: string): void {
    const code = this.#move(now, from, to, amount, reason);
    if (code !== LedgerCode.ok) throw new Error(`stake book: ${from.party} does not cover ${amount} (code ${code})`);
  }

  #write(now: TimeUs, act: string, staker: string, provider: string, amount: bigint, offence = 0, code = 'ok'): void {
    const p = this.#positions.get(keyOf(staker, provider));
    this.#row({
      time_us: now,
      act,
      staker,
      provider,
      pool: '',
      amount_micro: amount,
      bonded_micro: p === undefined ? 0n : sum(p.lots),
      unbonding_micro: p === undefined ? 0n : sum(p.leaving),
      offence_id: offence,
      code,
    });
  }

  /** Opening tokens and stakes. */
  open(now: TimeUs): void {
    const world = this.#ledger.open('world', TOKEN, false);
    for (const s of this.rules.stakers) {
      this.#move(now, world, this.#account('free', s.id, ''), BigInt(s.tokens), 'deposit');
      if (s.vesting !== undefined)
        this.#move(now, world, this.#account('vesting', s.id, ''), BigInt(s.vesting.amount), 'deposit');
      if (BigInt(s.bonded) > 0n) this.bond(now, s.id, '', s.bonded, 0);
    }
    for (const k of this.#config.stakes)
      this.bond(now, k.staker, k.provider, k.amount, Math.max(0, (k.lockedUntilUs ?? 0) - now));
    this.beginEpoch();
  }

  /** What is bonded from here to the end of the epoch earns in it. */
  beginEpoch(): void {
    for (const p of this.#positions.values()) p.atEpoch = sum(p.lots);
  }

  bond(now: TimeUs, staker: string, provider: string, amount: string, lockUs: TimeUs): void {
    const code = this.#bond(now, staker, provider, amount, lockUs);
    this.#write(now, 'bond', staker, provider, wholeOf(amount), 0, code);
  }

  #bond(now: TimeUs, staker: string, provider: string, text: string, lockUs: TimeUs): string {
    const amount = wholeOf(text);
    if (amount === 0n || !Number.isSafeInteger(lockUs) || lockUs < 0) return 'no-amount';
    const free = this.#ledger.find(`free:${staker}`, TOKEN);
    if (free === undefined) return 'unknown-staker';
    if (provider !== '' && !this.#providers.has(provider)) return 'unknown-provider';
    if (this.isJailed(provider, now)) return 'jailed';
    const key = keyOf(staker, provider);
    const known = this.#positions.get(key);
    if ((known === undefined ? 0n : sum(known.lots)) + amount < this.#minBond) return 'below-minimum';
    if (this.#move(now, free, this.#account('bonded', staker, provider), amount, 'bond') !== LedgerCode.ok)
      return 'insufficient-tokens';
    const p = known ?? { staker, provider, lots: [], leaving: [], lockedUntilUs: 0, atEpoch: 0n };
    if (known === undefined) this.#positions.set(key, p);
    addLot(p.lots, { sinceUs: now, amount }, now - this.rules.unbondingUs);
    p.lockedUntilUs = Math.max(p.lockedUntilUs, Math.min(NEVER, now + lockUs));
    return 'ok';
  }

  /** Bonds tokens that the position has just earned. */
  compound(now: TimeUs, p: Position, amount: bigint): void {
    const from = this.#ledger.open(`staker:${p.staker}`, TOKEN, true);
    this.#must(now, from, this.#account('bonded', p.staker, p.provider), amount, 'compound');
    addLot(p.lots, { sinceUs: now, amount }, now - this.rules.unbondingUs);
    this.#compounded += amount;
  }

  unbond(now: TimeUs, staker: string, provider: string, amount: string): void {
    const code = this.#unbond(now, staker, provider, amount);
    this.#write(now, 'unbond', staker, provider, wholeOf(amount), 0, code);
  }

  #unbond(now: TimeUs, staker: string, provider: string, text: string): string {
    const amount = wholeOf(text);
    const p = this.#positions.get(keyOf(staker, provider));
    if (amount === 0n) return 'no-amount';
    if (p === undefined || amount > sum(p.lots)) return 'exceeds-bonded';
    if (p.lockedUntilUs > now) return 'locked';
    const left = sum(p.lots) - amount;
    if (left > 0n && left < this.#minBond) return 'below-minimum';
    const queued = new Set(p.leaving.map((l) => l.startedUs));
    if (!queued.has(now) && queued.size >= this.rules.maxUnbonding) return 'queue-full';
    this.#must(
      now,
      this.#account('bonded', staker, provider),
      this.#account('unbonding', staker, provider),
      amount,
      'unbond',
    );
    // The newest stake leaves first: it stands behind the fewest deeds.
    for (let rest = amount; rest > 0n; ) {
      const lot = p.lots[p.lots.length - 1]!;
      const part = rest < lot.amount ? rest : lot.amount;
      p.leaving.push({ sinceUs: lot.sinceUs, startedUs: now, endsUs: now + this.rules.unbondingUs, amount: part });
      lot.amount -= part;
      rest -= part;
      if (lot.amount === 0n) p.lots.pop();
    }
    return 'ok';
  }

  // ---- what falls due ----

  /** First stamp at which something leaves the queue or a slash becomes final. */
  nextDue(): TimeUs {
    let next: TimeUs = NEVER;
    for (const p of this.#positions.values()) for (const l of p.leaving) next = Math.min(next, l.endsUs);
    for (const s of this.#slashes) next = Math.min(next, s.dueUs);
    return next;
  }

  due(now: TimeUs): void {
    for (const s of this.#slashes.filter((x) => x.dueUs <= now)) this.#final(now, s);
    for (const p of this.#positions.values()) {
      let out = 0n;
      for (const l of p.leaving) if (l.endsUs <= now) out += l.amount;
      if (out === 0n && p.leaving.every((l) => l.endsUs > now)) continue;
      p.leaving = p.leaving.filter((l) => l.endsUs > now);
      this.#must(
        now,
        this.#account('unbonding', p.staker, p.provider),
        this.#account('free', p.staker, ''),
        out,
        'withdraw',
      );
      this.#write(now, 'withdraw', p.staker, p.provider, out);
    }
    this.#jails = this.#jails.filter((j) => j.untilUs > now);
    this.#settled = this.#settled.filter(([, at]) => at >= now - this.rules.unbondingUs);
  }

  // ---- slashing ----

  isJailed(provider: string, now: TimeUs): boolean {
    return this.#jails.some((j) => j.provider === provider && j.untilUs > now);
  }

  /** Takes evidence of a wrong result; the slash lies in escrow until an appeal is decided or its time is over. */
  offence(now: TimeUs, offence: number, provider: string, atUs: TimeUs, verifier = ''): void {
    const code = !this.#providers.has(provider)
      ? 'unknown-provider'
      : this.#slashes.some((s) => s.offence === offence) || this.#settled.some(([id]) => id === offence)
        ? 'known-offence'
        : !(atUs >= 0 && atUs <= now && atUs >= now - this.rules.unbondingUs)
          ? 'stale-evidence'
          : 'ok';
    this.#write(now, 'jail', '', provider, 0n, offence, code);
    if (code !== 'ok') return;
    const { fractionBps, appealUs, jailUs } = this.rules.slashing;
    this.#jails.push({ offence, provider, untilUs: Math.min(NEVER, now + jailUs) });
    const targets = [...this.#positions.values()]
      .filter((p) => p.provider === provider)
      .sort((a, b) => byName(a.staker, b.staker))
      .flatMap((p) => [
        ...p.lots.filter((l) => l.sinceUs <= atUs).map((lot) => ({ p, lot, startedUs: -1, endsUs: -1 })),
        ...p.leaving
          .filter((l) => l.sinceUs <= atUs && l.startedUs >= atUs)
          .map((lot) => ({ p, lot, startedUs: lot.startedUs, endsUs: lot.endsUs })),
      ]);
    const whole = (sum(targets.map((t) => t.lot)) * BigInt(fractionBps)) / 10_000n;
    const cuts = largestRemainder(
      whole,
      targets.map((t) => t.lot.amount),
    );
    const escrow = this.#ledger.open('slash-escrow', TOKEN, true);
    const slash: Slash = { offence, provider, atUs, dueUs: now + appealUs, verifier, parts: [] };
    targets.forEach(({ p, lot, startedUs, endsUs }, i) => {
      const amount = cuts[i]!;
      if (amount === 0n) return;
      lot.amount -= amount;
      p.lots = p.lots.filter((l) => l.amount > 0n);
      p.leaving = p.leaving.filter((l) => l.amount > 0n);
      const from = startedUs < 0 ? 'bonded' : 'unbonding';
      this.#must(now, this.#account(from, p.staker, provider), escrow, amount, 'slash');
      slash.parts.push({ staker: p.staker, sinceUs: lot.sinceUs, startedUs, endsUs, amount });
      this.#write(now, `slash-${from}`, p.staker, provider, amount, offence);
    });
    this.#slashes.push(slash);
  }

  /** Verdict on an appeal; one that comes too late changes nothing. */
  appeal(now: TimeUs, offence: number, reversed: boolean): void {
    const s = this.#slashes.find((x) => x.offence === offence);
    if (s === undefined || s.dueUs <= now) return this.#write(now, 'slash-returned', '', '', 0n, offence, 'too-late');
    if (!reversed) return;
    this.#slashes = this.#slashes.filter((x) => x !== s);
    this.#settled.push([offence, now]);
    this.#jails = this.#jails.filter((j) => j.offence !== offence);
    const escrow = this.#ledger.open('slash-escrow', TOKEN, true);
    for (const part of s.parts) {
      const p = this.#positions.get(keyOf(part.staker, s.provider))!;
      const back = part.startedUs < 0 ? 'bonded' : part.endsUs > now ? 'unbonding' : 'free';
      const to = this.#account(back, part.staker, back === 'free' ? '' : s.provider);
      this.#must(now, escrow, to, part.amount, 'slash-returned');
      if (back === 'bonded')
        addLot(p.lots, { sinceUs: part.sinceUs, amount: part.amount }, now - this.rules.unbondingUs);
      else if (back === 'unbonding') {
        const { sinceUs, startedUs, endsUs, amount } = part;
        p.leaving.push({ sinceUs, startedUs, endsUs, amount });
      }
      this.#write(now, 'slash-returned', part.staker, s.provider, part.amount, offence);
    }
  }

  #final(now: TimeUs, s: Slash): void {
    this.#slashes = this.#slashes.filter((x) => x !== s);
    this.#settled.push([s.offence, now]);
    const whole = s.parts.reduce((n, p) => n + p.amount, 0n);
    const bounty = (whole * BigInt(this.rules.slashing.bountyBps)) / 10_000n;
    const escrow = this.#ledger.open('slash-escrow', TOKEN, true);
    const finder = s.verifier === '' ? 'bounty' : `bounty:${s.verifier}`;
    this.#must(now, escrow, this.#ledger.open(finder, TOKEN, true), bounty, 'bounty');
    this.#bounties += bounty;
    this.#must(now, escrow, this.#ledger.open('slash-pot', TOKEN, true), whole - bounty, 'slash-final');
    this.#write(now, 'slash-final', '', s.provider, whole, s.offence);
    const n = (this.#finals.get(s.provider) ?? 0) + 1;
    this.#finals.set(s.provider, n);
    if (n === this.rules.slashing.tombstoneAfter) {
      this.#jails.push({ offence: s.offence, provider: s.provider, untilUs: NEVER });
      this.#write(now, 'tombstone', '', s.provider, 0n, s.offence);
    }
  }

  // ---- laws ----

  /** Names of accounts, put together once: this law is asked after every step, and a fresh name costs more to find than all the sums. */
  readonly #names = new Map<string, { bonded: string; unbonding: string; free: string; vesting: string }>();
  #named(key: string): { bonded: string; unbonding: string; free: string; vesting: string } {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const names = {
      bonded: `bonded:${key}`,
      unbonding: `unbonding:${key}`,
      free: `free:${key}`,
      vesting: `vesting:${key}`,
    };
    this.#names.set(key, names);
    return names;
  }

  /** First thing in which book and ledger differ, or null. */
  fault(): string | null {
    const balance = (party: string) => {
      const a = this.#ledger.find(party, TOKEN);
      return a === undefined ? 0n : this.#ledger.balance(a);
    };
    let whole = balance('slash-escrow') + balance('slash-pot') + this.#bounties;
    for (const [key, p] of this.#positions) {
      const names = this.#named(key);
      const bonded = balance(names.bonded);
      const leaving = balance(names.unbonding);
      if (bonded !== sum(p.lots)) return `position ${key} has ${bonded} bonded, its lots sum to ${sum(p.lots)}`;
      if (leaving !== sum(p.leaving)) return `position ${key} has ${leaving} unbonding, its queue ${sum(p.leaving)}`;
      const empty = (l: Lot): boolean => l.amount <= 0n;
      if (p.lots.some(empty) || p.leaving.some(empty)) return `position ${key} has a part without tokens`;
      whole += bonded + leaving;
    }
    const escrow = this.#slashes.reduce((n, s) => n + s.parts.reduce((m, x) => m + x.amount, 0n), 0n);
    if (escrow !== balance('slash-escrow'))
      return `the escrow holds ${balance('slash-escrow')}, open slashes sum to ${escrow}`;
    let minted = this.#compounded;
    for (const s of this.rules.stakers) {
      minted += BigInt(s.tokens) + BigInt(s.vesting?.amount ?? '0');
      const names = this.#named(s.id);
      whole += balance(names.free);
      if (s.vesting !== undefined) whole += balance(names.vesting);
    }
    return whole === minted || this.#changes === 0 ? null : `stakers’ tokens sum to ${whole}, ${minted} were issued`;
  }

  /** On a copy: every staker asks for everything as soon as it may, and has it once the queue is through. */
  exitFault(now: TimeUs): string | null {
    const ledger = new Ledger(this.#ledger.currencies, () => {});
    ledger.restore(this.#ledger.snapshot());
    const copy = new StakeBook(this.#config, this.rules, ledger, () => {});
    copy.restore(this.snapshot());
    let t = now;
    for (;;) {
      let next = copy.nextDue();
      for (const p of copy.positions()) {
        const all = sum(p.lots);
        if (all === 0n) continue;
        if (p.lockedUntilUs > t) next = Math.min(next, p.lockedUntilUs);
        else copy.unbond(t, p.staker, p.provider, String(all));
      }
      next = Math.min(next, copy.nextDue());
      if (next >= NEVER) break;
      t = Math.max(t, next);
      copy.due(t);
    }
    for (const p of copy.positions())
      if (sum(p.lots) + sum(p.leaving) > 0n && p.lockedUntilUs < NEVER)
        return `${keyOf(p.staker, p.provider)} cannot withdraw ${sum(p.lots) + sum(p.leaving)}`;
    return copy.fault();
  }

  /** Plain data; not cloned. */
  snapshot(): StakeBookState {
    return {
      positions: [...this.#positions.values()].map((p) => ({
        ...p,
        lots: p.lots.map((l) => ({ ...l })),
        leaving: p.leaving.map((l) => ({ ...l })),
      })),
      slashes: this.#slashes.map((s) => ({ ...s, parts: s.parts.map((p) => ({ ...p })) })),
      jails: this.#jails.map((j) => ({ ...j })),
      settled: this.#settled.map(([id, at]) => [id, at]),
      finals: [...this.#finals],
      compounded: this.#compounded,
      bounties: this.#bounties,
    };
  }

  /** Takes ownership of the state; into a fresh book over the restored ledger. */
  restore(s: StakeBookState): void {
    for (const p of s.positions) this.#positions.set(keyOf(p.staker, p.provider), p);
    this.#slashes = s.slashes;
    this.#jails = s.jails;
    this.#settled = s.settled;
    for (const [provider, n] of s.finals) this.#finals.set(provider, n);
    this.#compounded = s.compounded;
    this.#bounties = s.bounties;
    this.#changes++;
  }
}

/** Keeps lots in order of age; those that began before `oldest` are out of reach of any evidence and become one. */
function addLot(lots: Lot[], lot: Lot, oldest: TimeUs): void {
  const at = lots.findIndex((l) => l.sinceUs > lot.sinceUs);
  if (at < 0) lots.push({ ...lot });
  else lots.splice(at, 0, { ...lot });
  while (lots.length > 1 && (lots[1]!.sinceUs < oldest || lots[0]!.sinceUs === lots[1]!.sinceUs)) {
    lots[1]!.amount += lots[0]!.amount;
    lots.shift();
  }
}

/** A decimal whole number of tokens that fits the ledger, else 0. */
function wholeOf(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) return 0n;
  const n = BigInt(text);
  return n > 9_223_372_036_854_775_807n ? 0n : n;
}
