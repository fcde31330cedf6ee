/**
 * The wall clock of a run: monotonic, started at a stamp of the scenario, running `scale` times as fast as the wall. Durations
 * never come from the calendar: a clock that is set, or summer time, must not move a bill.
 */
import type { TimeUs } from '../core/types.ts';

export class WallClock {
  readonly scale: number;
  readonly #originUs: TimeUs;
  readonly #start = process.hrtime.bigint();

  /** The scenario's clock shows `originUs` now. */
  constructor(scale: number, originUs: TimeUs) {
    this.scale = scale;
    this.#originUs = originUs;
  }

  now(): TimeUs {
    const elapsedNs = Number(process.hrtime.bigint() - this.#start);
    return this.#originUs + Math.floor((elapsedNs * this.scale) / 1000);
  }

  /** Wall milliseconds from now until the scenario's clock shows `at`; at least 0. */
  msUntil(at: TimeUs): number {
    return Math.max(0, (at - this.now()) / this.scale / 1000);
  }
}
