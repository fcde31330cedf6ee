/** Supply of a scenario: every group expanded to its machines, each with a name that stays when others come or go. */
import type { GpuClass, NodeSpec } from '../../core/types.ts';
import type { ResolvedNode } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { Names, type Report } from './names.ts';

/** Largest fleet that is expanded. */
export const MAX_NODES = 1_000_000;
const CPU_MILLI_PER_GPU = 8_000;
const RAM_MIB_PER_GPU = 32_768;

type Group = ParsedScenario['fleet']['groups'][number];

export interface Fleet {
  classes: GpuClass[];
  classNames: Names;
  poolNames: Names;
  /** Providers of each group, in order. */
  providers: Map<string, string[]>;
  nodes: NodeSpec[];
  lives: ResolvedNode[];
}

export function resolveFleet(s: ParsedScenario, report: Report): Fleet {
  const { classes, pools, groups } = s.fleet;
  const fleet: Fleet = {
    classes: classes.map((c) => ({ name: c.name, memoryMiB: c.memory })),
    classNames: new Names('GPU class', classes, ['fleet', 'classes'], report),
    poolNames: new Names('pool', pools, ['fleet', 'pools'], report),
    providers: new Map(),
    nodes: [],
    lives: [],
  };
  const groupNames = new Names('group', groups, ['fleet', 'groups'], report);
  groupNames.findKeys(s.failures.groups, ['failures', 'groups']);
  if (s.fleet.processes.start < 1 || s.fleet.processes.kill < 1)
    report(['fleet', 'processes'], 'a process takes at least 1 us to come and to go; write a longer time');
  const total = groups.reduce((n, g) => n + g.providers * g.nodes, 0);
  if (total > MAX_NODES) report(['fleet', 'groups'], `${total} machines in all; write at most ${MAX_NODES}`);
  else for (const [i, g] of groups.entries()) expand(fleet, s, g, i, report);
  if (fleet.nodes.length > 0 && fleet.nodes.every((n) => n.gpus === 0))
    report(['fleet', 'groups'], 'no machine has a GPU; give a group some');
  return fleet;
}

function expand(fleet: Fleet, s: ParsedScenario, g: Group, index: number, report: Report): void {
  const path = ['fleet', 'groups', index];
  const gpuClass = fleet.classNames.find(g.class, [...path, 'class']);
  const pools = g.pool === undefined ? fleet.poolNames.all : fleet.poolNames.findAll(g.pool, [...path, 'pool'], false);
  checkHours(g, path, report);
  const providers = Array.from({ length: g.providers }, (_, p) => `${g.name}-${String(p + 1).padStart(3, '0')}`);
  fleet.providers.set(g.name, providers);
  if (gpuClass < 0 || pools.length === 0) return;
  const life = lifeOf(g, s.fleet.classes[gpuClass]!.speed, s.failures.groups[g.name]);
  providers.forEach((provider, p) => {
    for (let k = 0; k < g.nodes; k++) {
      fleet.nodes.push({
        id: `${provider}/${k}`,
        provider,
        pool: pools[p % pools.length]!,
        gpuClass,
        gpus: g.gpus,
        cpuMilli: g.cpu ?? g.gpus * CPU_MILLI_PER_GPU,
        ramMiB: g.ram ?? g.gpus * RAM_MIB_PER_GPU,
      });
      fleet.lives.push(life);
    }
  });
}

function checkHours(g: Group, path: (string | number)[], report: Report): void {
  if (g.availability === 'always') return;
  const { from, to, jitter } = g.availability.daily;
  const at = [...path, 'availability', 'daily'];
  if (from === to) report([...at, 'to'], 'the same time as "from"; write "availability: always" or another time');
  const open = (to - from + 86_400_000_000) % 86_400_000_000;
  if (from !== to && jitter * 2 >= Math.min(open, 86_400_000_000 - open))
    report([...at, 'jitter'], 'longer than half the time there or away; write a shorter one');
}

function lifeOf(g: Group, classSpeed: number, failure: { mtbf: number; repair: number } | undefined): ResolvedNode {
  const a = g.availability;
  const never = failure === undefined || failure.mtbf >= Number.MAX_SAFE_INTEGER;
  return {
    group: g.name,
    speedMilli: g.speed ?? classSpeed,
    costMicroPerGpuHour: g.cost,
    availability:
      a === 'always'
        ? { kind: 'always' }
        : { kind: 'daily', fromUs: a.daily.from, toUs: a.daily.to, jitterUs: a.daily.jitter },
    mtbfUs: never ? 0 : failure.mtbf,
    repairUs: never ? 0 : failure.repair,
  };
}
