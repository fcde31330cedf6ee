/** What the queueing policy `heterogeneity` reckons with: work per time by label of the job and GPU class. */
import type { PoolSpec } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { PerformanceSpec } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Demand } from './demand.ts';
import type { Path } from './document.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';

type Table = Record<string, Record<string, number>>;

/** Replaces the table as written, or what the personas' performance says, by one row per label in order of the classes. */
export function resolveThroughputs(
  pools: readonly PoolSpec[],
  s: ParsedScenario,
  fleet: Fleet,
  demand: Demand,
  performance: PerformanceSpec | null,
  report: Report,
): void {
  for (const pool of pools) {
    if (pool.queueing.name !== 'heterogeneity') continue;
    const own = s.scheduling.pools[pool.id]?.queueing;
    const path: Path = ['scheduling', ...(own === undefined ? [] : ['pools', pool.id]), 'queueing', 'throughputs'];
    const written = pool.queueing.params['throughputs'] as Table | undefined;
    pool.queueing.params['throughputs'] =
      written === undefined ? known(fleet, demand, performance) : checked(written, s, fleet, demand, path, report);
  }
}

/** A label that names no row of its own takes the row `*`: the speeds of the classes. */
function known(fleet: Fleet, demand: Demand, performance: PerformanceSpec | null): Record<string, number[]> {
  const speeds = fleet.figures.map((f) => f.speedMilli);
  const rows: Record<string, number[]> = { '*': speeds };
  if (demand.demand.kind === 'personas' && performance !== null)
    for (const p of demand.demand.personas)
      if (p.model !== undefined) rows[p.name] = [...performance.models[p.model]!.speedMilli];
  return rows;
}

function checked(
  table: Table,
  s: ParsedScenario,
  fleet: Fleet,
  demand: Demand,
  path: Path,
  report: Report,
): Record<string, number[]> {
  for (const [label, row] of Object.entries(table)) fleet.classNames.findKeys(row, [...path, label]);
  const needed: { label: string; classes: readonly number[] }[] =
    demand.demand.kind === 'personas'
      ? demand.demand.personas.map((p) => ({ label: p.name, classes: p.classes }))
      : demand.demand.kind === 'list'
        ? demand.demand.arrivals.map((a) => ({ label: a.spec.label, classes: a.spec.classes }))
        : [];
  if (s.demand.trace !== undefined)
    report(
      [...path],
      'names jobs beforehand, which a trace does not; leave the table away to go by the classes’ speeds',
    );
  if (needed.length > 0) {
    const labels = [...new Set(needed.map((n) => n.label))];
    for (const label of Object.keys(table))
      if (!labels.includes(label))
        report([...path, label], `no jobs are named ${quoted(label)}; ${advice(label, labels, 'have')}`, 'key');
  }
  const said = new Set<string>();
  const say = (what: string): void => {
    if (!said.has(what)) report([...path], what);
    said.add(what);
  };
  for (const { label, classes } of needed) {
    const row = table[label];
    if (row === undefined) say(`no row for jobs named ${quoted(label)}; add one`);
    else {
      const names = (classes.length > 0 ? classes : fleet.classNames.all).map((c) => fleet.classNames.list[c]!);
      for (const name of names)
        if (row[name] === undefined)
          say(`no figure for ${quoted(label)} on ${quoted(name)}; add one, 0 where it does not run`);
      if (names.every((name) => row[name] === 0))
        say(`jobs named ${quoted(label)} run nowhere; write a figure above zero for one of their classes`);
    }
  }
  return Object.fromEntries(
    Object.entries(table).map(([label, row]) => [label, fleet.classNames.list.map((c) => row[c] ?? 0)]),
  );
}
