import { CardState, type Fact, FactKind } from '../../core/facts.ts';
import { Outcome, type TimeUs } from '../../core/types.ts';
import type { CardError, CardFailures } from '../../scenarios/resolved.ts';
import type { Distribution } from '../kernel/distributions.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import { after, Phase, WorldEvent } from './events.ts';
import type { Fleet } from './fleet.ts';
import { Processes } from './processes.ts';
import { timeDistribution } from './time-distribution.ts';

/** What the cards' troubles need of the processes on them. */
export interface OnCards {
  /** Leases whose process is up on the GPU, ascending. */
  upOn(node: number, gpu: number): number[];
  /** Nothing runs, starts or dies there. */
  idleOn(node: number, gpu: number): boolean;
  /** The process of the lease dies of the card's error; the fact. */
  crash(lease: number, now: TimeUs, outcome: Outcome): Fact;
  /** All on the GPU hang: nothing is saved, and each dies once it is told to. */
  hang(node: number, gpu: number, now: TimeUs): void;
  /** Shares of it lie in one context (MPS): an error of one is everybody's. */
  together(node: number, lease: number): boolean;
}

export interface CardsOptions {
  queue: EventQueue;
  streams: Streams;
  rules: readonly CardFailures[];
  /** Names of the machines, and GPUs of each. */
  nodes: readonly { id: string; gpus: number }[];
  processes: OnCards;
  /** The machine is there and whole: one that is off makes no errors. */
  isUp(node: number): boolean;
  count(cause: string): void;
}

interface Card {
  node: number;
  gpu: number;
  name: string;
  errors: readonly CardError[];
  state: CardState;
  /** Error that the card is out for; -1 = none. */
  cause: number;
  /** The event that ends its repair; 0 = it is not being repaired. */
  repair: number;
}

/** Of a simulated world; null where no card fails alone, or where the world is a recorded one. */
export function cardsOf(
  options: Omit<CardsOptions, 'rules' | 'processes' | 'isUp' | 'count'> & {
    rules: readonly CardFailures[] | undefined;
  },
  fleet: Fleet,
  processes: unknown,
): CardTroubles | null {
  const { rules } = options;
  if (rules === undefined || !(processes instanceof Processes)) return null;
  const cards = new CardTroubles({
    ...options,
    rules,
    processes,
    isUp: (node) => fleet.isUp(node),
    count: (cause) => fleet.count(cause),
  });
  processes.onGone = (node, now) => cards.idle(now, node);
  return cards;
}

export interface CardsState {
  cards: [number, CardState, number, number][];
}

/**
 * Single GPUs that fail while their machine stays: every (card, Xid) is a process of its own, on streams named after both. An error that a
 * program causes ends a program and nothing else, and none while the card is idle. A card that needs a reset gets it when its last process
 * is gone; one that is lost is repaired at once. Meanwhile it makes no other errors but such as are worse.
 */
export class CardTroubles {
  readonly #o: CardsOptions;
  readonly #cards: Card[] = [];
  readonly #byNode = new Map<number, number[]>();
  readonly #families = new Map<object, Distribution>();

  constructor(options: CardsOptions) {
    this.#o = options;
    for (const { nodes, errors } of options.rules)
      for (const node of nodes) {
        const { id, gpus } = options.nodes[node]!;
        for (let gpu = 0; gpu < gpus; gpu++) {
          const card: Card = { node, gpu, name: `${id}#${gpu}`, errors, state: CardState.fine, cause: -1, repair: 0 };
          const at = this.#cards.push(card) - 1;
          const list = this.#byNode.get(node);
          if (list === undefined) this.#byNode.set(node, [at]);
          else list.push(at);
        }
      }
  }

  open(): void {
    for (let i = 0; i < this.#cards.length; i++)
      for (let e = 0; e < this.#cards[i]!.errors.length; e++) this.#next(0, i, e);
  }

  #stream(purpose: string, card: Card, error: number) {
    return this.#o.streams.get(purpose, `${card.name}/${card.errors[error]!.xid}`);
  }

  #draw(family: CardError['between'], purpose: string, card: Card, error: number): number {
    let d = this.#families.get(family);
    if (d === undefined) {
      d = timeDistribution(family);
      this.#families.set(family, d);
    }
    return d.sample(this.#stream(purpose, card, error));
  }

  /** Payload of an event: error and what happens, 0 = it strikes, 1 = the card is back. */
  #next(now: TimeUs, i: number, error: number): void {
    const card = this.#cards[i]!;
    const wait = this.#draw(card.errors[error]!.between, 'gpu-error', card, error);
    this.#o.queue.push(after(now, wait), Phase.failure, WorldEvent.card, i, error * 2);
  }

  happen(now: TimeUs, i: number, what: number): Fact[] {
    const error = Math.floor(what / 2);
    return what % 2 === 1 ? this.#back(now, i) : this.#strike(now, i, error);
  }

  #strike(now: TimeUs, i: number, error: number): Fact[] {
    const card = this.#cards[i]!;
    const { xid, card: does, ends } = card.errors[error]!;
    const worse = does === 'dead' ? card.state !== CardState.dead : card.state === CardState.fine;
    if (!worse || !this.#o.isUp(card.node)) {
      this.#next(now, i, error);
      return [];
    }
    const facts = ends === 'one' ? this.#meets(now, card, error) : [];
    if (does === 'stays') {
      this.#next(now, i, error);
      // Programs cause it, and there was none.
      if (facts.length === 0) return [];
    }
    this.#o.count(`Xid ${xid}`);
    const { node, gpu } = card;
    if (does !== 'stays') {
      if (ends === 'all') {
        if (does === 'dead') this.#o.processes.hang(node, gpu, now);
        else for (const lease of this.#o.processes.upOn(node, gpu)) facts.push(this.#crash(lease, now));
      }
      // Of the reset that it was waiting for, or is having, the loss takes the place.
      if (card.repair !== 0) this.#o.queue.cancel(card.repair);
      card.repair = 0;
      // What it was out for goes on in its own time.
      if (card.cause >= 0) this.#next(now, i, card.cause);
      card.state = does === 'dead' ? CardState.dead : CardState.draining;
      card.cause = error;
      if (does === 'dead' || this.#o.processes.idleOn(node, gpu)) this.#repair(now, i);
    }
    facts.push({ kind: FactKind.gpu, node, gpu, state: card.state, xid });
    return facts;
  }

  #crash(lease: number, now: TimeUs): Fact {
    return this.#o.processes.crash(lease, now, Outcome.gpuFailure);
  }

  /** One of the processes on the card meets the error, and those with it in one context. */
  #meets(now: TimeUs, card: Card, error: number): Fact[] {
    const { processes } = this.#o;
    const up = processes.upOn(card.node, card.gpu);
    if (up.length === 0) return [];
    const victim = up[up.length === 1 ? 0 : this.#stream('gpu-victim', card, error).below(up.length)]!;
    const outcome = card.errors[error]!.card === 'stays' ? Outcome.failed : Outcome.gpuFailure;
    const dying = processes.together(card.node, victim) ? up.filter((l) => processes.together(card.node, l)) : [victim];
    return dying.map((lease) => processes.crash(lease, now, outcome));
  }

  /** Something on the machine is gone: a card that waits for its reset may be idle now. */
  idle(now: TimeUs, node: number): void {
    for (const i of this.#byNode.get(node) ?? []) {
      const card = this.#cards[i]!;
      if (card.state === CardState.draining && card.repair === 0 && this.#o.processes.idleOn(node, card.gpu))
        this.#repair(now, i);
    }
  }

  /** It is reset or repaired, or another card takes its place. */
  #repair(now: TimeUs, i: number): void {
    const card = this.#cards[i]!;
    const { repair, replaced } = card.errors[card.cause]!;
    const isReplaced =
      replaced !== undefined && this.#stream('gpu-replaced', card, card.cause).uniform() < replaced.share;
    if (isReplaced) this.#o.count(`Xid ${card.errors[card.cause]!.xid}, replaced`);
    const wait = this.#draw(isReplaced ? replaced.after : repair, 'gpu-repair', card, card.cause);
    card.repair = this.#o.queue.push(after(now, wait), Phase.failure, WorldEvent.card, i, card.cause * 2 + 1);
  }

  #back(now: TimeUs, i: number): Fact[] {
    const card = this.#cards[i]!;
    this.#next(now, i, card.cause);
    card.state = CardState.fine;
    card.cause = -1;
    card.repair = 0;
    return [{ kind: FactKind.gpu, node: card.node, gpu: card.gpu, state: CardState.fine, xid: 0 }];
  }

  snapshot(): CardsState {
    const cards: CardsState['cards'] = [];
    this.#cards.forEach((c, i) => {
      if (c.state !== CardState.fine) cards.push([i, c.state, c.cause, c.repair]);
    });
    return { cards };
  }

  restore(s: CardsState): void {
    for (const [i, state, cause, repair] of s.cards) Object.assign(this.#cards[i]!, { state, cause, repair });
  }
}
