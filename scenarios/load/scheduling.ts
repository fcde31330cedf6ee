/** From the parameters of scheduling policies as written to those that the policies take. */
import type { MechanismRef } from '../../core/types.ts';
import { queueingNames } from '../../mechanisms/names.ts';
import { quoted } from '../input-error.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Path } from './document.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';

/** Written name -> the policy's own, which says the unit. */
const IN_UNITS: Record<string, string> = {
  minRun: 'minRunUs',
  ageing: 'ageingUs',
  hold: 'holdUs',
  limits: 'limitsGpuUs',
  round: 'roundUs',
  settle: 'settleUs',
};

export function queueingOf(ref: MechanismRef, path: Path, report: Report): MechanismRef {
  // A module of the user's own takes its parameters as they are written.
  if (!(queueingNames as readonly string[]).includes(ref.name)) return ref;
  const { limits } = ref.params as { limits?: number[] };
  if (limits?.some((l, i) => l < 1 || (i > 0 && l <= limits[i - 1]!)))
    report([...path, 'limits'], 'limits do not ascend; write them from the shortest to the longest');
  if ((ref.params as { round?: number }).round === 0)
    report([...path, 'round'], 'no time at all; write a duration above zero');
  return {
    name: ref.name,
    params: Object.fromEntries(
      Object.entries(ref.params).flatMap(([k, v]) => (v === undefined ? [] : [[IN_UNITS[k] ?? k, v]])),
    ),
  };
}

interface Kind {
  weight: number;
  gpus: number;
  share: number;
  cpu: number;
  classes?: string[] | undefined;
}

/** For fgd the workload: as written, else the shapes of the personas as often as they are drawn. */
export function placementOf(
  ref: MechanismRef,
  s: ParsedScenario,
  fleet: Fleet,
  path: Path,
  report: Report,
): MechanismRef {
  if (ref.name !== 'fgd') return ref;
  const written = (ref.params as { typical?: Kind[] }).typical;
  const kinds =
    written?.map((k, i) => ({
      weight: k.weight,
      gpus: k.gpus,
      gpuMilli: k.share,
      cpuMilli: k.cpu,
      classes:
        k.classes === undefined ? [] : fleet.classNames.findAll(k.classes, [...path, 'typical', i, 'classes'], true),
    })) ?? ofPersonas(s, fleet);
  const total = kinds.reduce((sum, k) => sum + k.weight, 0);
  if (written !== undefined && total <= 0)
    report([...path, 'typical'], 'all weights are zero; give at least one kind a weight above zero');
  if (total <= 0) return { name: ref.name, params: {} };
  return { name: ref.name, params: { typical: kinds.map(({ weight, ...k }) => ({ share: weight / total, ...k })) } };
}

function ofPersonas(s: ParsedScenario, fleet: Fleet) {
  return (s.demand.personas ?? []).flatMap((p, i) => {
    const drawn = p.shapes.reduce((sum, x) => sum + x.weight, 0);
    if (drawn <= 0) return [];
    const classes =
      p.classes === undefined ? [] : fleet.classNames.findAll(p.classes, ['demand', 'personas', i, 'classes'], true);
    return p.shapes.flatMap((x) =>
      [x, ...(x.with ?? [])].map((t) => ({
        weight: (p.arrivals.rate * x.weight * t.tasks) / drawn,
        gpus: t.gpus,
        gpuMilli: t.share,
        cpuMilli: t.cpu,
        classes,
      })),
    );
  });
}

/** Weights of fair-share are of users: a name that is nobody's would count for nothing. */
export function checkWeights(
  s: ParsedScenario,
  pools: readonly { id: string; queueing: MechanismRef }[],
  users: readonly { id: string }[],
  report: Report,
): void {
  const known = new Set(users.map((u) => u.id));
  for (const { id, queueing } of pools) {
    if (queueing.name !== 'fair-share') continue;
    const own = s.scheduling.pools[id]?.queueing;
    const path: Path = ['scheduling', ...(own === undefined ? [] : ['pools', id]), 'queueing', 'weights'];
    for (const user of Object.keys((queueing.params['weights'] as object | undefined) ?? {})) {
      if (known.has(user)) continue;
      const persona = s.demand.personas?.find((p) => p.name === user);
      const how =
        persona === undefined
          ? advice(user, [...known].slice(0, 200), 'have')
          : `its users are ${user}-1${persona.users > 1 ? ` to ${user}-${persona.users}` : ''}`;
      report([...path, user], `unknown user ${quoted(user)}; ${how}`, 'key');
    }
  }
}
