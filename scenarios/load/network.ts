/** Network and routing of a scenario: who stands on which host, when wires are cut, who may take over, where users may go. */
import { NEVER } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { Crash, NetworkSpec, Partition, RoutingSpec } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Demand } from './demand.ts';
import type { Path } from './document.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';

type Parsed = NonNullable<ParsedScenario['network']>;
type Members = Parsed['regions'][number];

const SETTLEMENT_HOST = 0;
const poolHost = (pool: number): number => 1 + pool;
/** Most windows that a repeated partition or crash may have. */
const MOST_WINDOWS = 10_000;
const MOST_HOSTS = 100_000;
const ADVERTISE_US = 30_000_000;

/** Hosts: the chain, the pools, then one per provider in order of its first machine. */
interface Hosts {
  count: number;
  hostOf: number[];
  ofProvider: Map<string, number>;
}

function hostsOf(fleet: Fleet): Hosts {
  const pools = fleet.poolNames.list.length;
  const ofProvider = new Map<string, number>();
  const hostOf = [SETTLEMENT_HOST, ...fleet.poolNames.all.map(poolHost)];
  for (const n of fleet.nodes) {
    let host = ofProvider.get(n.provider);
    if (host === undefined) {
      host = 1 + pools + ofProvider.size;
      ofProvider.set(n.provider, host);
    }
    hostOf.push(host);
  }
  return { count: 1 + pools + ofProvider.size, hostOf, ofProvider };
}

/** Null when everything stands on one host. */
export function resolveNetwork(s: ParsedScenario, fleet: Fleet, report: Report): NetworkSpec | null {
  const n = s.network;
  if (n === undefined) return null;
  const at: Path = ['network'];
  const hosts = hostsOf(fleet);
  if (hosts.count > MOST_HOSTS) {
    const others = hosts.count - hosts.ofProvider.size;
    report(
      at,
      `${hosts.count} hosts (the chain, ${others - 1} of pools, ${hosts.ofProvider.size} of providers) are over the limit of ${MOST_HOSTS} of a network; write at most ${MOST_HOSTS - others} providers, or leave network out`,
    );
  }
  if (n.latency.min < 1) report([...at, 'latency', 'min'], 'no time at all; write at least "1 us"');
  for (const key of ['first', 'most'] as const)
    if (n.resend[key] < 1) report([...at, 'resend', key], 'no time at all; write a duration above zero');
  if (n.resend.most < n.resend.first) report([...at, 'resend', 'most'], 'below the first wait; write a longer one');
  if (n.heartbeat.every < 1000) report([...at, 'heartbeat', 'every'], 'too short; write at least "1 ms"');
  const regions = regionsOf(s, n, fleet, hosts, report);
  return {
    hosts: hosts.count,
    hostOf: hosts.hostOf,
    links: { resendUs: n.resend.first, resendMaxUs: n.resend.most, window: n.resend.window },
    minUs: n.latency.min,
    delay: n.latency.beyond,
    regions: { of: regions, farUs: n.latency.far },
    loss: n.loss,
    duplicate: n.duplicate,
    reorder: n.reorder.share,
    reorderUs: n.reorder.by,
    partitions: partitionsOf(s, n, fleet, hosts, report),
    crashes: crashesOf(s, n, fleet, report),
    heartbeat: { everyUs: n.heartbeat.every, ttlUs: n.heartbeat.every * n.heartbeat.missed },
    takeover: takeoverOf(n, fleet, report),
  };
}

/** Hosts of what a region or a side names. */
function membersOf(
  s: ParsedScenario,
  m: Omit<Members, 'name'>,
  fleet: Fleet,
  hosts: Hosts,
  path: Path,
  report: Report,
): { hosts: number[]; users: string[] } {
  const found: number[] = m.chain ? [SETTLEMENT_HOST] : [];
  for (const p of fleet.poolNames.findAll(m.pools ?? [], [...path, 'pools'], true)) found.push(poolHost(p));
  const groups = m.groups ?? [];
  groups.forEach((g, i) => {
    const providers = fleet.providers.get(g);
    if (providers === undefined)
      report(
        groups.length > 1 ? [...path, 'groups', i] : [...path, 'groups'],
        `unknown group ${quoted(g)}; ${advice(g, [...fleet.providers.keys()], 'have')}`,
      );
    for (const p of providers ?? []) found.push(hosts.ofProvider.get(p)!);
  });
  const named = m.providers ?? [];
  named.forEach((p, i) => {
    const host = hosts.ofProvider.get(p);
    if (host !== undefined) found.push(host);
    else
      report(
        named.length > 1 ? [...path, 'providers', i] : [...path, 'providers'],
        `unknown provider ${quoted(p)}; ${advice(p, [...hosts.ofProvider.keys()], 'have')}`,
      );
  });
  const personas = (s.demand.personas ?? []).map((p) => p.name);
  const users = m.personas ?? [];
  users.forEach((u, i) => {
    if (!personas.includes(u))
      report(
        users.length > 1 ? [...path, 'personas', i] : [...path, 'personas'],
        `unknown persona ${quoted(u)}; ${advice(u, personas, 'have')}`,
      );
  });
  return { hosts: found, users };
}

/** Region of each host; 0 = none of those named. */
function regionsOf(s: ParsedScenario, n: Parsed, fleet: Fleet, hosts: Hosts, report: Report): number[] {
  const of = new Array<number>(hosts.count).fill(0);
  const names = new Set<string>();
  n.regions.forEach((r, i) => {
    const path: Path = ['network', 'regions', i];
    if (names.has(r.name)) report([...path, 'name'], `a second region ${quoted(r.name)}; give each its own name`);
    names.add(r.name);
    for (const h of membersOf(s, r, fleet, hosts, path, report).hosts) {
      if (of[h] !== 0 && of[h] !== i + 1) report(path, 'names what another region has; name it once');
      of[h] = i + 1;
    }
  });
  return of;
}

/** Region of a persona; 0 = none. */
function regionOfPersona(n: Parsed | undefined, persona: string): number {
  return 1 + (n?.regions.findIndex((r) => r.personas?.includes(persona) === true) ?? -1);
}

interface Window {
  from: number;
  to: number;
  every?: number | undefined;
}

/** A window and its repetitions before the end of the run. */
function windowsOf(s: ParsedScenario, w: Window, path: Path, report: Report): { fromUs: number; toUs: number }[] {
  if (w.to <= w.from) {
    report(path, 'ends before it begins; put the two in order');
    return [];
  }
  const { every } = w;
  if (every === undefined) return [{ fromUs: w.from, toUs: w.to }];
  if (s.horizon >= NEVER) {
    report([...path, 'every'], 'repeats without end in a run "until done"; leave it away, or write a horizon');
    return [];
  }
  if (every < 1 || w.to - w.from >= every) {
    report([...path, 'every'], 'not longer than it lasts; write a longer period');
    return [];
  }
  if (s.horizon / every > MOST_WINDOWS) {
    report([...path, 'every'], `more than ${MOST_WINDOWS} times; write a longer period`);
    return [];
  }
  const list = [];
  for (let t = 0; w.from + t < s.horizon; t += every) list.push({ fromUs: w.from + t, toUs: w.to + t });
  return list;
}

function partitionsOf(s: ParsedScenario, n: Parsed, fleet: Fleet, hosts: Hosts, report: Report): Partition[] {
  return n.partitions.flatMap((p, i) => {
    const path: Path = ['network', 'partitions', i];
    const side = membersOf(s, p.side, fleet, hosts, [...path, 'side'], report);
    const regions = p.side.regions ?? [];
    regions.forEach((r, k) => {
      const region = n.regions.find((x) => x.name === r);
      if (region === undefined)
        report(
          regions.length > 1 ? [...path, 'side', 'regions', k] : [...path, 'side', 'regions'],
          `unknown region ${quoted(r)}; ${advice(
            r,
            n.regions.map((x) => x.name),
            'have',
          )}`,
        );
      // What is wrong inside the region is reported where it is defined.
      const all = region === undefined ? null : membersOf(s, region, fleet, hosts, path, () => {});
      side.hosts.push(...(all?.hosts ?? []));
      side.users.push(...(all?.users ?? []));
    });
    const members = [...new Set(side.hosts)].sort((a, b) => a - b);
    const { chain, ...named } = p.side;
    if (!chain && Object.values(named).every((v) => v === undefined))
      report(
        [...path, 'side'],
        'nobody is on this side; name pools, groups, providers, personas, regions or the chain',
      );
    if (members.length === hosts.count)
      report([...path, 'side'], 'everybody is on this side, so nothing is cut; leave somebody out');
    const name = p.name ?? `partition-${i + 1}`;
    const way = p.way === 'both' ? {} : { way: p.way };
    return windowsOf(s, p, path, report).map((w) => ({
      name,
      ...w,
      side: members,
      ...way,
      users: [...new Set(side.users)],
    }));
  });
}

function crashesOf(s: ParsedScenario, n: Parsed, fleet: Fleet, report: Report): Crash[] {
  const crashes = n.crashes.flatMap((c, i) => {
    const path: Path = ['network', 'crashes', i];
    const pool = fleet.poolNames.find(c.pool, [...path, 'pool']);
    return pool < 0 ? [] : windowsOf(s, c, path, report).map((w) => ({ host: poolHost(pool), ...w, i }));
  });
  for (const a of crashes)
    for (const b of crashes)
      if (
        a !== b &&
        a.host === b.host &&
        a.fromUs <= b.fromUs &&
        b.fromUs <= a.toUs &&
        (a.i < b.i || a.fromUs < b.fromUs)
      )
        report(['network', 'crashes', b.i], 'overlaps another crash of the same pool; leave a gap between them');
  return crashes.map(({ host, fromUs, toUs }) => ({ host, fromUs, toUs }));
}

function takeoverOf(n: Parsed, fleet: Fleet, report: Report): NetworkSpec['takeover'] {
  if (n.takeover === undefined) return null;
  const { after, by } = n.takeover;
  if (after < 1) report(['network', 'takeover', 'after'], 'no time at all; write a duration above zero');
  if (fleet.poolNames.list.length < 2)
    report(['network', 'takeover'], 'there is no other pool that could take over; add one under fleet.pools');
  return {
    afterUs: after,
    by: by === undefined ? fleet.poolNames.all : fleet.poolNames.findAll(by, ['network', 'takeover', 'by'], false),
  };
}

/** Null when each user keeps to the pool that the demand gives it. */
export function resolveRouting(s: ParsedScenario, fleet: Fleet, demand: Demand, report: Report): RoutingSpec | null {
  const ref = s.scheduling.routing;
  if (ref === undefined) return null;
  const { advertise, ...params } = ref.params as { advertise?: number };
  if (advertise !== undefined && advertise < 1_000_000)
    report(['scheduling', 'routing', 'advertise'], 'too often; write at least "1 second"');
  const d = demand.demand;
  const users =
    d.kind === 'personas'
      ? d.personas.map((p) => ({ label: p.name, pools: p.pools, region: regionOfPersona(s.network, p.name) }))
      : [{ label: '', pools: d.kind === 'trace' ? d.pools : fleet.poolNames.all, region: 0 }];
  const regions = s.network?.regions ?? [];
  return {
    policy: { name: ref.name, params: Object.fromEntries(Object.entries(params).filter(([, v]) => v !== undefined)) },
    advertiseUs: advertise ?? ADVERTISE_US,
    users,
    poolRegions: fleet.poolNames.list.map((p) => 1 + regions.findIndex((r) => r.pools?.includes(p) === true)),
  };
}
