import type { Fact } from '../../core/facts.ts';
import type { FailureDomain } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import { after, Phase, WorldEvent } from './events.ts';
import type { Fleet } from './fleet.ts';
import { timeDistribution } from './time-distribution.ts';

/**
 * What fails together: a rack's switch, a site's power, each card of a machine. A domain fails and is repaired in turn, on streams of
 * its own, and takes its machines down besides whatever else happens to them: a machine is up when none of its domains is down, it
 * is not broken itself and its owner lends it.
 */
export class Domains {
  readonly #queue: EventQueue;
  readonly #streams: Streams;
  readonly #domains: readonly FailureDomain[];
  readonly #fleet: Fleet;

  constructor(queue: EventQueue, streams: Streams, domains: readonly FailureDomain[], fleet: Fleet) {
    this.#queue = queue;
    this.#streams = streams;
    this.#domains = domains;
    this.#fleet = fleet;
  }

  open(): void {
    for (let i = 0; i < this.#domains.length; i++) this.#fails(0, i);
  }

  #fails(now: number, i: number): void {
    const d = this.#domains[i]!;
    const wait = timeDistribution(d.failures.between).sample(this.#streams.get('domain-failure', d.name));
    this.#queue.push(after(now, wait), Phase.failure, WorldEvent.domain, i, 0);
  }

  /** `up` = it is repaired. `lost` runs for each machine that goes down. */
  happen(now: number, i: number, up: boolean, lost: (node: number) => void): Fact[] {
    const d = this.#domains[i]!;
    if (up) this.#fails(now, i);
    else {
      let rest = this.#streams.get('domain-cause', d.name).uniform();
      const { causes } = d.failures;
      const total = causes.reduce((n, c) => n + c.weight, 0);
      const cause = causes.find((c) => (rest -= c.weight / total) < 0) ?? causes[causes.length - 1]!;
      this.#fleet.count(cause.name);
      const repair = timeDistribution(cause.repair).sample(this.#streams.get('domain-repair', d.name));
      this.#queue.push(after(now, repair), Phase.failure, WorldEvent.domain, i, 1);
    }
    const facts: Fact[] = [];
    for (const node of d.nodes) {
      const fact = this.#fleet.fault(node, up ? -1 : 1, lost);
      if (fact !== null) facts.push(fact);
    }
    return facts;
  }
}
