/** Failures of single GPUs: the rules of a scenario as machines and errors with their rates. */
import { quoted } from '../input-error.ts';
import type { CardError, CardFailures, CardPreset, TimeFamily } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import { xidClasses } from '../xids.ts';
import { refuseFlood, typicalUs } from './event-bounds.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';

const HOUR_US = 3_600_000_000;

/**
 * Errors per GPU of NCSA's Delta, as counts over GPU-hours (arXiv:2503.11901, fourth version): 448 A100 over 9.6 million, 608 H100 over 2.1
 * million. Which Xid each kind is written as here is an assumption: MMU errors as 31, uncorrectable memory errors as 94, those of the
 * system processor as 119, of NVLink as 74.
 */
export const deltaMeanHours: Readonly<Record<CardPreset, readonly (readonly [number, number])[]>> = {
  'delta-a100': [
    [31, 9_600_000 / 8863],
    [94, 283_271],
    [119, 9_600_000 / 3857],
    [74, 9_600_000 / 1922],
  ],
  'delta-h100': [
    [31, 2_100_000 / 1737],
    [94, 88_768],
    [119, 2_100_000 / 3],
  ],
};

export function resolveCards(s: ParsedScenario, fleet: Fleet, report: Report): CardFailures[] {
  const known = [...s.fleet.groups.map((g) => g.name), ...(s.fleet.list === undefined ? [] : [s.fleet.list.name])];
  return Object.entries(s.failures.gpus).flatMap(([group, rule]) => {
    const path = ['failures', 'gpus', group];
    if (!known.includes(group)) report(path, `unknown group ${quoted(group)}; ${advice(group, known, 'have')}`);
    if (rule.preset === undefined && rule.errors === undefined)
      report(path, 'no errors; write a preset, or "errors: [{ xid: 79, mtbf: 5000 hour }]"');
    const nodes = fleet.nodes.flatMap((_, i) => (fleet.lives[i]!.group === group ? [i] : []));
    const cards = nodes.reduce((sum, i) => sum + fleet.nodes[i]!.gpus, 0);
    const errors: CardError[] = [];
    const add = (xid: number, between: TimeFamily, repair: TimeFamily, replaced?: CardError['replaced']): void => {
      const { card, ends } = xidClasses.get(xid)!;
      errors.push({ xid, card, ends, between, repair, ...(replaced === undefined ? {} : { replaced }) });
    };
    for (const [xid, hours] of rule.preset === undefined ? [] : deltaMeanHours[rule.preset])
      add(xid, { family: 'exponential', meanUs: hours * HOUR_US }, rule.repair);
    rule.errors?.forEach((e, i) => {
      const at = [...path, 'errors', i];
      if (!xidClasses.has(e.xid)) {
        report([...at, 'xid'], `Xid ${e.xid} has no class here; known are ${[...xidClasses.keys()].join(', ')}`);
        return;
      }
      if (errors.some((x) => x.xid === e.xid)) report([...at, 'xid'], `a second rate of Xid ${e.xid}; write one`);
      if ((e.mtbf === undefined) === (e.between === undefined))
        report(at, 'wants one of mtbf and between; write one of them');
      if (e.mtbf !== undefined && e.mtbf < 1) report([...at, 'mtbf'], 'no time at all; write a duration above zero');
      if (xidClasses.get(e.xid)!.card === 'stays' && (e.repair !== undefined || e.replaced !== undefined))
        report(at, `Xid ${e.xid} leaves the card as it is; leave repair and replaced away`);
      const between: TimeFamily = e.between ?? { family: 'exponential', meanUs: Math.max(1, e.mtbf ?? 1) };
      const given = e.between === undefined ? 'mtbf' : 'between';
      refuseFlood(s.horizon, typicalUs(between), cards, [...at, given], report);
      add(e.xid, between, e.repair ?? rule.repair, e.replaced);
    });
    return [{ nodes, errors }];
  });
}
