/** What only a simulated world does. Left out silently, an execution would answer another question. */
import { NEVER } from '../../core/types.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import type { Path } from './document.ts';
import type { Report } from './names.ts';

const LEAVE_OUT = 'simulated only; leave it out to execute';

/** Reports, each at its place, the keys that an execution cannot follow: machines that fail, leave or lie, users who come again, networks. */
export function refuseSimulated(s: ParsedScenario, report: Report): void {
  const refuse = (path: Path, why = LEAVE_OUT): void => report(path, why);
  const fails = 'machines and GPUs fail for real in an execution; leave it out';
  const { failures, fleet, demand } = s;
  if (Object.values(failures.groups).some((f) => f.mtbf === undefined || f.mtbf < NEVER))
    refuse(['failures', 'groups'], fails);
  if (Object.keys(failures.gpus).length > 0) refuse(['failures', 'gpus'], fails);
  if (failures.shared.length > 0) refuse(['failures', 'shared'], fails);
  if (failures.trace !== undefined) refuse(['failures', 'trace'], fails);
  fleet.classes.forEach((c, i) => {
    if (c.sharing !== undefined) refuse(['fleet', 'classes', i, 'sharing']);
    if (c.mig === 'on-demand')
      refuse(
        ['fleet', 'classes', i, 'mig'],
        'GPUs are divided on demand in simulation only; name a profile to execute on instances that are there',
      );
  });
  fleet.groups.forEach((g, i) => {
    if (g.availability !== 'always')
      refuse(['fleet', 'groups', i, 'availability'], 'owners come and go in simulation only; leave it out to execute');
    if (g.notice > 0) refuse(['fleet', 'groups', i, 'notice']);
    if (g.entry !== undefined) refuse(['fleet', 'groups', i, 'entry']);
    if (g.lies !== undefined) refuse(['fleet', 'groups', i, 'lies']);
  });
  if (s.billing.payers.length > 0)
    refuse(['billing', 'payers'], 'acts of users are simulated only; leave it out to execute');
  if (s.billing.disputes !== undefined)
    refuse(['billing', 'disputes'], 'who disputes charges is simulated only; leave it out to execute');
  if (s.adversaries !== undefined) refuse(['adversaries']);
  demand.personas?.forEach((p, i) => {
    for (const key of ['retry', 'performance', 'image', 'isolation'] as const)
      if (p[key] !== undefined) refuse(['demand', 'personas', i, key]);
  });
  if (s.stake.rules !== undefined)
    refuse(
      ['stake', 'rules'],
      'voters, cheats and auditors are simulated only; leave it out to execute (resources may stay)',
    );
  if (s.network !== undefined)
    refuse(['network'], 'wires and their faults are simulated only; leave it out to execute');
  if (s.scheduling.routing !== undefined)
    refuse(
      ['scheduling', 'routing'],
      'an execution submits each job to the pool that its user keeps to; leave it out to execute',
    );
}
