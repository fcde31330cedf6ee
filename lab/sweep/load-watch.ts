/**
 * Two checks of every run of a sweep, from its tables as they pass: is the queue in a steady state, and does Little's law hold between
 * the sampled number of jobs in the system and the jobs' own times.
 *
 * Label, over samples after the warm-up: `overloaded` when the backlog of the last third exceeds that of the first third by half and by
 * five jobs, and the middle lies between or above; else `backlogged` when jobs wait in more than half of the samples; else `stable`;
 * `unknown` with fewer than nine samples.
 */
import type { Chunk } from '../../core/record/recorder.ts';
import type { Figures } from './figures.ts';

export class LoadWatch {
  readonly #horizonUs: number;
  readonly #warmupUs: number;
  /** Waiting and running jobs by stamp, summed over pools. */
  readonly #waiting = new Map<number, number>();
  readonly #inSystem = new Map<number, number>();
  #turnaroundUs = 0;

  constructor(horizonUs: number, warmupUs: number) {
    this.#horizonUs = horizonUs;
    this.#warmupUs = warmupUs;
  }

  chunk(c: Chunk): void {
    const column = (name: string) => c.columns.find((x) => x.name === name)!.ints;
    if (c.table === 'samples') {
      const time = column('time_us');
      const waiting = column('waiting_jobs');
      const running = column('running_jobs');
      for (let i = 0; i < c.rows; i++) {
        const t = time[i]!;
        this.#waiting.set(t, (this.#waiting.get(t) ?? 0) + waiting[i]!);
        this.#inSystem.set(t, (this.#inSystem.get(t) ?? 0) + waiting[i]! + running[i]!);
      }
    } else if (c.table === 'jobs') {
      const submitted = column('submission_time_us');
      const turnaround = column('turnaround_time_us');
      for (let i = 0; i < c.rows; i++) if (submitted[i]! >= this.#warmupUs) this.#turnaroundUs += turnaround[i]!;
    }
  }

  figures(): Figures {
    const after = [...this.#waiting].filter(([t]) => t >= this.#warmupUs).map(([, n]) => n);
    return {
      load_state: loadState(after),
      backlog_mean: after.length === 0 ? null : after.reduce((a, b) => a + b, 0) / after.length,
      little_ratio: this.#littleRatio(),
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
}

export function loadState(backlog: readonly number[]): 'stable' | 'backlogged' | 'overloaded' | 'unknown' {
  if (backlog.length < 9) return 'unknown';
  const third = Math.floor(backlog.length / 3);
  const mean = (from: number, to: number) => backlog.slice(from, to).reduce((a, b) => a + b, 0) / (to - from);
  const [first, middle, last] = [mean(0, third), mean(third, 2 * third), mean(2 * third, backlog.length)];
  if (last > 1.5 * first + 5 && middle >= first) return 'overloaded';
  return backlog.filter((n) => n > 0).length * 2 > backlog.length ? 'backlogged' : 'stable';
}
