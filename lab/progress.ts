/**
 * The only clock of the lab: progress and wall time on stderr, never on stdout. A bar with rate and time left on a terminal,
 * silence otherwise.
 */
import { stderr } from 'node:process';

const WIDTH = 28;
const REDRAW_MS = 100;

export class Progress {
  readonly #label: string;
  readonly #show: boolean;
  readonly #start = Date.now();
  #last = 0;

  constructor(label: string, quiet: boolean) {
    this.#label = label;
    this.#show = !quiet && stderr.isTTY === true;
  }

  /** `share` in 0..1, or -1 when the end is unknown; `note` e.g. what `count` counts: its rate follows. */
  update(share: number, note: string, count?: number): void {
    if (!this.#show) return;
    const now = Date.now();
    if (now - this.#last < REDRAW_MS) return;
    this.#last = now;
    const seconds = (now - this.#start) / 1000;
    let bar = `${seconds.toFixed(0)} s`;
    if (share > 0) {
      const filled = Math.min(WIDTH, Math.round(share * WIDTH));
      const left = (seconds / share) * (1 - share);
      bar = `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${(share * 100).toFixed(0)} %  ${left.toFixed(0)} s left`;
    }
    const rate = count === undefined || seconds === 0 ? '' : `, ${Math.round(count / seconds)}/s`;
    stderr.write(`\r\x1b[K${this.#label} ${bar}  ${note}${rate}`);
  }

  /** Clears the bar; with `say` leaves a line with the wall time. */
  done(say: string, quiet: boolean): void {
    if (this.#show) stderr.write('\r\x1b[K');
    if (!quiet && say !== '') stderr.write(`${say} (${((Date.now() - this.#start) / 1000).toFixed(1)} s wall)\n`);
  }
}

/** Wall seconds that `body` takes: for estimates on stderr. */
export async function timed<T>(body: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = Date.now();
  const value = await body();
  return { seconds: (Date.now() - start) / 1000, value };
}

/** Lines per second of the writers that wrote in the last minute (or within three of their own gaps), 0 when none did. */
export function rateOf(writers: readonly { lines: number; fromMs: number; toMs: number }[]): number {
  const now = Date.now();
  let rate = 0;
  for (const w of writers) {
    const gap = (w.toMs - w.fromMs) / Math.max(1, w.lines);
    if (w.lines > 1 && w.toMs > w.fromMs && now - w.toMs < Math.max(60_000, 3 * gap))
      rate += (1000 * w.lines) / (w.toMs - w.fromMs);
  }
  return rate;
}

/** Waits between two looks at another program's work. */
export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
