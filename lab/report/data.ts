/** A run directory as the report needs it: columns in memory, names resolved, nothing drawn yet. */
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import type { RunJson } from '../../sim/summary.ts';
import { type ColumnsOf, readColumns } from '../rundir/columns.ts';
import { readManifest, scenarioOf } from '../rundir/reader.ts';
import type { Manifest } from '../rundir/writer.ts';

const jobColumns = [
  'job_id',
  'workload_name',
  'user',
  'pool',
  'submission_time_us',
  'requested_number_of_resources',
  'requested_milli_gpu',
  'final_state',
  'reason',
  'starting_time_us',
  'finish_time_us',
  'waiting_time_us',
  'attempts',
  'currency',
  'charged_micro',
] as const;

const placementColumns = [
  'lease_id',
  'job_id',
  'attempt',
  'part',
  'parts',
  'pool',
  'node',
  'provider',
  'gpus',
  'gpu_milli',
  'start_us',
  'end_us',
  'outcome',
  'currency',
  'charge_micro',
] as const;

const sampleColumns = ['time_us', 'pool', 'waiting_jobs', 'running_jobs', 'used_milli', 'capacity_milli'] as const;
const priceColumns = ['time_us', 'pool', 'gpu_class', 'rate_micro_per_gpu_hour', 'utilisation_bps'] as const;
const failureColumns = ['time_us', 'kind', 'cause', 'node', 'gpu', 'leases_lost', 'lost_milli_us'] as const;
const deviceColumns = [
  'node',
  'provider',
  'pool',
  'gpu_class',
  'gpus',
  'up_us',
  'gpu_out_us',
  'busy_milli_us',
  'leases',
  'failures',
] as const;
const accountColumns = ['account', 'currency', 'debits_posted_micro', 'credits_posted_micro'] as const;
const stakeColumns = ['time_us', 'staker', 'provider', 'bonded_micro', 'code'] as const;
const electionColumns = ['epoch', 'occasion', 'pool', 'aggregator', 'voter', 'amount_micro', 'seat'] as const;
const networkColumns = ['time_us', 'event', 'name', 'pool', 'to_pool'] as const;
const viewColumns = ['time_us', 'ghost_milli', 'phantom_milli'] as const;
const supplyColumns = [
  'time_us',
  'pool',
  'gpu_class',
  'provider',
  'ask_micro_per_gpu_hour',
  'offered_gpus',
  'awarded_gpus',
  'pay_micro_per_hour',
  'demand_gpus',
] as const;

export type JobColumns = ColumnsOf<'jobs', (typeof jobColumns)[number]>;
export type PlacementColumns = ColumnsOf<'placements', (typeof placementColumns)[number]>;
export type SampleColumns = ColumnsOf<'samples', (typeof sampleColumns)[number]>;
export type PriceColumns = ColumnsOf<'prices', (typeof priceColumns)[number]>;
export type FailureColumns = ColumnsOf<'failures', (typeof failureColumns)[number]>;
export type DeviceColumns = ColumnsOf<'devices', (typeof deviceColumns)[number]>;
export type AccountColumns = ColumnsOf<'accounts', (typeof accountColumns)[number]>;
export type StakeColumns = ColumnsOf<'stakes', (typeof stakeColumns)[number]>;
export type ElectionColumns = ColumnsOf<'elections', (typeof electionColumns)[number]>;
export type NetworkColumns = ColumnsOf<'network', (typeof networkColumns)[number]>;
export type ViewColumns = ColumnsOf<'views', (typeof viewColumns)[number]>;
export type SupplyColumns = ColumnsOf<'supply', (typeof supplyColumns)[number]>;

export interface RunData {
  /** As the user wrote it. */
  dir: string;
  manifest: Manifest;
  scenario: ResolvedScenario;
  result: RunJson;
  endUs: number;
  /** Fleet group of each machine. */
  groupOf: Map<string, string>;
  jobs: JobColumns;
  placements: PlacementColumns;
  samples: SampleColumns;
  prices: PriceColumns;
  failures: FailureColumns;
  devices: DeviceColumns;
  accounts: AccountColumns;
  stakes: StakeColumns;
  elections: ElectionColumns;
  supply: SupplyColumns;
  network: NetworkColumns;
  views: ViewColumns;
}

/** Reads what a report shows; usage errors name the file that is missing or damaged. */
export async function readRun(dir: string): Promise<RunData> {
  const manifest = readManifest(dir);
  const { result } = manifest;
  const scenario = scenarioOf(manifest);
  return {
    dir,
    manifest,
    scenario,
    result,
    endUs: Math.max(1, Math.round(result.simulatedSeconds * 1e6)),
    groupOf: new Map(scenario.market.nodes.map((n, i) => [n.id, scenario.nodes[i]?.group ?? n.provider])),
    jobs: await readColumns(dir, 'jobs', jobColumns),
    placements: await readColumns(dir, 'placements', placementColumns),
    samples: await readColumns(dir, 'samples', sampleColumns),
    prices: await readColumns(dir, 'prices', priceColumns),
    failures: await readColumns(dir, 'failures', failureColumns),
    devices: await readColumns(dir, 'devices', deviceColumns),
    accounts: await readColumns(dir, 'accounts', accountColumns),
    stakes: await readColumns(dir, 'stakes', stakeColumns),
    elections: await readColumns(dir, 'elections', electionColumns),
    supply: await readColumns(dir, 'supply', supplyColumns),
    network: await readColumns(dir, 'network', networkColumns),
    views: await readColumns(dir, 'views', viewColumns),
  };
}

/** Order of first appearance becomes order of names: never that of a hash. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
