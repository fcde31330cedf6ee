/**
 * Checks and figures that a sweep adds to every run, from its tables as they pass: is the queue in a steady state, does Little's law hold
 * between the sampled number of jobs in the system and the jobs' own times, was the warm-up long enough, who among the stakers was
 * paid.
 *
 * Label, over samples after the warm-up: `overloaded` when the backlog grows from stretch to stretch (see `loadState`), `growing` when it does
 * in a run that is too short to tell that from one day's peak; else `backlogged` when jobs wait in more than half of the samples; else
 * `stable`; `unknown` with fewer than nine samples.
 *
 * Warm-up: MSER-5 over the times in system of the jobs that ran, in order of submission; the figure is the submission of the first job
 * that it would keep. Null when there are fewer than 100 such jobs or the rule finds the run too short.
 */
import type { Chunk } from '../../core/record/recorder.ts';
import { HOUR_US } from '../../core/types.ts';
import type { ResolvedScenario } from '../../scenarios/index.ts';
import { mser5 } from '../../sim/kernel/estimators.ts';
import type { Figures } from './figures.ts';

const LEAST_JOBS = 100;
const DAY_US = 24 * HOUR_US;

export class LoadWatch {
  readonly #horizonUs: number;
  readonly #warmupUs: number;
  readonly #cycleUs: number;
  /** Waiting and running jobs by stamp, summed over pools. */
  readonly #waiting = new Map<number, number>();
  readonly #inSystem = new Map<number, number>();
  #turnaroundUs = 0;
  /** Jobs that ran: submission and time in system. */
  readonly #jobs: [number, number][] = [];
  readonly #stakers = new Map<string, bigint>();
  #firstCurrency = '';

  /** `horizonUs` 0 = the run ends by itself; `cycleUs` as of `cycleOf`. */
  constructor(horizonUs: number, warmupUs: number, cycleUs = 0) {
    this.#horizonUs = horizonUs;
    this.#warmupUs = warmupUs;
    this.#cycleUs = cycleUs;
  }

  chunk(c: Chunk): void {
    const column = (name: string) => c.columns.find((x) => x.name === name)!;
    if (c.table === 'samples') {
      const time = column('time_us').ints;
      const waiting = column('waiting_jobs').ints;
      const running = column('running_jobs').ints;
      for (let i = 0; i < c.rows; i++) {
        const t = time[i]!;
        this.#waiting.set(t, (this.#waiting.get(t) ?? 0) + waiting[i]!);
        this.#inSystem.set(t, (this.#inSystem.get(t) ?? 0) + waiting[i]! + running[i]!);
      }
    } else if (c.table === 'jobs') {
      const submitted = column('submission_time_us').ints;
      const turnaround = column('turnaround_time_us').ints;
      const waited = column('waiting_time_us').ints;
      for (let i = 0; i < c.rows; i++) {
        if (submitted[i]! >= this.#warmupUs) this.#turnaroundUs += turnaround[i]!;
        if (waited[i]! >= 0) this.#jobs.push([submitted[i]!, turnaround[i]!]);
      }
    } else if (c.table === 'accounts') {
      const account = column('account');
      const currency = column('currency');
      const received = column('credits_posted_micro').bigs;
      for (let i = 0; i < c.rows; i++) {
        const party = account.names[account.ints[i]!]!;
        const code = currency.names[currency.ints[i]!]!;
        if (this.#firstCurrency === '') this.#firstCurrency = code;
        if (!party.startsWith('staker:') || code !== this.#firstCurrency) continue;
        const kind = party.slice('staker:'.length).replace(/-\d+$/, '');
        this.#stakers.set(kind, (this.#stakers.get(kind) ?? 0n) + received[i]!);
      }
    }
  }

  figures(): Figures {
    const samples = [...this.#waiting].filter(([t]) => t >= this.#warmupUs);
    const after = samples.map(([, n]) => n);
    const warmup = this.#warmup();
    const kinds = [...this.#stakers].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      load_state: loadState(samples, this.#cycleUs),
      backlog_mean: after.length === 0 ? null : after.reduce((a, b) => a + b, 0) / after.length,
      little_ratio: this.#littleRatio(),
      mser5_warmup_seconds: warmup,
      warmup_enough: warmup === null ? null : warmup * 1e6 <= this.#warmupUs ? 1 : 0,
      // Stakers alike (NAME-1, NAME-2, ...) together; a scenario with a crowd of names gets no columns for them.
      ...(kinds.length > 32 ? {} : Object.fromEntries(kinds.map(([k, v]) => [`stakers_paid_${snake(k)}`, v]))),
    };
  }

  /** Sampled jobs in system x time over the sum of times in system; 1 in a steady state, up to sampling. */
  #littleRatio(): number | null {
    const span = this.#horizonUs - this.#warmupUs;
    const samples = [...this.#inSystem].filter(([t]) => t >= this.#warmupUs);
    if (span <= 0 || samples.length < 9 || this.#turnaroundUs === 0) return null;
    const mean = samples.reduce((a, [, n]) => a + n, 0) / samples.length;
    return (mean * span) / this.#turnaroundUs;
  }

  #warmup(): number | null {
    if (this.#jobs.length < LEAST_JOBS) return null;
    const jobs = this.#jobs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const cut = mser5(Float64Array.from(jobs, (j) => j[1]));
    return cut.reliable ? (cut.delete === 0 ? 0 : jobs[cut.delete]![0] / 1e6) : null;
  }
}

const snake = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '_');

/** How long the scenario's demand and machines take to come round: a week, a day, or 0 where nothing follows the clock. */
export function cycleOf(s: ResolvedScenario): number {
  const uneven = (weights: readonly number[]): boolean => weights.some((w) => w !== weights[0]);
  const personas = s.demand.kind === 'personas' ? s.demand.personas : [];
  if (personas.some((p) => uneven(p.days))) return 7 * DAY_US;
  // Whoever recorded a trace had days and nights.
  const daily =
    s.demand.kind === 'trace' ||
    personas.some((p) => p.swing > 0 || uneven(p.hours)) ||
    s.nodes.some((n) => n.availability.kind === 'daily');
  return daily ? DAY_US : 0;
}

export type LoadState = 'stable' | 'backlogged' | 'growing' | 'overloaded' | 'unknown';

/**
 * Does the queue grow without end? Samples of (stamp, waiting jobs), ascending and evenly spaced, are cut into stretches: whole cycles, counted
 * back from the end, where two or more fit; else thirds. It grows when the mean backlog of the last third of the stretches exceeds that
 * of the first by half and by five jobs, a quarter of that came after the middle (it has not come to rest), and the least value rose by half
 * as much too: a queue that empties every night does not grow, however long its evenings are. In fewer than two cycles growth may be
 * the cycle's own: `growing`.
 */
export function loadState(samples: readonly (readonly [number, number])[], cycleUs = 0): LoadState {
  const n = samples.length;
  if (n < 9) return 'unknown';
  const every = (samples[n - 1]![0] - samples[0]![0]) / (n - 1);
  const perCycle = cycleUs > 0 && every > 0 ? Math.round(cycleUs / every) : 0;
  const cycles = perCycle < 3 ? 0 : Math.floor(n / perCycle);
  const length = cycles >= 2 ? perCycle : Math.floor(n / 3);
  const count = cycles >= 2 ? cycles : 3;
  const stretches = Array.from({ length: count }, (_, k) => {
    const from = n - (count - k) * length;
    const backlog = samples.slice(from, from + length).map((s) => s[1]);
    return { mean: mean(backlog), least: Math.min(...backlog) };
  });
  const third = Math.max(1, Math.floor(count / 3));
  const part = (from: number, to: number) => {
    const list = stretches.slice(from, to);
    return { mean: mean(list.map((s) => s.mean)), least: mean(list.map((s) => s.least)) };
  };
  const [first, middle, last] = [part(0, third), part(third, count - third), part(count - third, count)];
  const grows =
    last.mean > 1.5 * first.mean + 5 &&
    (count < 3 || (middle.mean >= first.mean && last.mean - middle.mean >= (last.mean - first.mean) / 4)) &&
    last.least - first.least >= (last.mean - first.mean) / 2;
  if (grows) return cycleUs > 0 && cycles < 2 ? 'growing' : 'overloaded';
  return samples.filter((s) => s[1] > 0).length * 2 > n ? 'backlogged' : 'stable';
}

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
