/** A written list of jobs, in order of submission, with its users. */
import type { UserSpec } from '../../core/types.ts';
import type { ListDemandSpec, ListedArrival } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import type { Fleet } from './fleet.ts';
import { taskGroup } from './mig.ts';
import type { Report } from './names.ts';

type ParsedJob = NonNullable<ParsedScenario['demand']['jobs']>[number];

export function resolveJobs(
  jobs: readonly ParsedJob[],
  fleet: Fleet,
  report: Report,
): { demand: ListDemandSpec; users: UserSpec[] } {
  const users = new Map<string, UserSpec>();
  const unordered = jobs.map((j, i): Omit<ListedArrival, 'spec'> & { spec: Omit<ListedArrival['spec'], 'job'> } => {
    const path = ['demand', 'jobs', i];
    if (j.work < 1) report([...path, 'work'], 'no work at all; write a duration above zero');
    const limitUs = j.limit ?? 2 * j.work;
    if (limitUs < 1) report([...path, 'limit'], 'no time at all; write a duration above zero');
    if (j.challenge !== undefined) {
      if (j.command !== undefined) report([...path, 'challenge'], 'a job has a command or a challenge; leave one out');
      if (j.challenge % 64 !== 0) report([...path, 'challenge'], `${j.challenge} is no multiple of 64; round it up`);
    }
    users.set(j.user, { id: j.user, currency: 0, deposit: '0', postpaid: true });
    const classes = j.classes === undefined ? [] : fleet.classNames.findAll(j.classes, [...path, 'classes'], true);
    return {
      timeUs: j.at,
      pool: j.pool === undefined ? 0 : Math.max(0, fleet.poolNames.find(j.pool, [...path, 'pool'])),
      spec: {
        user: j.user,
        label: j.name,
        groups: [taskGroup(j, fleet.classes, classes, path, report)],
        classes,
        bids: [],
        currency: 0,
        limitUs,
        estimateUs: limitUs,
        patienceUs: j.patience,
        maxAttempts: j.attempts,
        priority: j.priority,
      },
      workUs: j.work,
      fails: j.fails,
      valueMicro: -1,
      ...(j.command === undefined ? {} : { command: j.command }),
      ...(j.challenge === undefined ? {} : { challenge: j.challenge }),
    };
  });
  const order = unordered.map((a, i) => ({ a, i }));
  order.sort((x, y) => x.a.timeUs - y.a.timeUs || x.i - y.i);
  const arrivals = order.map(({ a }, k): ListedArrival => ({ ...a, spec: { job: k + 1, ...a.spec } }));
  return { demand: { kind: 'list', arrivals }, users: [...users.values()] };
}
