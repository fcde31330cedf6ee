/**
 * Who was in a job's way: how many had come to its pool before it, and who came after it and started first. `report` and
 * `explain` count with this one function.
 */
import { ActionKind, FactKind } from '../../core/facts.ts';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { type Frame, FrameType } from '../../core/journal/journal.ts';
import { type EffectSink, replay } from '../../core/journal/replay.ts';
import type { TimeUs } from '../../core/types.ts';

export interface Crowd {
  /** Jobs that had come to its pool before it and, when it came, had neither started nor ended. */
  ahead: number;
  /** Jobs that came to its pool after it and first started before it did, or before it was given up; those that started first come first. */
  overtakenBy: number[];
}

interface Comer {
  /** Pool it was submitted to, by number. */
  pool: number;
  /** Place in the order of submission: jobs of one stamp have one, too. */
  order: number;
  submitUs: TimeUs;
  /** First start of any attempt; -1 = none yet. */
  startUs: TimeUs;
  /** Its end; -1 = not over. */
  goneUs: TimeUs;
}

/** Jobs as they came, started and went. */
export class Comers {
  readonly #jobs = new Map<number, Comer>();

  get size(): number {
    return this.#jobs.size;
  }

  submitted(job: number, pool: number, submitUs: TimeUs): void {
    this.#jobs.set(job, { pool, order: this.#jobs.size, submitUs, startUs: -1, goneUs: -1 });
  }

  /** Starts after the first change nothing. */
  started(job: number, at: TimeUs): void {
    const c = this.#jobs.get(job);
    if (c !== undefined && c.startUs < 0) c.startUs = at;
  }

  gone(job: number, at: TimeUs): void {
    const c = this.#jobs.get(job);
    if (c !== undefined) c.goneUs = at;
  }

  /** Of jobs submitted; of nobody, when this one was not. */
  crowdOf(job: number): Crowd {
    const me = this.#jobs.get(job);
    if (me === undefined) return { ahead: 0, overtakenBy: [] };
    const until = me.startUs >= 0 ? me.startUs : me.goneUs >= 0 ? me.goneUs : Number.POSITIVE_INFINITY;
    let ahead = 0;
    const later: [number, Comer][] = [];
    for (const [n, c] of this.#jobs) {
      if (c.pool !== me.pool) continue;
      const left = c.startUs >= 0 ? c.startUs : c.goneUs >= 0 ? c.goneUs : Number.POSITIVE_INFINITY;
      if (c.order < me.order && left > me.submitUs) ahead++;
      else if (c.order > me.order && c.startUs >= 0 && c.startUs < until) later.push([n, c]);
    }
    later.sort(([, a], [, b]) => a.startUs - b.startUs || a.order - b.order);
    return { ahead, overtakenBy: later.map(([n]) => n) };
  }
}

/** First starts as a replay shows them: leases are known by the order to start them. */
export class StartWatch {
  readonly #comers: Comers;
  readonly #jobOf = new Map<number, number>();

  constructor(comers: Comers) {
    this.#comers = comers;
  }

  /** Before the frame is replayed. */
  frame(f: Frame): void {
    if (f.type !== FrameType.step) return;
    for (const x of f.facts) {
      const job = x.kind === FactKind.started ? this.#jobOf.get(x.lease) : undefined;
      if (job !== undefined) this.#comers.started(job, f.now);
    }
  }

  readonly effects: EffectSink = (_, { actions }) => {
    for (const a of actions) if (a.kind === ActionKind.start) this.#jobOf.set(a.lease, a.job);
  };
}

/** Tells `comers` of starts up to a stamp: no table has those of jobs that were not over when the run ended. */
export function replayStarts(
  journal: Iterable<Frame>,
  registry: MechanismRegistry,
  untilUs: TimeUs,
  comers: Comers,
): void {
  const watch = new StartWatch(comers);
  function* frames(): Generator<Frame> {
    for (const f of journal) {
      if (f.type === FrameType.step && f.now > untilUs) return;
      watch.frame(f);
      yield f;
    }
  }
  replay(frames(), registry, undefined, watch.effects);
}
