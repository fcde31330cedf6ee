/** One run of a sweep, in whatever thread: scenario and trace are kept between runs of the same point. */
import { NEVER } from '../../core/types.ts';
import type { ResolvedScenario } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import { oneLine } from '../errors.ts';
import { loadScenario, traceRows } from '../load.ts';
import { type ModuleSet, modulesOf } from '../modules/registry.ts';
import { agentFigures, figuresOf } from './figures.ts';
import { KeptTables } from './kept-tables.ts';
import { cycleOf, LoadWatch } from './load-watch.ts';
import type { Task, TaskAnswer } from './task.ts';

export class Runner {
  #key = '';
  #scenario: ResolvedScenario | null = null;
  #modules: ModuleSet | null = null;

  async run(t: Task): Promise<TaskAnswer> {
    let tables: KeptTables | null = null;
    try {
      const key = `${t.scenario}\0${t.sets.join('\0')}\0${t.seed}`;
      if (key !== this.#key || this.#scenario === null || this.#modules === null) {
        this.#scenario = await loadScenario(t.scenario, t.sets, t.seed);
        this.#modules = modulesOf(this.#scenario, t.scenario);
        this.#key = key;
      }
      const scenario = this.#scenario;
      const rows = traceRows(scenario);
      tables = t.tables === undefined ? null : new KeptTables(t.tables.dir, t.id, t.tables.names);
      const watch = new LoadWatch(
        scenario.horizonUs < NEVER ? scenario.horizonUs : 0,
        scenario.warmupUs,
        cycleOf(scenario),
      );
      const result = runScenario(scenario, {
        registry: this.#modules.registry,
        bidder: this.#modules.bidder,
        replication: t.substream,
        onChunk: (c) => {
          watch.chunk(c);
          tables?.chunk(c);
        },
        ...(rows === undefined ? {} : { traceRows: rows }),
      });
      tables?.finish();
      const figures = {
        ...figuresOf(result),
        ...watch.figures(),
        ...(t.agents === true ? agentFigures(result) : {}),
      };
      return { id: t.id, point: t.point, replication: t.replication, figures };
    } catch (e) {
      tables?.abandon();
      return { id: t.id, point: t.point, replication: t.replication, figures: null, error: oneLine(e) };
    }
  }
}
