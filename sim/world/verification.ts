/**
 * Whether results are true, and who looks. Some providers make results up: lazily (each answer is its own), in a ring (all give the same
 * wrong answer), or because they have no device at all (spoofing). A policy decides what a completed lease calls for; verifiers check, or
 * say "right" without looking when that pays them better; what they find reaches the chain as attestations and offences.
 *
 * All draws are chance nodes of the run's beacon: functions of the key, a purpose and the lease, so that another rate, policy or population
 * changes no other draw. A made-up result is seen to differ with chance d, an honest one with chance phi.
 *
 * A rational provider cheats while g (1 - c) > (c - p phi) P: g = its mean cost of a lease, c = chance that a made-up result is called
 * wrong (p d under spot checks), p phi = that an honest one is, P = stake behind it that a slash takes, at the token's price.
 * A rational verifier looks while cost < w B + (1 - (1 - pi)^n) F / n: w = share of wrong results among those attested of late, B = mean
 * bounty, pi = share of planted results, F and n = its pay and checks in the last epoch. It looks at one in twenty all the same.
 */
import type { StakeAct } from '../../core/facts.ts';
import { chance, chanceInt, exp, log1p } from '../../core/num/index.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import type { Staking } from '../../core/settlement/staking.ts';
import { HOUR_US, type MarketConfig } from '../../core/types.ts';
import {
  accepted,
  catchChance,
  honestDevice,
  lookAt,
  mostCopies,
  noDevice,
  passesChallenge,
  reputationRate,
} from '../../mechanisms/verification/policies.ts';
import type { VerificationSpec } from '../../scenarios/resolved.ts';

/** Share of checks that a verifier makes though it has decided not to look. */
const CURIOSITY = 0.05;
/** How fast the share of wrong results among those attested is forgotten, per epoch. */
const FORGET = 0.5;
const RING = 'ring';

export interface VerificationCounts {
  /** Leases that ended well, and how many of them were made up. */
  results: number;
  madeUp: number;
  /** Results that were checked; by looking, and by copies others computed. */
  audits: number;
  looked: number;
  copies: number;
  /** Made-up results called wrong; honest ones called wrong; made-up ones called right; results on which no answer won. */
  found: number;
  falseAlarms: number;
  passed: number;
  undecided: number;
  reversed: number;
  /** Planted wrong results: given out, and exposed. */
  planted: number;
  exposed: number;
  /** What checking has cost those who did it, micro-USD. */
  costMicro: number;
}

export const noCounts = (): VerificationCounts => ({
  results: 0,
  madeUp: 0,
  audits: 0,
  looked: 0,
  copies: 0,
  found: 0,
  falseAlarms: 0,
  passed: 0,
  undecided: 0,
  reversed: 0,
  planted: 0,
  exposed: 0,
  costMicro: 0,
});

/** An offence to report, and whether the result was really made up. */
export interface Offence {
  provider: string;
  verifier: string;
  guilty: boolean;
}

export interface Finding {
  attests: Extract<StakeAct, { do: 'attest' }>[];
  offences: Offence[];
}

interface Watcher {
  looks: boolean;
  checks: number;
  payMicro: number;
  costMicro: number;
}

export interface VerificationState {
  cheating: string[];
  cost: [string, number, number][];
  valid: [string, number][];
  watchers: Watcher[];
  /** Share of checks that are really made; wrong and all results attested, remembered. */
  diligence: number;
  wrong: number;
  attested: number;
  bounty: [number, number];
  counts: VerificationCounts;
}

export class Verification {
  readonly #spec: VerificationSpec;
  readonly #config: MarketConfig;
  readonly #nodeCost: Map<string, number>;
  readonly #providers: string[];
  readonly #providerCost: Map<string, number>;
  readonly #cheats: Map<string, VerificationSpec['cheats'][number]>;
  readonly #staking: () => Staking;
  /** Rational providers that cheat at present. */
  #cheating = new Set<string>();
  /** Cost of the leases of a provider so far, and their number. */
  readonly #cost = new Map<string, [number, number]>();
  /** Right results in a row, as checks saw them. */
  readonly #valid = new Map<string, number>();
  #watchers: Watcher[];
  #diligence: number;
  #wrong = 0;
  #attested = 0;
  /** Bounties paid, micro-tokens, and their number. */
  #bounty: [number, number] = [0, 0];
  counts: VerificationCounts = noCounts();

  constructor(spec: VerificationSpec, config: MarketConfig, costMicro: readonly number[], staking: () => Staking) {
    this.#spec = spec;
    this.#config = config;
    this.#staking = staking;
    this.#nodeCost = new Map(config.nodes.map((n, i) => [n.id, costMicro[i]!]));
    this.#providers = [...new Set(config.nodes.map((n) => n.provider))];
    this.#providerCost = new Map(
      this.#providers.map((p) => {
        const mine = config.nodes.flatMap((n, i) => (n.provider === p ? [costMicro[i]!] : []));
        return [p, mine.reduce((a, b) => a + b, 0) / mine.length];
      }),
    );
    this.#cheats = new Map(spec.cheats.map((c) => [c.provider, c]));
    this.#watchers = spec.verifiers.map((v) => ({ looks: v.kind !== 'lazy', checks: 0, payMicro: 0, costMicro: 0 }));
    this.#diligence = this.#lookers();
  }

  /** Share of verifiers that mean to look. */
  #lookers(): number {
    const n = this.#watchers.length;
    const looks = this.#watchers.reduce(
      (s, w, i) => s + (w.looks ? 1 : this.#spec.verifiers[i]!.kind === 'lazy' ? 0 : CURIOSITY),
      0,
    );
    return n === 0 ? 1 : looks / n;
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'contributions') {
      const c = row as Row<'contributions'>;
      this.#wrong += c.wrong;
      this.#attested += c.checked;
    } else if (table === 'transfers') {
      const t = row as Row<'transfers'>;
      if (t.reason === 'bounty') {
        this.#bounty[0] += Number(t.amount_micro);
        this.#bounty[1]++;
      } else if (t.credit.startsWith('verifier:') && t.currency === this.#config.currencies[0]!.code) {
        const i = this.#spec.verifiers.findIndex((v) => `verifier:${v.name}` === t.credit);
        if (i >= 0) this.#watchers[i]!.payMicro += Number(t.amount_micro);
      }
    }
  }

  /** Does its provider make the result of this lease up? */
  madeUp(p: Row<'placements'>): boolean {
    const share = this.#shareOf(p.provider);
    return share > 0 && chance(this.#config.key, 'made-up', p.lease_id) < share;
  }

  /** What a completed lease brings to light; null = nobody looks at it. */
  result(p: Row<'placements'>): Finding | null {
    const { key } = this.#config;
    const s = this.#spec;
    const lease = p.lease_id;
    const gpus = p.gpus === '' ? 0 : p.gpus.split('+').length;
    const milliUs = p.gpu_milli * gpus * (p.end_us - p.start_us);
    const cost = (this.#nodeCost.get(p.node)! * milliUs) / (1000 * HOUR_US);
    const sum = this.#cost.get(p.provider) ?? [0, 0];
    this.#cost.set(p.provider, [sum[0] + cost, sum[1] + 1]);
    const madeUp = this.madeUp(p);
    const c = this.counts;
    c.results++;
    if (madeUp) c.madeUp++;
    const valid = this.#valid.get(p.provider) ?? 0;
    const look = lookAt(s.policy, valid, chance(key, 'audit', lease));
    if (look.kind === 'none') return null;
    c.audits++;
    // Whole milli-GPU x us: a product of safe integers that is rounded beyond 2^53, as work to be paid for may be.
    const work = String(BigInt(p.gpu_milli * gpus) * BigInt(p.end_us - p.start_us));
    if (look.kind === 'copies') return this.#copied(lease, p.provider, madeUp, look.others, milliUs, work);
    const called =
      look.kind === 'check'
        ? chance(key, 'verdict', lease) < (madeUp ? s.detection : s.falseAlarm)
        : !this.#challenged(lease, p.provider);
    // A challenge costs its verifier three products of a matrix and a vector: nothing beside the work.
    return this.#watched(lease, p.provider, madeUp, called, look.kind === 'check' ? cost : 0, work);
  }

  #shareOf(provider: string): number {
    const cheat = this.#cheats.get(provider);
    if (cheat === undefined) return 0;
    return cheat.rational ? (this.#cheating.has(provider) ? 1 : 0) : cheat.share;
  }

  /** The device of the provider answers the real challenge; a working one fails with the chance of a false alarm. */
  #challenged(lease: number, provider: string): boolean {
    const { policy, falseAlarm } = this.#spec;
    if (policy.name !== 'challenge') return true;
    if (chance(this.#config.key, 'verdict', lease) < falseAlarm) return false;
    const spoofs = this.#cheats.get(provider)?.kind === 'spoofing' && this.#shareOf(provider) > 0;
    return passesChallenge(this.#config.key, lease, policy, spoofs ? noDevice : honestDevice);
  }

  /** One verifier is asked; it looks, or says that all is well. */
  #watched(lease: number, provider: string, madeUp: boolean, called: boolean, cost: number, work: string): Finding {
    const { key } = this.#config;
    const s = this.#spec;
    const c = this.counts;
    const at = chanceInt(key, 'verifier', lease, s.verifiers.length);
    const { name: verifier, kind, cost: rate } = s.verifiers[at]!;
    const w = this.#watchers[at]!;
    const looks = w.looks || (kind === 'rational' && chance(key, 'curiosity', lease) < CURIOSITY);
    w.checks++;
    w.costMicro += cost * rate;
    if (looks) {
      c.looked++;
      c.costMicro += cost * rate;
    }
    const wrong = looks && called;
    this.#note(provider, madeUp, wrong);
    const out: Finding = {
      attests: [{ do: 'attest', verifier, provider, lease, good: !wrong, work, planted: false }],
      offences: wrong ? [{ provider, verifier, guilty: madeUp }] : [],
    };
    if (chance(key, 'planted', lease) < s.planted) {
      c.planted++;
      const exposes = looks && chance(key, 'planted-verdict', lease) < s.detection;
      if (exposes) c.exposed++;
      out.attests.push({ do: 'attest', verifier, provider: '', lease, good: !exposes, work: '0', planted: true });
    }
    return out;
  }

  /** Others compute the same until an answer is accepted; who gave another is wrong. */
  #copied(lease: number, own: string, madeUp: boolean, others: number, milliUs: number, work: string): Finding {
    const { key } = this.#config;
    const { policy } = this.#spec;
    const c = this.counts;
    const left = this.#providers.filter((x) => x !== own);
    const answers = [{ who: own, madeUp, answer: this.#answer(own, madeUp, chance(key, 'verdict', lease), 'own') }];
    const votes = () => answers.map((a) => ({ answer: a.answer, weight: this.#stakeOn(a.who) + 1n }));
    const most = mostCopies(policy);
    let right: string | null = null;
    while (right === null && answers.length < most && left.length > 0) {
      const k = answers.length;
      const [who] = left.splice(chanceInt(key, 'copy', [lease, k], left.length), 1) as [string];
      const share = this.#shareOf(who);
      const lies = share > 0 && chance(key, 'copy-made-up', [lease, k]) < share;
      answers.push({
        who,
        madeUp: lies,
        answer: this.#answer(who, lies, chance(key, 'copy-verdict', [lease, k]), `copy ${k}`),
      });
      c.copies++;
      c.costMicro += lies ? 0 : (this.#providerCost.get(who)! * milliUs) / (1000 * HOUR_US);
      if (answers.length > others) right = accepted(policy, votes());
    }
    if (right === null) {
      c.undecided++;
      return { attests: [], offences: [] };
    }
    const out: Finding = { attests: [], offences: [] };
    const good = answers.map((a) => a.answer === right);
    answers.forEach((a, i) => {
      this.#note(a.who, a.madeUp, !good[i]);
      // Of the provider every right copy speaks, and is paid for its work; of a copy the first other who was right.
      answers.forEach((by, k) => {
        if (k === i || !good[k] || (i > 0 && k !== good.findIndex((g, j) => g && j !== i))) return;
        const word = {
          do: 'attest',
          verifier: by.who,
          provider: a.who,
          lease,
          good: good[i]!,
          planted: false,
        } as const;
        out.attests.push({ ...word, work: i === 0 ? work : '0' });
      });
      const verifier = answers.find((_, k) => k !== i && good[k])?.who ?? '';
      if (!good[i]) out.offences.push({ provider: a.who, verifier, guilty: a.madeUp });
    });
    return out;
  }

  #answer(provider: string, madeUp: boolean, u: number, own: string): string {
    if (u >= (madeUp ? this.#spec.detection : this.#spec.falseAlarm)) return 'right';
    return madeUp && this.#cheats.get(provider)!.kind === 'colluding' ? RING : own;
  }

  #stakeOn(provider: string): bigint {
    const { book } = this.#staking();
    let stake = 0n;
    for (const p of book.positions()) if (p.provider === provider) stake += book.bonded(p.staker, provider);
    return stake;
  }

  #note(provider: string, madeUp: boolean, wrong: boolean): void {
    const c = this.counts;
    if (wrong && madeUp) c.found++;
    else if (wrong) c.falseAlarms++;
    else if (madeUp) c.passed++;
    this.#valid.set(provider, wrong ? 0 : (this.#valid.get(provider) ?? 0) + 1);
  }

  /** End of an epoch: verifiers and providers look at what paid. */
  epoch(tokenMicro: number): void {
    this.#watch(tokenMicro);
    const s = this.#spec;
    const honest = 1 - this.#providers.filter((p) => this.#shareOf(p) > 0).length / this.#providers.length;
    const { book } = this.#staking();
    const fraction = book.rules.slashing.fractionBps / 10_000;
    for (const [provider, c] of this.#cheats) {
      if (!c.rational) continue;
      const [whole, n] = this.#cost.get(provider) ?? [0, 0];
      if (n === 0) continue;
      const loss = (Number(this.#stakeOn(provider)) / 1e6) * fraction * tokenMicro;
      const valid = this.#valid.get(provider) ?? 0;
      const view = { detection: s.detection, honest, diligence: this.#diligence, valid, spoofs: c.kind === 'spoofing' };
      const caught = catchChance(s.policy, view);
      const alarm = this.#looked(valid) * s.falseAlarm * this.#diligence;
      const gain = whole / n;
      if (gain * (1 - caught) > (caught - alarm) * loss) this.#cheating.add(provider);
      else this.#cheating.delete(provider);
    }
  }

  /** Chance that a result of a provider with so many right ones behind it is looked at. */
  #looked(valid: number): number {
    const p = this.#spec.policy;
    if (p.name === 'reputation') return reputationRate(p, valid);
    return p.name === 'spot-check' || p.name === 'challenge' ? p.rate : 1;
  }

  #watch(tokenMicro: number): void {
    const share = this.#attested > 0 ? this.#wrong / this.#attested : 0;
    const [paid, n] = this.#bounty;
    const bounty = n > 0 ? (paid / n / 1e6) * tokenMicro : 0;
    this.#spec.verifiers.forEach((v, i) => {
      const w = this.#watchers[i]!;
      if (v.kind === 'rational' && w.checks > 0) {
        const planted = this.#spec.planted >= 1 ? 1 : 1 - exp(w.checks * log1p(-this.#spec.planted));
        w.looks = w.costMicro / w.checks < share * bounty + (planted * w.payMicro) / w.checks;
      }
      w.checks = 0;
      w.payMicro = 0;
      w.costMicro = 0;
    });
    this.#diligence = this.#lookers();
    this.#wrong *= FORGET;
    this.#attested *= FORGET;
  }

  snapshot(): VerificationState {
    return {
      cheating: [...this.#cheating],
      cost: [...this.#cost].map(([id, [whole, n]]) => [id, whole, n]),
      valid: [...this.#valid],
      watchers: this.#watchers.map((w) => ({ ...w })),
      diligence: this.#diligence,
      wrong: this.#wrong,
      attested: this.#attested,
      bounty: [...this.#bounty],
      counts: { ...this.counts },
    };
  }

  restore(s: VerificationState): void {
    this.#cheating = new Set(s.cheating);
    for (const [id, whole, n] of s.cost) this.#cost.set(id, [whole, n]);
    for (const [id, n] of s.valid) this.#valid.set(id, n);
    this.#watchers = s.watchers.map((w) => ({ ...w }));
    this.#diligence = s.diligence;
    this.#wrong = s.wrong;
    this.#attested = s.attested;
    this.#bounty = [...s.bounty];
    this.counts = { ...s.counts };
  }
}
