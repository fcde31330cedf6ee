/** How many random runs a test makes: its usual count, or what `npm run soak` asks for. */
export const runs = (usual: number): number => Number(process.env['JANCTION_RUNS'] ?? usual);

/** `npm test` has passed here, and the soaks go on from there (`npm run soak -- all --tenth`): what it has played is not played again. */
export const afterTests = process.env['JANCTION_AFTER_TESTS'] === '1';

/** Seeds of the random runs, from 1 on; after `npm test` those beyond its own, where there are any. */
export function seeds(usual: number): number[] {
  const last = runs(usual);
  const first = afterTests && last > usual ? usual + 1 : 1;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
