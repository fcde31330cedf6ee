import type { Plain } from '../numbered.ts';
import type { TimeUs } from '../types.ts';
import type { PoolCounts, PoolJob } from './job.ts';
import type { Lease } from './leases.ts';
import type { PriceDeskState } from './price-desk.ts';
import type { RosterState } from './roster.ts';
import type { StealState } from './steal-desk.ts';
import type { SupplyDeskState } from './supply-desk.ts';

/** A pool between two stamps, as plain data. */
export interface PoolState {
  roster: RosterState;
  desk: PriceDeskState;
  supply: SupplyDeskState | null;
  steals: StealState;
  jobs: (Omit<Plain<PoolJob>, 'shape' | 'slot'> & { classes: number[] })[];
  leases: Plain<Lease>[];
  counts: PoolCounts;
  nextOrder: number;
  nextLease: number;
  nextSampleUs: TimeUs;
  now: TimeUs;
  superseded: boolean;
  /** What the queueing policy remembers beyond the jobs. */
  queueing: unknown;
  wakeUs: TimeUs;
  dirty: boolean;
}
