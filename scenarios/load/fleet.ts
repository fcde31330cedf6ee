/** Supply of a scenario: every group expanded to its machines, each with a name that stays when others come or go. */
import { type GpuClass, type MigProfile, NEVER, type NodeSpec } from '../../core/types.ts';
import { quoted, ScenarioError } from '../input-error.ts';
import { type ListedFault, readInfiniteHbd } from '../readers/faults.ts';
import { type ListedNode, readNodes } from '../readers/nodes.ts';
import type { Availability, Outage, ResolvedNode, Spread } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import { CATALOGUE_FILE, type CatalogueEntry, catalogueSpeedMilli, REFERENCE, readCatalogue } from './catalogue.ts';
import { migLayout } from './mig.ts';
import { Names, type Report } from './names.ts';
import { failurePresets, volunteerHosts } from './presets.ts';

/** Largest fleet that is expanded. */
export const MAX_NODES = 1_000_000;
const CPU_MILLI_PER_GPU = 8_000;
const RAM_MIB_PER_GPU = 32_768;

type Group = ParsedScenario['fleet']['groups'][number];
type List = NonNullable<ParsedScenario['fleet']['list']>;
type Failure = ParsedScenario['failures']['groups'][string];

export interface Fleet {
  classes: GpuClass[];
  classNames: Names;
  poolNames: Names;
  /** Providers of each group, in order. */
  providers: Map<string, string[]>;
  nodes: NodeSpec[];
  lives: ResolvedNode[];
  costs: { gpuClass: number; spread: Spread }[];
  /** One per class. */
  figures: ClassFigures[];
}

interface ClassFigures {
  memoryMiB: number;
  speedMilli: number;
  /** Power at the rated load, W; null = not known. */
  tdpW: number | null;
  /** Peaks and bandwidths of a model of the catalogue; null = the class names none. */
  peaks: {
    halfTflops: number | null;
    fp32Tflops: number | null;
    bandwidthGBps: number;
    linkGBps: number | null;
  } | null;
  /** Profiles of a class that is divided on demand. */
  mig?: MigProfile[];
}

/** Bytes of a file that a scenario names. */
export type OpenFile = (path: string) => Iterable<Uint8Array>;

/** Null when there are too many machines to look at: whatever else names them would be found missing. */
export function resolveFleet(s: ParsedScenario, report: Report, open?: OpenFile): Fleet | null {
  const { classes, pools, groups } = s.fleet;
  const fleet: Fleet = {
    classes: [],
    figures: [],
    classNames: new Names('GPU class', classes, ['fleet', 'classes'], report),
    poolNames: new Names('pool', pools, ['fleet', 'pools'], report),
    providers: new Map(),
    nodes: [],
    lives: [],
    costs: [],
  };
  for (const [i, c] of classes.entries()) {
    const figures = figuresOf(c, ['fleet', 'classes', i], report, open);
    const { memoryMiB, mig } = figures;
    fleet.classes.push({ name: c.name, memoryMiB, ...(mig === undefined ? {} : { mig }) });
    fleet.figures.push(figures);
  }
  const named = s.fleet.list === undefined ? groups : [...groups, { name: s.fleet.list.name }];
  const groupNames = new Names('group', named, ['fleet', 'groups'], report);
  groupNames.findKeys(s.failures.groups, ['failures', 'groups']);
  if (s.fleet.processes.start < 1 || s.fleet.processes.kill < 1)
    report(['fleet', 'processes'], 'a process takes at least 1 us to come and to go; write a longer time');
  const total = groups.reduce((n, g) => n + g.providers * g.nodes, 0);
  if (total > MAX_NODES) {
    const largest = groups.reduce((a, b) => (b.providers * b.nodes > a.providers * a.nodes ? b : a));
    report(
      ['fleet', 'groups', groups.indexOf(largest)],
      `${total} machines in all, ${largest.providers * largest.nodes} of them in ${quoted(largest.name)}; lower its providers or nodes until they are at most ${MAX_NODES}`,
    );
    return null;
  }
  for (const [i, g] of groups.entries()) expand(fleet, s, g, i, report);
  fleet.classNames.findKeys(s.fleet.costs, ['fleet', 'costs']);
  fleet.costs = fleet.classNames.list.flatMap((name, gpuClass) => {
    const spread = s.fleet.costs[name];
    return spread === undefined ? [] : [{ gpuClass, spread }];
  });
  if (s.fleet.list !== undefined) expandList(fleet, s, s.fleet.list, report, open);
  else if (groups.length === 0) report(['fleet'], 'no machines; add "groups", or a "list" of machines');
  checkFailures(s, report);
  replayFaults(fleet, s, report, open);
  if (fleet.nodes.length > 0 && fleet.nodes.every((n) => n.gpus === 0))
    report(['fleet', 'groups'], 'no machine has a GPU; give a group some');
  return fleet;
}

type ParsedClass = ParsedScenario['fleet']['classes'][number];

/** What a class is: as written, or as the catalogue has it. */
function figuresOf(
  c: ParsedClass,
  path: (string | number)[],
  report: Report,
  open: OpenFile | undefined,
): ClassFigures {
  const unknown = { memoryMiB: 1, speedMilli: 1000, tdpW: null, peaks: null };
  if (c.model === undefined) {
    if (c.mig !== undefined) report([...path, 'mig'], 'stands without a model; add the model it is a profile of');
    if (c.memory === undefined) report(path, 'no memory; write one such as "memory: 24 GiB", or name a model');
    return { ...unknown, memoryMiB: c.memory ?? 1, speedMilli: c.speed ?? 1000 };
  }
  if (open === undefined) {
    report([...path, 'model'], 'needs the catalogue, which cannot be opened here; write memory and speed');
    return unknown;
  }
  const catalogue = catalogueOf(open);
  const entry = catalogue.get(c.model);
  const known = [...catalogue.values()].filter((e) => e.kind !== 'cpu').map((e) => e.name);
  if (entry === undefined || entry.kind === 'cpu') {
    const what = entry === undefined ? 'unknown model' : 'not a GPU:';
    report([...path, 'model'], `${what} ${quoted(c.model)}; ${advice(c.model, known, 'have')}`);
    return unknown;
  }
  const onDemand = c.mig === 'on-demand' && entry.mig.length > 0;
  const mig = c.mig === undefined || onDemand ? undefined : entry.mig.find((p) => p.name === c.mig);
  if (c.mig !== undefined && mig === undefined && !onDemand) {
    const profiles = [...entry.mig.map((p) => p.name), 'on-demand'];
    const what =
      entry.mig.length === 0
        ? `${c.model} cannot be divided; leave this away, or name a model with MIG profiles`
        : `unknown MIG profile ${quoted(c.mig)}; ${advice(c.mig, profiles, 'have')}`;
    report([...path, 'mig'], what);
    return unknown;
  }
  const memoryGiB = mig?.memoryGiB ?? entry.memoryGiB ?? 0;
  return {
    memoryMiB: c.memory ?? Math.round(memoryGiB * 1024),
    speedMilli: c.speed ?? catalogueSpeedMilli(entry, catalogue.get(REFERENCE)!, mig),
    tdpW: entry.tdpW === null || mig === undefined ? entry.tdpW : entry.tdpW / mig.most,
    peaks: peaksOf(entry, mig === undefined ? 1 : mig.slices / Math.max(...entry.mig.map((p) => p.slices))),
    ...(onDemand ? { mig: migLayout(entry) } : {}),
  };
}

/** Peaks of an instance that has this share of the card. */
function peaksOf(e: CatalogueEntry, share: number): ClassFigures['peaks'] {
  const part = (x: number | null): number | null => (x === null ? null : x * share);
  return {
    halfTflops: part(e.halfTflops),
    fp32Tflops: part(e.fp32Tflops),
    bandwidthGBps: e.bandwidthGBps * share,
    linkGBps: e.linkGBps,
  };
}

/** The catalogue is read once for whoever opens files. */
const catalogues = new WeakMap<OpenFile, Map<string, CatalogueEntry>>();

function catalogueOf(open: OpenFile): Map<string, CatalogueEntry> {
  let catalogue = catalogues.get(open);
  if (catalogue === undefined) {
    catalogue = readCatalogue(open(CATALOGUE_FILE), 'scenarios/gpus.csv');
    catalogues.set(open, catalogue);
  }
  return catalogue;
}

function expand(fleet: Fleet, s: ParsedScenario, g: Group, index: number, report: Report): void {
  const path = ['fleet', 'groups', index];
  const gpuClass = fleet.classNames.find(g.class, [...path, 'class']);
  const pools = g.pool === undefined ? fleet.poolNames.all : fleet.poolNames.findAll(g.pool, [...path, 'pool'], false);
  checkHours(g, path, report);
  if (g.notice > 0 && g.availability === 'always')
    report([...path, 'notice'], 'of what? its owners never come; give the group an availability, or leave notice out');
  const providers = Array.from({ length: g.providers }, (_, p) => `${g.name}-${String(p + 1).padStart(3, '0')}`);
  fleet.providers.set(g.name, providers);
  if (gpuClass < 0 || pools.length === 0) return;
  const { speedMilli, tdpW } = fleet.figures[gpuClass]!;
  if (g.energy !== undefined && tdpW === null)
    report([...path, 'energy'], `the class ${quoted(g.class)} has no known power; give it a model of the catalogue`);
  const life = lifeOf(g, speedMilli, tdpW ?? 0, s.failures.groups[g.name]);
  const copies = g.lies?.copies ?? 1;
  if (g.gpus * copies > 1024)
    report(
      [...path, 'lies', 'copies'],
      `${g.gpus * copies} GPUs of one machine; write fewer copies, at most 1024 in all`,
    );
  const firstRack = 1 + fleet.nodes.reduce((most, n) => Math.max(most, n.rack ?? -1), -1);
  providers.forEach((provider, p) => {
    for (let k = 0; k < g.nodes; k++) {
      fleet.nodes.push({
        id: `${provider}/${k}`,
        provider,
        pool: pools[p % pools.length]!,
        gpuClass,
        gpus: g.gpus * copies,
        cpuMilli: (g.cpu ?? g.gpus * CPU_MILLI_PER_GPU) * copies,
        ramMiB: (g.ram ?? g.gpus * RAM_MIB_PER_GPU) * copies,
        ...(g.rack === undefined ? {} : { rack: firstRack + Math.floor((p * g.nodes + k) / g.rack) }),
        ...(g.nvlink === undefined ? {} : { island: g.nvlink }),
      });
      fleet.lives.push(life);
    }
  });
}

/** Machines of a public list: one provider, each machine under the name that the list gives it. */
function expandList(fleet: Fleet, s: ParsedScenario, list: List, report: Report, open: OpenFile | undefined): void {
  const path = ['fleet', 'list'];
  const standard = list.class === undefined ? 0 : fleet.classNames.find(list.class, [...path, 'class']);
  const pools =
    list.pool === undefined ? fleet.poolNames.all : fleet.poolNames.findAll(list.pool, [...path, 'pool'], false);
  if (open === undefined) {
    report([...path, 'path'], 'names a file, and files cannot be opened here; write the machines as groups');
    return;
  }
  if (standard < 0 || pools.length === 0) return;
  const provider = `${list.name}-001`;
  fleet.providers.set(list.name, [provider]);
  for (const node of listed(list, path, report, open, MAX_NODES - fleet.nodes.length)) {
    const gpuClass = node.model === '' ? standard : fleet.classNames.list.indexOf(node.model);
    if (gpuClass < 0) {
      const known = fleet.classNames.list;
      report(
        [...path, 'path'],
        `${node.place}: GPU model ${quoted(node.model)} is no class; ${advice(node.model, known, 'have')}`,
      );
      return;
    }
    const pool = pools[fleet.nodes.length % pools.length]!;
    fleet.nodes.push({
      id: node.id,
      provider,
      pool,
      gpuClass,
      gpus: node.gpus,
      cpuMilli: node.cpuMilli,
      ramMiB: node.ramMiB,
    });
    fleet.lives.push({
      group: list.name,
      speedMilli: fleet.figures[gpuClass]!.speedMilli,
      costMicroPerGpuHour: list.cost,
      availability: { kind: 'always' },
      ...failureOf(s.failures.groups[list.name]),
    });
  }
}

/** What the list holds, up to `most` machines; its faults are reported. */
function* listed(
  list: List,
  path: (string | number)[],
  report: Report,
  open: OpenFile,
  most: number,
): Generator<ListedNode> {
  try {
    let n = 0;
    for (const node of readNodes(open(list.path), list.path, list.format)) {
      if (++n > most) {
        const others = most < MAX_NODES ? ` with the ${MAX_NODES - most} of the groups` : '';
        report([...path, 'path'], `more than ${MAX_NODES} machines${others}; give a shorter list`);
        return;
      }
      yield node;
    }
  } catch (e) {
    if (!(e instanceof ScenarioError)) throw e;
    report([...path, 'path'], e.message);
  }
}

function checkHours(g: Group, path: (string | number)[], report: Report): void {
  if (typeof g.availability === 'string' || g.availability.daily === undefined) return;
  const { from, to, jitter } = g.availability.daily;
  const at = [...path, 'availability', 'daily'];
  if (from === to) report([...at, 'to'], 'the same time as "from"; write "availability: always" or another time');
  const open = (to - from + 86_400_000_000) % 86_400_000_000;
  if (from !== to && jitter * 2 >= Math.min(open, 86_400_000_000 - open))
    report([...at, 'jitter'], 'longer than half the time there or away; write a shorter one');
}

function lifeOf(g: Group, classSpeed: number, tdpW: number, failure: Failure | undefined): ResolvedNode {
  const energy = g.energy === undefined ? 0 : Math.round((g.energy.price * tdpW * g.energy.overhead) / 1000);
  return {
    group: g.name,
    speedMilli: g.speed ?? classSpeed,
    costMicroPerGpuHour: g.cost + energy,
    ...(g.energy === undefined
      ? {}
      : { energy: { costMicroPerGpuHour: energy, watts: Math.round(tdpW * g.energy.overhead) } }),
    ...(g.ask === undefined ? {} : { askMicroPerGpuHour: g.ask }),
    ...(g.lies === undefined || (g.lies.speed === 1 && g.lies.copies === 1)
      ? {}
      : { lies: { speedFactorMilli: Math.round(g.lies.speed * 1000), copies: g.lies.copies } }),
    availability: availabilityOf(g.availability),
    ...(g.notice === 0 ? {} : { noticeUs: g.notice }),
    ...failureOf(failure),
  };
}

function availabilityOf(a: Group['availability']): Availability {
  if (a === 'always') return { kind: 'always' };
  if (a === 'volunteer-hosts') return volunteerHosts;
  if (a.sessions !== undefined) return { kind: 'sessions', up: a.sessions.up, down: a.sessions.down };
  return { kind: 'daily', fromUs: a.daily!.from, toUs: a.daily!.to, jitterUs: a.daily!.jitter };
}

type Failures = Pick<ResolvedNode, 'mtbfUs' | 'repairUs' | 'failures'>;

function failureOf(f: Failure | undefined): Failures {
  const none = { mtbfUs: 0, repairUs: 0 };
  if (f === undefined) return none;
  if (f.preset !== undefined) return { ...none, failures: failurePresets[f.preset] };
  const mtbf = f.mtbf === undefined || f.mtbf >= Number.MAX_SAFE_INTEGER ? 0 : f.mtbf;
  if (f.between === undefined && f.causes === undefined)
    return mtbf === 0 ? none : { mtbfUs: mtbf, repairUs: f.repair };
  if (f.between === undefined && mtbf === 0) return none;
  const repair = { family: 'exponential', meanUs: f.repair } as const;
  const causes = Object.entries(f.causes ?? { failure: { weight: 1, repair } });
  return {
    ...none,
    failures: {
      between: f.between ?? { family: 'exponential', meanUs: mtbf },
      causes: causes.map(([name, c]) => ({ name, weight: c.weight, repair: c.repair })),
    },
  };
}

/** Each group's failures are given in one way. */
function checkFailures(s: ParsedScenario, report: Report): void {
  for (const [group, f] of Object.entries(s.failures.groups)) {
    const path = ['failures', 'groups', group];
    const ways = [f.preset, f.mtbf, f.between].filter((x) => x !== undefined).length;
    if (ways !== 1) report(path, 'wants one of preset, mtbf and between; write one of them');
    if (f.preset !== undefined && f.causes !== undefined)
      report([...path, 'causes'], 'a preset has causes of its own; leave them away');
    if (f.causes !== undefined && Object.values(f.causes).every((c) => c.weight === 0))
      report([...path, 'causes'], 'all weights are zero; write one above zero');
    if (f.mtbf !== undefined && f.mtbf < 1) report([...path, 'mtbf'], 'no time at all; write a duration above zero');
  }
}

/** Gives the faults of a trace to the machines of its group. */
function replayFaults(fleet: Fleet, s: ParsedScenario, report: Report, open: OpenFile | undefined): void {
  const { trace } = s.failures;
  if (trace === undefined) return;
  const path = ['failures', 'trace'];
  if (open === undefined) {
    report([...path, 'path'], 'names a file, and files cannot be opened here; leave it away');
    return;
  }
  const machines = fleet.lives.flatMap((life, i) => (life.group === trace.group ? [i] : []));
  if (machines.length === 0) {
    report([...path, 'group'], `unknown group ${quoted(trace.group)}, or one without machines; name another`);
    return;
  }
  let faults: ListedFault[];
  try {
    faults = readInfiniteHbd(open(trace.path), trace.path);
  } catch (e) {
    if (!(e instanceof ScenarioError)) throw e;
    report([...path, 'path'], e.message);
    return;
  }
  const servers = new Map<string, Outage[]>();
  for (const f of faults) {
    const list = servers.get(f.server) ?? [];
    list.push({ fromUs: f.fromUs, toUs: f.toUs < 0 ? NEVER : f.toUs, cause: f.cause });
    servers.set(f.server, list);
  }
  if (servers.size > machines.length)
    report(
      [...path, 'group'],
      `${machines.length} machines for ${servers.size} servers with faults; give the group more machines`,
    );
  for (const [k, outages] of [...servers.values()].entries()) {
    const i = machines[k];
    // Machines of a group share what they are; one with faults of its own gets a copy.
    if (i !== undefined) fleet.lives[i] = { ...fleet.lives[i]!, outages };
  }
}
