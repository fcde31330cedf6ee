import type { Claim } from '../messages.ts';
import { type Numbered, numbers, type Place } from '../numbered.ts';
import type { Row } from '../record/schema.ts';
import { attemptOfHold, type MarketConfig, Outcome, outcomeNames, type TimeUs } from '../types.ts';
import type { Contract } from './contract.ts';
import type { SupplyTerms } from './supply.ts';

/** One part of a claimed attempt. */
export class ClaimedPart implements Numbered {
  static readonly names = numbers(
    ClaimedPart.prototype,
    'node',
    'part',
    'gpuMilli',
    'award',
    'rateMicro',
    'startUs',
    'endUs',
    'meteredUs',
  );
  cells: Numbered['cells'];
  at: number;
  declare node: number;
  declare part: number;
  declare gpuMilli: number;
  declare award: number;
  declare rateMicro: number;
  declare startUs: TimeUs;
  declare endUs: TimeUs;
  /** Up to which stamp it was metered while it ran; -1 = never. */
  declare meteredUs: TimeUs;
  readonly gpus: number[];
  readonly supply: SupplyTerms;
  read = false;
  outcome: Outcome = Outcome.notStarted;

  constructor(
    place: Place,
    m: Pick<Claim, 'node' | 'part' | 'gpus' | 'gpuMilli' | 'award'>,
    rateMicro: number,
    supply: SupplyTerms,
  ) {
    this.cells = place.cells;
    this.at = place.at;
    this.node = m.node;
    this.part = m.part;
    this.gpus = m.gpus;
    this.gpuMilli = m.gpuMilli;
    this.award = m.award;
    this.rateMicro = rateMicro;
    this.startUs = -1;
    this.endUs = -1;
    this.meteredUs = -1;
    this.supply = supply;
  }
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
