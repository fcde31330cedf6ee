/** Runs of a study's scenario at points of the unit cube, each made once: results are kept in a sweep's store and found there again. */
import { createHash } from 'node:crypto';
import { ENGINE_VERSION } from '../../core/version.ts';
import { UsageError } from '../errors.ts';
import { bytesOf } from '../load.ts';
import type { Figures } from '../sweep/figures.ts';
import { openPool } from '../sweep/pool.ts';
import { SweepStore } from '../sweep/store.ts';
import type { Loaded, Range } from '../sweep/study.ts';
import { axesOf, pointAt, setsAt } from './study.ts';

interface Varied {
  scenario: string;
  set: Record<string, string | number | boolean>;
  seed?: number | undefined;
  parameters: Record<string, Range>;
}

export class Evaluator {
  readonly axes: [string, Range][];
  readonly #loaded: Loaded<Varied>;
  readonly #store: SweepStore | null;
  readonly #known: Map<string, Figures>;
  readonly #pool: ReturnType<typeof openPool>;
  readonly #seed: number;
  readonly #identity: string;
  made = 0;
  reused = 0;

  /** `out` null = nothing is kept; `foreign` is the hash of the files besides the scenario. */
  constructor(loaded: Loaded<Varied>, seed: number, workers: number, out: string | null, foreign = '') {
    this.#loaded = loaded;
    this.axes = axesOf(loaded.study);
    this.#seed = seed;
    const scenario = bytesOf(loaded.scenario, `the scenario that ${loaded.file} names`);
    this.#identity = createHash('sha256')
      .update(`${ENGINE_VERSION}\0${seed}\0${foreign}\0`)
      .update(scenario)
      .digest('hex');
    this.#known = new Map();
    if (out === null) this.#store = null;
    else {
      this.#store = new SweepStore(out);
      this.#store.open();
      for (const [id, r] of this.#store.read().records) if (r.figures !== null) this.#known.set(id, r.figures);
    }
    this.#pool = openPool(workers);
  }

  /** Figures by point and replication. Throws when a run fails: a search cannot go around it without a word. */
  async figures(points: readonly (readonly number[])[], replications: readonly number[]): Promise<Figures[][]> {
    const out: Figures[][] = points.map(() => []);
    const todo: { point: number; at: number; sets: string[]; id: string; substream: number }[] = [];
    points.forEach((x, point) => {
      const sets = setsAt(this.#loaded.study, pointAt(this.axes, x));
      replications.forEach((substream, at) => {
        const id = createHash('sha256')
          .update(`${this.#identity}\0${sets.join('\0')}\0${substream}`)
          .digest('hex')
          .slice(0, 24);
        const known = this.#known.get(id);
        if (known !== undefined) {
          this.reused++;
          out[point]![at] = known;
        } else todo.push({ point, at, sets, id, substream });
      });
    });
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < todo.length) {
        const t = todo[next++]!;
        const a = await this.#pool.run({
          id: t.id,
          point: t.point,
          replication: t.at,
          substream: t.substream,
          scenario: this.#loaded.scenario,
          sets: t.sets,
          seed: this.#seed,
        });
        if (a.figures === null) throw new UsageError(`${this.#loaded.scenario} with ${t.sets.join(' ')}: ${a.error}`);
        this.made++;
        this.#known.set(t.id, a.figures);
        this.#store?.append({ id: t.id, point: 0, replication: t.substream, figures: a.figures });
        out[t.point]![t.at] = a.figures;
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#pool.size, Math.max(1, todo.length)) }, lane));
    return out;
  }

  place(name: string, data: string): void {
    this.#store?.place(name, data);
  }

  async close(): Promise<void> {
    this.#store?.close();
    await this.#pool.close();
  }
}
