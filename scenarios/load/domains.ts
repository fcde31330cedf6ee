/** Failure domains of a scenario: racks, providers, sites and cards, each with its machines. */
import { quoted } from '../input-error.ts';
import type { FailureDomain, TimeFamily } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import { refuseFlood, typicalUs } from './event-bounds.ts';
import type { Fleet } from './fleet.ts';
import { Names, type Report } from './names.ts';

export function resolveDomains(s: ParsedScenario, fleet: Fleet, report: Report): FailureDomain[] {
  const { shared } = s.failures;
  new Names('shared failure', shared, ['failures', 'shared'], report);
  const known = [...s.fleet.groups.map((g) => g.name), ...(s.fleet.list === undefined ? [] : [s.fleet.list.name])];
  return shared.flatMap((d, i) => {
    const path = ['failures', 'shared', i];
    if ((d.mtbf === undefined) === (d.between === undefined))
      report(path, 'wants one of mtbf and between; write one of them');
    if (d.mtbf !== undefined && d.mtbf < 1) report([...path, 'mtbf'], 'no time at all; write a duration above zero');
    const groups = [d.groups].flat();
    for (const g of groups)
      if (!known.includes(g)) report([...path, 'groups'], `unknown group ${quoted(g)}; ${advice(g, known, 'have')}`);
    const between: TimeFamily = d.between ?? { family: 'exponential', meanUs: Math.max(1, d.mtbf ?? 1) };
    const failures = { between, causes: [{ name: d.name, weight: 1, repair: d.repair }] };
    const bare = new Set<string>();
    const members = new Map<string, number[]>();
    const add = (key: string, node: number) => {
      const list = members.get(key);
      if (list === undefined) members.set(key, [node]);
      else list.push(node);
    };
    fleet.nodes.forEach((n, node) => {
      if (!groups.includes(fleet.lives[node]!.group)) return;
      if (d.of === 'gpu') for (let gpu = 0; gpu < n.gpus; gpu++) add(`${n.id}#${gpu}`, node);
      else if (d.of === 'site') add('site', node);
      else if (d.of === 'provider') add(n.provider, node);
      else if (n.rack === undefined) bare.add(fleet.lives[node]!.group);
      else add(String(n.rack), node);
    });
    for (const g of bare) report([...path, 'of'], `machines of ${quoted(g)} name no rack; give the group "rack: 8"`);
    refuseFlood(
      s.horizon,
      typicalUs(between),
      members.size,
      [...path, d.between === undefined ? 'mtbf' : 'between'],
      report,
    );
    return [...members].map(([key, nodes]) => ({ name: `${d.name}/${key}`, nodes, failures }));
  });
}
