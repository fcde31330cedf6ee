/** What the table of disputes amounts to, and how often the market was wrong about a result. */
import type { Row } from '../core/record/schema.ts';
import type { DisputeErrors } from './world/disputers.ts';

export interface DisputesJson {
  filed: number;
  contested: number;
  upheld: number;
  rejected: number;
  /** Disputes and answers that were not taken. */
  refused: number;
  /** Why cases were decided as they were. */
  because: Record<string, number>;
  /** By currency, micro-units: given back, and bonds that each side has lost to the other. */
  returned: Record<string, string>;
  usersLost: Record<string, string>;
  providersLost: Record<string, string>;
  /** Good results paid back, and made-up ones that stay paid although they were disputed; null where nobody knows. */
  errors: DisputeErrors | null;
}

export class DisputeSummary {
  readonly #counts = { filed: 0, contested: 0, upheld: 0, rejected: 0, refused: 0 };
  readonly #because = new Map<string, number>();
  readonly #sums = {
    returned: new Map<string, bigint>(),
    usersLost: new Map<string, bigint>(),
    providersLost: new Map<string, bigint>(),
  };

  row(d: Row<'disputes'>): void {
    const event = d.event.endsWith('refused') ? 'refused' : (d.event as 'filed' | 'contested' | 'upheld' | 'rejected');
    this.#counts[event]++;
    if (event !== 'upheld' && event !== 'rejected') return;
    this.#because.set(d.reason, (this.#because.get(d.reason) ?? 0) + 1);
    const add = (m: Map<string, bigint>, amount: bigint) => m.set(d.currency, (m.get(d.currency) ?? 0n) + amount);
    if (event === 'upheld') {
      add(this.#sums.returned, d.amount_micro);
      add(this.#sums.providersLost, d.provider_bond_micro);
    } else add(this.#sums.usersLost, d.bond_micro);
  }

  toJson(errors: DisputeErrors | null): DisputesJson {
    const text = (m: Map<string, bigint>) => Object.fromEntries([...m].map(([c, v]) => [c, String(v)]));
    const { returned, usersLost, providersLost } = this.#sums;
    return {
      ...this.#counts,
      because: Object.fromEntries([...this.#because].sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      returned: text(returned),
      usersLost: text(usersLost),
      providersLost: text(providersLost),
      errors,
    };
  }
}
