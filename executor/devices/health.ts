/**
 * Health of a GPU with its evidence. States can be left again: a card is not unhealthy for ever because of one bad hour, and an
 * error that a program brought upon itself is no fault of the card (NVIDIA's catalogue of Xid errors tells the two apart).
 *
 *   healthy   nothing against it
 *   suspect   something was seen that may pass; it goes on working
 *   drain     what runs may end, but the card needs a reset before it is trusted: it takes no new leases meanwhile
 *   dead      gone, or its memory cannot be trusted: what runs on it is lost, and its machine goes on with its others
 */
import { xidClasses } from '../../scenarios/xids.ts';
import type { CardHealth } from './gpu-driver.ts';

export type HealthState = 'healthy' | 'suspect' | 'drain' | 'dead';

export interface Observation {
  /** The driver lists it. */
  present: boolean;
  /** Uncorrected memory errors since the driver was loaded; null when it does not count them. */
  uncorrected: number | null;
  /** Xid errors since the last look. */
  xids: readonly number[];
}

/** Xids that a job causes: illegal access, a bad program, a stopped channel. They say nothing of the card. */
export const APPLICATION_XIDS: ReadonlySet<number> = new Set(
  [...xidClasses].filter(([, c]) => c.card === 'stays').map(([xid]) => xid),
);

/** Looks in a row without the card before it is dead, and clean looks after which a suspicion is dropped. */
export const MISSES = 3;
export const CLEAN = 6;

const rank: Record<HealthState, number> = { healthy: 0, suspect: 1, drain: 2, dead: 3 };
const KEPT = 20;

export class DeviceHealth {
  #state: HealthState;
  #misses = 0;
  #clean = 0;
  #uncorrected: number | null = null;
  /** What was seen, oldest first; the last few. */
  readonly evidence: string[] = [];

  constructor(state: HealthState = 'healthy') {
    this.#state = state;
  }

  get state(): HealthState {
    return this.#state;
  }

  observe(o: Observation): HealthState {
    let worst: HealthState = 'healthy';
    const against = (state: HealthState, what: string): void => {
      this.evidence.push(`${state}: ${what}`);
      if (this.evidence.length > KEPT) this.evidence.shift();
      if (rank[state] > rank[worst]) worst = state;
    };
    this.#misses = o.present ? 0 : this.#misses + 1;
    if (!o.present) {
      if (this.#misses >= MISSES) against('dead', `not listed by the driver ${this.#misses} times`);
      else against('suspect', 'not listed by the driver');
    }
    for (const x of o.xids) {
      const known = xidClasses.get(x);
      if (known?.card === 'stays') this.evidence.push(`healthy: Xid ${x}, caused by a program`);
      else against(known?.card ?? 'suspect', `Xid ${x}`);
    }
    if (o.uncorrected !== null) {
      // A count that fell: the driver was loaded anew, which is what a drained card was waiting for.
      const reset = this.#uncorrected !== null && o.uncorrected < this.#uncorrected;
      if (this.#uncorrected !== null && o.uncorrected > this.#uncorrected)
        against('drain', `${o.uncorrected - this.#uncorrected} uncorrected memory errors`);
      this.#uncorrected = o.uncorrected;
      if (reset && worst === 'healthy') this.#become('healthy');
    }
    if (worst !== 'healthy') {
      this.#clean = 0;
      if (rank[worst] > rank[this.#state]) this.#become(worst);
    } else if (o.present && ++this.#clean >= CLEAN) {
      // Only a reset clears a drain; a card that came back to the bus has had one.
      if (this.#state !== 'drain') this.#become('healthy');
    }
    return this.#state;
  }

  #become(state: HealthState): void {
    this.#state = state;
    this.#clean = 0;
  }
}

/** Told of a card that changes its state, and of errors that leave it as it was; `xid` = the error's number, 0 = something else. */
export type HealthSink = (card: string, state: HealthState, evidence: string, xid: number) => void;

/** Watches the cards of a run and says when one changes its state or reports an error. */
export class HealthWatch {
  readonly #health = new Map<string, DeviceHealth>();
  readonly #ask: () => Promise<CardHealth[]>;
  readonly #onChange: HealthSink;

  /** `draining`: cards that wait for a reset already. */
  constructor(
    cards: readonly string[],
    onChange: HealthSink,
    ask: () => Promise<CardHealth[]>,
    draining: ReadonlySet<string> = new Set(),
  ) {
    for (const c of cards) this.#health.set(c, new DeviceHealth(draining.has(c) ? 'drain' : 'healthy'));
    this.#ask = ask;
    this.#onChange = onChange;
  }

  /** `news`: only what was reported since the last look; that a card is silent or not there is then no look in a row. */
  async look(news = false): Promise<void> {
    let rows: CardHealth[];
    try {
      rows = await this.#ask();
    } catch {
      // A driver that does not answer lists nothing.
      rows = [];
    }
    for (const [card, health] of this.#health) {
      const row = rows.find((r) => r.card === card);
      if (news && (row?.xids.length ?? 0) === 0) continue;
      const before = health.state;
      const after = health.observe({
        present: row !== undefined && row.gone !== true,
        uncorrected: row?.uncorrected ?? null,
        xids: row?.xids ?? [],
      });
      const xids = row?.xids ?? [];
      const evidence = health.evidence.at(-1) ?? 'nothing against it for a while';
      // The error that is as bad as the card is now brought it there; the others are only told.
      const led = xids.findIndex((x) => (xidClasses.get(x)?.card ?? 'suspect') === after);
      if (after !== before) this.#onChange(card, after, evidence, led < 0 ? 0 : xids[led]!);
      xids.forEach((x, i) => {
        if (after === before || i !== led) this.#onChange(card, after, `Xid ${x}`, x);
      });
    }
  }
}
