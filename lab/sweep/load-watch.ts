/**
 * Checks and figures that a sweep adds to every run, from its tables as they pass: is the queue in a steady state, does Little's law hold
 * between the sampled number of jobs in the system and the jobs' own times, was the warm-up long enough, who among the stakers was
 * paid.
 *
 * Label, over samples after the warm-up: `overloaded` when the backlog of the last third exceeds that of the first third by half and by
 * five jobs, and the middle lies between or above; else `backlogged` when jobs wait in more than half of the samples; else `stable`;
 * `unknown` with fewer than nine samples.
 *
 * Warm-up: MSER-5 over the times in system of the jobs that ran, in order of submission; the figure is the submission of the first job
 * that it would keep. Null when there are fewer than 100 such jobs or the rule finds the run too short.
 */
import type { Chunk } from '../../core/record/recorder.ts';
import { mser5 } from '../../sim/kernel/estimators.ts';
import type { Figures } from './figures.ts';

const LEAST_JOBS = 100;

export class LoadWatch {
  readonly #horizonUs: number;
  readonly #warmupUs: number;
  /** Waiting and running jobs by stamp, summed over pools. */
  readonly #waiting = new Map<number, number>();
  readonly #inSystem = new Map<number, number>();
  #turnaroundUs = 0;
  /** Jobs that ran: submission and time in system. */
  readonly #jobs: [number, number][] = [];
  readonly #stakers = new Map<string, bigint>();
  #firstCurrency = '';

  constructor(horizonUs: number, warmupUs: number) {
    this.#horizonUs = horizonUs;
    this.#warmupUs = warmupUs;
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
    const after = [...this.#waiting].filter(([t]) => t >= this.#warmupUs).map(([, n]) => n);
    const warmup = this.#warmup();
    const kinds = [...this.#stakers].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      load_state: loadState(after),
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

export function loadState(backlog: readonly number[]): 'stable' | 'backlogged' | 'overloaded' | 'unknown' {
  if (backlog.length < 9) return 'unknown';
  const third = Math.floor(backlog.length / 3);
  const mean = (from: number, to: number) => backlog.slice(from, to).reduce((a, b) => a + b, 0) / (to - from);
  const [first, middle, last] = [mean(0, third), mean(third, 2 * third), mean(2 * third, backlog.length)];
  if (last > 1.5 * first + 5 && middle >= first) return 'overloaded';
  return backlog.filter((n) => n > 0).length * 2 > backlog.length ? 'backlogged' : 'stable';
}
