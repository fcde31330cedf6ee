import { defineConfig } from 'vitest/config';

/** Pages in a real browser: `npm run test:browser`. Not part of `npm test`, which needs only Node. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'threads',
    maxWorkers: 1,
  },
});
