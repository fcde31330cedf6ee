import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Two semi-spaces of 16 MB: what Node 20 and 22 let it grow to. */
const ENOUGH = 32 * 1_048_576;
const LARGE = 512 * 1_048_576;

/**
 * Keeps the collector's young generation from growing further once it holds 32 MB. Node 24 lets it reach 128 MB, which took
 * 70 MB more of the whole Philly trace and no time less (docs/models/speed.md); what a run decides does not depend on it. Does
 * nothing when the caller of Node has set a semi-space flag.
 */
export class YoungGeneration {
  #old = !/heap-growing|old-space/.test([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' '));
  #open = !/semi-space/.test([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' '));

  check(): void {
    this.#checkOld();
    if (!this.#open) return;
    const space = getHeapSpaceStatistics().find((s) => s.space_name === 'new_space');
    if (space === undefined || space.space_size < ENOUGH) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    this.#open = false;
  }

  /** Above so much, garbage may be half of what lives, not three times it: a world of 100,000 GPUs took 2.1 GB and lives in 0.6. */
  #checkOld(): void {
    if (!this.#old || process.memoryUsage.rss() < LARGE) return;
    setFlagsFromString('--heap-growing-percent=50');
    this.#old = false;
  }
}
