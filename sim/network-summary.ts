/** What the tables of a network amount to, gathered while rows pass. */
import { ExactSum } from '../core/num/index.ts';
import type { Row } from '../core/record/schema.ts';
import { HOUR_US, type TimeUs } from '../core/types.ts';
import type { MeshCounts } from './world/mesh.ts';
import type { PacketCounts } from './world/network.ts';

export interface NetworkJson {
  partitions: number;
  crashes: number;
  takeovers: number;
  packets: PacketCounts;
  /** Jobs that no pool has taken yet, and times that a pool did not answer a user. */
  edge: { waiting: number; retries: number };
  /** Jobs that pools have given to idle peers. */
  stolen: number;
  /** GPUs free and not offered, and offered though taken or gone, times the sampling interval; null = no samples were taken. */
  ghostGpuHours: number | null;
  phantomGpuHours: number | null;
}

export interface NetworkFacts extends MeshCounts {
  packets: PacketCounts;
  edge: { waiting: number; retries: number };
  stolen: number;
}

export class NetworkSummary {
  readonly #sampleUs: TimeUs;
  readonly #ghost = new ExactSum();
  readonly #phantom = new ExactSum();

  constructor(sampleUs: TimeUs) {
    this.#sampleUs = sampleUs;
  }

  view(v: Row<'views'>): void {
    this.#ghost.addProduct(v.ghost_milli, this.#sampleUs);
    this.#phantom.addProduct(v.phantom_milli, this.#sampleUs);
  }

  toJson(facts: NetworkFacts): NetworkJson {
    const { partitions, crashes, takeovers, packets, edge, stolen } = facts;
    const hours = (sum: ExactSum): number | null =>
      this.#sampleUs > 0 ? Math.round((Number(sum.value) / (1000 * HOUR_US)) * 1e6) / 1e6 : null;
    return {
      partitions,
      crashes,
      takeovers,
      packets: { ...packets },
      edge,
      stolen,
      ghostGpuHours: hours(this.#ghost),
      phantomGpuHours: hours(this.#phantom),
    };
  }
}
