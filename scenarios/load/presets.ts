/**
 * Published measurements as models of availability and failure. What a source does not give is marked: repair times of the first
 * three, and that failures of a machine are exponential. See docs/models/failures.md.
 */
import { log } from '../../core/num/index.ts';
import type { Availability, FailureModel, FailurePreset, TimeFamily } from '../resolved.ts';

const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;
const exponential = (meanUs: number): TimeFamily => ({ family: 'exponential', meanUs });
/** Lognormal with this median and mean. */
const lognormal = (medianUs: number, sigma: number): TimeFamily => ({ family: 'lognormal', medianUs, sigma });

/** Not published where this is used: an hour to drain, restart and check a machine. */
const ASSUMED_REPAIR = exponential(HOUR_US);

/**
 * Unexpected interruptions in 54 days of training Llama 3 405B on 16,384 H100s, by cause (arXiv:2407.21783, table 5). The
 * paper's percentages do not follow from its counts; the counts are used.
 */
export const llama3Causes: readonly (readonly [string, number])[] = [
  ['faulty GPU', 148],
  ['GPU HBM3 memory', 72],
  ['software bug', 54],
  ['network switch or cable', 35],
  ['host maintenance', 32],
  ['GPU SRAM memory', 19],
  ['GPU system processor', 17],
  ['NIC', 7],
  ['NCCL watchdog timeout', 7],
  ['silent data corruption', 6],
  ['GPU thermal interface and sensor', 6],
  ['SSD', 3],
  ['power supply', 3],
  ['server chassis', 2],
  ['IO expansion board', 2],
  ['dependency', 2],
  ['CPU', 2],
  ['system memory', 2],
];
export const LLAMA3 = { days: 54, nodes: 2048, unexpected: 419 } as const;

/** Failures per 1,000 node-days as a mean time between failures of one machine of 8 GPUs. */
const perThousandNodeDays = (rate: number): TimeFamily => exponential((1000 / rate) * DAY_US);

const anyCause = (repair: TimeFamily): FailureModel['causes'] => [{ name: 'failure', weight: 1, repair }];

/**
 * Faults of 400 servers over 349 days by class, with the mean and median days of repair (InfiniteHBD-Trace, SIGCOMM 2025). Classes
 * of fewer than twelve faults are taken together.
 */
const hbdClasses: readonly (readonly [string, number, number, number])[] = [
  ['GPU', 158, 6.48, 0.7],
  ['unknown', 144, 4.66, 0.65],
  ['stress test', 97, 1.43, 0.6],
  ['cable', 40, 4.98, 1.98],
  ['fan', 33, 9.06, 3.06],
  ['NIC', 30, 10.68, 0.49],
  ['power supply', 26, 18.3, 14.6],
  ['other', 56, 1.86, 0.87],
];

export const failurePresets: Readonly<Record<FailurePreset, FailureModel>> = {
  'llama3-405b': {
    between: exponential((LLAMA3.days * DAY_US * LLAMA3.nodes) / LLAMA3.unexpected),
    causes: llama3Causes.map(([name, weight]) => ({ name, weight, repair: ASSUMED_REPAIR })),
  },
  // Node failure rates of Meta's research clusters (arXiv:2410.21680, HPCA 2025).
  'meta-rsc1': { between: perThousandNodeDays(6.5), causes: anyCause(ASSUMED_REPAIR) },
  'meta-rsc2': { between: perThousandNodeDays(2.34), causes: anyCause(ASSUMED_REPAIR) },
  infinitehbd: {
    between: perThousandNodeDays(4.18),
    causes: hbdClasses.map(([name, weight, mean, median]) => ({
      name,
      weight,
      // The sigma for which the lognormal has both: mean = median exp(sigma^2 / 2).
      repair: lognormal(median * DAY_US, sigmaOf(mean, median)),
    })),
  },
};

function sigmaOf(mean: number, median: number): number {
  return Math.sqrt(2 * log(mean / median));
}

/** Sessions of volunteers' computers, from SETI@home traces as a ComBoS configuration has them: present 56.66 % of the time. */
const perHour = (rate: number): number => HOUR_US / rate;
export const volunteerHosts: Extract<Availability, { kind: 'sessions' }> = {
  kind: 'sessions',
  up: { family: 'gamma', meanUs: 0.357 * 43.652 * HOUR_US, shape: 0.357 },
  down: {
    family: 'hyperexponential',
    phases: [
      { share: 0.338, meanUs: perHour(0.029) },
      { share: 0.39, meanUs: perHour(30.121) },
      { share: 0.272, meanUs: perHour(1.069) },
    ],
  },
};
