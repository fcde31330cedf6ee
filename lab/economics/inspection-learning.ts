/**
 * Players of the inspection game who learn by regret matching (Hart and Mas-Colell 2000): each knows its own payoffs and what was
 * played, nothing else. Joint play converges to the set of correlated equilibria, which in this game is its one mixed equilibrium, so
 * time averages approach (p*, q*) while play itself keeps cycling.
 */
import { Stream } from '../../sim/kernel/streams.ts';

export interface GamePayoffs {
  gain: number;
  penalty: number;
  auditCost: number;
  loss: number;
  bounty: number;
}

export interface Averages {
  auditRate: number;
  cheatRate: number;
}

/** Own payoff of [action 0, action 1] against what the other did. */
type Payoff = (action: 0 | 1, other: 0 | 1) => number;

class RegretMatcher {
  readonly #payoff: Payoff;
  readonly #stream: Stream;
  #regret: [number, number] = [0, 0];
  #start: number;
  taken = 0;

  /** `start` is the first chance of action 1, before anything was learnt. */
  constructor(payoff: Payoff, start: number, stream: Stream) {
    this.#payoff = payoff;
    this.#stream = stream;
    this.#start = start;
  }

  act(): 0 | 1 {
    const a = Math.max(0, this.#regret[0]);
    const b = Math.max(0, this.#regret[1]);
    const one = a + b > 0 ? b / (a + b) : this.#start;
    const action = this.#stream.uniform() < one ? 1 : 0;
    this.taken += action;
    return action;
  }

  learn(action: 0 | 1, other: 0 | 1): void {
    const got = this.#payoff(action, other);
    this.#regret[0] += this.#payoff(0, other) - got;
    this.#regret[1] += this.#payoff(1, other) - got;
  }
}

/** Provider (1 = cheat) against verifier (1 = audit); averages over the second half of the rounds. */
export function learnInspection(
  g: GamePayoffs,
  startCheat: number,
  startAudit: number,
  rounds: number,
  seed: number,
): Averages {
  const name = `inspection/${seed}`;
  const provider = new RegretMatcher(
    (cheat, audit) => (cheat === 0 ? 0 : audit === 1 ? -g.penalty : g.gain),
    startCheat,
    new Stream(`${name}/provider`),
  );
  const verifier = new RegretMatcher(
    (audit, cheat) => (audit === 1 ? (cheat === 1 ? g.bounty : 0) - g.auditCost : cheat === 1 ? -g.loss : 0),
    startAudit,
    new Stream(`${name}/verifier`),
  );
  const half = Math.floor(rounds / 2);
  let cheatsBefore = 0;
  let auditsBefore = 0;
  for (let t = 0; t < rounds; t++) {
    if (t === half) {
      cheatsBefore = provider.taken;
      auditsBefore = verifier.taken;
    }
    const cheat = provider.act();
    const audit = verifier.act();
    provider.learn(cheat, audit);
    verifier.learn(audit, cheat);
  }
  const n = rounds - half;
  return { auditRate: (verifier.taken - auditsBefore) / n, cheatRate: (provider.taken - cheatsBefore) / n };
}

/** Imperfect audits: detection d of a cheat, false alarm phi on honest work. */
export interface ImperfectAudit {
  gain: number;
  penalty: number;
  detection: number;
  falseAlarm: number;
}

/**
 * Share of cheating in the second half of the rounds by a provider that learns against a fixed audit rate. It sees only its payoffs:
 * cheating earns the gain unless detected (then nothing is gained and the penalty is due), honest work loses the penalty at a false
 * alarm. What the other action would have earned is drawn too (common random numbers), as a provider with many jobs a round can see.
 */
export function cheatShare(a: ImperfectAudit, auditRate: number, rounds: number, seed: number): number {
  const s = new Stream(`deterrence/${seed}`);
  let honest = 0;
  let cheating = 0;
  let cheats = 0;
  const half = Math.floor(rounds / 2);
  for (let t = 0; t < rounds; t++) {
    if (t >= half && cheating > honest) cheats++;
    const audited = s.uniform() < auditRate;
    const luck = s.uniform();
    honest += audited && luck < a.falseAlarm ? -a.penalty : 0;
    cheating += audited && luck < a.detection ? -a.penalty : a.gain;
  }
  return cheats / (rounds - half);
}

/** Audit rate at which the learning cheat stops, by bisection on simulated play. */
export function deterrenceFrontier(a: ImperfectAudit, rounds: number, seed: number, steps = 20): number {
  let lo = 0;
  let hi = 1;
  for (let i = 0; i < steps; i++) {
    const mid = (lo + hi) / 2;
    if (cheatShare(a, mid, rounds, seed) > 0.5) lo = mid;
    else hi = mid;
  }
  return (lo + hi) / 2;
}
