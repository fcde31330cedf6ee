/**
 * Proof of contribution on the chain: for each provider and stake epoch, metered use in leases that completed, times the machine's
 * quality, times the share of the epoch its machines were up, times the share of checked results that were right. Verifiers attest
 * results; what they checked in the epoch is what they are paid by.
 *
 * Correctness remembers: counts fade by an eighth per epoch, and one right result is taken for granted, so that a provider nobody has
 * checked counts in full. A machine that fails lowers uptime, a wrong result lowers correctness: failure and fraud are told apart.
 */
import type { StakeAct } from '../facts.ts';
import type { Row } from '../record/schema.ts';
import type { MarketConfig, StakeRules, TimeUs } from '../types.ts';

/** One result in the units in which correctness is remembered. */
const ONE = 1024;
const BPS = 10_000n;

interface Standing {
  /** This epoch: milli-GPU x us, and the same times quality in thousandths. */
  usedMilliUs: bigint;
  effective: bigint;
  checked: number;
  wrong: number;
  /** Remembered, in 1/1024 of a result. */
  checkedMemory: number;
  rightMemory: number;
}

interface Work {
  /** Milli-GPU x us of results it vouched for or called wrong. */
  milliUs: bigint;
  /** Planted wrong results it exposed, and passed for right. */
  exposed: number;
  fooled: number;
}

export interface ContributionState {
  sinceUs: TimeUs;
  providers: [string, Standing][];
  verifiers: [string, Work][];
  quality: [string, number][];
  up: boolean[];
  upSinceUs: TimeUs[];
  upUs: TimeUs[];
}

/** What a provider brought in an epoch, milli-GPU x us of a reference GPU that is always up and right. */
export interface Brought {
  provider: string;
  contribution: bigint;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export class Contribution {
  readonly #config: MarketConfig;
  readonly #rules: StakeRules;
  readonly #row: (row: Row<'contributions'>) => void;
  /** Machines of each provider, in order of its name. */
  readonly #machines: Map<string, number[]>;
  readonly #known: Set<string>;
  #providers = new Map<string, Standing>();
  #verifiers = new Map<string, Work>();
  /** Uptime x correctness in the last epoch, basis points, where it is below 10,000. */
  #quality = new Map<string, number>();
  #sinceUs: TimeUs = 0;
  #up: boolean[];
  #upSinceUs: TimeUs[];
  #upUs: TimeUs[];

  constructor(config: MarketConfig, rules: StakeRules, row: (row: Row<'contributions'>) => void) {
    this.#config = config;
    this.#rules = rules;
    this.#row = row;
    const machines = new Map<string, number[]>();
    config.nodes.forEach((n, i) => {
      const list = machines.get(n.provider);
      if (list === undefined) machines.set(n.provider, [i]);
      else list.push(i);
    });
    this.#machines = new Map([...machines].sort((a, b) => byName(a[0], b[0])));
    this.#known = new Set([...(rules.verifiers ?? []), ...machines.keys()]);
    this.#up = config.nodes.map(() => true);
    this.#upSinceUs = config.nodes.map(() => 0);
    this.#upUs = config.nodes.map(() => 0);
  }

  #of(provider: string): Standing {
    let r = this.#providers.get(provider);
    if (r === undefined) {
      r = { usedMilliUs: 0n, effective: 0n, checked: 0, wrong: 0, checkedMemory: ONE, rightMemory: ONE };
      this.#providers.set(provider, r);
    }
    return r;
  }

  /** A lease that completed. */
  used(node: number, milli: number, us: TimeUs): void {
    const r = this.#of(this.#config.nodes[node]!.provider);
    const amount = BigInt(milli) * BigInt(us);
    r.usedMilliUs += amount;
    r.effective += amount * BigInt(this.#rules.qualityMilli?.[node] ?? 1000);
  }

  health(now: TimeUs, node: number, up: boolean): void {
    if (this.#up[node] === up) return;
    if (this.#up[node]) this.#upUs[node]! += now - this.#upSinceUs[node]!;
    this.#up[node] = up;
    this.#upSinceUs[node] = now;
  }

  /** Answers ok, or why the word of the verifier is not taken. */
  attest(a: Extract<StakeAct, { do: 'attest' }>): string {
    if (!this.#known.has(a.verifier)) return 'unknown-verifier';
    if (!a.planted && !this.#machines.has(a.provider)) return 'unknown-provider';
    if (!/^\d{1,18}$/.test(a.work)) return 'no-amount';
    const w = this.#verifiers.get(a.verifier) ?? { milliUs: 0n, exposed: 0, fooled: 0 };
    this.#verifiers.set(a.verifier, w);
    w.milliUs += BigInt(a.work);
    if (a.planted) {
      if (a.good) w.fooled++;
      else w.exposed++;
      return 'ok';
    }
    const r = this.#of(a.provider);
    r.checked++;
    r.checkedMemory += ONE;
    if (a.good) r.rightMemory += ONE;
    else r.wrong++;
    return 'ok';
  }

  /** Share of right results that the chain remembers of a provider, basis points. */
  correctBps(provider: string): number {
    const r = this.#providers.get(provider);
    return r === undefined ? 10_000 : Math.floor((10_000 * r.rightMemory) / r.checkedMemory);
  }

  /** Of providers whose machines were not always up, or whose results not always right, in the last epoch. */
  quality(): [string, number][] {
    return [...this.#quality];
  }

  /** Ends the epoch: one row per provider that was used or checked. */
  close(now: TimeUs, epoch: number): Brought[] {
    const length = now - this.#sinceUs;
    if (length <= 0) return [];
    const out: Brought[] = [];
    for (const [provider, nodes] of this.#machines) {
      let capacity = 0n;
      let available = 0n;
      for (const n of nodes) {
        const up = this.#upUs[n]! + (this.#up[n] ? now - Math.max(this.#upSinceUs[n]!, this.#sinceUs) : 0);
        capacity += BigInt(this.#config.nodes[n]!.gpus) * BigInt(length);
        available += BigInt(this.#config.nodes[n]!.gpus) * BigInt(up);
        this.#upUs[n] = 0;
        if (this.#up[n]) this.#upSinceUs[n] = now;
      }
      const uptimeBps = (available * BPS) / capacity;
      const quality = Number((uptimeBps * BigInt(this.correctBps(provider))) / BPS);
      if (quality === 10_000) this.#quality.delete(provider);
      else this.#quality.set(provider, quality);
      const r = this.#providers.get(provider);
      if (r === undefined) continue;
      const correctBps = BigInt(this.correctBps(provider));
      const contribution = (r.effective * uptimeBps * correctBps) / (1000n * BPS * BPS);
      if (r.usedMilliUs > 0n || r.checked > 0)
        this.#row({
          epoch,
          time_us: now,
          provider,
          used_milli_us: r.usedMilliUs,
          effective_milli_us: r.effective / 1000n,
          uptime_bps: Number(uptimeBps),
          checked: r.checked,
          wrong: r.wrong,
          correct_bps: Number(correctBps),
          contribution_milli_us: contribution,
        });
      if (contribution > 0n) out.push({ provider, contribution });
      r.usedMilliUs = 0n;
      r.effective = 0n;
      r.checked = 0;
      r.wrong = 0;
      r.checkedMemory = ONE + fade(r.checkedMemory - ONE);
      r.rightMemory = ONE + fade(r.rightMemory - ONE);
    }
    this.#sinceUs = now;
    return out;
  }

  /** Who worked in this epoch, by name; asked once, then forgotten. Whoever passed a planted wrong result has worked for nothing. */
  takeWork(): { verifier: string; milliUs: bigint; exposed: number }[] {
    const list = [...this.#verifiers].sort((a, b) => byName(a[0], b[0]));
    this.#verifiers = new Map();
    return list.map(([verifier, w]) => ({
      verifier,
      milliUs: w.fooled > 0 ? 0n : w.milliUs,
      exposed: w.fooled > 0 ? 0 : w.exposed,
    }));
  }

  snapshot(): ContributionState {
    return {
      sinceUs: this.#sinceUs,
      providers: [...this.#providers].map(([p, r]) => [p, { ...r }]),
      verifiers: [...this.#verifiers].map(([v, w]) => [v, { ...w }]),
      quality: [...this.#quality],
      up: [...this.#up],
      upSinceUs: [...this.#upSinceUs],
      upUs: [...this.#upUs],
    };
  }

  /** Takes ownership of the state. */
  restore(s: ContributionState): void {
    this.#sinceUs = s.sinceUs;
    this.#providers = new Map(s.providers);
    this.#verifiers = new Map(s.verifiers);
    this.#quality = new Map(s.quality);
    this.#up = s.up;
    this.#upSinceUs = s.upSinceUs;
    this.#upUs = s.upUs;
  }
}

const fade = (x: number): number => x - Math.ceil(x / 8);
