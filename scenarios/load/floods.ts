/** Periods, lives and rates that would make more events than a run can get through: each is held against the horizon and what it acts on. */
import { HOUR_US, NEVER } from '../../core/types.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import type { Path } from './document.ts';
import { refuseFlood, refusePeriods, typicalUs } from './event-bounds.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';

/** Jobs of one persona in a run: hours of simulation, tens of gigabytes of rows. */
const MOST_JOBS = 1_000_000_000;

export function refuseFloods(s: ParsedScenario, fleet: Fleet, report: Report): void {
  const flood = (path: Path, meanUs: number, count: number): void =>
    refuseFlood(s.horizon, meanUs, Math.max(1, count), path, report);
  const nodes = new Map<string, number>();
  for (const life of fleet.lives) nodes.set(life.group, (nodes.get(life.group) ?? 0) + 1);
  const gpus = fleet.nodes.reduce((n, x) => n + x.gpus, 0);
  const pools = fleet.poolNames.list.length;

  refusePeriods(s.horizon, ['output', 'sample'], s.output.sample, report);
  refusePeriods(s.horizon, ['pricing', 'epoch'], s.pricing.epoch, report);
  // At its end every job that waits asks for terms again.
  refusePeriods(s.horizon, ['billing', 'graces', 'quote'], s.billing.graces.quote, report);
  if (s.stake.rules !== undefined) refusePeriods(s.horizon, ['stake', 'rules', 'epoch'], s.stake.rules.epoch, report);

  s.fleet.groups.forEach((g, i) => {
    const at = ['fleet', 'groups', i];
    if (g.entry !== undefined) flood([...at, 'entry', 'every'], g.entry.every, g.providers);
    if (typeof g.availability === 'string' || g.availability.sessions === undefined) return;
    const { up, down } = g.availability.sessions;
    flood([...at, 'availability', 'sessions'], typicalUs(up) + typicalUs(down), nodes.get(g.name) ?? 0);
  });
  for (const [group, f] of Object.entries(s.failures.groups)) {
    const at = ['failures', 'groups', group];
    if (f.mtbf !== undefined) flood([...at, 'mtbf'], f.mtbf, nodes.get(group) ?? 0);
    if (f.between !== undefined) flood([...at, 'between'], typicalUs(f.between), nodes.get(group) ?? 0);
  }
  s.demand.personas?.forEach((p, i) => {
    const at = ['demand', 'personas', i, 'arrivals'];
    const jobs = (p.arrivals.rate * s.horizon) / HOUR_US;
    if (s.horizon < NEVER && jobs > MOST_JOBS)
      report(
        [...at, 'rate'],
        `makes some ${Math.floor(jobs)} jobs in the horizon, ${MOST_JOBS} at most; write a lower rate, or a shorter horizon`,
      );
    if (p.arrivals.bursts !== undefined) flood([...at, 'bursts', 'every'], p.arrivals.bursts.every, 1);
  });
  const { stealing, queueing } = s.scheduling;
  if (stealing !== undefined) flood(['scheduling', 'stealing', 'every'], stealing.every, pools);
  const round = (path: Path, params: Record<string, unknown>): void => {
    if (typeof params['round'] === 'number') flood([...path, 'queueing', 'round'], params['round'], pools);
  };
  round(['scheduling'], queueing.params);
  for (const [name, p] of Object.entries(s.scheduling.pools))
    if (p.queueing !== undefined) round(['scheduling', 'pools', name], p.queueing.params);
  if (s.billing.contract !== undefined) flood(['billing', 'contract', 'period'], s.billing.contract.period, gpus);
  s.stake.stakers.forEach((t, i) => {
    const at = ['stake', 'stakers', i];
    if (t.claims !== undefined) flood([...at, 'claims'], t.claims, t.count ?? 1);
    if (t.exits !== undefined) flood([...at, 'exits', 'every'], t.exits.every, t.count ?? 1);
  });
  if (s.network !== undefined) {
    // Every attempt would end before its machine hears of it, and another be made at once.
    if (s.billing.graces.startWindow <= s.network.latency.min)
      report(
        ['billing', 'graces', 'startWindow'],
        `over before a lease has crossed the network (latency.min is ${s.network.latency.min} us); write a longer one`,
      );
    // Neither makes events while all is well: of one wire that is cut throughout.
    flood(['network', 'heartbeat', 'every'], s.network.heartbeat.every, 1);
    flood(['network', 'resend', 'most'], s.network.resend.most, 1);
  }
}
