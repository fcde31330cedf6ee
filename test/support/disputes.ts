/** Disputes of tests: random rules, and acts about random leases by whoever likes to. */
import { type DisputeAct, type Fact, FactKind } from '../../core/facts.ts';
import { type DisputeRules, disputeRules, HOUR_US } from '../../core/types.ts';
import { generator, type Rows, SECOND } from './market.ts';

export function randomDisputes(r: () => number): DisputeRules {
  const pick = <T>(list: readonly T[]) => list[Math.floor(r() * list.length)]!;
  return {
    rule: pick(disputeRules),
    windowUs: pick([HOUR_US, 5 * HOUR_US, 30 * HOUR_US]),
    answerUs: pick([1, HOUR_US, 7 * HOUR_US]),
    decideUs: pick([1, 2 * HOUR_US, 12 * HOUR_US]),
    bondBps: pick([0, 1, 3333, 10_000]),
    arbiters: ['judge', 'jury'],
  };
}

/** What parties say about leases at one stamp: mostly what makes sense, now and then anything. */
export class Quarrel {
  readonly #r: () => number;
  readonly #seq = new Map<string, number>();

  constructor(seed: number) {
    this.#r = generator(seed * 77 + 3);
  }

  #below(n: number): number {
    return Math.floor(this.#r() * n);
  }

  fact(act: DisputeAct): Fact {
    const seq = (this.#seq.get(act.by) ?? 0) + 1;
    this.#seq.set(act.by, seq);
    return { kind: FactKind.dispute, seq, act };
  }

  facts(rows: Rows): Fact[] {
    const placements = rows.of('placements');
    if (placements.length === 0) return [];
    const users = new Map(rows.of('quotes').map((q) => [q.job_id, q.user]));
    const out: Fact[] = [];
    for (let k = 0; k < 3; k++) {
      // Late ones more often: what is old can no longer be disputed.
      const p = placements[Math.max(0, placements.length - 1 - this.#below(this.#r() < 0.8 ? 12 : placements.length))]!;
      const filed = rows.of('disputes').some((d) => d.lease_id === p.lease_id && d.event === 'filed');
      const user = users.get(p.job_id) ?? ['alice', 'bob', 'carol'][this.#below(3)]!;
      const odd = this.#r() < 0.05;
      const by = odd ? 'bob' : filed ? p.provider : user;
      const x = this.#r();
      const act: DisputeAct =
        x < 0.25
          ? {
              do: 'check',
              lease: p.lease_id,
              by: odd ? 'nobody' : this.#r() < 0.5 ? 'judge' : 'jury',
              good: this.#r() < 0.6,
            }
          : { do: !filed || x < 0.3 ? 'file' : x < 0.9 ? 'contest' : 'concede', lease: odd ? 999_999 : p.lease_id, by };
      out.push(this.fact(act));
    }
    return out;
  }
}

/** Acts about leases of a run that is known beforehand to have them. */
export function disputeActs(horizonUs: number, rows: Rows, seed: number): [number, Fact[]][] {
  const r = generator(seed * 13 + 5);
  const q = new Quarrel(seed);
  const users = new Map(rows.of('quotes').map((x) => [x.job_id, x.user]));
  const acts: [number, Fact[]][] = [];
  for (const p of rows.of('placements')) {
    if (p.end_us < 0 || p.charge_micro === 0n || r() < 0.2) continue;
    let at = p.end_us + Math.floor(r() * 2 * HOUR_US) + SECOND;
    const say = (act: DisputeAct) => {
      if (at < horizonUs) acts.push([at, [q.fact(act)]]);
      at += Math.floor(r() * 3 * HOUR_US) + 1;
    };
    say({ do: 'file', lease: p.lease_id, by: users.get(p.job_id) ?? 'alice' });
    if (r() < 0.7) say({ do: r() < 0.9 ? 'contest' : 'concede', lease: p.lease_id, by: p.provider });
    if (r() < 0.7) say({ do: 'check', lease: p.lease_id, by: 'judge', good: r() < 0.5 });
  }
  return acts.sort((x, y) => x[0] - y[0]);
}
