import seedrandom from 'seedrandom';
import { log, normalQuantile } from '../../core/num/index.ts';

/** State of one stream: plain data (alea's, spelled out so that our declarations need no types of another package). */
export interface StreamState {
  c: number;
  s0: number;
  s1: number;
  s2: number;
}

/**
 * A named stream of random numbers: alea (J. Baagøe, 2010; 32-bit uniforms, small state that saves and restores), seeded by
 * name. Draws go through core/num, so every platform sees the same bits. seedrandom turns the name into alea's state; the step is
 * taken here, because a generator of seedrandom's is some fifteen objects, and a large fleet has a hundred thousand.
 */
export class Stream {
  readonly name: string;
  #c: number;
  #s0: number;
  #s1: number;
  #s2: number;

  constructor(name: string, state: StreamState = seedrandom.alea(name, { state: true }).state()) {
    this.name = name;
    this.#c = state.c;
    this.#s0 = state.s0;
    this.#s1 = state.s1;
    this.#s2 = state.s2;
  }

  /** Uniform in (0, 1): never 0, never 1. */
  uniform(): number {
    const t = 2091639 * this.#s0 + this.#c / 4294967296;
    this.#s0 = this.#s1;
    this.#s1 = this.#s2;
    this.#c = Math.trunc(t);
    this.#s2 = t - this.#c;
    return (this.#s2 * 4294967296 + 0.5) / 4294967296;
  }

  /** Whole number in 0..n-1. */
  below(n: number): number {
    return Math.min(n - 1, Math.floor(this.uniform() * n));
  }

  exponential(mean: number): number {
    return -mean * log(this.uniform());
  }

  /** Standard normal by inversion: always one draw. */
  normal(): number {
    return normalQuantile(this.uniform());
  }

  state(): StreamState {
    return { c: this.#c, s0: this.#s0, s1: this.#s1, s2: this.#s2 };
  }
}

/** Streams of one run, by (purpose, entity). Adding an entity never changes another's draws. */
export class Streams {
  readonly #root: string;
  readonly #streams = new Map<string, Stream>();

  /** `replication` selects a substream of every stream. */
  constructor(seed: number, replication = 0) {
    this.#root = `janction/${seed}/${replication}`;
  }

  get(purpose: string, entity: string | number): Stream {
    const name = `${this.#root}/${purpose}/${entity}`;
    let s = this.#streams.get(name);
    if (s === undefined) {
      s = new Stream(name);
      this.#streams.set(name, s);
    }
    return s;
  }

  /** A stream that is drawn from once and then thrown away: not part of a snapshot. */
  fresh(purpose: string, entity: string | number): Stream {
    return new Stream(`${this.#root}/${purpose}/${entity}`);
  }

  snapshot(): [string, StreamState][] {
    return [...this.#streams].map(([name, s]) => [name, s.state()]);
  }

  restore(states: readonly [string, StreamState][]): void {
    for (const [name, state] of states) this.#streams.set(name, new Stream(name, state));
  }
}
