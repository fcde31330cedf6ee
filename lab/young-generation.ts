import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Two semi-spaces of 16 MB: what Node 20 and 22 let it grow to. */
const ENOUGH = 32 * 1_048_576;
/** Resident bytes from which on garbage may be so many per cent of what lives. */
const GROWTH = [
  { from: 512 * 1_048_576, percent: 150 },
  { from: 1200 * 1_048_576, percent: 50 },
];

/**
 * Keeps the collector's young generation from growing further once it holds 32 MB. Node 24 lets it reach 128 MB, which took
 * 70 MB more of the whole Philly trace and no time less (docs/models/speed.md); what a run decides does not depend on it. Does
 * nothing when the caller of Node has set a semi-space flag.
 */
export class YoungGeneration {
  #grown = 0;
  readonly #old = !/heap-growing|old-space/.test([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' '));
  #open = !/semi-space/.test([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' '));

  check(): void {
    this.#checkOld();
    if (!this.#open) return;
    const space = getHeapSpaceStatistics().find((s) => s.space_name === 'new_space');
    if (space === undefined || space.space_size < ENOUGH) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    this.#open = false;
  }

  /** A large run's garbage is not three times what lives, and a very large run's not as much again: a world of 100,000 GPUs took 2.1 GB. */
  #checkOld(): void {
    const next = GROWTH[this.#grown];
    if (!this.#old || next === undefined || process.memoryUsage.rss() < next.from) return;
    setFlagsFromString(`--heap-growing-percent=${next.percent}`);
    this.#grown++;
  }
}
