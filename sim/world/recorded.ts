/**
 * A world that has happened: it answers each of core's actions as a recorded run did, after the same delay, and knows nothing
 * else. What core then decides is the same only if it is the same core (closed loop; the `validate` command).
 */
import { type Action, ActionKind, type Fact, FactKind } from '../../core/facts.ts';
import type { TimeUs } from '../../core/types.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Arrival } from './demand.ts';
import { Phase, WorldEvent } from './events.ts';
import type { ProcessModel } from './processes.ts';

export interface RecordedAnswer {
  /** From the stamp of the action to the stamp of the fact. */
  delayUs: TimeUs;
  fact: Fact;
}

export interface Recording {
  /** What was submitted, in order, at the stamps it was submitted at. */
  arrivals: Arrival[];
  /** Every answer to an action, by `answerKey`: none, one or several; an action that was never asked for has no entry. */
  answers: Map<string, RecordedAnswer[]>;
  /** Facts that answer nothing: machines lost, operators' acts. */
  others: { timeUs: TimeUs; fact: Fact }[];
  /** Stamp at which the run ended. */
  endUs: TimeUs;
}

/** Key of an action on the world: lease, fence and kind. */
export const answerKey = (a: { lease: number; fence: number; kind: number }): string =>
  `${a.lease}/${a.fence}/${a.kind}`;

/** Takes a run apart while it is replayed: feed it every step's facts and then the actions the step asked for. */
export class RecordingBuilder {
  readonly recording: Recording = { arrivals: [], answers: new Map(), others: [], endUs: 0 };
  /** Stamp of each action. */
  readonly #asked = new Map<string, TimeUs>();

  facts(now: TimeUs, facts: readonly Fact[]): void {
    const r = this.recording;
    for (const fact of facts) {
      switch (fact.kind) {
        case FactKind.submit:
          r.arrivals.push({ timeUs: now, pool: fact.pool, spec: fact.spec, workUs: 0, fails: false, valueMicro: -1 });
          break;
        case FactKind.settle:
          r.endUs = now;
          break;
        case FactKind.started:
          this.#answer(now, fact, ActionKind.start);
          break;
        case FactKind.exited:
          // An exit after an order to kill answers the order; any other answers the start.
          this.#answer(
            now,
            fact,
            this.#asked.has(answerKey({ ...fact, kind: ActionKind.kill })) ? ActionKind.kill : ActionKind.start,
          );
          break;
        case FactKind.released:
          this.#answer(now, fact, ActionKind.release);
          break;
        default:
          r.others.push({ timeUs: now, fact });
      }
    }
  }

  #answer(now: TimeUs, fact: Fact & { lease: number; fence: number }, kind: number): void {
    const key = answerKey({ ...fact, kind });
    const list = this.recording.answers.get(key) ?? [];
    // An answer to nothing keeps its place: it will be found unused.
    list.push({ delayUs: now - (this.#asked.get(key) ?? 0), fact });
    this.recording.answers.set(key, list);
  }

  actions(now: TimeUs, actions: readonly Action[]): void {
    for (const a of actions) {
      const key = answerKey(a);
      if (this.#asked.has(key)) continue;
      this.#asked.set(key, now);
      if (!this.recording.answers.has(key)) this.recording.answers.set(key, []);
    }
  }
}

export class RecordedWorld implements ProcessModel {
  readonly #queue: EventQueue;
  readonly #recording: Recording;
  readonly #asked = new Set<string>();
  /** Facts by event, and which of them are answers. */
  readonly #facts: Fact[] = [];
  #answers = 0;
  #delivered = 0;
  #unanswered = 0;
  readonly #isAnswer: boolean[] = [];

  constructor(queue: EventQueue, recording: Recording) {
    this.#queue = queue;
    this.#recording = recording;
    for (const list of recording.answers.values()) this.#answers += list.length;
    for (const { timeUs, fact } of recording.others) this.#push(timeUs, fact, false);
  }

  #push(at: TimeUs, fact: Fact, isAnswer: boolean): void {
    this.#queue.push(at, Phase.release, WorldEvent.recorded, this.#facts.length, 0);
    this.#facts.push(fact);
    this.#isAnswer.push(isAnswer);
  }

  /** Actions of which the recording knows nothing. */
  get unansweredActions(): number {
    return this.#unanswered;
  }
  /** Recorded answers that nothing asked for before the end. */
  get unusedAnswers(): number {
    return this.#answers - this.#delivered;
  }

  act(now: TimeUs, action: Action): void {
    const key = answerKey(action);
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    const answers = this.#recording.answers.get(key);
    if (answers === undefined) {
      this.#unanswered++;
      return;
    }
    for (const { delayUs, fact } of answers) this.#push(now + delayUs, fact, true);
  }

  happen(_now: TimeUs, _type: number, index: number, _b: number): Fact {
    if (this.#isAnswer[index]!) this.#delivered++;
    return this.#facts[index]!;
  }

  /** Losing a machine is a recorded fact like any other: nothing is cancelled. */
  lose(_node: number): void {}

  snapshot(): never {
    throw new Error('recorded world: a run that has happened is not forked');
  }
  restore(_state: never): void {
    throw new Error('recorded world: a run that has happened is not forked');
  }
}
