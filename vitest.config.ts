import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A fresh clone starts large files first; these are small and take long. Started last, one would keep one worker busy alone. */
const long =
  /(golden\/golden|cli\/tutorial|network-scenarios|stake-90-days|executor-kill|executor-open-loop)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter((f) => long.test(f.moduleId)), ...sorted.filter((f) => !long.test(f.moduleId))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/browser/**', 'test/slurm/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'threads',
    maxWorkers: 2,
    // A worker keeps what it has loaded and compiled: loading the product for every file took a fifth of all tests' time.
    isolate: false,
    sequence: { sequencer: LongFirst },
  },
});
