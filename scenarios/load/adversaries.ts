/** Adversaries of a scenario: draws who they are, and gives dead requestors their accounts. */
import { chance } from '../../core/num/index.ts';
import type { UserSpec } from '../../core/types.ts';
import { type AdversarySpec, adversaryKinds, identityOf } from '../adversary-spec.ts';
import { quoted, ScenarioError } from '../input-error.ts';
import { MAX_USERS } from '../schema/demand.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import { refuseFlood } from './event-bounds.ts';
import type { Fleet } from './fleet.ts';
import type { Report } from './names.ts';
import { buysSupply } from './supply.ts';

export interface ResolvedAdversaries {
  spec: AdversarySpec;
  users: UserSpec[];
}

/** Null where the scenario names none. */
export function resolveAdversaries(
  s: ParsedScenario,
  fleet: Fleet,
  users: readonly UserSpec[],
  report: Report,
): ResolvedAdversaries | null {
  const a = s.adversaries;
  if (a === undefined || Object.values(a).every((x) => x === undefined)) return null;
  const taken = new Set<string>();
  const spec: AdversarySpec = {};
  /** As many as the share says, at least one, of those who have no other part. */
  const draw = (kind: string, all: readonly string[], share: number): { agents: string[]; others: string[] } => {
    // Unknown, which was reported.
    if (all.length === 0) return { agents: [], others: [] };
    const key = [s.seed % 0x100000000, Math.floor(s.seed / 0x100000000)] as const;
    const free = all.flatMap((name, i) =>
      taken.has(name) ? [] : [{ name, at: i, rank: chance(key, `adversary-${kind}`, i) }],
    );
    const n = share === 0 ? 0 : Math.max(1, Math.round(share * all.length));
    if (n > free.length)
      report(
        ['adversaries', kind, 'share'],
        `asks for ${n} of ${all.length}, and ${all.length - free.length} have another part; lower the shares`,
      );
    const chosen = new Set(
      [...free]
        .sort((x, y) => x.rank - y.rank || x.at - y.at)
        .slice(0, n)
        .map((x) => x.name),
    );
    for (const name of chosen) taken.add(name);
    return { agents: all.filter((x) => chosen.has(x)), others: [...all] };
  };
  const providersOf = (kind: string, groups: readonly string[]): string[] =>
    [...new Set(groups)].flatMap((g) => {
      const list = fleet.providers.get(g);
      if (list === undefined)
        report(
          ['adversaries', kind, 'group'],
          `unknown group ${quoted(g)}; ${advice(g, [...fleet.providers.keys()], 'have')}`,
        );
      return list ?? [];
    });
  const usersOf = (kind: string, persona: string): string[] => {
    const known = s.demand.personas ?? [];
    const p = known.find((x) => x.name === persona);
    if (p === undefined)
      report(
        ['adversaries', kind, 'persona'],
        `unknown persona ${quoted(persona)}; ${
          known.length === 0
            ? 'only users of personas can be such'
            : advice(
                persona,
                known.map((x) => x.name),
                'have',
              )
        }`,
      );
    return p === undefined ? [] : Array.from({ length: p.users }, (_, u) => `${p.name}-${u + 1}`);
  };
  if (a.leavers !== undefined) {
    const { group, share, honest, every, lasts, pays, above } = a.leavers;
    if (every < 1) report(['adversaries', 'leavers', 'every'], 'no time at all; write a duration above zero');
    const providers = providersOf('leavers', group);
    // Those who would not leave get their offers too.
    const asked = new Set(providers);
    const machines = fleet.nodes.filter((n) => asked.has(n.provider)).length;
    refuseFlood(s.horizon, every, machines, ['adversaries', 'leavers', 'every'], report);
    spec.leavers = {
      ...draw('leavers', providers, share),
      honest,
      everyUs: every,
      lasts,
      pays,
      above,
    };
  }
  if (a.overbillers !== undefined) {
    const { group, share, honest, until, noticed } = a.overbillers;
    const drawn = draw('overbillers', providersOf('overbillers', group), share);
    spec.overbillers = { ...drawn, honest, until, noticedUs: noticed };
  }
  if (a.ring !== undefined) {
    const { group, share, honest, asks, withhold } = a.ring;
    if (asks !== 1 && !buysSupply(s))
      report(
        ['adversaries', 'ring', 'asks'],
        'nobody asks where no supply is bought; write pricing.mechanism: pvcg, or use withhold',
      );
    if (asks === 1 && withhold === 0)
      report(['adversaries', 'ring'], 'neither asks more nor withholds; write "asks" above 1 or "withhold" above 0');
    spec.ring = { ...draw('ring', providersOf('ring', group), share), honest, asks, withhold };
  }
  if (a.squatters !== undefined) {
    const { persona, share, honest, keep, worth, noticed } = a.squatters;
    const drawn = draw('squatters', usersOf('squatters', persona), share);
    spec.squatters = { ...drawn, honest, keepUs: keep, worthMicro: worth, noticedUs: noticed };
  }
  const more: UserSpec[] = [];
  let accounts = users;
  if (a.deadRequestors !== undefined) {
    const { persona, share, honest, identities, brings, after, collects, noticed } = a.deadRequestors;
    const drawn = draw('deadRequestors', usersOf('deadRequestors', persona), share);
    spec.deadRequestors = {
      ...drawn,
      honest,
      identities,
      brings: brings?.micro ?? null,
      afterUs: after,
      collects,
      noticedUs: noticed,
    };
    const dead = new Set(drawn.agents);
    if (!honest) {
      const currency = users.find((u) => dead.has(u.id))?.currency;
      if (brings !== undefined && currency !== undefined && brings.currency !== currency)
        report(
          ['adversaries', 'deadRequestors', 'brings'],
          `the persona pays in ${currency === 1 ? 'JCT' : 'USD'}; write it in that`,
        );
      if (users.length + dead.size * (identities - 1) > MAX_USERS)
        report(['adversaries', 'deadRequestors', 'identities'], `more than ${MAX_USERS} users in all; write fewer`);
      else {
        accounts = users.map((u) => (dead.has(u.id) ? { ...u, deposit: brings?.micro ?? u.deposit } : u));
        for (const u of accounts)
          if (dead.has(u.id)) {
            for (let k = 2; k <= identities; k++) more.push({ ...u, id: identityOf(u.id, k) });
          }
      }
    }
  }
  // Those who play by the rules: nobody with a part of any kind.
  for (const kind of adversaryKinds) {
    const x = spec[kind];
    if (x === undefined) continue;
    const { variants } = a[kind]!;
    if (variants !== undefined)
      x.variants = Object.entries(variants).map(([name, changes]) => ({
        name,
        sets: Object.entries(changes).map(([path, value]) => `${path}=${value}`),
      }));
    x.others = x.others.filter((name) => !taken.has(name));
  }
  return { spec, users: [...accounts, ...more] };
}

/** Reports variants whose changes the schema refuses; `attempt` makes them and throws ScenarioError. */
export function checkVariants(
  spec: AdversarySpec | undefined,
  report: Report,
  attempt: (sets: readonly string[]) => void,
): void {
  for (const kind of adversaryKinds)
    for (const { name, sets } of spec?.[kind]?.variants ?? []) {
      try {
        attempt(sets);
      } catch (e) {
        if (!(e instanceof ScenarioError)) throw e;
        const { place, text } = e.problems[0]!;
        const change = place.startsWith('--set ') ? `${place.slice('--set '.length)}: ` : '';
        report(['adversaries', kind, 'variants', name], `${change}${text}`, 'key');
      }
    }
}
