import type { Row } from '../record/schema.ts';
import { attemptOfHold, type MarketConfig, type Outcome, outcomeNames, type TimeUs } from '../types.ts';
import type { Contract } from './contract.ts';
import type { SupplyTerms } from './supply.ts';

/** One part of a claimed attempt. */
export interface ClaimedPart {
  node: number;
  part: number;
  gpus: number[];
  gpuMilli: number;
  award: number;
  rateMicro: number;
  read: boolean;
  startUs: TimeUs;
  endUs: TimeUs;
  /** Up to which stamp it was metered while it ran; -1 = never. */
  meteredUs: TimeUs;
  outcome: Outcome;
  supply: SupplyTerms;
}

/** The row of a part once its attempt is charged or let off. */
export function placementRow(config: MarketConfig, c: Contract, p: ClaimedPart, charge: bigint): Row<'placements'> {
  const node = config.nodes[p.node]!;
  return {
    lease_id: c.lease + p.part,
    job_id: c.job,
    attempt: attemptOfHold(c.hold),
    part: p.part,
    parts: c.parts,
    pool: config.pools[c.pot]!.id,
    node: node.id,
    provider: node.provider,
    gpu_class: config.classes[node.gpuClass]!.name,
    gpus: p.gpus.length === 1 ? String(p.gpus[0]) : p.gpus.join('+'),
    gpu_milli: p.gpuMilli,
    award_id: p.award,
    supply_award_id: p.supply.award,
    rate_micro_per_gpu_hour: p.rateMicro,
    start_us: p.startUs,
    end_us: p.endUs,
    outcome: outcomeNames[p.outcome],
    currency: config.currencies[c.quote.currency]!.code,
    charge_micro: charge,
  };
}
