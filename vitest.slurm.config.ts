import { defineConfig } from 'vitest/config';

/** Suites on a real Slurm that the test starts itself: `npm run test:slurm`. */
export default defineConfig({
  test: { include: ['test/slurm/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 120_000, fileParallelism: false },
});
